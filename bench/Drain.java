import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;

/** The driver's own limit: every value of a table through a typed getter, and nothing else. */
final class Drain {
    private static final int TURNS = 3;

    /** Once to warm the compiler up, then to measure: prints "warm", and rows a second. */
    public static void main(String[] told) throws Exception {
        String password = System.getenv("BENCH_PASSWORD");
        try (Connection database = DriverManager.getConnection(told[0], told[1], password)) {
            database.setAutoCommit(false);
            drain(database, told[2]);
            System.out.println("warm");
            long began = System.nanoTime();
            long rows = 0;
            for (int turn = 0; turn < TURNS; turn++) {
                rows += drain(database, told[2]);
            }
            System.out.println(rows * 1e9 / (System.nanoTime() - began));
        }
    }

    private static long drain(Connection database, String table) throws Exception {
        long rows = 0;
        long sum = 0;
        try (Statement statement = database.createStatement()) {
            statement.setFetchSize(5_000);
            try (ResultSet row = statement.executeQuery("SELECT * FROM " + table)) {
                while (row.next()) {
                    sum += row.getLong(1) + row.getString(2).length() + row.getString(3).length();
                    sum += row.getString(4).length() + row.getString(5).length() + row.getInt(6);
                    sum += row.getObject(7, java.time.LocalDate.class).getDayOfYear();
                    sum += row.getObject(8, java.time.LocalDateTime.class).getNano();
                    sum += row.getBoolean(9) ? 1 : 0;
                    rows++;
                }
            }
        }
        return sum == 0 ? 0 : rows;
    }
}
