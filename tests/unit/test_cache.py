"""The state on disk: bounded in memory, thrown away rather than wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from bridge.cache import MOST_VALUES, SPARSE, Cache, Put
from bridge.errors import PermanentError, Stopped, TransientError
from bridge.positions import Kept
from bridge.state import STAMP, KeyedState, Record, Seen

HEAD = b'["orders","orders"]'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "erp.state"


@pytest.fixture
def cache(path: Path) -> Iterator[Cache]:
    cache = Cache(path)
    cache.create()
    cache.filled()
    yield cache
    cache.close()


def key(number: int) -> bytes:
    return b'{"id":%06d}' % number


def entries(numbers: range, slot: int = 0) -> list[Put]:
    return [(key(number), slot + at, b"value %d" % number) for at, number in enumerate(numbers)]


def filled(cache: Cache, numbers: range, stamp: str = "first") -> Cache:
    part = cache.part(HEAD)
    cache.put(part, entries(numbers, part.slots), len(numbers))
    part.slots += len(numbers)
    cache.commit(stamp)
    return cache


@pytest.mark.parametrize(
    "asked",
    [
        range(100, 200),  # a page of a scan
        range(0, 5000, 2),  # half of what lies between
        range(0, 5000, 100),  # few of many
        range(7, 5000, 4000),
        range(4990, 5300),  # partly new
        range(6000, 6001),
        range(0, MOST_VALUES * 7, 6),  # more than fit into one statement
        range(0),
    ],
)
def test_keys_are_found_wherever_they_lie(cache: Cache, asked: range) -> None:
    filled(cache, range(0, 5000, 1))
    found = cache.find(cache.part(HEAD), [key(each) for each in asked])
    expected = {key(each): (each, b"value %d" % each) for each in asked if each < 5000}
    assert {each: found.get(each) for each in expected} == expected
    assert len(found.values) <= SPARSE * len(asked), "neighbours are few, however many lie between"


def test_entries_of_other_tables_are_not_found(cache: Cache) -> None:
    filled(cache, range(10))
    other = cache.part(b'["items","items"]')
    cache.put(other, [(key(3), 0, b"item")], 1)
    assert cache.find(other, [key(3), key(4)]).values == {key(3): b"item"}
    assert cache.find(cache.part(HEAD), [key(3)]).values == {key(3): b"value 3"}


def test_all_entries_come_in_pieces_while_they_are_dropped(cache: Cache) -> None:
    part = filled(cache, range(100)).part(HEAD)
    seen = []
    for some in cache.slots(part, 7):
        assert len(some) <= 7
        seen += some
        cache.drop(part, [name for name, _, _ in some[::2]])
    assert seen == entries(range(100))
    assert part.count == 100 - sum((len(range(at, min(at + 7, 100))) + 1) // 2 for at in range(0, 100, 7))


def test_slots_are_numbered_anew_when_most_are_empty(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.cache.HOLES", 10)
    part = filled(cache, range(100)).part(HEAD)
    cache.tidy(part)
    assert (part.count, part.slots) == (100, 100), "there is nothing to tidy"
    cache.drop(part, [key(number) for number in range(100) if number % 10])
    cache.tidy(part)
    assert (part.count, part.slots) == (10, 10)
    kept = [entry for some in cache.slots(part, 100) for entry in some]
    assert kept == [(key(10 * slot), slot, b"value %d" % (10 * slot)) for slot in range(10)]
    assert part.new_slot() == 10


def test_what_was_committed_is_there_in_the_next_life(cache: Cache, path: Path) -> None:
    filled(cache, range(10))
    cache.close()
    again = Cache(path)
    assert again.stamp() == "first"
    assert (again.part(HEAD).count, again.part(HEAD).slots) == (10, 10)
    again.close()


def test_what_is_rolled_back_was_never_there(cache: Cache) -> None:
    part = filled(cache, range(10)).part(HEAD)
    cache.put(part, entries(range(20, 30), 10), 10)
    cache.drop(part, [key(1)])
    cache.rollback()
    assert cache.part(HEAD).count == 10
    assert [*cache.find(cache.part(HEAD), [key(1), key(25)]).values] == [key(1)]
    assert cache.stamp() == "first"


def test_a_file_without_a_commit_has_no_stamp(path: Path) -> None:
    cache = Cache(path)
    cache.create()
    cache.filled()
    cache.part(HEAD)
    cache.close()
    assert stamp_of(path) is None


def stamp_of(path: Path) -> str | None:
    """As the next process finds it."""
    with closing(Cache(path)) as cache:
        return cache.stamp()


@pytest.mark.parametrize("spoilt", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)])
def test_a_file_that_is_no_cache_is_thrown_away(path: Path, spoilt: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(spoilt)
    cache = Cache(path)
    assert cache.stamp() is None
    filled_anew(cache)


def filled_anew(cache: Cache) -> None:
    cache.create()
    cache.filled()
    filled(cache, range(3), "second")
    assert cache.stamp() == "second"
    assert cache.part(HEAD).count == 3
    cache.close()


def test_a_file_that_is_spoilt_in_use_is_thrown_away(cache: Cache, path: Path) -> None:
    filled(cache, range(5000))
    cache.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(3 * 8192)
        file.write(b"\xff" * (size - 3 * 8192))
    again = Cache(path)
    assert again.stamp() == "first", "its first pages are whole"
    with pytest.raises(TransientError, match="cannot keep the state in"):
        _ = [*again.slots(again.part(HEAD), 10_000)]
    assert again.stamp() is None
    filled_anew(again)


def test_a_full_disk_is_told_with_its_remedy_and_passes(cache: Cache) -> None:
    part = filled(cache, range(10)).part(HEAD)
    pages(cache, 20)
    with pytest.raises(TransientError, match="disk is full") as full:
        cache.put(part, entries(range(10, 20_000), 10), 19_990)
    assert "daemon.state_dir" in full.value.remedy
    cache.rollback()
    pages(cache, 1_000_000)
    assert (cache.stamp(), cache.part(HEAD).count) == ("first", 10)
    filled(cache, range(10, 20_000), "second")
    assert cache.part(HEAD).count == 20_000


def pages(cache: Cache, most: int) -> None:
    """As large may the file become, as if the disk were."""
    database: Any = cache._database
    database.execute(f"PRAGMA max_page_count = {most}")


def test_a_folder_that_cannot_be_written_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TransientError, match=r"cannot keep the state in .*/file/erp\.state: ") as error:
        Cache(tmp_path / "file" / "erp.state").create()
    assert "daemon.state_dir" in error.value.remedy


HOLDER = """
import sys
from pathlib import Path
from bridge.cache import Cache

