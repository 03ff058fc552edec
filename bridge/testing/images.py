"""A legacy system that can only be read as a whole, page by page, in this process's memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from bridge.contract import Ask, Batch, Changes, Connector, Emits, Position, Reject, Scan, Stream, Table

SCHEMA = pa.schema([("id", pa.int64()), ("payload", pa.string())])
COMPLETE = {"scan": "complete"}

type Row = tuple[int, str | None]


@dataclass(slots=True)
class FakeImages:
    """Tables of id -> payload; the payload None is a row that cannot be read.

    A lone surrogate in a payload makes text that is not UTF-8: such a row can be no event.

    A keyless table has rows (id, payload) as often as `repeats` says.
    """

    names: tuple[str, ...] = ("orders",)
    most: int = 3
    """Rows one poll brings."""
    key: tuple[str, ...] = ("id",)
    keyless: bool = False
    repeats: dict[int, int] = field(default_factory=dict)
    identity: str = "the one"
    confirms: int = 1
    """So many scans must miss a row, by the source's own word."""
    tables: dict[str, dict[int, str | None]] = field(init=False)
    whims: deque[BaseException | None] = field(default_factory=deque)
    """What the next calls into the connector raise; None is a call that goes well."""
    unkeyed: int = 0
    """Records without a key that come in every scan."""
    various: bool = False
    """Each of those is another one."""
    noise: str = ""
    """Makes others of all of those."""
    marked: bool = False
    """The list shows marks, and a row is only read where its mark says so."""
    salt: str = ""
    """Makes other marks of the same rows."""
    read: list[int] = field(default_factory=list)
    """Ids of the rows that were read, where the list shows marks."""
    cut: set[str] = field(default_factory=set)
    """Streams whose scans never end."""
    polls: list[tuple[str, Position | None]] = field(default_factory=list)
    opened: int = 0

    def __post_init__(self) -> None:
        self.tables = {name: {} for name in self.names}

    def connector(self) -> FakeImagesConnector:
        return FakeImagesConnector(self)

    def heed(self) -> None:
        if self.whims and (whim := self.whims.popleft()) is not None:
            raise whim

    def rows(self, name: str) -> list[Row]:
        """What a scan of the table brings."""
        return [
            each
            for each in sorted(self.tables[name].items())
            for _ in range(self.repeats.get(each[0], 1) if self.keyless else 1)
        ]


class FakeImagesConnector(Connector):
    """In a scan the position is the number of rows that came before."""

    config: FakeImages

    def __init__(self, config: FakeImages) -> None:
        super().__init__(config)
        self._source = config

    def open(self) -> None:
        self._source.heed()
        self._source.opened += 1

    def discover(self) -> Sequence[Stream]:
        self._source.heed()
        key = () if self._source.keyless else self._source.key
        return [
            Stream(
                name,
                self._source.identity,
                (Table(name, SCHEMA, key),),
                emits=Emits.IMAGES,
                confirms=self._source.confirms,
            )
            for name in self._source.names
        ]

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        source = self._source
        source.polls.append((stream.name, position))
        source.heed()
        after = (position or {}).get("after", -1)
        left = [each for each in source.rows(stream.name) if each[0] > after or source.keyless]
        begins = after < 0
        if source.keyless:  # no place in it but a number
            left = left[(position or {}).get("count", 0) :]
            begins = not (position or {}).get("count")
        some = left[: min(ask.rows, source.most)]
        more = len(left) > len(some) or stream.name in source.cut
        place = {"after": some[-1][0] if some else after}
        if source.keyless:
            place = {"count": (position or {}).get("count", 0) + len(some)}
        seen: tuple[tuple[str, pa.RecordBatch], ...] = ()
        if source.marked:
            some, seen = self._opened(stream, some, ask)
        refused = [
            Reject(stream.name, "unreadable", str(at), {"id": at}) for at, text in some if text is None
        ]
        unkeyed = range(source.unkeyed if begins else 0)
        raws = (f"? {source.noise}{at if source.various else ''}" for at in unkeyed)
        refused += [Reject(stream.name, "no record", raw) for raw in raws]
        return Batch(
            position=place if more else COMPLETE,
            changes=self._changes(stream.tables[0], [(at, text) for at, text in some if text is not None]),
            rejects=tuple(refused),
            seen=seen,
            scan=_scan(begins=begins, ends=not more),
            more=more,
        )

    def _opened(
        self, stream: Stream, some: Sequence[Row], ask: Ask
    ) -> tuple[list[Row], tuple[tuple[str, pa.RecordBatch], ...]]:
        """The rows of the list that must be read, and the keys of the others."""
        table = stream.tables[0]
        keys = pa.RecordBatch.from_arrays([pa.array([at for at, _ in some], pa.int64())], ["id"])
        must = pa.array([True] * len(some), pa.bool_())
        if ask.changed is not None:
            must = ask.changed(table, keys, self._marks(some))
        rows = [row for row, is_wanted in zip(some, must.to_pylist(), strict=True) if is_wanted]
        self._source.read += [at for at, _ in rows]
        return rows, ((table.name, keys.filter(pc.invert(must))),)

    def _changes(self, table: Table, rows: Sequence[tuple[int, str]]) -> tuple[Changes, ...]:
        if not rows:
            return ()
        texts = [text.encode(errors="surrogateescape") for _, text in rows]
        payloads = pa.array(texts, pa.binary()).view(pa.string())
        columns = [pa.array([at for at, _ in rows], pa.int64()), payloads]
        marks = self._marks(rows) if self._source.marked else None
        return (Changes(table, pa.RecordBatch.from_arrays(columns, schema=SCHEMA), marks=marks),)

    def _marks(self, rows: Sequence[Row]) -> pa.Array:
        """What the list shows of a row: another text for another payload."""
        texts = [None if text is None else ascii(text) + self._source.salt for _, text in rows]
        return pa.array(texts, pa.string())

    def close(self) -> None:
        return


def _scan(*, begins: bool, ends: bool) -> Scan:
    if begins:
        return Scan.ONLY if ends else Scan.FIRST
    return Scan.LAST if ends else Scan.MORE
