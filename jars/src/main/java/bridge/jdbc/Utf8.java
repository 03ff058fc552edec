package bridge.jdbc;

import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.regex.Pattern;

/** Text as UTF-8. Half of a surrogate pair has no such form: Java would write `?` for it, and keys would become one. */
public final class Utf8 {
    static final String NONE = "has no UTF-8 form: half of a surrogate pair";
    private static final Pattern HALF = Pattern.compile("\\p{Cs}");

    private Utf8() { }

    /** Errors: ArithmeticException when there is none. */
    static byte[] of(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        for (byte each : bytes) {
            if (each == '?') { // few texts have one, and the loop costs less than to compare
                if (isBroken(text)) {
                    throw new ArithmeticException(NONE);
                }
                return bytes;
            }
        }
        return bytes;
    }

    /** For messages: halves of pairs as Java's source has them, `\ud83d`. */
    static String told(String text) {
        return isBroken(text)
            ? HALF.matcher(text).replaceAll(half -> String.format("\\\\u%04x", (int) half.group().charAt(0)))
            : text;
    }

    /** What JPype cannot make text of. */
    public static String string(ResultSet rows, String column) throws SQLException {
        return told(rows.getString(column));
    }

    static boolean isBroken(String text) {
        return HALF.matcher(text).find();
    }
}
