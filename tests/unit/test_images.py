"""What becomes of a source that can only be read as a whole: see bridge.testing.simulation.

Random histories with failures are in tests/property/test_images.py.
"""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.cache import Cache
from bridge.comparison import ESCAPED, LONGEST, Comparison
from bridge.config.options import ConnectorSettings, StreamOptions
from bridge.contract import Changes, Op, Table
from bridge.diff import Pass
from bridge.errors import PermanentError, TransientError
from bridge.testing.fakes import FakeKafka, Fault, State
from bridge.testing.images import FakeImages
from bridge.testing.simulation import Clock, Engine
from bridge.testing.verifying import verified

TABLE = "orders"
STATE = "_bridge.state.erp"
NO_TEXT = "caf\udce9"
"""Not UTF-8: its row can be no event."""


class Case:
    """A source of images, its engine, and what Kafka has of it."""

    def __init__(self, clock: Clock, folder: Path, source: FakeImages | None = None, **options: Any) -> None:
        self.source, self.kafka = source or FakeImages(), FakeKafka()
        stream = StreamOptions(interval=1.0, **options)
        settings = ConnectorSettings(name="erp", kind="fake", defaults=stream, max_rejects=1.0)
        self.cache = folder / "erp.state"
        self.engine = Engine(self.kafka, self.source, clock, settings, cache=self.cache)

    @property
    def rows(self) -> dict[int, str | None]:
        return self.source.tables[TABLE]

    def scan(self, scans: int = 1) -> None:
        """Whole scans, and everything that follows from them."""
        for _ in range(scans):
            self.engine.settle()

    def events(self) -> list[tuple[str, int]]:
        """Operation and id of each event."""
        return [(each["op"], (each["after"] or each["before"])["id"]) for each in self.envelopes()]

    def envelopes(self) -> list[Any]:
        return [json.loads(each.value) for each in self.kafka.committed(f"erp.{TABLE}") if each.value]

    def letters(self) -> list[str | None]:
        """The keys of the dead letters."""
        found = self.kafka.committed(self.engine.positions.letters)
        return [json.loads(each.value or b"")["key"] for each in found]

    def complete(self) -> int:
        """Polls that ended a scan."""
        return sum(position == {"scan": "complete"} for _, position in self.source.polls)

    def folded(self) -> Counter[str]:
        """The table as its consumers have it: how often each row is there."""
        table: Counter[str] = Counter()
        for each in self.envelopes():
            if each["op"] == "d":
                table[json.dumps(each["before"])] -= 1
                assert table[json.dumps(each["before"])] >= 0, "deleted more often than created"
            else:
                table[json.dumps(each["after"])] += 1
        return +table

    def parked(self) -> str:
        return self.engine.parked(TABLE)


@pytest.fixture
def clock() -> Iterator[Clock]:
    with Clock() as clock:
        yield clock


@pytest.fixture
def make(clock: Clock, tmp_path: Path) -> Iterator[Callable[..., Case]]:
    """Cases over a cache each; in the end they let go of it."""
    made: list[Case] = []

    def case(source: FakeImages | None = None, **options: Any) -> Case:
        made.append(Case(clock, tmp_path / str(len(made)), source, **options))
        return made[-1]

    yield case
    for each in made:
        each.engine.restart()


@pytest.fixture
def case(make: Callable[..., Case]) -> Case:
    return make()


@pytest.fixture
def keyless(make: Callable[..., Case]) -> Case:
    return make(FakeImages(keyless=True))


def filled(case: Case, number: int) -> Case:
    """`number` rows, published."""
    case.rows.update({each: f"row {each}" for each in range(1, number + 1)})
    case.scan()
    return case


# -- deletes


def test_a_scan_that_misses_too_many_rows_deletes_none_and_parks(case: Case) -> None:
    filled(case, 40)
    for each in range(1, 14):
        del case.rows[each]
    case.scan()
    assert "13 of 40 rows of orders are gone at once, which is more than max_delete (30%)" in case.parked()
    assert Counter(op for op, _ in case.events()) == {"r": 40}


