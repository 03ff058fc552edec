package bridge.jdbc;

import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.sql.SQLException;
import java.util.Base64;
import java.util.StringJoiner;

/** An array of SQL as a JSON array: numbers, booleans and nulls as they are, bytes as base64, all else as text. */
final class JsonArray {
    private JsonArray() { }

    static String of(Object value) throws SQLException {
        if (value instanceof java.sql.Array) {
            return of(((java.sql.Array) value).getArray());
        } else if (value == null || value instanceof Boolean) {
            return String.valueOf(value);
        } else if (value instanceof Number) {
            return number((Number) value);
        } else if (value instanceof byte[]) {
            return quoted(Base64.getEncoder().encodeToString((byte[]) value));
        } else if (!value.getClass().isArray()) {
            return quoted(value.toString());
        }
        StringJoiner all = new StringJoiner(",", "[", "]");
        for (int i = 0; i < Array.getLength(value); i++) {
            all.add(of(Array.get(value, i)));
        }
        return all.toString();
    }

    /** JSON has no number for infinities and NaN. */
    private static String number(Number value) {
        String text = value instanceof BigDecimal ? ((BigDecimal) value).toPlainString() : value.toString();
        return Double.isFinite(value.doubleValue()) || value instanceof BigDecimal ? text : quoted(text);
    }

    private static String quoted(String text) {
        StringBuilder all = new StringBuilder("\"");
        for (char each : text.toCharArray()) {
            if (each < ' ') {
                all.append(String.format("\\u%04x", (int) each));
            } else {
                all.append(each == '"' || each == '\\' ? "\\" : "").append(each);
            }
        }
        return all.append('"').toString();
    }
}
