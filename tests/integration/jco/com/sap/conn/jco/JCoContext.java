package com.sap.conn.jco;

import simulated.Destination;

/** A session is a thread, as it is in JCo without a SessionReferenceProvider. */
public abstract class JCoContext {
    public static void begin(JCoDestination destination) {
        ((Destination) destination).begin();
    }

    public static void end(JCoDestination destination) throws JCoException {
        ((Destination) destination).end();
    }
}
