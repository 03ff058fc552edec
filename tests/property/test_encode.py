"""Any Arrow batch, read back with json.loads, is what plain Python makes of the same values."""

import base64
import datetime as dt
import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.contract import NUMBER_TEXT, Changes, Op, Table
from bridge.encode import Encoded, EncoderOptions, Origin, encoder
from bridge.encode.envelope import JsonEncoder
from bridge.encode.times import date
from bridge.native import library

ORIGIN = Origin(connector="erp", kind="jdbc", version="1.2.3")
NOW = 1_700_000_000_000
EXACT = Context(prec=40)
UNITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
YEAR_1, YEAR_10000 = -62_135_596_800, 253_402_300_800


@dataclass(frozen=True)
class Shape:
    """A type, its values as pa.array takes them (of times: the counts), and what JSON must say of each."""

    type: pa.DataType
    values: st.SearchStrategy[Any]
    expected: Callable[[Any], Any]


def same(value: Any) -> Any:
    return value


def number(value: float) -> Any:
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def iso_date(days: int) -> str:
    return (dt.date(1970, 1, 1) + dt.timedelta(days=days)).isoformat()


def clock(seconds: int, fraction: int, digits: int) -> str:
    text = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%H:%M:%S")
    return f"{text}.{fraction:0{digits}d}" if digits else text


