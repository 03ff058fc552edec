package in.house;

import java.math.BigDecimal;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** As a connector that a company wrote for itself, or a vendor for many: nothing in it knows the bridge. */
public class MainframeConnector {
    private static int connections;
    private static int disconnections;
    private static volatile int naps;
    private final String host;
    private final int port;
    private boolean connected;

    public MainframeConnector(String host, int port) {
        this.host = host;
        this.port = port;
    }

    public static MainframeConnector create(Map<String, Object> settings) {
        return new MainframeConnector((String) settings.get("host"), (Integer) settings.get("port"));
    }

    public static int connections() {
        return connections;
    }

    public static int disconnections() {
        return disconnections;
    }

    public static int naps() {
        return naps;
    }

    public void connect() {
        if (port == 1) {
            throw new IllegalStateException("IEFA107I cannot connect as hunter2xyz", new java.net.ConnectException("refused"));
        }
        connected = true;
        connections++;
    }

    public void connect(String user, String password) throws javax.security.auth.login.LoginException {
        if (password.startsWith("told")) {
            throw new IllegalStateException("x".repeat(255) + " log-on with " + password + " refused");
        }
        if (password.equals("no realm")) {
            var away = new javax.security.auth.login.LoginException("the realm is not there");
            away.initCause(new java.net.ConnectException("refused"));
            throw away;
        }
        if (password.equals("late")) {
            throw new LogonTimeoutException();
        }
        if (!password.equals("hunter2xyz")) {
            throw new SecurityException("ICH408I user " + user + " gave a wrong password");
        }
        connect();
    }

    public void disconnect() {
        connected = false;
        disconnections++;
        synchronized (this) {
            notifyAll();
        }
    }

    public Answer executeTransaction(String transaction, Map<String, String> fields) throws Exception {
        if (!connected) {
            throw new IllegalStateException("not connected");
        }
        String id = fields.get("CUSTOMER_ID");
        switch (id) {
            case "404":
                return new Answer(transaction, "CUSTOMER INQUIRY\nMESSAGE: DFHXX404 NO SUCH CUSTOMER\n");
            case "405":
                throw new Exception("CUSTOMER 405 NOT ON FILE");
            case "500":
                return new Answer(transaction, "DFHAC2206 TRANSACTION CUSTINQ FAILED WITH ABEND ASRA\n");
            case "501":
                throw new Exception("ABEND ASRA for 501");
            case "600":
                connected = false;
                return new Answer(transaction, "DFHAC2001 SIGN ON AGAIN\n");
            case "700":
                return null;
            case "900":
                naps++;
                Thread.sleep(60_000);
                return null;
            case "901":
                synchronized (this) {
                    while (connected) {
                        try {
                            wait();
                        } catch (InterruptedException heedless) {
                            // As one that waits on a socket.
                        }
                    }
                }
                throw new java.net.SocketException("Socket closed");
            case "999":
                throw new NoClassDefFoundError("com/ibm/ctg/client/JavaGateway");
            default:
                String balance = id.equals("7") ? "?????" : "1.234,5" + id.charAt(0) + "-";
                String shown = id.equals("7") || id.equals("8") ? "0000000" + id : id;
                return new Answer(
                        transaction,
                        "CUSTOMER INQUIRY\nCUSTOMER ID: " + shown + "\nREQUEST: " + fields.get("REQUEST_TYPE")
                                + "\nNAME: M\u00dcLLER " + id + "\nBALANCE: " + balance + "\n");
        }
    }

    /** A COMMAREA, as the CICS Transaction Gateway's ECI takes and answers it. */
    public byte[] flow(String program, byte[] area, int length) {
        String asked = new String(area, 0, 8, Charset.forName("IBM037"));
        byte[] answer = new byte[length];
        System.arraycopy(area, 0, answer, 0, 8);
        System.arraycopy(("NAME " + asked).getBytes(Charset.forName("IBM037")), 0, answer, 8, 13);
        byte[] balance = {0x00, 0x12, 0x34, 0x5D};
        System.arraycopy(balance, 0, answer, 21, 4);
        return answer;
    }

    public Map<String, Object> customers(long limit) {
        List<Object> rows = new ArrayList<>();
        for (int id = 1; id <= limit; id++) {
            rows.add(new Customer(id));
        }
        Map<String, Object> found = new LinkedHashMap<>();
        found.put("result", Map.of("rows", rows));
        return found;
    }

    /** Java cuts texts where it likes. */
    public List<Map<String, Object>> halves() {
        return List.of(
                Map.of("id", 1, "name", "one"),
                Map.of("id", 2, "name", "\uD800x", "more", List.of("y\uDC00")),
                Map.of("id", 3, "name", "\uD83D\uDE00"));
    }

    public static class LogonTimeoutException extends RuntimeException {}

    public enum Status {
        ACTIVE,
        CLOSED
    }

    public static class Answer {
        private final String transaction;
        private final String screen;

        Answer(String transaction, String screen) {
            this.transaction = transaction;
            this.screen = screen;
        }

        public String getTransaction() {
            return transaction;
        }

        public String getScreenData() {
            return screen;
        }
    }

    public static class Customer {
        private final int id;

        Customer(int id) {
            this.id = id;
        }

        public int getId() {
            return id;
        }

        public BigDecimal getBalance() {
            return id == 3 ? null : new BigDecimal("-12.50").add(BigDecimal.valueOf(id));
        }

        public boolean isActive() {
            return id % 2 == 1;
        }

        public Object getSince() {
            return id == 4 ? "yesterday" : java.time.LocalDate.of(2020, 2, id);
        }

        public Status getStatus() {
            return Status.CLOSED;
        }

        public Optional<String> getNote() {
            return Optional.of("note " + id);
        }

        public char[] getCode() {
            return new char[] {'A', 'B'};
        }

        public List<Map<String, Object>> getOrders() {
            return List.of(Map.of("number", 9_000_000_000L + id, "lines", new int[] {1, 2}));
        }
    }
}
