"""What a database says decides whether it is tried again, and never with a secret in the text."""

from __future__ import annotations

import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import (
    BridgeError,
    BusyError,
    ConfigError,
    CredentialsError,
    GoneError,
    PermanentError,
    TransientError,
)
from connectors.jdbc.errors import CONNECTING, RULES, Fault, JvmError, Rule, judge, masked

PSQL = "org.postgresql.util.PSQLException"
H2 = "org.h2.jdbc.JdbcSQLException"
MARIA = "java.sql.SQLException"
SERVER = "com.microsoft.sqlserver.jdbc.SQLServerException"
AS400 = "com.ibm.as400.access.AS400SecurityException"

OF_HIS = "User (u)'s password"
FULL = "User 'u' has exceeded the 'max_user_connections' resource"
UNPREPARED = "Can't create more than max_prepared_stmt_count statements"

CASES: list[tuple[str, type[Exception], Fault]] = [
    ("PostgreSQL: wrong password", CredentialsError, Fault(PSQL, "password authentication failed", "28P01")),
    ("PostgreSQL: no such role", CredentialsError, Fault(PSQL, "no pg_hba.conf entry", "28000")),
    ("PostgreSQL: no password", CredentialsError, Fault(PSQL, "but no password was provided.", "08004")),
    ("H2: wrong password", CredentialsError, Fault(H2, "Wrong user name or password", "28000", 28000)),
    ("old H2: wrong password", CredentialsError, Fault(H2, "Wrong user name or password", "08004", 8004)),
    ("MariaDB: wrong password", CredentialsError, Fault(MARIA, "Access denied for user", "28000", 1045)),
    ("Oracle: wrong password", CredentialsError, Fault(MARIA, "ORA-01017", "72000", 1017)),
    ("Oracle: account locked", CredentialsError, Fault(MARIA, "ORA-28000", "99999", 28000)),
    ("SQL Server: wrong password", CredentialsError, Fault(SERVER, "Login failed", "S0001", 18456)),
    ("SQL Server: locked out", CredentialsError, Fault(SERVER, "Login failed", "S0001", 18486)),
    ("MariaDB: locked", CredentialsError, Fault(MARIA, "this account is locked", "HY000", 4151)),
    ("MariaDB: blocked", CredentialsError, Fault(MARIA, "User is blocked because of", "HY000", 4150)),
    ("MySQL: locked", CredentialsError, Fault(MARIA, "Account is locked.", "HY000", 3118)),
    ("MySQL: expired", CredentialsError, Fault(MARIA, "Your password has expired.", "HY000", 1862)),
    ("IBM i: wrong password", CredentialsError, Fault(AS400, "Password is incorrect.")),
    ("a window for a password", CredentialsError, Fault("java.awt.HeadlessException", "")),
    ("Db2: wrong password", CredentialsError, Fault(MARIA, "Security processing failed", "08001", -30082)),
    ("Informix: wrong password", CredentialsError, Fault(MARIA, "Incorrect password or", "IX000", -951)),
    ("Informix: his password is wrong", CredentialsError, Fault(MARIA, f"{OF_HIS} is not", "IX000", -952)),
    ("another code of Informix from Db2", BusyError, Fault(MARIA, "interrupted", "57014", -952)),
    ("IBM i: its exit program", TransientError, Fault(AS400, "Error occurred when calling exit program.")),
    ("IBM i: denied", CredentialsError, Fault(AS400, "Exit program denied request.")),
    ("IBM i: no space", TransientError, Fault(AS400, "System was not able to allocate space needed for")),
    ("a code of Informix from Db2", BusyError, Fault(MARIA, "it is in use", "55007", -951)),
    ("PostgreSQL: no such database", ConfigError, Fault(PSQL, "database does not exist", "3D000")),
    ("MariaDB: no such database", ConfigError, Fault(MARIA, "Unknown database", "42000", 1049)),
    ("MariaDB: no right", ConfigError, Fault(MARIA, "Access denied for u to database 'x'", "42000", 1044)),
    ("a code of H2 from MariaDB", TransientError, Fault(MARIA, "Something else", "HY000", 90149)),
    ("a code of Oracle from MariaDB", TransientError, Fault(MARIA, "Can't unlock file", "HY000", 1017)),
    ("a code of MariaDB from Oracle", TransientError, Fault(MARIA, "ORA-01045", "72000", 1045)),
    ("a code of MariaDB from SQL Server", TransientError, Fault(SERVER, "Something else", "S0001", 1049)),
    ("H2: no such database", ConfigError, Fault(H2, "Database not found", "90146", 90146)),
    ("no driver for the URL", ConfigError, Fault("java.sql.SQLException", "No suitable driver", "08001")),
    ("driver for a newer Java", ConfigError, Fault("java.lang.UnsupportedClassVersionError", "major 65")),
    ("half a driver", ConfigError, Fault("java.lang.NoClassDefFoundError", "org/slf4j/Logger")),
    ("refused connection", TransientError, Fault(PSQL, "Connection refused", "08001")),
    ("too many connections in PostgreSQL", TransientError, Fault(PSQL, "too many clients", "53300")),
    ("too many connections in MariaDB", TransientError, Fault(MARIA, "Too many connections", "08004", 1040)),
    ("an account's sessions in MariaDB", TransientError, Fault(MARIA, FULL, "42000", 1226)),
    ("no more statements in MariaDB", TransientError, Fault(MARIA, UNPREPARED, "42000", 1461)),
    ("an administrator's shutdown", TransientError, Fault(PSQL, "terminating connection", "57P01")),
    ("still starting", TransientError, Fault(PSQL, "the database system is starting up", "57P03")),
    ("statement time-out", BusyError, Fault(PSQL, "canceling statement", "57014")),
    ("idle in transaction", TransientError, Fault(PSQL, "terminating connection", "25P03")),
    ("deadlock", BusyError, Fault(PSQL, "deadlock detected", "40P01")),
    ("lock not available", BusyError, Fault(PSQL, "could not obtain lock", "55P03")),
    ("altered table", TransientError, Fault(PSQL, "cached plan must not change result type", "0A000")),
    ("H2 server gone", TransientError, Fault(H2, "Connection is broken", "90067", 90067)),
    ("H2 file in use", TransientError, Fault(H2, "Database may be already in use", "90020", 90020)),
    ("socket time-out", TransientError, Fault("java.net.SocketTimeoutException", "Read timed out")),
    ("nothing known", TransientError, Fault("com.vendor.StrangeException", "42")),
    ("no SELECT right", PermanentError, Fault(PSQL, "permission denied for table", "42501")),
    ("no SELECT right in MariaDB", PermanentError, Fault(MARIA, "SELECT command denied", "42000", 1142)),
    ("no such table", GoneError, Fault(PSQL, "relation does not exist", "42P01")),
    ("no such table in H2", GoneError, Fault(H2, 'Table "T" not found', "42S02", 42102)),
    ("no such schema in H2", GoneError, Fault(H2, 'Schema "S" not found', "90079", 90079)),
    ("no such table in MariaDB", GoneError, Fault(MARIA, "Table 'erp.t' doesn't exist", "42S02", 1146)),
    ("no such table in Derby", GoneError, Fault(MARIA, "Table/View 'T' does not exist", "42X05", 30000)),
    ("no such table in Oracle", GoneError, Fault(MARIA, "ORA-00942: table does not exist", "42000", 942)),
    ("no such table in SQL Server", GoneError, Fault(SERVER, "Invalid object name 't'", "S0002", 208)),
    ("no such table in Db2", GoneError, Fault(MARIA, "is an undefined name", "42704", -204)),
    ("no such column", PermanentError, Fault(MARIA, "Unknown column", "42S22", 1054)),
    ("a key of arrays in H2", PermanentError, Fault(H2, "are not comparable", "90110", 90110)),
    (
        "a key of rows in PostgreSQL",
        PermanentError,
        Fault(PSQL, "input of anonymous composite types", "0A000"),
    ),
    ("a value of the wrong type", PermanentError, Fault(PSQL, "invalid input syntax", "22P02")),
    ("stack overflow", JvmError, Fault("java.lang.StackOverflowError", "")),
    ("out of direct memory", JvmError, Fault("java.lang.OutOfMemoryError", "Direct buffer memory")),
]