def test_rows_that_have_another_key_now_are_deleted_by_the_former_one_and_are_no_mass_delete(
    case: Case,
) -> None:
    filled(case, 40)
    case.source.key = ("id", "payload")
    case.engine.restart()
    case.scan()
    assert Counter(op for op, _ in case.events()) == {"r": 40, "c": 40, "d": 40}
    keys = [json.loads(each.key or b"") for each in case.kafka.committed(f"erp.{TABLE}") if not each.value]
    assert [sorted(each) for each in keys] == [["id"]] * 40
    for each in range(1, 14):
        del case.rows[each]
    case.scan()
    assert "13 of 40 rows of orders are gone at once" in case.parked()


def test_what_a_parked_scan_found_beside_the_deletes_is_published(case: Case) -> None:
    filled(case, 40)
    for each in range(1, 14):
        del case.rows[each]
    case.rows[50] = "new"
    case.scan()
    assert case.parked()
    assert case.events()[40:] == [("c", 50)]


def test_rows_that_are_new_make_a_mass_delete_no_smaller(make: Callable[..., Case]) -> None:
    case = filled(make(FakeImages(most=1000)), 100)
    case.rows.clear()
    case.rows.update(dict.fromkeys(range(1001, 1301), "new"))
    case.scan()
    assert "100 of 100 rows of orders are gone at once" in case.parked()
    assert Counter(op for op, _ in case.events()) == {"r": 100, "c": 300}


@pytest.mark.parametrize(("left", "gone"), [(1, 99), (0, 100)])
def test_of_equal_rows_each_counts_in_a_mass_delete(make: Callable[..., Case], left: int, gone: int) -> None:
    case = make(FakeImages(keyless=True, repeats={1: 100}, most=1000))
    case.rows.update({1: "a", 2: "b"})
    case.scan()
    case.source.repeats = {1: left, 2: 50}
    case.scan()
    assert f"{gone} of 101 rows of orders are gone at once" in case.parked()
    assert "d" not in {op for op, _ in case.events()}


def test_a_few_equal_rows_less_are_no_mass_delete(make: Callable[..., Case]) -> None:
    case = make(FakeImages(keyless=True, repeats={1: 100}, most=1000))
    case.rows.update({1: "a"})
    case.scan()
    case.source.repeats = {1: 70}
    case.scan()
    assert not case.parked()
    assert Counter(op for op, _ in case.events()) == {"r": 100, "d": 30}


def test_a_few_deletes_are_no_mass_delete_however_small_the_table(case: Case) -> None:
    filled(case, 10)
    case.rows.clear()
    case.scan()
    assert not case.parked()
    assert Counter(op for op, _ in case.events()) == {"r": 10, "d": 10}


def test_max_delete_is_what_an_operator_says(make: Callable[..., Case]) -> None:
    case = filled(make(max_delete=1.0), 40)
    case.rows.clear()
    case.scan()
    assert Counter(op for op, _ in case.events()) == {"r": 40, "d": 40}


def test_after_resume_the_deletes_that_were_too_many_park_it_again(case: Case) -> None:
    filled(case, 40)
    for each in range(1, 14):
        del case.rows[each]
    case.scan()
    case.engine.resume()
    case.scan()
    assert case.parked()
    case.rows.update({each: f"row {each}" for each in range(1, 14)})
    case.engine.resume()
    case.scan()
    assert not case.parked()
    assert Counter(op for op, _ in case.events()) == {"r": 40}


