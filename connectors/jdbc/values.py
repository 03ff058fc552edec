"""Single values of columns: from Arrow, or a driver's text, into a position; from there into a statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import pyarrow as pa

from connectors.jdbc.types import Column

type Written = int | bool | str
"""A value in a position. Decimals, floating-point numbers and times are text, binary ones hexadecimal."""

type Noted = Written | Mapping[str, str]
"""The same in the place of a row, where a number that is told as text says that it is one."""

_DATE = r"[+-]?\d{4,}-\d\d-\d\d"
_TIME = r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?"
_OFFSET = r"(?:Z|[+-]\d\d:\d\d(?::\d\d)?)"
_FORMS = {
    "date": re.compile(_DATE),
    "time": re.compile(_TIME),
    "timestamp": re.compile(f"{_DATE}T{_TIME}"),
    "instant": re.compile(f"{_DATE}T{_TIME}{_OFFSET}"),
    "offset": re.compile(f"{_DATE}T{_TIME}{_OFFSET}"),
}
# PostgreSQL's, which no Java time can hold; as text they are understood. In Arrow: the extreme numbers.
_ENDLESS = ("infinity", "-infinity")
_END_OF_DAY = "24:00:00"
_EXTREMES = (
    (pa.types.is_date, dict(zip((2**31 - 1, -(2**31)), _ENDLESS, strict=True))),
    (pa.types.is_timestamp, dict(zip((2**63 - 1, -(2**63)), _ENDLESS, strict=True))),
    (pa.time32("s").equals, {86_400: _END_OF_DAY}),
    (pa.time32("ms").equals, {86_400_000: _END_OF_DAY}),
    (pa.time64("us").equals, {86_400_000_000: _END_OF_DAY}),
)


@dataclass(frozen=True, slots=True)
class Temporal:
    """A date or time in ISO 8601, with more digits than Python's own may have; `form` is one of _FORMS."""

    form: str
    text: str


type Bound = int | bool | float | Decimal | bytes | str | Temporal


_OF_KINDS = {
    **dict.fromkeys(("int16", "int32", "int64", "whole"), "int"),
    **dict.fromkeys(("float32", "float64", "real"), "float"),
    **dict.fromkeys(("decimal", "number"), "decimal"),
    **dict.fromkeys(("binary", "long_binary"), "binary"),
    **dict.fromkeys(("bool", "flag"), "bool"),
    **{name: name for name in _FORMS},
}


def form(column: Column) -> str:
    """What its values are, whatever their precision: a key of _BOUND, or a Temporal's form."""
    return _OF_KINDS.get(column.kind.partition(":")[0].removesuffix("_text"), "text")


_JSON: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "bool": (bool,),
    "decimal": (int, str),
    "float": (int, str),
}


_NUMBER = "number"


def noted(column: Column, value: Written) -> Noted:
    """For the place of a row."""
    return {_NUMBER: str(value)} if form(column) in ("decimal", "float") else value


def plain(value: Noted) -> Written:
    return value[_NUMBER] if isinstance(value, Mapping) else value


def may_have_noted(column: Column, value: object) -> bool:
    """Numbers and their digits as text have another order."""
    what = form(column)
    if what in ("decimal", "float"):  # whole numbers are those of before it was altered
        return type(value) is int or (isinstance(value, Mapping) and [*value] == [_NUMBER])
    return type(value) in _JSON.get(what, (str,))


def written(values: pa.Array, place: int) -> Written:
    """One value, not null, for a position."""
    kind, value = values.type, values[place]
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return value.as_py()  # type: ignore[no-any-return]
    if pa.types.is_decimal(kind):
        return format(value.as_py(), "f")
    if pa.types.is_floating(kind):
        return repr(value.as_py())
    if pa.types.is_binary(kind):
        return str(value.as_py().hex())
    if extreme := next((ends.get(value.value) for fits, ends in _EXTREMES if fits(kind)), None):
        return extreme
    text = str(value.cast(pa.string()).as_py()).replace(" ", "T")
    return f"+{text}" if re.match(r"\d{5}", text) else text  # as ISO 8601 has years after 9999


_HALF = re.compile(r"\\ud[89a-f][0-9a-f]{2}")
"""What the helper (Utf8.java) tells instead of half of a surrogate pair."""


def told(column: Column, text: str | None) -> Written | None:
    """The same from a driver's text; None when that cannot be known."""
    if not text or _HALF.search(text):
        return None
    try:
        match form(column):
            case "int":
                value: Written = int(text)
            case "bool" | "binary":
                return None
            case "timestamp" | "instant" | "offset":
                value = re.sub(r"([+-]\d\d)$", r"\1:00", text.strip().replace(" ", "T"))
            case _:
                value = text
        bound(column, value)
    except ValueError:
        return None
    return value


def bound(column: Column, value: Written) -> Bound:
    """What a statement compares the column with. Errors: ValueError when it is no value of it."""
    what = form(column)
    if type(value) not in _JSON.get(what, (str,)):
        raise ValueError(f"{value!r} is no {what}")
    if what not in _FORMS:
        return _BOUND[what](str(value))
    if value == _END_OF_DAY if what == "time" else value in _ENDLESS:
        return value
    if not _FORMS[what].fullmatch(str(value)):
        raise ValueError(f"{value} is no {what}")
    return Temporal(what, str(value))


def _decimal(text: str) -> Decimal | str:
    """PostgreSQL's NaN is none for Java, but text will do."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    return number if number.is_finite() else text


_BOUND: dict[str, Callable[[str], Bound]] = {
    "int": int,
    "decimal": _decimal,
    "float": float,
    "bool": "True".__eq__,
    "binary": bytes.fromhex,
    "text": str,
}
