"""Answers of Java connectors: texts of screens, and values of the declared types."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from connectors.mainframe import maps, recognise
from connectors.mainframe.records.answers import screen_of
from connectors.mainframe.records.java_fields import value_of
from connectors.mainframe.records.java_options import JavaField

INQUIRY = {
    "custinq": {
        "identify": [{"row": 1, "text": "CUSTOMER INQUIRY"}],
        "fields": {"name": {"label": "NAME:"}, "note": {"label": "NOTE:"}},
    }
}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1c", "*"),  # DUP
        ("\x1e", ";"),  # FM
        *((control, " ") for control in "\x0b\x0c\x1d\x85\x0e\x7f\t\0"),
        ("\u2028", "\u2028"),
    ],
)
def test_only_an_end_of_line_ends_a_line(given: str, shown: str) -> None:
    known = maps.load([], INQUIRY)
    screen = screen_of(f"CUSTOMER INQUIRY\r\nNAME: SMITH{given}JONES\rNOTE: A\n")
    row = recognise.record(known.screens["custinq"], screen)
    assert (row.values, row.problems) == ({"name": f"SMITH{shown}JONES", "note": "A"}, [])


@pytest.mark.parametrize("end", ["", "\n"])
def test_cells_without_line_ends_stay_in_their_places(end: str) -> None:
    cells = "".join(row.ljust(80) for row in ("CUSTOMER INQUIRY", " NOTE\x1c", "X"))
    screen = screen_of(cells + end)
    assert [line.rstrip() for line in screen.lines[:4]] == ["CUSTOMER INQUIRY", " NOTE*", "X", ""]


@pytest.mark.parametrize(
    ("kind", "given", "made"),
    [
        ("date", "2020-02-01", dt.date(2020, 2, 1)),
        ("date", "2020-02-01 00:00:00.0", dt.date(2020, 2, 1)),
        ("date", "2020-02-01T00:00", dt.date(2020, 2, 1)),
        ("time", "12:00:00.5", dt.time(12, 0, 0, 500_000)),
        ("time", "12:00:00.123456000", dt.time(12, 0, 0, 123_456)),
        ("timestamp", "2020-02-01T12:00:00.123456", dt.datetime.fromisoformat("2020-02-01T12:00:00.123456")),
        ("timestamp", "2020-02-01T12:00:00+02:00", dt.datetime.fromisoformat("2020-02-01T10:00")),
    ],
)
def test_dates_and_times_are_those_of_their_text(kind: str, given: str, made: Any) -> None:
    assert value_of(JavaField.model_validate({"type": kind}), given) == made


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        ("date", "2020-02-01garbage", "is no date"),
        ("date", "2020-02-0199", "is no date"),
        ("date", "2020-02-01T99:99", "is no date"),
        ("date", "2020-02-01T12:30:00", "has a time of day"),
        ("date", "2020-01-31T23:00:00Z", "is an instant"),
        ("time", "12:00:00+02:00", "has a zone"),
        ("time", "12:00:00.123456789", "has more than microseconds"),
        ("timestamp", "2020-02-01T12:00:00.123456789Z", "has more than microseconds"),
        ("timestamp", "yesterday", "is no timestamp"),
    ],
)
def test_nothing_of_a_date_or_time_is_dropped(kind: str, given: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        value_of(JavaField.model_validate({"type": kind}), given)