@pytest.mark.parametrize(
    ("confirms", "options"), [(1, {"confirm_deletes": 3}), (3, {}), (9, {"confirm_deletes": 3})]
)
def test_a_row_is_deleted_when_so_many_scans_in_a_row_have_missed_it(
    make: Callable[..., Case], confirms: int, options: dict[str, int]
) -> None:
    """As the source needs it, or the operator says."""
    case = make(FakeImages(confirms=confirms), **options)
    filled(case, 5)
    del case.rows[2]
    begun = case.complete()
    deleted_after = 0
    for _ in range(2000):
        case.engine.read()
        case.engine.publish()
        if ("d", 2) in case.events():
            deleted_after = case.complete() - begun
            break
    assert 3 <= deleted_after <= 4
    assert case.events()[5:] == [("d", 2)]


def test_a_row_that_is_back_was_never_gone(make: Callable[..., Case]) -> None:
    case = make(confirm_deletes=3)
    filled(case, 5)
    for _ in range(4):
        del case.rows[2]
        scans(case, 1)
        case.rows[2] = "row 2"
        scans(case, 1)
    assert len(case.events()) == 5


def scans(case: Case, number: int) -> None:
    """Until so many more scans have ended, and are published."""
    wanted = len(ended(case)) + number
    for _ in range(1000):
        if len(ended(case)) >= wanted:
            case.engine.publish()
            return
        case.engine.read()
        case.engine.publish()
    raise AssertionError("no scan ends")


def ended(case: Case) -> list[Any]:
    """Polls that begin a scan: the one before has ended."""
    return [position for _, position in case.source.polls if position in (None, {"scan": "complete"})]


def test_a_scan_that_is_cut_short_deletes_nothing(case: Case) -> None:
    filled(case, 8)
    del case.rows[2]
    case.source.cut.add(TABLE)
    for _ in range(50):
        case.engine.read()
        case.engine.publish()
    assert len(case.events()) == 8
    case.source.whims.append(TransientError("connection reset"))
    case.engine.read()
    case.source.cut.clear()
    case.scan()
    assert case.events()[8:] == [("d", 2)]


def test_a_scan_that_fails_begins_anew_and_repeats_nothing(case: Case) -> None:
    case.rows.update({each: f"row {each}" for each in range(1, 9)})
    case.source.whims.extend([None, None, None, TransientError("connection reset")])
    case.scan()
    assert case.events() == [("r", each) for each in range(1, 9)]


# -- rejects, and rows that can be no event


def test_a_reject_is_dead_lettered_once_and_its_row_is_no_delete(case: Case) -> None:
    filled(case, 5)
    case.rows[3] = None
    case.scan(3)
    assert case.letters() == ['{"id":3}']
    assert len(case.events()) == 5
    case.rows[3] = "mended"
    case.scan()
    assert case.events()[5:] == [("u", 3)]


def test_a_row_that_was_never_readable_is_created_when_it_is(case: Case) -> None:
    filled(case, 3)
    case.rows[4] = None
    case.scan()
    case.rows[4] = "mended"
    case.scan()
    del case.rows[4]
    case.scan()
    assert case.events()[3:] == [("c", 4), ("d", 4)]


def test_a_reject_that_is_gone_was_no_row_to_delete(case: Case) -> None:
    filled(case, 3)
    case.rows[4] = None
    case.scan()
    del case.rows[4]
    case.scan()
    case.rows[4] = None
    case.scan()
    assert len(case.events()) == 3
    assert case.letters() == ['{"id":4}', '{"id":4}']


def test_a_reject_without_a_key_takes_the_deletes_from_its_scan_with_a_warning(case: Case) -> None:
    filled(case, 5)
    del case.rows[2]
    case.source.unkeyed = 1
    with capture_logs() as logs:
        scans(case, 2)
    assert len(case.events()) == 5
    (said, *_) = [each for each in logs if each["event"] == "deletes are not looked for in this scan"]
    assert (said["log_level"], said["table"]) == ("warning", TABLE)
    assert said["why"] == "a record of orders was rejected that has no key"
    case.source.unkeyed = 0
    case.scan()
    assert case.events()[5:] == [("d", 2)]


