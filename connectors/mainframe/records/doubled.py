"""Keys that do not tell records apart: of two rows with one key, a scan keeps the last one alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa


def doubled(rows: pa.Table, key: Sequence[str]) -> tuple[Any, ...] | None:
    """The first key that two rows have which are not alike; None for keys that are groups."""
    names = list(key)
    if any(pa.types.is_nested(rows.schema.field(name).type) for name in names):
        return None
    # Arrow would group them, with libraries that cost an idle worker 20 MiB.
    keys = list(zip(*(rows.column(name).to_pylist() for name in names), strict=True))
    if len(set(keys)) == len(keys):
        return None
    met: dict[tuple[Any, ...], Any] = {}
    for found, row in zip(keys, rows.to_pylist(), strict=True):
        if met.setdefault(found, row) != row:
            return found
    return None
