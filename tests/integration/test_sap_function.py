"""What functions of the simulated system answer, as images."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bridge.contract import Ask, Batch, Caveat, Op, Scan, Table
from bridge.errors import PermanentError, TransientError
from bridge.testing.sap.abap import Direction, Function, Parameter, TableType, Type, char, dec, structure
from bridge.testing.sap.customers import Customers
from bridge.testing.sap.modules import Call
from bridge.testing.sap.returns import BAPIRET2, message
from bridge.testing.sap.system import System
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.errors import UnauthorisedError
from connectors.sap_rfc.modes import Basis, function, pace
from connectors.sap_rfc.modes.function import COMPLETE, FunctionImages
from connectors.sap_rfc.streams import SapStream
from connectors.sap_rfc.system import System as Connection
from tests.integration.sap_invoked import Invoked
from tests.integration.sap_wired import LIBRARIES, Wired, wired

LIST: Mapping[str, Any] = {
    "mode": "function",
    "function": "BAPI_CUSTOMER_GETLIST",
    "rows": "ADDRESSDATA",
    "key": ["CUSTOMER"],
}
DETAIL = {
    "function": "BAPI_CUSTOMER_GETDETAIL2",
    "parameters": {"CUSTOMERNO": "CUSTOMER", "COMPANYCODE": {"value": "1000"}},
}


@dataclass(frozen=True)
class World:
    sap: Wired
    customers: Customers


@pytest.fixture(params=LIBRARIES)
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with wired(str(request.param), monkeypatch) as sap:
        yield World(sap, Customers(sap.store))


def mode_of(name: str, options: Mapping[str, Any], system: Connection) -> FunctionImages:
    known = SapStream.model_validate(options)
    return FunctionImages(Basis(name, known, system, Dictionary(system), frozenset()))


class Reader:
    def __init__(self, world: World, **options: Any) -> None:
        self.system = world.sap
        self.mode = mode_of("customers", {**LIST, **options}, self.system.it)
        self.position: Any = None

    def scan(self, rows: int = 1000, changed: Callable[..., pa.BooleanArray] | None = None) -> list[Batch]:
        """One whole pass."""
        batches = []
        while True:
            batch = self.mode.poll(self.system.it, self.position, Ask(rows=rows, changed=changed))
            self.position = batch.position
            batches.append(batch)
            if not batch.more:
                return batches


def rows(batches: list[Batch]) -> dict[str, dict[str, Any]]:
    found = [row for batch in batches for each in batch.changes for row in each.rows.to_pylist()]
    assert len({row["CUSTOMER"] for row in found}) == len(found)
    return {row["CUSTOMER"]: row for row in found}


def test_the_rows_of_a_named_table_are_a_whole_scan(world: World) -> None:
    world.customers.load(25)
    reader = Reader(world)
    assert reader.mode.tables()[0].key == ("CUSTOMER",)
    (batch,) = reader.scan()
    assert (batch.scan, batch.position, len(rows([batch]))) == (Scan.ONLY, COMPLETE, 25)
    assert reader.mode.caveats == {Caveat.COLLAPSES}


def test_many_rows_come_in_several_batches_of_one_scan(world: World) -> None:
    world.customers.load(25)
    reader = Reader(world)
    batches = reader.scan(rows=10)
    assert [each.scan for each in batches] == [Scan.FIRST, Scan.MORE, Scan.LAST]
    assert len(rows(batches)) == 25
    assert reader.system.calls.count("BAPI_CUSTOMER_GETLIST") == 1


def test_an_answer_that_may_be_cut_ends_no_scan_so_that_nothing_is_deleted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.customers.load(25)
    reader = Reader(world, cap={"parameter": "MAXROWS", "value": 25})
    (batch,) = reader.scan()
    assert (batch.scan, batch.position, len(rows([batch]))) == (None, COMPLETE, 25)
    assert batch.changes[0].op is Op.READ
    assert reader.mode.caveats == {Caveat.COLLAPSES, Caveat.NO_DELETES, Caveat.MAY_MISS}
    assert "none counts as deleted" in caplog.text
    world.customers.delete(7)
    reader.scan()
    assert reader.mode.caveats == {Caveat.COLLAPSES}


DEEP_RETURN = structure("ZRETURN", TYPE=char(1), ID=char(20), NUMBER=char(3), MESSAGE=Type("STRG"))


@pytest.mark.parametrize("direction", [Direction.EXPORT, Direction.TABLES])
def test_a_function_whose_messages_the_client_cannot_read_is_not_read(
    world: World, direction: Direction
) -> None:
    """An empty answer beside an error would be a scan that finds all rows deleted."""
    many = direction is Direction.TABLES
    told = {"TYPE": "E", "ID": "ZZ", "NUMBER": "001", "MESSAGE": "stopped"}
    world.sap.store.install(
        Function("Z_LIST", (
            Parameter("ROWS", Direction.TABLES, structure("ZROW", ID=char(4)), optional=True),
            Parameter("RETURN", direction, DEEP_RETURN, optional=True),
            Parameter("CUSTOMERNO", Direction.IMPORT, char(10), optional=True),
        )),
        lambda _call: {"ROWS": [], "RETURN": [told] if many else told},
    )  # fmt: skip
    why = "this client cannot read RETURN of Z_LIST: its field MESSAGE is .*deep"
    with pytest.raises(PermanentError, match=why):
        Reader(world, function="Z_LIST", rows="ROWS", key=["ID"])
    with pytest.raises(PermanentError, match=why):
        Reader(world, detail={"function": "Z_LIST", "parameters": {"CUSTOMERNO": "CUSTOMER"}})
    with pytest.raises(PermanentError, match=why):
        Reader(world, function="Z_LIST", rows="RETURN", key=["ID"])


def test_an_answer_below_the_cap_is_all_there_is(world: World) -> None:
    world.customers.load(24)
    reader = Reader(world, cap={"parameter": "MAXROWS", "value": 25})
    assert reader.scan()[0].scan is Scan.ONLY
    assert Caveat.NO_DELETES not in reader.mode.caveats


def test_ranges_find_what_one_answer_has_no_room_for(world: World) -> None:
    world.customers.load(25)
    world.customers.create("ZEBRA")
    reader = Reader(world, cap={"parameter": "MAXROWS", "value": 10}, pages={"parameter": "IDRANGE"})
    batches = reader.scan()
    assert (batches[-1].scan, len(rows(batches))) == (Scan.ONLY, 26)
    assert Caveat.NO_DELETES not in reader.mode.caveats


def test_details_are_columns_of_their_own(world: World) -> None:
    world.customers.create(7, NAME1="Müller", UMSA1="12.50", ERDAT="20200131")
    (batch,) = Reader(world, detail=DETAIL).scan()
    row = rows([batch])["0000000007"]
    assert row["NAME"] == "Müller"
    assert row["CUSTOMERGENERALDETAIL"]["CRE_DATE"] == date(2020, 1, 31)
    assert str(row["CUSTOMERGENERALDETAIL"]["ANN_SALES"]) == "12.50"
    assert row["CUSTOMERCOMPANYDETAIL"]["COMP_CODE"] == "1000"
    assert row["CUSTOMERBANKDETAIL"] == []
    assert "RETURN" not in row


class Marked:
    """Scans by marks, as the engine keeps them: calls for details, rows told, rows seen."""

    def __init__(self, world: World, **detail: Any) -> None:
        self.world, self.known = world, dict[str, str]()
        self.restart(**detail)

    def restart(self, **detail: Any) -> None:
        self.reader = Reader(self.world, detail={**DETAIL, **detail}, mark=["NAME", "CITY"])

    def changed(self, _: Table, keys: pa.RecordBatch, marks: pa.Array) -> pa.BooleanArray:
        told = zip(keys.column("CUSTOMER").to_pylist(), marks.to_pylist(), strict=True)
        return pa.array([self.known.get(key) != mark for key, mark in told])

    def scan(self) -> tuple[int, int, int]:
        calls = self.reader.system.calls
        before = calls.count("BAPI_CUSTOMER_GETDETAIL2")
        batches = self.reader.scan(changed=self.changed)
        for each in (each for batch in batches for each in batch.changes):
            assert each.marks is not None
            told = zip(each.rows.column("CUSTOMER").to_pylist(), each.marks.to_pylist(), strict=True)
            self.known.update(told)
        seen = sum(keys.num_rows for batch in batches for _, keys in batch.seen)
        return calls.count("BAPI_CUSTOMER_GETDETAIL2") - before, len(rows(batches)), seen


def test_details_are_asked_for_where_the_mark_changed_and_nowhere_else(world: World) -> None:
    world.customers.load(5)
    marked = Marked(world)
    assert marked.scan() == (5, 5, 0)
    assert marked.scan() == (0, 0, 5)
    world.customers.change(3, ORT01="Ulm")
    assert marked.scan() == (1, 1, 4)


def test_what_the_list_itself_tells_is_no_less_a_change_than_the_mark(world: World) -> None:
    world.customers.load(5)
    marked = Marked(world)
    marked.scan()
    world.customers.change(3, STRAS="Neue Gasse 1")
    assert marked.scan() == (1, 1, 4)
    assert marked.scan() == (0, 0, 5)


def test_details_that_are_asked_for_in_another_way_are_asked_for_once_more(world: World) -> None:
    world.customers.load(5)
    marked = Marked(world)
    marked.scan()
    marked.restart(parameters={"CUSTOMERNO": "CUSTOMER", "COMPANYCODE": {"value": "2000"}})
    assert marked.scan() == (5, 5, 0)
    marked.restart(parameters={"COMPANYCODE": {"value": "2000"}, "CUSTOMERNO": "CUSTOMER"})
    assert marked.scan() == (0, 0, 5)


def test_a_poll_has_no_more_details_than_there_is_time_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be interrupted, and begin anew, for ever."""
    world.customers.load(60)
    clock = [0.0]

    def slow(name: str, _: Mapping[str, Any]) -> None:
        clock[0] += name == DETAIL["function"]

    world.sap.store.before.append(slow)
    monkeypatch.setattr(function, "monotonic", lambda: clock[0])
    reader, spent = Reader(world, detail=DETAIL), list[float]()

    def timed(read: Callable[[], Batch]) -> Batch:
        began = clock[0]
        batch = read()
        spent.append(clock[0] - began)
        return batch

    more = True
    while more:
        batch = timed(lambda: reader.mode.poll(reader.system.it, reader.position, Ask()))
        reader.position, more = batch.position, batch.more
    assert sum(spent) == 60
    assert max(spent) <= pace.SLICE_S

    place: Any = None
    spent.clear()
    more = True
    while more:
        batch = timed(lambda at=place: reader.mode.reread(reader.system.it, COMPLETE, at, {}, Ask()))  # type: ignore[misc]
        place, more = batch.position, batch.more
    assert sum(spent) == 60
    assert max(spent) <= pace.SLICE_S


