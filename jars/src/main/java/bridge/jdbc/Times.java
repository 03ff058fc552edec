package bridge.jdbc;

import java.sql.Date;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Time;
import java.sql.Timestamp;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;

/**
 * A column's values of java.time: by JDBC 4.2's getObject(int, Class), or as older drivers do it.
 *
 * <p>Those are asked in a JVM whose zone is UTC, where every wall clock time exists once. Only the calendar of
 * java.sql's classes remains: it has no 5th to 14th of October 1582.
 */
final class Times<T> {
    private static final DateTimeFormatter WITH_OFFSET =
        DateTimeFormatter.ofPattern("uuuu-MM-dd['T'][' ']HH:mm:ss[.SSSSSSSSS][.SSSSSS][.SSS][.SS][.S][' '][XXXXX][X]");

    private interface Getter<T> {
        T get(ResultSet rows, int index) throws SQLException;
    }

    private final Class<T> type;
    private final Getter<T> older;
    private boolean isOld;
    private boolean isNew;

    private Times(Class<T> type, Getter<T> older) {
        this.type = type;
        this.older = older;
    }

    static Times<LocalDate> dates() {
        return new Times<>(LocalDate.class, (rows, index) -> {
            Date value = rows.getDate(index);
            return value == null ? null : value.toLocalDate();
        });
    }

    /** The text first: java.sql.Time has milliseconds at best. */
    static Times<LocalTime> times() {
        return new Times<>(LocalTime.class, (rows, index) -> {
            String text = rows.getString(index);
            try {
                return text == null ? null : LocalTime.parse(text.trim());
            } catch (DateTimeParseException error) {
                return wallClock(rows.getTime(index));
            }
        });
    }

    static Times<OffsetTime> offsetTimes() {
        return new Times<>(OffsetTime.class, (rows, index) -> {
            String text = rows.getString(index);
            try {
                return text == null ? null : OffsetTime.parse(text.trim());
            } catch (DateTimeParseException error) {
                return wallClock(rows.getTime(index)).atOffset(ZoneOffset.UTC);
            }
        });
    }

    private static LocalTime wallClock(Time value) {
        return LocalTime.ofNanoOfDay(Math.floorMod(value.getTime(), 86_400_000L) * 1_000_000);
    }

    static Times<LocalDateTime> timestamps() {
        return new Times<>(LocalDateTime.class, (rows, index) -> {
            Timestamp value = rows.getTimestamp(index);
            return value == null ? null : value.toLocalDateTime();
        });
    }

    static Times<OffsetDateTime> instants() {
        return new Times<>(OffsetDateTime.class, (rows, index) -> {
            Timestamp value = rows.getTimestamp(index);
            return value == null ? null : value.toLocalDateTime().atOffset(ZoneOffset.UTC);
        });
    }

    /** The text first: java.sql.Timestamp has no offset. */
    static Times<OffsetDateTime> offsets() {
        Times<OffsetDateTime> instants = instants();
        return new Times<>(OffsetDateTime.class, (rows, index) -> {
            String text = rows.getString(index);
            try {
                return text == null ? null : OffsetDateTime.parse(text.trim(), WITH_OFFSET);
            } catch (DateTimeParseException error) {
                return instants.older.get(rows, index);
            }
        });
    }

    /** The current row's value, or null. A driver shows what it can at the first value that is not null. */
    T get(ResultSet rows, int index) throws SQLException {
        if (isOld) {
            return older.get(rows, index);
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
        T value = older.get(rows, index);
        isOld = true;
        return value;
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
