package bridge.jdbc;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;

/**
 * The values of one column in one batch, laid out as Arrow lays them out. All writes are at absolute places, so that
 * a row given up half-way is simply written over by the next one.
 */
abstract class Column {
    static final int NULL = -1;
    static final String TOO_MANY = "has more than 38 digits";

    final int index;
    final int width;
    ByteBuffer values = allocate(0);
    private ByteBuffer validity = allocate(0);
    private int nulls;

    /** @param index the column's place in the result set, from 1; @param width bytes a value takes at least */
    Column(int index, int width) {
        this.index = index;
        this.width = width;
    }

    /** A column by its kind, as Python's types.py writes it: a name, or a name and a number ("decimal:2"). */
    static Column of(String kind, int index) {
        int colon = kind.indexOf(':');
        String name = colon < 0 ? kind : kind.substring(0, colon);
        int number = colon < 0 ? 0 : Integer.parseInt(kind.substring(colon + 1));
        switch (name) {
            case "bool": return new Bool(index);
            case "int16": return new Int16(index);
            case "int32": return new Int32(index);
            case "int64": return new Int64(index);
            case "float32": return new Float32(index);
            case "float64": return new Float64(index);
            case "whole": return new Loose.Whole(index, number);
            case "real": return new Loose.Real(index);
            case "decimal": return new Decimal(index, number);
            case "date": return new Date(index);
            case "time": return new Time(index, number);
            case "timestamp": return new Timestamp(index, number);
            case "instant": return new Instant(index, number);
            case "binary": return new Varying.Binary(index);
            case "number": return new Varying.Number(index);
            case "text": case "char": return new Varying.Text(index);
            case "span_text": return new Varying.Span(index, number, Times.spans()::get);
            case "sent_span_text": return new Varying.Span(index, number, Times::sentSpan);
            case "array": return new Varying.Array(index);
            case "refused": return new Refused(index);
            case "flag": return new Flag(index);
            case "long_text": return new Varying.LongText(index);
            case "long_binary": return new Varying.LongBinary(index);
            default: return Varying.Temporal.of(name, index, number);
        }
    }

    /** Values of more bytes than `limit` are cut, or no values of this column. Returns this. */
    Column limited(int limit, boolean cuts) {
        return this;
    }

    /** Write the current row's value to place `row`; returns the bytes it took, or NULL. */
    abstract int put(ResultSet rows, int row) throws SQLException;

    /** Forget the last batch. */
    final void reset() {
        nulls = 0;
    }

    /** Make room for `capacity` rows. */
    void grow(int capacity) {
        validity = enlarged(validity, (capacity + 7) / 8);
        values = enlarged(values, capacity * width);
    }

    /** Write the current row's value to place `row`; returns about the bytes it takes. */
    final int read(ResultSet rows, int row) throws SQLException {
        int size = put(rows, row);
        setBit(validity, row, size != NULL);
        return Math.max(size, width);
    }

    /** Place `row` has no value that can be read. */
    void leave(int row) {
        setBit(validity, row, false);
    }

    /** A value that cannot be read here may be shown as the driver writes it: not bytes, nor what may be huge. */
    boolean isText() {
        return true;
    }

    /** Called when the row is whole: a row given up must not count. */
    final void accept(int row) {
        if ((validity.get(row >> 3) & (1 << (row & 7))) == 0) {
            nulls++;
        }
    }

    /** Arrow's buffers of the first `count` values: validity (empty: no nulls), values, offsets of varying sizes. */
    ByteBuffer[] buffers(int count) {
        ByteBuffer bits = first(validity, nulls == 0 ? 0 : (count + 7) / 8);
        return new ByteBuffer[] {bits, first(values, count * width), first(values, 0)};
    }

