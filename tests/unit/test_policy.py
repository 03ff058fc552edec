"""Excluded columns leave every place an event could show them."""

from dataclasses import dataclass

import pyarrow as pa
import pytest

from bridge.contract import Changes, Table
from bridge.errors import ConfigError
from bridge.policy import Policy


@dataclass(frozen=True)
class Options:
    exclude: tuple[str, ...] = ()


ROWS = pa.record_batch({"id": [1, 2], "name": ["a", "b"], "salary": [10, None]})
TABLE = Table("staff", ROWS.schema, ("id",))
CHANGES = Changes(
    TABLE,
    ROWS,
    before=pa.StructArray.from_arrays([*ROWS.columns], ROWS.schema.names, mask=pa.array([False, True])),
    absent={"salary": pa.array([False, True]), "name": pa.array([True, False])},
)


def test_nothing_is_copied_when_nothing_is_excluded() -> None:
    assert Policy(Options()).apply(CHANGES) is CHANGES
    assert Policy(Options(("bonus",))).apply(CHANGES) is CHANGES


def test_an_excluded_column_leaves_rows_before_absent_and_the_tables_schema() -> None:
    narrowed = Policy(Options(("salary",))).apply(CHANGES)
    assert narrowed.rows.to_pylist() == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    assert narrowed.before is not None
    assert narrowed.before.to_pylist() == [{"id": 1, "name": "a"}, None]
    assert narrowed.absent.keys() == {"name"}
    assert narrowed.table == Table("staff", pa.schema([("id", pa.int64()), ("name", pa.string())]), ("id",))


def test_a_column_that_only_before_has_leaves_it() -> None:
    changes = Changes(TABLE, ROWS, before=pa.array([{"id": 1, "secret": "x"}, None]))
    narrowed = Policy(Options(("secret",))).apply(changes)
    assert narrowed.before is not None
    assert narrowed.before.to_pylist() == [{"id": 1}, None]


def test_batches_of_one_table_keep_one_narrowed_table() -> None:
    policy = Policy(Options(("salary",)))
    assert policy.apply(CHANGES).table is policy.apply(CHANGES).table


def test_a_key_column_cannot_be_excluded() -> None:
    policy = Policy(Options(("id",)))
    with pytest.raises(ConfigError, match="id is a key column of staff"):
        policy.check([TABLE])
    with pytest.raises(ConfigError, match="id is a key column of staff"):
        policy.apply(CHANGES)


def test_a_misspelt_column_is_found_before_anything_is_published() -> None:
    with pytest.raises(ConfigError, match=r"has a column salery; did you mean salary\?"):
        Policy(Options(("salery",))).check([TABLE])


def test_a_column_of_one_of_a_streams_tables_may_be_excluded() -> None:
    other = Table("rooms", pa.schema([("no", pa.int64())]), ("no",))
    Policy(Options(("salary",))).check([other, TABLE])


def test_excluding_every_column_is_refused() -> None:
    keyless = Table("log", pa.schema([("line", pa.string())]), ())
    with pytest.raises(ConfigError, match="no column of log is left"):
        Policy(Options(("line",))).check([keyless])