@pytest.mark.parametrize("is_keyless", [False, True])
def test_rejects_without_a_key_are_dead_lettered_once_each(
    make: Callable[..., Case], *, is_keyless: bool
) -> None:
    case = filled(make(FakeImages(keyless=is_keyless)), 5)
    case.source.unkeyed = 2
    scans(case, 3)
    case.source.unkeyed = 3
    case.scan()
    assert case.letters() == [None] * 3
    case.source.unkeyed = 0
    scans(case, 2)
    assert len(case.events()) == 5
    case.source.unkeyed = 1
    case.scan()
    assert case.letters() == [None] * 4, "one that has come back is another one"


@pytest.mark.parametrize("is_keyless", [False, True])
def test_rejects_without_a_key_that_are_gone_are_no_mass_delete(
    make: Callable[..., Case], *, is_keyless: bool
) -> None:
    case = make(FakeImages(keyless=is_keyless))
    filled(case, 5)
    case.source.unkeyed = 10
    case.source.various = True
    case.scan()
    case.source.unkeyed = 0
    del case.rows[2]
    case.scan()
    assert case.events()[5:] == [("d", 2)]


@pytest.mark.parametrize("is_keyless", [False, True])
def test_rejects_without_a_key_that_never_come_again_are_not_remembered(
    make: Callable[..., Case], *, is_keyless: bool
) -> None:
    case = filled(make(FakeImages(keyless=is_keyless)), 5)
    case.source.unkeyed = 1
    for time in range(4):
        case.source.noise = f"at {time}:00"
        scans(case, 2)
    assert case.letters() == [None] * 4
    records = {
        each.key: each.value for each in case.kafka.committed(STATE) if b"unnamed:" in (each.key or b"")
    }
    assert len([value for value in records.values() if value is not None]) == 1


def test_health_says_that_deletes_are_not_looked_for_until_a_scan_looks(case: Case) -> None:
    def told() -> Any:
        return case.engine.schedule.snapshot(None, None)[TABLE]["error"]

    filled(case, 5)
    assert told() is None
    case.source.unkeyed = 1
    scans(case, 2)
    why = "deletes are not looked for: a record of orders was rejected that has no key"
    assert told() == why
    case.source.unkeyed = 0
    case.scan()
    assert told() is None


def test_a_row_that_can_be_no_event_is_dead_lettered_once(case: Case) -> None:
    filled(case, 5)
    case.rows[3] = case.rows[6] = NO_TEXT
    case.scan(3)
    assert case.letters() == ['{"id":3}', '{"id":6}']
    assert len(case.events()) == 5
    case.rows[3] = case.rows[6] = "mended"
    case.scan()
    assert case.events()[5:] == [("u", 3), ("c", 6)]


def test_what_was_never_published_is_not_deleted(case: Case) -> None:
    filled(case, 5)
    case.rows[6] = NO_TEXT
    case.scan()
    del case.rows[6]
    case.scan()
    assert len(case.events()) == 5


LARGE = "x" * 2000
"""Its event is larger than what `small_topic` takes."""


@pytest.fixture
def small_topic(case: Case) -> Case:
    case.kafka.max_bytes[f"erp.{TABLE}"] = 1000
    return filled(case, 5)


def test_a_row_too_large_for_its_topic_is_dead_lettered_once_and_is_nothing_to_delete(
    small_topic: Case,
) -> None:
    case = small_topic
    case.rows[6] = LARGE
    case.scan(2)
    assert case.letters() == ['{"id":6}']
    del case.rows[6]
    case.scan()
    assert len(case.events()) == 5


def test_a_row_that_was_too_large_for_its_topic_is_created_once_it_fits(small_topic: Case) -> None:
    case = small_topic
    case.rows[6] = LARGE
    case.scan()
    case.rows[6] = "small"
    case.scan()
    del case.rows[6]
    case.scan()
    assert case.events()[5:] == [("c", 6), ("d", 6)]


