package com.sap.conn.jco;

public abstract class JCo {
    public static String getVersion() {
        return "3.1.0 (simulated)";
    }
}
