"""What databases do differently: one row of a table each. A database without a row works by the defaults.

Tests run PostgreSQL, H2, MariaDB, Derby and HSQLDB; the others are written by their manuals.
"""

from __future__ import annotations

from dataclasses import replace

from connectors.jdbc.dialect import ARRAY, Dialect, Transactions

GENERIC = Dialect(name="database", loose=True)
_LIMIT, _FETCH = "LIMIT {rows}", "FETCH FIRST {rows} ROWS ONLY"

_JAVA_OBJECT = 2000
_POSTGRESQL_TEXTS = (
    *("bit", "varbit", "money", "uuid", "json", "jsonb", "jsonpath", "interval", "inet", "cidr", "macaddr"),
    *("macaddr8", "point", "line", "lseg", "box", "path", "polygon", "circle", "tsvector", "tsquery"),
    *("hstore", "citext", "ltree", "pg_lsn", "xid", "xid8", "tid", "int4range", "int8range", "numrange"),
    *("tsrange", "tstzrange", "daterange", "int4multirange", "int8multirange", "nummultirange"),
    *("tsmultirange", "tstzmultirange", "datemultirange", "regclass", "regtype", "regproc"),
)

_POSTGRESQL = Dialect(
    name="postgresql",
    driver="org.postgresql.Driver",
    coordinates="org.postgresql:postgresql",
    port=5432,
    properties={
        "ApplicationName": "legacy-bridge",
        "connectTimeout": "{login}",
        "loginTimeout": "{login}",
        "socketTimeout": "{socket}",
        "cancelSignalTimeout": "2",
        # Text is compared with a column of any type (uuid, enum, inet) as a value of that type.
        "stringtype": "unspecified",
        # Values come in binary, a sixth cheaper; no plan is kept, so that a table may change between polls.
        "prepareThreshold": "-1",
        "preparedStatementCacheQueries": "0",
        # Of the heap: more in one round trip is an error, and rows then come fewer at a time (Cursor.java).
        "maxResultBuffer": "25p",
        # Arrays are read as text, and the driver's own rendering of binary ones is not the server's.
        "binaryTransferDisable": ",".join(
            f"{name}_ARRAY" for name in ("INT2", "INT4", "INT8", "FLOAT4", "FLOAT8", "TEXT", "VARCHAR")
        ),
    },
    page=_LIMIT,
    probe="LIMIT 1",
    # Its driver only sees to it in transactions that it begins itself.
    fence="SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    # Holds while a statement is parsed, too, when the driver's own time-out and cancel() do not.
    on_connect=(
        "SET statement_timeout = {statement_ms}",
        "SET intervalstyle = 'iso_8601'",
        # A pass over a table without a key would be cut between two polls, and begun anew for ever; how long
        # nobody asks for more is bounded here (REST_S). Older servers do not have all of these.
        (
            "SELECT count(set_config(name, CASE name WHEN 'idle_in_transaction_session_timeout' THEN '60s'"
            " ELSE '0' END, false)) FROM pg_settings WHERE name IN"
            " ('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')"
        ),
        # Bridges know each other by it, also where the operator has given them another name.
        (
            "SELECT set_config(name, 'legacy-bridge ' || setting, false) FROM pg_settings"
            " WHERE name = 'application_name' AND setting <> 'legacy-bridge'"
        ),
    ),
    session="SELECT pg_backend_pid()",
    identity="SELECT current_database() || '@' || system_identifier FROM pg_control_system()",
    # Before version 11 there are none, nor a column that would tell.
    included="SELECT x.relname, to_json(i) ->> 'indnkeyatts' FROM pg_index i"
    " JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid"
    " JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = ? AND t.relname = ?"
    " AND (to_json(i) ->> 'indnkeyatts')::int < i.indnatts",
    clock="SELECT extract(epoch FROM clock_timestamp())",
    # now() is the time a transaction began, before it wrote anything and so has an id. Prepared ones have no
    # session, and nothing tells when they began; other bridges only read.
    transactions=Transactions(
        oldest="SELECT extract(epoch FROM least(min(xact_start), (SELECT min(prepared) FROM pg_prepared_xacts"
        " WHERE database = current_database()))) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND application_name <> 'legacy-bridge'"
        " AND application_name NOT LIKE 'legacy-bridge %' AND query NOT LIKE 'autovacuum:%'",
        seen="SELECT count(*) FROM pg_roles WHERE rolname IN ('pg_read_all_stats', current_user)"
        " AND (rolsuper OR rolname <> current_user AND pg_has_role(oid, 'USAGE'))",
        grant="GRANT pg_read_all_stats TO {user}",
        standby="SELECT pg_is_in_recovery()::int",
        prepared="SELECT current_setting('max_prepared_transactions')",
    ),
    types={
        "timestamptz": "instant",
        "timetz": "offset_time_text",
        "oid": "int64",
        **dict.fromkeys((*_POSTGRESQL_TEXTS, ARRAY), "text"),
    },
    exact_digits=True,
)

