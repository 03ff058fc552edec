"""Numbers as a mainframe stores them, a whole column at a time: raw bytes -> Arrow, and which rows are none.

Formats: z/Architecture Principles of Operation, chapters 7 (binary), 8 (decimal), 9 (hexadecimal float).
"""

from __future__ import annotations

import re
import sys
from array import array
from binascii import hexlify
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from connectors.mainframe.records.copybook.codes import CodePage, code_page
from connectors.mainframe.records.copybook.item import Item, Usage
from connectors.mainframe.records.options import RecordOptions

_DIGITS = b"0123456789"
_INT64_DIGITS = 18
_WIDEST = 38
_BAD = ord("x")
_PLUS, _MINUS, _NO_SIGN = 1, 0xFF, 0
_STORED_DIGITS = {2: 5, 4: 10, 8: 19}


@dataclass(frozen=True, slots=True)
class Read:
    """A column's values; rows in `bad` hold zeros."""

    values: pa.Array
    bad: Sequence[int] = ()


def arrow_type(item: Item) -> pa.DataType:
    """Of a number: exact, and wide enough for all that its bytes can hold."""
    assert item.picture is not None or item.usage in (Usage.FLOAT, Usage.DOUBLE)  # noqa: S101 -- grammar's
    if item.picture is None:
        return pa.float64()
    digits, scale = digits_of(item), item.picture.scale
    if scale <= 0 and (digits - scale <= _INT64_DIGITS or (scale == 0 and _is_binary(item))):
        return pa.int64()
    return pa.decimal128(min(max(digits, scale, digits - scale), _WIDEST), max(scale, 0))


def digits_of(item: Item) -> int:
    assert item.picture is not None  # noqa: S101 -- as above
    return _STORED_DIGITS[item.size] if _is_binary(item) else item.picture.digits


def _is_binary(item: Item) -> bool:
    return item.usage in (Usage.BINARY, Usage.NATIVE)


# -- digits


def _typed(whole: pa.Array, item: Item) -> pa.Array:
    """From whole numbers (int64 or decimal128 without decimals) to what the picture says."""
    kind = arrow_type(item)
    assert item.picture is not None  # noqa: S101 -- as above
    scale = item.picture.scale
    if scale == 0:
        return whole.cast(kind) if pa.types.is_int64(kind) else _as(whole, kind)
    if pa.types.is_int64(whole.type):
        whole = whole.cast(pa.decimal128(19, 0))
    if scale > 0:
        return _as(whole, kind)
    return _as(whole, pa.decimal128(min(digits_of(item), _WIDEST), scale)).cast(kind)


def _as(whole: pa.Array, kind: pa.DataType) -> pa.Array:
    """The same 128 bits of each value with another precision and scale."""
    return pa.Array.from_buffers(kind, len(whole), whole.buffers(), offset=whole.offset)


def _whole(text: bytes | bytearray, count: int, width: int) -> pa.Array:
    digits = pa.Array.from_buffers(pa.binary(width), count, [None, pa.py_buffer(text)]).cast(pa.binary())
    strings = pa.Array.from_buffers(pa.string(), count, digits.buffers(), offset=digits.offset)
    return strings.cast(pa.int64() if width <= _INT64_DIGITS else pa.decimal128(_WIDEST, 0))


def _signed(whole: pa.Array, signs: bytes) -> pa.Array:
    if _MINUS not in signs:
        return whole
    negative = pc.less(pa.Array.from_buffers(pa.int8(), len(whole), [None, pa.py_buffer(signs)]), 0)
    return pc.if_else(negative, pc.negate(whole), whole)


