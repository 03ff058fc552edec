package com.sap.conn.jco;

import java.io.Serializable;

public interface JCoFunction extends Cloneable, Serializable {
    JCoParameterList getImportParameterList();

    JCoParameterList getExportParameterList();

    JCoParameterList getChangingParameterList();

    JCoParameterList getTableParameterList();

    void execute(JCoDestination destination) throws JCoException;
}
