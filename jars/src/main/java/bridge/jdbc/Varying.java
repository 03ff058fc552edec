package bridge.jdbc;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Reader;
import java.io.Writer;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.temporal.ChronoField;
import java.time.temporal.TemporalAccessor;
import java.util.Locale;

/** Values of different sizes: bytes one after the other, and where each one ends. */
abstract class Varying extends Column {
    /** Kafka's messages are smaller by far; a value takes up to five times its size while it is copied. */
    static final int LARGEST = (int) Math.min(32 << 20, Runtime.getRuntime().maxMemory() / 6);

    private ByteBuffer offsets = allocate(4);
    int limit = LARGEST;
    boolean cuts;

    Varying(int index) {
        super(index, 0);
    }

    abstract byte[] bytes(ResultSet rows) throws SQLException;

    @Override
    void leave(int row) {
        super.leave(row);
        end(row, NULL);
    }

    @Override
    void grow(int capacity) {
        super.grow(capacity);
        offsets = enlarged(offsets, (capacity + 1) * 4);
    }

    @Override
    int put(ResultSet rows, int row) throws SQLException {
        byte[] bytes = bytes(rows);
        if (bytes == null) {
            return end(row, NULL);
        }
        int end = append(start(row), bytes, 0, fitting(bytes.length));
        return end(row, (end - start(row) < bytes.length ? whole(start(row), end) : end) - start(row));
    }

    /** How much of so many bytes is kept. */
    final int fitting(long size) {
        if (size > limit && !cuts) {
            throw new ArithmeticException("is longer than " + limit + " bytes");
        }
        return (int) Math.min(size, limit);
    }

    /** The end of what can stay of a value from `start` that was cut at `end`. */
    int whole(int start, int end) {
        return end;
    }

    /** The same for text: no part of a character stays. */
    final int wholeCharacters(int start, int end) {
        int last = end - 1;
        while (last > start && (values.get(last) & 0xC0) == 0x80) {
            last--;
        }
        int lead = last < start ? 0 : values.get(last) & 0xFF;
        int length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        return last + length > end ? last : end;
    }

    final Column limit(int most, boolean cut) {
        limit = Math.min(most, LARGEST);
        cuts = cut;
        return this;
    }

    final int start(int row) {
        return offsets.getInt(row * 4);
    }

    /** Ends the value of `row`; returns the bytes it took, or NULL. */
    final int end(int row, int size) {
        offsets.putInt(row * 4 + 4, start(row) + Math.max(0, size));
        return size == NULL ? NULL : size + 4;
    }

    /** Writes `length` bytes to place `at`; returns the place behind them. */
    final int append(int at, byte[] bytes, int from, int length) {
        int end = Math.addExact(at, length);
        if (values.capacity() < end) {
            values = enlarged(values, (int) Math.min(Math.max(1024, end * 2L), Integer.MAX_VALUE - 8));
        }
        values.position(at);
        values.put(bytes, from, length);
        return end;
    }

    @Override
    ByteBuffer[] buffers(int count) {
        ByteBuffer[] all = super.buffers(count);
        all[1] = first(values, offsets.getInt(count * 4));
        all[2] = first(offsets, (count + 1) * 4);
        return all;
    }

    static final class Text extends Varying {
        Text(int index) { super(index); }

        @Override byte[] bytes(ResultSet rows) throws SQLException {
            String value = rows.getString(index);
            if (value == null) {
                return null;
            }
            fitting(value.length()); // before as much again is taken for the bytes
            return Utf8.of(value);
        }

        @Override int whole(int start, int end) {
            return wholeCharacters(start, end);
        }

        @Override Column limited(int most, boolean cut) {
            return limit(most, cut);
        }
    }

    /** Values that may be larger than the heap: read piece by piece, no further than they may be long. */
    abstract static class Streamed extends Varying {
        Streamed(int index) { super(index); }

        @Override boolean isText() {
            return false;
        }

        /** Copy the current row's value to `sink`; returns whether there is one. */
        abstract boolean copy(ResultSet rows, OutputStream sink) throws SQLException, IOException;

        @Override byte[] bytes(ResultSet rows) {
            throw new UnsupportedOperationException();
        }

        @Override int put(ResultSet rows, int row) throws SQLException {
            Sink sink = new Sink(start(row));
            try {
                return end(row, copy(rows, sink) ? sink.at - start(row) : NULL);
            } catch (Enough cut) {
                return end(row, whole(start(row), sink.at) - start(row));
            } catch (IOException error) {
                throw new SQLException(error.getMessage(), error);
            }
        }

        @Override Column limited(int most, boolean cut) {
            return limit(most, cut);
        }

        /** No more of the value is needed. */
        private static final class Enough extends IOException {
            private static final long serialVersionUID = 1L;
        }

        private final class Sink extends OutputStream {
            private final int start;
            private int at;

            Sink(int start) {
                this.start = start;
                this.at = start;
            }

            @Override public void write(int octet) throws IOException {
                write(new byte[] {(byte) octet}, 0, 1);
            }

            @Override public void write(byte[] bytes, int from, int length) throws IOException {
                int kept = fitting(at - start + length) - (at - start);
                at = append(at, bytes, from, kept);
                if (kept < length) {
                    throw new Enough();
                }
            }
        }
    }

    static final class LongText extends Streamed {
        LongText(int index) { super(index); }

