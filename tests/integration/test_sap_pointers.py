"""Change pointers of the simulated system, and the objects they point at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.contract import Ask, Batch, Changes, Op
from bridge.errors import PermanentError, TransientError
from bridge.testing.sap.abap import Direction, Function, Parameter, char, numc, structure
from bridge.testing.sap.customers import Customers
from bridge.testing.sap.modules import Call
from bridge.testing.sap.pointers import Message
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.modes import Basis, Mode, mode_of, pace
from connectors.sap_rfc.streams import SapStream
from tests.integration.sap_wired import LIBRARIES, Wired, wired

BEGAN = datetime(2026, 11, 22, 12, tzinfo=UTC)
DETAIL = {"function": "BAPI_CUSTOMER_GETDETAIL2", "parameters": {"CUSTOMERNO": "CDOBJID"}}


@dataclass(frozen=True)
class World:
    sap: Wired
    customers: Customers


@pytest.fixture(params=LIBRARIES)
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with wired(str(request.param), monkeypatch) as sap:
        sap.store.clock.stop()
        sap.store.clock.set(BEGAN)
        yield World(sap, Customers(sap.store))


class Reader:
    """Polls, settles, and keeps its position as Kafka does: as JSON."""

    def __init__(self, world: World, **options: Any) -> None:
        self.system = world.sap
        self.options = SapStream.model_validate(
            {"mode": "change_pointers", "message_type": "DEBMAS", "safety_interval": 0, **options}
        )
        self.mode = self.started()
        self.position: Any = None

    def started(self) -> Mode:
        return mode_of(
            Basis("customers", self.options, self.system.it, Dictionary(self.system.it), frozenset())
        )

    def poll(self, rows: int = 1000) -> Batch:
        self.system.it.fresh()
        batch = self.mode.poll(self.system.it, self.position, Ask(rows=rows))
        self.position = json.loads(json.dumps(batch.position))
        self.mode.check(self.position)
        return batch

    def events(self, rows: int = 1000) -> list[tuple[str, Mapping[str, Any]]]:
        found: list[tuple[str, Mapping[str, Any]]] = []
        while True:
            batch = self.poll(rows)
            found += [event for changes in batch.changes for event in told(changes)]
            if self.mode.settles:
                self.mode.commit(self.system.it, self.position)
            if not batch.more:
                return found


def told(changes: Changes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rows = changes.rows.to_pylist()
    ops = [changes.op.value] * len(rows) if isinstance(changes.op, Op) else changes.op.to_pylist()
    return zip(ops, rows, strict=True)


def test_without_a_function_the_pointers_themselves_are_told(world: World) -> None:
    world.customers.create(7)
    world.customers.change(7, NAME1="New")
    found = Reader(world).events()
    assert {op for op, _ in found} == {"c"}
    assert {(row["CDOBJID"], row["CDCHGID"]) for _, row in found} == {
        ("0000000007", "I"),
        ("0000000007", "U"),
    }
    assert ("KNA1", "NAME1") in {(row["TABNAME"], row["FLDNAME"]) for _, row in found}


@pytest.mark.parametrize("created", ["00000000000000", "20251122240000", ""])
def test_pointers_whose_time_is_none_come_once_however_many(
    world: World, monkeypatch: pytest.MonkeyPatch, created: str
) -> None:
    monkeypatch.setattr("connectors.sap_rfc.modes.look.MOST_AT_ONCE", 3)
    monkeypatch.setattr("connectors.sap_rfc.modes.late.MOST_TIMELESS", 2)
    pointers = [
        {"MESTYPE": "DEBMAS", "CPIDENT": f"{at:010}", "CRETIME": created, "CDOBJID": f"{at}"}
        for at in range(1, 8)
    ]
    world.sap.store.load("BDCP2", pointers)
    reader = Reader(world)
    assert [row["CPIDENT"] for _, row in reader.events(rows=2)] == [f"{at:010}" for at in range(1, 8)]
    assert not reader.events()


@pytest.mark.parametrize("created", ["00000000000000", "              "])
def test_a_pointer_without_a_time_comes_once_in_a_running_stream(world: World, created: str) -> None:
    world.customers.create(9)
    reader = Reader(world)
    assert reader.events()
    found: list[str] = []
    for at in range(1, 8):
        world.sap.store.clock.advance(timedelta(minutes=40))
        pointer = {"MESTYPE": "DEBMAS", "CPIDENT": f"{at:010}", "CRETIME": created, "CDOBJID": f"{at}"}
        world.sap.store.load("BDCP2", [pointer])
        found += [row["CPIDENT"] for _, row in reader.events()]
        found += [row["CPIDENT"] for _, row in reader.events()]
    assert found == [f"{at:010}" for at in range(1, 8)]


def test_another_message_type_has_a_past_that_is_not_left_out_in_silence(world: World) -> None:
    world.customers.create(7)
    reader = Reader(world)
    reader.events()
    position = reader.position
    other = Reader(world, message_type="CREMAS")
    other.position = position
    with pytest.raises(PermanentError, match="without type CREMAS"):
        other.poll()


def test_another_constant_of_the_detail_is_not_asked_for_new_changes_alone(world: World) -> None:
    world.customers.create(7)

    def asked(company: str) -> Reader:
        by = {**DETAIL["parameters"], "COMPANYCODE": {"value": company}}  # type: ignore[dict-item]
        return Reader(world, detail={**DETAIL, "parameters": by})

    reader = asked("1000")
    assert reader.events()
    same, other = asked("1000"), asked("2000")
    same.position = reader.position
    assert not same.events()
    other.position = dict(reader.position)
    with pytest.raises(PermanentError, match="without detail BAPI_CUSTOMER_GETDETAIL2 ") as refused:
        other.poll()
    assert "`of`" in refused.value.remedy
    other.position["of"] = ["type DEBMAS"]  # as former releases wrote it
    assert not other.events()
    assert other.position["of"] != reader.position["of"]


def test_the_object_is_told_as_it_is_now_once_for_all_its_pointers(world: World) -> None:
    world.customers.create(7)
    world.customers.change(7, NAME1="New")
    reader = Reader(world, detail=DETAIL)
    ((op, row),) = reader.events()
    assert (op, row["CDOBJCL"], row["CDOBJID"]) == ("c", "DEBI", "0000000007")
    assert row["CUSTOMERADDRESS"]["NAME"] == "New"
    world.customers.change(7, NAME1="Newer")
    ((op, row),) = reader.events()
    assert (op, row["CUSTOMERADDRESS"]["NAME"]) == ("u", "Newer")
    assert reader.events() == []


def test_an_object_that_is_not_there_any_more_is_deleted(world: World) -> None:
    world.customers.create(7)
    reader = Reader(world, detail=DETAIL)
    reader.events()
    world.customers.delete(7)
    ((op, row),) = reader.events()
    assert (op, row["CDOBJID"]) == ("d", "0000000007")


def test_an_object_that_was_created_again_and_is_gone_is_deleted(world: World) -> None:
    """In a second that is read in two parts, the second of which begins with the creation."""
    world.customers.create(7)
    reader = Reader(world, detail=DETAIL)
    reader.events()
    world.customers.delete(7)
    reader.events()
    world.customers.create(7)
    world.customers.delete(7)
    ((op, row),) = reader.events()
    assert (op, row["CDOBJID"]) == ("d", "0000000007")


def test_pointers_that_become_visible_late_are_neither_lost_nor_are_others_repeated(
    world: World,
) -> None:
    for number in (1, 2, 3):
        world.customers.create(number)
    reader = Reader(world, detail=DETAIL, late_window="60s")
    reader.events()
    with world.customers.changing(1) as slow:
        slow.update("KNA1", {"KUNNR": "0000000001", "NAME1": "Slow"})
        slow.document("DEBI", "0000000001")
        for number in (2, 3):
            world.sap.store.clock.advance(timedelta(seconds=20))
            world.customers.change(number, NAME1="Fast")
            assert [row["CDOBJID"] for _, row in reader.events()] == [f"{number:010}"]
    reader.mode = reader.started()
    assert [row["CDOBJID"] for _, row in reader.events()] == ["0000000001"]
    world.sap.store.clock.advance(timedelta(hours=1))
    assert reader.events() == []


@pytest.mark.parametrize("options", [{}, {"process": True, "process_function": "Z_POINTERS_DONE"}])
def test_a_poll_asks_about_no_more_objects_than_it_has_time_for(
    world: World, options: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be interrupted, and ask about the same ones again, for ever."""
    marking(world)
    clock, asked = [0.0], list[int]()

    def slow(function: str, _: Mapping[str, Any]) -> None:
        clock[0] += function == DETAIL["function"]

    world.sap.store.before.append(slow)
    monkeypatch.setattr(pace, "monotonic", lambda: clock[0])
    for number in range(1, 41):
        world.customers.create(number)
    reader, found = Reader(world, detail=DETAIL, **options), set[str]()
    while len(found) < 40:
        began = clock[0]
        batch = reader.poll()
        found |= {row["CDOBJID"] for changes in batch.changes for _, row in told(changes)}
        asked.append(int(clock[0] - began))
        if reader.mode.settles:
            reader.mode.commit(reader.system.it, reader.position)
    assert max(asked) <= pace.SLICE_S


