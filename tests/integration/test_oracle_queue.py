"""Mode aq over the wire: each message once, whoever dies between the dequeue and its commit."""

from __future__ import annotations

import json
import time
from array import array
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from oracledb import SparseVector

from bridge.errors import GoneError, PermanentError
from bridge.testing.oracle.aq import Queue
from bridge.testing.oracle.server import OraclePeer
from connectors.oracle.modes import queue as queue_mode
from connectors.oracle.modes.queue import Queue as AqMode
from connectors.oracle.modes.queue import json_text
from tests.integration.oracle_streams import Event, reading

QUEUE = "SALES.EVENTS_Q"
AQ = {"mode": "aq"}


@pytest.fixture
def queue(peer: OraclePeer) -> Queue:
    return made(peer)


def made(peer: OraclePeer, **options: Any) -> Queue:
    peer.grants.grant("DEQUEUE", QUEUE)
    return peer.queues.create(QUEUE, **options)


def put(peer: OraclePeer, *texts: str) -> None:
    for text in texts:
        peer.queues.put(QUEUE, text.encode(), correlation=f"about {text}")


def bodies(events: list[Event]) -> list[str]:
    return [row["USER_DATA"].decode() for _, row in events]


def freed(queue: Queue) -> None:
    """Wait until the dead hold no message any more."""
    ends = time.monotonic() + 60
    while any(message.taker for message in queue.messages):
        assert time.monotonic() < ends, "a session that has ended holds messages still"
        time.sleep(0.01)


def test_messages_come_in_their_order_with_what_is_known_of_them(peer: OraclePeer, queue: Queue) -> None:
    put(peer, "one", "two")
    with reading(peer, QUEUE, AQ) as reader:
        assert reader.stream.settles
        batch = reader.poll()
        events = reader.published(batch)
        assert bodies(events) == ["one", "two"]
        row = events[0][1]
        assert row["MSG_ID"] == queue.messages[0].msgid.hex().upper()
        assert (row["CORR_ID"], row["MSG_PRIORITY"]) == ("about one", 0)
        assert abs(row["ENQ_TIME"].timestamp() - time.time()) < 86_400
        assert len(queue.messages) == 2
        reader.settle()
        assert not queue.messages
        assert reader.take() == []


def test_whoever_asks_for_one_message_asks_at_once_for_the_next(peer: OraclePeer, queue: Queue) -> None:
    put(peer, "one", "two")
    with reading(peer, QUEUE, AQ) as reader:
        assert bodies(reader.take(rows=1)) == ["one", "two"]
        assert not queue.messages


@pytest.mark.parametrize("committed", ["before the dequeue was", "after it"])
def test_what_kafka_has_does_not_come_again(committed: str, peer: OraclePeer, queue: Queue) -> None:
    put(peer, "one", "two")
    with reading(peer, QUEUE, AQ) as reader:
        events = reader.published(reader.poll())
        if committed == "after it":
            reader.settle()
        reader.died()
        freed(queue)
        put(peer, "three")
        reader.settle()
        assert bodies(events + reader.take()) == ["one", "two", "three"]
        assert not queue.messages


def test_what_kafka_has_not_comes_again(peer: OraclePeer, queue: Queue) -> None:
    put(peer, "one", "two")
    with reading(peer, QUEUE, AQ) as reader:
        reader.poll()
        reader.died()
        freed(queue)
        assert bodies(reader.take()) == ["one", "two"]


def test_messages_that_kafka_could_not_take_wait_here_and_are_tried_no_more_often(
    peer: OraclePeer, queue: Queue
) -> None:
    put(peer, "one")
    with reading(peer, QUEUE, AQ) as reader:
        batches = [reader.poll() for _ in range(3)]
        assert batches[0] == batches[1] == batches[2]
        reader.published(batches[-1])
        reader.settle()
        assert not queue.messages
    assert not queue.exceptions


