package bridge.jdbc;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.temporal.ChronoField;
import java.time.temporal.TemporalAccessor;

/** Values of different sizes: bytes one after the other, and where each one ends. */
abstract class Varying extends Column {
    /** Kafka's messages are smaller by far; a larger value would cost the worker its heap. */
    static final int LARGEST = 32 << 20;

    private ByteBuffer offsets = allocate(4);

    Varying(int index) {
        super(index, 0);
    }

    abstract byte[] bytes(ResultSet rows) throws SQLException;

    @Override
    void grow(int capacity) {
        super.grow(capacity);
        offsets = enlarged(offsets, (capacity + 1) * 4);
    }

    @Override
    int put(ResultSet rows, int row) throws SQLException {
        int start = offsets.getInt(row * 4);
        byte[] bytes = bytes(rows);
        int size = bytes == null ? 0 : bytes.length;
        if (size > LARGEST) {
            throw new ArithmeticException("is " + size + " bytes long, more than " + LARGEST);
        }
        int end = Math.addExact(start, size);
        if (values.capacity() < end) {
            values = enlarged(values, (int) Math.min(Math.max(1024, end * 2L), Integer.MAX_VALUE - 8));
        }
        if (size > 0) {
            values.position(start);
            values.put(bytes);
        }
        offsets.putInt(row * 4 + 4, end);
        return bytes == null ? NULL : size + 4;
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
            return value == null ? null : value.getBytes(StandardCharsets.UTF_8);
        }
    }

    /** A number of any size, never in the notation with an exponent. */
    static final class Number extends Varying {
        Number(int index) { super(index); }

        @Override byte[] bytes(ResultSet rows) throws SQLException {
            String value = rows.getString(index);
            if (value != null && value.indexOf('E') >= 0) {
                value = new BigDecimal(value).toPlainString();
            }
            return value == null ? null : value.getBytes(StandardCharsets.US_ASCII);
        }
    }

    static final class Binary extends Varying {
        Binary(int index) { super(index); }

        @Override byte[] bytes(ResultSet rows) throws SQLException {
            return rows.getBytes(index);
        }
    }

    /** Times that Arrow has no exact type for, more than 6 digits or an offset in each row: ISO 8601. */
    static final class Temporal extends Varying {
        private final Class<? extends TemporalAccessor> type;
        private final DateTimeFormatter format;

        private Temporal(int index, Class<? extends TemporalAccessor> type, DateTimeFormatter format) {
            super(index);
            this.type = type;
            this.format = format;
        }

        static Temporal of(String name, int index, int digits) {
            switch (name) {
                case "time_text": return new Temporal(index, LocalTime.class, format("", digits, ""));
                case "offset_time_text": return new Temporal(index, OffsetTime.class, format("", digits, "XXX"));
                case "timestamp_text":
                    return new Temporal(index, LocalDateTime.class, format("uuuu-MM-dd'T'", digits, ""));
                case "offset_text":
                    return new Temporal(index, OffsetDateTime.class, format("uuuu-MM-dd'T'", digits, "XXX"));
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
            TemporalAccessor value = rows.getObject(index, type);
            return value == null ? null : format.format(value).getBytes(StandardCharsets.US_ASCII);
        }
    }
}