def test_consumers_know_a_row_that_has_become_too_large_for_its_topic(small_topic: Case) -> None:
    case = small_topic
    case.rows[3] = case.rows[4] = LARGE
    case.scan(2)
    assert case.letters() == ['{"id":3}', '{"id":4}']
    case.rows[3] = "small"
    del case.rows[4]
    case.scan()
    assert sorted(case.events()[5:]) == [("d", 4), ("u", 3)]


def test_what_became_of_a_row_too_large_for_its_topic_survives_the_process(small_topic: Case) -> None:
    case = small_topic
    case.rows[6] = LARGE
    case.scan()
    upset(case, "new host")
    case.scan()
    assert case.letters() == ['{"id":6}']
    del case.rows[6]
    case.scan()
    assert len(case.events()) == 5


# -- columns


def test_a_key_that_is_too_long_for_the_states_topic_is_dead_lettered_once(make: Callable[..., Case]) -> None:
    """It keeps no other row from its place, and is no delete when it is gone."""
    case = make(FakeImages(key=("id", "payload")), max_delete=1.0)
    long = "\x01" * (LONGEST // ESCAPED)
    case.rows.update({1: "a", 2: long, 3: "c"})
    case.scan(2)
    case.engine.resnapshot(TABLE)
    case.scan(2)
    assert max(len(each.key or b"") for each in case.kafka.committed(STATE)) < 1000
    assert case.events() == [("r", 1), ("r", 3), ("r", 1), ("r", 3)]
    assert len(case.letters()) == 1
    del case.rows[2], case.rows[3]
    case.scan(2)
    assert case.events()[4:] == [("d", 3)]
    assert len(case.letters()) == 1


def test_verify_knows_the_dead_letter_of_a_key_that_is_too_long(make: Callable[..., Case]) -> None:
    case = make(FakeImages(key=("id", "payload")))
    case.rows.update({1: "a", 2: "x" * LONGEST})
    case.scan(2)
    connector = case.source.connector()
    connector.open()
    (outcome,) = verified(case.kafka, case.engine.settings, connector).outcomes
    assert (outcome.lost.count, outcome.differing.count) == (0, 0)


def test_excluded_columns_make_no_updates(make: Callable[..., Case]) -> None:
    case = filled(make(exclude=("payload",)), 5)
    case.rows[3] = "another"
    case.scan()
    del case.rows[4]
    case.scan()
    assert case.events()[5:] == [("d", 4)]
    assert case.envelopes()[0]["after"] == {"id": 1}


def test_a_column_that_is_excluded_from_now_on_makes_every_row_another(case: Case) -> None:
    """Consumers shall have what the bridge says."""
    filled(case, 3)
    stream = StreamOptions(interval=1.0, exclude=("payload",))
    case.engine.settings = case.engine.settings.model_copy(update={"defaults": stream})
    case.engine.restart()
    case.scan()
    assert case.events()[3:] == [("u", 1), ("u", 2), ("u", 3)]


# -- the state


def test_a_new_host_reads_the_state_from_its_topic(case: Case) -> None:
    filled(case, 5)
    case.engine.drain()
    case.cache.unlink()
    case.rows[3] = "another"
    case.engine.restart()
    case.scan()
    assert case.events()[5:] == [("u", 3)]


def test_a_state_that_was_lost_parks_the_connector_with_the_remedy(case: Case) -> None:
    filled(case, 5)
    case.engine.drain()
    case.cache.unlink()
    del case.kafka.topics[STATE]
    case.engine.restart()
    with pytest.raises(PermanentError, match="does not hold the state that the positions speak of") as parked:
        case.scan()
    assert "legacy-bridge positions accept" in parked.value.remedy
    assert len(case.events()) == 5


def cut_off(kafka: FakeKafka, records: int) -> None:
    kafka.topics[STATE] = kafka.topics[STATE][records:]
    kafka.starts[STATE] = records


LOST = {
    "deleted": lambda kafka: kafka.topics.pop(STATE),
    "deleted, and made anew by somebody else": lambda kafka: kafka.topics.update({STATE: []}),
    "back from an old copy": lambda kafka: kafka.topics.update({STATE: kafka.topics[STATE][:4]}),
    "cut off at its end": lambda kafka: kafka.topics[STATE].pop(),
    "cut off at its beginning": lambda kafka: cut_off(kafka, 3),
}


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST)
def test_a_state_topic_that_was_lost_is_filled_again_from_the_cache(
    case: Case, lose: Callable[[FakeKafka], object]
) -> None:
    filled(case, 5)
    del case.rows[1]
    case.scan()
    published = case.events()
    case.engine.drain()
    lose(case.kafka)
    case.engine.restart()
    case.scan()
    case.engine.drain()
    case.cache.unlink()
    del case.rows[2]
    case.engine.restart()
    case.scan()
    assert case.events() == [*published, ("d", 2)], "nothing doubled, no delete lost"


