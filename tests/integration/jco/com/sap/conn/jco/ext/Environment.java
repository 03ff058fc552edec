package com.sap.conn.jco.ext;

import simulated.Destination;

public abstract class Environment {
    private static DestinationDataProvider provider;

    public static void registerDestinationDataProvider(DestinationDataProvider given) {
        if (provider != null) {
            throw new IllegalStateException("DestinationDataProvider already registered");
        }
        provider = given;
        if (given.supportsEvents()) {
            given.setDestinationDataEventListener(Destination.LISTENER);
        }
    }

    public static DestinationDataProvider provider() {
        return provider;
    }
}
