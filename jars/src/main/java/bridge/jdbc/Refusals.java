package bridge.jdbc;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.DateTimeException;
import java.util.ArrayList;
import java.util.List;

/** The rows of a batch that are no rows: why, and what they are known by, read as of any other row. */
final class Refusals {
    private final Column[] columns;
    private final List<String[]> told = new ArrayList<>();
    private int capacity;

    /** @param keys places (from 0) of the columns that such a row is known by: whole, however long they are */
    Refusals(String[] kinds, int[] keys) {
        columns = new Column[keys.length];
        for (int i = 0; i < keys.length; i++) {
            columns[i] = Column.of(kinds[keys[i]], keys[i] + 1);
        }
    }

    void reset() {
        told.clear();
        for (Column column : columns) {
            column.reset();
        }
    }

    int count() {
        return told.size();
    }

    Column[] columns() {
        return columns;
    }

    /** See Cursor.rejects. */
    String[][] told() {
        return told.toArray(new String[0][]);
    }

    void add(ResultSet rows, int before, String reason) throws SQLException {
        ensure(count() + 1);
        String[] one = new String[columns.length + 2];
        one[0] = Integer.toString(before);
        one[1] = reason;
        for (int i = 0; i < columns.length; i++) {
            one[i + 2] = read(columns[i], rows);
        }
        told.add(one);
    }

    /** Null; of a value that cannot be read, either, the driver's own text (Utf8.told). */
    private String read(Column column, ResultSet rows) throws SQLException {
        try {
            column.read(rows, count());
            column.accept(count());
            return null;
        } catch (ArithmeticException | DateTimeException error) {
            return text(column, rows);
        } catch (SQLException error) {
            if (!Cursor.isOfTheRow(error)) {
                throw error;
            }
            return text(column, rows);
        }
    }

    private String text(Column column, ResultSet rows) throws SQLException {
        column.leave(count());
        column.accept(count());
        try {
            String text = column.isText() ? rows.getString(column.index) : null;
            return text == null ? "" : Utf8.told(text);
        } catch (ArithmeticException | DateTimeException error) {
            return "";
        } catch (SQLException error) {
            if (!Cursor.isOfTheRow(error)) {
                throw error;
            }
            return "";
        }
    }

    private void ensure(int rows) {
        if (rows <= capacity) {
            return;
        }
        capacity = Math.max(16, capacity * 4);
        for (Column column : columns) {
            column.grow(capacity);
        }
    }
}
