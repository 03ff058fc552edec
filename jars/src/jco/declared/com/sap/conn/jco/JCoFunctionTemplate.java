package com.sap.conn.jco;

import java.io.Serializable;

public interface JCoFunctionTemplate extends Serializable {
    JCoListMetaData getImportParameterList();

    JCoListMetaData getExportParameterList();

    JCoListMetaData getChangingParameterList();

    JCoListMetaData getTableParameterList();

    JCoFunction getFunction();
}
