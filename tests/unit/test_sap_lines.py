"""What the lines of a change document say of rows."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pytest

from bridge.contract import Op
from connectors.sap_rfc.dictionary import Relation
from connectors.sap_rfc.modes.lines import RowChange, Value, key_places, rows
from connectors.sap_rfc.modes.order import ordered
from connectors.sap_rfc.types import Column

COLUMNS = {"KNA1": frozenset({"NAME1", "ORT01", "UMSAT"}), "KNB1": frozenset({"AKONT"})}


def line(fname: str, kind: str, old: str = "", new: str = "", **others: str) -> dict[str, str]:
    known = {"TABNAME": "KNA1", "TABKEY": "1000000000001", "TEXT_CASE": ""}
    return {**known, "FNAME": fname, "CHNGIND": kind, "VALUE_OLD": old, "VALUE_NEW": new, **others}


def test_changed_fields_of_a_row_are_one_update() -> None:
    (found,) = rows([line("NAME1", "U", "Old", "New"), line("ORT01", "U", "Rom", "Ulm")], COLUMNS)
    assert (found.op, found.changed) == (Op.UPDATE, ("NAME1", "ORT01"))
    assert found.old == {"NAME1": Value("Old"), "ORT01": Value("Rom")}
    assert found.new == {"NAME1": Value("New"), "ORT01": Value("Ulm")}


def test_an_insert_tells_the_key_alone_or_each_field() -> None:
    (alone,) = rows([line("KEY", "I")], COLUMNS)
    assert (alone.op, alone.new, alone.old) == (Op.CREATE, {}, {})
    (told,) = rows([line("NAME1", "J", new="New")], COLUMNS)
    assert (told.op, told.new, told.old) == (Op.CREATE, {"NAME1": Value("New")}, {})


def test_a_delete_tells_the_key_alone_or_each_field() -> None:
    (alone,) = rows([line("KEY", "D")], COLUMNS)
    assert (alone.op, alone.old) == (Op.DELETE, {})
    (told,) = rows([line("NAME1", "E", old="Old")], COLUMNS)
    assert (told.op, told.old) == (Op.DELETE, {"NAME1": Value("Old")})


def test_a_row_deleted_and_created_in_one_document_is_both() -> None:
    found = list(rows([line("KEY", "I"), line("KEY", "D")], COLUMNS))
    assert [each.op for each in found] == [Op.DELETE, Op.CREATE]


def test_amounts_come_with_their_currencies() -> None:
    (found,) = rows([line("UMSAT", "U", "1.00", "2.00", CUKY_OLD="DEM", CUKY_NEW="EUR")], COLUMNS)
    assert (found.old["UMSAT"], found.new["UMSAT"]) == (Value("1.00", "DEM"), Value("2.00", "EUR"))


def test_a_changed_text_is_an_update_of_no_column() -> None:
    (found,) = rows([line("0001", "I", TEXT_CASE="X")], COLUMNS)
    assert (found.op, found.changed, len(found.others)) == (Op.UPDATE, (), 1)


def test_tables_that_are_not_wanted_are_left_out() -> None:
    assert not list(rows([line("NAME1", "U", "a", "b", TABNAME="KNVV")], COLUMNS))


# -- within a second


@dataclass(frozen=True)
class Header:
    stamp: str
    number: str
    group: str = "DEBI 1"

    @property
    def mark(self) -> str:
        return self.number


def change(number: int, op: Op, old: str = "", new: str = "") -> tuple[Header, RowChange]:
    values = {"NAME1": Value(old)} if old else {}, {"NAME1": Value(new)} if new else {}
    return Header("20261122120000", f"{number:010}"), RowChange("KNA1", "1000000000001", op, *values)


def numbers(found: list[tuple[Header, RowChange]], *, is_there: bool = False) -> list[int]:
    return [int(each.number) for each, _ in ordered(found, lambda _: is_there)]


def test_changes_of_a_row_within_a_second_follow_their_values() -> None:
    assert numbers([change(1, Op.UPDATE, "b", "c"), change(2, Op.UPDATE, "a", "b")]) == [2, 1]
    assert numbers([change(1, Op.UPDATE, "a", "b"), change(2, Op.UPDATE, "b", "c")]) == [1, 2]


def test_a_row_is_created_before_it_is_changed_and_deleted_after() -> None:
    found = [change(1, Op.DELETE), change(2, Op.UPDATE, "a", "b"), change(3, Op.CREATE)]
    assert numbers(found) == [3, 2, 1]


def test_a_row_that_was_created_and_deleted_within_a_second_is_as_the_table_has_it() -> None:
    found = [change(1, Op.CREATE), change(2, Op.DELETE)]
    assert numbers(found, is_there=False) == [1, 2]
    assert numbers(found, is_there=True) == [2, 1]


def test_values_that_go_in_a_circle_stay_in_the_order_of_their_numbers() -> None:
    assert numbers([change(1, Op.UPDATE, "a", "b"), change(2, Op.UPDATE, "b", "a")]) == [1, 2]


def test_a_row_that_came_went_and_came_again_within_a_second_alternates() -> None:
    found = [change(1, Op.CREATE, new="c"), change(2, Op.DELETE), change(3, Op.CREATE, new="a")]
    assert numbers([*found, change(4, Op.UPDATE, "a", "b")], is_there=True) == [1, 2, 3, 4]
    found = [change(1, Op.CREATE, new="c"), change(2, Op.CREATE, new="a"), change(3, Op.DELETE, "a")]
    assert numbers(found, is_there=True) == [2, 3, 1]


def test_what_fits_to_values_before_goes_before_what_only_might_be() -> None:
    found = [change(1, Op.UPDATE, "a", "b"), change(2, Op.DELETE), change(3, Op.CREATE, new="a")]
    assert numbers(found, is_there=True) == [2, 3, 1]


# -- keys


def column(name: str, abap: str, length: int) -> Column:
    return Column(name, abap, "C", length, 0, pa.field(name, pa.string()), key=True)


def relation(*key: Column, client: str | None = "MANDT") -> Relation:
    first = (column("MANDT", "CLNT", 3),) if client else ()
    return Relation("KNVV", (*first, *key), tuple(each.name for each in key), client)


def test_the_key_stands_in_tabkey_behind_the_client() -> None:
    found = key_places(relation(column("KUNNR", "CHAR", 10), column("VKORG", "CHAR", 4)))
    assert found == (("KUNNR", 3, 10), ("VKORG", 13, 4))
    assert key_places(relation(column("LAND1", "CHAR", 3), client=None)) == (("LAND1", 0, 3),)


@pytest.mark.parametrize("key", [column("LONG", "CHAR", 68), column("GUID", "RAW", 16)])
def test_a_key_that_does_not_fit_into_tabkey_stays_what_it_is(key: Column) -> None:
    assert key_places(relation(key)) == ()