def test_a_state_topic_that_is_deleted_while_the_daemon_runs_is_filled_again(case: Case) -> None:
    filled(case, 5)
    case.kafka.ids[STATE] = "first"
    case.engine.drain()
    case.rows[6] = "new"
    case.scan()
    assert '"topic":"first"' in kept(case)
    case.kafka.topics[STATE], case.kafka.ids[STATE] = [], "second"
    case.engine.run(case.engine.settings.discover_every + 1)
    assert '"topic":"second"' in kept(case), "without a restart"
    case.rows[7] = "newer"
    case.scan()
    published = case.events()
    case.engine.drain()
    case.cache.unlink()
    case.engine.restart()
    case.scan()
    assert case.events() == published


def test_a_state_topic_made_anew_that_has_got_the_last_stamp_is_not_believed(case: Case) -> None:
    filled(case, 5)
    case.kafka.ids[STATE] = "first"
    case.engine.drain()
    case.rows[6] = "new"
    case.scan()
    del case.kafka.topics[STATE]
    case.rows[7] = "its entry is all that the new topic has"
    case.engine.read_ahead(1)
    case.scan()
    case.kafka.ids[STATE] = "second"
    case.engine.drain()
    case.cache.unlink()
    case.engine.restart()
    with pytest.raises(PermanentError, match="no cache of it here"):
        case.scan()


@pytest.mark.parametrize("after", range(0, 14, 2))
def test_a_fill_that_is_cut_short_is_begun_anew(case: Case, after: int) -> None:
    filled(case, 5)
    case.engine.drain()
    case.kafka.topics[STATE] = []
    case.kafka.fail(Fault.CRASH_BEFORE, after)
    case.scan()
    case.engine.drain()
    case.cache.unlink()
    case.engine.restart()
    case.scan()
    assert len(case.events()) == 5


def kept(case: Case) -> str:
    """The record that says what the state is to be like."""
    records = case.kafka.committed(case.engine.positions.name)
    return [(each.value or b"").decode() for each in records if each.key == b"state"][-1]


def test_a_stream_that_begins_anew_knows_nothing_of_a_former_life(case: Case) -> None:
    """Its positions and events were deleted, and what it knew of its rows was not."""
    filled(case, 5)
    case.engine.drain()
    del case.kafka.topics["_bridge.positions.erp"], case.kafka.topics["erp.orders"]
    case.engine.restart()
    case.scan()
    del case.rows[3]
    case.scan()
    assert case.events() == [*(("r", each) for each in range(1, 6)), ("d", 3)]


def test_a_cache_that_is_not_of_the_last_transaction_is_read_anew(case: Case) -> None:
    filled(case, 5)
    case.engine.drain()
    old = case.cache.read_bytes()
    case.engine.restart()
    del case.rows[3]
    case.scan()
    case.engine.drain()
    case.cache.write_bytes(old)
    case.engine.restart()
    case.scan()
    assert case.events()[5:] == [("d", 3)]