        @Override boolean copy(ResultSet rows, OutputStream sink) throws SQLException, IOException {
            try (Reader value = rows.getCharacterStream(index)) {
                if (value == null) {
                    return false;
                }
                Writer writer = new OutputStreamWriter(sink, StandardCharsets.UTF_8.newEncoder());
                value.transferTo(writer);
                writer.close(); // which, unlike flush, looks at what is left of a pair
                return true;
            } catch (CharacterCodingException error) {
                throw new ArithmeticException(Utf8.NONE);
            }
        }

        @Override int whole(int start, int end) {
            return wholeCharacters(start, end);
        }
    }

    static final class LongBinary extends Streamed {
        LongBinary(int index) { super(index); }

        @Override boolean copy(ResultSet rows, OutputStream sink) throws SQLException, IOException {
            try (InputStream value = rows.getBinaryStream(index)) {
                if (value == null) {
                    return false;
                }
                value.transferTo(sink);
                return true;
            }
        }
    }

    /** A number of any size, never in the notation with an exponent; without its end it would be another one. */
    static final class Number extends Varying {
        Number(int index) { super(index); }

        @Override byte[] bytes(ResultSet rows) throws SQLException {
            String value = rows.getString(index);
            if (value != null && value.indexOf('E') >= 0) {
                value = plain(value);
            }
            return value == null ? null : value.getBytes(StandardCharsets.US_ASCII);
        }

        private String plain(String value) {
            try {
                BigDecimal number = new BigDecimal(value);
                fitting(Plain.length(number));
                return number.toPlainString();
            } catch (NumberFormatException error) {
                throw new ArithmeticException("is no number, or too large for one");
            }
        }

        @Override Column limited(int most, boolean cut) {
            return limit(most, false);
        }
    }

    /** A span of time as hours, minutes and seconds: the text that drivers make of one is not always right. */
    static final class Span extends Varying {
        private final int digits;
        private final Times.Getter<Duration> spans;

        Span(int index, int digits, Times.Getter<Duration> spans) {
            super(index);
            this.digits = digits;
            this.spans = spans;
        }

        @Override byte[] bytes(ResultSet rows) throws SQLException {
            Duration value = spans.get(rows, index);
            return value == null ? null : text(value).getBytes(StandardCharsets.US_ASCII);
        }

        private String text(Duration value) {
            Duration span = value.abs();
            String whole = String.format(Locale.ROOT, "%s%02d:%02d:%02d", value.isNegative() ? "-" : "",
                span.toHours(), span.toMinutesPart(), span.toSecondsPart());
            return digits == 0 ? whole : whole + String.format(Locale.ROOT, ".%09d", span.getNano()).substring(0, digits + 1);
        }
    }

    static final class Binary extends Varying {
        Binary(int index) { super(index); }

        @Override boolean isText() {
            return false;
        }

        @Override byte[] bytes(ResultSet rows) throws SQLException {
            return rows.getBytes(index);
        }

        @Override Column limited(int most, boolean cut) {
            return limit(most, cut);
        }
    }

    /** A JSON array as text: what drivers write of one by themselves does not always tell its elements apart. */
    static final class Array extends Varying {
        Array(int index) { super(index); }

        @Override byte[] bytes(ResultSet rows) throws SQLException {
            java.sql.Array value = rows.getArray(index);
            if (value == null) {
                return null;
            }
            JsonArray array = new JsonArray(limit);
            if (!array.holds(value.getArray())) {
                fitting(limit + 1);
            }
            return Utf8.of(array.toString());
        }

        @Override int whole(int start, int end) {
            return wholeCharacters(start, end);
        }

        @Override Column limited(int most, boolean cut) {
            return limit(most, cut);
        }
    }

    /** Times that Arrow has no exact type for, more than 6 digits or an offset in each row: ISO 8601. */
    static final class Temporal extends Varying {
        private final Times<? extends TemporalAccessor> times;
        private final DateTimeFormatter format;

        private Temporal(int index, Times<? extends TemporalAccessor> times, DateTimeFormatter format) {
            super(index);
            this.times = times;
            this.format = format;
        }

        static Temporal of(String name, int index, int digits) {
            switch (name) {
                case "time_text": return new Temporal(index, Times.times(), format("", digits, ""));
                case "offset_time_text": return new Temporal(index, Times.offsetTimes(), format("", digits, "XXXXX"));
                case "timestamp_text":
                    return new Temporal(index, Times.timestamps(), format("uuuu-MM-dd'T'", digits, ""));
                case "offset_text":
                    return new Temporal(index, Times.offsets(), format("uuuu-MM-dd'T'", digits, "XXXXX"));
                default: throw new IllegalArgumentException("no column of kind " + name);
            }
        }

        private static DateTimeFormatter format(String date, int digits, String offset) {
            DateTimeFormatterBuilder builder = new DateTimeFormatterBuilder().appendPattern(date + "HH:mm:ss");
            if (digits > 0) {
                builder.appendFraction(ChronoField.NANO_OF_SECOND, digits, digits, true);
            }
            return builder.appendPattern(offset).toFormatter();
        }

        @Override byte[] bytes(ResultSet rows) throws SQLException {
            TemporalAccessor value = times.get(rows, index);
            return value == null ? null : format.format(value).getBytes(StandardCharsets.US_ASCII);
        }
    }
}
