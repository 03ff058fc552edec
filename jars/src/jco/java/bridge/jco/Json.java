package bridge.jco;

import java.util.Arrays;

/** JSON in UTF-8, written into one growing array. */
final class Json {
    private static final byte[] HEX = "0123456789abcdef".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    private byte[] out = new byte[8192];
    private int size;

    byte[] bytes() {
        return Arrays.copyOf(out, size);
    }

    void sign(char sign) {
        room(1);
        out[size++] = (byte) sign;
    }

    void raw(byte[] ascii) {
        room(ascii.length);
        System.arraycopy(ascii, 0, out, size, ascii.length);
        size += ascii.length;
    }

    void number(long value) {
        raw(ascii(Long.toString(value)));
    }

    /** NaN and Infinity are written so, which Python reads. */
    void number(double value) {
        raw(ascii(Double.toString(value)));
    }

    void quoted(byte[] ascii) {
        sign('"');
        raw(ascii);
        sign('"');
    }

    void text(String text) {
        text(text, text.length());
    }

    /** The first `length` characters. */
    void text(String text, int length) {
        room(3 * length + 2); // more only where something is escaped
        out[size++] = '"';
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            if (c < 0x80 && c >= ' ' && c != '"' && c != '\\') {
                out[size++] = (byte) c;
                continue;
            }
            room(3 * (length - i) + 7);
            if (c < 0x80) {
                escape(c);
            } else if (c < 0x800) {
                out[size++] = (byte) (0xC0 | c >> 6);
                out[size++] = (byte) (0x80 | c & 0x3F);
            } else if (!Character.isSurrogate(c)) {
                out[size++] = (byte) (0xE0 | c >> 12);
                out[size++] = (byte) (0x80 | c >> 6 & 0x3F);
                out[size++] = (byte) (0x80 | c & 0x3F);
            } else if (i + 1 < length && Character.isSurrogatePair(c, text.charAt(i + 1))) {
                pair(Character.toCodePoint(c, text.charAt(++i)));
            } else {
                escape(c); // half of a pair has no UTF-8
            }
        }
        out[size++] = '"';
    }

    private void pair(int point) {
        out[size++] = (byte) (0xF0 | point >> 18);
        out[size++] = (byte) (0x80 | point >> 12 & 0x3F);
        out[size++] = (byte) (0x80 | point >> 6 & 0x3F);
        out[size++] = (byte) (0x80 | point & 0x3F);
    }

    private void escape(char c) {
        out[size++] = '\\';
        out[size++] = 'u';
        for (int shift = 12; shift >= 0; shift -= 4) {
            out[size++] = HEX[c >> shift & 0xF];
        }
    }

    private void room(int more) {
        if (out.length - size < more) {
            out = Arrays.copyOf(out, Math.max(Math.addExact(size, more), (int) Math.min(out.length * 2L, Integer.MAX_VALUE - 8)));
        }
    }

    @SuppressWarnings("deprecation") // of all ways to the bytes of ASCII, the one that is not slow in Java 11
    static byte[] ascii(String text) {
        byte[] bytes = new byte[text.length()];
        text.getBytes(0, bytes.length, bytes, 0);
        return bytes;
    }
}