_H2 = Dialect(
    name="h2",
    driver="org.h2.Driver",
    coordinates="com.h2database:h2",
    port=9092,
    embedded=r"jdbc:h2:(?!tcp:|ssl:)",
    properties={"NETWORK_TIMEOUT": "{socket_ms}"},
    # Without it H2 builds the whole result before the first row comes.
    on_connect=("SET LAZY_QUERY_EXECUTION 1",),
    page=_LIMIT,
    identity="SELECT DATABASE_PATH()",
    clock="SELECT EXTRACT(EPOCH FROM CURRENT_TIMESTAMP)",
    types={
        "DECFLOAT": "number",
        _JAVA_OBJECT: "binary",
        **dict.fromkeys(("UUID", "JSON", "ENUM", "INTERVAL", "GEOMETRY"), "text"),
    },
    exact_digits=True,
)

_MARIADB = Dialect(
    name="mariadb",
    driver="org.mariadb.jdbc.Driver",
    coordinates="org.mariadb.jdbc:mariadb-java-client",
    port=3306,
    properties={
        "connectTimeout": "{login_ms}",
        "socketTimeout": "{socket_ms}",
        # Rows come in binary: as text a FLOAT has six digits. No plan is kept, so that a table may change.
        "useServerPrepStmts": "true",
        "cachePrepStmts": "false",
    },
    # The server sends on by itself: it is only how many the driver holds, and more are no faster.
    fetch_rows=1,
    on_connect=(
        # Else a TIMESTAMP would come as the server's wall clock has it, twice the same in an hour in autumn.
        "SET time_zone = '+00:00'",
        # Administrators limit accounts by it: the end of a table would be cut off without a word.
        "SET sql_select_limit = 18446744073709551615",
    ),
    # Its driver only notes that it is to be so.
    fence="SET SESSION TRANSACTION READ ONLY",
    page=_LIMIT,
    clock="SELECT UNIX_TIMESTAMP(NOW(6))",
    # A DATETIME is most often what the server's clock shows.
    offset="SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(),"
    " CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@GLOBAL.time_zone))",
    transactions=Transactions(
        # In the machine's zone, whatever the session's is; the hour that comes twice is taken for its second
        # time. What it shows is as old as the last look that came a tenth of a second after the one before,
        # whoever looks. Of a statement that waits for a table, NOW() has been since it came, and no
        # transaction has begun; threads of a replication wait for ever, for something to do.
        oldest="SELECT UNIX_TIMESTAMP(LEAST(NOW(6) - INTERVAL 2 SECOND, COALESCE(LEAST("
        "CONVERT_TZ(MIN(trx_started), 'SYSTEM', @@session.time_zone), INTERVAL 1 HOUR +"
        " CONVERT_TZ(MIN(trx_started) - INTERVAL 1 HOUR, 'SYSTEM', @@session.time_zone)), NOW(6)), COALESCE(("
        "SELECT MIN(NOW(6) - INTERVAL time + 1 SECOND) FROM information_schema.processlist"
        " WHERE state LIKE 'Waiting for %' AND command IN ('Query', 'Execute') AND user <> 'system user'"
        "), NOW(6))))"
        " FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()"
        # Those that may not write, as this bridge's: the pass over a table without a key takes its time.
        " AND NOT (trx_is_read_only = 1 AND trx_autocommit_non_locking = 0)",
        # Where it lacks these columns, they would be taken for none (before MariaDB 10.0, MySQL 5.6).
        seen="SELECT COUNT(*) + 1 FROM information_schema.innodb_trx"
        " WHERE trx_is_read_only + trx_autocommit_non_locking >= 0",
        grant="GRANT PROCESS ON *.* TO {user}",
        # Of MariaDB 12 it is a word.
        standby="SELECT CAST(@@GLOBAL.read_only AS CHAR) NOT IN ('0', 'OFF')",
        every=1.0,
    ),
    # They are sorted by the order of their definition, but compared with text as text; by the connection's
    # collation, which may take two of their members for one.
    sorted_as=dict.fromkeys(("ENUM", "SET"), "CAST({} AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin"),
    types={
        "TIMESTAMP": "instant",
        # From -838 to 838 hours, and no time of day.
        "TIME": "span_text",
        "YEAR": "int16",
        # Is TINYINT(1), which holds -128 to 127.
        "BOOLEAN": "flag",
        "uuid": "text",
    },
    exact_digits=True,
)

