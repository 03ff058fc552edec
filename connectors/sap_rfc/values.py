"""What functions answer, as Arrow's: a field of all rows at a time, whatever the depth."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import accumulate, chain
from operator import itemgetter
from types import NoneType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bridge.errors import TransientError
from connectors.sap_rfc import forms
from connectors.sap_rfc.clients.client import Field, Kind
from connectors.sap_rfc.forms import Parsed
from connectors.sap_rfc.texts import Converted, strings
from connectors.sap_rfc.types import arrow_field, arrow_of, row_of

_FALSE = pa.scalar(value=False)
_NOTHING: Mapping[str, Any] = defaultdict(lambda: None)
"""A structure that is not there: nor are its fields."""


def values_to_array(field: Field, values: Sequence[Any]) -> Converted:
    """A parameter's, or a field's, values of many rows, as clients give them; None where there is none.

    Errors: TransientError when a structure lacks a field.
    """
    match field.kind:
        case Kind.STRUCTURE:
            return _structs(field, values)
        case Kind.TABLE:
            return _lists(field, values)
    array, bad = _leaf(field, values)
    if not pc.any(bad).as_py():
        return Converted(array, {})
    why = f"{field.name} holds {_NO.get(field.kind, 'what is no character')}"
    return Converted(array, dict.fromkeys(pc.indices_nonzero(bad).to_pylist(), why))


def _structs(field: Field, values: Sequence[Mapping[str, Any] | None]) -> Converted:
    there = pa.array([value is not None for value in values], pa.bool_())
    known: list[Mapping[str, Any]] = [_NOTHING if value is None else value for value in values]
    read = [values_to_array(each, _field(field, each.name, known)) for each in field.fields]
    if read:
        fields = [arrow_field(each) for each in field.fields]
        array = pa.StructArray.from_arrays(
            [part.array for part in read], fields=fields, mask=pc.invert(there)
        )
    else:
        array = pa.array([None if value is None else {} for value in values], pa.struct([]))
    refused = {row: f"{field.name}.{why}" for part in reversed(read) for row, why in part.refused.items()}
    return Converted(array, refused)


def _field(field: Field, name: str, values: Sequence[Mapping[str, Any]]) -> list[Any]:
    try:
        return list(map(itemgetter(name), values))
    except KeyError as missing:
        raise TransientError(
            f"{field.name or 'a row'} came without its field {missing}: the function was altered"
        ) from missing


def _lists(field: Field, values: Sequence[Sequence[Any] | None]) -> Converted:
    row, ends = row_of(field), [0, *accumulate(len(value or ()) for value in values)]
    lines = list(chain.from_iterable(value or () for value in values))
    if row.kind is not Kind.STRUCTURE:
        lines = [line[""] if isinstance(line, Mapping) else line for line in lines]
    items, refused = values_to_array(row, lines)
    missing = pa.array([value is None for value in values], pa.bool_())
    array = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), items, arrow_of(field), mask=missing)
    return Converted(array, _rows(field, ends, refused))


def _rows(field: Field, ends: Sequence[int], refused: Mapping[int, str]) -> Mapping[int, str]:
    """Of a row's lines, the first that is refused."""
    found = {}
    for line in sorted(refused, reverse=True):
        row = bisect_right(ends, line) - 1
        found[row] = f"{field.name}[{line - ends[row]}]{refused[line]}"
    return found


def _leaf(field: Field, values: Sequence[Any]) -> Parsed:
    parse = _AS_TEXT.get(field.kind)
    if parse is not None:
        return parse(_texts(values))
    kind, (own, parse_as) = arrow_of(field), _TYPED[field.kind]
    if set(map(type, values)) <= own:
        try:
            return Parsed(pa.array(values, kind), pa.repeat(_FALSE, len(values)))
        except (pa.ArrowInvalid, OverflowError):
            pass  # one of them does not fit: which one, the texts tell
    return parse_as(_texts(values), kind)


def _texts(values: Sequence[Any]) -> pa.StringArray:
    own = set(map(type, values)) <= _STR
    return strings(values if own else [_text(value) for value in values])


def _text(value: Any) -> str | None:
    """As ABAP writes it: some clients make objects of dates, times and numbers."""
    match value:
        case None | str():
            return value
        case Decimal():
            return format(value, "f")
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat()
        case date() | time():
            return value.isoformat().replace("-", "").replace(":", "")
    return str(value)


_AS_TEXT: Mapping[Kind, Callable[[pa.StringArray], Parsed]] = {
    **dict.fromkeys((Kind.CHAR, Kind.NUM, Kind.STRING), forms.words),
    **dict.fromkeys((Kind.DECF16, Kind.DECF34), forms.plain_numbers),
    Kind.DATE: forms.dates,
    Kind.TIME: forms.times,
    Kind.UTCLONG: forms.moments,
}
type _Own = tuple[frozenset[type], Callable[[pa.StringArray, pa.DataType], Parsed]]

_STR: frozenset[type] = frozenset({str, NoneType})
_WHOLE: _Own = (frozenset({int, NoneType}), forms.whole)
_BINARY: _Own = (frozenset({bytes, NoneType}), lambda texts, _: forms.raws(texts, 0))
_TYPED: Mapping[Kind, _Own] = {
    **dict.fromkeys((Kind.INT, Kind.INT1, Kind.INT2, Kind.INT8), _WHOLE),
    **dict.fromkeys((Kind.BYTE, Kind.XSTRING), _BINARY),
    Kind.BCD: (frozenset({Decimal, NoneType}), forms.decimals),
    Kind.FLOAT: (frozenset({float, NoneType}), lambda texts, _: forms.floats(texts)),
}
"""The types that Arrow takes as they are; what else there is goes by its text."""
_NO: Mapping[Kind, str] = {
    **dict.fromkeys((Kind.INT, Kind.INT1, Kind.INT2, Kind.INT8), "no whole number of its type"),
    **dict.fromkeys((Kind.BCD, Kind.FLOAT, Kind.DECF16, Kind.DECF34), "no number of its type"),
    Kind.DATE: "no date",
    Kind.TIME: "no time of a day",
    Kind.UTCLONG: "no point in time",
}
