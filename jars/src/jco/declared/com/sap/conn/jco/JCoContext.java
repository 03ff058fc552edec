package com.sap.conn.jco;

public abstract class JCoContext {
    public static void begin(JCoDestination destination) {
        throw new UnsupportedOperationException();
    }

    public static void end(JCoDestination destination) throws JCoException {
        throw new UnsupportedOperationException();
    }
}
