from pathlib import Path
from typing import Annotated

import pyarrow as pa
from pyarrow import csv
from pydantic import AfterValidator, Field

from bridge.contract import Batch, Caveat, Changes, Connector, ConnectorConfig, Stream, Table
from bridge.errors import PermanentError, TransientError

ArrowType = Annotated[str, AfterValidator(pa.type_for_alias)]


class CsvDrop(Connector):
    """Reads a folder into which another system moves complete CSV files, under names that ascend."""

    class Config(ConnectorConfig):
        folder: Path = Field(description="where the files arrive")
        columns: dict[str, ArrowType] = Field(min_length=1, description="name: Arrow type; the first is key")

    def open(self):
        schema = pa.schema([pa.field(*each, bool(at)) for at, each in enumerate(self.config.columns.items())])
        self.table = Table(self.config.folder.name, schema, (schema.names[0],))
        self.convert = csv.ConvertOptions(column_types=schema, include_columns=schema.names)
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
            try:
                rows = csv.read_csv(path, convert_options=self.convert).cast(self.table.schema).slice(begin)
            except (pa.ArrowException, ValueError) as error:
                raise PermanentError(f"{path}: {error}", remedy="mend the file, then `resume`") from error
            if rows.num_rows:
                rows = rows.slice(0, min(ask.rows, max(1, ask.bytes * rows.num_rows // rows.nbytes)))
                changes = Changes(stream.tables[0], rows.combine_chunks().to_batches()[0])
                return Batch([path.name, begin + rows.num_rows], (changes,), more=True)
        return Batch([last, done])

    def close(self): ...
