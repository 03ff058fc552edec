package simulated;

import com.sap.conn.jco.JCoAttributes;
import com.sap.conn.jco.JCoDestination;
import com.sap.conn.jco.JCoException;
import com.sap.conn.jco.JCoFunctionTemplate;
import com.sap.conn.jco.JCoRecordMetaData;
import com.sap.conn.jco.JCoRepository;
import com.sap.conn.jco.ext.DestinationDataEventListener;
import com.sap.conn.jco.ext.DestinationDataProvider;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;

/** A destination with its pool; within begin() and end() of a thread its calls share one connection. */
public final class Destination implements JCoDestination {
    public static volatile Backend backend;
    private static final Map<String, Destination> KNOWN = new ConcurrentHashMap<>();
    public static final DestinationDataEventListener LISTENER = new Listener();

    private final Properties properties;
    private final ThreadLocal<long[]> context = new ThreadLocal<>();
    private final Deque<Long> pool = new ArrayDeque<>();
    private final Repository repository = new Repository();
    private volatile boolean valid = true;

    private Destination(Properties properties) {
        this.properties = properties;
    }

    public static Destination of(String name, DestinationDataProvider provider) throws JCoException {
        Properties told = provider == null ? null : provider.getDestinationProperties(name);
        if (told == null) {
            throw new JCoException(106, "JCO_ERROR_RESOURCE", "Destination " + name + " does not exist");
        }
        return KNOWN.computeIfAbsent(name, key -> new Destination(told));
    }

    public static int known() {
        return KNOWN.size();
    }

    public void begin() {
        if (context.get() == null) {
            context.set(new long[] {0});
        }
    }

    public void end() {
        long[] held = context.get();
        context.remove();
        if (held != null && held[0] != 0) {
            backend.logoff(held[0]);
        }
    }

    <T> T on(Backend.Use<T> use) throws JCoException {
        if (!valid) {
            throw new JCoException(180, "JCO_ERROR_DESTINATION_DATA_INVALID", "the destination was deleted");
        }
        long[] held = context.get();
        if (held == null) {
            return pooled(use);
        }
        if (held[0] == 0) {
            held[0] = backend.logon(properties);
        }
        return use.on(held[0]);
    }

    private <T> T pooled(Backend.Use<T> use) throws JCoException {
        Long free;
        synchronized (pool) {
            free = pool.poll();
        }
        long connection = free != null ? free : backend.logon(properties);
        T told = use.on(connection);
        synchronized (pool) {
            if (valid && pool.size() < Integer.parseInt(properties.getProperty("jco.destination.pool_capacity", "1"))) {
                pool.add(connection);
                return told;
            }
        }
        backend.logoff(connection);
        return told;
    }

    @Override
    public JCoAttributes getAttributes() throws JCoException {
        return new Attributes(on(backend::attributes));
    }

    @Override
    public JCoRepository getRepository() {
        return repository;
    }

    @Override
    public void ping() throws JCoException {
        on(connection -> {
            backend.ping(connection);
            return null;
        });
    }

    private static final class Listener implements DestinationDataEventListener {
        @Override
        public void deleted(String destinationName) {
            Destination gone = KNOWN.remove(destinationName);
            if (gone != null) {
                synchronized (gone.pool) {
                    gone.valid = false;
                    gone.pool.forEach(backend::logoff);
                    gone.pool.clear();
                }
            }
        }

        @Override
        public void updated(String destinationName) {
            throw new UnsupportedOperationException();
        }
    }

    /** It asks on a connection of the pool, whatever the thread holds. */
    private final class Repository implements JCoRepository {
        private final Map<String, Module> templates = new ConcurrentHashMap<>();

        @Override
        public JCoFunctionTemplate getFunctionTemplate(String functionName) throws JCoException {
            Module known = templates.get(functionName);
            if (known == null) {
                Map<String, List<List<Object>>> told = pooled(each -> backend.describe(each, functionName));
                if (told == null) {
                    return null;
                }
                known = new Module(functionName, told);
                templates.put(functionName, known);
            }
            return known;
        }

        @Override
        public JCoRecordMetaData getRecordMetaData(String recordName) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void clear() {
            templates.clear();
        }
    }

    private static final class Attributes implements JCoAttributes {
        private static final long serialVersionUID = 1L;
        private final String[] told;

        Attributes(String[] told) {
            this.told = told;
        }

        @Override
        public String getSystemID() {
            return told[0];
        }

        @Override
        public String getClient() {
            return told[1];
        }

        @Override
        public String getUser() {
            return told[2];
        }

        @Override
        public String getPartnerRelease() {
            return told[3];
        }

        @Override
        public String getPartnerHost() {
            return told[4];
        }

        @Override
        public String getPartnerCodepage() {
            return told[5];
        }

        @Override
        public int getPartnerBytesPerChar() {
            return Integer.parseInt(told[6]);
        }
    }
}
