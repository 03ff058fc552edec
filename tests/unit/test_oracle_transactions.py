"""Versions of rows, as a version query has them, become what happened to keys."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.contract import Op
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.store import Store
from bridge.testing.oracle.tables import Table
from bridge.testing.oracle.tables import Version as Stored
from connectors.oracle.modes.transactions import Event, Replay, Version, ends_alive, unknown

I, U, D = "IUD"  # noqa: E741 -- as Oracle names them
KEYS = 5


def versions(*told: tuple[int, str, str, int | None]) -> list[Version]:
    """Each (scn, rowid, operation, end)."""
    return [
        Version(scn, rowid, ends_alive(scn, end, operation), image, operation)
        for image, (scn, rowid, operation, end) in enumerate(told)
    ]


def events(
    told: Sequence[tuple[int, str, str, int | None]], keys: list[str], held: dict[str, int] | None = None
) -> list[tuple[str, int, int | None]]:
    replay = Replay({**(held or {})}, [(key,) for key in keys])
    return [(event.op.value, event.image, event.before) for event in replay.events(versions(*told))]


def test_an_insert_an_update_and_a_delete_are_what_they_are() -> None:
    told = [(1, "a", I, 2), (2, "a", U, 3), (3, "a", D, None)]
    assert events(told, ["k", "k", "k"]) == [("c", 0, None), ("u", 1, 0), ("d", 1, 1)]


def test_of_several_changes_in_one_transaction_the_last_counts() -> None:
    told = [(1, "a", U, 1), (1, "a", U, 1), (1, "a", U, None)]
    assert events(told, ["k", "k", "k", "k"], {"a": 3}) == [("u", 2, 3)]


def test_what_came_and_went_in_one_transaction_is_nothing() -> None:
    told = [(1, "a", I, 1), (1, "a", U, 1), (1, "a", D, None)]
    assert events(told, ["k", "k", "k"]) == []


def test_a_changed_key_is_a_delete_and_a_create() -> None:
    assert events([(1, "a", U, None)], ["new", "old"], {"a": 1}) == [("d", 1, 1), ("c", 0, None)]


def test_a_key_that_changed_twice_is_deleted_as_it_was_known() -> None:
    told = [(1, "a", U, 1), (1, "a", D, None)]
    assert events(told, ["new", "new", "old"], {"a": 2}) == [("d", 2, 2)]


def test_swapped_keys_are_two_updates() -> None:
    told = [(1, "a", U, None), (1, "b", U, None)]
    assert events(told, ["y", "x", "x", "y"], {"a": 2, "b": 3}) == [("u", 0, 3), ("u", 1, 2)]


def test_a_row_that_moved_is_an_update() -> None:
    told = [(1, "a", D, None), (1, "b", I, None)]
    assert events(told, ["k", "k", "k"], {"a": 2}) == [("u", 1, 2)]


def test_an_address_that_is_used_again_holds_another_row() -> None:
    told = [(1, "a", D, None), (2, "a", I, 3), (3, "a", U, None)]
    assert events(told, ["x", "y", "y", "x"], {"a": 3}) == [("d", 3, 3), ("c", 1, None), ("u", 2, 1)]


def test_only_rows_that_an_insert_began_were_surely_not_there_before() -> None:
    told = [(1, "a", I, 2), (2, "a", U, None), (2, "b", U, None), (3, "c", D, 3), (3, "c", I, None)]
    assert unknown(versions(*told)) == ["b", "c"]


# -- histories


@dataclass
class History:
    """Random transactions on a table, and what flashback tells of them."""

    seed: int

    def __post_init__(self) -> None:
        self.chance = chance = random.Random(self.seed)
        self.store = Store(lambda: 0)
        self.store.per_change, self.store.split_keys = chance.random() < 0.5, chance.random() < 0.5
        self.store.reuse = chance.random() < 0.8
        columns = [("ID", "NUMBER(3) NOT NULL"), ("X", "NUMBER(9)")]
        self.table: Table = self.store.create("A", "T", columns, key=["ID"], row_movement=True)
        self.serial = iter(range(10**9))
        self.begin = self.store.scn
        for _ in range(chance.randint(1, 12)):
            self.transact()
            if chance.random() < 0.3:
                self.store.shrink(self.table)
            if chance.random() < 0.1:
                self.begin = self.store.scn

    def transact(self) -> None:
        chance = self.chance
        with self.store.transaction() as tx:
            for _ in range(chance.randint(1, 8)):
                key, other = chance.randrange(KEYS), chance.randrange(KEYS)
                try:
                    match chance.randrange(6):
                        case 0 | 1:
                            tx.insert(self.table, {"ID": key, "X": next(self.serial)})
                        case 2:
                            tx.update(self.table, key, {"X": next(self.serial)})
                        case 3:
                            tx.update(self.table, key, {"ID": other, "X": next(self.serial)})
                        case 4:
                            tx.delete(self.table, key)
                        case 5:
                            tx.move(self.table, key)
                except (OracleError, LookupError):
                    continue

    def rows(self, scn: int) -> dict[str, Stored]:
        return {str(version.rowid): version for version in self.table.as_of(scn)}

    def keyed(self, scn: int) -> dict[tuple[object, ...], tuple[object, ...]]:
        return {self.table.key_of(row.values) or (): row.values for row in self.rows(scn).values()}

    def told(self) -> list[Stored]:
        """In the order of the query, which says nothing of versions of one row in one transaction."""
        begun = self.table.begun(self.begin + 1, self.store.scn)
        found = [version for version in begun if not version.untold]
        self.chance.shuffle(found)
        return sorted(found, key=lambda each: (each.start, each.rowid))


class Told:
    """What the replay makes of a history, as it is read: all at once, or in parts."""

    def __init__(self, history: History, *, parts: bool) -> None:
        self.history, self.parts = history, parts
        self.pool: list[tuple[object, ...]] = []
        self.events: list[tuple[int, Event]] = []
        told = history.told()
        if not parts:
            self._page(told, history.begin)
        for scn, group in groupby(told, key=lambda each: each.start or 0) if parts else ():
            for part in self._cut(list(group)):
                self._page(part, scn - 1)

    def _cut(self, group: list[Stored]) -> Iterator[list[Stored]]:
        """Between two ROWIDs."""
        rows = [list(row) for _, row in groupby(group, key=lambda each: each.rowid)]
        while rows:
            count = self.history.chance.randint(1, len(rows))
            yield [version for row in rows[:count] for version in row]
            del rows[:count]

    def _page(self, page: Sequence[Stored], before: int) -> None:
        if not page:
            return
        scn = page[0].start or 0
        first = len(self.pool)
        self.pool += [each.values for each in page]
        read = [_version(each, at) for at, each in enumerate(page, first)]
        keys = [self.history.table.key_of(values) or () for values in self.pool]

        def held(scn: int, rowids: Collection[str]) -> dict[str, int | None]:
            rows, found = self.history.rows(scn), dict[str, int | None]()
            for rowid in rowids:
                found[rowid] = len(self.pool) if rowid in rows else None
                if rowid in rows:
                    self.pool.append(rows[rowid].values)
                    keys.append(self.history.table.key_of(rows[rowid].values) or ())
            return found

        replay = Replay(held(before, unknown(read)), keys, past=lambda scn, rowids: held(scn - 1, rowids))
        if self.parts:
            replay.remains = lambda rowids: self._met(rowids, before, scn)
            replay.existed = lambda rowids: self._met(rowids, scn, before)
        self.events += [(page[event.told - first].start or 0, event) for event in replay.events(read)]

    def _met(self, rowids: Collection[str], at: int, other: int) -> set[str]:
        keys, rows = self.history.keyed(other), self.history.rows(at)
        return {each for each in rowids if self.history.table.key_of(rows[each].values) in keys}


def _version(stored: Stored, at: int) -> Version:
    scn = stored.start or 0
    lives = ends_alive(scn, stored.end, stored.operation)
    return Version(scn, str(stored.rowid), lives, at, stored.operation)


@pytest.mark.parametrize("parts", [False, True], ids=["whole", "in-parts"])
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_of_any_history_each_commit_is_told_as_what_became_of_the_keys(*, parts: bool, seed: int) -> None:
    history = History(seed)
    told = Told(history, parts=parts)
    by_scn: dict[int, list[Event]] = {}
    for scn, event in told.events:
        by_scn.setdefault(scn, []).append(event)
    for scn in {each.start for each in history.told() if each.start}:
        before, after = history.keyed(scn - 1), history.keyed(scn)
        found: dict[Op, Counter[object]] = {op: Counter() for op in Op}
        for event in by_scn.get(scn, ()):
            key = history.table.key_of(told.pool[event.image])
            found[event.op][key] += 1
            if event.op is Op.DELETE:
                assert told.pool[event.image] == before[key or ()]
            else:
                assert told.pool[event.image] == after[key or ()]
            if event.before is not None:
                assert told.pool[event.before] == before[key or ()]
            elif event.op is not Op.CREATE:
                assert parts
        assert found[Op.DELETE] == Counter(before.keys() - after.keys())
        assert found[Op.CREATE] == Counter(after.keys() - before.keys())
        changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
        assert max(found[Op.UPDATE].values(), default=1) == 1
        assert changed <= found[Op.UPDATE].keys() <= before.keys() & after.keys()