def test_objects_with_many_pointers_each_are_caught_up_with_faster_and_faster(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "monotonic", lambda: 0.0)
    for number in range(1, 31):
        world.customers.create(number)
        world.customers.change(number, NAME1="New", ORT01="Ulm", STRAS="Hauptstr. 1")
    reader, found, polls = Reader(world, detail=DETAIL), list[str](), 0
    while len(found) < 30 and polls < 30:
        found += [row["CDOBJID"] for changes in reader.poll().changes for _, row in told(changes)]
        polls += 1
    assert sorted(found) == [f"{number:010}" for number in range(1, 31)]
    assert polls <= 10


def test_pointers_of_other_message_types_are_left_alone(world: World) -> None:
    world.sap.store.messages.append(Message("ZDEBMAS", "DEBI"))
    world.customers.create(7)
    assert {row["MESTYPE"] for _, row in Reader(world).events()} == {"DEBMAS"}


def test_pointers_stay_unprocessed_unless_that_is_configured(world: World) -> None:
    world.customers.create(7)
    Reader(world, detail=DETAIL).events()
    assert {row["PROCESS"] for row in world.sap.store.rows("BDCP2")} == {""}


# -- processed


def marking(world: World, works: Callable[[], bool] = lambda: True) -> None:
    """What a customer writes around CHANGE_POINTERS_STATUS_WRITE, which is not remote-enabled."""
    function = Function(
        "Z_POINTERS_DONE",
        (
            Parameter("MESSAGE_TYPE", Direction.IMPORT, char(30)),
            Parameter("CHANGE_POINTERS_IDENTS", Direction.TABLES, structure("BDICPIDENT", CPIDENT=numc(10))),
        ),
    )

    def body(call: Call) -> Mapping[str, Any]:
        with call.system.transaction(user=call.session.user) as tx:
            for row in call.table("CHANGE_POINTERS_IDENTS") if works() else ():
                tx.update(
                    "BDCP2", {"MESTYPE": call["MESSAGE_TYPE"], "CPIDENT": row["CPIDENT"], "PROCESS": "X"}
                )
        return {}

    world.sap.store.install(function, body)


