"""A source that is never the bottleneck: order rows made once, numbered anew for each batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pydantic import Field

from bench.encode import orders
from bridge.contract import Ask, Batch, Changes, Connector, ConnectorConfig, Op, Stream, StreamConfig, Table


class GeneratedStream(StreamConfig):
    """One table."""


class GeneratedConfig(ConnectorConfig):
    """How many rows there are."""

    rows: int = Field(description="after which the source has no more")
    streams: Mapping[str, GeneratedStream] = Field(description="the tables")


class GeneratedConnector(Connector):
    """Nine columns, about 120 bytes a row; the position is the number of the last row."""

    Config = GeneratedConfig
    config: GeneratedConfig

    def open(self) -> None:
        self._rows = orders().rows

    def discover(self) -> Sequence[Stream]:
        schema = orders().rows.schema
        return [Stream(name, "generated", (Table(name, schema, ("id",)),)) for name in self.config.streams]

    def poll(self, stream: Stream, position: Any, ask: Ask) -> Batch:
        after = position["id"] if position else 0
        count = min(self._rows.num_rows, ask.rows, self.config.rows - after)
        if count == 0:
            return Batch(position)
        numbers = pa.array(range(after + 1, after + 1 + count), pa.int64())
        rows = self._rows.slice(0, count).set_column(0, "id", numbers)
        changes = Changes(stream.tables[0], rows, Op.CREATE)
        last = after + count
        return Batch({"id": last}, (changes,), more=last < self.config.rows)

    def close(self) -> None:
        return
