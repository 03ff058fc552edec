"""What tests of the Oracle connector's modes share: a connector over the wire, and polls of one stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import pytest

from bridge.contract import Ask, Batch, Op, Position, Stream
from bridge.testing.oracle.server import OraclePeer
from connectors.oracle import OracleConnector

PASSWORD_VARIABLE = "TEST_ORACLE_PASSWORD"
type Event = tuple[str, dict[str, Any]]


def configured(peer: OraclePeer, streams: Mapping[str, Any], **more: Any) -> OracleConnector:
    known = {"dsn": peer.dsn, "user": peer.user, "password": f"env:{PASSWORD_VARIABLE}", "streams": streams}
    return OracleConnector(OracleConnector.Config.model_validate(known | more))


class Reader:
    """An open connector and its first stream; `position` is what Kafka has, `died` another process."""

    def __init__(self, peer: OraclePeer, streams: Mapping[str, Any], **more: Any) -> None:
        self._peer, self._streams, self._more = peer, streams, more
        self.connector = configured(peer, streams, **more)
        self.position: Position = None
        self.stream: Stream

    def __enter__(self) -> Self:
        self.connector.open()
        self.stream = self.connector.discover()[0]
        return self

    def __exit__(self, *_: object) -> None:
        self.connector.close()

    def died(self) -> None:
        """And came back, with what Kafka has."""
        self.connector.close()
        self.connector = configured(self._peer, self._streams, **self._more)
        self.__enter__()

    def poll(self, **ask: Any) -> Batch:
        return self.connector.poll(self.stream, self.position, Ask(**ask))

    def published(self, batch: Batch) -> list[Event]:
        """Kafka has it."""
        self.position = json.loads(json.dumps(batch.position))
        return events_of(batch)

    def settle(self) -> None:
        self.connector.commit(self.stream, self.position)

    def take(self, **ask: Any) -> list[Event]:
        """Poll, publish and settle until there is no more."""
        found: list[Event] = []
        while True:
            batch = self.poll(**ask)
            found += self.published(batch)
            self.settle()
            if not batch.more:
                return found


def events_of(batch: Batch) -> list[Event]:
    found: list[Event] = []
    for changes in batch.changes:
        rows = changes.rows.to_pylist()
        ops = [changes.op] * len(rows) if isinstance(changes.op, Op) else changes.op.to_pylist()
        found += [(str(op), row) for op, row in zip(ops, rows, strict=True)]
    return found


@contextmanager
def reading(peer: OraclePeer, name: str, options: Mapping[str, Any], **more: Any) -> Iterator[Reader]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PASSWORD_VARIABLE, peer.password)
        with Reader(peer, {name: options}, **more) as reader:
            yield reader
