"""Keys come back from their canonical form as they were."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bridge.contract import Table
from bridge.diff.canonical import key_of, rows_of, texts

EXTREMES = [2**63 - 1, -(2**63), 0, None]


@pytest.mark.parametrize(
    "keys",
    [
        pa.array([2**31 - 1, -(2**31), 0, None], pa.int32()).view(pa.date32()),
        *(pa.array(EXTREMES, pa.int64()).view(pa.timestamp(unit, "UTC")) for unit in ("s", "ms", "us")),
        pa.array([86_400_000_000, 0, 1, None], pa.int64()).view(pa.time64("us")),
        pa.array([86_400, 0, 1, None], pa.int32()).view(pa.time32("s")),
    ],
    ids=lambda keys: str(keys.type),
)
def test_infinite_times_and_the_end_of_the_day_can_be_keys(keys: pa.Array) -> None:
    table = Table("t", pa.schema([pa.field("k", keys.type)]), ("k",))
    forms = texts(pa.RecordBatch.from_arrays([keys], ["k"]))
    assert rows_of([form for form in forms if form], table, ["k"]).column(0).equals(keys)


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us")])
def test_a_reject_is_known_by_its_infinite_key(kind: pa.DataType) -> None:
    table = Table("t", pa.schema([pa.field("k", kind)]), ("k",))
    assert key_of({"k": "-infinity"}, table) == b'{"k":"-infinity"}'
