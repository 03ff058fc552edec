"""The events themselves, as a consumer sees them."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from bridge.contract import NUMBER_TEXT, Changes, Op, Table, declared
from bridge.encode import Encoded, EncoderOptions, Origin, encoder
from bridge.encode.envelope import JsonEncoder
from bridge.errors import PermanentError

ORIGIN = Origin(connector="erp", kind="jdbc", version="1.2.3")
NOW = 1_700_000_000_000
SOURCE = (
    '"source":{"version":"1.2.3","connector":"jdbc","name":"erp",'
    '"ts_ms":null,"snapshot":"%s","table":"orders"}'
)


def encode(changes: Changes, **options: Any) -> Encoded:
    return encoder(EncoderOptions(**options)).encode(changes, ORIGIN, NOW)


def orders(ids: list[int], amounts: list[str | None], **more: Any) -> Changes:
    decimals = pa.array([None if a is None else Decimal(a) for a in amounts], pa.decimal128(12, 2))
    rows = pa.record_batch({"id": pa.array(ids, pa.int64()), "amount": decimals})
    return Changes(Table("orders", rows.schema, ("id",)), rows, **more)


def column(array: pa.Array, **more: Any) -> Changes:
    rows = pa.record_batch({"x": array})
    return Changes(Table("t", rows.schema, ()), rows, **more)


def after(array: pa.Array, **options: Any) -> list[Any]:
    encoded = encode(column(array), **options)
    assert not encoded.failures
    return [json.loads(value)["after"]["x"] for value in encoded.values if value]


def text_after(array: pa.Array, **options: Any) -> list[str]:
    values = (value.decode() for value in encode(column(array), **options).values if value)
    return [value.split('"after":{"x":')[1].split('},"source"')[0] for value in values]


def test_a_create_is_debeziums_envelope_to_the_byte() -> None:
    encoded = encode(orders([7], ["1.50"]))
    after = '{"before":null,"after":{"id":7,"amount":"1.50"},'
    assert encoded.keys == [b'{"id":7}']
    assert encoded.values == [f'{after}{SOURCE % "false"},"op":"c","ts_ms":1700000000000}}'.encode()]


def test_a_read_is_a_snapshot() -> None:
    [value] = encode(orders([7], [None], op=Op.READ)).values
    after = '{"before":null,"after":{"id":7,"amount":null},'
    assert value == f'{after}{SOURCE % "true"},"op":"r","ts_ms":1700000000000}}'.encode()


def test_a_delete_has_its_key_in_before_and_a_tombstone_behind_it() -> None:
    encoded = encode(orders([7, 8], [None, None], op=Op.DELETE))
    before = '{"before":{"id":%d},"after":null,'
    tail = f'{SOURCE % "false"},"op":"d","ts_ms":1700000000000}}'
    assert encoded.keys == [b'{"id":7}', b'{"id":7}', b'{"id":8}', b'{"id":8}']
    assert encoded.values == [(before % 7 + tail).encode(), None, (before % 8 + tail).encode(), None]


def test_operations_may_differ_by_row() -> None:
    changes = orders([1, 2, 3, 4], ["1", "2", None, "4"], op=pa.array(["c", "u", "d", "r"]))
    events = [json.loads(value) if value else None for value in encode(changes).values]
    assert events[3] is None
    seen = [
        (e["op"], e["before"], e["after"] and e["after"]["id"], e["source"]["snapshot"]) for e in events if e
    ]
    assert seen == [
        ("c", None, 1, "false"),
        ("u", None, 2, "false"),
        ("d", {"id": 3}, None, "false"),
        ("r", None, 4, "true"),
    ]


def test_an_unknown_before_image_is_null_and_of_a_delete_the_key() -> None:
    known = pa.array([{"id": 1, "amount": "9"}, None, None])
    changes = orders([1, 2, 3], ["1", "2", None], op=pa.array(["u", "u", "d"]), before=known)
    befores = [json.loads(value)["before"] for value in encode(changes).values if value]
    assert befores == [{"id": 1, "amount": "9"}, None, {"id": 3}]


def test_a_value_that_was_not_read_is_not_null() -> None:
    changes = orders([1, 2], [None, None], op=Op.UPDATE, absent={"amount": pa.array([True, False])})
    amounts = [json.loads(value)["after"]["amount"] for value in encode(changes).values if value]
    assert amounts == ["__debezium_unavailable_value", None]


def test_source_time_and_the_connectors_own_columns_are_in_source() -> None:
    own = pa.record_batch({"scn": pa.array([2**63, 5], pa.uint64()), "xid": ["a.b", None]})
    changes = orders([1, 2], ["1", "2"], source=own, ts=pa.array([1_600_000_000_000, None], pa.int64()))
    sources = [json.loads(value)["source"] for value in encode(changes).values if value]
    found = [(s["ts_ms"], s["scn"], s["xid"]) for s in sources]
    assert found == [(1_600_000_000_000, 2**63, "a.b"), (None, 5, None)]
    assert sources[0]["table"] == "orders"


def test_a_table_without_key_has_events_without_key_and_no_tombstones() -> None:
    encoded = encode(column(pa.array([1, 2]), op=pa.array(["c", "d"])))
    assert encoded.keys == [None, None]
    assert [json.loads(value or b"")["before"] for value in encoded.values] == [None, {"x": 2}]


def test_a_key_follows_the_tables_order_of_key_columns() -> None:
    rows = pa.record_batch({"a": [1], "b": ['ä/\u2028"\x01'], "c": [True]})
    encoded = encode(Changes(Table("t", rows.schema, ("b", "a")), rows))
    assert encoded.keys == ['{"b":"ä/\u2028\\"\\u0001","a":1}'.encode()]


def test_the_bytes_of_keys_never_change() -> None:
    """Partitions were chosen by these bytes: what fails here moves keys of running systems."""
    rows = pa.record_batch(
        {
            "int": pa.array([-1], pa.int64()),
            "decimal": pa.array([Decimal("10.50")], pa.decimal128(9, 2)),
            "double": pa.array([1e16], pa.float64()),
            "text": ["Öl\t\b\x7f"],
            "day": pa.array([0], pa.date32()),
            "at": pa.array([0], pa.timestamp("us", "UTC")),
            "bytes": pa.array([b"\xfb\xff"], pa.binary()),
            "flag": [True],
            "none": pa.nulls(1),
        }
    )
    [key] = encode(Changes(Table("t", rows.schema, tuple(rows.schema.names)), rows)).keys
    assert (
        key
        == (
            '{"int":-1,"decimal":"10.50","double":1.0e16,"text":"Öl\\t\\b\x7f","day":"1970-01-01",'
            '"at":"1970-01-01T00:00:00.000000Z","bytes":"+/8=","flag":true,"none":null}'
        ).encode()
    )


def test_no_rows_make_no_events() -> None:
    assert encode(orders([], [])) == Encoded([], [])


@pytest.mark.parametrize(
    ("unit", "text"),
    [("s", "{}"), ("ms", "{}.000"), ("us", "{}.000000"), ("ns", "{}.000000000")],
)
def test_a_timestamp_has_the_digits_of_its_unit_and_z_only_with_a_zone(unit: str, text: str) -> None:
    assert after(pa.array([0], pa.timestamp(unit))) == [text.format("1970-01-01T00:00:00")]
    zoned = pa.array([0], pa.timestamp(unit, "America/New_York"))
    assert after(zoned) == [text.format("1970-01-01T00:00:00") + "Z"]


@pytest.mark.parametrize("native", [False, True])
def test_a_time_has_the_digits_that_its_type_declares(*, native: bool) -> None:
    """All of them, if there are more than it declares: nothing is cut off."""
    kinds = [(pa.timestamp("ms"), 2), (pa.timestamp("us", "UTC"), 4), (pa.time32("ms"), 1)]
    schema = pa.schema([pa.field(f"c{n}", kind, metadata=declared(n)) for kind, n in kinds])
    arrays = [pa.array([120, 123], schema.types[0]), pa.array([100, 123456], schema.types[1])]
    rows = pa.RecordBatch.from_arrays([*arrays, pa.array([0, 120], schema.types[2])], schema=schema)
    table = Table("t", schema, ("c2", "c1"))
    changes = Changes(table, rows, op=Op.UPDATE, before=None if native else rows.to_struct_array())
    encoded = JsonEncoder(EncoderOptions(), native=native).encode(changes, ORIGIN, NOW)
    wanted = [
        '{"c2":"1970-01-01T00:00:00.12","c4":"1970-01-01T00:00:00.0001Z","c1":"00:00:00.0"}',
        '{"c2":"1970-01-01T00:00:00.123","c4":"1970-01-01T00:00:00.123456Z","c1":"00:00:00.120"}',
    ]
    keys = ['{"c2":"1970-01-01T00:00:00.12","c1":"00:00:00.0"}']
    keys += ['{"c2":"1970-01-01T00:00:00.123","c1":"00:00:00.120"}']
    assert [*encoded.keys] == [key.encode() for key in keys]
    for value, row in zip(encoded.values, wanted, strict=True):
        before = "null" if native else row
        assert value is not None
        assert value.startswith(f'{{"before":{before},"after":{row},"source"'.encode())


def test_the_times_of_a_struct_have_the_digits_that_they_declare() -> None:
    kind = pa.struct([pa.field("at", pa.timestamp("ms", "UTC"), metadata=declared(1))])
    assert after(pa.array([{"at": datetime(2024, 1, 1, tzinfo=UTC)}], kind)) == [
        {"at": "2024-01-01T00:00:00.0Z"}
    ]


def test_dates_far_from_today_keep_their_year() -> None:
    """The first is the day Caesar died: 15 March 44 BC, Julian day number 1705426."""
    days = pa.array([1_705_426 - 2_440_588, -719_529, -719_528, -141_427, 2_932_896, 2_932_897], pa.int32())
    wanted = ["-0043-03-13", "-0001-12-31", "0000-01-01", "1582-10-15", "9999-12-31", "+10000-01-01"]
    assert after(days.view(pa.date32())) == wanted
    seconds = pa.array([day.as_py() * 86_400 + 1 for day in days], pa.timestamp("s"))
    assert after(seconds) == [f"{day}T00:00:01" for day in wanted]


def test_every_timestamp_there_can_be_has_a_text() -> None:
    ends = pa.array([1 - 2**63, 2**63 - 2], pa.timestamp("us", "UTC"))
    assert after(ends) == ["-290308-12-21T19:59:05.224193Z", "+294247-01-10T04:00:54.775806Z"]


@pytest.mark.parametrize("bits", [32, 64])
def test_the_extreme_numbers_are_infinite_times(bits: int) -> None:
    """A number that is an extreme one of days is an ordinary one of seconds."""
    counts = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0]
    kind = pa.date32() if bits == 32 else pa.timestamp("us", "UTC")
    infinite = after(pa.array(counts, getattr(pa, f"int{bits}")()).view(kind))
    assert infinite[:2] == ["-infinity", "infinity"]
    seconds = after(pa.array([-(2**63), 2**31 - 1], pa.timestamp("s")))
    assert seconds == ["-infinity", "2038-01-19T03:14:07"]


def test_midnight_at_the_end_of_the_day_is_a_time() -> None:
    assert after(pa.array([86_400_000_000], pa.time64("us"))) == ["24:00:00.000000"]


def test_a_time_outside_the_day_fails_alone() -> None:
    encoded = encode(column(pa.array([-3_020_399, 3], pa.time32("s"))))
    assert [failure.row for failure in encoded.failures] == [0]
    assert encoded.failures[0].reason == "column x: -3020399 seconds since midnight is no time of day"
    assert len(encoded.values) == 1


def test_durations_and_intervals_are_iso_8601() -> None:
    assert after(pa.array([-1_500, None], pa.duration("ms"))) == ["PT-1.500S", None]
    assert after(pa.array([(14, 3, -5)], pa.month_day_nano_interval())) == ["P14M3DT-0.000000005S"]


def test_epoch_writes_counts_of_the_columns_unit() -> None:
    assert after(pa.array([86_400_000], pa.date64()), time="epoch") == [1]
    assert after(pa.array([5], pa.time32("ms")), time="epoch") == [5]
    assert after(pa.array([-7], pa.timestamp("us", "UTC")), time="epoch") == [-7]


@pytest.mark.parametrize("scale", [0, 2, 6, 7, 30])
def test_a_decimal_is_text_with_every_digit_and_never_an_exponent(scale: int) -> None:
    values = [Decimal(n).scaleb(-scale) for n in (0, 1, -1, 12345678)]
    assert after(pa.array(values, pa.decimal128(38, scale))) == [format(value, "f") for value in values]


def test_decimals_can_be_numbers_and_doubles() -> None:
    amounts = pa.array([Decimal("12345678901234567890.10"), Decimal("0.00"), None], pa.decimal128(38, 2))
    assert text_after(amounts, decimal="number") == ["12345678901234567890.10", "0.00", "null"]
    assert text_after(amounts, decimal="double") == ["1.2345678901234567e19", "0.0", "null"]


@pytest.mark.parametrize("texts", [False, True])
def test_doubles_round_values_and_no_keys(*, texts: bool) -> None:
    """Else two rows would have one key, and the delete of one would be the other's."""
    near = [Decimal(2**53), Decimal(2**53 + 1)]
    kept = pa.array([str(number) for number in near]) if texts else pa.array(near, pa.decimal128(20, 0))
    schema = pa.schema([pa.field("id", kept.type, metadata=NUMBER_TEXT if texts else None)])
    rows = pa.record_batch([kept], schema)
    keys = [b'{"id":9007199254740992}', b'{"id":9007199254740993}']
    created = encode(Changes(Table("t", schema, ("id",)), rows), decimal="double")
    assert [*created.keys] == keys
    deleted = encode(Changes(Table("t", schema, ("id",)), rows, Op.DELETE), decimal="double")
    assert [*deleted.keys[::2]] == keys
    assert b'"before":' + keys[1] in (deleted.values[2] or b"")


