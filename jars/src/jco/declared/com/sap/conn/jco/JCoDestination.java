package com.sap.conn.jco;

public interface JCoDestination {
    JCoAttributes getAttributes() throws JCoException;

    JCoRepository getRepository() throws JCoException;

    void ping() throws JCoException;
}
