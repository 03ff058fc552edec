"""Excluded columns leave every place an event could show them."""

from dataclasses import dataclass

import pyarrow as pa
import pytest

from bridge.contract import Changes, Table, declared
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


def test_a_column_that_is_known_elsewhere_may_be_excluded_unless_its_own_might_have_been_meant() -> None:
    Policy(Options(("remark",))).check([TABLE], ["remark"])
    with pytest.raises(ConfigError, match=r"has a column Salary; did you mean salary\?"):
        Policy(Options(("Salary",))).check([TABLE], ["Salary"])


def test_a_column_that_is_excluded_itself_was_not_meant_by_another_name() -> None:
    Policy(Options(("salary", "salary_old"))).check([TABLE], ["salary_old"])


def test_names_that_differ_in_case_alone_are_two() -> None:
    Policy(Options(("Secret",))).check([shaped(Secret=pa.string(), secret=pa.string())])


def test_of_a_stream_that_cannot_be_read_no_column_is_misspelt() -> None:
    Policy(Options(("salary",))).check([])


def test_a_column_of_one_of_a_streams_tables_may_be_excluded() -> None:
    other = Table("rooms", pa.schema([("no", pa.int64())]), ("no",))
    Policy(Options(("salary",))).check([other, TABLE])


def test_excluding_every_column_is_refused() -> None:
    keyless = Table("log", pa.schema([("line", pa.string())]), ())
    with pytest.raises(ConfigError, match="no column of log is left"):
        Policy(Options(("line",))).check([keyless])


def shaped(key: tuple[str, ...] = ("id",), **columns: pa.DataType) -> Table:
    return Table("staff", pa.schema({"id": pa.int64(), **columns}), key)


STAFF = shaped(name=pa.string(), salary=pa.int32())


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (shaped(name=pa.string(), salary=pa.int32(), at=pa.date32()), "with at date32[day]"),
        (shaped(name=pa.string()), "without salary int32"),
        (shaped(name=pa.string(), salary=pa.int64()), "without salary int32, with salary int64"),
        (shaped(surname=pa.string(), salary=pa.int32()), "without name string, with surname string"),
        (shaped(("id", "name"), name=pa.string(), salary=pa.int32()), "with the key id, name"),
        (shaped((), name=pa.string(), salary=pa.int32()), "with the key of none"),
        (
            Table(
                "staff", STAFF.schema.append(pa.field("at", pa.time32("ms"), metadata=declared(1))), ("id",)
            ),
            "with at time32[ms](1)",
        ),
    ],
)
def test_what_consumers_see_of_a_change_is_told(now: Table, words: str) -> None:
    policy = Policy(Options())
    assert policy.difference(STAFF, now) == words
    assert policy.form(STAFF) != policy.form(now)


def test_the_order_of_columns_and_excluded_ones_are_no_change() -> None:
    policy = Policy(Options(("bonus",)))
    same = shaped(salary=pa.int32(), name=pa.string(), bonus=pa.int8())
    assert policy.difference(STAFF, same) == ""
    assert policy.form(STAFF) == policy.form(same)
