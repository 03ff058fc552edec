"""A legacy system that can only be read as a whole, page by page, in this process's memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from bridge.contract import Ask, Batch, Changes, Connector, Emits, Position, Reject, Scan, Stream, Table

SCHEMA = pa.schema([("id", pa.int64()), ("payload", pa.string())])
COMPLETE = {"scan": "complete"}


@dataclass(slots=True)
class FakeImages:
    """Tables of id -> payload; the payload None is a row that cannot be read.

    A lone surrogate in a payload makes text that is not UTF-8: such a row can be no event.

    A keyless table has rows (id, payload) as often as `repeats` says.
    """

    names: tuple[str, ...] = ("orders",)
    most: int = 3
    """Rows one poll brings."""
    keyless: bool = False
    repeats: dict[int, int] = field(default_factory=dict)
    identity: str = "the one"
    tables: dict[str, dict[int, str | None]] = field(init=False)
    whims: deque[BaseException | None] = field(default_factory=deque)
    """What the next calls into the connector raise; None is a call that goes well."""
    unkeyed: int = 0
    """Records without a key that come in every scan."""
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

    def rows(self, name: str) -> list[tuple[int, str | None]]:
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
        key = () if self._source.keyless else ("id",)
        return [
            Stream(name, self._source.identity, (Table(name, SCHEMA, key),), emits=Emits.IMAGES)
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
        refused = [
            Reject(stream.name, "unreadable", str(at), {"id": at}) for at, text in some if text is None
        ]
        refused += [Reject(stream.name, "no record", "?")] * (source.unkeyed if begins else 0)
        return Batch(
            position=place if more else COMPLETE,
            changes=_changes(stream.tables[0], [(at, text) for at, text in some if text is not None]),
            rejects=tuple(refused),
            scan=_scan(begins=begins, ends=not more),
            more=more,
        )

    def close(self) -> None:
        return


def _scan(*, begins: bool, ends: bool) -> Scan:
    if begins:
        return Scan.ONLY if ends else Scan.FIRST
    return Scan.LAST if ends else Scan.MORE


def _changes(table: Table, rows: Sequence[tuple[int, str]]) -> tuple[Changes, ...]:
    if not rows:
        return ()
    texts = [text.encode(errors="surrogateescape") for _, text in rows]
    columns = [pa.array([at for at, _ in rows], pa.int64()), pa.array(texts, pa.binary()).view(pa.string())]
    return (Changes(table, pa.RecordBatch.from_arrays(columns, schema=SCHEMA)),)