cache = Cache(Path(sys.argv[1]))
assert cache.stamp() == "first"
part = cache.part(b"theirs")
print("holds", flush=True)
for number, line in enumerate(sys.stdin):
    cache.put(part, [(b"%d" % number, number, b"theirs")], 1)
    cache.commit(f"theirs {number}")
    print("written", flush=True)
"""


def test_what_another_process_still_has_open_is_left_to_it(cache: Cache, path: Path) -> None:
    """One that was fenced, and does not know it yet."""
    filled(cache, range(10))
    cache.close()
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "holds\n"
        ours = Cache(path)
        assert ours.stamp() is None
        ours.create()
        ours.filled()
        filled(ours, range(5), "ours")
        other.stdin.write("go on\n")
        other.stdin.flush()
        assert other.stdout.readline() == "written\n"
        assert ours.stamp() == "ours"
        assert ours.part(b"theirs").count == 0
        other.kill()
    ours.rollback()
    ours.close()
    again = Cache(path)
    assert (again.stamp(), again.part(HEAD).count) == ("ours", 5)
    again.close()


# -- the cache and the topic


class Topic:
    """A topic in memory, read in pieces."""

    name = "_bridge.state.erp"

    def __init__(self, *pieces: list[Record]) -> None:
        self.pieces = pieces

    def ensure(self) -> str:
        return ""

    def id(self) -> str | None:
        return ""

    def seen(self) -> Seen | None:
        return Seen("", 0, "b")

    def read(self) -> Iterator[list[Record]]:
        yield from self.pieces


def record(number: int, value: bytes | None = b"value") -> Record:
    return HEAD + b"\n" + key(number), value


PIECES = (
    [record(1), record(2), record(3), (STAMP, b"a")],
    [record(2, None), record(1, b"newer"), record(4), record(4, None), (STAMP, b"b")],
)


def test_the_topic_is_read_when_the_cache_is_of_another_transaction(path: Path) -> None:
    state = KeyedState(Topic(*PIECES), path, Event())
    calls: list[int] = []
    state.align(Kept("b"), lambda: calls.append(1))
    part = state.cache.part(HEAD)
    assert part.count == 2
    assert state.cache.find(part, [key(each) for each in range(5)]).values == {
        key(1): b"newer", key(3): b"value"
    }  # fmt: skip
    assert len(calls) == 2, "it says that it is still there"
    state.forget()
    state.align(Kept("b"), lambda: calls.append(1))
    assert len(calls) == 2, "the cache is what it should be"
    state.close()


def test_a_topic_without_the_last_transaction_is_refused_whatever_else_it_has(path: Path) -> None:
    state = KeyedState(Topic(PIECES[0]), path, Event())
    with pytest.raises(PermanentError, match="does not hold the state"):
        state.align(Kept("b"), lambda: None)
    assert not path.exists()


def test_reading_the_topic_ends_when_asked_to_stop(path: Path) -> None:
    stop = Event()
    state = KeyedState(Topic(*PIECES), path, stop)
    with pytest.raises(Stopped):
        state.align(Kept("b"), stop.set)
    state.close()
    assert stamp_of(path) is None
