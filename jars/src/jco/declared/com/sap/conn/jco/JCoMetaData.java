package com.sap.conn.jco;

import java.io.Serializable;

public interface JCoMetaData extends Serializable, Cloneable {
    int TYPE_CHAR = 0;
    int TYPE_DATE = 1;
    int TYPE_BCD = 2;
    int TYPE_TIME = 3;
    int TYPE_BYTE = 4;
    int TYPE_NUM = 6;
    int TYPE_FLOAT = 7;
    int TYPE_INT = 8;
    int TYPE_INT2 = 9;
    int TYPE_INT1 = 10;
    int TYPE_STRUCTURE = 17;
    int TYPE_DECF16 = 23;
    int TYPE_DECF34 = 24;
    int TYPE_STRING = 29;
    int TYPE_XSTRING = 30;
    int TYPE_INT8 = 40;
    int TYPE_UTCLONG = 51;
    int TYPE_UTCSECOND = 52;
    int TYPE_UTCMINUTE = 53;
    int TYPE_DTDAY = 54;
    int TYPE_DTWEEK = 55;
    int TYPE_DTMONTH = 56;
    int TYPE_TSECOND = 57;
    int TYPE_TMINUTE = 58;
    int TYPE_CDAY = 59;
    int TYPE_TABLE = 99;

    int getFieldCount();

    String getName(int index);

    boolean hasField(String fieldName);

    int indexOf(String fieldName);

    int getType(int index);

    String getTypeAsString(int index);

    int getLength(int index);

    int getByteLength(int index);

    int getDecimals(int index);

    String getRecordTypeName(int index);

    JCoRecordMetaData getRecordMetaData(int index);
}
