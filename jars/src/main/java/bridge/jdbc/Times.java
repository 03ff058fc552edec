package bridge.jdbc;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.sql.Date;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Time;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.DateTimeParseException;
import java.util.function.Function;

/**
 * A column's values of java.time: by JDBC 4.2's getObject(int, Class), or as older drivers have them.
 *
 * <p>There text comes first where it is ISO 8601: java.sql's classes have another calendar before 1582, which some
 * drivers reckon with and some do not, a Time has no microseconds, and none has an offset. The JVM's zone is UTC.
 */
final class Times<T> {
    private static final DateTimeFormatter WALL_CLOCK = new DateTimeFormatterBuilder()
        .append(DateTimeFormatter.ISO_LOCAL_DATE).appendPattern("['T'][' ']").append(DateTimeFormatter.ISO_LOCAL_TIME)
        .toFormatter();
    private static final DateTimeFormatter WITH_OFFSET = new DateTimeFormatterBuilder()
        .append(WALL_CLOCK).appendPattern("[' '][XXXXX][X]").toFormatter();

    interface Getter<T> {
        T get(ResultSet rows, int index) throws SQLException;
    }

    private final Class<T> type;
    private final Function<String, T> parser;
    private final Getter<T> getter;
    private boolean isOld;
    private boolean isNew;

    /** @param parser of a value's text; @param getter of it where that is none, and never null */
    private Times(Class<T> type, Function<String, T> parser, Getter<T> getter) {
        this.type = type;
        this.parser = parser;
        this.getter = getter;
    }

    static Times<LocalDate> dates() {
        return new Times<>(LocalDate.class, LocalDate::parse, (rows, index) -> rows.getDate(index).toLocalDate());
    }

    static Times<LocalTime> times() {
        return new Times<>(LocalTime.class, LocalTime::parse, (rows, index) -> wallClock(rows.getTime(index)));
    }

    static Times<OffsetTime> offsetTimes() {
        return new Times<>(OffsetTime.class, OffsetTime::parse,
            (rows, index) -> wallClock(rows.getTime(index)).atOffset(ZoneOffset.UTC));
    }

    static Times<LocalDateTime> timestamps() {
        return new Times<>(LocalDateTime.class, text -> LocalDateTime.parse(text, WALL_CLOCK),
            (rows, index) -> rows.getTimestamp(index).toLocalDateTime());
    }

    static Times<OffsetDateTime> offsets() {
        return new Times<>(OffsetDateTime.class, text -> OffsetDateTime.parse(text, WITH_OFFSET),
            (rows, index) -> rows.getTimestamp(index).toInstant().atOffset(ZoneOffset.UTC));
    }

    static Times<Duration> spans() {
        return new Times<>(Duration.class, Times::span, (rows, index) -> span(rows.getString(index)));
    }

    /**
     * From the bytes that MySQL has sent, or null: in its binary protocol nothing, or whether it is negative, days,
     * hours, minutes, seconds, and microseconds if there are any. MySQL's driver negates the days alone.
     */
    static Duration sentSpan(ResultSet rows, int index) throws SQLException {
        byte[] sent = rows.getBytes(index);
        if (sent == null) {
            return null;
        }
        if (sent.length == 0) {
            return Duration.ZERO;
        }
        if (sent[0] > 1) {
            return span(new String(sent, StandardCharsets.US_ASCII));
        }
        ByteBuffer parts = ByteBuffer.wrap(sent).order(ByteOrder.LITTLE_ENDIAN);
        Duration span = Duration.ofDays(parts.getInt(1)).plusHours(parts.get(5)).plusMinutes(parts.get(6))
            .plusSeconds(parts.get(7)).plusNanos(sent.length > 8 ? parts.getInt(8) * 1000L : 0);
        return sent[0] == 1 ? span.negated() : span;
    }

    private static Duration span(String text) {
        String[] parts = text.replace("-", "").split(":");
        long minutes = Long.parseLong(parts[0]) * 60 + Long.parseLong(parts[1]);
        Duration span = Duration.ofMinutes(minutes).plusNanos(new BigDecimal(parts[2]).scaleByPowerOfTen(9).longValue());
        return text.startsWith("-") ? span.negated() : span;
    }

    private static LocalTime wallClock(Time value) {
        return LocalTime.ofNanoOfDay(Math.floorMod(value.getTime(), 86_400_000L) * 1_000_000);
    }

    /** The current row's value, or null. A driver shows what it can at the first value that is not null. */
    T get(ResultSet rows, int index) throws SQLException {
        if (isOld) {
            return older(rows, index);
        }
        try {
            T value = rows.getObject(index, type);
            isNew |= value != null;
            return value;
        } catch (SQLException error) {
            if (isNew || Cursor.isOfTheRow(error)) {
                throw error;
            }
        } catch (AbstractMethodError | UnsupportedOperationException error) {
            // A driver of JDBC 4.0 or before.
        }
        T value = older(rows, index);
        isOld = true;
        return value;
    }

    private T older(ResultSet rows, int index) throws SQLException {
        String text = rows.getString(index);
        try {
            return text == null ? null : parser.apply(text.trim());
        } catch (DateTimeParseException error) {
            return getter.get(rows, index);
        }
    }

    /** Bind a value; one of java.time as java.sql's where the driver knows no better. */
    static void bind(PreparedStatement statement, int index, Object value) throws SQLException {
        try {
            statement.setObject(index, value);
        } catch (SQLException | AbstractMethodError | UnsupportedOperationException error) {
            Object other = older(value);
            if (other == value) {
                throw error;
            }
            statement.setObject(index, other);
        }
    }

    private static Object older(Object value) {
        if (value instanceof LocalDate) {
            return Date.valueOf((LocalDate) value);
        } else if (value instanceof LocalTime) {
            return value.toString();
        } else if (value instanceof LocalDateTime) {
            return Timestamp.valueOf((LocalDateTime) value);
        } else if (value instanceof OffsetDateTime) {
            return Timestamp.valueOf(((OffsetDateTime) value).withOffsetSameInstant(ZoneOffset.UTC).toLocalDateTime());
        }
        return value;
    }
}