def test_a_message_that_a_dead_session_still_holds_is_known_when_it_comes(
    peer: OraclePeer, queue: Queue
) -> None:
    put(peer, "one", "two")
    with reading(peer, QUEUE, AQ) as reader:
        events = reader.published(reader.poll())
        held = [message.taker for message in queue.messages]
        reader.died()
        freed(queue)
        queue.messages, hidden = [], queue.messages  # as if they were locked
        reader.settle()
        queue.messages = hidden
        put(peer, "three")
        assert bodies(events + reader.take()) == ["one", "two", "three"]
        assert all(held)
        assert not queue.messages


def test_a_message_that_a_dead_session_holds_for_many_batches_comes_once(
    peer: OraclePeer, queue: Queue
) -> None:
    put(peer, "one")
    with reading(peer, QUEUE, AQ) as dead, reading(peer, QUEUE, AQ) as reader:
        seen = dead.published(dead.poll())
        reader.position = dead.position
        reader.settle()
        for text in ("two", "three", "four"):
            put(peer, text)
            seen += reader.published(reader.poll())
            reader.settle()
        position = reader.position
        reader.died()  # what is carried on is in the position
        reader.position = position
        reader.settle()
        put(peer, "five")
        seen += reader.take()
        dead.connector.close()
        freed(queue)
        put(peer, "six")
        seen += reader.take()
        assert bodies(seen) == ["one", "two", "three", "four", "five", "six"]
        assert not queue.messages
        put(peer, "seven")
        put(peer, "eight")
        reader.take(rows=1)
        assert len(reader.position["known"]) == 1  # of the batch before, and no more


def test_what_a_dead_session_holds_is_known_though_the_queue_was_stopped_meanwhile(
    peer: OraclePeer, queue: Queue
) -> None:
    put(peer, "one")
    with reading(peer, QUEUE, AQ) as dead, reading(peer, QUEUE, AQ) as reader:
        seen = dead.published(dead.poll())
        reader.position = dead.position
        reader.settle()
        put(peer, "two")
        seen += reader.take()
        queue.dequeue_enabled = False
        with pytest.raises(GoneError):
            reader.poll()
        queue.dequeue_enabled = True
        reader.connector.discover()
        for text in ("three", "four"):
            put(peer, text)
            seen += reader.take()
        dead.connector.close()
        freed(queue)
        put(peer, "five")
        assert bodies(seen + reader.take()) == ["one", "two", "three", "four", "five"]
        assert not queue.messages


def test_more_than_a_position_can_carry_parks_until_the_dead_sessions_are_ended(
    peer: OraclePeer, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_mode, "MOST_HELD", 1)
    put(peer, "one", "two")
    with reading(peer, QUEUE, AQ) as dead, reading(peer, QUEUE, AQ) as reader:
        seen = dead.published(dead.poll())
        reader.position = dead.position
        reader.settle()
        put(peer, "three")
        with pytest.raises(PermanentError, match=r"2 messages .* dead"):
            reader.poll()
        dead.connector.close()
        freed(queue)
        assert bodies(seen + reader.take()) == ["one", "two", "three"]
        assert not queue.messages


def test_many_messages_come_in_batches_whose_ids_a_position_has_room_for(
    peer: OraclePeer, queue: Queue
) -> None:
    put(peer, *(f"message {n}" for n in range(700)))
    with reading(peer, QUEUE, AQ) as reader:
        batch = reader.poll()
        assert 100 <= batch.rows <= 500
        assert len(json.dumps(batch.position)) < 64 * 1024
        assert bodies(reader.take()) == [f"message {n}" for n in range(700)]


