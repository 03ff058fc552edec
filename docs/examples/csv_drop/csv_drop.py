"""Reads a folder into which another system moves complete CSV files, under names that ascend."""

from pathlib import Path

import pyarrow as pa
from pyarrow import csv
from pydantic import Field

from bridge.contract import Batch, Caveat, Changes, Connector, ConnectorConfig, Stream, Table
from bridge.errors import PermanentError, TransientError


class CsvConfig(ConnectorConfig):
    folder: Path = Field(description="where the files arrive")
    columns: dict[str, str] = Field(description="column: Arrow type, as in {id: int64, name: string}")
    key: str = Field(description="the column that identifies a row")


class CsvDrop(Connector):
    Config = CsvConfig

    def open(self):
        types = {name: pa.type_for_alias(kind) for name, kind in self.config.columns.items()}
        schema = pa.schema([pa.field(name, kind, name != self.config.key) for name, kind in types.items()])
        self.table = Table(self.config.folder.name, schema, (self.config.key,))
        self.convert = csv.ConvertOptions(column_types=types, include_columns=list(types))
        if not self.config.folder.is_dir():
            raise TransientError(f"there is no folder {self.config.folder}", remedy="mount or create it")

    def discover(self):
        caveats = frozenset({Caveat.NO_DELETES})
        return [Stream(self.table.name, str(self.config.folder), (self.table,), caveats=caveats)]

    def poll(self, stream, position, ask):
        match position or ["", 0]:
            case [str(last), int(done)]:
                waiting = [path for path in sorted(self.config.folder.glob("*.csv")) if path.name >= last]
            case _:
                raise PermanentError("the position is not [file, rows]", remedy="set it, or start anew")
        for path in waiting:
            begin = done if path.name == last else 0
            rows = csv.read_csv(path, convert_options=self.convert).combine_chunks().slice(begin)
            if rows.num_rows:
                rows = rows.slice(0, min(ask.rows, max(1, ask.bytes * rows.num_rows // rows.nbytes)))
                changes = Changes(stream.tables[0], rows.cast(self.table.schema).to_batches()[0])
                return Batch([path.name, begin + rows.num_rows], (changes,), more=True)
        return Batch([last, done])

    def close(self):
        pass
