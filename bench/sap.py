"""The measures of the SAP connector: what conversion costs. The system is simulated (bridge.testing.sap)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import accumulate
from statistics import median
from typing import Any

from bench.measures import Measure
from connectors.sap_rfc.clients.client import Field, Kind
from connectors.sap_rfc.texts import lines, slices, texts_to_array
from connectors.sap_rfc.types import Column, column
from connectors.sap_rfc.values import values_to_array

ORDERS, LINES, ROUNDS = 2_000, 10, 5
"""Answers of a function that are converted at once, each with a structure and a table of lines."""


WIDE = (10, 8, 6, *[48] * 10, 8)
"""Characters of the columns of a table: 512 in a row."""
ROWS = 100_000


def measures() -> Iterator[Measure]:
    yield from _nested()
    yield from _texts()


# -- answers of functions

_SCHEDULE = Field(
    "SCHEDULES",
    Kind.TABLE,
    fields=(Field("EDATU", Kind.DATE, 8), Field("EZEIT", Kind.TIME, 6), Field("WMENG", Kind.BCD, 13, 3)),
)
_LINE = (
    Field("POSNR", Kind.NUM, 6),
    Field("MATNR", Kind.CHAR, 18),
    Field("NETPR", Kind.BCD, 11, 2),
    Field("KWMENG", Kind.BCD, 15, 3),
    Field("VRKME", Kind.CHAR, 3),
    _SCHEDULE,
)
_HEAD = Field(
    "HEAD",
    Kind.STRUCTURE,
    fields=(
        Field("VBELN", Kind.CHAR, 10),
        Field("ERDAT", Kind.DATE, 8),
        Field("ERZET", Kind.TIME, 6),
        Field("NETWR", Kind.BCD, 15, 2),
        Field("COUNT", Kind.INT),
        Field("GUID", Kind.BYTE, 16),
        Field("NOTE", Kind.STRING),
    ),
)
ORDER = Field("ORDER", Kind.STRUCTURE, fields=(_HEAD, Field("LINES", Kind.TABLE, fields=_LINE)))


def orders(count: int, lines: int) -> list[dict[str, Any]]:
    """As clients answer them."""
    return [{"HEAD": _head(at), "LINES": [_line(at, each) for each in range(lines)]} for at in range(count)]


def _head(at: int) -> dict[str, Any]:
    return {
        "VBELN": f"{at:010}",
        "ERDAT": f"2024{1 + at % 12:02}{1 + at % 28:02}",
        "ERZET": f"{at % 24:02}3000",
        "NETWR": Decimal(at).scaleb(-2),
        "COUNT": at,
        "GUID": at.to_bytes(16),
        "NOTE": f"order {at}, Zürich",
    }


def _line(at: int, line: int) -> dict[str, Any]:
    schedules = [{"EDATU": "20240229", "EZEIT": "000000", "WMENG": Decimal(line).scaleb(-3)}] * 2
    return {
        "POSNR": f"{10 * line:06}",
        "MATNR": f"M-{at % 97:05}-{line}",
        "NETPR": Decimal(at + line).scaleb(-2),
        "KWMENG": Decimal(line),
        "VRKME": "ST",
        "SCHEDULES": schedules,
    }


def _fields(value: Any) -> int:
    """The elementary values in it."""
    if isinstance(value, dict):
        return sum(map(_fields, value.values()))
    return sum(map(_fields, value)) if isinstance(value, list) else 1


def _nested() -> Iterator[Measure]:
    answers = orders(ORDERS, LINES)
    fields = sum(map(_fields, answers))
    spent = median(_seconds(lambda: values_to_array(ORDER, answers)) for _ in range(ROUNDS))
    yield Measure(
        f"answers of functions, nested, {fields // ORDERS} fields each, {ORDERS} at once",
        fields / spent,
        "fields/s",
        must=200_000,
        better="more",
    )
    few = answers[:ROUNDS]
    spent = median(_seconds(lambda: [values_to_array(ORDER, [each]) for each in few]) for _ in range(ROUNDS))
    yield Measure("the same, one answer at a time", sum(map(_fields, few)) / spent, "fields/s")


# -- rows of tables


def _texts() -> Iterator[Measure]:
    """What the worker does to the client's answer, without the call."""
    data = [{"WA": f"{at:010}20240229235959" + "text " * 96 + f"{at % 999999:7}-"} for at in range(ROWS)]
    columns = [_column(at, length) for at, length in enumerate(WIDE)]
    places = list(zip(accumulate(WIDE, initial=0), WIDE, strict=False))

    def read() -> None:
        for each, texts in zip(columns, slices(lines(data), places), strict=True):
            assert not texts_to_array(each, texts).refused

    spent = median(_seconds(read) for _ in range(ROUNDS))
    yield Measure(
        f"{ROWS:,} rows of {sum(WIDE)} characters as Arrow, without the call", 1e6 * spent / ROWS, "us/row"
    )


def _column(at: int, length: int) -> Column:
    abap, inttype = {1: ("DATS", "D"), 2: ("TIMS", "T"), len(WIDE) - 1: ("DEC", "P")}.get(at, ("CHAR", "C"))
    dfies = {"FIELDNAME": f"C{at}", "DATATYPE": abap, "INTTYPE": inttype, "LENG": length, "DECIMALS": 0}
    return column(dfies)


def _seconds(work: Callable[[], object]) -> float:
    """Of the processor."""
    began = time.process_time()
    work()
    return time.process_time() - began
