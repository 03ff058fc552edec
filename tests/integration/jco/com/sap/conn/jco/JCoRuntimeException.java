package com.sap.conn.jco;

public class JCoRuntimeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int group;
    private final String key;

    public JCoRuntimeException(int group, String key, String message) {
        super(message);
        this.group = group;
        this.key = key;
    }

    public final int getGroup() {
        return group;
    }

    public final String getKey() {
        return key;
    }
}
