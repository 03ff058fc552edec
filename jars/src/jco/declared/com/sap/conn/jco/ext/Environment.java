package com.sap.conn.jco.ext;

public abstract class Environment {
    public static void registerDestinationDataProvider(DestinationDataProvider provider) {
        throw new UnsupportedOperationException();
    }
}
