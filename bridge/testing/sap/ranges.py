"""Selection tables (RANGES): SIGN, OPTION, LOW, HIGH.

ABAP Keyword Documentation, "sql_cond - IN range_tab": what is included, joined by OR, without the excluded;
an empty table selects everything. CP and NP: `*` any characters, `+` one, without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

SIGNS = ("I", "E")


def _matches(value: str, pattern: str) -> bool:
    regex = "".join({"*": ".*", "+": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(regex, value, re.IGNORECASE | re.DOTALL) is not None


OPTIONS: Mapping[str, Callable[[str, str, str], bool]] = {
    "EQ": lambda value, low, _: value == low,
    "NE": lambda value, low, _: value != low,
    "GT": lambda value, low, _: value > low,
    "GE": lambda value, low, _: value >= low,
    "LT": lambda value, low, _: value < low,
    "LE": lambda value, low, _: value <= low,
    "BT": lambda value, low, high: low <= value <= high,
    "NB": lambda value, low, high: not low <= value <= high,
    "CP": lambda value, low, _: _matches(value, low),
    "NP": lambda value, low, _: not _matches(value, low),
}


def selects(value: str, ranges: Iterable[Mapping[str, Any]]) -> bool:
    included: list[bool] = []
    excluded: list[bool] = []
    for row in ranges:
        holds = OPTIONS[row["OPTION"]](value, row["LOW"], row.get("HIGH", ""))
        (included if row["SIGN"] == "I" else excluded).append(holds)
    return (any(included) if included else True) and not any(excluded)
