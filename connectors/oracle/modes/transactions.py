"""What transactions have done to a table in the end, from the versions of rows that they left. Pure.

A version query tells what happened to addresses (ROWIDs); consumers know rows by keys. What counts is what a
key had before a commit and what it has after it: a row that moved, keys that were swapped, a row that was
deleted and inserted again are updates, and what came and went in one transaction is nothing.

A shrunk segment has rows at other addresses without any version (Oracle filters those out): as soon as one
address cannot hold what was known of it, the database is asked what each of them held.

Transactions with one commit SCN are taken as one: none of them can have waited for another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from bridge.contract import Op

type Key = tuple[object, ...]
type Image = int
"""A row of a pool of rows, by its place."""
type Others = Callable[[Collection[str]], Collection[str]]
"""Of rows, by their ROWIDs, those whose keys are there on the other side of the commit as well."""
type Past = Callable[[int, Collection[str]], Mapping[str, Image | None]]
"""What was at these addresses right before an SCN; those that it lacks held what is known."""


class Version(NamedTuple):
    """A row version as the version query has it (Oracle, Development Guide: Using Flashback Version Query).

    `lives`: its transaction left the row so. Of several versions of a row in one transaction all but the last
    end where they start, and a D never lives.
    """

    scn: int
    rowid: str
    lives: bool
    image: Image
    operation: str


class Event(NamedTuple):
    """`image`: the row after the change, or the one that is gone. `told`: the version that has the xid."""

    op: Op
    image: Image
    told: Image
    before: Image | None = None


def ends_alive(scn: int, end: int | None, operation: str) -> bool:
    """See `Version.lives`."""
    return operation != "D" and (end is None or end > scn)


def none(_rowids: Collection[str]) -> Collection[str]:
    """The transactions are known as a whole: there are no others."""
    return ()


def unasked(_scn: int, _rowids: Collection[str]) -> Mapping[str, Image | None]:
    """Nothing was shrunk."""
    return {}


def unknown(versions: Iterable[Version]) -> list[str]:
    """The rows that were there before the first of these versions, perhaps: those not begun by an insert.

    An address that was deleted and taken again in one transaction has a D, too.
    """
    first: dict[str, tuple[int, set[str]]] = {}
    for version in versions:
        scn, found = first.setdefault(version.rowid, (version.scn, set()))
        if scn == version.scn:
            found.add(version.operation)
    return [rowid for rowid, (_, found) in first.items() if found != {"I"}]


@dataclass(slots=True)
class Replay:
    """Follows transactions in their order: what each address holds, and what became of the keys.

    `held` is filled with what was there before (see `unknown`); an address that it lacks held nothing.
    """

    held: MutableMapping[str, Image | None]
    keys: Sequence[Key]
    """Of every image of the pool."""
    remains: Others = none
    """Rows of before whose keys are there afterwards, though not by these versions."""
    existed: Others = none
    """Rows of afterwards whose keys were there before, though not by these versions."""
    past: Past = unasked
    _shrunk: bool = field(default=False, init=False)

    def events(self, versions: Iterable[Version]) -> Iterator[Event]:
        """Of versions in the order of their SCNs, and by ROWID within each."""
        for _, group in groupby(versions, key=lambda version: version.scn):
            yield from self._net(list(group))

    def _net(self, group: Sequence[Version]) -> Iterator[Event]:
        """Deletes first: whoever keeps keys apart by another unique column has room for what follows."""
        told = {version.rowid: version.image for version in group}
        new = {version.rowid: version.image for version in group if version.lives}
        old = self._old(group)
        self.held.update({rowid: new.get(rowid) for rowid in told})
        before = {self.keys[image]: image for image in old.values()}
        after = {self.keys[image] for image in new.values()}
        yield from self._deletes(old, after, told)
        yield from self._images(new, before)

    def _old(self, group: Sequence[Version]) -> dict[str, Image]:
        """Of each address what it held: as is known, or as the database says of a segment that was shrunk."""
        of_row: dict[str, list[Version]] = {}
        for version in group:
            of_row.setdefault(version.rowid, []).append(version)
        held = {
            rowid: self.held.get(rowid)
            for rowid, versions in of_row.items()
            if any(version.operation != "I" for version in versions)
        }
        self._shrunk = self._shrunk or any(self._is_strange(held[rowid], of_row[rowid]) for rowid in held)
        if self._shrunk:
            held.update(self.past(group[0].scn, held))
        return {rowid: image for rowid, image in held.items() if image is not None}

    def _is_strange(self, held: Image | None, versions: Sequence[Version]) -> bool:
        """If another row, or none, must have been here than the one that is known."""
        if held is None:
            return {version.operation for version in versions} != {"I", "U"}
        return self.keys[held] not in {self.keys[version.image] for version in versions}

    def _deletes(
        self, old: Mapping[str, Image], after: Collection[Key], told: Mapping[str, Image]
    ) -> Iterator[Event]:
        gone = {rowid: image for rowid, image in old.items() if self.keys[image] not in after}
        stay = self.remains(gone) if gone else ()
        for rowid, image in gone.items():
            if rowid not in stay:
                yield Event(Op.DELETE, image, told[rowid], image)

    def _images(self, new: Mapping[str, Image], before: Mapping[Key, Image]) -> Iterator[Event]:
        fresh = [rowid for rowid, image in new.items() if self.keys[image] not in before]
        known = self.existed(fresh) if fresh else ()
        for rowid, image in new.items():
            was = before.get(self.keys[image])
            op = Op.CREATE if was is None and rowid not in known else Op.UPDATE
            yield Event(op, image, image, was)
