package com.sap.conn.jco;

import com.sap.conn.jco.ext.Environment;
import simulated.Destination;

public abstract class JCoDestinationManager {
    public static JCoDestination getDestination(String destinationName) throws JCoException {
        return Destination.of(destinationName, Environment.provider());
    }
}
