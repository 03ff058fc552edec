package old;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.DriverPropertyInfo;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.Statement;
import java.sql.Types;
import java.time.temporal.Temporal;
import java.util.Properties;
import java.util.logging.Logger;

/**
 * A driver of JDBC 3.0 for `jdbc:old:...`, H2's with what it did not have then taken away.
 *
 * <p>With `;MISSING=error` at the end of the URL it is a class compiled long ago, else one whose new methods refuse;
 * with `;MISSING=keys` it tells no keys, either; with `;MISSING=types` it takes each DOUBLE for what the column's
 * name says, as databases do that let a value be of another type than its column.
 */
public final class OldDriver implements Driver {
    private static final String PREFIX = "jdbc:old:";

    @Override public Connection connect(String url, Properties info) throws SQLException {
        if (!acceptsURL(url)) {
            return null;
        }
        String[] parts = url.substring(PREFIX.length()).split(";MISSING=");
        String missing = parts.length > 1 ? parts[1] : "";
        return (Connection) wrapped(new org.h2.Driver().connect("jdbc:h2:" + parts[0], info), missing);
    }

    private static Object wrapped(Object value, String missing) {
        for (Class<?> type : all()) {
            if (type.isInstance(value)) {
                Class<?>[] types = {type};
                return Proxy.newProxyInstance(OldDriver.class.getClassLoader(), types, handler(value, missing));
            }
        }
        return value;
    }

    private static Class<?>[] all() {
        return new Class<?>[] {
            PreparedStatement.class, Statement.class, ResultSet.class, ResultSetMetaData.class,
            DatabaseMetaData.class, Connection.class
        };
    }

    private static InvocationHandler handler(Object value, String missing) {
        return (proxy, method, arguments) -> {
            if (missing.equals("keys") && isOfKeys(method)) {
                throw new SQLFeatureNotSupportedException("not implemented: " + method.getName());
            }
            if (missing.equals("types") && method.getName().equals("getColumnType")) {
                return type((ResultSetMetaData) value, (Integer) arguments[0]);
            }
            if (isMissing(method, arguments)) {
                if (missing.equals("error") && isOfJdbc4(method)) {
                    throw new AbstractMethodError(method.getName());
                }
                throw new SQLException("not implemented: " + method.getName());
            }
            try {
                return wrapped(method.invoke(value, arguments), missing);
            } catch (InvocationTargetException error) {
                throw error.getCause();
            }
        };
    }

    private static int type(ResultSetMetaData columns, int index) throws SQLException {
        switch (columns.getColumnLabel(index)) {
            case "A_SMALLINT": return Types.SMALLINT;
            case "AN_INTEGER": return Types.INTEGER;
            case "A_BIGINT": return Types.BIGINT;
            case "A_REAL": return Types.REAL;
            default: return columns.getColumnType(index);
        }
    }

    private static boolean isOfKeys(Method method) {
        switch (method.getName()) {
            case "getPrimaryKeys": case "getIndexInfo": case "getTablePrivileges": return true;
            default: return false;
        }
    }

    private static boolean isMissing(Method method, Object[] arguments) {
        switch (method.getName()) {
            case "getObject": return arguments[arguments.length - 1] instanceof Class;
            case "setObject": return arguments[1] instanceof Temporal;
            case "setQueryTimeout": case "setReadOnly": case "setFetchSize": return true;
            default: return isOfJdbc4(method);
        }
    }

    private static boolean isOfJdbc4(Method method) {
        switch (method.getName()) {
            case "getObject": case "setNetworkTimeout": case "isValid": case "getSchema": case "setSchema": return true;
            default: return false;
        }
    }

    @Override public boolean acceptsURL(String url) {
        return url.startsWith(PREFIX);
    }

    @Override public DriverPropertyInfo[] getPropertyInfo(String url, Properties info) {
        return new DriverPropertyInfo[0];
    }

    @Override public int getMajorVersion() {
        return 1;
    }

    @Override public int getMinorVersion() {
        return 0;
    }

    @Override public boolean jdbcCompliant() {
        return false;
    }

    @Override public Logger getParentLogger() {
        throw new AbstractMethodError("getParentLogger");
    }

    static {
        try {
            DriverManager.registerDriver(new OldDriver());
        } catch (SQLException error) {
            throw new ExceptionInInitializerError(error);
        }
    }
}
