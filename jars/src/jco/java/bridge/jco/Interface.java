package bridge.jco;

import com.sap.conn.jco.JCoException;
import com.sap.conn.jco.JCoFunctionTemplate;
import com.sap.conn.jco.JCoListMetaData;
import com.sap.conn.jco.JCoMetaData;
import com.sap.conn.jco.JCoRecordMetaData;
import com.sap.conn.jco.JCoRepository;

/**
 * The interface of a function, as JSON: {import: [...], export, changing, tables}, each parameter and field
 * {name, type, length, decimals, optional, fields}. Types that have no value of their own are left out.
 */
final class Interface {
    private final JCoRepository repository;
    private final Json json = new Json();

    private Interface(JCoRepository repository) {
        this.repository = repository;
    }

    static byte[] of(JCoFunctionTemplate template, JCoRepository repository) throws JCoException {
        Interface made = new Interface(repository);
        made.json.sign('{');
        made.parameters("import", template.getImportParameterList());
        made.json.sign(',');
        made.parameters("export", template.getExportParameterList());
        made.json.sign(',');
        made.parameters("changing", template.getChangingParameterList());
        made.json.sign(',');
        made.parameters("tables", template.getTableParameterList());
        made.json.sign('}');
        return made.json.bytes();
    }

    static boolean isText(int type) {
        switch (type) {
            case JCoMetaData.TYPE_NUM:
            case JCoMetaData.TYPE_STRING:
            case JCoMetaData.TYPE_UTCLONG:
            case JCoMetaData.TYPE_UTCSECOND:
            case JCoMetaData.TYPE_UTCMINUTE:
            case JCoMetaData.TYPE_DTDAY:
            case JCoMetaData.TYPE_DTWEEK:
            case JCoMetaData.TYPE_DTMONTH:
            case JCoMetaData.TYPE_TSECOND:
            case JCoMetaData.TYPE_TMINUTE:
            case JCoMetaData.TYPE_CDAY:
                return true;
            default:
                return false;
        }
    }

    private void parameters(String direction, JCoListMetaData list) throws JCoException {
        name(direction);
        fields(list, list);
    }

    /** `list`: the same where these are parameters, else null. */
    private void fields(JCoMetaData data, JCoListMetaData list) throws JCoException {
        json.sign('[');
        int count = data == null ? 0 : data.getFieldCount();
        for (int i = 0; i < count; i++) {
            if (i > 0) {
                json.sign(',');
            }
            json.sign('{');
            name("name");
            json.text(data.getName(i));
            number("type", data.getType(i));
            number("length", data.getType(i) == JCoMetaData.TYPE_BCD ? data.getByteLength(i) : data.getLength(i));
            number("decimals", data.getDecimals(i));
            number("optional", list != null && list.isOptional(i) ? 1 : 0);
            json.sign(',');
            name("fields");
            fields(isRecord(data.getType(i)) ? record(data, i) : null, null);
            json.sign('}');
        }
        json.sign(']');
    }

    private static boolean isRecord(int type) {
        return type == JCoMetaData.TYPE_STRUCTURE || type == JCoMetaData.TYPE_TABLE;
    }

    /** Where it is known by its name only, the repository has it. */
    private JCoMetaData record(JCoMetaData data, int at) throws JCoException {
        JCoRecordMetaData known = data.getRecordMetaData(at);
        return known != null ? known : repository.getRecordMetaData(data.getRecordTypeName(at));
    }

    private void number(String name, int value) {
        json.sign(',');
        name(name);
        json.number(value);
    }

    private void name(String name) {
        json.quoted(Json.ascii(name));
        json.sign(':');
    }
}