def test_a_list_that_took_long_has_its_details_in_the_next_poll(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.customers.load(3)
    clock, spent, more = [0.0], list[float](), True

    def slow(name: str, _: Mapping[str, Any]) -> None:
        clock[0] += 14.0 * (name in (LIST["function"], DETAIL["function"]))

    world.sap.store.before.append(slow)
    monkeypatch.setattr(function, "monotonic", lambda: clock[0])
    reader, batches = Reader(world, detail=DETAIL), list[Batch]()
    while more:
        began = clock[0]
        batches.append(reader.mode.poll(reader.system.it, reader.position, Ask()))
        reader.position, more = batches[-1].position, batches[-1].more
        spent.append(clock[0] - began)
    assert len(rows(batches)) == 3
    assert max(spent) <= 14.0


@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_many_pages_are_read_once_more_in_many_polls_and_in_spite_of_scans(
    world: World, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be interrupted, and ask for all of them again, for ever."""
    world.customers.load(60)
    clock, spent, found = [0.0], list[float](), list[str]()

    def slow(name: str, _: Mapping[str, Any]) -> None:
        clock[0] += seconds * (name == LIST["function"])

    world.sap.store.before.append(slow)
    monkeypatch.setattr(function, "monotonic", lambda: clock[0])
    pages = {"cap": {"parameter": "MAXROWS", "value": 10}, "pages": {"parameter": "IDRANGE"}}
    reader, place, more = Reader(world, **pages), None, True
    while more:
        assert len(spent) < 100
        began = clock[0]
        batch = reader.mode.reread(reader.system.it, COMPLETE, place, {}, Ask(rows=7))
        spent.append(clock[0] - began)
        found += [row["CUSTOMER"] for each in batch.changes for row in each.rows.to_pylist()]
        place, more = json.loads(json.dumps(batch.position)), batch.more
        assert len(rows(reader.scan())) == 60
    assert sorted(found) == [f"{number:010}" for number in range(1, 61)]
    assert max(spent) <= max(pace.SLICE_S, seconds)


def test_details_that_all_have_changed_take_no_longer_when_none_had_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.customers.load(60)
    clock, spent = [0.0], list[float]()

    def slow(name: str, _: Mapping[str, Any]) -> None:
        clock[0] += name == DETAIL["function"]

    def changed(_: Table, keys: pa.RecordBatch, __: pa.Array) -> pa.BooleanArray:
        return pc.greater(keys.column("CUSTOMER"), "0000000020")

    world.sap.store.before.append(slow)
    monkeypatch.setattr(function, "monotonic", lambda: clock[0])
    reader, batches = Reader(world, detail=DETAIL, mark=["NAME"]), list[Batch]()
    while not batches or batches[-1].more:
        began = clock[0]
        batches.append(reader.mode.poll(reader.system.it, reader.position, Ask(changed=changed)))
        reader.position = batches[-1].position
        spent.append(clock[0] - began)
    seen = [key for batch in batches for _, keys in batch.seen for key in keys.column("CUSTOMER").to_pylist()]
    assert len(seen) == len({*seen}) == 20
    assert len(rows(batches).keys() - {*seen}) == 40
    assert max(spent) <= pace.SLICE_S


def test_a_row_that_is_gone_when_its_details_are_asked_for_is_not_there(world: World) -> None:
    world.customers.load(2)
    reader = Reader(world, detail=DETAIL)

    def gone(function: str, _: Mapping[str, Any]) -> None:
        if function == "BAPI_CUSTOMER_GETLIST" and len(world.sap.store.rows("KNA1")) == 2:
            world.customers.delete(1)

    world.sap.store.after.append(gone)
    (batch,) = reader.scan()
    assert (list(rows([batch])), batch.rejects) == (["0000000002"], ())


def test_nobody_found_is_an_empty_scan(world: World) -> None:
    (batch,) = Reader(world).scan()
    assert (batch.scan, batch.changes) == (Scan.ONLY, ())


# -- what functions say, and how they are configured


def zones(system: System, answer: Callable[[], Mapping[str, Any]]) -> None:
    """A function with messages in a table."""
    zone = structure("ZZONE", ID=char(4), TAG=char(8))
    limits = structure("ZLIMITS", LOW=Type("INT4"), HIGH=Type("INT4"))
    function = Function(
        "Z_ZONES",
        (
            Parameter("PLANT", Direction.IMPORT, char(4)),
            Parameter("LIMITS", Direction.IMPORT, limits, optional=True),
            Parameter("BEST", Direction.EXPORT, zone),
            Parameter("ZONES", Direction.TABLES, zone, optional=True),
            Parameter("MESSAGES", Direction.TABLES, BAPIRET2, optional=True),
        ),
    )
    system.install(function, lambda _: answer())


ZONE = {"ID": "A1", "TAG": "hot"}
ZONES = {"function": "Z_ZONES", "rows": "ZONES", "key": ["ID"], "parameters": {"PLANT": "1000"}}


def test_deep_rows_have_structs_and_lists() -> None:
    """In this process: not every client can read them."""
    system = System()
    area = structure("ZPOINT", X=dec(9, 3), Y=dec(9, 3))
    zone = structure("ZZONE", ID=char(4), AREA=area, TAGS=TableType("ZTAGS", char(8)))
    rows = Parameter("ZONES", Direction.EXPORT, TableType("ZZONES", zone))
    told = [{"ID": "A1", "AREA": {"X": Decimal("1.000"), "Y": Decimal("-2.500")}, "TAGS": ["hot", "dry"]}]
    system.install(Function("Z_DEEP", (rows,)), lambda _: {"ZONES": told})
    options = {**LIST, "function": "Z_DEEP", "rows": "ZONES", "key": ["ID"]}
    it = Invoked(system).it
    batch = mode_of("zones", options, it).poll(it, None, Ask())
    assert batch.changes[0].rows.to_pylist() == told
    for name in ("AREA", "TAGS"):
        with pytest.raises(PermanentError, match=f"`key`: {name} is no single value"):
            mode_of("zones", {**options, "key": [name]}, it)


def test_tables_within_a_row_whose_order_means_nothing_are_no_change_in_another_one() -> None:
    """As of a SELECT without ORDER BY. In this process: not every client can read them."""
    system, told = System(), [{"ID": "x", "PARTS": ["b", "a"]}, {"ID": "y", "PARTS": ["c", "d"]}]
    item = structure("ZITEM", ID=char(4), PARTS=TableType("ZPARTS", char(8)))
    zone = structure("ZZONE", ID=char(4), TAGS=TableType("ZTAGS", char(8)))
    listed = {"ID": "A1", "TAGS": ["hot", "dry"]}

    def turned(_: Call) -> Mapping[str, Any]:
        told.reverse()
        listed["TAGS"] = [*reversed(listed["TAGS"])]
        return {"ZONES": [listed], "ITEMS": told, "NOTES": [{"LINE": "2"}, {"LINE": "1"}]}

    zones = Parameter("ZONES", Direction.EXPORT, TableType("ZZONES", zone))
    items = Parameter("ITEMS", Direction.EXPORT, TableType("ZITEMS", item))
    notes = Parameter("NOTES", Direction.TABLES, structure("ZNOTE", LINE=char(8)), optional=True)
    by = Parameter("ZONE", Direction.IMPORT, char(4))
    system.install(Function("Z_DEEP", (zones,)), turned)
    system.install(Function("Z_ITEMS", (by, items, notes)), turned)
    detail = {"function": "Z_ITEMS", "parameters": {"ZONE": "ID"}, "rows": ["ITEMS", "NOTES"]}
    options = {**LIST, "function": "Z_DEEP", "rows": "ZONES", "key": ["ID"], "detail": detail, "mark": ["ID"]}
    it = Invoked(system).it
    mode = mode_of("zones", {**options, "unordered": ["ITEMS", "TAGS"]}, it)
    scans = [mode.poll(it, position, Ask()).changes[0] for position in (None, COMPLETE, COMPLETE)]
    assert scans[0].rows.to_pylist() == scans[1].rows.to_pylist() == scans[2].rows.to_pylist()
    assert scans[0].marks == scans[1].marks == scans[2].marks
    (row,) = scans[0].rows.to_pylist()
    assert [each["PARTS"] for each in row["ITEMS"]] == [["b", "a"], ["c", "d"]]
    assert [each["LINE"] for each in row["NOTES"]] == ["2", "1"]
    for name, why in (("ID", "ID is no table"), ("TAG", "the rows have no TAG")):
        with pytest.raises(PermanentError, match=f"`unordered`: {why}"):
            mode_of("zones", {**options, "unordered": [name]}, it)


def test_tables_within_tables_and_structures_are_named_by_their_path() -> None:
    """In this process: not every client can read them."""
    parts = structure("ZPART", NAME=char(4), SUB=TableType("ZSUBS", char(8)))
    box = structure("ZBOX", NOTES=TableType("ZNOTES", char(8)))
    zone = structure("ZZONE", ID=char(4), ITEMS=TableType("ZPARTS", parts), BOX=box)
    system, turns = System(), [False]

    def turned(_: Call) -> Mapping[str, Any]:
        turns[0] = not turns[0]

        def by(*each: Any) -> list[Any]:
            return [*reversed(each)] if turns[0] else [*each]

        items = by(
            {"NAME": "x", "SUB": by("a", "b")}, {"NAME": "x", "SUB": by("c", "d")}, {"NAME": "y", "SUB": []}
        )
        return {"ZONES": [{"ID": "A1", "ITEMS": items, "BOX": {"NOTES": by("1", "2")}}]}

    zones = Parameter("ZONES", Direction.EXPORT, TableType("ZZONES", zone))
    system.install(Function("Z_DEEP", (zones,)), turned)
    options = {**LIST, "function": "Z_DEEP", "rows": "ZONES", "key": ["ID"]}
    it = Invoked(system).it
    mode = mode_of("zones", {**options, "unordered": ["ITEMS", "ITEMS.SUB", "BOX.NOTES"]}, it)
    scans = [mode.poll(it, position, Ask()).changes[0].rows.to_pylist() for position in (None, COMPLETE)]
    assert scans[0] == scans[1]
    assert scans[0][0]["BOX"] == {"NOTES": ["1", "2"]}
    assert [each["SUB"] for each in scans[0][0]["ITEMS"]] == [["a", "b"], ["c", "d"], []]
    for path, why in (("ITEMS.NAME", "ITEMS.NAME is no table"), ("BOX.SUB", "the rows have no BOX.SUB")):
        with pytest.raises(PermanentError, match=f"`unordered`: {why}"):
            mode_of("zones", {**options, "unordered": [path]}, it)
    with pytest.raises(ValueError, match="write SUB"):
        mode_of("zones", {**options, "unordered": ["ITEMS.sub"]}, it)


def test_an_export_structure_is_a_table_of_one_row(world: World) -> None:
    zones(world.sap.store, lambda: {"BEST": ZONE})
    (batch,) = Reader(world, **{**ZONES, "rows": "BEST"}).scan()
    assert (batch.changes[0].rows.to_pylist(), batch.scan) == ([ZONE], Scan.ONLY)


@pytest.mark.parametrize(
    ("number", "expected", "told"),
    [
        (("MC", 601), TransientError, "MC 601: not now"),
        (("F2", 543), UnauthorisedError, "F2 543: not now"),
        (("ZZ", 1), PermanentError, "ZZ 001: not now"),
    ],
)
def test_messages_of_type_e_are_errors_by_their_class(
    world: World, number: tuple[str, int], expected: type[Exception], told: str
) -> None:
    zones(world.sap.store, lambda: {"ZONES": [ZONE], "MESSAGES": [message("E", *number, "not now")]})
    with pytest.raises(expected, match=told):
        Reader(world, **ZONES).scan()


def test_a_message_may_be_configured_to_mean_that_there_is_nothing(world: World) -> None:
    zones(world.sap.store, lambda: {"MESSAGES": [message("E", "ZZ", 1, "none here")]})
    for rows in ("ZONES", "BEST"):
        (batch,) = Reader(world, **{**ZONES, "rows": rows}, missing=["ZZ 001"]).scan()
        assert (batch.scan, batch.rows) == (Scan.ONLY, 0)


def test_rows_beside_a_message_that_there_is_nothing_are_the_rows(world: World) -> None:
    some = [message("E", "F2", 153, "Customer 9 has not been created")]
    zones(world.sap.store, lambda: {"ZONES": [ZONE], "BEST": ZONE, "MESSAGES": some})
    for rows in ("ZONES", "BEST"):
        (batch,) = Reader(world, **{**ZONES, "rows": rows}).scan()
        assert (batch.scan, batch.changes[0].rows.to_pylist()) == (Scan.ONLY, [ZONE])


def test_details_beside_a_message_that_there_is_nothing_are_the_details(world: World) -> None:
    world.customers.load(1)
    said = [message("E", "F2", 503, "not created in company code 1000")]
    zones(world.sap.store, lambda: {"BEST": ZONE, "MESSAGES": said})
    detail = {"function": "Z_ZONES", "parameters": {"PLANT": {"value": "1000"}}, "rows": ["BEST"]}
    (batch,) = Reader(world, detail=detail).scan()
    assert rows([batch])["0000000001"]["BEST"] == ZONE


def test_an_error_behind_a_message_that_there_is_nothing_is_an_error(world: World) -> None:
    said = [message("E", "F2", 153, "Customer 9 has not been created"), message("A", "XX", 1, "broke")]
    zones(world.sap.store, lambda: {"MESSAGES": said})
    with pytest.raises(PermanentError, match="XX 001: broke"):
        Reader(world, **ZONES).scan()


def test_two_rows_of_one_key_are_no_images(world: World) -> None:
    zones(world.sap.store, lambda: {"ZONES": [ZONE, {**ZONE, "TAG": "dry"}]})
    with pytest.raises(PermanentError, match="two rows with ID A1"):
        Reader(world, **ZONES).scan()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"parameters": {}}, "needs its parameter PLANT"),
        ({"parameters": {"PLANTS": "1000"}}, "PLANTS is none of its parameters: Z_ZONES; did you mean PLANT"),
        ({"parameters": {"PLANT": "1000", "BEST": {}}}, "BEST takes no value"),
        ({"parameters": {"PLANT": "1000", "LIMITS": {"LOWEST": 1}}}, "Z_ZONES.LIMITS.LOWEST"),
        ({"parameters": {"PLANT": "10000"}}, "Z_ZONES.PLANT"),
        ({"rows": "ZONE"}, "answers no ZONE; did you mean ZONES"),
        ({"rows": "PLANT"}, "answers no PLANT"),
        ({"key": ["NUMBER"]}, "the rows have no NUMBER; they have ID, TAG"),
        ({"cap": {"parameter": "MAXROWS", "value": 5}}, "MAXROWS is none of its parameters"),
        ({"function": "Z_ZONEN"}, "Z_ZONEN"),
        (
            {"cap": {"parameter": "PLANT", "value": 5}, "pages": {"parameter": "MESSAGES"}, "parameters": {}},
            "MESSAGES has no field LOW; it has TYPE",
        ),
        (
            {"cap": {"parameter": "PLANT", "value": 5}, "pages": {"parameter": "LIMITS"}, "parameters": {}},
            "LIMITS is no table",
        ),
        ({"detail": {"function": "Z_ZONES", "parameters": {"PLANT": "NAME"}}}, "there is no column NAME"),
        (
            {"detail": {"function": "Z_ZONES", "parameters": {"LIMITS": "ID", "PLANT": "ID"}}},
            "ID is no single value",
        ),
        ({"detail": {"function": "Z_ZONES", "parameters": {}}}, "needs its parameter PLANT"),
    ],
)
def test_wrong_options_are_told_with_the_remedy(world: World, options: Mapping[str, Any], told: str) -> None:
    zones(world.sap.store, dict)
    with pytest.raises(PermanentError) as error:
        Reader(world, **{**ZONES, **options})
    assert told in str(error.value)


def test_a_position_of_another_mode_is_refused(world: World) -> None:
    with pytest.raises(PermanentError, match="begins a new one"):
        Reader(world).mode.check({"mode": "table"})


def test_a_scan_of_which_the_rest_is_lost_begins_anew(world: World) -> None:
    world.customers.load(25)
    reader = Reader(world)
    first = reader.mode.poll(reader.system.it, None, Ask(rows=10))
    reader.mode.release()
    again = reader.mode.poll(reader.system.it, first.position, Ask(rows=10))
    assert (first.scan, again.scan) == (Scan.FIRST, Scan.FIRST)


def test_what_a_scan_kept_does_not_come_after_what_was_read_once_more_since(world: World) -> None:
    """Nor the other way round: the same row would go back in time."""
    world.customers.load(25)
    reader = Reader(world)
    first = reader.mode.poll(reader.system.it, None, Ask(rows=20))
    waits = reader.mode.reread(reader.system.it, first.position, None, {}, Ask(rows=20))
    assert (waits.position, waits.rows, waits.more) == (None, 0, True)
    second = reader.mode.poll(reader.system.it, first.position, Ask(rows=20))
    assert (first.scan, second.scan) == (Scan.FIRST, Scan.LAST)
    again = reader.mode.reread(reader.system.it, second.position, None, {}, Ask(rows=20))
    reader.mode.poll(reader.system.it, second.position, Ask(rows=100))
    rest = reader.mode.reread(reader.system.it, second.position, again.position, {}, Ask(rows=20))
    assert (again.rows + rest.rows, rest.more) == (25, False)


def test_a_key_that_does_not_fit_the_detail_function_is_a_dead_letter(world: World) -> None:
    zones(world.sap.store, lambda: {"ZONES": [{**ZONE, "TAG": "long"}, {"ID": "A2", "TAG": "TOO LONG"}]})
    detail = {"function": "Z_ZONES", "parameters": {"PLANT": "TAG"}, "rows": ["BEST"]}
    (batch,) = Reader(world, **ZONES, detail=detail).scan()
    assert [each.key["ID"].as_py() for each in batch.rejects if each.key] == ["A2"]


def test_a_detail_is_asked_for_with_initial_dates_and_times_as_abap_has_them(world: World) -> None:
    asked: list[tuple[str, str]] = []
    line = structure("ZSHIFT", ID=char(4), DAY=Type("DATS"), TIME=Type("TIMS"))
    by = [
        Parameter(each, Direction.IMPORT, Type(type_)) for each, type_ in (("DAY", "DATS"), ("TIME", "TIMS"))
    ]
    found = Parameter("FOUND", Direction.EXPORT, structure("ZFOUND", NAME=char(4)))

    def body(call: Call) -> Mapping[str, Any]:
        asked.append((call["DAY"], call["TIME"]))
        return {"FOUND": {"NAME": "x"}}

    shifts = Function("Z_SHIFTS", (Parameter("SHIFTS", Direction.TABLES, line),))
    world.sap.store.install(shifts, lambda _: {"SHIFTS": [{"ID": "a"}, {"ID": "b", "DAY": "20260101"}]})
    world.sap.store.install(Function("Z_SHIFT", (*by, found)), body)
    detail = {"function": "Z_SHIFT", "parameters": {"DAY": "DAY", "TIME": "TIME"}}
    Reader(world, function="Z_SHIFTS", rows="SHIFTS", key=["ID"], detail=detail).scan()
    assert asked == [("00000000", "000000"), ("20260101", "000000")]


def test_a_limit_may_be_a_structure_of_one_field(world: World) -> None:
    asked: list[Any] = []
    rows = structure("BAPIMAXROW", BAPIMAXROW=Type("INT4"))
    parameters = (
        Parameter("MAXROWS", Direction.IMPORT, rows, optional=True),
        Parameter("LINES", Direction.TABLES, structure("ZLINE", ID=char(4)), optional=True),
    )

    def lines(call: Call) -> Mapping[str, Any]:
        asked.append(call["MAXROWS"])
        return {"LINES": [{"ID": "A1"}]}

    world.sap.store.install(Function("Z_LINES", parameters), lines)
    options = {"function": "Z_LINES", "rows": "LINES", "key": ["ID"]}
    (batch,) = Reader(world, **options, cap={"parameter": "MAXROWS", "value": 7}).scan()
    assert (asked, batch.scan) == ([{"BAPIMAXROW": 7}], Scan.ONLY)


def test_a_value_that_is_too_long_to_ask_with_is_not_told(world: World) -> None:
    world.customers.create(1, NAME1="HIDDEN-Canary-Name")
    detail = {"function": "BAPI_CUSTOMER_GETDETAIL2", "parameters": {"CUSTOMERNO": "NAME"}}
    (batch,) = Reader(world, detail=detail | {"rows": ["CUSTOMERADDRESS"]}).scan()
    (reject,) = batch.rejects
    assert reject.reason == "the value of NAME is too long for CUSTOMERNO of BAPI_CUSTOMER_GETDETAIL2"
    assert "HIDDEN" not in str(reject)


def test_fixed_values_of_pages_are_of_their_types(world: World) -> None:
    pages = {"parameter": "IDRANGE", "fixed": {"SIGN": "I", "OPTION": 7}}
    with pytest.raises(PermanentError, match=r"pages\.fixed\.OPTION is a text, not int"):
        Reader(world, cap={"parameter": "MAXROWS", "value": 10}, pages=pages)