def test_what_a_database_cannot_do_is_the_keys_or_the_querys() -> None:
    key = judge([Fault(PSQL, "input of anonymous composite types is not implemented", "0A000")], "table t")
    assert "`query`" not in str(key)
    query = judge([Fault(PSQL, "WITH clause containing a data-modifying statement", "0A000")], "table q")
    assert "correct the stream's `query`, or name other columns under `key`" in str(query)


@pytest.mark.parametrize(
    ("kind", "fault"), [pytest.param(kind, fault, id=name) for name, kind, fault in CASES]
)
def test_each_failure_has_its_consequence(kind: type[Exception], fault: Fault) -> None:
    error = judge([fault], "reading public.orders")
    assert type(error) is kind
    assert str(error).startswith("reading public.orders: ")
    assert not isinstance(error, BridgeError) or error.remedy


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (Fault(PSQL, "invalid value for parameter", "22023"), "check the URL and `properties`"),
        (Fault(PSQL, "permission denied for database", "42501"), "grant CONNECT"),
    ],
)
def test_while_connecting_there_is_no_row_and_no_table_to_look_at(fault: Fault, remedy: str) -> None:
    error = judge([fault], "connecting to db", rules=CONNECTING)
    assert type(error) is ConfigError
    assert remedy in str(error)


REFUSED = "The application server rejected the connection."