def _cleaned(text: bytearray, width: int, signs: bytearray) -> list[int]:
    """The rows that are no digits or have no sign; they become zeros."""
    if not text.translate(None, _DIGITS) and _NO_SIGN not in signs:
        return []
    rows = {match.start() // width for match in re.finditer(rb"[^0-9]", text)}
    rows |= {match.start() for match in re.finditer(rb"\0", signs)}
    for row in rows:
        text[row * width : (row + 1) * width] = b"0" * width
        signs[row] = _PLUS
    return sorted(rows)


# -- zoned


@dataclass(frozen=True, slots=True)
class _Zones:
    """Translations: of a digit, of the digit that carries the sign, of that sign."""

    digit: bytes
    punched: bytes
    sign: bytes
    unsigned: bytes
    """Of the last digit of a number without a sign, which may carry a plus."""
    separate: bytes


def _table(values: dict[int, int], otherwise: int) -> bytes:
    return bytes(values.get(code, otherwise) for code in range(256))


@cache
def zones(name: str) -> _Zones:
    page = code_page(name)
    plus, minus = _overpunched(page)
    digits = {page.encode(str(value))[0]: ord(str(value)) for value in range(10)}
    punched = {code: ord(str(value)) for code, value in {**plus, **minus}.items()}
    preferred = {
        code: digit for code, digit in punched.items() if code in plus and code >> 4 not in (0xA, 0xE)
    }
    signs = {**dict.fromkeys(plus, _PLUS), **dict.fromkeys(minus, _MINUS)}
    return _Zones(
        digit=_table(digits, _BAD),
        punched=_table(punched, _BAD),
        sign=_table(signs, _NO_SIGN),
        unsigned=_table(preferred, _BAD),
        separate=_table({page.encode("+")[0]: _PLUS, page.encode("-")[0]: _MINUS}, _NO_SIGN),
    )


def _overpunched(page: CodePage) -> tuple[dict[int, int], dict[int, int]]:
    """Bytes that are a digit with a plus, and with a minus. In ASCII: as translated, or p to y."""
    if page.is_ebcdic:
        return (
            {zone << 4 | digit: digit for zone in (0xA, 0xC, 0xE, 0xF) for digit in range(10)},
            {zone << 4 | digit: digit for zone in (0xB, 0xD) for digit in range(10)},
        )
    plus = {ord(char): at % 10 for at, char in enumerate("0123456789{ABCDEFGHI")}
    return plus, {ord(char): at % 10 for at, char in enumerate("}JKLMNOPQRpqrstuvwxy")}


def zoned(raw: bytes, count: int, item: Item, options: RecordOptions) -> Read:
    picture, sign = item.picture, item.sign
    assert picture is not None  # noqa: S101 -- as above
    tables, width = zones(options.code_page), item.size
    at = 0 if sign is not None and sign.leading else width - 1
    text = bytearray(raw.translate(tables.digit))
    if picture.signed and sign is not None and sign.separate:
        signs = bytearray(raw[at::width].translate(tables.separate))
        del text[at::width]
        width -= 1
    elif picture.signed:
        signs = bytearray(raw[at::width].translate(tables.sign))
        text[at::width] = raw[at::width].translate(tables.punched)
    else:
        signs = bytearray([_PLUS]) * count
        text[width - 1 :: width] = raw[width - 1 :: width].translate(tables.unsigned)
    bad = _cleaned(text, width, signs)
    return Read(_typed(_signed(_whole(text, count, width), bytes(signs)), item), bad)


# -- packed

_NIBBLES = {ord(nibble): _PLUS for nibble in "acef"} | {ord(nibble): _MINUS for nibble in "bd"}
_PACKED_SIGN = _table(_NIBBLES, _NO_SIGN)
_PACKED_PLAIN = _table({ord("c"): _PLUS, ord("f"): _PLUS}, _NO_SIGN)


def packed(raw: bytes, count: int, item: Item, _options: RecordOptions) -> Read:
    picture = item.picture
    assert picture is not None  # noqa: S101 -- as above
    width = 2 * item.size
    text = bytearray(hexlify(raw))
    signs = text[width - 1 :: width].translate(_PACKED_SIGN if picture.signed else _PACKED_PLAIN)
    del text[width - 1 :: width]
    width -= 1
    if width > picture.digits:
        text[::width] = text[::width].translate(_SURPLUS)
    bad = _cleaned(text, width, signs)
    return Read(_typed(_signed(_whole(text, count, width), bytes(signs)), item), bad)


_SURPLUS = _table({ord("0"): ord("0")}, _BAD)
"""The half byte before an even number of digits is zero."""

# -- binary

_CODES = {2: ("h", "H"), 4: ("i", "I"), 8: ("q", "Q")}


def binary(raw: bytes, count: int, item: Item, options: RecordOptions) -> Read:
    picture, size = item.picture, item.size
    assert picture is not None  # noqa: S101 -- as above
    order = options.byte_order if item.usage is Usage.NATIVE else "big"
    bad: list[int] = []
    if size == 8 and not picture.signed:  # noqa: PLR2004 -- more than an int64 can be
        highest = raw[0 if order == "big" else 7 :: 8]
        bad = [match.start() for match in re.finditer(rb"[\x80-\xff]", highest)]
        raw = _zeroed(raw, 8, bad)
    numbers = array(_CODES[size][not picture.signed], raw)
    if order != sys.byteorder:
        numbers.byteswap()
    kind = {
        "h": pa.int16(),
        "H": pa.uint16(),
        "i": pa.int32(),
        "I": pa.uint32(),
        "q": pa.int64(),
        "Q": pa.int64(),
    }
    values = pa.Array.from_buffers(kind[numbers.typecode], count, [None, pa.py_buffer(numbers)])
    return Read(_typed(values.cast(pa.int64()), item), bad)


def _zeroed(raw: bytes, width: int, rows: Sequence[int]) -> bytes:
    if not rows:
        return raw
    text = bytearray(raw)
    for row in rows:
        text[row * width : (row + 1) * width] = bytes(width)
    return bytes(text)


# -- floats


def floating(raw: bytes, count: int, item: Item, options: RecordOptions) -> Read:
    single = item.usage is Usage.FLOAT
    ieee = options.floats == "ieee"
    numbers = array(("f" if ieee else "I") if single else ("d" if ieee else "q"), raw)
    if (options.byte_order if ieee else "big") != sys.byteorder:
        numbers.byteswap()
    kinds = {"f": pa.float32(), "d": pa.float64(), "I": pa.uint32(), "q": pa.int64()}
    stored = pa.Array.from_buffers(kinds[numbers.typecode], count, [None, pa.py_buffer(numbers)])
    if ieee:
        values = stored.cast(pa.float64())
        finite = pc.is_finite(values)
        return Read(pc.if_else(finite, values, 0.0), pc.indices_nonzero(pc.invert(finite)).to_pylist())
    return Read(_from_hexadecimal(stored.cast(pa.int64()), raw[:: item.size], 24 if single else 56))


@cache
def _powers(bits: int) -> pa.Array:
    """What a fraction of `bits` bits is multiplied by, for each first byte: sign and exponent, excess 64."""
    return pa.array(
        [(-1.0 if byte & 0x80 else 1.0) * 2.0 ** (4 * ((byte & 0x7F) - 64) - bits) for byte in range(256)]
    )


def _from_hexadecimal(stored: pa.Array, first: bytes, bits: int) -> pa.Array:
    """To the nearest double: the fraction has up to 56 bits, a double's 53."""
    fraction = pc.bit_wise_and(stored, pa.scalar((1 << bits) - 1, pa.int64())).cast(pa.float64(), safe=False)
    exponents = pa.Array.from_buffers(pa.uint8(), len(stored), [None, pa.py_buffer(first)])
    return pc.multiply(fraction, _powers(bits).take(exponents))
