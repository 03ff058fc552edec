package com.sap.conn.jco;

public class ConversionException extends JCoRuntimeException {
    private static final long serialVersionUID = 1L;

    public ConversionException(String message) {
        super(122, "JCO_ERROR_CONVERSION", message);
    }
}
