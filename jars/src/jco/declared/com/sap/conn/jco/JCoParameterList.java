package com.sap.conn.jco;

public interface JCoParameterList extends JCoRecord {}