def test_pointers_are_marked_once_kafka_has_them_and_not_before(world: World) -> None:
    marking(world)
    world.customers.create(7)
    reader = Reader(world, detail=DETAIL, process=True, process_function="Z_POINTERS_DONE")
    assert reader.mode.settles
    assert reader.poll().rows == 1
    assert {row["PROCESS"] for row in world.sap.store.rows("BDCP2")} == {""}
    reader.mode.commit(reader.system.it, reader.position)
    assert {row["PROCESS"] for row in world.sap.store.rows("BDCP2")} == {"X"}
    assert reader.events() == []


def test_what_was_published_is_marked_by_the_next_process_after_a_crash(world: World) -> None:
    marking(world)
    world.customers.create(7)
    reader = Reader(world, detail=DETAIL, process=True, process_function="Z_POINTERS_DONE")
    reader.poll()
    reader.mode = reader.started()
    assert reader.poll().rows == 0
    reader.mode.commit(reader.system.it, reader.position)
    assert {row["PROCESS"] for row in world.sap.store.rows("BDCP2")} == {"X"}


def test_nothing_is_published_while_pointers_stay_unmarked_and_nothing_twice(world: World) -> None:
    working: list[bool] = []
    marking(world, lambda: bool(working))
    reader = Reader(world, process=True, process_function="Z_POINTERS_DONE")
    world.customers.create(7)
    first = [row["CPIDENT"] for _, row in reader.events()]
    world.customers.create(8)
    for _ in range(2):
        with pytest.raises(TransientError, match="are not marked yet, though Z_POINTERS_DONE was called"):
            reader.poll()
    assert reader.position == {"mode": "change_pointers", "done": first}

    working.append(True)
    reader.mode.commit(reader.system.it, reader.position)
    second = [row["CPIDENT"] for _, row in reader.events()]
    assert sorted(first + second) == sorted(row["CPIDENT"] for row in world.sap.store.rows("BDCP2"))


