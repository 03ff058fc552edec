"""What the driver brings becomes batches; rows that cannot be had are set apart, in their places."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa
import pytest

from bridge.errors import TransientError
from connectors.oracle.rows import Lead, Reading, batches
from connectors.oracle.session import Session
from connectors.oracle.statements import Statement
from connectors.oracle.types import Described, How, column


class Brings:
    """A session whose answers are made up: no server of ours sends what is no text, or of another type."""

    def __init__(self, *frames: pa.Table) -> None:
        self.frames_ = frames
        self.closed = False

    def frames(self, statement: Statement, *, rows: int, schema: pa.Schema) -> Iterator[pa.Table]:
        try:
            yield from self.frames_
        finally:
            self.closed = True


def of(name: str, kind: str, **more: Any) -> Described:
    return Described(name, kind, **more)


def strange_text(*values: bytes) -> pa.Array:
    ends = [sum(map(len, values[:at])) for at in range(len(values) + 1)]
    offsets = pa.array(ends, pa.int32()).buffers()[1]
    return pa.Array.from_buffers(pa.string(), len(values), [None, offsets, pa.py_buffer(b"".join(values))])


READING = Reading(
    [
        column(of("ID", "NUMBER", precision=9, scale=0), {}),
        column(of("NAME", "VARCHAR2", length=9), {}, How(limit=3)),
        column(of("DAY", "DATE"), {}),
    ],
    leads=[Lead("ROWID#", "ROWIDTOCHAR(t.ROWID)", pa.string())],
)


def frame(names: pa.Array, troubles: list[int | None]) -> pa.Table:
    count = len(names)
    arrays = [
        pa.array([f"row {at}" for at in range(count)]),
        pa.array(map(Decimal, range(count)), pa.decimal128(9, 0)),
        names,
        pa.array([None if trouble is not None else 0 for trouble in troubles], pa.timestamp("us")),
        pa.array(troubles, pa.int64()),
    ]
    return pa.Table.from_arrays(arrays, schema=READING.wire)


def read(*frames: pa.Table) -> list[Any]:
    session = Brings(*frames)
    found = list(batches(cast(Session, session), Statement(""), READING, 100))
    assert session.closed
    return found


def test_rows_that_are_well_come_as_they_are() -> None:
    ((rows, refused),) = read(frame(pa.array(["a", None, "c"]), [None, None, None]))
    assert rows.schema == READING.schema
    assert rows.column("NAME").to_pylist() == ["a", None, "c"]
    assert refused == ()


def test_a_row_that_cannot_be_had_is_set_apart_in_its_place() -> None:
    names = strange_text(b"a", b"\xff", b"long", b"d", b"e")
    ((rows, refused),) = read(frame(names, [None, None, None, 0, None]))
    assert rows.column("ID").to_pylist() == [0, 4]
    assert [(each.after, each.reason) for each in refused] == [
        (1, "column NAME: holds bytes that are no text in the database's character set"),
        (1, "column NAME: is longer than 3 bytes"),
        (1, "column DAY: is before the year 1"),
    ]
    assert [each.row.to_pylist()[0]["ID"] for each in refused] == [1, 2, 3]
    assert [each.row.column("ROWID#")[0].as_py() for each in refused] == ["row 1", "row 2", "row 3"]
    assert [each.lost for each in refused] == [{"NAME"}, {"NAME"}, {"DAY"}]
    assert refused[0].row.schema == READING.schema
    assert refused[0].row.column("NAME").to_pylist() == [None]
    assert refused[2].row.column("NAME").to_pylist() == ["d"]


def test_the_first_of_several_faults_is_told_and_all_are_lost() -> None:
    ((rows, (refused,)),) = read(frame(strange_text(b"\xff"), [0]))
    assert rows.num_rows == 0
    assert refused.reason.startswith("column NAME")
    assert refused.lost == {"NAME", "DAY"}


def test_a_table_that_was_altered_under_a_statement_is_looked_at_anew() -> None:
    other_type = frame(pa.array(["a"]), [None]).set_column(1, "1", pa.array([1.0]))
    too_many_digits = frame(pa.array(["a"]), [None]).set_column(3, "3", pa.array([1], pa.timestamp("us")))
    for altered in (other_type, too_many_digits):
        with pytest.raises(TransientError, match="altered"):
            read(altered)


def test_what_is_read_no_further_is_closed() -> None:
    session = Brings(*[frame(pa.array(["a"]), [None])] * 2)
    reading = batches(cast(Session, session), Statement(""), READING, 100)
    next(reading)
    cast(Any, reading).close()
    assert session.closed
