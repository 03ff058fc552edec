"""The conformance suite itself: a sound connector passes, and each way of being wrong is found by a test."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pydantic import ConfigDict, Field

from bridge.contract import (
    Ask,
    Batch,
    Changes,
    Connector,
    ConnectorConfig,
    Emits,
    Finding,
    Level,
    Op,
    Position,
    Ranges,
    Scan,
    Stream,
    Table,
)
from bridge.errors import ConfigError, CredentialsError, PermanentError, TransientError
from bridge.testing.conformance import Conformance, Subject

SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("word", pa.string())])
TABLE = Table("words", SCHEMA, ("id",))
SECRET = "hunter2-of-the-suite"


class Source:
    """What the connectors of this file read: a list, and ways to misbehave."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.trouble: Exception | None = None
        self.moving = threading.Event()
        self.moving.set()


class MemoryConfig(ConnectorConfig):
    source: Source = Field(description="what is read")


class Memory(Connector):
    """A sound connector."""

    Config: ClassVar[type[ConnectorConfig]] = MemoryConfig
    stream = Stream("words", "memory", (TABLE,))

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.source = config.source
        self.unblock = threading.Event()
        self.polling = False
        self.is_open = False

    def open(self) -> None:
        if self.source.trouble:
            raise self.source.trouble
        self.is_open = True

    def discover(self) -> Sequence[Stream]:
        return [self.stream]

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        start = self.begin(position)
        self.wait()
        count = max(1, min(ask.rows, ask.bytes // 16))
        rows = self.source.rows[start : start + count]
        after = {"read": start + len(rows)}
        changes = (self.changes(rows),) if rows else ()
        return Batch(after, changes, more=start + len(rows) < len(self.source.rows))

    def begin(self, position: Position | None) -> int:
        if position is None:
            return 0
        if not isinstance(position, Mapping) or set(position) != {"read"}:
            raise PermanentError("not a position of this connector", remedy="start anew")
        return int(position["read"])

    def wait(self) -> None:
        self.polling = True
        while not self.source.moving.is_set():
            if self.unblock.wait(0.01):
                self.polling = False
                raise TransientError("interrupted")
        self.polling = False
        self.unblock.clear()

    def changes(self, rows: list[int]) -> Changes:
        return Changes(TABLE, pa.RecordBatch.from_pylist([{"id": n, "word": f"w{n}"} for n in rows], SCHEMA))

    def check(self) -> Sequence[Finding]:
        return [Finding(Level.WARNING, "a list forgets", remedy="write it down")]

    def interrupt(self) -> None:
        if self.polling:
            self.unblock.set()

    def close(self) -> None:
        self.is_open = False


class MemorySubject(Subject):
    secrets = (SECRET,)
    kind: type[Memory] = Memory

    def __init__(self, kind: type[Memory]) -> None:
        self.kind, self.source = kind, Source()

    def connector(self) -> Connector:
        return self.reading(self.source)

    def reading(self, source: Source) -> Connector:
        return self.kind(self.kind.Config.model_validate({"source": source}))

    def add(self, count: int) -> None:
        self.source.rows += range(len(self.source.rows), len(self.source.rows) + count)

    def failing(self, trouble: Exception) -> Connector:
        source = Source()
        source.trouble = trouble
        return self.reading(source)

    def unreachable(self) -> Connector:
        return self.failing(TransientError("nobody answers"))

    def refused(self) -> Connector:
        return self.failing(CredentialsError("wrong password"))

    def misconfigured(self) -> Connector:
        return self.failing(ConfigError("no such list", remedy="name another"))

    @contextmanager
    def holding(self) -> Iterator[None]:
        self.source.moving.clear()
        yield
        self.source.moving.set()


class TestASoundConnector(Conformance):
    @pytest.fixture
    def subject(self) -> Subject:
        return MemorySubject(Memory)


class Settling(Memory):
    """A sound connector that takes away what is published."""

    stream = Stream("words", "memory", (TABLE,), settles=True)

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        self.begin(position)
        self.wait()
        rows = self.source.rows[: max(1, min(ask.rows, ask.bytes // 16))]
        changes = (self.changes(rows),) if rows else ()
        return Batch({"read": max(rows, default=-1)}, changes, more=bool(rows))

    def commit(self, stream: Stream, position: Position) -> None:
        self.source.rows = [row for row in self.source.rows if row > position["read"]]


class Numbered(MemorySubject):
    """No number comes again."""

    added = 0

    def add(self, count: int) -> None:
        self.source.rows += range(self.added, self.added + count)
        self.added += count


class TestASoundConnectorThatSettles(Conformance):
    @pytest.fixture
    def subject(self) -> Subject:
        return Numbered(Settling)


class Images(Memory):
    """A sound connector that can only read everything."""

    stream = Stream("words", "memory", (TABLE,), emits=Emits.IMAGES)

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        batch = super().poll(stream, position, ask)
        first = self.begin(position) == 0
        mark = (Scan.FIRST if first else Scan.MORE) if batch.more else (Scan.ONLY if first else Scan.LAST)
        return replace(batch, scan=mark, position=batch.position if batch.more else {"read": 0})


class TestASoundConnectorOfImages(Conformance):
    @pytest.fixture
    def subject(self) -> Subject:
        return MemorySubject(Images)


class Keyless(Images):
    """The same without a key."""

    stream = Stream("words", "memory", (replace(TABLE, key=()),), emits=Emits.IMAGES)

    def changes(self, rows: list[int]) -> Changes:
        return replace(super().changes(rows), table=self.stream.tables[0])


class TestASoundConnectorOfImagesWithoutAKey(Conformance):
    @pytest.fixture
    def subject(self) -> Subject:
        return MemorySubject(Keyless)


class Listed(Images):
    """A list that shows a mark for each row; the row itself has to be opened."""

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        batch = super().poll(stream, position, ask)
        if not batch.changes:
            return batch
        (changes,) = batch.changes
        keys, marks = changes.rows.select(["id"]), changes.rows["word"]
        must = ask.changed(TABLE, keys, marks) if ask.changed else pa.array([True] * len(marks))
        read = replace(changes, rows=changes.rows.filter(must), marks=marks.filter(must))
        return self.told(batch, read, keys.filter(pc.invert(must)))

    def told(self, batch: Batch, read: Changes, others: pa.RecordBatch) -> Batch:
        return replace(batch, changes=(read,), seen=((TABLE.name, others),))


class TestASoundConnectorOfImagesWithMarks(Conformance):
    @pytest.fixture
    def subject(self) -> Subject:
        return MemorySubject(Listed)


class Snapshot(Memory):
    """A sound connector of changes that first reads all there is, and says so."""

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        of = len(self.source.rows) if position is None else position.get("of", 0)
        plain = None if position is None else {"read": position["read"]} if "of" in position else position
        start = self.begin(plain)
        batch = super().poll(
            stream, plain, replace(ask, rows=max(1, min(ask.rows, of - start))) if of else ask
        )
        if not of:
            return batch
        ends = batch.position["read"] >= of
        mark = (Scan.ONLY if ends else Scan.FIRST) if not start else (Scan.LAST if ends else Scan.MORE)
        place = batch.position if ends else {**batch.position, "of": of}
        return replace(batch, scan=mark, position=place, more=batch.more or not ends)


class TestASoundConnectorOfChangesWithASnapshot(Conformance):
    @pytest.fixture
    def subject(self) -> Subject:
        return MemorySubject(Snapshot)


class Again(Memory):
    """A sound one whose rows can be read once more."""

    def reread(
        self, stream: Stream, position: Position | None, place: Position | None, within: Ranges, ask: Ask
    ) -> Batch:
        assert stream == self.stream
        there = self.there(self.begin(position), within)
        start = 0 if place is None else int(place["again"])
        rows = there[start : start + max(1, ask.rows)]
        after = start + len(rows)
        return Batch({"again": after}, (self.changes(rows),) if rows else (), more=after < len(there))

    def there(self, read: int, within: Ranges) -> list[int]:
        low, high = within.get("id", (None, None))
        found = [n for n in self.source.rows[:read] if low is None or n >= low]
        return [n for n in found if high is None or n <= high]


class TestASoundConnectorThatReadsOnceMore(Conformance):
    @pytest.fixture
    def subject(self) -> Subject:
        return MemorySubject(Again)


class Overlapping(Memory):
    """A sound connector of images that knows where it is, and reads the last row before that again."""

    stream = Stream("words", "memory", (TABLE,), emits=Emits.IMAGES)

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        batch = super().poll(stream, position, ask)
        start = self.begin(position)
        if not start or batch.rows:
            return batch
        return replace(batch, changes=(self.changes(self.source.rows[start - 1 : start]),))


class TestASoundConnectorOfImagesThatOverlap(Conformance):
    @pytest.fixture
    def subject(self) -> Subject:
        return MemorySubject(Overlapping)


BROKEN: list[tuple[str, type[Memory]]] = []


def found_by[K: type[Memory]](*tests: str) -> Any:
    def note(kind: K) -> K:
        BROKEN.extend((test, kind) for test in tests)
        return kind

    return note


@found_by("unknown_options_are_refused")
class IgnoresTypingErrors(Memory):
    class Config(MemoryConfig):
        model_config = ConfigDict(extra="ignore")


@found_by("every_option_says_what_it_is")
class SaysNothing(Memory):
    class Config(MemoryConfig):
        mystery: int = 0


@found_by("close_is_safe_at_any_time")
class ClosesOnce(Memory):
    def close(self) -> None:
        if not self.is_open:
            raise RuntimeError("not open")
        super().close()


@found_by("close_is_safe_after_a_failed_open")
class ClosesOnlyWhatIsOpen(Memory):
    def close(self) -> None:
        if self.source.trouble:
            raise RuntimeError("not open")


@found_by("an_instance_after_another_finds_the_source_free", "discover_is_stable")
class KeepsTheSource(Memory):
    def open(self) -> None:
        super().open()
        self.source.trouble = TransientError("in use")


@found_by("no_thread_outlives_close")
class LeavesAThread(Memory):
    def open(self) -> None:
        super().open()
        threading.Timer(3, int).start()


@found_by("it_works_in_any_one_thread")
class KnowsTheMainThread(Memory):
    def open(self) -> None:
        super().open()
        if threading.current_thread() is not threading.main_thread():
            raise PermanentError("the main thread only")


@found_by("discover_is_stable")
class CountsItsDiscoveries(Memory):
    def discover(self) -> Sequence[Stream]:
        self.source.rows.append(len(self.source.rows))
        return [Stream("words", f"memory {len(self.source.rows)}", (TABLE,))]


@found_by("streams_are_well_formed")
class KeyOutsideTheSchema(Memory):
    stream = Stream("words", "memory", (Table("words", SCHEMA, ("number",)),))


@found_by("streams_are_well_formed")
class WithoutIdentity(Memory):
    stream = Stream("words", "", (TABLE,))


@found_by("without_a_position_reading_begins_at_the_start", "no_row_is_lost_or_read_twice")
class SkipsTheFirst(Memory):
    def begin(self, position: Position | None) -> int:
        return 1 if position is None else super().begin(position)


@found_by("no_row_is_lost_or_read_twice", "the_same_position_reads_the_same_place")
class GoesItsOwnWay(Memory):
    """Remembers where it is, whatever it is told."""

    at = 0

    def begin(self, position: Position | None) -> int:
        super().begin(position)
        self.at += 1
        return self.at - 1


@found_by("no_row_is_lost_or_read_twice")
class RepeatsTheLast(Memory):
    def begin(self, position: Position | None) -> int:
        return max(0, super().begin(position) - 1)


@found_by("batches_fit_their_table")
class NullKey(Memory):
    def changes(self, rows: list[int]) -> Changes:
        loose = pa.schema([pa.field("id", pa.int64()), SCHEMA.field("word")])
        columns = [pa.nulls(len(rows), pa.int64()), pa.array([f"w{n}" for n in rows])]
        return Changes(replace(TABLE, schema=loose), pa.RecordBatch.from_arrays(columns, schema=loose))


@found_by("batches_fit_their_table")
class AnotherSchema(Memory):
    def changes(self, rows: list[int]) -> Changes:
        return Changes(TABLE, pa.RecordBatch.from_pylist([{"id": n} for n in rows]))


@found_by("batches_fit_their_table")
class ShortOperations(Memory):
    def changes(self, rows: list[int]) -> Changes:
        return replace(super().changes(rows), op=pa.array([Op.CREATE.value]))


@found_by("batches_fit_their_table")
class UndeclaredTable(Memory):
    def changes(self, rows: list[int]) -> Changes:
        return replace(super().changes(rows), table=replace(TABLE, name="others"))


@found_by("a_position_is_small_json")
class TuplesInPositions(Memory):
    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        batch = super().poll(stream, {"read": position["read"][0]} if position else None, ask)
        return replace(batch, position={"read": (batch.position["read"],)})


@found_by("a_position_is_small_json")
class RemembersEverything(Memory):
    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        batch = super().poll(stream, {"read": position["read"]} if position else None, ask)
        return replace(batch, position={**batch.position, "seen": "x" * 300_000})


@found_by("its_own_positions_pass_its_check")
class RefusesItself(Memory):
    def check_position(self, stream: str, position: Position) -> None:
        if not isinstance(position, int):
            raise ConfigError("it is no number", remedy="write NUMBER")


@found_by("an_idle_source_gives_an_empty_batch", "an_empty_source_gives_an_empty_batch")
class AlwaysMore(Memory):
    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        batch = super().poll(stream, position, ask)
        return replace(batch, more=batch.more or batch.rows == 0)


@found_by("an_idle_source_gives_an_empty_batch")
class MovesWithoutChange(Memory):
    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        polls = position["polls"] if position else 0
        batch = super().poll(stream, {"read": position["read"]} if position else None, ask)
        return replace(batch, position={**batch.position, "polls": polls + 1})


@found_by("polls_bring_about_as_many_rows_as_asked", "polls_bring_about_as_many_bytes_as_asked")
class TakesAll(Memory):
    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        return super().poll(stream, position, Ask())


@found_by("polls_bring_about_as_many_rows_as_asked")
class NeverMore(Memory):
    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        return replace(super().poll(stream, position, ask), more=False)


@found_by("a_poll_waits_no_longer_than_asked")
class Sleeps(Memory):
    def wait(self) -> None:
        threading.Event().wait(1.5)


@found_by("commit_can_be_repeated")
class CommitsOnce(Memory):
    done = False

    def commit(self, stream: Stream, position: Position) -> None:
        if self.done:
            raise TransientError("committed already")
        self.done = True


@found_by("interrupt_without_a_poll_does_nothing")
class StaysInterrupted(Memory):
    def interrupt(self) -> None:
        self.unblock.set()

    def wait(self) -> None:
        if self.unblock.is_set():
            raise TransientError("interrupted")


@found_by("interrupt_unblocks_a_poll")
class CannotBeInterrupted(Memory):
    def interrupt(self) -> None:
        return

    def wait(self) -> None:
        self.source.moving.wait(3)


@found_by("check_tells_what_to_do")
class FindsWithoutRemedy(Memory):
    def check(self) -> Sequence[Finding]:
        return [Finding(Level.CRITICAL, "something is wrong")]


@found_by("a_source_that_is_down_is_tried_again", "wrong_credentials_are_not_tried_again")
class OneErrorForAll(Memory):
    def open(self) -> None:
        if self.source.trouble:
            raise ConfigError("it did not work")


@found_by("what_cannot_work_is_not_tried_again")
class TriesForever(Memory):
    def open(self) -> None:
        if self.source.trouble:
            raise TransientError("it did not work")


@found_by("wrong_credentials_are_not_tried_again")
class TellsTheSecret(Memory):
    def open(self) -> None:
        if isinstance(self.source.trouble, CredentialsError):
            raise CredentialsError("refused") from RuntimeError(f"password={SECRET}")
        super().open()


@found_by("a_position_that_makes_no_sense_is_refused")
class BelievesAnyPosition(Memory):
    def begin(self, position: Position | None) -> int:
        return int((position or {}).get("read", 0))


class Marked(Images):
    """Says where its scan stands as it likes."""

    def mark(self, batch: Batch) -> Batch:
        raise NotImplementedError

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        return self.mark(super().poll(stream, position, ask))


@found_by("a_scan_has_a_beginning_and_an_end", "no_row_is_lost_or_read_twice")
class NeverBegins(Marked):
    def mark(self, batch: Batch) -> Batch:
        return replace(batch, scan=Scan.MORE if batch.scan is Scan.FIRST else batch.scan)


@found_by("a_scan_has_a_beginning_and_an_end")
class BeginsWithEachPage(Marked):
    def mark(self, batch: Batch) -> Batch:
        return replace(batch, scan=Scan.FIRST if batch.more else batch.scan)


@found_by("a_scan_has_a_beginning_and_an_end")
class EndsWithEachPage(Marked):
    def mark(self, batch: Batch) -> Batch:
        return replace(batch, scan=Scan.ONLY)


@found_by("a_scan_has_a_beginning_and_an_end")
class NeverEnds(Marked):
    def mark(self, batch: Batch) -> Batch:
        return replace(batch, scan=Scan.MORE if batch.scan is Scan.LAST else batch.scan)


@found_by("a_scan_has_a_beginning_and_an_end")
class StopsInTheMiddle(Marked):
    def mark(self, batch: Batch) -> Batch:
        return replace(batch, more=False)


@found_by("a_scan_has_a_beginning_and_an_end")
class ScansWithoutPause(Marked):
    """`more` at the end of a scan: the engine would begin the next one at once, for ever."""

    def mark(self, batch: Batch) -> Batch:
        return replace(batch, more=True)


@found_by("a_scan_has_a_beginning_and_an_end")
class ForgetsItsMark(Marked):
    def mark(self, batch: Batch) -> Batch:
        return replace(batch, scan=None if batch.scan is Scan.MORE else batch.scan)


@found_by("rows_known_to_be_unchanged_are_seen_and_not_read")
class ReadsAllTheSame(Listed):
    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        batch = Images.poll(self, stream, position, ask)
        for changes in batch.changes if ask.changed else ():
            assert ask.changed is not None
            ask.changed(TABLE, changes.rows.select(["id"]), changes.rows["word"])
        marked = tuple(replace(each, marks=each.rows["word"]) for each in batch.changes)
        return replace(batch, changes=marked)


@found_by("rows_known_to_be_unchanged_are_seen_and_not_read")
class KeepsTheMarks(Listed):
    def told(self, batch: Batch, read: Changes, others: pa.RecordBatch) -> Batch:
        return super().told(batch, replace(read, marks=None), others)


@found_by("rows_known_to_be_unchanged_are_seen_and_not_read")
class SaysNothingOfTheOthers(Listed):
    def told(self, batch: Batch, read: Changes, others: pa.RecordBatch) -> Batch:
        return replace(super().told(batch, read, others), seen=())


@found_by("no_row_is_lost_or_read_twice")
class DeletesInItsScan(Marked):
    def mark(self, batch: Batch) -> Batch:
        return replace(batch, changes=tuple(replace(each, op=Op.DELETE) for each in batch.changes))


@found_by("the_position_of_a_whole_scan_begins_the_next")
class StaysAtTheEnd(Marked):
    def mark(self, batch: Batch) -> Batch:
        return batch if batch.more else replace(batch, position={"read": len(self.source.rows)})


@found_by("the_position_of_a_whole_scan_begins_the_next")
class CountsItsScans(Marked):
    scans = 0

    def begin(self, position: Position | None) -> int:
        return int((position or {}).get("read", 0))

    def mark(self, batch: Batch) -> Batch:
        self.scans += not batch.more
        return batch if batch.more else replace(batch, position={"read": 0, "scans": self.scans})


@found_by("a_scan_begun_anew_brings_the_same_rows", "the_same_position_reads_the_same_place")
class GoesOnWhereItWasLeft(Images):
    """The place in the scan is the instance's, not the position's."""

    at = 0

    def begin(self, position: Position | None) -> int:
        super().begin(position)
        return self.at

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        batch = super().poll(stream, position, ask)
        self.at = int(batch.position["read"])
        return batch


@found_by("no_key_comes_twice_in_a_scan")
class OverlapsItsPages(Images):
    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        batch = super().poll(stream, position, ask)
        start = self.begin(position)
        rows = self.source.rows[max(0, start - 1) : start + batch.rows]
        return replace(batch, changes=(self.changes(rows),))


@found_by("a_reread_brings_every_row_once_and_ends", "rereads_and_polls_do_not_disturb_each_other")
class RereadsTheLast(Again):
    def reread(
        self, stream: Stream, position: Position | None, place: Position | None, within: Ranges, ask: Ask
    ) -> Batch:
        return super().reread(
            stream, position, {"again": max(0, place["again"] - 1)} if place else None, within, ask
        )


@found_by("the_same_place_rereads_the_same_rows")
class RereadsWhereItWas(Again):
    """The place is the instance's."""

    at = 0

    def reread(
        self, stream: Stream, position: Position | None, place: Position | None, within: Ranges, ask: Ask
    ) -> Batch:
        batch = super().reread(stream, position, {"again": self.at} if place else None, within, ask)
        self.at = int(batch.position["again"])
        return batch


@found_by("a_reread_leaves_new_rows_to_the_polls_that_tell_changes")
class RereadsWhatIsNew(Again):
    def there(self, read: int, within: Ranges) -> list[int]:
        assert read <= len(self.source.rows)
        return super().there(len(self.source.rows), within)


@found_by("a_reread_keeps_within_ranges_of_the_key")
class RereadsTheEnds(Again):
    """Ranges are said to be inclusive."""

    def there(self, read: int, within: Ranges) -> list[int]:
        return super().there(read, within)[: -1 if within else None]


@found_by("what_has_not_settled_is_read_again")
class LetsGoAtOnce(Settling):
    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        batch = super().poll(stream, position, ask)
        super().commit(stream, batch.position)
        return batch


@pytest.mark.parametrize(
    ("test", "kind"), [pytest.param(*case, id=f"{case[1].__name__}-{case[0]}") for case in BROKEN]
)
def test_the_suite_finds(test: str, kind: type[Memory]) -> None:
    run = getattr(Conformance(), f"test_{test}")
    sound: Sequence[type[Memory]] = (Again, Images, Settling, Memory)
    run(MemorySubject(next(each for each in sound if issubclass(kind, each))))
    with pytest.raises((AssertionError, RuntimeError, PermanentError, TransientError, pytest.fail.Exception)):
        run(MemorySubject(kind))


def test_every_test_of_the_suite_finds_something() -> None:
    tests = {name.removeprefix("test_") for name in dir(Conformance) if name.startswith("test_")}
    assert {test for test, _ in BROKEN} == tests
