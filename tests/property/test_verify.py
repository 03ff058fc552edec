"""Random sources and topics: `verify` finds what brute force finds, key by key."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.verify.comparison import Comparison, Look, Verdict
from bridge.verify.multiplicity import Multiset
from bridge.verify.report import Found
from bridge.verify.shape import NO_ROW, UNREAD, shape

MOST = 1000
KEYS = st.sampled_from([b'{"id":1}', b'{"id":2}', b'{"id":3}', b'{"id":"\xc3\xa4"}'])
FULL = st.fixed_dictionaries({"v": st.one_of(st.none(), st.integers(0, 2))}, optional={"w": st.none()})
ROWS = st.one_of(st.none(), FULL)
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
    if isinstance(row, str):
        return {"not kept": UNREAD, "no row": NO_ROW}[row]
    return shape(value(("c", None, row), 0))[2]


def plain(row: dict[str, int | None] | None) -> object:
    return None if row is None else {name: item for name, item in row.items() if item is not None}


def doubled(
    history: list[tuple[Event | None, int]], letter: int | None = None, *, vaguely: bool = False
) -> int:
    """Equal neighbours, tombstones counted by themselves and not between; what was read may be read again.

    And does not come between either, where it is what was said before. An update is told again when its row
    could not be read for a while: then its dead letter is between the two. `vaguely`: only updates that show
    no change.
    """
    events: list[Event] = []
    count = 0 if vaguely else sum(one is None and other is None for (one, _), (other, _) in pairwise(history))
    since = 0
    for event, at in history:
        if event is None:
            continue
        if not (events and event[0] == "r" and plain(event[2]) == plain(events[-1][2])):
            between = letter is not None and since <= letter <= at
            vague = event[0] == "u" and event[1] in (None, event[2])
            again = events[-1:] == [event] and event[0] != "r" and not (event[0] == "u" and between)
            count += again and (vague or not vaguely)
            events.append(event)
        since = at
    return count


def last(history: list[Event | None]) -> object:
    events = [event for event in history if event is not None]
    return plain(events[-1][2]) if events else None


@given(
    source=st.dictionaries(KEYS, ROWS),
    history=st.lists(st.tuples(KEYS, st.one_of(st.none(), EVENTS), TIMES), max_size=20),
    pending=st.sets(KEYS),
    letters=st.dictionaries(KEYS, st.tuples(st.one_of(st.sampled_from(("not kept", "no row")), ROWS), TIMES)),
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
    told: dict[bytes, list[tuple[Event | None, int]]] = defaultdict(list)
    newest: dict[bytes, int] = defaultdict(int)
    with Comparison() as comparison:
        comparison.expect(7, [(key, value(("c", None, row), 0)) for key, row in source.items()])
        comparison.expect_refused(7, refused)
        comparison.expect(8, [(b'{"id":1}', value(("c", None, {"v": 9}), 0))])
        comparison.expect_refused(7, pending, Look.PENDING)
        comparison.buried(7, [(b'{"id":9}', UNREAD, 0)])
        comparison.buried(7, [(key, digest(row), at) for key, (row, at) in letters.items()])
        for key, event, at in history:
            topic[key].append(event)
            told[key].append((event, at))
            newest[key] = newest[key] if event is None else at
        records = [(key, value(event, ts)) for key, event, ts in history]
        for at in range(0, len(records), pieces):
            comparison.published(7, records[at : at + pieces])
        verdict = comparison.verdict(7, MOST)
        other = comparison.verdict(8, MOST)

    present = {key for key, row in source.items() if row is not None} | refused

    def excused(key: bytes) -> bool:
        row, at = letters.get(key, ("not kept", -1))
        held = key in refused or row == "not kept" or (row != "no row" and plain(row) == plain(source[key]))
        return key in letters and held and newest[key] <= at

    def buried(key: bytes) -> bool:
        """Its delete."""
        row, at = letters.get(key, ("not kept", -1))
        return row in (None, "not kept", "no row") and newest[key] <= at

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
        {key for key in topic if last(topic[key]) is not None and not buried(key)}
        - set(source)
        - refused
        - pending
    )

    def at_of(key: bytes) -> int | None:
        return letters[key][1] if key in letters else None

    twice = {key: doubled(history, at_of(key)) for key, history in told.items()}
    vague = {key: doubled(history, at_of(key), vaguely=True) for key, history in told.items()}
    assert verdict.doubled.count + verdict.repeated.count == sum(twice.values())
    assert verdict.repeated.count == sum(vague.values())
    assert sorted(verdict.repeated.keys) == shown({key for key, times in vague.items() if times})
    assert sorted(verdict.doubled.keys) == shown({key for key in twice if twice[key] > vague[key]})
    assert (other.lost.count, other.doubled.count) == (1, 0)


@given(
    source=st.dictionaries(KEYS, FULL),
    again=st.dictionaries(KEYS, FULL),
    topic=st.dictionaries(KEYS, FULL),
)
def test_rows_that_were_others_the_second_time_are_not_judged(
    source: dict[bytes, Any], again: dict[bytes, Any], topic: dict[bytes, Any]
) -> None:
    with Comparison() as comparison:
        comparison.expect(0, created(source))
        comparison.expect(0, created(again), Look.AGAIN)
        comparison.published(0, created(topic))
        comparison.pass_over_restless(0)
        verdict = comparison.verdict(0, MOST)
        pending = comparison.pending_keys(0)
    found = {key for each in (verdict.lost, verdict.differing, verdict.gone) for key in each.keys}
    everyone = source.keys() | again.keys() | topic.keys()
    settled = {key for key in everyone if plain(source.get(key)) == plain(again.get(key))}
    wrong = {key for key in everyone if plain(source.get(key)) != plain(topic.get(key))}
    assert found == {key.decode() for key in settled & wrong}
    assert pending <= len(everyone - settled)


@given(
    source=st.dictionaries(KEYS, ROWS),
    beyond=st.dictionaries(KEYS, FULL),
    topic=st.dictionaries(KEYS, FULL),
)
def test_what_is_read_again_and_is_in_the_topic_is_not_pending(
    source: dict[bytes, Any], beyond: dict[bytes, Any], topic: dict[bytes, Any]
) -> None:
    source |= beyond
    with Comparison() as comparison:
        comparison.expect(0, created(source))
        comparison.expect(0, created(beyond), Look.PENDING)
        comparison.published(0, created(topic))
        pending = comparison.pending_keys(0)
        differing = comparison.verdict(0, MOST).differing
    assert pending == sum(plain(row) != plain(topic.get(key)) for key, row in beyond.items())
    assert not {key.decode() for key in beyond} & set(differing.keys)


def created(rows: dict[bytes, Any]) -> list[tuple[bytes, bytes | None]]:
    return [(key, value(("c", None, row), 0)) for key, row in rows.items()]


CONTENT = FULL
KEYLESS = st.lists(
    st.one_of(
        st.tuples(st.just("c"), st.none(), CONTENT),
        st.tuples(st.just("d"), CONTENT, st.none()),
        st.tuples(st.just("u"), CONTENT, CONTENT),
    ),
    max_size=15,
)


@given(
    source=st.lists(CONTENT, max_size=8),
    again=st.one_of(st.none(), st.lists(CONTENT, max_size=8)),
    events=KEYLESS,
    newer=KEYLESS,
)
def test_rows_without_a_key_are_compared_by_their_number(
    source: list[Any], again: list[Any] | None, events: list[Any], newer: list[Any]
) -> None:
    def records(found: list[Any]) -> list[tuple[None, bytes | None]]:
        return [(None, value(each, 0)) for each in found]

    def named(row: Any) -> str:
        return json.dumps(plain(row), sort_keys=True)

    with Multiset() as multiset:
        multiset.expect(1, records([("c", None, row) for row in source]))
        multiset.published(1, records([*events, *newer]))
        multiset.expect(1, records(newer), Look.PENDING)
        if again is not None:
            multiset.expect(1, records([("c", None, row) for row in again]), Look.AGAIN)
            multiset.pass_over_restless(1)
        verdict, rows = multiset.verdict(1, MOST), multiset.rows(1)
        assert multiset.verdict(2, MOST) == Verdict(Found(), Found(), Found(), Found())

    here, topic = Counter(map(named, source)), Counter[str]()
    for _, before, after in [*events, *newer]:
        topic.update([named(after)] if after else [])
        topic.subtract([named(before)] if before else [])
    unjudged = {named(row) for _, *both in newer for row in both if row}
    if again is not None:
        second = Counter(map(named, again))
        unjudged |= {row for row in here | second if here[row] != second[row]}
    judged = (here.keys() | topic.keys()) - unjudged
    more = {row: topic[row] - here[row] for row in judged}
    assert rows == len(source)
    assert verdict.lost.count == -sum(each for each in more.values() if each < 0)
    assert verdict.doubled.count == sum(each for row, each in more.items() if each > 0 and here[row])
    assert verdict.gone.count == sum(each for row, each in more.items() if each > 0 and not here[row])
    assert {named(json.loads(row)) for row in verdict.gone.keys} == {
        row for row, each in more.items() if each > 0 and not here[row]
    }


@given(
    keyed=st.lists(st.tuples(KEYS, st.one_of(st.none(), FULL)), max_size=12),
    rows=st.lists(CONTENT, max_size=8),
)
def test_events_of_when_a_table_had_a_key_are_of_the_rows_that_had_it(
    keyed: list[tuple[bytes, Any]], rows: list[Any]
) -> None:
    """A delete by a key shows the key alone; the rows are told anew when the key is gone."""
    former = [(key, value(("r" if row else "d", None if row else {"v": 9}, row), 0)) for key, row in keyed]
    gone = [(key, each) for key in dict(keyed) for each in (value(("d", {"v": 9}, None), 0), None)]
    anew = [(None, value(("c", None, row), 0)) for row in rows]
    with Multiset() as multiset:
        multiset.expect(1, anew)
        multiset.published(1, [*former, *anew, *gone])
        assert multiset.verdict(1, MOST) == Verdict(Found(), Found(), Found(), Found())
    with Multiset() as multiset:
        multiset.expect(1, [(None, value(("c", None, row), 0)) for row in dict(keyed).values() if row])
        multiset.published(1, former)
        assert multiset.verdict(1, MOST) == Verdict(Found(), Found(), Found(), Found())


@given(st.integers(0, 30), st.integers(0, 5))
def test_counts_are_whole_and_lists_are_short(keys: int, most: int) -> None:
    with Comparison() as comparison:
        names = [b'{"id":%d}' % number for number in range(keys)]
        comparison.expect(0, [(name, value(("c", None, {"v": 1}), 0)) for name in names])
        lost = comparison.verdict(0, most).lost
    assert lost.count == keys
    assert len(lost.keys) == min(keys, most)


def test_a_row_that_was_unreadable_for_a_while_is_told_again_and_one_that_was_not_is_doubled() -> None:
    key = b'{"id":1}'
    again: Event = ("u", None, {"v": 2})
    with Comparison() as comparison:
        comparison.expect(0, [(key, value(again, 0))])
        comparison.published(0, [(key, value(again, ts)) for ts in (1, 5, 9)])
        comparison.buried(0, [(key, UNREAD, 3), (key, UNREAD, 20)])
        assert comparison.verdict(0, MOST).repeated.count == 1
        comparison.buried(0, [(key, UNREAD, 7)])
        assert comparison.verdict(0, MOST).doubled.count == 0
