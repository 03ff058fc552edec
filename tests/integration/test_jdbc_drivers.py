"""Drivers that are old, that nobody knows, that are missing."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import jpype
import pytest

from bridge.contract import Ask, Connector, Level
from bridge.errors import ConfigError, PermanentError
from bridge.testing import need
from bridge.testing.databases import driver_jar
from connectors.jars import jars_folder
from connectors.jdbc import JdbcConnector, jvm, session
from connectors.jdbc.config import JdbcConfig
from connectors.jdbc.dialects import GENERIC, dialect_of
from connectors.jdbc.session import ISOLATIONS
from tests.integration.jdbc_tables import Corner, opened, polled, rows_of, stream_of

ROWS = (
    "(1, date '2024-02-29', time '23:59:59.123456', timestamp '2024-03-31 02:30:00.123456', timestamp"
    " with time zone '2024-10-27 02:30:00.5+02:00', time with time zone '10:00:00+05:30', 1.5, 'a'),"
    " (2, date '1500-03-01', time '00:00:00', timestamp '9999-12-31 23:59:59.999999',"
    " timestamp with time zone '2024-10-27 02:30:00.5+01:00', time with time zone '10:00:00Z', -1, 'b'),"
    " (3, NULL, NULL, timestamp '2024-03-31 02:30:00.123457', NULL, NULL, NULL, NULL)"
)
WANTED: list[dict[str, Any]] = [
    {
        "id": 1, "d": "2024-02-29", "t": "23:59:59.123456", "ts": "2024-03-31 02:30:00.123456",
        "tz": "2024-10-27T02:30:00.500000+02:00", "ttz": "10:00:00.000000+05:30", "n": "1.50", "x": "a",
    },
    {
        "id": 2, "d": "1500-03-01", "t": "00:00:00", "ts": "9999-12-31 23:59:59.999999",
        "tz": "2024-10-27T02:30:00.500000+01:00", "ttz": "10:00:00.000000Z", "n": "-1.00", "x": "b",
    },
    {
        "id": 3, "d": None, "t": None, "ts": "2024-03-31 02:30:00.123457", "tz": None, "ttz": None, "n": None,
        "x": None,
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def old_driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The jar of OldDriver.java, which registers itself."""
    folder = tmp_path_factory.mktemp("old")
    source = Path(__file__).with_name("OldDriver.java")
    command = ["javac", "--release", "11", "-cp", str(driver_jar("h2")), "-d", str(folder), str(source)]
    subprocess.run(command, check=True)
    jar = folder / "old.jar"
    with zipfile.ZipFile(jar, "w") as out:
        out.writestr("META-INF/services/java.sql.Driver", "old.OldDriver")
        for file in folder.rglob("*.class"):
            out.write(file, file.relative_to(folder))
    return jar


@pytest.fixture(params=["", ";MISSING=error"], ids=["refuses", "does not have"])
def old(request: pytest.FixtureRequest, h2_corner: Corner, old_driver: Path) -> dict[str, Any]:
    """Options of a connector that reaches H2 by the old driver, which does, or has, nothing new."""
    h2_corner.execute(
        "CREATE TABLE $.t (id int PRIMARY KEY, d date, t time(6), ts timestamp(6),"
        " tz timestamp(6) with time zone, ttz time(6) with time zone, n numeric(9,2), x varchar);"
    )
    h2_corner.execute(f"INSERT INTO $.t VALUES {ROWS};")
    url = h2_corner.server.url.replace("jdbc:h2:", "jdbc:old:") + request.param
    assert dialect_of(url) is GENERIC
    return {"url": url, "jars": [str(old_driver), str(driver_jar("h2"))], "driver": "old.OldDriver"}


def texts(connector: Connector, name: str) -> list[dict[str, Any]]:
    batches = polled(connector, stream_of(connector, name), ask=Ask(rows=1))
    rows = [row for batch in batches for changes in batch.changes for row in changes.rows.to_pylist()]
    return [
        {key.lower(): value if isinstance(value, int | None) else str(value) for key, value in row.items()}
        for row in rows
    ]


