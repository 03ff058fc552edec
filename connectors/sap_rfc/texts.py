"""What RFC_READ_TABLE answers, lines of text, as Arrow columns: vectorised, and nothing cut or guessed.

ABAP moves each column to its place in the line: numbers right-aligned with the sign last, and an asterisk
first where digits are lost (ABAP Keyword Documentation, "Conversion Rules for Elementary Data Types").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from connectors.sap_rfc import forms
from connectors.sap_rfc.forms import NO_CHARACTER, Parsed
from connectors.sap_rfc.types import Column

_BEYOND, _SECOND = "[\U00010000-\U0010ffff]", "\ufffe"
"""What UTF-16 writes with two units, and what stands for the second of them."""


class Converted(NamedTuple):
    """`refused`: number of the row -> why its value cannot be had; `array` is null there."""

    array: pa.Array
    refused: Mapping[int, str]


def lines(data: Sequence[Mapping[str, Any]], name: str = "WA") -> pa.StringArray:
    """The lines of DATA."""
    return strings([line[name] for line in data])


def strings(texts: Sequence[str | None]) -> pa.StringArray:
    """As they are. Half a character, which UTF-8 cannot write, becomes U+FFFF: such a value is refused."""
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        return pa.array([text and _without_halves(text) for text in texts], pa.string())


def _without_halves(text: str) -> str:
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return "".join(NO_CHARACTER if "\ud800" <= each <= "\udfff" else each for each in paired)


def slices(texts: pa.StringArray, places: Sequence[tuple[int, int]]) -> list[pa.StringArray]:
    """What stands at each (offset, length), in ascending order, without trailing blanks.

    ABAP counts in units of UTF-16. The blanks at the end of a line are not sent.
    """
    if pc.all(pc.string_is_ascii(texts)).as_py():
        raw = texts.view(pa.binary())
        cut = [pc.binary_slice(raw, at, at + length).view(pa.string()) for at, length in places]
    else:
        known = pc.replace_substring(texts, pattern=_SECOND, replacement=NO_CHARACTER)
        wide = pc.replace_substring_regex(known, pattern=f"({_BEYOND})", replacement=rf"\1{_SECOND}")
        cut = [_narrow(each) for each in _by_halves(wide, places, 0)]
    return [pc.ascii_rtrim(each, characters=" ") for each in cut]


def _by_halves(texts: pa.StringArray, places: Sequence[tuple[int, int]], start: int) -> list[pa.StringArray]:
    """To find a place, characters must be counted from the start: so of ever shorter texts."""
    if len(places) <= 1:
        return [pc.utf8_slice_codeunits(texts, at - start, at - start + length) for at, length in places]
    middle = len(places) // 2
    cut = places[middle][0]
    left, right = pc.utf8_slice_codeunits(texts, 0, cut - start), pc.utf8_slice_codeunits(texts, cut - start)
    return _by_halves(left, places[:middle], start) + _by_halves(right, places[middle:], cut)


def _narrow(texts: pa.StringArray) -> pa.StringArray:
    """What begins, or ends, within a character of two units keeps a mark of that."""
    marked = pc.replace_substring_regex(texts, pattern=f"^{_SECOND}|{_BEYOND}$", replacement=NO_CHARACTER)
    return pc.replace_substring(marked, pattern=_SECOND, replacement="")


def texts_to_array(column: Column, texts: pa.StringArray, places: pa.Array | None = None) -> Converted:
    """`places`: decimals of each row's currency, for a column that was `shifted`."""
    if column.is_amount and places is not None:
        array, bad = _amounts(column, texts, places)
    else:
        array, bad = _READ.get(column.inttype, _words)(column, texts)
    return Converted(array, _refusals(column, texts, bad))


def without_zeros(texts: pa.StringArray) -> pa.StringArray:
    """As the conversion exit ALPHA shows them: of nothing but digits, no leading zeros; of zeros, one."""
    return pc.replace_substring_regex(texts, pattern=r"^0+(\d+)$", replacement=r"\1")


def _amounts(column: Column, texts: pa.StringArray, places: pa.Array) -> Parsed:
    """An amount is a whole number of its currency's smallest unit, whatever its point says.

    Source: ABAP Keyword Documentation, "Currency Fields".
    """
    numbers, bad = forms.numbers(texts, column.length, column.decimals)
    places = places.cast(pa.int64())
    stored, most = (pa.scalar(each, pa.int64()) for each in (column.decimals, column.field.type.scale))
    finer = pc.greater(places, most)
    exponents = pc.subtract(stored, places).cast(pa.string())
    shifted = pc.binary_join_element_wise(forms.without(numbers, finer), exponents, "E")
    return Parsed(shifted.cast(column.field.type), pc.or_(bad, finer))


def _refusals(column: Column, texts: pa.StringArray, bad: pa.BooleanArray) -> Mapping[int, str]:
    if not pc.any(bad).as_py():
        return {}
    rows = pc.indices_nonzero(bad).to_pylist()
    return {row: f"{column.name} {_why(column, texts[row].as_py())}" for row in rows}


def _why(column: Column, text: str) -> str:
    if "*" in text and column.inttype in "PIbs8":
        return "has more digits than the function module has room for"
    if column.inttype == "X" and len(text) != 2 * column.length:
        return f"has {len(text)} of {2 * column.length} hexadecimal digits"
    return f"holds {_NO[column.inttype]}" if column.inttype in _NO else "holds what is no character"


def _words(_: Column, texts: pa.StringArray) -> Parsed:
    return forms.words(texts)


_READ: Mapping[str, Callable[[Column, pa.StringArray], Parsed]] = {
    "D": lambda _, texts: forms.dates(texts),
    "T": lambda _, texts: forms.times(texts),
    "P": lambda column, texts: forms.decimals(texts, column.field.type),
    **dict.fromkeys("Ibs8", lambda column, texts: forms.whole(texts, column.field.type)),
    "F": lambda _, texts: forms.floats(texts),
    **dict.fromkeys("ae", lambda _, texts: forms.plain_numbers(texts)),
    "X": lambda column, texts: forms.raws(texts, column.length),
    "y": lambda _, texts: forms.raws(texts, 0),
    "p": lambda _, texts: forms.moments(texts),
}
_NO: Mapping[str, str] = {
    "D": "no date",
    "T": "no time of a day",
    **dict.fromkeys("PFae", "no number of its type"),
    **dict.fromkeys("Ibs8", "no whole number of its type"),
    **dict.fromkeys("Xy", "no hexadecimal digits"),
    "p": "no point in time",
}
