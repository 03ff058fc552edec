"""How the records of a file are read: which are rows, which are known to be none, which is the last."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from bridge.contract import Reject, Table
from bridge.errors import ConfigError
from connectors.mainframe.records.copybook.decode import Decoder
from connectors.mainframe.records.copybook.nodes import Condition
from connectors.mainframe.records.options import Conditions, FileStream
from connectors.mainframe.records.rows import Rows, decoder, judged, library

_ANY_TIME = {"path", "done", "settle"}
"""Options that change no row."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a record of one description must have."""

    decoder: Decoder
    conditions: tuple[Condition, ...]

    @classmethod
    def of(cls, decoder: Decoder, told: Conditions) -> Rule:
        """Errors: ConfigError."""
        return cls(decoder, tuple(decoder.condition(name, values) for name, values in told.items()))

    def holds(self, records: Sequence[bytes]) -> pa.BooleanArray:
        return self.decoder.fulfil(records, self.conditions)


@dataclass(frozen=True, slots=True)
class Reading:
    """`digest` of all that decides what the rows of a file are."""

    table: Table
    decoder: Decoder
    where: Rule
    skip: tuple[Rule, ...]
    trailer: Rule | None
    count: str | None
    digest: str

    @property
    def takes_all(self) -> bool:
        """Is every record a row?"""
        return not self.where.conditions and not self.skip and self.trailer is None

    def block(self, data: bytes, width: int, first: int) -> Rows:
        """Of records that are all rows, `width` bytes each; `first` is the number of the first."""
        decoded = self.decoder.fixed(data, width)
        return judged(
            decoded,
            self.table,
            raw=lambda row: data[row * width : (row + 1) * width],
            told=lambda row: f"record {first + row}",
        )

    def chosen(self, records: Sequence[bytes], first: int, width: int | None) -> Rows:
        """The rows among them; what is neither a row nor known to be none is a reject.

        `width`: of records that may be longer than their description.
        """
        skipped = [False] * len(records)
        for rule in (*self.skip, *([self.trailer] if self.trailer else [])):
            skipped = [
                one or other for one, other in zip(skipped, rule.holds(records).to_pylist(), strict=True)
            ]
        wanted = self.where.holds(records).to_pylist()
        places = [at for at in range(len(records)) if wanted[at] and not skipped[at]]
        strange = [at for at in range(len(records)) if not wanted[at] and not skipped[at]]
        rows = [records[at] for at in places]
        decoded = self.decoder.fixed(b"".join(rows), width) if width else self.decoder.records(rows)
        found = judged(
            decoded, self.table, raw=lambda row: rows[row], told=lambda row: f"record {first + places[row]}"
        )
        reason = "it is neither what `where` nor what `skip` says"
        rejects = (Reject(self.table.name, f"record {first + at}: {reason}", records[at]) for at in strange)
        return Rows(found.rows, (*found.rejects, *rejects))

    def ends_with(self, record: bytes | None) -> bool:
        """Is this the file's last record?"""
        return self.trailer is None or (record is not None and bool(self.trailer.holds([record])[0].as_py()))

    def counted(self, trailer: bytes) -> Any:
        """How many rows the trailer counts; None when nobody wants to know.

        Errors: ValueError, when it cannot be read.
        """
        if self.count is None or self.trailer is None:
            return None
        decoder = self.trailer.decoder
        name = decoder.layout.find(self.count).label
        decoded = decoder.fixed(trailer[: decoder.width].ljust(decoder.width, b"\0"))
        wrong = next((problem for problem in decoded.problems if problem.field == name), None)
        count = decoded.rows.column(name)[0].as_py()
        if wrong or count is None:
            raise ValueError(str(wrong or f"{name} is NULL"))
        return count


def reading(name: str, options: FileStream) -> Reading:
    """Of one stream. Errors: ConfigError."""
    found = library(options)
    rows = decoder(options, options.key, found=found)
    if options.format == "fixed" and (options.record_length or rows.width) < rows.width:
        raise ConfigError(
            f"record_length is {options.record_length}, {rows.layout.name} has {rows.width} bytes",
            remedy="correct it or the copybook",
        )
    trailer, count = None, None
    if options.trailer:
        last = decoder(options, record=options.trailer.record or options.record, found=found)
        trailer, count = Rule.of(last, options.trailer.when), options.trailer.count
        if count:
            last.layout.find(count)
    digest = hashlib.sha256(options.model_dump_json(exclude=_ANY_TIME).encode())
    for path in found.opened:
        with suppress(OSError):
            digest.update(path.read_bytes())
    return Reading(
        Table(name, rows.schema, options.key),
        rows,
        Rule.of(rows, options.where),
        tuple(Rule.of(rows, each) for each in options.skip),
        trailer,
        count,
        digest.hexdigest()[:16],
    )