_MYSQL = replace(
    _MARIADB,
    name="mysql",
    fetch_rows=5_000,
    driver="com.mysql.cj.jdbc.Driver",
    coordinates="com.mysql:mysql-connector-j",
    properties={
        **_MARIADB.properties,
        # Rows come piece by piece, not all of a result at once.
        "useCursorFetch": "true",
        "connectionTimeZone": "UTC",
        # As MariaDB's driver does by itself.
        "transformedBitIsBoolean": "true",
        "zeroDateTimeBehavior": "CONVERT_TO_NULL",
    },
    types={**_MARIADB.types, "TIME": "sent_span_text"},
    exact_digits=False,
    lengths={"TIME": 10, "DATETIME": 19, "TIMESTAMP": 19},
)

_ORACLE = Dialect(
    name="oracle",
    driver="oracle.jdbc.OracleDriver",
    coordinates="com.oracle.database.jdbc:ojdbc11",
    port=1521,
    properties={"oracle.net.CONNECT_TIMEOUT": "{login_ms}", "oracle.jdbc.ReadTimeout": "{socket_ms}"},
    # Rows are compared and sorted in one order; the driver takes the language of its machine otherwise.
    on_connect=("ALTER SESSION SET NLS_SORT = BINARY NLS_COMP = BINARY",),
    clock='SELECT TO_CHAR(SYS_EXTRACT_UTC(SYSTIMESTAMP), \'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"\') FROM DUAL',
    offset="SELECT EXTRACT(TIMEZONE_HOUR FROM SYSTIMESTAMP) * 3600"
    " + EXTRACT(TIMEZONE_MINUTE FROM SYSTIMESTAMP) * 60 FROM DUAL",
    transactions=Transactions(
        oldest="SELECT TO_CHAR(SYS_EXTRACT_UTC(FROM_TZ(CAST(MIN(start_date) AS TIMESTAMP),"
        " TO_CHAR(SYSTIMESTAMP, 'TZH:TZM'))), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM gv$transaction",
        local=True,
        # Of all instances of a cluster.
        seen="SELECT COUNT(*) + 1 FROM gv$transaction",
        grant="GRANT SELECT ON gv_$transaction TO {user}",
        standby="SELECT CASE SYS_CONTEXT('USERENV', 'DATABASE_ROLE') WHEN 'PRIMARY' THEN 0 ELSE 1 END"
        " FROM DUAL",
    ),
    types={
        "TIMESTAMP WITH TIME ZONE": "offset_text",
        "TIMESTAMP WITH LOCAL TIME ZONE": "instant",
        "BINARY_FLOAT": "float32",
        "BINARY_DOUBLE": "float64",
        6: "number",  # FLOAT(126) has 38 decimal digits
        **dict.fromkeys(("INTERVALYM", "INTERVALDS", "ROWID", "UROWID", "JSON"), "text"),
    },
    whole_digits=18,
)

