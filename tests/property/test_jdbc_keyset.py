"""Paging by key brings every row of a table exactly once, whatever its key, however it is cut."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import jpype
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.contract import Ask, Connector, Scan, Stream
from bridge.errors import BridgeError
from connectors.jdbc import JdbcConnector, polls

URL = "jdbc:h2:mem:keyset;DB_CLOSE_DELAY=-1"
# Few values of each, so that many rows are equal in all columns of the key but one.
COLUMNS: dict[str, tuple[str, list[Any]]] = {
    "I": ("int", [-(2**31), -1, 0, 2**31 - 1]),
    "N": ("numeric(38,10)", [Decimal("-1.5"), Decimal("0.0000000001"), Decimal(10) ** 27]),
    "X": ("varchar", ["", "a", "A", "Ä", "a'b", 'a"b', "?", "😀"]),
    "Y": ("varbinary", [b"", b"\x00", b"\xff", b"\x00\xff"]),
    "D": ("date", [date(1, 1, 1), date(1582, 10, 10), date(9999, 12, 31)]),
    "T": (
        "timestamp(9)",
        [datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2024-01-01T00:00:00.000001")],
    ),
    "B": ("boolean", [False, True]),
}
rows = st.lists(
    st.tuples(*(st.sampled_from(values) for _, values in COLUMNS.values())), unique=True, max_size=30
)
keys = st.permutations(list(COLUMNS))


@pytest.fixture(scope="module")
def source() -> Iterator[tuple[Connector, Any]]:
    options = {"url": URL, "streams": {"PUBLIC.T": {"mode": "images"}}}
    connector = JdbcConnector(JdbcConnector.Config.model_validate(options))
    with suppress(BridgeError):
        connector.open()
    writer = jpype.java.sql.DriverManager.getConnection(URL)
    with closing(connector):
        yield connector, writer
    writer.createStatement().execute("SHUTDOWN")


def to_java(value: Any) -> Any:
    java = jpype.java
    makers = {
        bool: java.lang.Boolean,
        int: java.lang.Long,
        str: java.lang.String,
        bytes: jpype.JArray(jpype.JByte),
        Decimal: lambda number: java.math.BigDecimal(str(number)),
        datetime: lambda moment: java.time.LocalDateTime.parse(moment.isoformat()),
        date: lambda day: java.time.LocalDate.parse(day.isoformat()),
    }
    return makers[type(value)](value)


def fill(writer: Any, table: list[tuple[Any, ...]], key: list[str]) -> None:
    statement = writer.createStatement()
    columns = ", ".join(f"{name} {kind} NOT NULL" for name, (kind, _) in COLUMNS.items())
    statement.execute("DROP TABLE IF EXISTS t")
    statement.execute(f"CREATE TABLE t ({columns}, PRIMARY KEY ({', '.join(key)}))")
    insert = writer.prepareStatement(f"INSERT INTO t VALUES ({', '.join('?' for _ in COLUMNS)})")
    for row in table:
        for place, value in enumerate(row, 1):
            insert.setObject(place, to_java(value))
        insert.execute()


def seen(rows: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row.values()) for row in rows)


def wanted(table: list[tuple[Any, ...]]) -> Counter[tuple[Any, ...]]:
    at = list(COLUMNS).index("T")
    return Counter(
        (*row[:at], row[at].isoformat(timespec="microseconds") + "000", *row[at + 1 :]) for row in table
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=rows, key=keys, page=st.integers(1, 12), ask=st.integers(1, 12), cuts=st.sets(st.integers(0, 30))
)
def test_every_row_comes_once(
    source: tuple[Connector, Any],
    monkeypatch: pytest.MonkeyPatch,
    table: list[tuple[Any, ...]],
    key: list[str],
    page: int,
    ask: int,
    cuts: set[int],
) -> None:
    connector, writer = source
    monkeypatch.setattr(polls, "PAGE_ROWS", page)
    fill(writer, table, key)
    connector.close()
    connector.open()
    stream: Stream = connector.discover()[0]
    assert stream.tables[0].key == tuple(key)
    position, polled = None, 0
    found: list[dict[str, Any]] = []
    marks: list[Scan | None] = []
    while not marks or marks[-1] not in (Scan.LAST, Scan.ONLY):
        batch = connector.poll(stream, json.loads(json.dumps(position)), Ask(rows=ask))
        found += [row for changes in batch.changes for row in changes.rows.to_pylist()]
        position, polled = batch.position, polled + 1
        marks.append(batch.scan)
        if polled in cuts:  # somebody else's turn, which closes the cursor
            connector.discover()
    assert seen(found) == wanted(table)
    assert marks == [Scan.ONLY] or marks == [Scan.FIRST, *[Scan.MORE] * (len(marks) - 2), Scan.LAST]
