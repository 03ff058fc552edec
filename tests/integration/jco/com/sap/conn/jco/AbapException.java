package com.sap.conn.jco;

public class AbapException extends JCoException {
    private static final long serialVersionUID = 1L;

    public AbapException(String key, String message) {
        super(JCO_ERROR_ABAP_EXCEPTION, key, message);
    }
}
