package bridge.jco;

import com.sap.conn.jco.JCoFunction;
import com.sap.conn.jco.JCoMetaData;
import com.sap.conn.jco.JCoRecord;
import com.sap.conn.jco.JCoTable;
import java.math.BigDecimal;
import java.util.Base64;

/**
 * What a function answered, as JSON: structures are objects, tables arrays of objects. Decimals are text, bytes
 * are text in base64; dates and times are text of digits.
 */
final class Answer {
    private static final byte[] NULL = Json.ascii("null");
    private final Json json = new Json();

    static byte[] of(JCoFunction function) {
        return new Answer().written(
                function.getExportParameterList(), function.getChangingParameterList(), function.getTableParameterList());
    }

    private byte[] written(JCoRecord... lists) {
        json.sign('{');
        boolean first = true;
        for (JCoRecord list : lists) {
            if (list != null && list.getMetaData().getFieldCount() > 0) {
                if (!first) {
                    json.sign(',');
                }
                fields(list, new Shape(list.getMetaData()));
                first = false;
            }
        }
        json.sign('}');
        return json.bytes();
    }

    /** The names and types of a record, looked up once for all rows. */
    private static final class Shape {
        final byte[][] names;
        final int[] types;
        final Shape[] within;

        Shape(JCoMetaData data) {
            int count = data.getFieldCount();
            names = new byte[count][];
            types = new int[count];
            within = new Shape[count];
            for (int i = 0; i < count; i++) {
                Json name = new Json();
                name.text(data.getName(i));
                name.sign(':');
                names[i] = name.bytes();
                types[i] = data.getType(i);
            }
        }

        Shape within(int at, JCoRecord record) {
            if (within[at] == null) {
                within[at] = new Shape(record.getMetaData());
            }
            return within[at];
        }
    }

    private void fields(JCoRecord record, Shape shape) {
        for (int i = 0; i < shape.names.length; i++) {
            if (i > 0) {
                json.sign(',');
            }
            json.raw(shape.names[i]);
            value(record, i, shape);
        }
    }

    private void structure(JCoRecord record, Shape shape) {
        json.sign('{');
        fields(record, shape);
        json.sign('}');
    }

    private void table(JCoTable table, Shape shape) {
        json.sign('[');
        int rows = table.getNumRows();
        for (int row = 0; row < rows; row++) {
            if (row > 0) {
                json.sign(',');
            }
            table.setRow(row);
            structure(table, shape);
        }
        json.sign(']');
    }

    private void value(JCoRecord record, int at, Shape shape) {
        switch (shape.types[at]) {
            case JCoMetaData.TYPE_CHAR:
                withoutBlanks(record.getString(at));
                break;
            case JCoMetaData.TYPE_DATE:
            case JCoMetaData.TYPE_TIME:
                json.text(new String(record.getCharArray(at))); // getString has - and : in it
                break;
            case JCoMetaData.TYPE_BCD:
            case JCoMetaData.TYPE_DECF16:
            case JCoMetaData.TYPE_DECF34:
                decimal(record.getBigDecimal(at));
                break;
            case JCoMetaData.TYPE_INT:
            case JCoMetaData.TYPE_INT1:
            case JCoMetaData.TYPE_INT2:
                json.number(record.getInt(at));
                break;
            case JCoMetaData.TYPE_INT8:
                json.number(record.getLong(at));
                break;
            case JCoMetaData.TYPE_FLOAT:
                json.number(record.getDouble(at));
                break;
            case JCoMetaData.TYPE_BYTE:
            case JCoMetaData.TYPE_XSTRING:
                bytes(record.getByteArray(at));
                break;
            case JCoMetaData.TYPE_STRUCTURE: {
                JCoRecord inner = record.getStructure(at);
                structure(inner, shape.within(at, inner));
                break;
            }
            case JCoMetaData.TYPE_TABLE: {
                JCoTable inner = record.getTable(at);
                table(inner, shape.within(at, inner));
                break;
            }
            default:
                if (Interface.isText(shape.types[at])) {
                    String text = record.getString(at);
                    json.text(text == null ? "" : text);
                } else {
                    json.raw(NULL); // objects and boxes, which Interface does not tell of
                }
        }
    }

    private void withoutBlanks(String text) {
        int length = text == null ? 0 : text.length();
        while (length > 0 && text.charAt(length - 1) == ' ') {
            length--;
        }
        json.text(text == null ? "" : text, length);
    }

    private void decimal(BigDecimal value) {
        if (value == null) {
            json.raw(NULL);
        } else {
            json.quoted(Json.ascii(value.toString()));
        }
    }

    private void bytes(byte[] value) {
        json.quoted(value == null ? new byte[0] : Base64.getEncoder().encode(value));
    }
}
