"""Keys that do not tell records apart: of two rows with one key, a scan keeps the last one alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def doubled(rows: pa.Table, key: Sequence[str]) -> tuple[Any, ...] | None:
    """The first key that two rows have which are not alike; None for keys that are groups."""
    names = list(key)
    if any(pa.types.is_nested(rows.schema.field(name).type) for name in names):
        return None
    counted = rows.select(names).group_by(names).aggregate([([], "count_all")])
    if not pc.any(pc.greater(counted["count_all"], 1)).as_py():
        return None
    met: dict[tuple[Any, ...], Any] = {}
    for row in rows.to_pylist():
        found = tuple(row[name] for name in names)
        if met.setdefault(found, row) != row:
            return found
    return None
