"""What counts when two events are compared, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from bridge.contract import Changes, Op, Table
from bridge.encode import EncoderOptions, Origin, encoder
from bridge.verify.shape import TOMBSTONE, UNREAD, shape, telling

ORIGIN = Origin("erp", "jdbc", "1.0")


def event(after: Any, before: Any = None, op: str = "u", ts: int = 1, version: str = "1.0") -> bytes:
    source = {"version": version, "connector": "jdbc", "name": "erp", "ts_ms": None, "table": "t"}
    body = {"before": before, "after": after, "source": source, "op": op, "ts_ms": ts}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def test_the_time_and_the_origin_of_an_event_do_not_count() -> None:
    assert shape(event({"id": 1}, ts=1)) == shape(event({"id": 1}, ts=2, version="2.0"))


@pytest.mark.parametrize(
    "other",
    [
        event({"id": 2}),
        event({"id": 1, "name": "x"}),
        event({"id": 1}, op="c"),
        event({"id": 1}, before={"id": 1}),
        event(None),
        event({"id": "1"}),
        None,
    ],
)
def test_operation_before_and_after_count(other: bytes | None) -> None:
    assert shape(other) != shape(event({"id": 1}))


def test_a_column_that_came_later_and_is_null_does_not_count() -> None:
    assert shape(event({"id": 1, "a": None, "b": 2})) == shape(event({"id": 1, "b": 2}))
    assert shape(event({"a": None, "id": 1, "c": None})) == shape(event({"id": 1}))
    assert shape(event({"a": None, "b": None, "id": 1})) == shape(event({"b": None, "id": 1}))


def test_between_events_it_counts() -> None:
    """Else every row would be doubled that was published once more since its table had got a column."""
    assert telling(event({"id": 1, "a": None}))[1] != telling(event({"id": 1}))[1]
    assert telling(event({"id": 1}, ts=1))[1] == telling(event({"id": 1}, ts=2))[1]
    assert telling(event({"id": 1}, before={"id": 2}))[1] != telling(event({"id": 1}))[1]


@pytest.mark.parametrize("table", ["t", 't"},"op":"c', "source"])
def test_the_connector_s_own_columns_tell_updates_apart(table: str) -> None:
    def update(scn: int, ts: int = 1, op: Op = Op.UPDATE) -> bytes | None:
        rows = pa.record_batch({"id": [1], "name": ['x","source":{"version":']})
        of = pa.record_batch({"scn": pa.array([scn]), "xid": pa.array(['"table":"t"}'])})
        changes = Changes(
            Table(table, rows.schema, ("id",)), rows, op, source=of, ts=pa.array([ts], pa.timestamp("ms"))
        )
        return encoder(EncoderOptions()).encode(changes, ORIGIN, ts).values[0]

    assert telling(update(1)).told != telling(update(2)).told
    assert telling(update(1)) == telling(update(1, ts=2)), "published twice"
    assert not telling(update(1)).vague
    assert telling(update(1, op=Op.CREATE)).told == telling(update(2, op=Op.CREATE)).told
    assert shape(update(1)) == shape(update(2)), "but it is the same row"


@pytest.mark.parametrize(
    ("before", "op", "said"),
    [
        (None, "u", "vague"),
        ({"id": 1, "a": 2}, "u", "vague"),
        ({"id": 1, "a": 1}, "u", "clear"),
        (None, "c", "clear"),
        (None, "d", "clear"),
    ],
)
def test_an_update_that_shows_no_change_and_has_no_number_is_vague(before: Any, op: str, said: str) -> None:
    assert telling(event({"id": 1, "a": 2}, before, op)).vague is (said == "vague")


def test_the_text_null_is_no_null() -> None:
    text = 'x","a":null,"b":"'
    assert shape(event({"id": 1, "t": text})) != shape(event({"id": 1, "t": 'x","b":"'}))


def test_a_row_with_a_part_that_was_not_read_equals_everything() -> None:
    assert shape(event({"id": 1, "big": "__debezium_unavailable_value"}))[2] == UNREAD


def test_no_value_is_a_tombstone() -> None:
    assert shape(None) == TOMBSTONE


@pytest.mark.parametrize(
    "value", [b"", b"hello", b"{}", b'{"before":null}', b'{"before":{,"after":1', b"\xff"]
)
def test_what_is_no_envelope_equals_only_itself(value: bytes) -> None:
    op, before, after = shape(value)
    assert (op, before) == ("?", None)
    assert after not in (None, UNREAD, shape(event({"id": 1}))[2])


@pytest.mark.parametrize("name", ["after", "source", "before", "op"])
@pytest.mark.parametrize("value", ["x", {"version": "1"}, {"after": None}, 'x,"after":{"version":'])
def test_columns_named_like_the_envelope_are_kept_apart(name: str, value: Any) -> None:
    row, plain = {"id": 1, name: value}, {"id": 1}
    assert shape(event(row, before=row)) == shape(event(row, before=row, ts=7))
    assert shape(event(plain, before=row))[2] == shape(event(plain))[2]
    assert shape(event(row, before=plain))[2] == shape(event(row))[2]
    assert shape(event(row))[1] is None


def test_the_encoder_writes_what_is_taken_apart_here() -> None:
    table = Table("t", pa.schema([("id", pa.int64()), ("source", pa.string())]), ("id",))
    rows = pa.RecordBatch.from_pydict({"id": [1, 2], "source": ["a", None]}, schema=table.schema)
    encode = encoder(EncoderOptions()).encode
    (read, other) = encode(Changes(table, rows, Op.READ), ORIGIN, 1).values
    (created, _) = encode(Changes(table, rows, Op.CREATE), ORIGIN, 2).values
    (deleted, tombstone, *_) = encode(Changes(table, rows, Op.DELETE), ORIGIN, 2).values
    assert shape(read)[0] == "r"
    assert shape(created)[0] == "c"
    assert shape(read)[1:] == shape(created)[1:] != shape(other)[1:]
    assert shape(deleted)[0] == "d"
    assert shape(deleted)[2] is None
    assert shape(tombstone) == TOMBSTONE
