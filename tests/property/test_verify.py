"""Random sources and topics: `verify` finds what brute force finds, key by key."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.verify.comparison import Comparison
from bridge.verify.shape import UNREAD, shape

MOST = 1000
KEYS = st.sampled_from([b'{"id":1}', b'{"id":2}', b'{"id":3}', b'{"id":"\xc3\xa4"}'])
ROWS = st.one_of(st.none(), st.fixed_dictionaries({"v": st.one_of(st.none(), st.integers(0, 2))}))
EVENTS = st.tuples(st.sampled_from("crud"), ROWS, ROWS)
TIMES = st.integers(0, 3)

type Event = tuple[str, dict[str, int | None] | None, dict[str, int | None] | None]


def value(event: Event | None, ts: int) -> bytes | None:
    if event is None:
        return None
    op, before, after = event
    body = {"before": before, "after": after, "source": {"version": "1"}, "op": op, "ts_ms": ts}
    return json.dumps(body, separators=(",", ":")).encode()


def digest(row: Any) -> bytes | None:
    """As a letter's: of the event that was not published."""
    return UNREAD if row == "not kept" else shape(value(("c", None, row), 0))[2]


def plain(row: dict[str, int | None] | None) -> object:
    return None if row is None else {name: item for name, item in row.items() if item is not None}


def same(one: Event, other: Event) -> bool:
    return (one[0], plain(one[1]), plain(one[2])) == (other[0], plain(other[1]), plain(other[2]))


def doubled(history: list[Event | None]) -> int:
    """Equal neighbours, tombstones counted by themselves and not between."""
    events = [event for event in history if event is not None]
    stones = sum(one is None and other is None for one, other in pairwise(history))
    return stones + sum(same(one, other) for one, other in pairwise(events))


def last(history: list[Event | None]) -> object:
    events = [event for event in history if event is not None]
    return plain(events[-1][2]) if events else None


@given(
    source=st.dictionaries(KEYS, ROWS),
    history=st.lists(st.tuples(KEYS, st.one_of(st.none(), EVENTS), TIMES), max_size=20),
    pending=st.sets(KEYS),
    letters=st.dictionaries(KEYS, st.tuples(st.one_of(st.just("not kept"), ROWS), TIMES)),
    refused=st.sets(KEYS),
    pieces=st.integers(1, 5),
)
def test_verdicts_are_those_of_brute_force(
    source: dict[bytes, dict[str, int | None] | None],
    history: list[tuple[bytes, Event | None, int]],
    pending: set[bytes],
    letters: dict[bytes, tuple[Any, int]],
    refused: set[bytes],
    pieces: int,
) -> None:
    source = {key: row for key, row in source.items() if key not in refused}
    topic: dict[bytes, list[Event | None]] = defaultdict(list)
    newest: dict[bytes, int] = defaultdict(int)
    with Comparison() as comparison:
        comparison.expect(7, [(key, value(("c", None, row), 0)) for key, row in source.items()])
        comparison.expect_refused(7, refused)
        comparison.expect(8, [(b'{"id":1}', value(("c", None, {"v": 9}), 0))])
        comparison.pending(7, pending)
        comparison.buried(7, [(b'{"id":9}', UNREAD, 0)])
        comparison.buried(7, [(key, digest(row), at) for key, (row, at) in letters.items()])
        for key, event, at in history:
            topic[key].append(event)
            newest[key] = newest[key] if event is None else at
        records = [(key, value(event, ts)) for key, event, ts in history]
        for at in range(0, len(records), pieces):
            comparison.published(7, records[at : at + pieces])
        verdict = comparison.verdict(7, MOST)
        other = comparison.verdict(8, MOST)

    present = {key for key, row in source.items() if row is not None} | refused

    def excused(key: bytes) -> bool:
        row, at = letters.get(key, ("not kept", -1))
        held = key in refused or row == "not kept" or plain(row) == plain(source[key])
        return key in letters and held and newest[key] <= at

    judged = {key for key in source if key not in pending and not excused(key)}

    def shown(keys: set[bytes]) -> list[str]:
        return sorted(key.decode() for key in keys)

    assert sorted(verdict.lost.keys) == shown(
        {key for key in present - set(topic) - pending if not excused(key)}
    )
    assert sorted(verdict.differing.keys) == shown(
        {key for key in judged & set(topic) if plain(source[key]) != last(topic[key])}
    )
    assert sorted(verdict.gone.keys) == shown(
        {key for key in topic if last(topic[key]) is not None} - set(source) - refused - pending
    )
    assert verdict.doubled.count == sum(map(doubled, topic.values()))
    assert sorted(verdict.doubled.keys) == shown({key for key in topic if doubled(topic[key])})
    assert (other.lost.count, other.doubled.count) == (1, 0)


@given(st.integers(0, 30), st.integers(0, 5))
def test_counts_are_whole_and_lists_are_short(keys: int, most: int) -> None:
    with Comparison() as comparison:
        names = [b'{"id":%d}' % number for number in range(keys)]
        comparison.expect(0, [(name, value(("c", None, {"v": 1}), 0)) for name in names])
        lost = comparison.verdict(0, most).lost
    assert lost.count == keys
    assert len(lost.keys) == min(keys, most)
