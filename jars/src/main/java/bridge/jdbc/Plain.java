package bridge.jdbc;

import java.math.BigDecimal;

/** Numbers without an exponent. How long one gets is asked before it is written: `1E900000000` itself is short. */
final class Plain {
    private static final int MOST_DIGITS = 39; // the most of 128 bits

    private Plain() { }

    /** How many characters `number.toPlainString()` has. */
    static long length(BigDecimal number) {
        long scale = number.signum() == 0 ? Math.max(0, number.scale()) : number.scale();
        return (number.signum() < 0 ? 1 : 0) + Math.max(1, number.precision() - scale) + (scale > 0 ? 1 + scale : 0);
    }

    /** The same number with so many digits of a fraction. Errors: ArithmeticException when it has more. */
    static BigDecimal scaled(BigDecimal number, int scale) {
        if (number.scale() != scale && number.signum() != 0) {
            long digits = (long) number.precision() - number.scale() + scale;
            if (digits > MOST_DIGITS) {
                throw new ArithmeticException(Column.TOO_MANY);
            } else if (digits <= 0) { // all of them are behind the last one that there is
                throw new ArithmeticException("Rounding necessary");
            }
        }
        return number.setScale(scale);
    }
}
