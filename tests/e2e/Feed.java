import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import org.h2.tools.SimpleResultSet;
import sun.misc.Unsafe;

/** A table of H2 made by Java code inside the process that reads it: it grows, and dies, as files tell it. */
public final class Feed {
    private Feed() {}

    /** Rows 1 to the number in the file `rows`; with a file `trap` there, the process does not survive it. */
    public static ResultSet rows(Connection connection, String folder) throws Exception {
        SimpleResultSet result = new SimpleResultSet();
        result.addColumn("ID", Types.BIGINT, 19, 0);
        result.addColumn("PAYLOAD", Types.VARCHAR, 100, 0);
        if (connection.getMetaData().getURL().equals("jdbc:columnlist:connection")) {
            return result;
        }
        spring(Path.of(folder, "trap"));
        long last = Long.parseLong(Files.readString(Path.of(folder, "rows")).trim());
        for (long id = 1; id <= last; id++) {
            result.addRow(id, "row " + id);
        }
        return result;
    }

    /** A trap named `again` stays for the next process. */
    private static void spring(Path trap) throws Exception {
        if (!Files.exists(trap)) {
            return;
        }
        String[] words = Files.readString(trap).trim().split(" ");
        if (words.length == 1) {
            Files.delete(trap);
        }
        switch (words[0]) {
            case "exit" -> System.exit(0);
            case "oom" -> fill();
            case "segv" -> unsafe().putAddress(0, 0);
            default -> throw new IOException("no trap " + words[0]);
        }
    }

    private static void fill() {
        List<byte[]> all = new ArrayList<>();
        while (true) {
            all.add(new byte[1 << 20]);
        }
    }

    private static Unsafe unsafe() throws ReflectiveOperationException {
        Field field = Unsafe.class.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        return (Unsafe) field.get(null);
    }
}