@pytest.mark.parametrize(
    "chain",
    [
        [Fault("java.sql.SQLNonTransientConnectionException", REFUSED, "08004"), Fault(AS400, "it is no")],
        [Fault(MARIA, f"{REFUSED} (Password is incorrect.)", "08004", -99999)],
        [Fault(MARIA, "Incorrect username or password was specified.", "08001", 390100)],
        [Fault(MARIA, "Connection exception - authentication failed.", "08004")],
    ],
)
def test_a_refused_log_on_is_never_taken_for_a_lost_connection(chain: list[Fault]) -> None:
    assert type(judge(chain, "connecting to db", rules=CONNECTING)) is CredentialsError


def test_a_log_in_fails_with_a_database_that_is_not_open_and_no_password_is_wrong() -> None:
    """SQL Server after a failover: the driver tells both."""
    chain = [
        Fault(SERVER, "Cannot open database", "S0001", 4060),
        Fault(SERVER, "Login failed", "S0001", 18456),
    ]
    for each in (chain, chain[::-1]):
        assert type(judge(each, "connecting to db", rules=CONNECTING)) is TransientError


TIMEOUT = "java.sql.SQLTimeoutException"
AWAY = "check that the database runs and can be reached"
SLOW = "raise statement_timeout and the stream's deadline"


@pytest.mark.parametrize(
    ("chain", "rules", "remedy"),
    [
        ([Fault(TIMEOUT, "Read timed out", "08000")], CONNECTING, AWAY),
        ([Fault(SERVER, "the login timed out", "HYT00")], CONNECTING, AWAY),
        (
            [Fault(MARIA, "(Read timed out)", "08000")],
            RULES,
            f"{AWAY}; where a statement takes so long, {SLOW}",
        ),
        (
            [Fault(PSQL, "an I/O error", "08006"), Fault("java.net.SocketTimeoutException", "")],
            RULES,
            f"{AWAY}; where a statement takes so long, {SLOW}",
        ),
        ([Fault(TIMEOUT, "ORA-01013", "72000", 1013)], RULES, f"add an index, or {SLOW}"),
    ],
)
def test_a_server_that_does_not_answer_is_told_from_a_slow_statement(
    chain: list[Fault], rules: Sequence[Rule], remedy: str
) -> None:
    error = judge(chain, "db", rules=rules)
    assert isinstance(error, TransientError)
    assert error.remedy == f"it is tried again; {remedy}"


def test_a_cause_decides_when_the_outer_exception_says_nothing() -> None:
    chain = [
        Fault("java.sql.SQLException", "it failed"),
        Fault("java.net.ConnectException", "Connection refused"),
    ]
    error = judge(chain, "connecting")
    assert type(error) is TransientError
    assert "it failed (Connection refused)" in str(error)


def test_credentials_decide_wherever_they_stand_in_the_chain() -> None:
    chain = [
        Fault(PSQL, "connection attempt failed", "08001"),
        Fault(PSQL, "password authentication failed", "28P01"),
    ]
    assert type(judge(chain, "connecting")) is CredentialsError


def test_an_error_of_the_jvm_is_not_hidden_in_an_sql_exception() -> None:
    chain = [Fault(H2, "General error", "50000", 50000), Fault("java.lang.InternalError", "broken")]
    assert type(judge(chain, "reading")) is JvmError


def test_the_schema_has_a_grant_of_its_own() -> None:
    told = judge([Fault(PSQL, "ERROR: permission denied for schema sales", "42501")], "x")
    assert isinstance(told, PermanentError)
    assert "USAGE on the schema" in told.remedy


def test_the_code_is_told_once() -> None:
    assert str(judge([Fault(PSQL, "denied", "42501")], "x")).count("42501") == 1
    assert str(judge([Fault(H2, "denied [90096-232]", "90096", 90096)], "x")).count("90096") == 1


LETTERS = string.ascii_letters + string.digits + "+/%$-_.!"


@given(
    secret=st.text(LETTERS, min_size=8, max_size=30),
    shape=st.sampled_from(
        [
            "jdbc:postgresql://bridge:{}@db/erp failed",
            "url jdbc:h2:x;PASSWORD={};USER=sa",
            "?user=bridge&password={}&ssl=true",
            "sslpassword = {} is wrong",
            "token: {}",
            "(pwd={})",
        ]
    ),
)
def test_what_stands_where_secrets_stand_is_masked(secret: str, shape: str) -> None:
    assert secret not in masked(shape.format(secret))


@given(before=st.text(), secret=st.text(LETTERS, min_size=6), after=st.text())
def test_a_known_secret_is_masked_anywhere_and_the_text_is_one_line(
    before: str, secret: str, after: str
) -> None:
    line = masked(before + secret + after, [secret])
    assert secret not in line.replace("***", "")
    assert len(line.splitlines()) <= 1
