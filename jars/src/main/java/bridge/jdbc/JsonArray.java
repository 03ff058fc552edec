package bridge.jdbc;

import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.Base64;

/** An array of SQL as a JSON array: numbers, booleans and nulls as they are, bytes as base64, all else as text. */
final class JsonArray {
    /** No more has room. */
    private static final class Full extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    private final StringBuilder all = new StringBuilder();
    private final int room;

    /** @param room characters it may have at most */
    JsonArray(int room) {
        this.room = room;
    }

    /** Write it; false: it is longer, and there is no more than its beginning. */
    boolean holds(Object value) throws SQLException {
        try {
            add(value);
            return true;
        } catch (Full full) {
            if (all.length() > 0 && Character.isHighSurrogate(all.charAt(all.length() - 1))) {
                all.setLength(all.length() - 1);
            }
            return false;
        }
    }

    @Override public String toString() {
        return all.toString();
    }

    private void add(Object value) throws SQLException {
        if (value instanceof java.sql.Array) {
            add(((java.sql.Array) value).getArray());
        } else if (value == null || value instanceof Boolean) {
            append(String.valueOf(value));
        } else if (value instanceof BigDecimal) {
            addDecimal((BigDecimal) value);
        } else if (value instanceof Number) {
            addNumber((Number) value);
        } else if (value instanceof byte[]) {
            addBytes((byte[]) value);
        } else if (!value.getClass().isArray()) {
            quote(value.toString());
        } else {
            addElements(value);
        }
    }

    private void addElements(Object array) throws SQLException {
        append("[");
        for (int i = 0; i < Array.getLength(array); i++) {
            append(i == 0 ? "" : ",");
            add(Array.get(array, i));
        }
        append("]");
    }

    private void addDecimal(BigDecimal value) {
        if (Plain.length(value) > room) {
            throw new Full();
        }
        append(value.toPlainString());
    }

    /** JSON has no number for infinities and NaN. */
    private void addNumber(Number value) {
        if (Double.isFinite(value.doubleValue())) {
            append(value.toString());
        } else {
            quote(value.toString());
        }
    }

    private void addBytes(byte[] value) {
        quote(Base64.getEncoder().encodeToString(Arrays.copyOf(value, Math.min(value.length, room))));
    }

    private void quote(String text) {
        append("\"");
        for (int i = 0; i < text.length(); i++) {
            char each = text.charAt(i);
            if (each < ' ') {
                append(String.format("\\u%04x", (int) each));
            } else if (each == '"' || each == '\\') {
                append("\\" + each);
            } else if (all.length() < room) {
                all.append(each);
            } else {
                throw new Full();
            }
        }
        append("\"");
    }

    private void append(String text) {
        int length = Math.min(text.length(), room - all.length());
        all.append(text, 0, length);
        if (length < text.length()) {
            throw new Full();
        }
    }
}