def is_to_come(row: dict[str, Any]) -> bool:
    """By the database's clock, up to which timestamp modes read."""
    return str(row["ts"]).startswith("9999")


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("incrementing", {}),
        ("images", {}),
        ("images", {"key": ["TS"]}),
        ("timestamp", {"columns": ["TS"], "snapshot": False}),
        ("timestamp+incrementing", {"columns": ["TS", "ID"], "snapshot": False}),
    ],
)
def test_an_old_driver_that_nobody_knows_reads_every_mode(
    old: dict[str, Any], h2_corner: Corner, mode: str, options: dict[str, Any]
) -> None:
    with opened(h2_corner.server, {h2_corner.name("t"): {"mode": mode, **options}}, **old) as connector:
        rows = texts(connector, h2_corner.name("t"))
        wanted = [row for row in WANTED if not mode.startswith("timestamp") or not is_to_come(row)]
        assert sorted(rows, key=lambda row: row["id"]) == wanted


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "images"},
        {"mode": "images", "key": ["ID"]},
        {"mode": "incrementing", "columns": ["ID"], "unique": True},
        {"mode": "timestamp", "columns": ["TS"], "key": ["ID"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("old", [";MISSING=keys"], indirect=True)
def test_a_driver_that_tells_no_keys_reads_what_is_said_of_them(
    old: dict[str, Any], h2_corner: Corner, options: dict[str, Any]
) -> None:
    name = h2_corner.name("t")
    with opened(h2_corner.server, {name: options}, **old) as connector:
        assert sorted(row["id"] for row in texts(connector, name)) == [1, 2, 3]
        assert not [finding.text for finding in connector.check() if finding.level is Level.CRITICAL]


@pytest.mark.parametrize("old", [";MISSING=types"], indirect=True)
def test_values_are_taken_as_what_they_are_where_columns_may_hold_others(
    old: dict[str, Any], h2_corner: Corner
) -> None:
    """SQLite's REAL is a double, and its INTEGER may be any number, and text; drivers make others of them."""
    h2_corner.execute(
        "CREATE TABLE $.loose (id int PRIMARY KEY, a_smallint double, an_integer double, a_bigint double,"
        " a_real double, a_float real); INSERT INTO $.loose VALUES (1, -7, 7, 8, 1e300, 0.1),"
        " (2, 32768, 0, 0, 0, 0), (3, 0, 2.5, 0, 0, 0), (4, 0, 0, 1e30, 0, 0),"
        " (5, NULL, NULL, NULL, 123456.789012345, NULL);"
    )
    with opened(h2_corner.server, {h2_corner.name("loose"): {"mode": "images"}}, **old) as connector:
        batches = polled(connector, stream_of(connector, h2_corner.name("loose")))
        assert [[*row.values()] for batch in batches for row in h2_corner.rows(batch)] == [
            [1, -7, 7, 8, 1e300, 0.1],
            [5, None, None, None, 123456.789012345, None],
        ]
        rejects = [reject for batch in batches for reject in batch.rejects]
        assert [str(dict(reject.key or {})["ID"]) for reject in rejects] == ["2", "3", "4"]
        assert [reject.reason.partition(":")[0] for reject in rejects] == [
            f"column {name}" for name in ("A_SMALLINT", "AN_INTEGER", "A_BIGINT")
        ]


def test_what_is_left_of_a_result_is_passed_over_and_not_loaded(h2_corner: Corner) -> None:
    """Which MariaDB's driver does when a statement is closed, into memory, and not when its result is."""
    closed: list[str] = []

    def proxy(kind: str, **methods: Any) -> Any:
        return jpype.JProxy(f"java.sql.{kind}", dict=methods)

    with h2_corner.opened({h2_corner.name("t"): {"mode": "images"}}):
        meta = proxy("ResultSetMetaData", getColumnCount=lambda: 0)
        rows = proxy(
            "ResultSet", next=lambda: True, getMetaData=lambda: meta, close=lambda: closed.append("rows")
        )
        statement = proxy(
            "PreparedStatement",
            executeQuery=lambda: rows,
            close=lambda: closed.append("statement"),
            **dict.fromkeys(("setFetchSize", "setQueryTimeout"), lambda _: None),
        )
        connection = proxy("Connection", prepareStatement=lambda *_: statement)
        cursor = jvm.java("bridge.jdbc.Cursor")(connection, "SELECT", [], 1, 1)
        cursor.execute()
        cursor.close()
    assert closed == ["rows", "statement"]


def test_a_clock_that_cannot_be_read_parks_its_streams_alone(
    old: dict[str, Any], h2_corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = h2_corner.name("t")
    monkeypatch.setattr(session.Session, "allowed", lambda *_: "2024-07-01 12:00:00.123 Europe/Berlin")
    with (
        opened(h2_corner.server, {name: {"mode": "timestamp", "columns": ["TS"]}}, **old) as connector,
        pytest.raises(PermanentError, match=r"tells its time as 2024-07-01 .* which is not understood"),
    ):
        polled(connector, stream_of(connector, name))


def test_doctor_says_what_is_not_known_of_such_a_driver(old: dict[str, Any], h2_corner: Corner) -> None:
    streams = {h2_corner.name("t"): {"mode": "images"}}
    with opened(h2_corner.server, streams, **old) as connector:
        texts = [finding.text for finding in connector.check()]
    assert any(text.startswith("whether this driver reads large tables piece by piece") for text in texts)


PEERS = Path(__file__).parents[2] / "jars" / "peers"
EMBEDDED = {
    "derby": (
        "jdbc:derby:memory:{};create=true",
        "APP",
        {
            "smallint": ("-5", -5),
            "bigint": ("9223372036854775807", 2**63 - 1),
            "decimal(31,5)": ("1.5", Decimal("1.50000")),
            "double": ("0.1", 0.1),
            "boolean": ("true", True),
            "char(3)": ("'ab'", "ab "),
            "varchar(9)": ("'ü'", "ü"),
            "clob": ("'long'", "long"),
            "char(2) for bit data": ("x'00ff'", b"\x00\xff"),
            "blob": ("cast(x'00ff' as blob)", b"\x00\xff"),
            "date": ("date('1500-03-01')", date(1500, 3, 1)),
            "time": ("time('23:59:59')", time(23, 59, 59)),
            "timestamp": ("timestamp('2024-03-31 02:30:00.123456789')", "2024-03-31T02:30:00.123456789"),
        },
    ),
    "hsqldb": (
        "jdbc:hsqldb:mem:{}",
        "PUBLIC",
        {
            "tinyint": ("-5", -5),
            "numeric(40,5)": ("1.5", "1.50000"),
            "double": ("0.1", 0.1),
            "boolean": ("true", True),
            "char(3)": ("'ab'", "ab "),
            "clob": ("'long'", "long"),
            "varbinary(9)": ("x'00ff'", b"\x00\xff"),
            "blob": ("x'00ff'", b"\x00\xff"),
            "bit(4)": ("b'1010'", b"\xa0"),
            "date": ("date '1500-03-01'", date(1500, 3, 1)),
            "time(3)": ("time '23:59:59.123'", time(23, 59, 59, 123000)),
            "timestamp(3)": (
                "timestamp '2024-03-31 02:30:00.123'",
                datetime.fromisoformat("2024-03-31 02:30:00.123"),
            ),
            "timestamp(9)": ("timestamp '2024-03-31 02:30:00.123456789'", "2024-03-31T02:30:00.123456789"),
            "timestamp(0) with time zone": (
                "timestamp '2024-10-27 02:30:00+2:00'",
                "2024-10-27T02:30:00+02:00",
            ),
            "interval day to second": ("interval '1 02:03:04' day to second", "1 02:03:04.000000"),
            "uuid": (
                "uuid('00000000-0000-0000-0000-0000000000ff')",
                "00000000-0000-0000-0000-0000000000ff",
            ),
            "int array": ("array[1,null,3]", "[1,null,3]"),
        },
    ),
}


@pytest.fixture(params=EMBEDDED)
def embedded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Kind and URL of a database inside this process, with a table of all types and one with times."""
    found = list(PEERS.glob(f"{request.param}-*.jar"))
    if not found:
        need(f"{request.param} is not in jars/peers: run `make setup`")
    monkeypatch.setenv("LEGACY_BRIDGE_JARS", str(PEERS))
    template, _, types = EMBEDDED[request.param]
    url = template.format(f"d{uuid4().hex}")
    config = JdbcConfig.model_validate({"url": url, "streams": {"*": {"mode": "images"}}})
    jvm.start(config, dialect_of(url))
    statement = (
        jvm.driver(config, dialect_of(url)).connect(url, jvm.java("java.util.Properties")()).createStatement()
    )
    columns = ", ".join(f"c{at} {kind}" for at, kind in enumerate(types))
    values = ", ".join(literal for literal, _ in types.values())
    nulls = ", ".join("NULL" for _ in types)
    for sql in (
        f"CREATE TABLE all_types (id int PRIMARY KEY, {columns})",
        f"INSERT INTO all_types VALUES (1, {values})",
        f"INSERT INTO all_types VALUES (2, {nulls})",
        'CREATE TABLE "Ä ""b" ("a ""key" int PRIMARY KEY, "select" timestamp NOT NULL)',
        *(f'INSERT INTO "Ä ""b" VALUES ({n}, timestamp(\'2024-01-0{n} 00:00:00\'))' for n in (1, 2, 3)),
    ):
        statement.execute(sql)
    statement.close()
    return request.param, url


@contextmanager
def reading(url: str, streams: dict[str, Any], **more: Any) -> Iterator[JdbcConnector]:
    options = {"url": url, "streams": streams, **more}
    with closing(JdbcConnector(JdbcConfig.model_validate(options))) as connector:
        connector.open()
        yield connector


def test_databases_without_a_server_are_read(embedded: tuple[str, str]) -> None:
    kind, url = embedded
    _, schema, types = EMBEDDED[kind]
    with reading(url, {f"{schema}.ALL_TYPES": {"mode": "incrementing"}}) as connector:
        first, second = rows_of(polled(connector, stream_of(connector, f"{schema}.ALL_TYPES"))[0])
    found = {kind: first[f"C{at}"] for at, kind in enumerate(types)}
    assert found == {kind: value for kind, (_, value) in types.items()}
    assert set(second.values()) == {2, None}


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "images"},
        {"mode": "incrementing", "snapshot": True},
        {"mode": "timestamp", "columns": ["select"], "time_zone": "UTC"},
        {"mode": "timestamp+incrementing", "columns": ["select", 'a "key'], "time_zone": "UTC"},
    ],
    ids=str,
)
def test_their_tables_are_read_in_every_mode(embedded: tuple[str, str], options: dict[str, Any]) -> None:
    kind, url = embedded
    name = f'{EMBEDDED[kind][1]}.Ä "b'
    with reading(url, {name: options}) as connector:
        batches = polled(connector, stream_of(connector, name), ask=Ask(rows=1))
        assert [row['a "key'] for batch in batches for row in rows_of(batch)] == [1, 2, 3]
        again = polled(connector, stream_of(connector, name), batches[-1].position)
        assert (rows_of(again[0]) == []) == (options["mode"] != "images")
        assert not [finding.text for finding in connector.check() if finding.level is Level.CRITICAL]


@pytest.mark.parametrize("embedded", ["derby"], indirect=True)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_the_zone_of_a_clock_that_says_none_is_found_by_this_hosts_clock(
    embedded: tuple[str, str], zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MOMENT_S", 0.0)
    kind, url = embedded
    name = f'{EMBEDDED[kind][1]}.Ä "b'
    options = {"mode": "timestamp", "columns": ["select"], "time_zone": zone}
    zones = jvm.java("java.util.TimeZone")
    zones.setDefault(zones.getTimeZone(zone))
    try:
        with reading(url, {name: options}) as connector:
            batches = polled(connector, stream_of(connector, name))
            for id_ in (4, 5):
                writer = jvm.java("java.sql.DriverManager").getConnection(url)
                writer.createStatement().execute(f'INSERT INTO "Ä ""b" VALUES ({id_}, CURRENT_TIMESTAMP)')
                batches = polled(connector, stream_of(connector, name), batches[-1].position)
                assert id_ in [row['a "key'] for batch in batches for row in rows_of(batch)]
    finally:
        zones.setDefault(zones.getTimeZone("UTC"))


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (
            "jdbc:oracle:thin:@//db/x",
            "put the jar of {1} into {0}, or set `jars`; in a checkout, add {1} to jars/pom.xml",
        ),
        ("jdbc:sybase:Tds:db:5000/x", "put the vendor's jconn*.jar into {0}, or set `jars`"),
    ],
)
def test_a_driver_that_is_missing_is_named_with_the_place_for_it(
    url: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEGACY_BRIDGE_JARS", str(tmp_path))
    with pytest.raises(ConfigError) as told, reading(url, {"*": {"mode": "images"}}):
        pass
    assert told.value.remedy == wanted.format(tmp_path, "com.oracle.database.jdbc:ojdbc11")


def test_of_two_versions_of_a_driver_none_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGACY_BRIDGE_JARS", str(tmp_path))
    url = "jdbc:postgresql://db/erp"
    two = [tmp_path / f"postgresql-{version}.jar" for version in ("42.10.1", "42.7.7")]
    others = [tmp_path / name for name in ("postgresql-42.7.7-sources.jar", "postgresql-ssl.jar")]
    for jar in (*two, *others):
        jar.touch()
    config = JdbcConfig.model_validate({"url": url, "streams": {"*": {"mode": "images"}}})
    with pytest.raises(ConfigError) as told:
        jvm.driver_jars(config, dialect_of(url))
    assert told.value.text.endswith(
        "has several versions of one driver: postgresql-42.10.1.jar, postgresql-42.7.7.jar"
    )
    named = config.model_copy(update={"jars": (str(two[0]),)})
    assert jvm.driver_jars(named, dialect_of(url)) == two[:1]
    two[1].unlink()
    assert set(jvm.driver_jars(config, dialect_of(url))) == {two[0], *others}
    two[1].with_name("postgresql.jar").symlink_to(two[0].name)
    assert len(jvm.driver_jars(config, dialect_of(url))) == 4, "a link is no other version"


@pytest.mark.parametrize(
    ("more", "where"), [({}, "{} (or what `jars` names)"), ({"jars": ["{}/*.jar"]}, "`jars`")]
)
def test_nor_is_one_of_a_database_that_nobody_knows(
    more: dict[str, list[str]], where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEGACY_BRIDGE_JARS", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "other.jar", "w") as jar:
        jar.writestr("META-INF/services/java.sql.Driver", "")
    told = {name: [each.format(tmp_path) for each in values] for name, values in more.items()}
    url, streams = "jdbc:foodb://db/erp?password=x", {"*": {"mode": "images"}}
    with pytest.raises(ConfigError) as error, reading(url, streams, **told):
        pass
    assert error.value.text == "No suitable driver for foodb://db/erp"
    assert error.value.remedy.startswith(
        f"check the URL; see that {where.format(tmp_path)} has the driver's jar"
    )


def test_a_variable_that_names_no_folder_of_jars_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGACY_BRIDGE_JARS", "/not/here")
    with pytest.raises(ConfigError, match="LEGACY_BRIDGE_JARS names /not/here, which is no folder"):
        jars_folder()


@pytest.mark.parametrize("isolation", ["read_committed", "repeatable_read", "serializable"])
def test_the_isolation_of_read_transactions_can_be_chosen(corner: Corner, isolation: str) -> None:
    corner.execute("CREATE TABLE $.t (id int PRIMARY KEY); INSERT INTO $.t VALUES (1), (2);")
    streams = {corner.name("t"): {"mode": "incrementing"}}
    with corner.opened(streams, isolation=isolation) as connector:
        lanes = connector._lanes
        assert lanes is not None
        assert lanes.session.connection.getTransactionIsolation() == ISOLATIONS[isolation]
        assert len(rows_of(polled(connector, stream_of(connector, corner.name("t")))[0])) == 2


def test_an_isolation_that_the_database_does_not_have_is_refused(embedded: tuple[str, str]) -> None:
    _, url = embedded
    connector = JdbcConnector(
        JdbcConfig.model_validate({"url": url, "streams": {"*": {"mode": "images"}}, "isolation": "snapshot"})
    )
    with closing(connector), pytest.raises(ConfigError, match="no snapshot"):
        connector.open()
