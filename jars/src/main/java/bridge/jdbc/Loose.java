package bridge.jdbc;

import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * Numbers of databases that nobody knows. Some let a value be of another type than its column (SQLite), and their
 * drivers then make a number of it, or 0: so each value is taken as what it is.
 */
final class Loose {
    private Loose() { }

    /** A whole number of `width` bytes. */
    static final class Whole extends Column {
        Whole(int index, int width) { super(index, width); }

        @Override int put(ResultSet rows, int row) throws SQLException {
            Object value = rows.getObject(index);
            if (value == null) {
                return NULL;
            }
            long number = whole(value);
            switch (width) {
                case 2: values.putShort(row * 2, toShort(number)); break;
                case 4: values.putInt(row * 4, Math.toIntExact(number)); break;
                default: values.putLong(row * 8, number);
            }
            return width;
        }

        private static long whole(Object value) {
            if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
                return ((Number) value).longValue();
            } else if (value instanceof Boolean) {
                return (Boolean) value ? 1 : 0;
            }
            try {
                BigDecimal number = new BigDecimal(value.toString().trim());
                if (number.stripTrailingZeros().scale() > 0) {
                    throw new ArithmeticException("is no whole number");
                }
                return Plain.scaled(number, 0).longValueExact();
            } catch (NumberFormatException error) {
                throw new ArithmeticException("is no number");
            }
        }

        private static short toShort(long number) {
            if (number != (short) number) {
                throw new ArithmeticException("short overflow");
            }
            return (short) number;
        }
    }

    /** A floating-point number; what the driver has in four bytes keeps the digits that it shows. */
    static final class Real extends Column {
        Real(int index) { super(index, 8); }

        @Override int put(ResultSet rows, int row) throws SQLException {
            Object value = rows.getObject(index);
            if (value == null) {
                return NULL;
            }
            values.putDouble(row * 8, value instanceof Double ? (Double) value : real(value));
            return 8;
        }

        private static double real(Object value) {
            try {
                return Double.parseDouble(value.toString());
            } catch (NumberFormatException error) {
                throw new ArithmeticException("is no number");
            }
        }
    }
}