    static ByteBuffer allocate(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    static ByteBuffer enlarged(ByteBuffer old, int size) {
        if (old.capacity() >= size) {
            return old;
        }
        ByteBuffer larger = allocate(size);
        larger.put(first(old, old.capacity()));
        return larger.rewind();
    }

    static ByteBuffer first(ByteBuffer buffer, int size) {
        return buffer.duplicate().clear().limit(size);
    }

    static void setBit(ByteBuffer bits, int place, boolean on) {
        int bit = 1 << (place & 7);
        int old = bits.get(place >> 3);
        bits.put(place >> 3, (byte) (on ? old | bit : old & ~bit));
    }

    /** Ticks since the epoch or midnight; a value with finer digits is not cut, it is refused. */
    static long ticks(long seconds, int nanos, int digits) {
        int perTick = 1_000_000_000;
        long ticks = 1;
        for (int i = 0; i < digits; i++) {
            perTick /= 10;
            ticks *= 10;
        }
        if (nanos % perTick != 0) {
            throw new ArithmeticException("has more than " + digits + " digits of a second");
        }
        return Math.addExact(Math.multiplyExact(seconds, ticks), nanos / perTick);
    }

    /** The same; PostgreSQL's infinity, which drivers tell as Java's last moment, is the largest number. */
    static long ticks(LocalDateTime value, int digits) {
        if (value.equals(LocalDateTime.MAX)) {
            return Long.MAX_VALUE;
        }
        return value.equals(LocalDateTime.MIN) ? Long.MIN_VALUE
            : ticks(value.toEpochSecond(ZoneOffset.UTC), value.getNano(), digits);
    }

    static class Bool extends Column {
        Bool(int index) { super(index, 1); }

        boolean value(ResultSet rows) throws SQLException {
            return rows.getBoolean(index);
        }

        @Override final int put(ResultSet rows, int row) throws SQLException {
            setBit(values, row, value(rows));
            return rows.wasNull() ? NULL : 1;
        }

        @Override ByteBuffer[] buffers(int count) {
            ByteBuffer[] all = super.buffers(count);
            all[1] = first(values, (count + 7) / 8);
            return all;
        }
    }

    /** A number that means no or yes. */
    static final class Flag extends Bool {
        Flag(int index) { super(index); }

        @Override boolean value(ResultSet rows) throws SQLException {
            int value = rows.getInt(index);
            if (value != 0 && value != 1) {
                throw new ArithmeticException("is " + value + ", which is no boolean");
            }
            return value == 1;
        }
    }

    /** Of a type that nobody knows, and that shall not be guessed. */
    static final class Refused extends Varying {
        Refused(int index) { super(index); }

        @Override byte[] bytes(ResultSet rows) throws SQLException {
            if (rows.getObject(index) == null) {
                return null;
            }
            throw new ArithmeticException("is of a type that is not known");
        }
    }

    static final class Int16 extends Column {
        Int16(int index) { super(index, 2); }

        @Override int put(ResultSet rows, int row) throws SQLException {
            values.putShort(row * 2, rows.getShort(index));
            return rows.wasNull() ? NULL : 2;
        }
    }

    static final class Int32 extends Column {
        Int32(int index) { super(index, 4); }

        @Override int put(ResultSet rows, int row) throws SQLException {
            values.putInt(row * 4, rows.getInt(index));
            return rows.wasNull() ? NULL : 4;
        }
    }

    static final class Int64 extends Column {
        Int64(int index) { super(index, 8); }

        @Override int put(ResultSet rows, int row) throws SQLException {
            values.putLong(row * 8, rows.getLong(index));
            return rows.wasNull() ? NULL : 8;
        }
    }

    static final class Float32 extends Column {
        Float32(int index) { super(index, 4); }

        @Override int put(ResultSet rows, int row) throws SQLException {
            values.putFloat(row * 4, rows.getFloat(index));
            return rows.wasNull() ? NULL : 4;
        }
    }

    static final class Float64 extends Column {
        Float64(int index) { super(index, 8); }

        @Override int put(ResultSet rows, int row) throws SQLException {
            values.putDouble(row * 8, rows.getDouble(index));
            return rows.wasNull() ? NULL : 8;
        }
    }

    /** 128 bits, two's complement, little-endian; never through a double. */
    static final class Decimal extends Column {
        private final int scale;

        Decimal(int index, int scale) {
            super(index, 16);
            this.scale = scale;
        }

        @Override int put(ResultSet rows, int row) throws SQLException {
            BigDecimal value = rows.getBigDecimal(index);
            if (value == null) {
                return NULL;
            }
            BigInteger unscaled = Plain.scaled(value, scale).unscaledValue();
            if (unscaled.bitLength() > 127) {
                throw new ArithmeticException(TOO_MANY);
            }
            values.putLong(row * 16, unscaled.longValue());
            values.putLong(row * 16 + 8, unscaled.shiftRight(64).longValue());
            return 16;
        }
    }

    static final class Date extends Column {
        private final Times<LocalDate> dates = Times.dates();

        Date(int index) { super(index, 4); }

        @Override int put(ResultSet rows, int row) throws SQLException {
            LocalDate value = dates.get(rows, index);
            if (value == null) {
                return NULL;
            }
            values.putInt(row * 4, days(value));
            return 4;
        }

        private static int days(LocalDate value) {
            if (value.equals(LocalDate.MAX)) {
                return Integer.MAX_VALUE;
            }
            return value.equals(LocalDate.MIN) ? Integer.MIN_VALUE : Math.toIntExact(value.toEpochDay());
        }
    }

    static final class Time extends Column {
        private final Times<LocalTime> times = Times.times();
        private final int digits;

        Time(int index, int digits) {
            super(index, digits > 3 ? 8 : 4);
            this.digits = digits;
        }

        @Override int put(ResultSet rows, int row) throws SQLException {
            LocalTime value = times.get(rows, index);
            if (value == null) {
                return NULL;
            }
            // PostgreSQL's 24:00:00, for which Java has no time of day.
            boolean isEnd = value.equals(LocalTime.MAX);
            long ticks = isEnd ? ticks(86_400, 0, digits) : ticks(value.toSecondOfDay(), value.getNano(), digits);
            if (width == 4) {
                values.putInt(row * 4, (int) ticks);
            } else {
                values.putLong(row * 8, ticks);
            }
            return width;
        }
    }

    /** A date and time without a zone. */
    static final class Timestamp extends Column {
        private final Times<LocalDateTime> timestamps = Times.timestamps();
        private final int digits;

        Timestamp(int index, int digits) {
            super(index, 8);
            this.digits = digits;
        }

        @Override int put(ResultSet rows, int row) throws SQLException {
            LocalDateTime value = timestamps.get(rows, index);
            if (value == null) {
                return NULL;
            }
            values.putLong(row * 8, ticks(value, digits));
            return 8;
        }
    }

    /** A point in time, kept by the database in UTC. */
    static final class Instant extends Column {
        private final Times<OffsetDateTime> instants = Times.offsets();
        private final int digits;

        Instant(int index, int digits) {
            super(index, 8);
            this.digits = digits;
        }

        @Override int put(ResultSet rows, int row) throws SQLException {
            OffsetDateTime value = instants.get(rows, index);
            if (value == null) {
                return NULL;
            }
            boolean isEndless = value.equals(OffsetDateTime.MAX) || value.equals(OffsetDateTime.MIN);
            LocalDateTime utc = isEndless ? value.toLocalDateTime()
                : LocalDateTime.ofEpochSecond(value.toEpochSecond(), value.getNano(), ZoneOffset.UTC);
            values.putLong(row * 8, ticks(utc, digits));
            return 8;
        }
    }
}
