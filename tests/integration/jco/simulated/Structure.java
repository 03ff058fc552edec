package simulated;

import com.sap.conn.jco.JCoParameterList;
import com.sap.conn.jco.JCoStructure;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;

/** A structure, or a list of parameters, which remembers what was set. */
final class Structure extends Cells implements JCoStructure, JCoParameterList {
    private static final long serialVersionUID = 1L;
    private final transient Object[] row;
    private final BitSet touched = new BitSet();

    Structure(Fields fields) {
        super(fields);
        row = initial(fields);
    }

    @Override
    Object[] row() {
        return row;
    }

    /** What is sent: JCo leaves out parameters that nobody has set. */
    Map<String, Object> sent() {
        Map<String, Object> values = new LinkedHashMap<>();
        touched.stream().forEach(i -> values.put(fields.getName(i), plain(row[i])));
        return values;
    }

    @Override
    public void setValue(int index, String value) {
        touched.set(index);
        super.setValue(index, value);
    }

    @Override
    public void setValue(int index, byte[] value) {
        touched.set(index);
        super.setValue(index, value);
    }

    @Override
    public JCoStructure getStructure(int index) {
        touched.set(index);
        return super.getStructure(index);
    }

    @Override
    public com.sap.conn.jco.JCoTable getTable(int index) {
        touched.set(index);
        return super.getTable(index);
    }
}
