"""A running query whose rows are taken bit by bit, those that cannot be had in their places among them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import pyarrow as pa

from bridge.contract import Ask, Reject
from bridge.errors import TransientError
from connectors.oracle.rows import Reading, Refused, batches
from connectors.oracle.session import Session
from connectors.oracle.statements import Statement


class Rows(NamedTuple):
    """`refused`: by their places, rows that have nulls where values could not be had."""

    batch: pa.RecordBatch
    refused: Mapping[int, Refused]


class Flow:
    """The rows of one statement. Errors: the driver's, after which it is of no more use."""

    def __init__(self, session: Session, statement: Statement, reading: Reading, ask: Ask) -> None:
        self._schema = reading.schema
        self._batches: Iterator[tuple[pa.RecordBatch, Sequence[Refused]]] | None
        self._batches = iter(batches(session, statement, reading, ask.rows))
        self._pieces: deque[tuple[pa.RecordBatch, Refused | None]] = deque()
        self.rows = self.size = 0
        """Of what is held: read, and not taken."""

    @property
    def ended(self) -> bool:
        """All there is has been read."""
        return self._batches is None

    def more(self) -> bool:
        """Read on; False when there is no more."""
        if self._batches is None:
            return False
        batches, self._batches = (
            self._batches,
            iter(_failed, None),
        )  # an iterator that raised seems to have ended
        found = next(batches, None)
        self._batches = None if found is None else batches
        if found is None:
            return False
        for batch, trouble in _in_order(*found):
            self._pieces.append((batch, trouble))
            self.rows += batch.num_rows
            self.size += batch.nbytes
        return True

    def fill(self, ask: Ask) -> None:
        """Until about as much is held as is asked for, or all there is."""
        while self.rows < ask.rows and self.size < ask.bytes and self.more():
            pass

    def column(self, name: str) -> pa.Array:
        """Of what is held."""
        return pa.concat_arrays([batch.column(name) for batch, _ in self._pieces])

    def take(self, count: int) -> Rows:
        """The first rows that are held."""
        parts: list[pa.RecordBatch] = []
        refused: dict[int, Refused] = {}
        taken = 0
        while taken < count:
            batch, trouble = self._pieces.popleft()
            part, rest = batch.slice(0, count - taken), batch.slice(count - taken)
            if trouble is not None:
                refused[taken] = trouble
            if rest.num_rows:
                self._pieces.appendleft((rest, None))
            parts.append(part)
            taken += part.num_rows
            self.size -= part.nbytes
        self.rows -= taken
        whole = parts[0] if len(parts) == 1 else pa.concat_batches(parts) if parts else _none(self._schema)
        return Rows(whole, refused)

    def close(self) -> None:
        """Never raises."""
        running, self._batches = self._batches, None
        close = getattr(running, "close", None)
        if close is not None:
            close()


def whole(session: Session, statement: Statement, reading: Reading, ask: Ask) -> Rows:
    """All the rows of a statement that brings few."""
    flow = Flow(session, statement, reading, ask)
    while flow.more():
        pass
    return flow.take(flow.rows)


def reject(table: str, refused: Refused, key: Sequence[str]) -> Reject:
    """Only what identifies the row is told: other columns may be ones that shall not be published."""
    row = refused.row.select(list(key))
    told = json.dumps(row.to_pylist()[0], ensure_ascii=False, default=str)
    known: dict[str, Any] | None = {name: row.column(name)[0] for name in key}
    return Reject(table, refused.reason, told, None if refused.lost.intersection(key) or not key else known)


def _in_order(
    batch: pa.RecordBatch, refused: Sequence[Refused]
) -> Iterator[tuple[pa.RecordBatch, Refused | None]]:
    done = 0
    for each in refused:
        if each.after > done:
            yield batch.slice(done, each.after - done), None
            done = each.after
        yield each.row, each
    if done < batch.num_rows:
        yield batch.slice(done), None


def _failed() -> NoReturn:
    raise TransientError("the query has failed", remedy="it is begun anew")


def _none(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema)
