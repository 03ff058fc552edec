"""From a batch to finished bytes, and dead letters for what cannot become an event."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.admission import Lane, Route
from bridge.config.options import StreamOptions
from bridge.contract import Batch, Changes, Op, Reject, Stream, Table
from bridge.deadletters import MAX_EVENT
from bridge.encode import EncoderOptions, Origin, encoder
from bridge.errors import PermanentError
from bridge.policy import Policy
from bridge.press import Outgoing, Press
from bridge.redact import Redactor
from bridge.verify.source import letter_key

SCHEMA = pa.schema([("id", pa.int64()), ("payload", pa.string())])
ORDERS = Table("orders", SCHEMA, ("id",))
LIMIT = 1000
HUGE = "x" * LIMIT


def lane(*, settles: bool = False, **options: Any) -> Lane:
    stream = Stream("orders", "db", (ORDERS,), settles=settles)
    routes = {"orders": Route("erp.orders", LIMIT, 1, created=False)}
    return Lane(stream, Policy(StreamOptions(**options)), routes, "jdbc", 1)


def pressed(*changes: Changes, rejects: tuple[Reject, ...] = (), **options: Any) -> Outgoing:
    press = Press(encoder(EncoderOptions()), Origin("erp", "jdbc", "1"), Redactor(()))
    return press.prepare(lane(**options), Batch({"id": 1}, changes, rejects))


def changes(
    rows: Sequence[tuple[int, str | None]], op: Op | Sequence[str] = Op.CREATE, **more: Any
) -> Changes:
    columns = {"id": [row[0] for row in rows], "payload": [row[1] for row in rows]}
    batch = pa.RecordBatch.from_pydict(columns, schema=SCHEMA)
    return Changes(ORDERS, batch, op if isinstance(op, Op) else pa.array(op), **more)


def published(outgoing: Outgoing) -> list[tuple[int, str | None]]:
    """(id, operation) of every record; a tombstone has none."""
    return [
        (json.loads(key or b"")["id"], json.loads(value)["op"] if value else None)
        for _, keys, values in outgoing.records
        for key, value in zip(keys, values, strict=True)
    ]


def before(payload: str) -> pa.StructArray:
    return pa.StructArray.from_arrays([pa.array([1]), pa.array([payload])], fields=list(SCHEMA))


def test_rows_become_events_of_their_tables_topic_in_order() -> None:
    outgoing = pressed(changes([(1, "a"), (2, "b")]), changes([(1, "c")], Op.UPDATE))
    assert published(outgoing) == [(1, "c"), (2, "c"), (1, "u")]
    assert [topic for topic, _, _ in outgoing.records] == ["erp.orders", "erp.orders"]
    assert outgoing.events == 3
    assert not outgoing.letters


def test_a_row_too_large_becomes_a_dead_letter_and_the_rest_is_published() -> None:
    outgoing = pressed(changes([(1, "a"), (2, HUGE), (3, "c")]))
    assert published(outgoing) == [(1, "c"), (3, "c")]
    (letter,) = outgoing.letters
    assert (letter.stage, letter.key, letter.topic) == ("size", '{"id":2}', "erp.orders")
    assert "exclude a column" in letter.reason


def test_what_no_letter_has_room_for_stays_in_a_source_that_lets_go_of_what_is_published() -> None:
    with pytest.raises(
        PermanentError, match=r'orders, key \{"id":2\}: the event has .* the only copy'
    ) as raised:
        pressed(changes([(1, "a"), (2, "x" * MAX_EVENT)]), settles=True)
    assert "take the record out of the source" in (raised.value.remedy or "")
    assert pressed(changes([(2, HUGE)]), settles=True).letters[0].whole
    assert not pressed(changes([(2, "x" * MAX_EVENT)])).letters[0].whole


def test_dead_letters_have_the_time_of_the_events_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(1_700_000_000_000, 1)
    monkeypatch.setattr("bridge.press.time.time_ns", lambda: next(clock) * 1_000_000)
    rows = [(1, "a"), (2, HUGE), (3, HUGE)]
    outgoing = pressed(changes(rows), changes(rows), rejects=(Reject("orders", "no row", "raw"),))
    events = [json.loads(value)["ts_ms"] for _, _, values in outgoing.records for value in values if value]
    letters = [datetime.fromisoformat(letter.at).timestamp() * 1000 for letter in outgoing.letters]
    first, second = events
    assert letters == [first, first, second, second, second + 1]


def test_an_oversized_delete_takes_its_tombstone_along() -> None:
    outgoing = pressed(changes([(1, None)], Op.DELETE, before=before(HUGE)), changes([(2, None)], Op.DELETE))
    assert published(outgoing) == [(2, "d"), (2, None)]
    (letter,) = outgoing.letters
    assert letter.key == '{"id":1}'


def test_an_oversized_key_is_one_dead_letter_even_of_a_delete() -> None:
    table = Table("orders", SCHEMA, ("payload",))
    rows = pa.RecordBatch.from_pydict({"id": [1], "payload": [HUGE]}, schema=SCHEMA)
    outgoing = pressed(Changes(table, rows, Op.DELETE))
    assert published(outgoing) == []
    (letter,) = outgoing.letters
    assert letter.size > LIMIT


@given(st.lists(st.tuples(st.sampled_from("cud"), st.booleans()), max_size=8))
def test_every_row_is_published_or_a_dead_letter_never_both_never_neither(
    rows: list[tuple[str, bool]],
) -> None:
    numbered = [(at, HUGE if large else "x") for at, (_, large) in enumerate(rows)]
    ops = [op for op, _ in rows]
    images = pa.StructArray.from_arrays(
        [
            pa.array([at for at, _ in numbered], pa.int64()),
            pa.array([text for _, text in numbered], pa.string()),
        ],
        fields=list(SCHEMA),
    )
    outgoing = pressed(changes(numbered, ops, before=images)) if rows else pressed()
    expected: list[tuple[int, str | None]] = []
    for at, (op, large) in enumerate(rows):
        expected += [] if large else [(at, op), (at, None)] if op == "d" else [(at, op)]
    assert published(outgoing) == expected
    assert [json.loads(each.key or "")["id"] for each in outgoing.letters] == [
        at for at, (_, large) in enumerate(rows) if large
    ]
    assert outgoing.size == sum(len(value or b"") for _, _, values in outgoing.records for value in values)


def test_a_value_that_cannot_be_encoded_is_a_dead_letter_of_its_row() -> None:
    broken = pa.array([b"fine", b"\xff"], pa.binary()).view(pa.string())
    rows = pa.RecordBatch.from_arrays([pa.array([1, 2]), broken], schema=SCHEMA)
    outgoing = pressed(Changes(ORDERS, rows))
    assert published(outgoing) == [(1, "c")]
    (letter,) = outgoing.letters
    assert (letter.stage, letter.key) == ("encode", '{"id":2}')


@pytest.mark.parametrize(("table", "topic"), [("orders", "erp.orders"), ("unheard of", "")])
def test_a_reject_names_the_topic_it_was_meant_for(table: str, topic: str) -> None:
    outgoing = pressed(rejects=(Reject(table, "torn page", b"\x00\xff", {"id": 5}),))
    (letter,) = outgoing.letters
    assert (letter.stage, letter.topic, letter.reason, letter.key) == (
        "source",
        topic,
        "torn page",
        '{"id":5}',
    )


STRANGE = pa.RecordBatch.from_pydict(
    {
        "price": pa.array([Decimal("1.50")], pa.decimal128(9, 2)),
        "at": pa.array([-(10**17)], pa.int64()).view(pa.timestamp("us", "UTC")),
        "octets": pa.array([b"ORDER003"]),
        "ratio": pa.array([1e300]),
        "name": pa.array(['Zürich "x"']),
        "payload": pa.array(["x"]),
    }
)
OPTIONS: list[dict[str, str]] = [
    {},
    {"decimal": "number", "binary": "hex", "time": "epoch"},
    {"decimal": "double"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_letter_has_the_key_of_its_row_s_events_however_they_are_encoded(options: dict[str, str]) -> None:
    table = Table("orders", STRANGE.schema, tuple(STRANGE.schema.names[:-1]))
    key = {name: STRANGE.column(name)[0] for name in table.key}
    press = Press(encoder(EncoderOptions.model_validate(options)), Origin("e", "jdbc", "1"), Redactor(()))
    here = replace(lane(), stream=Stream("orders", "db", (table,)))
    batch = Batch(None, (Changes(table, STRANGE),), (Reject("orders", "torn page", "", key),))
    outgoing = press.prepare(here, batch)
    ((_, keys, _),), (letter,) = outgoing.records, outgoing.letters
    assert keys == [letter_key(letter)]


@pytest.mark.parametrize("key", ['{"id": 5, "name": "ü"}', '{"id":5,"name":"ü"}'])
def test_letters_of_older_daemons_are_known_by_the_key_of_their_events(key: str) -> None:
    (letter,) = pressed(rejects=(Reject("orders", "torn page", ""),)).letters
    assert letter_key(replace(letter, key=key)) == '{"id":5,"name":"ü"}'.encode()


def test_excluded_columns_never_leave() -> None:
    outgoing = pressed(changes([(1, "private")]), exclude=("payload",))
    ((_, _, (value,)),) = outgoing.records
    assert json.loads(value or b"")["after"] == {"id": 1}
    assert b"private" not in (value or b"")


def test_an_undeclared_table_is_the_connectors_defect() -> None:
    rows = changes([(1, "a")])
    with pytest.raises(PermanentError, match="table surprise"):
        pressed(Changes(Table("surprise", SCHEMA, ("id",)), rows.rows))


def test_a_letter_names_the_position_it_was_found_before() -> None:
    (letter,) = pressed(rejects=(Reject("orders", "why", ""),)).letters
    position: Mapping[str, int] | None = letter.position
    assert position == {"id": 1}
