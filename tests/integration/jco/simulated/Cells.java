package simulated;

import com.sap.conn.jco.ConversionException;
import com.sap.conn.jco.JCoField;
import com.sap.conn.jco.JCoMetaData;
import com.sap.conn.jco.JCoRecord;
import com.sap.conn.jco.JCoStructure;
import com.sap.conn.jco.JCoTable;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The values of one row, and JCoRecord's conversions: what its table in the Javadoc leaves out is refused. */
abstract class Cells implements JCoRecord {
    private static final long serialVersionUID = 1L;
    final transient Fields fields;

    Cells(Fields fields) {
        this.fields = fields;
    }

    abstract Object[] row();

    // -- to and from the system behind

    static Object[] initial(Fields fields) {
        Object[] row = new Object[fields.getFieldCount()];
        for (int i = 0; i < row.length; i++) {
            row[i] = initial(fields, i);
        }
        return row;
    }

    private static Object initial(Fields fields, int at) {
        switch (fields.getType(at)) {
            case JCoMetaData.TYPE_NUM:
                return "0".repeat(fields.getLength(at));
            case JCoMetaData.TYPE_DATE:
                return "00000000";
            case JCoMetaData.TYPE_TIME:
                return "000000";
            case JCoMetaData.TYPE_BCD:
                return BigDecimal.ZERO.setScale(fields.getDecimals(at));
            case JCoMetaData.TYPE_DECF16:
            case JCoMetaData.TYPE_DECF34:
                return BigDecimal.ZERO;
            case JCoMetaData.TYPE_FLOAT:
                return 0.0;
            case JCoMetaData.TYPE_INT:
            case JCoMetaData.TYPE_INT1:
            case JCoMetaData.TYPE_INT2:
            case JCoMetaData.TYPE_INT8:
                return 0L;
            case JCoMetaData.TYPE_BYTE:
                return new byte[fields.getLength(at)];
            case JCoMetaData.TYPE_XSTRING:
                return new byte[0];
            case JCoMetaData.TYPE_STRUCTURE:
                return new Structure(fields.within(at));
            case JCoMetaData.TYPE_TABLE:
                return new Table(fields.within(at));
            default:
                return "";
        }
    }

    @SuppressWarnings("unchecked")
    void load(Map<String, Object> values) {
        Object[] row = row();
        for (int i = 0; i < row.length; i++) {
            Object value = values.get(fields.getName(i));
            if (value instanceof Map) {
                ((Structure) row[i]).load((Map<String, Object>) value);
            } else if (value instanceof List) {
                Table table = (Table) row[i];
                table.clear();
                for (Object each : (List<Object>) value) {
                    table.appendRow();
                    table.load((Map<String, Object>) each);
                }
            } else if (value != null) {
                row[i] = fields.getType(i) == JCoMetaData.TYPE_NUM ? converted(i, value.toString()) : value;
            }
        }
    }

    Map<String, Object> values() {
        Map<String, Object> values = new LinkedHashMap<>();
        Object[] row = row();
        for (int i = 0; i < row.length; i++) {
            values.put(fields.getName(i), plain(row[i]));
        }
        return values;
    }

    static Object plain(Object value) {
        return value instanceof Structure
                ? ((Structure) value).values()
                : value instanceof Table ? ((Table) value).all() : value;
    }

    // -- JCoRecord

    @Override
    public JCoMetaData getMetaData() {
        return fields;
    }

    @Override
    public String getString(int index) {
        Object value = row()[index];
        switch (fields.getType(index)) {
            case JCoMetaData.TYPE_CHAR:
                return ((String) value).replaceAll(" +$", "");
            case JCoMetaData.TYPE_DATE:
                return ((String) value).replaceAll("(....)(..)(..)", "$1-$2-$3");
            case JCoMetaData.TYPE_TIME:
                return ((String) value).replaceAll("(..)(..)(..)", "$1:$2:$3");
            case JCoMetaData.TYPE_BYTE:
            case JCoMetaData.TYPE_XSTRING: {
                StringBuilder hex = new StringBuilder();
                for (byte each : (byte[]) value) {
                    hex.append(String.format("%02X", each));
                }
                return hex.toString();
            }
            default:
                return value.toString();
        }
    }

