package bridge.jco;

import com.sap.conn.jco.ext.DestinationDataEventListener;
import com.sap.conn.jco.ext.DestinationDataProvider;
import com.sap.conn.jco.ext.Environment;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;

/** What JCo may log on with, kept in memory: without a provider it would read files with passwords in them. */
final class Destinations implements DestinationDataProvider {
    private static Destinations registered; // JCo takes one a process
    private final Map<String, Properties> known = new ConcurrentHashMap<>();
    private volatile DestinationDataEventListener listener;
    private int count;

    private Destinations() {}

    static synchronized String add(Properties properties) {
        if (registered == null) {
            Destinations made = new Destinations();
            Environment.registerDestinationDataProvider(made);
            registered = made;
        }
        String name = "bridge-" + ++registered.count;
        registered.known.put(name, properties);
        return name;
    }

    /** JCo closes the connections it keeps for it. */
    static synchronized void remove(String name) {
        if (registered == null || registered.known.remove(name) == null) {
            return;
        }
        DestinationDataEventListener listener = registered.listener;
        if (listener != null) {
            listener.deleted(name);
        }
    }

    @Override
    public Properties getDestinationProperties(String destinationName) {
        return known.get(destinationName);
    }

    @Override
    public boolean supportsEvents() {
        return true;
    }

    @Override
    public void setDestinationDataEventListener(DestinationDataEventListener eventListener) {
        listener = eventListener;
    }
}