# -- tables without a key


def test_equal_rows_are_counted(keyless: Case) -> None:
    case = keyless
    case.rows.update({1: "a", 2: "b"})
    case.source.repeats[1] = 3
    case.scan()
    case.source.repeats[1] = 1
    case.scan()
    case.source.repeats[1] = 2
    case.scan()
    assert case.events() == [("r", 1)] * 3 + [("r", 2)] + [("d", 1)] * 2 + [("c", 1)]


def test_equal_rows_are_counted_however_many_they_are(make: Callable[..., Case]) -> None:
    case = make(FakeImages(keyless=True, most=1000), max_delete=1.0)
    case.rows.update({1: "a", 2: "b"})
    for repeats in (254, 257, 255, 256, 600, 300):
        case.source.repeats[1] = repeats
        case.scan()
        assert [*case.folded().values()] == [repeats, 1]
    assert len(case.events()) == 1 + 257 + 2 + 1 + 344 + 300


def test_a_changed_row_without_a_key_is_another_one(keyless: Case) -> None:
    case = keyless
    case.rows.update({1: "a", 2: "b"})
    case.scan()
    case.rows[1] = "c"
    case.scan()
    assert case.events()[2:] == [("c", 1), ("d", 1)]
    assert case.envelopes()[-1]["before"] == {"id": 1, "payload": "a"}


def test_rows_without_a_key_that_have_other_columns_now_are_no_mass_delete(keyless: Case) -> None:
    case = filled(keyless, 30)
    narrow = StreamOptions(interval=1.0, exclude=("payload",))
    case.engine.settings = case.engine.settings.model_copy(update={"defaults": narrow})
    case.engine.restart()
    scans(case, 2)
    assert not case.parked()
    assert sorted(case.events()[30:]) == sorted((op, n) for op in "cd" for n in range(1, 31))


@pytest.mark.parametrize("most", [0.3, 1.0])
def test_rows_that_have_no_key_any_longer_are_counted_as_one_each(
    make: Callable[..., Case], most: float
) -> None:
    case = filled(make(max_delete=most), 30)
    case.source.keyless = True
    case.engine.restart()
    scans(case, 2)
    assert not case.parked()
    assert sorted(case.events()[30:]) == sorted((op, n) for op in "cd" for n in range(1, 31))


@pytest.mark.parametrize("keyless", [True, False])
def test_rows_are_deleted_by_the_key_they_had_or_had_not(make: Callable[..., Case], *, keyless: bool) -> None:
    case = make(FakeImages(keyless=keyless, repeats={1: 3}))
    case.rows.update({1: "a"})
    case.scan()
    was = case.kafka.committed(f"erp.{TABLE}")
    case.source.keyless = not keyless
    case.engine.restart()
    scans(case, 2)
    told = case.kafka.committed(f"erp.{TABLE}")[len(was) :]
    deletes = [each for each in told if each.value and json.loads(each.value)["op"] == "d"]
    assert [each.key for each in deletes] == [each.key for each in was]
    tombstones = [each.key for each in told if each.value is None]
    assert tombstones == ([] if keyless else [each.key for each in was])


def test_of_equal_rows_some_are_gone_when_so_many_scans_have_missed_them(
    make: Callable[..., Case],
) -> None:
    case = make(FakeImages(keyless=True), confirm_deletes=3)
    case.rows.update({1: "a"})
    case.source.repeats[1] = 3
    case.scan()
    for repeats in (1, 3, 2, 3, 1, 3):
        case.source.repeats[1] = repeats
        scans(case, 1)
    assert len(case.events()) == 3
    case.source.repeats[1] = 1
    case.scan()
    assert case.events()[3:] == [("d", 1)] * 2


