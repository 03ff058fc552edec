"""The form in which images are compared and remembered: a key comes back from it as it was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bridge.contract import Table, declared
from bridge.diff import Entry, number, plain
from bridge.diff.canonical import DIGEST, digests, key_of, rows_of, texts

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAY = 86_400
FIRST, LAST = -62_135_596_800, 253_402_300_799
"""Seconds: of the years 1 to 9999."""


def counts(kind: pa.DataType, low: int, high: int) -> st.SearchStrategy[pa.Array]:
    """Times as their numbers."""
    factor = UNITS.get(getattr(kind, "unit", "s"), 1)
    bits = kind.bit_width
    low, high = max(low * factor, -(2 ** (bits - 1))), min(high * factor, 2 ** (bits - 1) - 1)
    base = pa.int32() if bits == 32 else pa.int64()
    return lists(st.integers(low, high)).map(lambda values: pa.array(values, base).view(kind))


def lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=5)


def plainly(kind: pa.DataType, values: st.SearchStrategy[Any]) -> st.SearchStrategy[pa.Array]:
    return lists(values).map(lambda found: pa.array(found, kind))


def integers() -> st.SearchStrategy[pa.Array]:
    kinds = [
        (getattr(pa, f"{sign}int{bits}")(), 0 if sign else -(2 ** (bits - 1)), 2 ** (bits - (not sign)) - 1)
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    ]
    return st.one_of(*(plainly(kind, st.integers(low, high)) for kind, low, high in kinds))


def decimals(kind: pa.DataType) -> st.SearchStrategy[pa.Array]:
    most = 10**kind.precision - 1
    written = st.integers(-most, most).map(lambda unscaled: pa.scalar(f"{unscaled}e{-kind.scale}"))
    return lists(written).map(lambda found: pa.array([each.as_py() for each in found]).cast(kind))


KEYS = st.one_of(
    integers(),
    *(decimals(kind) for kind in (pa.decimal128(1, 0), pa.decimal128(12, 3), pa.decimal128(38, 38))),
    decimals(pa.decimal256(76, 10)),
    counts(pa.date32(), FIRST // DAY, LAST // DAY),
    counts(pa.date32(), -(2**31), 2**31),
    *(counts(pa.time32(unit), 0, DAY) for unit in ("s", "ms")),
    *(counts(pa.time64(unit), 0, DAY) for unit in ("us", "ns")),
    *(counts(pa.timestamp(unit, zone), -(2**63), 2**63) for unit in UNITS for zone in (None, "UTC")),
    *(counts(pa.timestamp(unit), FIRST, LAST) for unit in UNITS),
    *(counts(pa.timestamp(unit, "UTC"), FIRST, LAST) for unit in UNITS),
    *(counts(pa.timestamp(unit, "+02:00"), FIRST + DAY, LAST - DAY) for unit in UNITS),
    *(plainly(kind, st.binary(max_size=9)) for kind in (pa.binary(), pa.large_binary())),
    plainly(pa.binary(4), st.binary(min_size=4, max_size=4)),
    plainly(pa.float64(), st.floats()),
    plainly(pa.float32(), st.floats(width=32)),
    plainly(pa.bool_(), st.booleans()),
    *(plainly(kind, st.text(st.characters(codec="utf-8"))) for kind in (pa.string(), pa.large_string())),
)  # fmt: skip


def table_of(*columns: pa.Array, digits: int = 0) -> Table:
    metadata = declared(digits)
    fields = [pa.field(f"k{at}", column.type, metadata=metadata) for at, column in enumerate(columns)]
    return Table("t", pa.schema(fields), tuple(field.name for field in fields))


def rows(table: Table, *columns: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(columns), schema=table.schema)


def same(one: pa.Array, other: pa.Array) -> bool:
    """To the bit, but for the bits of what is not a number."""
    if pa.types.is_floating(one.type):
        pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
        return one.type == other.type and all(
            repr(a) == repr(b) or (math.isnan(a) and math.isnan(b)) for a, b in pairs
        )
    return bool(one.equals(other))


DIGITS = st.integers(0, 9)


@given(KEYS, KEYS, DIGITS)
def test_a_key_comes_back_from_its_form(one: pa.Array, other: pa.Array, digits: int) -> None:
    size = min(len(one), len(other))
    one, other = one.slice(0, size), other.slice(0, size)
    table = table_of(one, other, digits=digits)
    forms = texts(rows(table, one, other))
    assert all(forms)
    (again,) = rows_of([form for form in forms if form], table, table.key)
    assert again.schema.equals(table.schema)
    assert same(again.column(0), one)
    assert same(again.column(1), other)


@given(KEYS, DIGITS)
def test_equal_forms_are_equal_values(keys: pa.Array, digits: int) -> None:
    forms = texts(rows(table_of(keys, digits=digits), keys))
    for at, form in enumerate(forms):
        for to, another in enumerate(forms):
            assert (form == another) == same(keys.slice(at, 1), keys.slice(to, 1))


@given(st.integers(-(2**63), 2**63 - 1), st.text(st.characters(codec="utf-8")))
def test_the_key_of_a_reject_has_the_form_of_its_row(whole: int, text: str) -> None:
    columns = pa.array([whole]), pa.array([text])
    table = table_of(*columns)
    assert key_of({"k0": whole, "k1": text, "more": 1}, table) == texts(rows(table, *columns))[0]
    assert key_of({"k0": whole}, table) is None
    assert key_of({"k0": [1], "k1": text}, table) is None


TEXTS = st.lists(st.sampled_from([b"a", b"caf\xc3\xa9", b"caf\xe9", b"\xff", b""]), max_size=9)


@given(TEXTS, st.lists(st.one_of(st.none(), st.booleans()), min_size=9, max_size=9))
def test_a_row_that_cannot_be_written_has_no_form_and_a_digest_of_its_own(
    found: Sequence[bytes], flags: Sequence[bool | None]
) -> None:
    column, flag = pa.array(found, pa.binary()).view(pa.string()), pa.array(flags[: len(found)], pa.bool_())
    batch = rows(table_of(column, flag), column, flag)
    forms = texts(batch)
    assert [form is None for form in forms] == [b"\xe9" in each or b"\xff" in each for each in found]
    marked = digests(batch, before=b"+", formless=b"-")
    assert [each[:1] for each in marked] == [b"-" if form is None else b"+" for form in forms]
    assert {len(each) for each in marked} <= {1 + DIGEST}
    values = [*zip(found, flags, strict=False)]
    for one, value in zip(marked, values, strict=True):
        for another, other in zip(marked, values, strict=True):
            assert (one == another) == (value == other)


@given(
    st.binary(min_size=DIGEST, max_size=DIGEST),
    st.booleans(),
    st.booleans(),
    st.integers(0, 255),
    st.binary(max_size=40),
)
def test_an_entry_comes_back_as_it_was_packed(
    digest: bytes, published: Any, refused: Any, absent: int, mark: bytes
) -> None:
    entry = Entry(digest, published, refused, absent, mark)
    assert Entry.parse(entry.packed()) == entry
    assert plain(digest) == Entry(digest).packed()


@given(st.integers(0, 2**64))
def test_a_number_of_rows_stands_in_place_of_a_digest(count: int) -> None:
    assert int.from_bytes(Entry.parse(plain(number(count))).digest) == count
