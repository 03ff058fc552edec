package bridge.jco;

import com.sap.conn.jco.JCoException;
import com.sap.conn.jco.JCoFunction;
import com.sap.conn.jco.JCoMetaData;
import com.sap.conn.jco.JCoRecord;
import com.sap.conn.jco.JCoTable;
import java.util.Base64;

/** Sets a function's parameters from JSON in the form of Answer, all of it in ASCII. What is null stays initial. */
final class Request {
    private final String text;
    private int at;
    private String name = "";

    private Request(String text) {
        this.text = text;
    }

    static void set(JCoFunction function, String json) throws JCoException {
        Request request = new Request(json);
        JCoRecord[] lists = {
            function.getImportParameterList(), function.getChangingParameterList(), function.getTableParameterList()
        };
        request.fields(lists);
    }

    /** An object, each of its names in the first of the records that has it. */
    private void fields(JCoRecord... records) throws JCoException {
        expect('{');
        if (next() == '}') {
            at++;
            return;
        }
        do {
            name = string();
            expect(':');
            JCoRecord owner = owner(name, records);
            value(owner, owner.getMetaData().indexOf(name));
        } while (more('}'));
    }

    private static JCoRecord owner(String name, JCoRecord... records) throws JCoException {
        for (JCoRecord each : records) {
            if (each != null && each.getMetaData().hasField(name)) {
                return each;
            }
        }
        throw new JCoException(
                JCoException.JCO_ERROR_FIELD_NOT_FOUND, "JCO_ERROR_FIELD_NOT_FOUND", "there is no field " + name);
    }

    private void value(JCoRecord record, int field) throws JCoException {
        if (next() == 'n') {
            scalar();
            return;
        }
        switch (record.getMetaData().getType(field)) {
            case JCoMetaData.TYPE_STRUCTURE:
                fields(record.getStructure(field));
                break;
            case JCoMetaData.TYPE_TABLE:
                rows(record.getTable(field));
                break;
            case JCoMetaData.TYPE_BYTE:
            case JCoMetaData.TYPE_XSTRING:
                record.setValue(field, Base64.getDecoder().decode(scalar()));
                break;
            case JCoMetaData.TYPE_DATE:
            case JCoMetaData.TYPE_TIME: {
                String digits = scalar();
                record.setValue(field, digits.matches("0*") ? "" : digits); // initial, which is no date
                break;
            }
            default:
                record.setValue(field, scalar());
        }
    }

    private void rows(JCoTable table) throws JCoException {
        expect('[');
        if (next() == ']') {
            at++;
            return;
        }
        do {
            table.appendRow();
            if (next() == '{') {
                fields(table);
            } else {
                value(table, 0); // of an elementary type
            }
        } while (more(']'));
    }

    // -- JSON

    private char next() {
        while (text.charAt(at) == ' ') {
            at++;
        }
        return text.charAt(at);
    }

    private void expect(char sign) {
        if (next() != sign) {
            throw misshapen();
        }
        at++;
    }

    private boolean more(char end) {
        if (next() == ',') {
            at++;
            return true;
        }
        expect(end);
        return false;
    }

    /** A string, or a number's text: JCo converts it. */
    private String scalar() {
        if (next() == '"') {
            return string();
        }
        int from = at;
        while (",]} ".indexOf(text.charAt(at)) < 0) {
            at++;
        }
        String token = text.substring(from, at);
        if (token.startsWith("{") || token.startsWith("[")) {
            throw misshapen();
        }
        return token;
    }

    private IllegalArgumentException misshapen() {
        return new IllegalArgumentException("the value of " + name + " does not have the form of its parameter");
    }

    private String string() {
        expect('"');
        int from = at;
        while (text.charAt(at) != '"' && text.charAt(at) != '\\') {
            at++;
        }
        if (text.charAt(at) == '"') {
            return text.substring(from, at++);
        }
        return escaped(new StringBuilder(text.substring(from, at)));
    }

    private String escaped(StringBuilder out) {
        for (char c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
            out.append(c == '\\' ? escape(text.charAt(at++)) : c);
        }
        return out.toString();
    }

    private char escape(char c) {
        switch (c) {
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'r':
                return '\r';
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'u':
                at += 4;
                return (char) Integer.parseInt(text.substring(at - 4, at), 16);
            default:
                return c;
        }
    }
}
