"""Arrow columns recast to the few types whose JSON text is certain: numbers, booleans, strings, nests."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

from bridge.contract import NUMBER_TEXT, Table, digits_of
from bridge.encode import EncoderOptions, times

type Form = Callable[[pa.Array], pa.Array]

_NUMBER_TEXT = {name.encode(): value.encode() for name, value in NUMBER_TEXT.items()}
_PLAIN_SCALE = 6  # up to here Arrow writes a decimal without exponent, as Java's BigDecimal does


class UnsupportedError(Exception):
    """No value of this type can be written, whatever it is."""


class Columns:
    """Recasts columns as the options want them."""

    def __init__(self, options: EncoderOptions) -> None:
        iso = options.time == "iso"
        self._decimal = options.decimal
        self.plain_times, self.plain_decimals = iso, options.decimal == "string"
        """Whether times are ISO 8601, and decimals text with all their digits."""
        self._forms: tuple[tuple[Callable[[pa.DataType], bool], Form], ...] = (
            (_is_plain, _same),
            (t.is_float16, lambda array: array.cast(pa.float32())),
            (t.is_decimal, _DECIMALS[options.decimal]),
            (t.is_date, times.date if iso else times.epoch),
            (t.is_time, times.time if iso else times.epoch),
            (t.is_timestamp, times.timestamp if iso else times.epoch),
            (t.is_duration, times.duration if iso else times.epoch),
            (t.is_interval, times.interval),
            (_is_binary, _BINARIES[options.binary]),
            (t.is_struct, self._struct),
            (t.is_map, self._map),
            (_is_list, self._list),
            (t.is_dictionary, lambda array: self.plain(array.dictionary_decode())),
            (t.is_run_end_encoded, lambda array: self.plain(pc.run_end_decode(array))),
            (_is_extension, lambda array: self.plain(array.storage)),
        )
        self._known: dict[int, Form] = {}
        """By the type's number, which is all that is looked at: most batches are small."""

    def plain(self, array: pa.Array) -> pa.Array:
        """The same values in a safe type. Errors: UnsupportedError for the type, ValueError for a value."""
        kind = array.type
        form = self._known.get(kind.id) or self._found(kind)
        return form(array)

    def _found(self, kind: pa.DataType) -> Form:
        form = next((form for fits, form in self._forms if fits(kind)), None)
        if form is None:
            raise UnsupportedError(f"the Arrow type {kind} has no JSON form")
        self._known[kind.id] = form
        return form

    def column(self, field: pa.Field, array: pa.Array) -> pa.Array:
        """The same of a column, which may be of numbers kept as text."""
        plain = self._declared(field, array)
        return plain.cast(pa.float64()) if self._decimal == "double" and _has_numbers(field) else plain

    def _declared(self, field: pa.Field, array: pa.Array) -> pa.Array:
        """With the digits that the field declares, if it is of times."""
        plain = self.plain(array)
        timed = self.plain_times and times.has_digits(array.type)
        digits = digits_of(field) if timed else None
        return plain if digits is None else times.shortened(plain, digits)

    def unquotes(self, field: pa.Field) -> bool:
        """Whether its text is written as numbers, where it is one."""
        return self._decimal == "number" and _has_numbers(field)

    def quotes(self, field: pa.Field) -> bool:
        """Whether its text is written as text, whatever it says."""
        return self._decimal == "string" or not _has_numbers(field)

    def _struct(self, array: pa.StructArray) -> pa.Array:
        if not array.type.num_fields:
            return array
        fields = list(array.type)
        children = [self._declared(*each) for each in zip(fields, array.flatten(), strict=True)]
        names = [field.name for field in fields]
        return pa.StructArray.from_arrays(children, names, mask=array.is_null())

    def _list(self, array: pa.Array) -> pa.Array:
        offsets, span = _spanned(array)
        values = self.plain(array.values[span])
        return pa.LargeListArray.from_arrays(offsets.cast(pa.int64()), values, mask=array.is_null())

    def _map(self, array: pa.MapArray) -> pa.Array:
        """A JSON object; its names are the keys' own JSON text, unquoted."""
        offsets, span = _spanned(array)
        names = self.plain(array.keys[span])
        if t.is_nested(names.type):
            raise UnsupportedError(f"the Arrow type {array.type} has keys that cannot name a JSON member")
        items = self.plain(array.items[span])
        return pa.MapArray.from_arrays(offsets, names.cast(pa.string()), items, mask=array.is_null())