def test_numbers_kept_as_text_are_written_as_decimals_are() -> None:
    texts = ["12345678901234567890123456789012345678901234567890.10", "-0.5", "0", "NaN", "Infinity", None]
    numbers = pa.field("x", pa.string(), metadata=NUMBER_TEXT)

    def written(**options: Any) -> list[str]:
        rows = pa.record_batch([pa.array(texts)], pa.schema([numbers]))
        values = encode(Changes(Table("t", rows.schema, ()), rows), **options).values
        found = (value.decode() for value in values if value)
        return [value.split('"after":{"x":')[1].split('},"source"')[0] for value in found]

    assert written() == [*(f'"{text}"' for text in texts[:-1]), "null"]
    assert written(decimal="number") == [*texts[:3], '"NaN"', '"Infinity"', "null"]
    assert written(decimal="double") == [
        "1.2345678901234567e49",
        "-0.5",
        "0.0",
        '"NaN"',
        '"Infinity"',
        "null",
    ]


@pytest.mark.parametrize("text", ["007", "1e5", "+1", ".5", "5.", "1 ", "٣", '1,"y":2'])
def test_text_that_is_no_number_as_json_has_them_stays_text(text: str) -> None:
    rows = pa.record_batch([pa.array([text])], pa.schema([pa.field("x", pa.string(), metadata=NUMBER_TEXT)]))
    (value,) = encode(Changes(Table("t", rows.schema, ()), rows), decimal="number").values
    assert json.loads(value or "")["after"] == {"x": text}


