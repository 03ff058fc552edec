package simulated;

import com.sap.conn.jco.JCoListMetaData;
import com.sap.conn.jco.JCoRecordMetaData;
import com.sap.conn.jco.JCoRuntimeException;
import java.util.Arrays;
import java.util.List;

/** Metadata of parameters and of records, of lists: name, type, length, length in bytes, decimals, optional, fields. */
final class Fields implements JCoRecordMetaData, JCoListMetaData {
    private static final long serialVersionUID = 1L;
    private final String[] names;
    private final int[][] numbers;
    private final Fields[] within;

    @SuppressWarnings("unchecked")
    Fields(List<List<Object>> described) {
        int count = described.size();
        names = new String[count];
        numbers = new int[count][5];
        within = new Fields[count];
        for (int i = 0; i < count; i++) {
            List<Object> each = described.get(i);
            names[i] = (String) each.get(0);
            for (int k = 0; k < 5; k++) {
                numbers[i][k] = ((Number) each.get(k + 1)).intValue();
            }
            within[i] = each.get(6) == null ? null : new Fields((List<List<Object>>) each.get(6));
        }
    }

    Fields within(int index) {
        return within[index];
    }

    @Override
    public int getFieldCount() {
        return names.length;
    }

    @Override
    public String getName(int index) {
        return names[index];
    }

    @Override
    public boolean hasField(String fieldName) {
        return Arrays.asList(names).contains(fieldName);
    }

    @Override
    public int indexOf(String fieldName) {
        int index = Arrays.asList(names).indexOf(fieldName);
        if (index < 0) {
            throw new JCoRuntimeException(127, "JCO_ERROR_FIELD_NOT_FOUND", "Field " + fieldName + " not a member");
        }
        return index;
    }

    @Override
    public int getType(int index) {
        return numbers[index][0];
    }

    @Override
    public String getTypeAsString(int index) {
        return Integer.toString(getType(index));
    }

    @Override
    public int getLength(int index) {
        return numbers[index][1];
    }

    @Override
    public int getByteLength(int index) {
        return numbers[index][2];
    }

    @Override
    public int getDecimals(int index) {
        return numbers[index][3];
    }

    @Override
    public boolean isOptional(int index) {
        return numbers[index][4] != 0;
    }

    @Override
    public String getRecordTypeName(int index) {
        return "";
    }

    @Override
    public JCoRecordMetaData getRecordMetaData(int index) {
        return within[index];
    }
}
