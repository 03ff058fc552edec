"""The forms in which SAP writes values as text, as Arrow's: vectorised, and nothing cut or guessed.

ABAP Keyword Documentation, "Conversion Rules for Elementary Data Types" and "Validity of Date Fields".
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

type Finish = Callable[[pa.StringArray], pa.Array]

NO_CHARACTER = "\uffff"
"""Stands for half a character of UTF-16, which UTF-8 cannot write."""
_DATE = (
    r"^(?:(?:[1-9]\d{3}|\d[1-9]\d\d|\d\d[1-9]\d|\d{3}[1-9])(?:(?:0[13578]|1[02])(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[469]|11)(?:0[1-9]|[12]\d|30)|02(?:0[1-9]|1\d|2[0-8]))"
    r"|(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)0229)$"
)
_TIME = r"^(?:[01]\d|2[0-3])[0-5]\d[0-5]\d$"
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?$"
_SIGNS = (("[+-]$", r"^([^+-].*?) *([+-])$", r"\2\1"), ("^[+-] ", r"^([+-]) +", r"\1"))
_INITIAL = "^[0 T:.,-]*Z?$"
_MOMENT = r"^\d{4}-\d\d-\d\d[ T](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:[.,]\d{1,7})?Z?$"

_FALSE, _SIXTY = pa.scalar(value=False), pa.scalar(60, pa.int32())
"""Made once: to find the type of a Python value takes Arrow longer than to read many rows."""


class Parsed(NamedTuple):
    """`bad`: where a text is no such value, and the array is null."""

    array: pa.Array
    bad: pa.BooleanArray


def words(texts: pa.StringArray) -> Parsed:
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return Parsed(texts, pa.repeat(_FALSE, len(texts)))
    bad = pc.match_substring(texts, NO_CHARACTER)
    return Parsed(without(texts, bad), bad)


def dates(texts: pa.StringArray) -> Parsed:
    """YYYYMMDD. SAP keeps any eight digits; the initial value, and none, are null."""
    return _parsed(texts, "00000000", _DATE, lambda good: pc.strptime(good, "%Y%m%d", "s").cast(pa.date32()))


def times(texts: pa.StringArray) -> Parsed:
    """HHMMSS. 000000 is the initial value and midnight, and null; 240000 is no time of a day."""
    return _parsed(texts, "000000", _TIME, _seconds)


def _seconds(texts: pa.StringArray) -> pa.Array:
    hours, minutes, seconds = (
        pc.utf8_slice_codeunits(texts, at, at + 2).cast(pa.int32()) for at in (0, 2, 4)
    )
    total = pc.add(pc.multiply(pc.add(pc.multiply(hours, _SIXTY), minutes), _SIXTY), seconds)
    return total.cast(pa.int32()).cast(pa.time32("s"))


def decimals(texts: pa.StringArray, kind: pa.Decimal128Type) -> Parsed:
    array, bad = numbers(texts, kind.precision, kind.scale)
    return Parsed(array.cast(kind), bad)


def numbers(texts: pa.StringArray, precision: int, scale: int) -> Parsed:
    """As text that Arrow can read. Signs lead or trail; more digits are refused, more zeros are not."""
    return _parsed(_signed(texts), "", _decimal(precision, scale), lambda good: good)


def whole(texts: pa.StringArray, kind: pa.DataType) -> Parsed:
    most = 2 ** (kind.bit_width - 1) - 1
    wide, bad = decimals(texts, pa.decimal128(len(str(most)), 0))
    least, most = (pa.scalar(bound, wide.type) for bound in (-most - 1, most))
    outside = pc.fill_null(pc.or_(pc.less(wide, least), pc.greater(wide, most)), _FALSE)
    bad = pc.or_(bad, outside)
    return Parsed(without(wide, bad).cast(kind), bad)


def floats(texts: pa.StringArray) -> Parsed:
    array, bad = _parsed(_signed(texts), "", _NUMBER, lambda good: good.cast(pa.float64()))
    bad = pc.or_(bad, pc.fill_null(pc.is_inf(array), _FALSE))
    return Parsed(without(array, bad), bad)


def plain_numbers(texts: pa.StringArray) -> Parsed:
    """With all the digits, and without an exponent."""
    return _parsed(_signed(texts), "", _NUMBER, _plain)


def _plain(texts: pa.StringArray) -> pa.StringArray:
    if pc.all(pc.match_substring_regex(texts, pattern=r"^-?\d+(?:\.\d+)?$")).as_py() is not False:
        return texts
    return pa.array([text and format(Decimal(text), "f") for text in texts.to_pylist()], pa.string())


def moments(texts: pa.StringArray) -> Parsed:
    """UTCLONG, in UTC: as ISO 8601 writes it, with what digits there are."""
    told = without(texts, pc.match_substring_regex(texts, pattern=_INITIAL))
    array, bad = _parsed(told, "", _MOMENT, _iso)
    days = pc.replace_substring(pc.utf8_slice_codeunits(array, 0, 10), "-", "")
    bad = pc.or_(bad, dates(days).bad)
    return Parsed(without(array, bad), bad)


def _iso(texts: pa.StringArray) -> pa.StringArray:
    iso = pc.replace_substring(pc.replace_substring(texts, " ", "T"), ",", ".")
    return pc.replace_substring_regex(iso, pattern="Z?$", replacement="Z")


def raws(texts: pa.StringArray, length: int) -> Parsed:
    """Hexadecimal digits of `length` bytes, or of any number where that is 0."""
    digits = f"{{{length}}}" if length else "*"
    return _parsed(texts, "", f"^(?:[0-9A-Fa-f]{{2}}){digits}$", _bytes)


def _bytes(texts: pa.StringArray) -> pa.BinaryArray:
    return pa.array([text and bytes.fromhex(text) for text in texts.to_pylist()], pa.binary())


def _parsed(texts: pa.StringArray, initial: str, form: str, finish: Finish) -> Parsed:
    """Null where it is blank or initial, and where it has not the form."""
    texts = pc.ascii_trim(texts, characters=" ")
    nothing = (pc.equal(texts, pa.scalar(each, pa.string())) for each in ("", initial))
    texts = without(texts, pc.or_(*nothing))
    bad = pc.fill_null(pc.invert(pc.match_substring_regex(texts, pattern=form)), _FALSE)
    return Parsed(finish(without(texts, bad)), bad)


def without(values: pa.Array, where: pa.BooleanArray) -> pa.Array:
    """Null there."""
    return pc.if_else(where, pa.scalar(None, values.type), values)


def _signed(texts: pa.StringArray) -> pa.StringArray:
    """With its sign at the left, and no blanks."""
    texts = pc.ascii_trim(texts, characters=" ")
    for unusual, form, usual in _SIGNS:
        if pc.any(pc.match_substring_regex(texts, pattern=unusual)).as_py():
            texts = pc.replace_substring_regex(texts, pattern=form, replacement=usual)
    return texts


def _decimal(precision: int, scale: int) -> str:
    """What a decimal of that type looks like. It may have more zeros."""
    before = rf"0*\d{{1,{precision - scale}}}" if precision > scale else "0+"
    if not scale:
        return rf"^[+-]?{before}(?:\.0*)?$"
    return rf"^[+-]?(?:{before}(?:\.\d{{0,{scale}}}0*)?|0*\.\d{{1,{scale}}}0*)$"