_SQL_SERVER = Dialect(
    name="sqlserver",
    driver="com.microsoft.sqlserver.jdbc.SQLServerDriver",
    coordinates="com.microsoft.sqlserver:mssql-jdbc",
    port=1433,
    properties={
        "applicationName": "legacy-bridge",
        "loginTimeout": "{login}",
        "socketTimeout": "{socket_ms}",
    },
    clock="SELECT CONVERT(varchar(33), SYSUTCDATETIME(), 126) + 'Z'",
    offset="SELECT DATEDIFF(second, SYSUTCDATETIME(), SYSDATETIME())",
    transactions=Transactions(
        oldest="SELECT CONVERT(varchar(33), DATEADD(second,"
        " DATEDIFF(second, SYSDATETIME(), SYSUTCDATETIME()), MIN(t.transaction_begin_time)), 126) + 'Z'"
        " FROM sys.dm_tran_active_transactions t JOIN sys.dm_tran_session_transactions s"
        " ON s.transaction_id = t.transaction_id WHERE s.session_id <> @@SPID AND s.is_user_transaction = 1",
        local=True,
        seen="SELECT COUNT(*) + 1 FROM sys.dm_tran_active_transactions",
        grant="GRANT VIEW SERVER STATE TO {user}",
    ),
    # Text is bound as NVARCHAR, whose order is not VARCHAR's by collations of SQL Server's own; a time as
    # DATETIME2, to which a DATETIME's thirds of a hundredth are not what they are read as.
    bound_as={
        **dict.fromkeys(("char", "varchar"), "CAST(? AS varchar(8000))"),
        "datetime": "CAST(? AS datetime)",
    },
    types={"datetimeoffset": "offset_text", **dict.fromkeys(("uniqueidentifier", "sql_variant"), "text")},
    # Without it DATETIME2's seventh digit would not fit.
    exact_digits=True,
)

# LUW and z/OS, which refuses to tell its transactions.
_DB2 = Dialect(
    name="db2",
    driver="com.ibm.db2.jcc.DB2Driver",
    coordinates="com.ibm.db2:jcc",
    port=50000,
    properties={"loginTimeout": "{login}", "blockingReadConnectionTimeout": "{socket}"},
    page=_FETCH,
    identity="SELECT CURRENT SERVER FROM SYSIBM.SYSDUMMY1",
    clock="SELECT VARCHAR_FORMAT(CURRENT TIMESTAMP - CURRENT TIMEZONE, 'YYYY-MM-DD HH24:MI:SS.FF6') || 'Z'"
    " FROM SYSIBM.SYSDUMMY1",
    offset="SELECT INTEGER(CURRENT TIMEZONE / 10000) * 3600"
    " + INTEGER(MOD(CURRENT TIMEZONE, 10000) / 100) * 60 FROM SYSIBM.SYSDUMMY1",
    transactions=Transactions(
        oldest="SELECT VARCHAR_FORMAT(MIN(uow_start_time) - CURRENT TIMEZONE, 'YYYY-MM-DD HH24:MI:SS.FF6')"
        " || 'Z' FROM TABLE(MON_GET_UNIT_OF_WORK(NULL, -2)) WHERE uow_stop_time IS NULL"
        " AND application_handle <> MON_GET_APPLICATION_HANDLE()",
        local=True,
        seen="SELECT COUNT(*) FROM TABLE(MON_GET_UNIT_OF_WORK(NULL, -2))",
        grant="GRANT EXECUTE ON FUNCTION SYSPROC.MON_GET_UNIT_OF_WORK TO USER {user}",
    ),
    types={"DECFLOAT": "number"},
)

