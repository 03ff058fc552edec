"""Arrow rows to JSON texts in one buffer, by bridge.native: the bytes of bridge.encode.texts, faster."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.types as t

from bridge.contract import digits_of
from bridge.encode import times
from bridge.encode.columns import Columns
from bridge.encode.texts import checked, compact, joined, members
from bridge.native.packed import Packed
from bridge.native.rows import Cell, Kind, written


class Line:
    """What each row's text consists of, from left to right."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._cells: list[Cell] = []
        self._lead = b""

    def text(self, text: bytes) -> None:
        """The same in each row."""
        self._lead += text

    def members(self, batch: pa.RecordBatch) -> None:
        """The inside of a JSON object. Errors: as of texts.members."""
        for at, (field, column) in enumerate(zip(batch.schema, batch.columns, strict=True)):
            self._lead += b"," if at else b""
            self._cells.append(self._cell(field, column))
            self._lead = b""

    def written(self, rows: int) -> Packed:
        return written(self._cells, self._lead, rows)

    def _cell(self, field: pa.Field, column: pa.Array) -> Cell:
        """What C does not know is written here, with its name."""
        checked(field, column, full=False)
        lead, kind, of = self._lead + compact(field.name) + b":", self._kind(field, column), column.type
        match kind:
            case None:
                batch = pa.RecordBatch.from_arrays([column], schema=pa.schema([field]))
                texts = joined(members(batch, self._columns), len(column))
                return Cell(self._lead, Kind.RAW, pa.array(texts, pa.binary()))
            case Kind.TEXT:
                return Cell(lead, kind, checked(field, column))
            case Kind.TIMESTAMP:
                return Cell(lead, kind, column, times.digits_of(of), digits_of(field), is_utc=bool(of.tz))
            case Kind.DECIMAL:
                return Cell(lead, kind, column, of.scale)
        return Cell(lead, kind, column)

    def _kind(self, field: pa.Field, column: pa.Array) -> Kind | None:
        of, columns = column.type, self._columns
        if t.is_integer(of):
            return Kind[f"{'SIGNED' if t.is_signed_integer(of) else 'UNSIGNED'}{of.bit_width}"]
        is_iso = columns.plain_times and (t.is_date32(of) or t.is_timestamp(of)) and times.is_plain(column)
        fitting = {
            Kind.TEXT: t.is_string(of) and columns.quotes(field),
            Kind.BOOLEAN: t.is_boolean(of),
            Kind.DATE: is_iso and t.is_date32(of),
            Kind.TIMESTAMP: is_iso and t.is_timestamp(of),
            Kind.DECIMAL: columns.plain_decimals and t.is_decimal128(of) and 0 <= of.scale <= of.precision,
        }
        return next((kind for kind, fits in fitting.items() if fits), None)