    @Override
    public char[] getCharArray(int index) {
        Object value = row()[index];
        if (!(value instanceof String)) {
            throw cannot(index, "char[]");
        }
        char[] chars = ((String) value).toCharArray();
        if (fields.getType(index) != JCoMetaData.TYPE_CHAR) {
            return chars;
        }
        char[] padded = Arrays.copyOf(chars, fields.getLength(index));
        Arrays.fill(padded, Math.min(chars.length, padded.length), padded.length, ' ');
        return padded;
    }

    @Override
    public byte[] getByteArray(int index) {
        Object value = row()[index];
        if (!(value instanceof byte[])) {
            throw cannot(index, "byte[]");
        }
        return ((byte[]) value).clone();
    }

    @Override
    public int getInt(int index) {
        return Math.toIntExact(getLong(index));
    }

    @Override
    public long getLong(int index) {
        Object value = row()[index];
        if (!(value instanceof Long)) {
            throw cannot(index, "long");
        }
        return (Long) value;
    }

    @Override
    public double getDouble(int index) {
        Object value = row()[index];
        if (!(value instanceof Number)) {
            throw cannot(index, "double");
        }
        return ((Number) value).doubleValue();
    }

    @Override
    public BigDecimal getBigDecimal(int index) {
        Object value = row()[index];
        if (!(value instanceof BigDecimal)) {
            throw cannot(index, "BigDecimal");
        }
        return (BigDecimal) value;
    }

    @Override
    public JCoStructure getStructure(int index) {
        return (JCoStructure) row()[index];
    }

    @Override
    public JCoTable getTable(int index) {
        return (JCoTable) row()[index];
    }

    @Override
    public void setValue(int index, String value) {
        row()[index] = converted(index, value);
    }

    private Object converted(int index, String value) {
        if (value == null || value.isEmpty()) {
            return initial(fields, index);
        }
        try {
            switch (fields.getType(index)) {
                case JCoMetaData.TYPE_CHAR:
                    return value.substring(0, Math.min(value.length(), fields.getLength(index)));
                case JCoMetaData.TYPE_NUM:
                    return "0".repeat(fields.getLength(index) - value.length()) + value;
                case JCoMetaData.TYPE_DATE:
                case JCoMetaData.TYPE_TIME:
                    if (value.matches("[-:0]*")) {
                        throw cannot(index, "a date or time");
                    }
                    return value.replaceAll("[-:]", "");
                case JCoMetaData.TYPE_BCD:
                    return new BigDecimal(value).setScale(fields.getDecimals(index));
                case JCoMetaData.TYPE_DECF16:
                case JCoMetaData.TYPE_DECF34:
                    return new BigDecimal(value);
                case JCoMetaData.TYPE_FLOAT:
                    return Double.valueOf(value);
                case JCoMetaData.TYPE_INT:
                case JCoMetaData.TYPE_INT1:
                case JCoMetaData.TYPE_INT2:
                case JCoMetaData.TYPE_INT8:
                    return Long.valueOf(value);
                case JCoMetaData.TYPE_STRUCTURE:
                case JCoMetaData.TYPE_TABLE:
                    throw cannot(index, "a record");
                default:
                    return value;
            }
        } catch (ArithmeticException | IllegalArgumentException error) {
            throw new ConversionException("Cannot convert a value of '" + value + "' for field " + fields.getName(index));
        }
    }

    @Override
    public void setValue(int index, byte[] value) {
        if (fields.getType(index) == JCoMetaData.TYPE_BYTE) {
            row()[index] = Arrays.copyOf(value, fields.getLength(index));
        } else if (fields.getType(index) == JCoMetaData.TYPE_XSTRING) {
            row()[index] = value.clone();
        } else {
            throw cannot(index, "byte[]");
        }
    }

    @Override
    public Iterator<JCoField> iterator() {
        throw new UnsupportedOperationException();
    }

    private ConversionException cannot(int index, String what) {
        return new ConversionException("Cannot convert field " + fields.getName(index) + " to " + what);
    }
}