def test_a_time_limit_is_for_each_answer_and_not_for_all_that_is_asked_after_a_crash(
    peer: OraclePeer, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(peer, *(f"message {n}" for n in range(20)))
    limit_s, answer_s = 3, 0.12
    with reading(peer, QUEUE, AQ, statement_timeout=f"{limit_s}s") as reader:
        events = reader.published(reader.poll())
        reader.settle()
        reader.died()
        reader.settle()  # in a session that is open, all is asked once more: to log on takes time of its own
        take, answers = peer.queues.take, list[object]()

        def slowly(*asked: Any) -> Any:
            time.sleep(answer_s)
            answers.append(asked)
            return take(*asked)

        monkeypatch.setattr(peer.queues, "take", slowly)
        reader.settle()
        assert len(answers) * answer_s > limit_s
        assert len(events) == 20


def test_messages_of_json_are_json(peer: OraclePeer) -> None:
    made(peer, payload="JSON")
    peer.queues.put(QUEUE, {"order": 7, "lines": [1.5, None, True], "note": "ü"})
    with reading(peer, QUEUE, AQ) as reader:
        ((_, row),) = reader.take()
        assert json.loads(row["USER_DATA"]) == {"order": 7, "lines": [1.5, None, True], "note": "ü"}


def test_we_are_one_of_several_consumers(peer: OraclePeer) -> None:
    queue = made(peer, subscribers=("BRIDGE", "BILLING"))
    put(peer, "one")
    with reading(peer, QUEUE, AQ | {"consumer": "BRIDGE"}) as reader:
        assert bodies(reader.take()) == ["one"]
    assert [message.consumer for message in queue.messages] == ["BILLING"]
    with reading(peer, QUEUE, AQ) as reader, pytest.raises(PermanentError, match="`consumer`"):
        reader.poll()


def test_an_account_that_may_not_dequeue_is_told(peer: OraclePeer) -> None:
    peer.queues.create(QUEUE)
    with reading(peer, QUEUE, AQ) as reader, pytest.raises(PermanentError):
        reader.poll()


def test_a_queue_that_is_stopped_goes_on_when_it_is_started(peer: OraclePeer, queue: Queue) -> None:
    """Until then no session is closed for it, which may have messages of another queue."""
    put(peer, "one")
    with reading(peer, QUEUE, AQ) as reader:
        queue.dequeue_enabled = False
        with pytest.raises(GoneError, match="START_QUEUE"):
            reader.poll()
        queue.dequeue_enabled = True
        assert reader.connector.discover() == [reader.stream]
        assert bodies(reader.take()) == ["one"]


def test_a_position_that_makes_no_sense_is_refused(peer: OraclePeer, queue: Queue) -> None:
    assert not queue.messages
    with reading(peer, QUEUE, AQ) as reader:
        for strange in ({"mode": "aq", "ids": ["xyz"]}, {"mode": "outbox"}, {"mode": "aq", "more": 1}):
            reader.position = strange
            with pytest.raises(PermanentError, match="not one of aq mode"):
                reader.poll()


def test_values_of_payloads_lose_no_digit() -> None:
    told = {"n": Decimal("12345678901234567890.5"), "d": date(2026, 1, 1), "b": b"\xff", "t": timedelta(1)}
    assert json_text([told]) == (
        '[{"n": 12345678901234567890.5, "d": "2026-01-01", "b": "FF", "t": "1 day, 0:00:00"}]'
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (array("f", [1.5, -2.0]), [1.5, -2.0]),
        (SparseVector(3, [1], [0.5]), "[3, [1], [0.5]]"),
    ],
)
def test_payloads_are_json_whatever_is_in_them(value: Any, told: Any) -> None:
    """Vectors and numbers that are none are in no JSON by themselves."""
    assert json.loads(json_text({"v": value}), parse_constant=pytest.fail) == {"v": told}


def test_messages_of_a_poll_that_failed_come_again(
    peer: OraclePeer, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(peer, "one", "two")
    with reading(peer, QUEUE, AQ) as reader:
        with monkeypatch.context() as patch:
            patch.setattr(AqMode, "_payload", _unreadable)
            with pytest.raises(PermanentError, match="unreadable"):
                reader.poll()
        put(peer, "three")
        assert bodies(reader.take()) == ["one", "two", "three"]
        assert not queue.messages


def test_messages_that_nobody_has_come_again_when_their_queue_was_not_to_be_seen_for_a_while(
    peer: OraclePeer, queue: Queue
) -> None:
    """ALL_QUEUES shows only what the account may dequeue from."""
    put(peer, "one", "two")
    with reading(peer, QUEUE, AQ) as reader:
        assert reader.poll().rows == 2
        del peer.queues.all[QUEUE]
        reader.connector.discover()
        peer.queues.all[QUEUE] = queue
        put(peer, "three")
        reader.connector.discover()
        assert bodies(reader.take()) == ["one", "two", "three"]
        assert not queue.messages


def _unreadable(*_: object) -> None:
    raise PermanentError("unreadable")