def test_a_float_that_json_has_no_number_for_is_text() -> None:
    floats = pa.array([1.5, float("nan"), float("inf"), float("-inf"), None])
    assert after(floats) == [1.5, "NaN", "Infinity", "-Infinity", None]
    fields = [("f", pa.list_(pa.float64())), ("d", pa.decimal128(3, 2)), ("s", pa.string())]
    nest = pa.array([{"f": [1.5, float("nan")], "d": Decimal("1.10"), "s": "ä"}, None], pa.struct(fields))
    assert text_after(nest, decimal="number")[0] == '{"f":[1.5,"NaN"],"d":1.10,"s":"ä"}'
    assert text_after(pa.array([[float("inf"), 0.1]], pa.list_(pa.float32()))) == ['["Infinity",0.1]']


def test_a_float_of_32_bits_is_not_widened() -> None:
    assert text_after(pa.array([0.1], pa.float32())) == ["0.1"]
    assert text_after(pa.array([0.5], pa.float16())) == ["0.5"]


def test_binary_can_be_hexadecimal() -> None:
    assert after(pa.array([b"\x00\xff", None]), binary="hex") == ["00ff", None]


def test_encodings_of_arrow_do_not_show() -> None:
    assert after(pa.RunEndEncodedArray.from_arrays([2, 3], pa.array([1.5, None]))) == [1.5, 1.5, None]
    days = pa.array([0, 0, None], pa.date32()).dictionary_encode()
    assert after(days) == ["1970-01-01", "1970-01-01", None]
    assert after(pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}"]))) == ["{}"]