def written_otherwise(
    table: Table, was: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Columns that tell its rows apart and are written otherwise by other options; each with the option."""
    before, today = (_of_keys(options) if table.key else options for options in (was, now))
    changed = [option for option in _CONCERNED if before.get(option, today[option]) != today[option]]
    for name in table.key or table.schema.names if changed else ():
        for field in _inside(table.schema.field(name)):
            yield from ((name, option) for option in changed if _CONCERNED[option](field))


def lossless(decimal: str) -> str:
    """Of keys: what is rounded could be the key of another row."""
    return "number" if decimal == "double" else decimal


def _of_keys(options: Mapping[str, str]) -> Mapping[str, str]:
    return {name: lossless(value) if name == "decimal" else value for name, value in options.items()}


def _inside(field: pa.Field) -> Iterator[pa.Field]:
    yield field
    of = field.type
    yield from [pa.field(field.name, of.value_type)] if t.is_dictionary(of) else ()
    for place in range(of.num_fields):
        yield from _inside(of.field(place))


def _has_numbers(field: pa.Field) -> bool:
    metadata = field.metadata
    return metadata is not None and _NUMBER_TEXT.items() <= metadata.items()


def _spanned(array: pa.Array) -> tuple[pa.Array, slice]:
    """The rows' offsets into the part of the values that they use, and that part.

    By hand: Arrow's own flatten and cast abort the process when there are null-typed columns further inside.
    """
    if not t.is_fixed_size_list(array.type):
        offsets = array.offsets
        return pc.subtract(offsets, offsets[0]), slice(offsets[0].as_py(), offsets[-1].as_py())
    size = array.type.list_size
    offsets = pa.array([row * size for row in range(len(array) + 1)], pa.int64())
    return offsets, slice(array.offset * size, (array.offset + len(array)) * size)


def _same(array: pa.Array) -> pa.Array:
    return array


def _is_plain(kind: pa.DataType) -> bool:
    tests = (t.is_integer, t.is_boolean, t.is_null, t.is_float32, t.is_float64)
    return any(test(kind) for test in (*tests, t.is_string, t.is_large_string, t.is_string_view))


def _is_binary(kind: pa.DataType) -> bool:
    tests = (t.is_binary, t.is_large_binary, t.is_fixed_size_binary, t.is_binary_view)
    return any(test(kind) for test in tests)


def _is_time(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (t.is_date, t.is_time, t.is_timestamp, t.is_duration))


def _is_list(kind: pa.DataType) -> bool:
    tests = (t.is_list, t.is_large_list, t.is_fixed_size_list)
    return any(test(kind) for test in tests)


def _is_extension(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType)


def _decimal_text(array: pa.Array) -> pa.Array:
    """All digits and no exponent."""
    scale = array.type.scale
    if 0 <= scale <= _PLAIN_SCALE:
        return array.cast(pa.string())
    if scale < 0:
        return array.cast(pa.decimal256(76, 0)).cast(pa.string())
    unscaled = getattr(pa, f"decimal{array.type.bit_width}")(array.type.precision, 0)
    text = array.view(unscaled).cast(pa.string())
    digits = pc.utf8_lpad(pc.utf8_ltrim(text, "-"), scale + 1, "0")
    pointed = pc.binary_replace_slice(digits, -scale, -scale, ".")
    return pc.if_else(pc.starts_with(text, "-"), pc.binary_join_element_wise("-", pointed, ""), pointed)


_DECIMALS: dict[str, Form] = {
    "string": _decimal_text,
    "number": _same,
    "double": lambda array: array.cast(pa.float64()),
}


def _base64(array: pa.Array) -> pa.Array:
    values = array.to_pylist()
    return pa.array(
        [None if value is None else b2a_base64(value, newline=False) for value in values], pa.binary()
    ).cast(pa.string())


def _hex(array: pa.Array) -> pa.Array:
    return pa.array([None if value is None else value.hex() for value in array.to_pylist()], pa.string())


_BINARIES: dict[str, Form] = {"base64": _base64, "hex": _hex}


_CONCERNED: Mapping[str, Callable[[pa.Field], bool]] = {
    "decimal": lambda field: t.is_decimal(field.type) or _has_numbers(field),
    "binary": lambda field: _is_binary(field.type),
    "time": lambda field: _is_time(field.type),
}
"""Option -> whether it says how the values of a column are written."""
