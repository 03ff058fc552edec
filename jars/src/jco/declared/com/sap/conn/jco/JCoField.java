package com.sap.conn.jco;

public interface JCoField {}
