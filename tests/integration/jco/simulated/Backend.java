package simulated;

import com.sap.conn.jco.JCoException;
import java.util.List;
import java.util.Map;

/** The system behind the simulated JCo; Python implements it. Errors: JCo's own. */
public interface Backend {
    /** A connection that has logged on. */
    long logon(Map<Object, Object> properties) throws JCoException;

    void logoff(long connection);

    void ping(long connection) throws JCoException;

    /** SystemID, Client, User, Release, Host, Codepage, bytes per character. */
    String[] attributes(long connection) throws JCoException;

    /** For each direction (import, export, changing, tables) its fields, as Fields takes them; null: no function. */
    Map<String, List<List<Object>>> describe(long connection, String function) throws JCoException;

    Map<String, Object> call(long connection, String function, Map<String, Object> parameters) throws JCoException;

    /** What is done on a connection. */
    interface Use<T> {
        T on(long connection) throws JCoException;
    }
}
