package com.sap.conn.jco;

import java.io.Serializable;
import java.math.BigDecimal;

public interface JCoRecord extends Serializable, Cloneable, Iterable<JCoField> {
    JCoMetaData getMetaData();

    String getString(int index);

    char[] getCharArray(int index);

    byte[] getByteArray(int index);

    int getInt(int index);

    long getLong(int index);

    double getDouble(int index);

    BigDecimal getBigDecimal(int index);

    JCoStructure getStructure(int index);

    JCoTable getTable(int index);

    void setValue(int index, String value);

    void setValue(int index, byte[] value);
}
