package com.sap.conn.jco;

public abstract class JCoDestinationManager {
    public static JCoDestination getDestination(String destinationName) throws JCoException {
        throw new UnsupportedOperationException();
    }
}
