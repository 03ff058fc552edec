"""The client without a wire, of most random lives: it is told what a client on the wire is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bridge.errors import BridgeError, TransientError
from bridge.testing.sap.errors import ShortDump
from bridge.testing.sap.switches import Cut, Hang, Stage
from connectors.sap_rfc.clients.client import Field
from connectors.sap_rfc.system import System
from tests.property.sap_house import CLASS, PATIENCE_S, TABLE, House, shape_mark

LIST, WHOLE = (f"Z_LIFE_{name}_{shape_mark('pair', 20)}" for name in ("LIST", "WHOLE"))
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("RFC_READ_TABLE", {"QUERY_TABLE": TABLE, "OPTIONS": [{"TEXT": "ID > '0001'"}], "ROWCOUNT": 1}),
    ("RFC_READ_TABLE", {"QUERY_TABLE": "CDPOS", "FIELDS": [{"FIELDNAME": "TABKEY"}, {"FIELDNAME": "FNAME"}]}),
    ("RFC_READ_TABLE", {"QUERY_TABLE": "CDPOS"}),
    ("RFC_READ_TABLE", {"QUERY_TABLE": "ZNOWHERE"}),
    ("RFC_READ_TABLE", {"QUERY_TABLE": TABLE, "FIELDS": [{"FIELDNAME": "NOBODY"}]}),
    ("RFC_READ_TABLE", {"QUERY_TABLE": TABLE, "OPTIONS": [{"TEXT": "ID LIKES '0001'"}]}),
    ("DDIF_FIELDINFO_GET", {"TABNAME": TABLE, "ALL_TYPES": "X"}),
    ("STFC_CONNECTION", {"REQUTEXT": "for you"}),
    ("RFC_SYSTEM_INFO", {}),
    (LIST, {"IV_MAX": 2, "IT_RANGE": [{"SIGN": "I", "OPTION": "EQ", "LOW": "0002"}]}),
    (WHOLE, {"IV_SITE": "01", "IV_ID": "0001"}),
    (WHOLE, {"IV_SITE": "01", "IV_ID": "0009"}),
    (WHOLE, {"IV_SITE": "01"}),
    ("Z_NOWHERE", {}),
)


@contextmanager
def opened(*, wired: bool) -> Iterator[tuple[House, System]]:
    house = House("pair", 20, "750", wired)
    house.system.disorder = None
    house.system.clock.stop()
    house.grants(fields=True)
    with house.system.transaction(server=0) as tx:
        for number in (1, 2, 3):
            tx.insert(TABLE, {"SITE": "01", "ID": f"{number:04}", "X": -number, "A": "ä ", "B": "€"})
            tx.document(CLASS, f"01{number:04}")
    with house:
        system = System(house.connector("saprfclib", {"mode": "table", "images": True}).config)
        yield house, system
        system.close()


def told(system: System, function: str, parameters: dict[str, Any]) -> object:
    try:
        answer = system.call(function, **parameters)
    except BridgeError as error:
        return type(error), getattr(error, "key", ""), system.healthy
    for name in ("RESPTEXT", "RFCSI_EXPORT", "RESUMABLE_EXCEPTIONS"):  # the time, the host
        answer.pop(name, None)
    return {name: value for name, value in answer.items() if value}, system.healthy


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_it_gets_the_answers_and_errors_of_the_wire(number: int) -> None:
    function, parameters = CALLS[number]
    with opened(wired=True) as (_, wire), opened(wired=False) as (_, direct):
        assert told(direct, function, parameters) == told(wire, function, parameters)


def test_it_tells_the_interfaces_that_the_wire_tells() -> None:
    with opened(wired=True) as (_, wire), opened(wired=False) as (_, direct):
        for function in ("STFC_CONNECTION", LIST, WHOLE):
            found, known = (system.describe(function).parameters for system in (direct, wire))
            assert found.keys() == known.keys()
            assert [_names(found[name].field) for name in known] == [
                _names(known[name].field) for name in known
            ]


def _names(field: Field) -> tuple[Any, ...]:
    return field.name, field.kind, [_names(each) for each in field.fields]


@pytest.mark.parametrize("stage", [Stage.BEFORE, Stage.AFTER, Stage.INSIDE])
@pytest.mark.parametrize(
    "fault", [Cut(), Hang(1.5 * PATIENCE_S), ShortDump("TIME_OUT", "Time limit exceeded.")]
)
@pytest.mark.parametrize("wired", [False, True])
def test_calls_are_lost_as_on_the_wire(fault: Any, stage: Stage, *, wired: bool) -> None:
    with opened(wired=wired) as (house, system):
        system.open()
        ran: list[str] = []
        house.system.after.append(lambda name, _: ran.extend([name] if name == LIST else []))
        house.peer.switches.fault(LIST, fault, at=stage)
        with pytest.raises(TransientError):
            system.call(LIST)
        has_run = stage is not Stage.BEFORE and not isinstance(fault, ShortDump)
        assert (ran, system.healthy) == ([LIST] if has_run else [], False)
        assert len(system.call(LIST)["ET_ROWS"]) == 3


@pytest.mark.parametrize("wired", [False, True])
def test_a_connection_that_was_cut_is_made_anew(*, wired: bool) -> None:
    with opened(wired=wired) as (house, system):
        system.open()
        house.peer.cut()
        with pytest.raises(TransientError):
            system.call(LIST)
        assert len(system.call(LIST)["ET_ROWS"]) == 3
        assert len(house.peer.logons) == 2