def iso_time(digits: int) -> Callable[[int], str]:
    return lambda count: clock(count // 10**digits, count % 10**digits, digits)


def iso_timestamp(digits: int, suffix: str) -> Callable[[int], str]:
    def text(count: int) -> str:
        seconds, fraction = divmod(count, 10**digits)
        days, second = divmod(seconds, 86_400)
        return f"{iso_date(days)}T{clock(second, fraction, digits)}{suffix}"

    return text


def iso_duration(digits: int) -> Callable[[int], str]:
    return lambda count: f"PT{Decimal(count).scaleb(-digits, EXACT):f}S"


def seconds_between(low: int, high: int, digits: int) -> st.SearchStrategy[int]:
    limit = 2**63 - 1
    return st.integers(max(low * 10**digits, -limit), min(high * 10**digits - 1, limit))


def decimals(kind: pa.DataType) -> Shape:
    unscaled = st.integers(1 - 10**kind.precision, 10**kind.precision - 1)
    return Shape(kind, unscaled.map(lambda n: Decimal(f"{n}E{-kind.scale}")), lambda d: format(d, "f"))


TEXT = st.text(max_size=20)
NAMES = st.text(max_size=20).filter(lambda name: "\0" not in name)  # Arrow's C interface ends names at NUL
DOUBLES = st.floats() | st.sampled_from([-0.0, 5e-324, 1e16, 1e21, math.nan, math.inf, -math.inf])
INTS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
DECIMALS = [pa.decimal128(12, 2), pa.decimal128(38, 20), pa.decimal128(5, 0), pa.decimal128(9, -3)]
DECIMALS += [pa.decimal256(60, 7)]


def integers(kind: pa.DataType) -> Shape:
    signed = pa.types.is_signed_integer(kind)
    bits = kind.bit_width - signed
    return Shape(kind, st.integers(-(2**bits) if signed else 0, 2**bits - 1), same)


def binaries() -> list[Shape]:
    def text(value: bytes) -> str:
        return base64.b64encode(value).decode()

    kinds = [pa.binary(), pa.large_binary(), pa.binary_view()]
    fixed = Shape(pa.binary(3), st.binary(min_size=3, max_size=3), text)
    return [fixed, *(Shape(kind, st.binary(max_size=20), text) for kind in kinds)]


def temporals() -> list[Shape]:
    days = st.integers(YEAR_1 // 86_400, YEAR_10000 // 86_400 - 1)
    shapes = [Shape(pa.date32(), days, iso_date)]
    shapes += [Shape(pa.date64(), days.map(lambda d: d * 86_400_000), lambda ms: iso_date(ms // 86_400_000))]
    for unit, digits in UNITS.items():
        kind = pa.time32(unit) if digits < 6 else pa.time64(unit)
        shapes.append(Shape(kind, st.integers(0, 86_400 * 10**digits - 1), iso_time(digits)))
        shapes.append(Shape(pa.duration(unit), st.integers(1 - 2**63, 2**63 - 1), iso_duration(digits)))
        for zone in (None, "UTC", "Europe/Berlin"):
            counts = seconds_between(YEAR_1, YEAR_10000, digits)
            text = iso_timestamp(digits, "Z" if zone else "")
            shapes.append(Shape(pa.timestamp(unit, zone), counts, text))
    return shapes


SCALARS = [
    *map(integers, INTS),
    *map(decimals, DECIMALS),
    *binaries(),
    *temporals(),
    *(Shape(kind, TEXT, same) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    Shape(pa.bool_(), st.booleans(), same),
    Shape(pa.float64(), DOUBLES, number),
    Shape(pa.float32(), st.floats(width=32), number),
    Shape(pa.null(), st.none(), same),
    Shape(pa.dictionary(pa.int8(), pa.string()), TEXT, same),
]


def nullable(shape: Shape) -> st.SearchStrategy[Any]:
    return st.none() | shape.values


def of(shape: Shape) -> Callable[[Any], Any]:
    return lambda value: None if value is None else shape.expected(value)


def lists(shape: Shape) -> st.SearchStrategy[Shape]:
    values = st.lists(nullable(shape), max_size=4)
    kinds = st.sampled_from([pa.list_, pa.large_list])
    free = kinds.map(lambda kind: Shape(kind(shape.type), values, lambda v: [*map(of(shape), v)]))
    pair = st.lists(nullable(shape), min_size=2, max_size=2)
    return free | st.just(Shape(pa.list_(shape.type, 2), pair, lambda v: [*map(of(shape), v)]))


def maps(shape: Shape) -> Shape:
    entries = st.dictionaries(TEXT, nullable(shape), max_size=4).map(lambda entries: [*entries.items()])
    expected = of(shape)
    return Shape(pa.map_(pa.string(), shape.type), entries, lambda v: {k: expected(x) for k, x in v})


def structs(shapes: dict[str, Shape]) -> Shape:
    return Shape(
        pa.struct([(name, shape.type) for name, shape in shapes.items()]),
        st.fixed_dictionaries({name: nullable(shape) for name, shape in shapes.items()}),
        lambda v: {name: of(shape)(v[name]) for name, shape in shapes.items()},
    )


# pa.array makes no lists of dictionaries.
NESTABLE = [shape for shape in SCALARS if not pa.types.is_dictionary(shape.type)]


def nests(inner: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
    return inner.flatmap(lists) | inner.map(maps) | st.dictionaries(NAMES, inner, max_size=3).map(structs)


SHAPES = st.sampled_from(SCALARS) | st.recursive(st.sampled_from(NESTABLE), nests, max_leaves=3)


@dataclass(frozen=True)
class Given:
    rows: pa.RecordBatch
    expected: list[dict[str, Any]]
    key: tuple[str, ...]

    def changes(self, **more: Any) -> Changes:
        return Changes(Table("t", self.rows.schema, self.key), self.rows, **more)


@st.composite
def batches(draw: st.DrawFn, min_rows: int = 0) -> Given:
    """Slices too: an array's neighbours must not show."""
    shapes = draw(st.dictionaries(NAMES, SHAPES, min_size=1, max_size=4))
    count = draw(st.integers(min_rows, 6))
    columns = {n: draw(st.lists(nullable(s), min_size=count, max_size=count)) for n, s in shapes.items()}
    start = draw(st.integers(0, count - min_rows))
    rows = pa.RecordBatch.from_arrays([pa.array(v, shapes[n].type) for n, v in columns.items()], [*columns])
    expected = [{n: of(shapes[n])(columns[n][i]) for n in columns} for i in range(start, count)]
    return Given(
        rows.slice(start), expected, tuple(draw(st.permutations([*shapes])))[: draw(st.integers(0, 2))]
    )


def encode(changes: Changes) -> Encoded:
    return encoder(EncoderOptions()).encode(changes, ORIGIN, NOW)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def read(value: bytes | None) -> Any:
    assert value is not None
    return json.loads(value, object_pairs_hook=once)


def alike(found: Any, wanted: Any) -> bool:
    """Equal; a float of 32 bits may be written shorter than Python would write it."""
    match found, wanted:
        case dict(), dict():
            return [*found] == [*wanted] and all(alike(found[name], wanted[name]) for name in found)
        case list(), list():
            return len(found) == len(wanted) and all(map(alike, found, wanted))
        case ((float() | int()), float()):
            return bool(found == wanted) or struct.pack("f", found) == struct.pack("f", wanted)
    return type(found) is type(wanted) and bool(found == wanted)


thorough = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@thorough
@given(batches())
def test_after_is_what_plain_python_makes_of_the_row(given: Given) -> None:
    encoded = encode(given.changes())
    assert not encoded.failures
    found = [read(value)["after"] for value in encoded.values]
    assert alike(found, given.expected), (found, given.expected)


@thorough
@given(batches())
def test_before_and_source_are_written_like_after(given: Given) -> None:
    renamed = given.rows.rename_columns([f"own {name}" for name in given.rows.schema.names])
    encoded = encode(given.changes(op=Op.UPDATE, before=given.rows.to_struct_array(), source=renamed))
    for value, expected in zip(encoded.values, given.expected, strict=True):
        event = read(value)
        assert alike(event["before"], expected)
        assert alike({n[4:]: v for n, v in event["source"].items() if n.startswith("own ")}, expected)


@thorough
@given(batches(), st.data())
def test_a_row_has_the_same_bytes_whatever_its_batch(given: Given, data: st.DataObject) -> None:
    ops = data.draw(
        st.lists(st.sampled_from("cudr"), min_size=len(given.expected), max_size=len(given.expected))
    )
    mask = pa.array([op == "u" for op in ops], pa.bool_())
    absent = {name: mask for name in given.rows.schema.names if name not in given.key}
    whole = encode(given.changes(op=pa.array(ops, pa.string()), absent=absent))
    keys: list[bytes | None] = []
    values: list[bytes | None] = []
    for i, op in enumerate(ops):
        alone = Given(given.rows.slice(i, 1), [], given.key)
        one = encode(alone.changes(op=Op(op), absent={name: m.slice(i, 1) for name, m in absent.items()}))
        keys += one.keys
        values += one.values
    assert (whole.keys, whole.values) == (keys, values)


@thorough
@given(batches(min_rows=1))
def test_the_key_holds_the_key_columns_in_the_declared_order_and_no_space(given: Given) -> None:
    encoded = encode(given.changes())
    for key, expected in zip(encoded.keys, given.expected, strict=True):
        if given.key:
            assert alike(read(key), {name: expected[name] for name in given.key})
        else:
            assert key is None


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), TEXT, st.booleans()), min_size=1))
def test_a_key_of_common_types_is_byte_for_byte_what_json_dumps_writes_compactly(
    rows: list[tuple[int, str, bool]],
) -> None:
    names = ("id", 'a "näme"', "flag")
    columns = [pa.array(column) for column in zip(*rows, strict=True)]
    batch = pa.RecordBatch.from_arrays(columns, [*names])
    encoded = encode(Changes(Table("t", batch.schema, names), batch))
    for key, row in zip(encoded.keys, rows, strict=True):
        wanted = json.dumps(dict(zip(names, row, strict=True)), separators=(",", ":"), ensure_ascii=False)
        assert key == wanted.encode()


@given(st.lists(st.sampled_from("cudr"), max_size=12))
def test_each_delete_and_nothing_else_is_followed_by_its_tombstone(ops: list[str]) -> None:
    rows = pa.record_batch({"id": pa.array(range(len(ops)), pa.int64())})
    encoded = encode(Changes(Table("t", rows.schema, ("id",)), rows, op=pa.array(ops, pa.string())))
    wanted = [(i, kind) for i, op in enumerate(ops) for kind in ([op, None] if op == "d" else [op])]
    found = [
        (read(key)["id"], value and read(value)["op"])
        for key, value in zip(encoded.keys, encoded.values, strict=True)
    ]
    assert found == wanted


def text_of(values: list[bytes]) -> pa.StringArray:
    """Text as a careless reader makes it: nobody has looked whether it is UTF-8."""
    return pa.Array.from_buffers(pa.string(), len(values), pa.array(values, pa.binary()).buffers())


@given(
    st.lists(st.sampled_from([b"good", b"", b"\xff", b"\xc3"]), min_size=1, max_size=20),
    st.sampled_from([lambda text: text, lambda text: pa.StructArray.from_arrays([text], ["inner"])]),
)
def test_rows_that_cannot_be_encoded_fail_alone(
    values: list[bytes], put: Callable[[pa.Array], pa.Array]
) -> None:
    column = put(text_of(values))
    rows = pa.RecordBatch.from_arrays([pa.array(range(len(values))), column], ["id", "text"])
    encoded = encode(Changes(Table("t", rows.schema, ("id",)), rows))
    bad = [i for i, value in enumerate(values) if not value.isascii()]
    assert [failure.row for failure in encoded.failures] == bad
    assert [failure.key for failure in encoded.failures] == [b'{"id":%d}' % i for i in bad]
    assert [read(value)["after"]["id"] for value in encoded.values] == sorted({*range(len(values))} - {*bad})


in_c = pytest.mark.skipif(library() is None, reason="bridge/native is not compiled: there is no C compiler")
OPTIONS = st.builds(
    EncoderOptions,
    decimal=st.sampled_from(["string", "number", "double"]),
    time=st.sampled_from(["iso", "epoch"]),
)


def same_by_c(changes: Changes, options: EncoderOptions) -> None:
    slow, fast = (
        JsonEncoder(options, native=native).encode(changes, ORIGIN, NOW) for native in (False, True)
    )
    assert fast == slow


@in_c
@thorough
@given(batches(), OPTIONS, st.sampled_from([Op.CREATE, Op.UPDATE, Op.READ]))
def test_c_writes_the_very_bytes_that_python_does(given: Given, options: EncoderOptions, op: Op) -> None:
    own = given.rows.rename_columns([f"own {name}" for name in given.rows.schema.names])
    times = pa.array([NOW] * len(given.rows), pa.int64())
    same_by_c(given.changes(op=op), options)
    same_by_c(given.changes(op=op, source=own, ts=times), options)


@in_c
@thorough
@given(st.lists(st.none() | st.text('ab \x7f"\\\n\t\x00\x1fä€😀', max_size=40), min_size=1), OPTIONS)
def test_c_escapes_what_python_does(texts: list[str | None], options: EncoderOptions) -> None:
    names = pa.schema([("text", pa.string()), pa.field("number", pa.string(), metadata=NUMBER_TEXT)])
    numbers = [None if text is None else str(len(text)) for text in texts]
    rows = pa.RecordBatch.from_arrays([pa.array(texts), pa.array(numbers)], schema=names)
    same_by_c(Changes(Table("t", names, ("text",)), rows), options)


@in_c
@given(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.sampled_from([pa.int64(), pa.date32(), *(pa.timestamp(unit, "UTC") for unit in UNITS)]),
)
def test_c_tells_any_count_of_time_as_python_does(counts: list[int | None], kind: pa.DataType) -> None:
    """Years that have a sign, and the numbers that stand for infinity, too."""
    if pa.types.is_date32(kind):
        column = pa.array([None if n is None else n >> 32 for n in counts], pa.int32()).view(kind)
    else:
        column = pa.array(counts, pa.int64()).view(kind)
    rows = pa.RecordBatch.from_arrays([column], ["at"])
    same_by_c(Changes(Table("t", rows.schema, ()), rows), EncoderOptions())


TIMES = [pa.time32("ms"), pa.time64("us"), *(pa.timestamp(unit, "UTC") for unit in UNITS)]


@thorough
@given(
    st.lists(st.integers(0, 864 * 10**5).flatmap(lambda n: st.sampled_from([n, n * 10, n * 100, n * 1000]))),
    st.sampled_from(TIMES),
    st.integers(0, 9),
    st.sampled_from([0, 2**62]),
)
def test_a_time_has_as_many_digits_as_are_declared_and_more_where_they_are_no_zeros(
    counts: list[int], kind: pa.DataType, digits: int, long_ago: int
) -> None:
    back = long_ago if pa.types.is_timestamp(kind) else 0
    counts = [n % (86_400 * 10 ** UNITS[kind.unit]) - back for n in counts]
    column = pa.array(counts, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)
    schema = pa.schema([pa.field("at", kind, metadata={"bridge.digits": str(digits)})])
    rows = pa.RecordBatch.from_arrays([column], schema=schema)
    changes = Changes(Table("t", schema, ("at",)), rows)
    plain = encode(Changes(changes.table, pa.RecordBatch.from_arrays([column], ["at"])))
    for found, wanted in zip(encode(changes).keys, plain.keys, strict=True):
        text, full = read(found)["at"].removesuffix("Z"), read(wanted)["at"].removesuffix("Z")
        whole, _, fraction = full.partition(".")
        rest = fraction[digits:].strip("0")
        assert text == (full if rest or not fraction else f"{whole}.{fraction[:digits]}".removesuffix("."))
    if library() is not None:
        same_by_c(changes, EncoderOptions())


@in_c
@given(st.lists(st.sampled_from([b"good", b"", b"\xff", b"\xc3", b"longer than eight"]), min_size=1))
def test_c_refuses_the_very_rows_that_python_does(values: list[bytes]) -> None:
    rows = pa.RecordBatch.from_arrays([pa.array(range(len(values))), text_of(values)], ["id", "text"])
    same_by_c(Changes(Table("t", rows.schema, ("id",)), rows), EncoderOptions())


@in_c
@pytest.mark.parametrize(
    "kind", [pa.timestamp("us"), pa.date32(), pa.decimal128(9, 2), pa.int64(), pa.bool_()]
)
def test_c_does_not_read_what_stands_under_a_null(kind: pa.DataType) -> None:
    junk, none = pa.py_buffer(b"\xff" * 160), pa.py_buffer(b"\0\0")
    rows = pa.RecordBatch.from_arrays([pa.Array.from_buffers(kind, 10, [none, junk])], ["n"])
    same_by_c(Changes(Table("t", rows.schema, ()), rows), EncoderOptions())


@in_c
def test_c_reads_buffers_that_begin_anywhere() -> None:
    def moved(array: pa.Array) -> pa.Array:
        buffers = [each and pa.py_buffer(b" " + each.to_pybytes()).slice(1) for each in array.buffers()]
        return pa.Array.from_buffers(array.type, len(array), buffers)

    columns = [pa.array([1, None, -5]), pa.array([Decimal("1.25"), None, None]), pa.array(["", None, "text"])]
    columns += [pa.array([1, 2, 3], pa.int16()), pa.array([0, None, -1], pa.int64()).view(pa.timestamp("ns"))]
    rows = pa.RecordBatch.from_arrays([*map(moved, columns)], ["i", "d", "t", "s", "at"])
    for part in (rows, rows.slice(1), rows.slice(2, 1)):
        same_by_c(Changes(Table("t", rows.schema, ("i",)), part), EncoderOptions())


@given(st.integers(-12_687_428, 11_248_737))
def test_a_date_of_any_year_has_a_sign_where_iso_8601_wants_one(days: int) -> None:
    """Arrow's own cast, which knows the years -32767 to 32767, lacks only the plus."""
    column = pa.array([days, 2**31 - 1], pa.int32()).view(pa.date32())
    wanted = column.cast(pa.string())[0].as_py()
    assert date(column)[0].as_py() == (f"+{wanted}" if wanted[4].isdigit() and wanted[0] != "-" else wanted)
