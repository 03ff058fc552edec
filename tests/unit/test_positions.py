"""The ledger: what the records of a positions topic say together. Read here from librdkafka's own broker."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from threading import Event, Timer
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from hypothesis import given
from hypothesis import strategies as st

from bridge import positions
from bridge.contract import MAX_POSITION_BYTES
from bridge.errors import PermanentError, Stopped, TransientError
from bridge.positions import (
    OWNER,
    PAUSE,
    RESNAPSHOT,
    STREAM,
    Ledger,
    Owner,
    Paused,
    Resnapshot,
    Stored,
    record,
)

OWNED = Owner("instance", "plant", "host", 90.0)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def folded(*records: tuple[bytes, bytes | None]) -> Ledger:
    ledger = Ledger()
    for offset, (key, value) in enumerate(records):
        ledger = ledger.fold(key.decode(), value, offset)
    return ledger


@given(JSON)
def test_a_position_comes_back_as_it_went(position: Any) -> None:
    stored = Stored(position, "jdbc", 3, "db", {"erp.orders": 2})
    assert folded(record(STREAM + "orders", stored)).streams == {"orders": stored}


def test_a_position_may_hold_text_that_is_no_unicode() -> None:
    stored = Stored({"file": "caf\udce9.csv"}, "csv", 1, "drop")
    assert folded(record(STREAM + "drop", stored)).streams["drop"] == stored


def test_a_position_over_its_limit_is_a_defect_of_the_connector() -> None:
    with pytest.raises(PermanentError, match=r"the limit is 262144.*defect of the connector"):
        record(STREAM + "orders", Stored("x" * MAX_POSITION_BYTES, "jdbc", 1, "db"))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers())))
def test_the_last_record_of_a_key_counts_and_a_tombstone_removes(
    history: list[tuple[str, int | None]],
) -> None:
    records = [
        record(STREAM + name, None if at is None else Stored(at, "jdbc", 1, "db")) for name, at in history
    ]
    expected = {name: at for name, at in dict(history).items() if at is not None}
    assert {name: each.position for name, each in folded(*records).streams.items()} == expected


def test_owner_pauses_and_streams_do_not_mix() -> None:
    stored, paused = Stored(1, "jdbc", 1, "db"), Paused("uid 0", "now")
    ordered = Resnapshot("uid 0", "now", {}, {"after": [7]}, 2, 30)
    ledger = folded(
        record(OWNER, OWNED),
        record(STREAM + "owner", stored),
        record(PAUSE, paused),
        record(PAUSE + "owner", paused),
        record(RESNAPSHOT + "owner", ordered),
        (b"of a newer bridge", b"{}"),
    )
    assert ledger == Ledger(OWNED, 0, {"owner": stored}, {"": paused, "owner": paused}, {"owner": ordered})


def test_the_owners_offset_moves_with_each_of_its_records() -> None:
    assert folded(record(OWNER, OWNED), record(OWNER, OWNED.letting_go())).owner_offset == 1


def test_fields_of_a_newer_bridge_are_passed_over() -> None:
    key, value = record(STREAM + "orders", Stored(1, "jdbc", 1, "db"))
    newer = json.dumps(json.loads(value or b"") | {"colour": "red"}).encode()
    assert folded((key, newer)) == folded((key, value))


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    """librdkafka's mock cluster: no transactions worth the name, but a real protocol."""
    admin = AdminClient({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
    brokers = admin.list_topics(timeout=10).brokers.values()
    yield {"bootstrap.servers": ",".join(f"{each.host}:{each.port}" for each in brokers)}
    del admin


def written(cluster: dict[str, str], connector: str, *records: tuple[bytes, bytes | None]) -> None:
    producer = Producer({**cluster, "log_level": 0})
    for key, value in records:
        producer.produce(positions.topic(connector), value, key, partition=0)
    assert producer.flush(10) == 0


def test_the_ledger_is_read_to_the_end_of_the_topic(cluster: dict[str, str]) -> None:
    count = 3000
    records = [record(STREAM + f"s{at % 7}", Stored(at, "jdbc", 1, "db")) for at in range(count)]
    written(cluster, "long", record(OWNER, OWNED), *records)
    ledger = positions.read(cluster, "long", Event(), 20.0)
    assert {each.position for each in ledger.streams.values()} == set(range(count - 7, count))
    assert ledger == positions.glance(cluster, "long", Event(), 20.0)


def test_a_stop_ends_the_reading(cluster: dict[str, str]) -> None:
    written(cluster, "stopped", record(OWNER, OWNED))
    stop = Event()
    stop.set()
    with pytest.raises(Stopped):
        positions.read(cluster, "stopped", stop)


def test_a_stop_ends_the_reading_from_a_kafka_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = {"bootstrap.servers": f"127.0.0.1:{silent.getsockname()[1]}", "log_level": 0}
        stop = Event()
        Timer(0.3, stop.set).start()
        with pytest.raises(Stopped):
            positions.read(settings, "erp", stop)


def test_a_kafka_that_is_away_is_a_transient_error() -> None:
    with pytest.raises(TransientError, match=r"_bridge\.positions\.erp"):
        positions.read({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, "erp", Event(), 0.2)
