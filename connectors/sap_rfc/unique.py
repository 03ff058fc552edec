"""Whether the rows that are told have keys of their own, as they are published."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from bridge.errors import PermanentError
from connectors.sap_rfc.groups import Part, composed
from connectors.sap_rfc.plan import Plan


def check(plan: Plan, rows: pa.RecordBatch) -> None:
    """Errors: PermanentError when two rows have one key."""
    key = [name for name in plan.key if name in rows.schema.names]
    if len(key) < len(plan.key) or not rows.num_rows:
        return
    # Arrow would group them, with libraries that cost an idle worker 20 MiB.
    counted = Counter(zip(*(rows.column(name).to_pylist() for name in key), strict=True))
    if len(counted) < rows.num_rows:
        ((twice, _),) = counted.most_common(1)
        raise shared(plan, tuple(map(str, twice)))


def shared(plan: Plan, key: tuple[str, ...]) -> PermanentError:
    stripped = plan.choice.stripped.intersection(plan.key)
    other = "; or `alpha: keep`, which tells 7 from 0000000007" if stripped else ""
    return PermanentError(
        f"two rows of {plan.choice.relation.name} have the key {', '.join(plan.key)} {' '.join(key)}",
        remedy=f"name the columns that tell its rows apart under `key`{other}",
    )


def padded(plan: Plan, part: Part) -> pa.StringArray:
    """Keys that rows of `part` would have with the zeros that ALPHA writes: without them, they are the same.

    Only what lacks such zeros can lose its key to another row's, which may be on any page.
    """
    columns = [
        each for each in map(plan.choice.relation.column, plan.key) if each.name in plan.choice.stripped
    ]
    if not columns:
        return part.keys.slice(0, 0)
    full = dict(part.texts)
    for column in columns:
        texts = part.texts[column.name]
        is_number = pc.match_substring_regex(texts, r"^\d+$")
        full[column.name] = pc.if_else(is_number, pc.utf8_lpad(texts, column.length, "0"), texts)
    keys = composed([full[name] for name in plan.key])
    return pc.unique(keys.filter(pc.not_equal(keys, part.keys)))
