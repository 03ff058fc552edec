package com.sap.conn.jco;

public interface JCoTable extends JCoRecord {
    int getNumRows();

    void setRow(int pos);

    void appendRow();
}
