package com.sap.conn.jco;

public class JCoException extends Exception {
    public static final int JCO_ERROR_COMMUNICATION = 102;
    public static final int JCO_ERROR_RESOURCE = 106;
    public static final int JCO_ERROR_REQUEST_CANCELLED = 112;
    public static final int JCO_ERROR_FUNCTION_NOT_FOUND = 123;
    public static final int JCO_ERROR_ABAP_EXCEPTION = 126;
    public static final int JCO_ERROR_FIELD_NOT_FOUND = 127;
    public static final int JCO_ERROR_NOT_SUPPORTED = 128;
    public static final int JCO_ERROR_DESTINATION_DATA_INVALID = 180;
    private static final long serialVersionUID = 1L;

    private final int group;
    private final String key;
    private final String messageClass;
    private final char messageType;
    private final String messageNumber;

    public JCoException(int group, String key, String message) {
        this(group, key, message, "", ' ', "", new String[0]);
    }

    public JCoException(
            int group, String key, String message, String messageClass, char messageType, String messageNumber,
            String[] messageParameters) {
        super(message);
        this.group = group;
        this.key = key;
        this.messageClass = messageClass;
        this.messageType = messageType;
        this.messageNumber = messageNumber;
    }

    public final int getGroup() {
        return group;
    }

    public final String getKey() {
        return key;
    }

    public String getMessageClass() {
        return messageClass;
    }

    public char getMessageType() {
        return messageType;
    }

    public String getMessageNumber() {
        return messageNumber;
    }

    @Override
    public String toString() {
        return getClass().getName() + ": (" + group + ") " + key + ": " + getMessage();
    }
}