_DB2_FOR_I = replace(
    _DB2,
    name="db2i",
    scheme="as400:",
    driver="com.ibm.as400.access.AS400JDBCDriver",
    coordinates="net.sf.jt400:jt400",
    port=8471,
    properties={
        "login timeout": "{login}",
        "socket timeout": "{socket_ms}",
        # It would ask for another password in a window, and fail for want of one.
        "prompt": "false",
        "naming": "sql",
        "date format": "iso",
        "time format": "iso",
    },
    transactions=None,
)

_DERBY = Dialect(
    name="derby",
    coordinates="org.apache.derby:derby",
    port=1527,
    embedded=r"jdbc:derby:(?!//)",
    fence="",
    page=_FETCH,
    exact_digits=True,
)

_HSQLDB = Dialect(
    name="hsqldb",
    driver="org.hsqldb.jdbc.JDBCDriver",
    coordinates="org.hsqldb:hsqldb",
    port=9001,
    embedded=r"jdbc:hsqldb:(?!hsqls?:|https?:)",
    fence="",
    page=_LIMIT,
    clock="VALUES UNIX_MILLIS() / 1000.0",
    types={"UUID": "text", "INTERVAL": "text", "OTHER": "binary"},
    exact_digits=True,
)

_INFORMIX = Dialect(
    name="informix",
    scheme="informix",
    driver="com.informix.jdbc.IfxDriver",
    coordinates="com.ibm.informix:jdbc",
    port=9088,
    properties={
        "LOGINTIMEOUT": "{login_ms}",
        "IFX_SOC_TIMEOUT": "{socket_ms}",
        # Names may be quoted.
        "DELIMIDENT": "Y",
    },
    # Writers do not block it.
    on_connect=("SET ISOLATION TO COMMITTED READ LAST COMMITTED",),
    clock="SELECT sh_curtime FROM sysmaster:sysshmvals",
    types={"INTERVAL": "text"},
)

_SYBASE = Dialect(
    name="sybase",
    driver="com.sybase.jdbc4.jdbc.SybDriver",
    jar="jconn",
    port=5000,
    properties={"LOGINTIMEOUT": "{login}", "APPLICATIONNAME": "legacy-bridge"},
    # The latter may be set by a trigger on log-in: the end of a table would be cut off.
    on_connect=("SET QUOTED_IDENTIFIER ON", "SET ROWCOUNT 0"),
    clock="SELECT DATEDIFF(ss, '19700101', GETUTCDATE())",
    offset="SELECT DATEDIFF(ss, GETUTCDATE(), GETDATE())",
    transactions=Transactions(
        oldest="SELECT DATEDIFF(ss, '19700101', MIN(starttime)) - DATEDIFF(ss, GETUTCDATE(), GETDATE())"
        " FROM master..syslogshold WHERE spid NOT IN (0, @@spid)",
        local=True,
        seen="SELECT COUNT(*) + 1 FROM master..syslogshold",
        grant="GRANT SELECT ON master..syslogshold TO {user}",
    ),
)

# An older driver for SQL Server and Sybase.
_JTDS = replace(
    _SYBASE,
    name="jtds",
    driver="net.sourceforge.jtds.jdbc.Driver",
    coordinates="net.sourceforge.jtds:jtds",
    jar=None,
    port=1433,
    properties={"appName": "legacy-bridge", "loginTimeout": "{login}", "socketTimeout": "{socket}"},
    transactions=None,
)

DIALECTS = (
    *(_POSTGRESQL, _H2, _MARIADB, _MYSQL, _ORACLE, _SQL_SERVER, _DB2, _DB2_FOR_I),
    *(_DERBY, _HSQLDB, _INFORMIX, _SYBASE, _JTDS),
)


def dialect_of(url: str) -> Dialect:
    return next((dialect for dialect in DIALECTS if url.startswith(dialect.url)), GENERIC)
