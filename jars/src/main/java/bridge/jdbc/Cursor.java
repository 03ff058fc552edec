package bridge.jdbc;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.time.DateTimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/**
 * A running query, read batch by batch into Arrow's buffers. One thread reads; `cancel` may come from another.
 *
 * <p>A row that does not fit its declared types (a NaN in a NUMERIC, an infinite date) is a reject and not an error.
 */
public final class Cursor implements AutoCloseable {
    private static final char BETWEEN_FIELDS = '\u001f';
    private static final char BETWEEN_COLUMNS = '\u001e';
    private static final String ESCAPE = "\u001b";
    private static final int MOST_ROWS = 16_384;
    private static final int FIRST_FETCH = 100;
    private static final int FETCH_BYTES = 1 << 20;
    private static final int FEWER = 10;
    /** Statement -> how many of its rows come at a time at most, since more of them did not fit into the driver. */
    private static final Map<String, Integer> WIDE = new ConcurrentHashMap<>();

    private final Connection connection;
    private final PreparedStatement statement;
    private final String sql;
    private final int fetchSize;
    private int fetch;
    private ResultSet rows;
    private Column[] columns = {};
    private Refusals refusals = new Refusals(new String[0], new int[0]);
    private int capacity;
    private boolean waiting;

    /** @param fetchSize the most rows a round trip brings; fewer when they are wide */
    public Cursor(Connection connection, String sql, Object[] values, int fetchSize, int timeout) throws SQLException {
        this.connection = connection;
        this.sql = sql;
        this.fetchSize = WIDE.getOrDefault(sql, fetchSize);
        fetch = Math.min(FIRST_FETCH, this.fetchSize);
        statement = connection.prepareStatement(sql, ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY);
        try {
            bound(timeout);
            for (int i = 0; i < values.length; i++) {
                Times.bind(statement, i + 1, values[i]);
            }
        } catch (SQLException | RuntimeException error) {
            statement.close();
            throw error;
        }
    }

    /** Neither is more than a wish: a driver may know neither, and the connection is cut in the end. */
    private void bound(int timeout) {
        try {
            statement.setFetchSize(fetch);
            statement.setQueryTimeout(timeout);
        } catch (SQLException ignored) {
            // A connection that is gone is found by what comes next.
        }
    }

    /** Run the query; returns a line a column: name, java.sql.Types code, type name, precision, scale, 1 when signed. */
    public String execute() throws SQLException {
        try {
            rows = statement.executeQuery();
        } catch (SQLException error) {
            throw tooWide(error);
        }
        waiting = next();
        return described();
    }

    private boolean next() throws SQLException {
        try {
            return rows.next();
        } catch (SQLException error) {
            throw tooWide(error);
        }
    }

    /** PostgreSQL's driver lets go of a connection that brings more at once than it may keep: then fewer rows. */
    private SQLException tooWide(SQLException error) {
        if (!String.valueOf(error.getMessage()).contains("maxResultBuffer")) {
            return error;
        } else if (fetch == 1) {
            return new SQLException("one row is wider than a quarter of the heap", "54000", error);
        }
        WIDE.put(sql, Math.max(1, fetch / FEWER));
        return error;
    }

    /** Run a query that brings no row, mostly, and end its transaction; false: it does, or has other columns. */
    public boolean isQuiet(String description) throws SQLException {
        boolean quiet = execute().equals(description) && !waiting;
        close();
        connection.rollback();
        return quiet;
    }

    /** The same outside a transaction, which in some databases saves a round trip. */
    public boolean isQuietAlone(String description) throws SQLException {
        connection.setAutoCommit(true);
        try (this) {
            return execute().equals(description) && !waiting;
        } finally {
            if (!connection.isClosed()) {
                connection.setAutoCommit(false);
            }
        }
    }

    private String described() throws SQLException {
        ResultSetMetaData meta = rows.getMetaData();
        StringBuilder text = new StringBuilder();
        for (int i = 1; i <= meta.getColumnCount(); i++) {
            text.append(escaped(meta.getColumnLabel(i))).append(BETWEEN_FIELDS).append(meta.getColumnType(i))
                .append(BETWEEN_FIELDS).append(escaped(meta.getColumnTypeName(i)))
                .append(BETWEEN_FIELDS).append(meta.getPrecision(i))
                .append(BETWEEN_FIELDS).append(meta.getScale(i))
                .append(BETWEEN_FIELDS).append(meta.isSigned(i) ? 1 : 0).append(BETWEEN_COLUMNS);
        }
        return text.toString();
    }

    /** Names may have what stands between them, too: as types.py has it again. */
    private static String escaped(String name) {
        return String.valueOf(name).replace(ESCAPE, ESCAPE + 0).replace(String.valueOf(BETWEEN_COLUMNS), ESCAPE + 1)
            .replace(String.valueOf(BETWEEN_FIELDS), ESCAPE + 2);
    }

