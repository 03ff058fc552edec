"""Whatever a table holds comes out of the reader, value for value, however it is cut into polls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import jpype
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.contract import Ask, Connector, Stream
from bridge.errors import BridgeError
from bridge.testing.conforming import drain
from connectors.jdbc import JdbcConnector

URL = "jdbc:h2:mem:property;DB_CLOSE_DELAY=-1"
COLUMNS = {
    "S": "smallint",
    "I": "int",
    "L": "bigint",
    "N": "numeric(38,10)",
    "Z": "numeric(100,20)",
    "D": "double precision",
    "B": "boolean",
    "X": "varchar",
    "Y": "varbinary",
    "DAY_": "date",
    "TS": "timestamp(6)",
    "T9": "timestamp(9)",
}

# Surrogates alone are no text; H2 keeps anything else.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
days = st.dates(date(1, 1, 1), date(9999, 12, 31))
times = st.datetimes(datetime.fromisoformat("0001-01-01"), datetime.fromisoformat("9999-12-31"))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "S": st.integers(-(2**15), 2**15 - 1),
    "I": st.integers(-(2**31), 2**31 - 1),
    "L": st.integers(-(2**63), 2**63 - 1),
    "N": st.decimals(-(10**27), 10**27, places=10),
    "Z": st.decimals(-(10**60), 10**60, places=20),
    "D": st.floats(allow_nan=False),
    "B": st.booleans(),
    "X": texts,
    "Y": st.binary(max_size=40),
    "DAY_": days,
    "TS": times,
    "T9": times,
}
rows = st.lists(
    st.fixed_dictionaries({name: st.none() | value for name, value in VALUES.items()}), max_size=12
)


@pytest.fixture(scope="module")
def source() -> Iterator[tuple[Connector, Stream, Any]]:
    options = {"url": URL, "streams": {"PUBLIC.T": {"mode": "incrementing"}}}
    connector = JdbcConnector(JdbcConnector.Config.model_validate(options))
    with suppress(BridgeError):
        connector.open()
    writer = jpype.java.sql.DriverManager.getConnection(URL)
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    writer.createStatement().execute(f"CREATE TABLE t (id int PRIMARY KEY, {columns})")
    with closing(connector):
        yield connector, connector.discover()[0], writer
    writer.createStatement().execute("SHUTDOWN")


def insert(writer: Any, number: int, row: dict[str, Any]) -> None:
    marks = ", ".join("?" for _ in range(len(COLUMNS) + 1))
    statement = writer.prepareStatement(f"INSERT INTO t VALUES ({marks})")
    statement.setInt(1, number)
    for place, name in enumerate(COLUMNS, 2):
        statement.setObject(place, given_to_java(row[name]))
    statement.execute()
    statement.close()


def given_to_java(value: Any) -> Any:
    java = jpype.java
    makers = {
        bool: java.lang.Boolean,
        int: java.lang.Long,
        float: java.lang.Double,
        str: java.lang.String,
        bytes: jpype.JArray(jpype.JByte),
        Decimal: lambda number: java.math.BigDecimal(str(number)),
        datetime: lambda moment: java.time.LocalDateTime.parse(moment.isoformat()),
        date: lambda day: java.time.LocalDate.parse(day.isoformat()),
    }
    return None if value is None else makers[type(value)](value)


def expected(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "Z":
        return format(value, "f") if value else "0." + "0" * 20  # Java knows no negative zero
    return value.isoformat(timespec="microseconds") + "000" if name == "T9" else value


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=rows, ask=st.builds(Ask, rows=st.integers(1, 15), bytes=st.integers(1, 2000)))
def test_what_is_in_the_table_is_what_is_read(
    source: tuple[Connector, Stream, Any], table: list[dict[str, Any]], ask: Ask
) -> None:
    connector, stream, writer = source
    writer.createStatement().execute("TRUNCATE TABLE t")
    for number, row in enumerate(table):
        insert(writer, number, row)
    read = drain(connector, stream, None, ask)
    wanted = [
        {"ID": number, **{name: expected(name, value) for name, value in row.items()}}
        for number, row in enumerate(table)
    ]
    assert read.rows == wanted
    for batch in read.batches:
        for changes in batch.changes:
            changes.rows.validate(full=True)
