package com.sap.conn.jco;

public interface JCoRepository {
    JCoFunctionTemplate getFunctionTemplate(String functionName) throws JCoException;

    JCoRecordMetaData getRecordMetaData(String recordName) throws JCoException;

    void clear();
}