def test_the_keys_of_a_map_name_members() -> None:
    assert after(pa.array([[(1, "a"), (-2, None)], None], pa.map_(pa.int64(), pa.string()))) == [
        {"1": "a", "-2": None},
        None,
    ]


def test_a_type_without_json_form_is_said_once_and_names_the_column() -> None:
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])
    with pytest.raises(
        PermanentError, match=r"^table t: column x: the Arrow type .*union.* has no JSON form; exclude"
    ):
        encode(column(union))


def test_a_map_whose_keys_are_structs_has_no_json_form() -> None:
    keys = pa.struct([("a", pa.int64())])
    with pytest.raises(PermanentError, match="cannot name a JSON member"):
        encode(column(pa.array([[({"a": 1}, 1)]], pa.map_(keys, pa.int64()))))


def test_a_row_that_is_not_utf_8_becomes_a_failure_that_shows_it() -> None:
    names = pa.array([b"good", b"M\xfcller", b"also good"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, names.buffers())
    rows = pa.record_batch({"id": pa.array([1, 2, 3]), "name": text})
    encoded = encode(Changes(Table("t", rows.schema, ("id",)), rows))
    assert encoded.keys == [b'{"id":1}', b'{"id":3}']
    [failure] = encoded.failures
    assert (failure.row, failure.key, failure.raw) == (1, b'{"id":2}', '{"id":"2","name":"M\\\\xfcller"}')
    assert failure.reason.startswith("column name: Invalid UTF8")


def test_a_row_whose_key_cannot_be_encoded_fails_without_key() -> None:
    text = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"], pa.binary()).buffers())
    rows = pa.record_batch({"id": text})
    encoded = encode(Changes(Table("t", rows.schema, ("id",)), rows))
    assert [(failure.key, failure.row) for failure in encoded.failures] == [(None, 0)]
    assert encoded.values == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (Changes(Table("t", pa.schema([]), ("id",)), pa.record_batch({"x": [1]})), "t has no key column id"),
        (orders([1], ["1"], absent={"amuont": pa.array([True])}), "orders has no column amuont to be absent"),
        (orders([1], ["1"], absent={"id": pa.array([True])}), "orders calls its key column id absent"),
        (orders([1, 2], ["1", None], ts=pa.array([1])), "orders has 1 values beside 2 rows"),
        (orders([1], ["1"], op=pa.array(["x"])), "orders has an operation x"),
        (orders([1], ["1"], op=pa.array([None], pa.string())), "orders has an operation None"),
        (orders([1], ["1"], source=pa.record_batch({"table": ["x"]})), "orders redefines source.table"),
    ],
)
def test_a_connectors_mistake_is_named(changes: Changes, text: str) -> None:
    with pytest.raises(PermanentError, match=re.escape(text)):
        encode(changes)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValidationError, match="decimal"):
        EncoderOptions.model_validate({"decimal": "float"})
    with pytest.raises(ValidationError, match="decimals"):
        EncoderOptions.model_validate({"decimals": "string"})
