"""Decoded records as rows of a table, and those that are none as rejects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bridge.contract import Reject, Table
from connectors.mainframe.records.copybook import grammar
from connectors.mainframe.records.copybook.blocks import Decoded, Problem
from connectors.mainframe.records.copybook.decode import Decoder
from connectors.mainframe.records.copybook.layout import layout
from connectors.mainframe.records.copybook.source import Library
from connectors.mainframe.records.options import RecordOptions

_TOLD = 5
"""Problems of a record that its reject names."""


def library(options: RecordOptions) -> Library:
    return Library(options.copybook_folders, options.copybook_format)


def decoder(
    options: RecordOptions, key: Sequence[str] = (), record: str | None = None, found: Library | None = None
) -> Decoder:
    """Of the options' copybook; `found` tells afterwards which files those were. Errors: ConfigError."""
    assert options.copybook is not None  # noqa: S101 -- who asks has one
    records = grammar.parse(options.copybook, found or library(options))
    return Decoder(layout(records, options, record), options, key)


@dataclass(frozen=True, slots=True)
class Rows:
    """What some records are: rows of the table and rejects."""

    rows: pa.RecordBatch
    rejects: tuple[Reject, ...] = ()


def judged(decoded: Decoded, table: Table, raw: Callable[[int], bytes], told: Callable[[int], str]) -> Rows:
    """`raw` and `told` give a record's bytes and its name, as in `record 7`."""
    wrong: dict[int, list[Problem]] = {}
    for problem in decoded.problems:
        wrong.setdefault(problem.row, []).append(problem)
    reasons = {row: _reason(problems) for row, problems in wrong.items()}
    for row in _without_key(decoded.rows, table.key):
        reasons.setdefault(row, "a column of the key is NULL")
    if not reasons:
        return Rows(decoded.rows)
    rejects = tuple(
        Reject(
            table.name,
            f"{told(row)}: {reasons[row]}",
            raw(row),
            _key(decoded.rows, table.key, row, wrong.get(row, ())),
        )
        for row in sorted(reasons)
    )
    good = pa.array([row not in reasons for row in range(decoded.rows.num_rows)])
    return Rows(decoded.rows.filter(good), rejects)


def _reason(problems: Sequence[Problem]) -> str:
    more = f", and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
    return "; ".join(map(str, problems[:_TOLD])) + more


def _without_key(rows: pa.RecordBatch, key: Iterable[str]) -> set[int]:
    columns = (rows.column(name) for name in key)
    return {
        row for each in columns if each.null_count for row in pc.indices_nonzero(each.is_null()).to_pylist()
    }


def _key(
    rows: pa.RecordBatch, key: Sequence[str], row: int, problems: Sequence[Problem]
) -> Mapping[str, Any] | None:
    """Of a record that is no row: None, unless each part of it can be read."""
    if not key or any(problem.field in key or problem.whole for problem in problems):
        return None
    values = {name: rows.column(name)[row].as_py() for name in key}
    return None if None in values.values() else values
