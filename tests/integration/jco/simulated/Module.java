package simulated;

import com.sap.conn.jco.JCoDestination;
import com.sap.conn.jco.JCoException;
import com.sap.conn.jco.JCoFunction;
import com.sap.conn.jco.JCoFunctionTemplate;
import com.sap.conn.jco.JCoListMetaData;
import com.sap.conn.jco.JCoParameterList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A function's template; a direction without parameters has no list, as in JCo. */
final class Module implements JCoFunctionTemplate {
    private static final long serialVersionUID = 1L;
    private final String name;
    private final transient Map<String, Fields> lists = new HashMap<>();

    Module(String name, Map<String, List<List<Object>>> described) {
        this.name = name;
        described.forEach((direction, fields) -> {
            if (!fields.isEmpty()) {
                lists.put(direction, new Fields(fields));
            }
        });
    }

    @Override
    public JCoListMetaData getImportParameterList() {
        return lists.get("import");
    }

    @Override
    public JCoListMetaData getExportParameterList() {
        return lists.get("export");
    }

    @Override
    public JCoListMetaData getChangingParameterList() {
        return lists.get("changing");
    }

    @Override
    public JCoListMetaData getTableParameterList() {
        return lists.get("tables");
    }

    @Override
    public JCoFunction getFunction() {
        return new Call();
    }

    private final class Call implements JCoFunction {
        private static final long serialVersionUID = 1L;
        private final transient Map<String, Structure> values = new HashMap<>();

        Call() {
            lists.forEach((direction, fields) -> values.put(direction, new Structure(fields)));
        }

        @Override
        public JCoParameterList getImportParameterList() {
            return values.get("import");
        }

        @Override
        public JCoParameterList getExportParameterList() {
            return values.get("export");
        }

        @Override
        public JCoParameterList getChangingParameterList() {
            return values.get("changing");
        }

        @Override
        public JCoParameterList getTableParameterList() {
            return values.get("tables");
        }

        @Override
        public void execute(JCoDestination destination) throws JCoException {
            Map<String, Object> sent = new HashMap<>();
            for (String direction : new String[] {"import", "changing", "tables"}) {
                if (values.containsKey(direction)) {
                    sent.putAll(values.get(direction).sent());
                }
            }
            Map<String, Object> told =
                    ((Destination) destination).on(connection -> Destination.backend.call(connection, name, sent));
            values.forEach((direction, list) -> {
                if (!direction.equals("import")) {
                    list.load(told);
                }
            });
        }
    }
}