def test_a_pass_over_equal_rows_holds_none_of_them(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "erp.state")
    cache.create()
    cache.filled()
    tracked, part = Pass(), cache.part(b"head")
    table = Table(TABLE, pa.schema([("id", pa.int64())]), ())
    comparison = Comparison(table, b"head", part, tracked, Op.READ, cache)
    rows = Changes(table, pa.record_batch([pa.array(range(10_000))], schema=table.schema), Op.READ)
    tracemalloc.start()
    held = []
    for _ in range(3):
        piece = comparison.equals(rows)
        cache.put(part, [(key, *entry) for key, entry in piece.puts.items()], piece.new)
        del piece
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    cache.close()
    assert held[-1] - held[0] < rows.rows.num_rows


def test_a_row_without_a_key_that_can_be_no_event_takes_the_deletes_from_its_scan(keyless: Case) -> None:
    case = keyless
    case.rows.update({1: "a", 2: "b"})
    case.scan()
    del case.rows[1]
    case.rows[3] = NO_TEXT
    scans(case, 2)
    assert len(case.events()) == 2
    del case.rows[3]
    case.scan()
    assert case.events()[2:] == [("d", 1)]


def test_a_row_that_is_too_long_to_be_remembered_is_no_end_of_the_stream(keyless: Case) -> None:
    case = keyless
    case.rows.update({1: "a", 2: "x" * 600_000})
    scans(case, 3)
    assert not case.parked()
    assert case.events() == [("r", 1)]
    assert len(case.letters()) == 1
    del case.rows[2], case.rows[1]
    scans(case, 2)
    assert case.events() == [("r", 1), ("d", 1)]
    assert max(len(each.key or b"") for each in case.kafka.committed(STATE)) < 1000


STEPS = st.lists(
    st.tuples(
        st.dictionaries(st.integers(1, 4), st.tuples(st.sampled_from("ab"), st.integers(0, 3))),
        st.sampled_from(["scan", "fail", "restart", "new host"]),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(1, 4))
def test_the_topic_of_a_table_without_a_key_has_each_row_as_often_as_the_table(
    steps: list[tuple[dict[int, tuple[str, int]], str]], most: int
) -> None:
    with TemporaryDirectory() as folder, Clock() as clock:
        case = Case(clock, Path(folder), FakeImages(keyless=True, most=most), max_delete=1.0)
        for rows, event in steps:
            for row, (payload, times) in rows.items():
                case.rows[row], case.source.repeats[row] = payload, times
            upset(case, event)
        case.source.whims.clear()
        case.scan(2)
        table = Counter(
            {
                json.dumps({"id": row, "payload": payload}): case.source.repeats[row]
                for row, payload in case.rows.items()
            }
        )
        assert case.folded() == +table
        case.engine.restart()  # lets go of the cache


def upset(case: Case, event: str) -> None:
    match event:
        case "scan":
            case.scan()
        case "fail":
            case.source.whims.extend([None, None, TransientError("connection reset")])
            case.engine.run(3)
        case "restart":
            case.engine.run(1)
            case.engine.restart()
        case "new host":
            case.engine.drain()
            case.cache.unlink(missing_ok=True)


def test_slots_are_numbered_anew_when_most_are_empty(
    make: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.cache.HOLES", 5)
    case = make(max_delete=1.0)
    numbers = count(1)
    for _ in range(8):
        case.rows.clear()
        case.rows.update({next(numbers): "a" for _ in range(4)})
        case.scan()
    assert Counter(op for op, _ in case.events()) == {"r": 4, "c": 28, "d": 28}


def test_a_foreign_record_in_the_state_topic_is_passed_over(make: Callable[..., Case]) -> None:
    case = make()
    case.rows.update({1: "a", 2: "b"})
    case.scan()
    case.kafka.begin("stranger")
    case.kafka.append("stranger", "_bridge.state.erp", [b"junk", None], [b"?", b"?"])
    case.kafka.end("stranger", State.COMMITTED)
    upset(case, "new host")
    case.rows[2] = "c"
    case.scan()
    assert case.events() == [("r", 1), ("r", 2), ("u", 2)]
