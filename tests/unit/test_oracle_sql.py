"""The peer's SQL: what the manuals' forms answer, and that nothing else passes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.testing.oracle.datatypes import Type, parse_type
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.evaluate import describe, execute
from bridge.testing.oracle.grammar.sql import parse
from bridge.testing.oracle.session import Answer, Session
from bridge.testing.oracle.store import Store, View
from bridge.testing.oracle.tables import STATE, Column, Kind
from bridge.testing.oracle.values import DaySecond, Fields, Json, Obj, RowId, Stamp, Xml, YearMonth

ORDERS = [
    ("ID", "NUMBER(10)"),
    ("CUSTOMER", "VARCHAR2(30)"),
    ("AMOUNT", "NUMBER(12,2)"),
    ("PLACED", "TIMESTAMP(6)"),
]


@pytest.fixture
def store() -> Store:
    store = Store(lambda: 1_700_000_000_123_456_789)
    dual = (Column.declared("DUMMY", "VARCHAR2(1)"),)
    store.register(View("SYS", "DUAL", dual, lambda *_: [("X",)]), "DUAL")
    store.create("SALES", "ORDERS", ORDERS, key=["ID"])
    store.create("SALES", "CUSTOMERS", [("NAME", "VARCHAR2(30)"), ("CITY", "VARCHAR2(30)")], key=["NAME"])
    placed = dt.datetime(2026, 1, 2, 3, 4, 5, 678000)  # noqa: DTZ001
    names = ["ann", "bob", "ann", None, "eve"]
    store.insert(
        "SALES.ORDERS",
        [
            {"ID": at, "CUSTOMER": name, "AMOUNT": Decimal(at) / 4, "PLACED": placed}
            for at, name in enumerate(names)
        ],
    )
    store.insert("SALES.CUSTOMERS", [{"NAME": "ann", "CITY": "Rome"}, {"NAME": "bob", "CITY": "Oslo"}])
    return store


@pytest.fixture
def session(store: Store) -> Session:
    return Session(store, "SALES")


Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def ask(session: Session) -> Ask:
    return lambda text, **binds: list(execute(session, text, binds).rows)


@pytest.fixture
def value(ask: Ask) -> Callable[..., Any]:
    """What an expression comes to."""

    def one(expression: str, **binds: Any) -> Any:
        [(found,)] = ask(f"SELECT {expression} FROM dual", **binds)
        return found

    return one


def refused(code: int) -> Any:
    return pytest.raises(OracleError, match=f"ORA-{code:05d}")


# -- what is not known is refused


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELEC 1 FROM dual", 900),
        ("", 900),
        ("LOCK TABLE orders IN EXCLUSIVE MODE", 900),
        ("SELECT 1 FROM dual WHERE", 936),
        ("SELECT 1 FROM dual x y", 933),
        ("SELECT 1 FROM dual; SELECT 2 FROM dual", 933),
        ("SELECT 'open FROM dual", 1756),
        ("SELECT 1 ? FROM dual", 911),
        ("SELECT id FROM nowhere", 942),
        ("SELECT id FROM orders WHERE ROWID = CHARTOROWID(:rowid)", 1745),
        ("SELECT id FROM orders WHERE id = :Level", 1745),
        ("SELECT id AS rowid FROM orders", 923),
        ("SELECT id number FROM orders", 923),
        ("SELECT id FROM orders date", 933),
        ("SELECT comment FROM orders", 936),
        ("SELECT o.level FROM orders o", 1747),
        ("SELECT id FROM level", 903),
        ("UPDATE orders SET date = 1", 1747),
        ("CREATE TABLE file (id NUMBER)", 903),
        ("CREATE TABLE places (row NUMBER)", 904),
        ("SELECT nothing FROM orders", 904),
        ("SELECT o.nothing FROM orders o", 904),
        ("SELECT NO_SUCH_FUNCTION(1) FROM dual", 904),
        ("SELECT DBMS_NOWHERE.F FROM dual", 904),
        ("SELECT id FROM orders o JOIN orders p ON o.id = p.id", 918),
        ("SELECT customer, COUNT(*) FROM orders", 937),
        ("SELECT amount FROM orders GROUP BY customer", 979),
        ("SELECT id FROM orders WHERE COUNT(*) > 1", 934),
        ("SELECT id FROM orders WHERE ROW_NUMBER() OVER (ORDER BY id) = 1", 30483),
        ("SELECT NTILE(4) OVER () FROM orders", 30485),
        ("SELECT id FROM orders WHERE amount", 920),
        ("SELECT id FROM orders ORDER BY 2", 1785),
        ("SELECT (SELECT id FROM orders) FROM dual", 1427),
        ("SELECT 1, 2 FROM dual UNION SELECT 1 FROM dual", 1789),
        ("SELECT 1 FROM dual UNION SELECT 'x' FROM dual", 1790),
        ("SELECT CASE WHEN 1 = 1 THEN 1 ELSE 'x' END FROM dual", 932),
        ("SELECT 1 + 'x' FROM dual", 1722),
        ("SELECT 1 / 0 FROM dual", 1476),
        ("SELECT NVL(1) FROM dual", 909),
        ("SELECT id FROM orders WHERE id IN (SELECT id, amount FROM orders)", 913),
        ("SELECT id FROM orders WHERE ROWID = 'nonsense'", 1410),
        ("SELECT TO_DATE('2026-13-01', 'YYYY-MM-DD') FROM dual", 1843),
        ("SELECT DATE '2026-02-30' FROM dual", 1839),
        ("SELECT TO_CHAR(SYSDATE, 'FF3') FROM dual", 1821),
        ("SELECT TO_CHAR(LOCALTIMESTAMP, 'TZH') FROM dual", 1821),
        ("SELECT TO_CHAR(1, 'not a model') FROM dual", 1481),
        ("SELECT SYS_CONTEXT('USERENV', 'NOTHING') FROM dual", 2003),
        ("SELECT versions_startscn FROM orders", 904),
        ("SELECT id FROM orders t AS OF SCN 1", 933),
        ("SELECT id FROM orders VERSIONS BETWEEN SCN 1 AND", 936),
        ("SELECT * FROM dual AS OF SCN 5", 8187),
        ("INSERT INTO orders (id) VALUES (1, 2)", 913),
        ("INSERT INTO orders (id) VALUES (1)", 1),
        ("INSERT INTO orders (customer) VALUES ('x')", 1400),
        ("INSERT INTO orders (id) VALUES (12345678901)", 1438),
        ("INSERT INTO customers (name) VALUES ('a name of more than thirty characters')", 12899),
        ("UPDATE orders SET id = NULL WHERE id = 1", 1407),
        ("ALTER SESSION SET NOTHING = 1", 2248),
        ("ALTER SYSTEM FLUSH SHARED_POOL", 940),
        ("BEGIN nothing.such; END;", 6550),
    ],
)
def test_what_is_not_known_or_not_right_is_refused(session: Session, text: str, code: int) -> None:
    with refused(code):
        execute(session, text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT CASE WHEN 1 = 1 THEN l END FROM large", 997),
        ("SELECT UPPER(l) FROM large", 932),
        ("SELECT l FROM large ORDER BY l", 997),
        ("SELECT 1 FROM large WHERE c = 'x'", 932),
        ("SELECT DISTINCT c FROM large", 932),
        ("SELECT c, COUNT(*) FROM large GROUP BY c", 932),
        ("SELECT b || 'x' FROM large", 932),
        ("SELECT TO_CHAR(c) FROM large", 22835),
        ("SELECT DISTINCT id FROM orders ORDER BY amount", 1791),
        (f"SELECT id FROM orders WHERE id IN ({', '.join(['1'] * 1001)})", 1795),
        ("SELECT id = 1 FROM orders", 923),
        ("SELECT 1", 923),
        (f"SELECT {'x' * 129} FROM orders", 972),
        ("SELECT ROWIDTOCHAR(ROWID) FROM indexed", 1410),
        ("SELECT CHARTOROWID('*BAEA') FROM dual", 1410),
    ],
)
def test_what_oracle_cannot_do_with_a_value_is_refused(
    store: Store, session: Session, text: str, code: int
) -> None:
    store.create("SALES", "LARGE", [("L", "LONG"), ("C", "CLOB"), ("B", "BLOB")])
    store.insert("SALES.LARGE", [{"L": "x", "C": "x" * 4001, "B": b"x"}])
    store.create("SALES", "INDEXED", [("ID", "NUMBER")], key=["ID"], kind=Kind.IOT)
    store.insert("SALES.INDEXED", [{"ID": 1}])
    with refused(code):
        execute(session, text)


def test_every_bind_must_be_given(session: Session) -> None:
    with refused(1008):
        execute(session, "SELECT :a, :b FROM dual", {"a": 1})
    with refused(1036):
        execute(session, "SELECT :a FROM dual", [1, 2])


WORDS = st.sampled_from(
    [
        *(
            "SELECT",
            "FROM",
            "WHERE",
            "ORDER BY",
            "GROUP BY",
            "AS OF SCN",
            "VERSIONS BETWEEN SCN",
            "AND",
            "OR",
        ),
        *(
            "NOT",
            "IN",
            "(",
            ")",
            ",",
            "*",
            "=",
            ">",
            "||",
            "+",
            "1",
            "'a'",
            "NULL",
            "id",
            "orders",
            "dual",
            "t.",
        ),
        *(
            "COUNT(*)",
            "MAX(id)",
            "NTILE(2) OVER (ORDER BY id)",
            "CASE WHEN",
            "THEN",
            "END",
            "JOIN",
            "ON",
            "t",
        ),
        *(
            "ROWID",
            "ROWNUM",
            ":x",
            "UNION",
            "DELETE",
            "UPDATE",
            "SET",
            "INSERT INTO",
            "VALUES",
            "FETCH FIRST",
        ),
        *("ROWS ONLY", "CAST(", "AS", "NUMBER(3)", "INTERVAL", "DATE", "'2026-01-01'", "WITH", "EXISTS"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(words=st.lists(WORDS, max_size=12))
def test_whatever_is_sent_the_answer_is_rows_or_a_code_of_oracle(words: list[str]) -> None:
    store = Store()
    store.create("SALES", "ORDERS", ORDERS, key=["ID"])
    store.insert("SALES.ORDERS", [{"ID": 1}])
    try:
        answer = execute(Session(store, "SALES"), "SELECT " + " ".join(words), {"x": 1, "X": 1})
    except OracleError:
        return
    assert all(len(row) == len(answer.columns) for row in answer.rows)


# -- expressions


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("1 / 4", Decimal("0.25")),
        ("-2 - -3", 1),
        ("'a' || NULL || 1", "a1"),
        ("'12' + 1", 13),
        ("NVL(NULL, 'x')", "x"),
        ("COALESCE(NULL, NULL, 3)", 3),
        ("NVL2(NULL, 1, 2)", 2),
        ("NULLIF(1, 1)", None),
        ("DECODE(NULL, 1, 'one', NULL, 'none', 'other')", "none"),
        ("GREATEST(1, 3, 2)", 3),
        ("LEAST('b', 'a')", "a"),
        ("GREATEST(1, NULL)", None),
        ("CASE WHEN NULL = NULL THEN 'equal' ELSE 'unknown' END", "unknown"),
        ("CASE 2 WHEN 1 THEN 'one' WHEN 2 THEN 'two' END", "two"),
        ("UPPER('a') || LOWER('B') || INITCAP('cd ef')", "AbCd Ef"),
        ("SUBSTR('oracle', 2, 3)", "rac"),
        ("SUBSTR('oracle', -2)", "le"),
        ("INSTR('oracle', 'a')", 3),
        ("LENGTH('')", None),
        ("LPAD('7', 3, '0')", "007"),
        ("TRIM(LEADING '0' FROM '007')", "7"),
        ("REPLACE('a-b', '-')", "ab"),
        ("TRUNC(-1.57, 1)", Decimal("-1.5")),
        ("ROUND(2.5)", 3),
        ("MOD(-7, 3)", -1),
        ("TO_NUMBER('1.50')", Decimal("1.5")),
        ("RAWTOHEX(HEXTORAW('0aff'))", "0AFF"),
        ("Q'[it's]'", "it's"),
        ("CAST('1.239' AS NUMBER(3,2))", Decimal("1.24")),
        ("CAST('oracle' AS VARCHAR2(3))", "ora"),
        ("EXTRACT(YEAR FROM DATE '2026-05-06')", 2026),
        ("EXTRACT(SECOND FROM TIMESTAMP '2026-05-06 01:02:03.25')", Decimal("3.25")),
        ("JSON_VALUE('{\"a\":[{\"b\":1.50}]}', '$.a[0].b' RETURNING NUMBER)", Decimal("1.5")),
        ("DBMS_LOB.GETLENGTH(TO_CLOB('abc'))", 3),
        ("XMLSERIALIZE(CONTENT XMLTYPE('<a/>') AS CLOB)", "<a/>"),
    ],
)
def test_an_expression_comes_to(value: Callable[..., Any], expression: str, expected: Any) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0.5", ".5"),
        ("-0.25", "-.25"),
        ("100", "100"),
        ("1E40", "1" + "0" * 40),
        ("12345678901234567890123456789012345678.9", "12345678901234567890123456789012345678.9"),
        ("1E-20", "." + "0" * 19 + "1"),
        ("1E70", "1E+70"),
    ],
)
def test_the_minimal_text_of_a_number_has_all_its_digits(
    value: Callable[..., Any], number: str, text: str
) -> None:
    """TM9 gives up to 64 characters; what is wider comes in powers of ten."""
    assert value(f"TO_CHAR(TO_NUMBER('{number}'), 'TM9')") == text


@pytest.mark.parametrize(
    ("number", "model", "text"),
    [
        ("1234.5", "9999.99", " 1234.50"),
        ("-1234.5", "9,999.9", "-1,234.5"),
        ("1234.5", "FM9990.00", "1234.50"),
        ("0.5", "FM9990.00", "0.50"),
        ("5", "0000", " 0005"),
        ("12345", "999", "####"),
        ("255", "FMXX", "FF"),
    ],
)
def test_a_number_is_laid_under_its_model(
    value: Callable[..., Any], number: str, model: str, text: str
) -> None:
    assert value(f"TO_CHAR({number}, '{model}')") == text


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("TO_CHAR(DATE '2026-05-06', 'YYYY-MM-DD\"T\"HH24:MI:SS')", "2026-05-06T00:00:00"),
        ("TO_CHAR(TIMESTAMP '2026-05-06 13:14:15.123456789', 'HH12.MI.SS.FF3 AM')", "01.14.15.123 PM"),
        ("TO_CHAR(TIMESTAMP '2026-05-06 13:14:15.1 -03:30', 'FF9 TZH:TZM')", "100000000 -03:30"),
        ("TO_CHAR(TIMESTAMP '2026-05-06 13:14:15 -03:30' AT TIME ZONE 'UTC', 'HH24:MI')", "16:44"),
        ("TO_CHAR(SYS_EXTRACT_UTC(TIMESTAMP '2026-05-06 13:14:15 +02:00'), 'HH24:MI')", "11:14"),
        ("TO_CHAR(DATE '-4712-01-01', 'SYYYY-MM-DD')", "-4712-01-01"),
        ("TO_CHAR(DATE '2026-05-06', 'DD-MON-RR')", "06-MAY-26"),
        ("TO_CHAR(DATE '2026-05-06' + 1.5, 'MM-DD HH24')", "05-07 12"),
        ("TO_CHAR(ADD_MONTHS(DATE '2026-01-31', 1), 'MM-DD')", "02-28"),
        ("TO_CHAR(TRUNC(TIMESTAMP '2026-05-06 13:14:15.9', 'HH24'), 'HH24:MI:SS')", "13:00:00"),
        ("TO_CHAR(INTERVAL '1 02:03:04.5' DAY TO SECOND)", "+000000001 02:03:04.500000000"),
        ("TO_CHAR(DATE '2026-05-06' + INTERVAL '1-1' YEAR TO MONTH, 'YYYY-MM-DD')", "2027-06-06"),
        ("TO_CHAR(TO_TIMESTAMP_TZ('2026-05-06 1:2:3.4 +05:30', 'YYYY-MM-DD HH24:MI:SS.FF TZH:TZM'), 'TZR')",
         "+05:30"),
    ],
)  # fmt: skip
def test_a_time_is_shown_by_its_model(value: Callable[..., Any], expression: str, text: str) -> None:
    assert value(expression) == text


@given(
    st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)),  # noqa: DTZ001
    st.integers(0, 999),
    st.integers(-14 * 60, 14 * 60),
)
def test_a_time_shown_with_all_its_parts_is_read_again(moment: dt.datetime, nano: int, offset: int) -> None:
    model = "SYYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM"
    stamp = Stamp(Stamp.of(moment).wall + nano, offset)
    text = f"TO_TIMESTAMP_TZ(TO_CHAR(:s, '{model}'), '{model}')"
    again = _evaluated(text, {"s": stamp})
    assert (again.wall, again.offset) == (stamp.wall, stamp.offset)


def _evaluated(expression: str, binds: Mapping[str, Any]) -> Any:
    store = Store()
    store.register(View("SYS", "DUAL", (Column.declared("DUMMY", "CHAR"),), lambda *_: [("X",)]), "DUAL")
    [(found,)] = execute(Session(store, "A"), f"SELECT {expression} FROM dual", binds).rows
    return found


@given(st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**25), max_value=10**25))
def test_the_text_of_a_number_is_read_as_the_same(number: Decimal) -> None:
    assert _evaluated("TO_NUMBER(TO_CHAR(:n, 'TM9'))", {"n": number}) == number


def test_numbers_are_shown_with_the_session_s_marks(session: Session, value: Callable[..., Any]) -> None:
    execute(session, "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = ',.'")
    assert value("TO_CHAR(1.5, 'TM9') || 0.5") == "1,5,5"
    assert value("TO_CHAR(1.5, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')") == "1.5"


def test_the_time_zone_is_the_session_s(session: Session, value: Callable[..., Any]) -> None:
    execute(session, "ALTER SESSION SET TIME_ZONE = '+02:00'")
    assert value("SESSIONTIMEZONE") == "+02:00"
    assert value("CURRENT_TIMESTAMP").offset == 120
    assert value("SYSTIMESTAMP").offset == 0
    assert value("SYS_EXTRACT_UTC(TIMESTAMP '2026-01-01 02:00:00')") == Stamp.at(
        Fields(2026, 1, 1, 0, 0, 0, 0)
    )


def test_char_is_compared_without_its_padding(store: Store, ask: Ask) -> None:
    store.create("SALES", "PADDED", [("C", "CHAR(5)"), ("V", "VARCHAR2(5)")])
    store.insert("SALES.PADDED", [{"C": "ab", "V": "ab "}])
    assert ask("SELECT c FROM padded WHERE c = 'ab'") == [("ab   ",)]
    assert ask("SELECT 1 FROM padded WHERE v = 'ab'") == []
    assert ask("SELECT 1 FROM padded WHERE c = :b", b="ab") == []


# -- types of every kind

KINDS: Sequence[tuple[str, Any]] = [
    ("NUMBER(38,10)", Decimal("1234567890.0123456789")),
    ("NUMBER", Decimal("1E-100")),
    ("BINARY_DOUBLE", 1.5),
    ("CHAR(3)", "abc"),
    ("NVARCHAR2(4)", "äöü€"),
    ("CLOB", "x" * 100_000),
    ("RAW(4)", b"\x00\x01\xfe\xff"),
    ("BLOB", bytes(range(256))),
    ("DATE", Stamp.at(Fields(-4712, 1, 1, 0, 0, 0, 0))),
    ("TIMESTAMP(9)", Stamp.at(Fields(2026, 1, 2, 3, 4, 5, 123_456_789))),
    ("TIMESTAMP(3) WITH TIME ZONE", Stamp.at(Fields(2026, 1, 2, 3, 4, 5, 0), -210)),
    ("TIMESTAMP WITH LOCAL TIME ZONE", Stamp.at(Fields(2026, 1, 2, 3, 4, 5, 0), 0)),
    ("INTERVAL DAY(3) TO SECOND(6)", DaySecond(-123_456_789_000)),
    ("INTERVAL YEAR TO MONTH", YearMonth(-14)),
    ("ROWID", RowId(1, 2, 3, 4)),
    ("BOOLEAN", True),
    ("JSON", Json({"a": [1, None, "x"]})),
    ("XMLTYPE", Xml("<a/>")),
    ("VECTOR(3, FLOAT32)", (1.0, 2.5, -3.0)),
    ("SALES.ADDRESS", Obj("SALES.ADDRESS", (("CITY", "Rome"), ("ZIP", 7)))),
]


@pytest.mark.parametrize(("declared", "given"), KINDS, ids=[kind for kind, _ in KINDS])
def test_a_value_of_every_type_comes_back(store: Store, ask: Ask, declared: str, given: Any) -> None:
    store.create("SALES", "ONE", [("V", declared)])
    store.insert("SALES.ONE", [{"V": given}, {"V": None}])
    assert ask("SELECT v FROM one WHERE v IS NOT NULL") == [(given,)]
    assert ask("SELECT v FROM one WHERE v IS NULL") == [(None,)]


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("NUMBER", Type("NUMBER")),
        ("number(*,2)", Type("NUMBER", 38, 2)),
        ("NUMBER(5)", Type("NUMBER", 5, 0)),
        ("INTEGER", Type("NUMBER", 38, 0)),
        ("DOUBLE PRECISION", Type("FLOAT", 126)),
        ("VARCHAR2(10 CHAR)", Type("VARCHAR2", size=10, unit="CHAR")),
        ("TIMESTAMP(3) WITH LOCAL TIME ZONE", Type("TIMESTAMP WITH LOCAL TIME ZONE", scale=3)),
        ("INTERVAL DAY(3) TO SECOND(0)", Type("INTERVAL DAY TO SECOND", 3, 0)),
        ("VECTOR(3, FLOAT32)", Type("VECTOR", size=3, unit="FLOAT32")),
        ('"SALES"."ADDRESS"', Type("SALES.ADDRESS")),
    ],
)
def test_a_declaration_is_read(declared: str, expected: Type) -> None:
    assert parse_type(declared) == expected


def test_what_is_no_type_is_refused() -> None:
    with refused(902):
        parse_type("STRING")


def test_an_attribute_of_an_object_is_read_by_its_name(store: Store, ask: Ask) -> None:
    store.types["SALES.ADDRESS"] = (("CITY", parse_type("VARCHAR2(20)")), ("ZIP", parse_type("NUMBER(5)")))
    store.create("SALES", "PEOPLE", [("HOME", "SALES.ADDRESS")])
    store.insert("SALES.PEOPLE", [{"HOME": {"CITY": "Rome", "ZIP": 7}}, {"HOME": None}])
    assert ask('SELECT t."HOME"."CITY", t.home.zip + 1 FROM people t') == [("Rome", 8), (None, None)]
    with refused(904):
        ask("SELECT t.home.street FROM people t")


def test_documents_and_vectors_are_made_text(store: Store, ask: Ask) -> None:
    store.create("SALES", "DOCS", [("J", "JSON"), ("X", "XMLTYPE"), ("V", "VECTOR")])
    store.insert("SALES.DOCS", [{"J": {"a": [1, Decimal("2.50")]}, "X": "<a>1</a>", "V": (1.0, 0.25)}])
    items = "JSON_SERIALIZE(j RETURNING CLOB), XMLSERIALIZE(CONTENT x AS CLOB)"
    items += ", VECTOR_SERIALIZE(v RETURNING CLOB)"
    assert ask(f"SELECT {items} FROM docs") == [('{"a":[1,2.50]}', "<a>1</a>", "[1.0E+000,2.5E-001]")]


# -- queries


def described(session: Session, text: str) -> list[tuple[str, Type, bool]]:
    return [(column.name, column.type, column.nullable) for column in describe(session, text).columns]


def test_columns_are_described_without_running(session: Session) -> None:
    items = "id, customer \"Who\", amount + 1, TO_CHAR(amount, 'TM9') t, o.ROWID"
    text = f"SELECT {items} FROM orders o WHERE id = :x"
    assert described(session, text) == [
        ("ID", Type("NUMBER", 10, 0), False),
        ("Who", Type("VARCHAR2", size=30, unit="BYTE"), True),
        ("AMOUNT+1", Type("NUMBER"), True),
        ("T", Type("VARCHAR2", size=4000), True),
        ("ROWID", Type("ROWID"), True),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT id FROM orders WHERE customer = 'ann' ORDER BY id DESC", [(2,), (0,)]),
        ("SELECT id FROM orders WHERE NOT customer = 'ann'", [(1,), (4,)]),
        ("SELECT id FROM orders WHERE customer IS NULL", [(3,)]),
        ("SELECT id FROM orders WHERE id BETWEEN 1 AND 2", [(1,), (2,)]),
        ("SELECT id FROM orders WHERE id NOT IN (0, 1, NULL)", []),
        ("SELECT id FROM orders WHERE customer LIKE 'a\\_%' ESCAPE '\\'", []),
        ("SELECT id FROM orders WHERE customer LIKE '_n%'", [(0,), (2,)]),
        ("SELECT id FROM orders WHERE (id, amount) IN ((1, 0.25), (2, 9))", [(1,)]),
        (
            "SELECT customer FROM orders ORDER BY customer, id",
            [("ann",), ("ann",), ("bob",), ("eve",), (None,)],
        ),
        ("SELECT customer FROM orders ORDER BY customer DESC FETCH FIRST 1 ROW ONLY", [(None,)]),
        ("SELECT customer FROM orders ORDER BY customer NULLS FIRST FETCH FIRST ROW ONLY", [(None,)]),
        ("SELECT id FROM orders ORDER BY id OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY", [(1,), (2,)]),
        ("SELECT id FROM orders WHERE ROWNUM <= 2", [(0,), (1,)]),
        ("SELECT id FROM orders WHERE ROWNUM > 1", []),
        ("SELECT DISTINCT customer c FROM orders ORDER BY c", [("ann",), ("bob",), ("eve",), (None,)]),
        (
            "SELECT customer, COUNT(*), SUM(amount) FROM orders GROUP BY customer HAVING COUNT(*) > 1",
            [("ann", 2, Decimal("0.5"))],
        ),
        (
            "SELECT COUNT(*), COUNT(customer), COUNT(DISTINCT customer), MAX(id) + 1 FROM orders",
            [(5, 4, 3, 5)],
        ),
        ("SELECT COUNT(*), MAX(id) FROM orders WHERE 1 = 0", [(0, None)]),
        ("SELECT id FROM orders WHERE 1 = 0 GROUP BY id", []),
        ("SELECT LISTAGG(id, ',') WITHIN GROUP (ORDER BY id DESC) FROM orders", [("4,3,2,1,0",)]),
        (
            (
                "SELECT SUBSTR(customer, 1, 1), MAX(ROWID) - 0 FROM orders WHERE 1 = 0 GROUP BY "
                "SUBSTR(customer, 1, 1)"
            ),
            932,
        ),
        (
            "SELECT o.id, c.city FROM orders o JOIN customers c ON c.name = o.customer ORDER BY o.id",
            [(0, "Rome"), (1, "Oslo"), (2, "Rome")],
        ),
        (
            (
                "SELECT o.id, c.city FROM orders o LEFT JOIN customers c ON c.name = o.customer AND "
                "o.id > 0 ORDER BY 1"
            ),
            [(0, None), (1, "Oslo"), (2, "Rome"), (3, None), (4, None)],
        ),
        (
            (
                "SELECT c.city, o.id FROM orders o RIGHT JOIN customers c ON c.name = o.customer AND "
                "o.id < 2 ORDER BY 2"
            ),
            [("Rome", 0), ("Oslo", 1)],
        ),
        ("SELECT id, city FROM orders, customers WHERE name = customer AND city = 'Oslo'", [(1, "Oslo")]),
        ("SELECT COUNT(*) FROM orders CROSS JOIN customers", [(10,)]),
        (
            (
                "SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM customers WHERE name = "
                "o.customer) ORDER BY id"
            ),
            [(0,), (1,), (2,)],
        ),
        (
            "SELECT (SELECT city FROM customers WHERE name = o.customer) FROM orders o WHERE id < 2",
            [("Rome",), ("Oslo",)],
        ),
        (
            (
                "SELECT n, MIN(id), MAX(id) FROM (SELECT id, NTILE(2) OVER (ORDER BY id) n FROM "
                "orders) GROUP BY n ORDER BY n"
            ),
            [(1, 0, 2), (2, 3, 4)],
        ),
        (
            (
                "SELECT id, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY id DESC) FROM orders "
                "WHERE id < 3 ORDER BY id"
            ),
            [(0, 2), (1, 1), (2, 1)],
        ),
        (
            ("SELECT id, SUM(id) OVER (ORDER BY id), COUNT(*) OVER () FROM orders WHERE id < 3 ORDER BY id"),
            [(0, 0, 3), (1, 1, 3), (2, 3, 3)],
        ),
        (
            (
                "SELECT LAG(id) OVER (ORDER BY id), LEAD(id, 2, -1) OVER (ORDER BY id) FROM orders "
                "WHERE id < 3"
            ),
            [(None, 2), (0, -1), (1, -1)],
        ),
        ("SELECT id FROM orders WHERE id < 2 UNION ALL SELECT 0 FROM dual ORDER BY 1", [(0,), (0,), (1,)]),
        ("SELECT id FROM orders MINUS SELECT id FROM orders WHERE id > 0", [(0,)]),
        (
            (
                "WITH few AS (SELECT id FROM orders WHERE id < 2), one AS (SELECT MAX(id) m FROM few)"
                " SELECT few.id, one.m FROM few, one ORDER BY 1"
            ),
            [(0, 1), (1, 1)],
        ),
        (
            (
                'SELECT t.r, t.n FROM JSON_TABLE(\'[{"r":"a"},{"r":"b"}]\', \'$[*]\' COLUMNS (n FOR '
                "ORDINALITY, r VARCHAR2(5) PATH '$.r')) t"
            ),
            [("a", 1), ("b", 2)],
        ),
    ],
)
def test_a_query_answers(ask: Ask, text: str, expected: Any) -> None:
    if isinstance(expected, int):
        with refused(expected):
            ask(text)
    else:
        assert ask(text) == expected


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3) | st.none(), st.integers(0, 3) | st.none()), max_size=12),
    buckets=st.integers(1, 5),
    descending=st.booleans(),
)
def test_order_buckets_and_joins_are_what_python_makes_of_them(
    rows: list[tuple[Any, Any]], buckets: int, descending: Any
) -> None:
    store = Store()
    store.create("A", "T", [("I", "NUMBER"), ("X", "NUMBER"), ("Y", "NUMBER")])
    store.insert("A.T", [{"I": at, "X": x, "Y": y} for at, (x, y) in enumerate(rows)])

    def ask(text: str, **binds: Any) -> list[tuple[Any, ...]]:
        return list(execute(Session(store, "A"), text, binds).rows)

    way = "DESC" if descending else "ASC"
    numbered = [(at, x, y) for at, (x, y) in enumerate(rows)]
    expected = sorted(numbered, key=lambda row: (row[1] is None, row[1] or 0), reverse=descending)
    assert [row[1] for row in ask(f"SELECT i, x, y FROM t ORDER BY x {way}")] == [row[1] for row in expected]
    tiles = "SELECT NTILE(:n) OVER (ORDER BY i) b FROM t"
    sizes = [count for _, count in ask(f"SELECT b, COUNT(*) FROM ({tiles}) GROUP BY b ORDER BY b", n=buckets)]
    assert sum(sizes) == len(rows)
    assert sizes == sorted(sizes, reverse=True)
    assert not sizes or max(sizes) - min(sizes) <= 1
    joined = [(a[0], b[0]) for a in numbered for b in numbered if a[1] is not None and a[1] == b[2]]
    assert sorted(ask("SELECT a.i, b.i FROM t a JOIN t b ON b.y = a.x")) == joined
    outer = joined + [(a[0], None) for a in numbered if a[1] is None or all(a[1] != b[2] for b in numbered)]
    found = ask("SELECT a.i, b.i FROM t a LEFT JOIN t b ON b.y = a.x")
    assert sorted(found, key=str) == sorted(outer, key=str)


# -- ROWIDs


def test_rows_are_read_in_stretches_of_rowids(store: Store, ask: Ask) -> None:
    store.insert("SALES.ORDERS", [{"ID": key} for key in range(100, 200)])
    rowids = [rowid for (rowid,) in ask("SELECT ROWIDTOCHAR(ROWID) FROM orders ORDER BY ROWID")]
    assert [rowid for (rowid,) in ask("SELECT ROWIDTOCHAR(ROWID) FROM orders")] == rowids
    after, last = rowids[10], rowids[70]
    text = (
        "SELECT ROWIDTOCHAR(t.ROWID) FROM orders AS OF SCN :scn t"
        " WHERE t.ROWID > CHARTOROWID(:after) AND t.ROWID <= CHARTOROWID(:last) ORDER BY t.ROWID"
    )
    assert [rowid for (rowid,) in ask(text, scn=store.scn, after=after, last=last)] == rowids[11:71]
    some = "SELECT COUNT(*) FROM orders WHERE ROWID IN (:a, CHARTOROWID(:b)) AND ROWID >= :a"
    assert ask(some, a=after, b=last) == [(2,)]
    assert ask("SELECT COUNT(*) FROM orders WHERE ROWID > NULL") == [(0,)]


def test_a_rowid_is_made_of_its_parts(store: Store, value: Callable[..., Any]) -> None:
    made = value("DBMS_ROWID.ROWID_CREATE(1, 73000, 5, 128, 3)")
    assert made == RowId(73_000, 5, 128, 3)
    parts = "DBMS_ROWID.ROWID_OBJECT(:r), DBMS_ROWID.ROWID_BLOCK_NUMBER(:r), DBMS_ROWID.ROWID_ROW_NUMBER(:r)"
    [found] = execute(Session(store, "A"), f"SELECT {parts} FROM dual", {"r": made}).rows
    assert found == (73_000, 128, 3)


@given(st.lists(st.builds(RowId, *[st.integers(0, 2**limit - 1) for limit in (32, 10, 22, 16)]), min_size=2))
def test_rowids_are_ordered_by_where_they_point(rowids: list[RowId]) -> None:
    texts = {str(rowid): rowid for rowid in rowids}
    assert all(len(text) == 18 and RowId.parse(text) == rowid for text, rowid in texts.items())
    first, second, *_ = rowids
    assert _evaluated(
        "CASE WHEN :a < CHARTOROWID(:b) THEN 1 ELSE 0 END", {"a": first, "b": str(second)}
    ) == int(first < second)


# -- flashback


def test_a_flashback_query_reads_the_past_and_not_what_is_uncommitted(store: Store, session: Session) -> None:
    scn = store.scn
    execute(session, "UPDATE orders SET amount = 9 WHERE id = 1")
    assert list(execute(session, "SELECT amount FROM orders WHERE id = 1").rows) == [(9,)]
    past = "SELECT amount FROM orders AS OF SCN :scn WHERE id = 1"
    assert list(execute(session, past, {"scn": scn}).rows) == [(Decimal("0.25"),)]
    session.commit()
    assert list(execute(session, past, {"scn": scn}).rows) == [(Decimal("0.25"),)]
    assert list(execute(session, past, {"scn": store.scn}).rows) == [(9,)]


def test_the_past_and_the_present_are_joined(store: Store, session: Session, ask: Ask) -> None:
    scn = store.scn
    execute(session, "DELETE FROM orders WHERE id < 2")
    session.commit()
    text = (
        "SELECT o.id FROM orders AS OF SCN :earlier o LEFT JOIN orders AS OF SCN :now n ON n.id = o.id"
        " WHERE n.id IS NULL ORDER BY o.id"
    )
    assert ask(text, earlier=scn, now=store.scn) == [(0,), (1,)]


def test_a_flashback_query_may_name_a_time(store: Store, ask: Ask) -> None:
    assert ask("SELECT COUNT(*) FROM orders AS OF TIMESTAMP SYSTIMESTAMP") == [(5,)]
    assert ask("SELECT TIMESTAMP_TO_SCN(SCN_TO_TIMESTAMP(:scn)) FROM dual", scn=store.scn) == [(store.scn,)]
    with refused(8180):
        ask("SELECT 1 FROM orders AS OF TIMESTAMP SYSTIMESTAMP - INTERVAL '1' DAY")


def test_a_view_is_seen_in_the_past_but_has_no_versions(store: Store, session: Session, ask: Ask) -> None:
    store.create_view("SALES", "DEAR", "SELECT id, amount FROM orders WHERE amount > 0.5")
    scn = store.scn
    execute(session, "DELETE FROM orders")
    session.commit()
    assert ask("SELECT id FROM dear") == []
    assert ask("SELECT d.id FROM dear AS OF SCN :scn d ORDER BY 1", scn=scn) == [(3,), (4,)]
    with refused(30051):
        ask("SELECT id FROM dear VERSIONS BETWEEN SCN MINVALUE AND MAXVALUE")


def test_versions_can_be_asked_of_the_whole_window_there_is(store: Store, session: Session, ask: Ask) -> None:
    execute(session, "UPDATE orders SET amount = 9 WHERE id = 1")
    session.commit()
    text = (
        "SELECT versions_operation, amount, RAWTOHEX(versions_xid) FROM orders"
        " VERSIONS BETWEEN SCN MINVALUE AND MAXVALUE WHERE id = 1 ORDER BY versions_startscn"
    )
    found = ask(text)
    assert [(operation, amount) for operation, amount, _ in found] == [("I", Decimal("0.25")), ("U", 9)]
    assert all(len(xid) == 16 for _, _, xid in found)


def test_a_window_upside_down_is_refused(store: Store, ask: Ask) -> None:
    with refused(30052):
        ask("SELECT 1 FROM orders VERSIONS BETWEEN SCN :a AND :b", a=store.scn, b=store.scn - 1)


# -- changes


def test_a_statement_that_fails_leaves_nothing_of_itself(store: Store, session: Session, ask: Ask) -> None:
    execute(session, "INSERT INTO orders (id) VALUES (50)")
    with refused(1):
        execute(session, "INSERT INTO orders (id) SELECT id + 46 FROM orders")
    session.commit()
    assert ask("SELECT COUNT(*) FROM orders") == [(6,)]


def test_dml_counts_its_rows_and_returns_what_is_asked(session: Session) -> None:
    changed = execute(session, "UPDATE orders SET amount = amount * 2 WHERE id > 2 RETURNING id INTO :ids",
                      {"ids": None})  # fmt: skip
    assert (changed.rowcount, changed.outs) == (2, {"IDS": [3, 4]})
    gone = execute(session, "DELETE FROM orders WHERE id IN (0, 99)")
    assert (gone.rowcount, gone.rowid is not None) == (1, True)
    made = execute(session, "INSERT INTO orders VALUES (:1, :2, :3, :4)", [70, "x", "1.5", None])
    assert made.rowcount == 1
    assert list(execute(session, "SELECT amount FROM orders WHERE id = 70").rows) == [(Decimal("1.5"),)]


def test_a_delete_finds_its_row_by_rowid_and_key(ask: Ask, session: Session) -> None:
    [(rowid,)] = ask("SELECT ROWIDTOCHAR(ROWID) FROM orders WHERE id = 2")
    text = "DELETE FROM orders WHERE ROWID = CHARTOROWID(:r) AND id = :id"
    assert execute(session, text, {"r": rowid, "id": 3}).rowcount == 0
    assert execute(session, text, {"r": rowid, "id": 2}).rowcount == 1


def test_rows_are_locked_for_update_and_those_of_others_skipped(store: Store, session: Session) -> None:
    other = Session(store, "SALES")
    execute(session, "SELECT id FROM orders WHERE id = 1 FOR UPDATE")
    with refused(54):
        execute(other, "SELECT id FROM orders FOR UPDATE NOWAIT")
    found = execute(other, "SELECT id FROM orders FOR UPDATE SKIP LOCKED").rows
    assert [key for (key,) in found] == [0, 2, 3, 4]
    session.close()
    assert len(execute(other, "SELECT id FROM orders FOR UPDATE NOWAIT").rows) == 5


def test_a_read_only_transaction_sees_one_moment_and_changes_nothing(store: Store, session: Session) -> None:
    execute(session, "SET TRANSACTION READ ONLY")
    store.insert("SALES.ORDERS", [{"ID": 60}])
    assert list(execute(session, "SELECT COUNT(*) FROM orders").rows) == [(5,)]
    with refused(1456):
        execute(session, "DELETE FROM orders")
    execute(session, "COMMIT")
    assert list(execute(session, "SELECT COUNT(*) FROM orders").rows) == [(6,)]


def test_a_read_only_session_changes_nothing(session: Session) -> None:
    execute(session, "ALTER SESSION SET READ_ONLY = TRUE")
    with refused(28194):
        execute(session, "DELETE FROM orders")


def test_definitions_are_carried_out(session: Session, ask: Ask) -> None:
    execute(session, "CREATE TABLE made (id NUMBER(5), v VARCHAR2(5) DEFAULT 'x', PRIMARY KEY (id))")
    execute(session, "CREATE MATERIALIZED VIEW LOG ON made WITH PRIMARY KEY, SEQUENCE EXCLUDING NEW VALUES")
    execute(session, "INSERT INTO made (id) VALUES (1)")
    execute(session, "ALTER TABLE made ADD (n NUMBER DEFAULT 7)")
    execute(session, "CREATE VIEW seen AS SELECT id, n FROM made")
    assert ask("SELECT * FROM made") == [(1, "x", 7)]
    assert ask("SELECT * FROM seen") == [(1, 7)]
    assert ask('SELECT id, dmltype$$ FROM "MLOG$_MADE"') == [(1, "I")]
    execute(session, "ALTER TABLE made DROP COLUMN n")
    execute(session, "TRUNCATE TABLE made")
    assert ask("SELECT * FROM made") == []
    for text in ("DROP VIEW seen", "DROP MATERIALIZED VIEW LOG ON made", "DROP TABLE made PURGE"):
        execute(session, text)
    with refused(942):
        ask("SELECT * FROM made")


def test_a_block_assigns_binds_and_labels_the_session(store: Store, session: Session) -> None:
    text = "BEGIN :scn := DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER; DBMS_SESSION.SET_IDENTIFIER(:who); END;"
    assert execute(session, text, {"scn": None, "who": "me"}).outs == {"SCN": store.scn}
    [(who,)] = execute(session, "SELECT SYS_CONTEXT('USERENV', 'CLIENT_IDENTIFIER') FROM dual").rows
    assert who == "me"


# -- grants


class Only:
    """Grants of exactly these actions."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = set(allowed)

    def allows(self, user: str, action: str, owner: str, name: str) -> bool:
        return name == "DUAL" or f"{action} {name}" in self.allowed