    /** The columns' names that have no UTF-8 form, as far as they can be told. */
    public String oddNames() throws SQLException {
        ResultSetMetaData meta = rows.getMetaData();
        List<String> names = new ArrayList<>();
        for (int i = 1; i <= meta.getColumnCount(); i++) {
            if (Utf8.isBroken(meta.getColumnLabel(i))) {
                names.add(Utf8.told(meta.getColumnLabel(i)));
            }
        }
        return String.join(", ", names);
    }

    /**
     * @param kinds see Column.of
     * @param keys places (from 0) of the columns that a reject is known by: these are never cut
     * @param limit the most bytes of a value; 0: as many as can be
     * @param oversize what becomes of longer ones: "truncate", or "reject" the row
     */
    public void bind(String[] kinds, int[] keys, int limit, String oversize) {
        refusals = new Refusals(kinds, keys);
        columns = new Column[kinds.length];
        capacity = 0;
        for (int i = 0; i < kinds.length; i++) {
            int place = i;
            boolean cuts = "truncate".equals(oversize) && IntStream.of(keys).noneMatch(key -> key == place);
            columns[i] = Column.of(kinds[i], i + 1).limited(limit == 0 ? Varying.LARGEST : limit, cuts);
        }
    }

    /** Is there a row that was not read yet? */
    public boolean waiting() {
        return waiting;
    }

    /**
     * Rows of the last batch that were no rows: how many rows came before it, the reason, then for each column that it
     * is known by null, or where that cannot be read, the driver's own text. The values are packed (Packer.packKeys).
     */
    public String[][] rejects() {
        return refusals.told();
    }

    /** Read at most `most` rows and about `bytes` bytes; returns the rows read, rejects not counted. */
    public int read(int most, long bytes) throws SQLException {
        for (Column column : columns) {
            column.reset();
        }
        refusals.reset();
        int count = 0;
        long size = 0;
        while (waiting && count + refusals.count() < most && count < MOST_ROWS && size < bytes) {
            ensure(count + 1);
            int added = readRow(count);
            if (added >= 0) {
                size += added;
                count++;
            }
            if (count == FIRST_FETCH) {
                fetchFor(size / count);
            }
            waiting = next();
        }
        if (count > 0 && waiting) {
            fetchFor(size / count);
        }
        return count;
    }

    private void ensure(int rows) {
        if (rows <= capacity) {
            return;
        }
        capacity = Math.max(256, capacity * 4);
        for (Column column : columns) {
            column.grow(capacity);
        }
    }

    private int readRow(int row) throws SQLException {
        int size = 0;
        int i = 0; // outside the loop, because a reject names its column
        try {
            for (; i < columns.length; i++) {
                size += columns[i].read(rows, row);
            }
        } catch (ArithmeticException | DateTimeException error) {
            String reason = error.getMessage();
            reject(row, i, reason.endsWith(" overflow") ? "is out of the range of its type" : reason);
            return -1;
        } catch (SQLException error) {
            if (!isOfTheRow(error)) {
                throw error;
            }
            reject(row, i, "does not fit its type (SQLState " + error.getSQLState() + ")");
            return -1;
        }
        for (Column column : columns) {
            column.accept(row);
        }
        return size;
    }

    /** A value is wrong, and not all is; 22005 is "assignment": Derby's word for a Java class it does not know. */
    static boolean isOfTheRow(SQLException error) {
        String state = error.getSQLState();
        return state != null && state.startsWith("22") && !state.equals("22005");
    }

    private void reject(int row, int column, String reason) throws SQLException {
        refusals.add(rows, row, "column " + rows.getMetaData().getColumnLabel(column + 1) + ": " + reason);
    }

    private void fetchFor(long bytesPerRow) {
        try {
            fetch = (int) Math.max(1, Math.min(fetchSize, FETCH_BYTES / Math.max(1, bytesPerRow)));
            rows.setFetchSize(fetch);
        } catch (SQLException ignored) {
            // As above.
        }
    }

    Column[] columns() {
        return columns;
    }

    Refusals refusals() {
        return refusals;
    }

    /** From any thread. Does not wait: against a silent server the cancelling itself hangs in many drivers. */
    public void cancel() {
        Thread thread = new Thread(this::cancelNow, "jdbc-cancel");
        thread.setDaemon(true);
        thread.start();
    }

    private void cancelNow() {
        try {
            statement.cancel();
        } catch (SQLException ignored) {
            // Ended meanwhile, or out of reach: then the socket is shut.
        }
    }

    /** The result first: MariaDB's driver passes over what is left of it, of a statement it loads all that. */
    @Override
    public void close() throws SQLException {
        try {
            if (rows != null) {
                rows.close();
            }
        } finally {
            statement.close();
        }
    }
}
