package com.sap.conn.jco;

public class JCoException extends Exception {
    public static final int JCO_ERROR_COMMUNICATION = 102;
    public static final int JCO_ERROR_RESOURCE = 106;
    public static final int JCO_ERROR_REQUEST_CANCELLED = 112;
    public static final int JCO_ERROR_FUNCTION_NOT_FOUND = 123;
    public static final int JCO_ERROR_FIELD_NOT_FOUND = 127;
    public static final int JCO_ERROR_NOT_SUPPORTED = 128;
    private static final long serialVersionUID = 1L;

    public JCoException(int group, String key, String message) {
        throw new UnsupportedOperationException();
    }
}