@pytest.mark.parametrize(
    ("grants", "text", "code"),
    [
        ([], "SELECT id FROM sales.orders", 942),
        (["SELECT ORDERS"], "SELECT id FROM sales.orders AS OF SCN :scn", 1031),
        (["FLASHBACK ORDERS"], "SELECT id FROM sales.orders AS OF SCN :scn", 942),
        (["SELECT ORDERS"], "DELETE FROM sales.orders WHERE id = :scn", 1031),
        ([], "DELETE FROM sales.orders WHERE id = :scn", 942),
        ([], "SELECT DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER FROM dual", 904),
        (["SELECT ORDERS"], "SELECT id FROM sales.orders", None),
        (["SELECT ORDERS", "FLASHBACK ORDERS"], "SELECT id FROM sales.orders AS OF SCN :scn", None),
    ],
)
def test_only_what_is_granted_is_answered(
    store: Store, grants: list[str], text: str, code: int | None
) -> None:
    session = Session(store, "BRIDGE", grants=Only(grants))
    binds = {"scn": store.scn} if ":scn" in text else {}
    if code is None:
        assert isinstance(execute(session, text, binds), Answer)
    else:
        with refused(code):
            execute(session, text, binds)


def test_a_grant_taken_away_counts_at_the_next_statement(store: Store) -> None:
    grants = Only(["SELECT ORDERS"])
    session = Session(store, "BRIDGE", grants=grants)
    execute(session, "SELECT id FROM sales.orders")
    grants.allowed.clear()
    with refused(942):
        execute(session, "SELECT id FROM sales.orders")


def test_a_statement_is_read_once(session: Session) -> None:
    assert parse("SELECT id FROM orders") is parse("SELECT id FROM orders")


@pytest.mark.parametrize(("release", "code"), [(11, 2248), (12, None)])
def test_archived_rows_are_shown_to_sessions_that_ask_for_them(release: int, code: int | None) -> None:
    store = Store()
    table = store.create("SALES", "T", [Column.declared("ID", "NUMBER"), STATE], key=["ID"])
    store.insert(table, [{"ID": 1}, {"ID": 2, "ORA_ARCHIVE_STATE": "1"}])
    session = Session(store, "SALES", release=release)
    assert execute(session, "SELECT ID FROM T").rows == [(1,)]
    ask = "ALTER SESSION SET ROW ARCHIVAL VISIBILITY = ALL"
    if code:
        with pytest.raises(OracleError) as raised:
            execute(session, ask)
        assert raised.value.code == code
    else:
        execute(session, ask)
        assert execute(session, "SELECT ID FROM T").rows == [(1,), (2,)]
