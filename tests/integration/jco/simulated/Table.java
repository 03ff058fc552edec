package simulated;

import com.sap.conn.jco.JCoTable;
import java.util.ArrayList;
import java.util.List;

final class Table extends Cells implements JCoTable {
    private static final long serialVersionUID = 1L;
    private final transient List<Object[]> rows = new ArrayList<>();
    private int at = -1;

    Table(Fields fields) {
        super(fields);
    }

    @Override
    Object[] row() {
        return rows.get(at);
    }

    void clear() {
        rows.clear();
        at = -1;
    }

    List<Object> all() {
        List<Object> all = new ArrayList<>();
        for (at = 0; at < rows.size(); at++) {
            all.add(values());
        }
        return all;
    }

    @Override
    public int getNumRows() {
        return rows.size();
    }

    /** As documented: what is out of range moves to the first or to the last row. */
    @Override
    public void setRow(int pos) {
        at = Math.max(0, Math.min(pos, rows.size() - 1));
    }

    @Override
    public void appendRow() {
        rows.add(initial(fields));
        at = rows.size() - 1;
    }
}
