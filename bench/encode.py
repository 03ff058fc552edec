"""What it costs to turn rows into events: microseconds of one core a row, and against json.dumps."""

from __future__ import annotations

import datetime as dt
import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa

from bench.measures import Measure
from bridge.contract import Changes, Table
from bridge.encode import EncoderOptions, Origin, encoder

ROWS = 10_000
ORIGIN = Origin(connector="erp", kind="jdbc", version="1.0.0")


def orders() -> Changes:
    """Nine columns as an order system has them, about 120 bytes a row."""
    some, n = random.Random(1), range(ROWS)
    rows = pa.record_batch(
        {
            "id": pa.array([1_000_000 + i for i in n], pa.int64()),
            "customer": pa.array([f"Customer {i % 977} Müller & Söhne" for i in n]),
            "article": pa.array([f"ART-{i % 5000:06}" for i in n]),
            "remark": pa.array([None if i % 5 == 0 else f"a short remark {i}" for i in n]),
            "amount": pa.array([Decimal(some.randrange(10**9)).scaleb(-2) for _ in n], pa.decimal128(12, 2)),
            "quantity": pa.array([some.randrange(1000) for _ in n], pa.int32()),
            "ordered": pa.array([18_000 + i % 3000 for i in n], pa.date32()),
            "changed_at": pa.array([1_600_000_000_000_000 + i * 1_234_567 for i in n], pa.timestamp("us")),
            "active": pa.array([i % 3 == 0 for i in n]),
        }
    )
    return Changes(Table("public.orders", rows.schema, ("id",)), rows)


def mixed() -> Changes:
    """What a log gives: operations by row, before images, a transaction number."""
    inserts = orders()
    ops = pa.array(["cuud"[i % 4] for i in range(ROWS)])
    numbers = pa.array(range(ROWS), pa.int64())
    before = inserts.rows.to_struct_array()
    return replace(inserts, op=ops, before=before, source=pa.record_batch({"scn": numbers}), ts=numbers)


def plain_python(changes: Changes) -> list[tuple[bytes, bytes]]:
    """The obvious way: a dict a row, and json.dumps."""

    def text(value: Any) -> bytes:
        return json.dumps(value, default=_iso, ensure_ascii=False, separators=(",", ":")).encode()

    table = changes.table
    source: dict[str, str | None] = {
        "version": ORIGIN.version,
        "connector": ORIGIN.kind,
        "name": ORIGIN.connector,
    }
    source |= {"ts_ms": None, "snapshot": "false", "table": table.name}
    return [
        (
            text({name: row[name] for name in table.key}),
            text({"before": None, "after": row, "source": source, "op": "c", "ts_ms": 0}),
        )
        for row in changes.rows.to_pylist()
    ]


def _iso(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def best(work: Callable[[], Any], times: int) -> float:
    """Microseconds of processor time a row, the least of several runs."""

    def once() -> float:
        start = time.process_time()
        work()
        return (time.process_time() - start) / ROWS * 1e6

    return min(once() for _ in range(times))


def measures() -> list[Measure]:
    encode, inserts, log = encoder(EncoderOptions()).encode, orders(), mixed()
    encoded = encode(inserts, ORIGIN, 0)
    assert [*zip(encoded.keys, encoded.values, strict=True)] == plain_python(inserts)
    fast = best(lambda: encode(inserts, ORIGIN, 0), 30)
    slow = best(lambda: plain_python(inserts), 3)
    return [
        Measure("encode, inserts of 9 columns", fast, "us/row", must=3.0, aim=1.5),
        Measure(
            "encode, log with before images", best(lambda: encode(log, ORIGIN, 0), 15), "us/row", aim=4.0
        ),
        Measure("encode, times as fast as json.dumps", slow / fast, "x", must=5.0, aim=10.0, better="more"),
    ]


if __name__ == "__main__":
    for measure in measures():
        print(f"{measure.name}: {measure.value:.2f} {measure.unit}")