def test_pointers_that_stay_unmarked_fail_each_poll_though_nothing_else_comes(world: World) -> None:
    working: list[bool] = []
    marking(world, lambda: bool(working))
    reader = Reader(world, process=True, process_function="Z_POINTERS_DONE")
    world.customers.create(7)
    assert reader.events()
    reader.mode.commit(reader.system.it, reader.position)
    for _ in range(2):
        with pytest.raises(TransientError, match="are not marked yet, though Z_POINTERS_DONE was called"):
            reader.poll()

    working.append(True)
    with pytest.raises(TransientError):
        reader.poll()  # which has it called again
    assert reader.events() == []
    assert {row["PROCESS"] for row in world.sap.store.rows("BDCP2")} == {"X"}


def test_an_object_is_asked_for_once_for_all_its_unprocessed_pointers(world: World) -> None:
    marking(world)
    world.customers.create(7)
    world.customers.change(7, NAME1="New")
    reader = Reader(world, detail=DETAIL, process=True, process_function="Z_POINTERS_DONE")
    ((op, row),) = (each for changes in reader.poll().changes for each in told(changes))
    assert (op, row["CDOBJID"], row["CUSTOMERADDRESS"]["NAME"]) == ("c", "0000000007", "New")
    assert len(reader.position["done"]) == len(list(world.sap.store.rows("BDCP2"))) > 1


def test_many_unprocessed_pointers_come_in_pieces(world: World) -> None:
    marking(world)
    for number in range(1, 8):
        world.customers.create(number)
    options = {"detail": DETAIL, "process": True, "process_function": "Z_POINTERS_DONE"}
    found = Reader(world, **options).events(rows=3)
    assert {row["CDOBJID"] for _, row in found} == {f"{number:010}" for number in range(1, 8)}


def test_a_function_that_cannot_mark_is_found_out_before_anything_is_published(world: World) -> None:
    with pytest.raises(PermanentError, match="CHANGE_POINTERS_STATUS_WRITE"):
        Reader(world, process=True)
    with pytest.raises(PermanentError, match="has no MESSAGE_TYPE"):
        Reader(world, process=True, process_function="STFC_CONNECTION")


@pytest.mark.parametrize("options", [{}, {"process": True, "process_function": "Z_POINTERS_DONE"}])
def test_a_position_of_another_mode_is_refused(world: World, options: Mapping[str, Any]) -> None:
    marking(world)
    with pytest.raises(PermanentError, match="is not one of change_pointers mode"):
        Reader(world, **options).mode.check({"mode": "table"})
