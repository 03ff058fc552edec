"""Dead letters say why, keep what may be kept, and never a secret; which of them can be published later."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contract import Reject, Secret
from bridge.deadletters import MASKED, MAX_EVENT, MAX_RAW, TOO_LARGE, DeadLetter, Letters, Replayed, parse
from bridge.redact import Redactor
from bridge.replay import Entry, Place, refusal
from bridge.topics import Described

CARD = "4111111111111111"
NOW = 1_700_000_000_001
LIMIT = 12 * 1024 * 1024
TOPIC = Described(1, 100_000, {}, created=False)


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    monkeypatch.setenv("PLANTED", "hunter2-hunter2")
    secret = Secret("env:PLANTED")
    secret.reveal()
    return Letters(Redactor([secret]), "orders", {"id": 7}, NOW)


def event(payload: str, ts: int = 1_700_000_000_000, **more: Any) -> bytes:
    body = {"before": None, "after": {"id": 1, "payload": payload}, "op": "c", "ts_ms": ts, **more}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def large(letters: Letters, value: bytes, key: bytes = b'{"id":1}') -> DeadLetter:
    return letters.too_large("orders", "erp.orders", 1000, key, value)


def back(letter: DeadLetter, limit: int = LIMIT) -> DeadLetter:
    found = parse(letter.record(limit)[1])
    assert isinstance(found, DeadLetter)
    return found


def test_an_event_too_large_for_its_topic_is_kept_byte_for_byte(letters: Letters) -> None:
    value = event("ünï\n" * 2000)
    letter = back(large(letters, value))
    assert (letter.whole, letter.body, letter.key) == (True, value, '{"id":1}')
    assert (letter.stage, letter.size) == ("size", len(value))


@given(st.binary(max_size=200))
def test_an_event_of_any_bytes_is_kept(value: bytes) -> None:
    letter = back(large(Letters(Redactor([]), "orders", None, NOW), value))
    assert not letter.whole or letter.body == value


@pytest.mark.parametrize("text", [CARD, "4111 1111 1111 1111", "hunter2-hunter2", "password=geheim"])
def test_an_event_with_something_to_mask_is_not_kept(letters: Letters, text: str) -> None:
    letter = large(letters, event(f"before {text} after"))
    assert (letter.whole, letter.payload, letter.unkept) == (False, None, MASKED)
    assert text not in letter.record(LIMIT)[1].decode()


def test_an_event_whose_key_is_masked_is_not_kept(letters: Letters) -> None:
    letter = large(letters, event("x" * 5000), key=b'{"card":"%s"}' % CARD.encode())
    assert (letter.whole, letter.payload, letter.unkept) == (False, None, MASKED)
    assert CARD not in letter.record(LIMIT)[0].decode()


def test_a_time_that_looks_like_a_card_number_does_not_count(letters: Letters) -> None:
    ts = next(
        ts for ts in range(1_700_000_000_000, 1_700_000_000_100) if Redactor([]).redact(str(ts)) == "***"
    )
    assert large(letters, event("x", ts)).whole


def test_an_event_the_dead_letter_topic_cannot_take_is_not_kept(letters: Letters) -> None:
    value = event("x" * 50_000)
    letter = back(large(letters, value), limit=20_000)
    assert (letter.whole, letter.payload, letter.unkept, letter.size) == (False, None, TOO_LARGE, len(value))
    assert len(letter.sha256) == 64


def test_an_enormous_event_is_not_kept(letters: Letters) -> None:
    letter = large(letters, event("x" * MAX_EVENT))
    assert (letter.payload, letter.unkept) == (None, TOO_LARGE)


def test_a_letter_of_an_older_bridge_does_not_say_why_its_event_was_not_kept(letters: Letters) -> None:
    letter = large(letters, event(CARD))
    document = json.loads(letter.record(LIMIT)[1])
    del document["unkept"]
    older = parse(json.dumps(document).encode())
    assert isinstance(older, DeadLetter)
    assert "too large, or something in it had to be masked" in (refusal(entry(older), {}) or "")


@pytest.mark.parametrize(("unkept", "told"), [(TOO_LARGE, "since it is too large;"), (MASKED, "masked;")])
def test_a_replay_of_what_was_not_kept_is_refused_with_the_one_reason(
    letters: Letters, unkept: str, told: str
) -> None:
    letter = replace(large(letters, event("x")), payload=None, whole=False, unkept=unkept)
    said = refusal(entry(letter), {"erp.orders": TOPIC}) or ""
    assert told in said
    assert "publishes again all that came after" in said


def test_a_rejected_record_is_kept_as_it_is_up_to_a_limit(letters: Letters) -> None:
    short = letters.rejected(Reject("orders", "no row", b"\xff\x00", {"id": 1}), "erp.orders")
    long = letters.rejected(Reject("orders", "no row", "x" * (MAX_RAW + 1)), "erp.orders")
    assert (short.whole, short.body) == (True, b"\xff\x00")
    assert (long.whole, len(long.body)) == (False, MAX_RAW)


def test_what_a_newer_bridge_adds_is_passed_over(letters: Letters) -> None:
    letter = large(letters, event("x"))
    document = json.loads(letter.record(LIMIT)[1]) | {"colour": "red"}
    assert parse(json.dumps(document).encode()) == letter


def test_a_replay_leaves_a_marker_beside_the_letter(letters: Letters) -> None:
    letter, marker = large(letters, event("x")), Replayed(0, 17, "uid 0", "2026-01-01T00:00:00")
    key, value = marker.record(letter)
    assert key == letter.record(LIMIT)[0]
    assert parse(value) == marker


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b"17", b'{"replayed": 1}', b"\xff"])
def test_a_foreign_record_is_told_from_a_letter(value: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse(value)


def entry(letter: DeadLetter, **more: Any) -> Entry:
    return Entry(Place(0, 3), letter, **more)


def test_an_event_that_fits_now_can_be_replayed(letters: Letters) -> None:
    assert refusal(entry(large(letters, event("x" * 5000))), {"erp.orders": TOPIC}) is None


def test_each_reason_against_a_replay_comes_with_its_remedy(letters: Letters) -> None:
    kept = large(letters, event("x" * 5000))
    rejected = letters.rejected(Reject("orders", "no row", "x"), "erp.orders")
    unencodable = letters.unencodable("orders", "erp.orders", "not UTF-8", None, "x")
    marker = Replayed(0, 3, "uid 0", "2026-01-01")
    reasons = [
        refusal(entry(rejected), {"erp.orders": TOPIC}),
        refusal(entry(unencodable), {"erp.orders": TOPIC}),
        refusal(entry(replace(kept, whole=False)), {"erp.orders": TOPIC}),
        refusal(entry(kept), {}),
        refusal(entry(kept), {"erp.orders": replace(TOPIC, max_message_bytes=1000)}),
        refusal(entry(kept, replayed=marker), {"erp.orders": TOPIC}),
    ]
    parts = ("correct the record", "exclude the column", "not kept", "does not exist", "takes 1000", "uid 0")
    assert all(reason and part in reason for reason, part in zip(reasons, parts, strict=True))
    assert all("`resnapshot --where` then" in str(reason) for reason in reasons[:2])


@given(st.integers(0, 99), st.integers(0, 2**40))
def test_a_letter_is_found_by_what_the_list_calls_it(partition: int, offset: int) -> None:
    assert Place.read(str(Place(partition, offset))) == Place(partition, offset)


def test_a_key_or_reason_of_any_size_leaves_a_letter_the_topic_takes(letters: Letters) -> None:
    reject = Reject("orders", "why " * 10**6, "\x00" * MAX_RAW, {"id": "\x00" * 10**6})
    letter = letters.rejected(reject, "erp.orders")
    key, value = letter.record(1_000_000)
    assert len(key) + len(value) < 1_000_000
    assert letter.reason.startswith("why why")


def test_a_letter_in_a_small_topic_goes_without_its_position_rather_than_not_at_all() -> None:
    letter = Letters(Redactor([]), "orders", "x" * 200_000, NOW).rejected(
        Reject("orders", "no row", "raw"), "t"
    )
    key, value = letter.record(100_000)
    assert len(key) + len(value) < 100_000


@pytest.mark.parametrize("shift", range(0, 16, 3))
def test_no_half_of_a_secret_stands_where_a_record_was_cut(letters: Letters, shift: int) -> None:
    raw = "ü" * ((MAX_RAW - shift) // 2) + "hunter2-hunter2"
    letter = letters.rejected(Reject("orders", "no row", raw), "erp.orders")
    assert "hunter2" not in (letter.payload or "")
    assert (letter.payload or "").startswith("üü")
    assert len(letter.body) <= MAX_RAW
