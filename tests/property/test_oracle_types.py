"""Whatever a column of Oracle can hold arrives as it is, through the driver's conversion to Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.values import DAY, SECOND, DaySecond, Stamp, YearMonth
from connectors.oracle.catalog import Catalog
from connectors.oracle.rows import Reading, batches
from connectors.oracle.session import Session
from connectors.oracle.statements import Statement
from tests.integration.oracle_tables import config, session

LAST = 3_652_059 * DAY  # the end of the year 9999


def scaled(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**digits - 1
    return st.integers(-most, most).map(lambda number: Decimal(f"{number}E{-scale}"))


def shortest(number: Decimal) -> str:
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("", "-0") else text


def moments(digits: int) -> st.SearchStrategy[Stamp]:
    unit = 10 ** (9 - digits)
    return st.integers(0, LAST // unit - 1).map(lambda units: Stamp(units * unit))


def iso(stamp: Stamp) -> str:
    fields = stamp.fields
    day = f"{fields.year:04}-{fields.month:02}-{fields.day:02}"
    return f"{day}T{fields.hour:02}:{fields.minute:02}:{fields.second:02}.{fields.nano:09}"


def plain(stamp: Stamp) -> datetime:
    return stamp.plain().datetime


def offset(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}" if minutes else "Z"


def _zoned(stamp: Stamp, minutes: int) -> Stamp:
    return Stamp(stamp.wall, minutes)


def _years_and_months(interval: YearMonth) -> str:
    sign, (years, months) = "-" if interval.months < 0 else "", divmod(abs(interval.months), 12)
    told = [f"{sign}{number}{unit}" for number, unit in ((years, "Y"), (months, "M")) if number]
    return f"P{''.join(told) or '0M'}"


def _days_and_seconds(interval: DaySecond) -> str:
    """ISO 8601, each part with the sign."""
    sign, rest = ("-", -interval.nanoseconds) if interval.nanoseconds < 0 else ("", interval.nanoseconds)
    days, rest = divmod(rest, DAY)
    hours, rest = divmod(rest, 3600 * SECOND)
    minutes, rest = divmod(rest, 60 * SECOND)
    seconds = shortest(Decimal(rest).scaleb(-9))
    times = [(str(hours), "H"), (str(minutes), "M"), (seconds, "S")]
    clock = "".join(f"{sign}{number}{unit}" for number, unit in times if number != "0")
    day = f"{sign}{days}D" if days else ""
    return f"P{day}{'T' + clock if clock else ''}" if day or clock else "PT0S"


# Declared type -> what is stored, and what of it arrives.
TYPES: dict[str, tuple[st.SearchStrategy[Any], Any]] = {
    "NUMBER(18)": (st.integers(1 - 10**18, 10**18 - 1), int),
    "NUMBER(38)": (scaled(38, 0), Decimal),
    "NUMBER(30,12)": (scaled(30, 12), Decimal),
    "NUMBER": (
        st.builds("{}E{}".format, st.integers(1 - 10**38, 10**38 - 1), st.integers(-130, 80)).map(Decimal),
        shortest,
    ),
    "BINARY_DOUBLE": (st.floats(), float),
    "BINARY_FLOAT": (st.floats(width=32), float),
    "VARCHAR2(200)": (st.text(max_size=40), lambda text: text or None),
    "NVARCHAR2(100)": (st.text(max_size=40), lambda text: text or None),
    "CLOB": (st.text(max_size=40), str),
    "RAW(40)": (st.binary(max_size=40), lambda octets: octets or None),
    "BLOB": (st.binary(max_size=40), bytes),
    "DATE": (moments(0), plain),
    "TIMESTAMP(3)": (moments(3), plain),
    "TIMESTAMP(6)": (moments(6), plain),
    "TIMESTAMP(9)": (moments(9), iso),
    "TIMESTAMP(6) WITH TIME ZONE": (
        st.builds(_zoned, moments(6).filter(lambda stamp: stamp.wall > DAY), st.integers(-720, 840)),
        lambda stamp: iso(stamp)[:-3] + offset(stamp.offset),
    ),
    "INTERVAL DAY(9) TO SECOND(9)": (
        st.integers(-(10**9) * DAY + 1, 10**9 * DAY - 1).map(DaySecond),
        _days_and_seconds,
    ),
    "INTERVAL YEAR(9) TO MONTH": (
        st.integers(-(10**6), 10**6).map(YearMonth),
        _years_and_months,
    ),
}


@pytest.fixture(scope="module")
def peer() -> Iterator[OraclePeer]:
    with OraclePeer() as served:
        columns = [("ID", "NUMBER(9) NOT NULL"), *((f"C{at}", kind) for at, kind in enumerate(TYPES))]
        served.store.create("SALES", "T", columns, key=("ID",))
        yield served


@pytest.fixture(scope="module")
def opened(peer: OraclePeer) -> Iterator[Session]:
    with session(peer) as found:
        yield found


ROWS = st.lists(st.tuples(*(st.none() | kind for kind, _ in TYPES.values())), min_size=1, max_size=30)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS)
def test_every_value_arrives_as_it_is(peer: OraclePeer, opened: Session, rows: list[tuple[Any, ...]]) -> None:
    with peer.store.transaction() as tx:
        for rowid in list(peer.store.table("SALES.T").keys.values()):
            tx.delete("SALES.T", rowid)
        for number, row in enumerate(rows):
            tx.insert("SALES.T", {"ID": number, **{f"C{at}": value for at, value in enumerate(row)}})
    arrives = [told for _, told in TYPES.values()]
    wanted = [
        [value if value is None else arrives[at](value) for at, value in enumerate(row)] for row in rows
    ]
    assert repr(read(peer, opened)) == repr(wanted)


def read(peer: OraclePeer, opened: Session) -> list[list[Any]]:
    opened.begin()
    (relation,) = Catalog(opened).find(config(peer, {"SALES.T": {}}).streams).values()
    reading = Reading(relation.columns)
    statement = Statement(f'SELECT {reading.items} FROM SALES.T t ORDER BY t."ID"')
    found: list[list[Any]] = []
    for batch, refused in batches(opened, statement, reading, 7):
        assert not refused
        found += [list(row.values())[1:] for row in batch.to_pylist()]
    return found
