"""What any SAP system answers, read-only: the simulator, and a real one where SAP_TEST_OPTIONS names it.

SAP_TEST_OPTIONS is the connection as in a configuration, in YAML, with a reference to the password:

    SAP_TEST_OPTIONS='{ashost: erp1, sysnr: "00", client: "100", user: BRIDGE, password: "file:/run/secret"}'

What is read there, every ABAP system has: the account needs the rights that docs/connectors/sap.md lists, for
T000, TCURX, CVERS and CDHDR. Nothing is written, and no wrong password is tried.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import yaml

from bridge.contract import Ask, Batch, Level
from bridge.errors import GoneError, PermanentError
from bridge.testing.sap.company import Company
from bridge.testing.sap.peer import SapPeer
from connectors.sap_rfc import SapConnector, clients
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.errors import AbapError, UnknownFunctionError
from connectors.sap_rfc.system import System

REAL = os.environ.get("SAP_TEST_OPTIONS", "")
_APART_S = 3600.0
_MOST = 50

type Make = Callable[..., SapConnector]


@pytest.fixture(scope="module")
def connection() -> Iterator[dict[str, Any]]:
    if REAL:
        yield yaml.safe_load(REAL)
        return
    with SapPeer(Company(customers=30).system) as peer, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAP_TEST_PASSWORD", peer.password)
        yield {
            "ashost": peer.ashost,
            "sysnr": peer.sysnr,
            "client": peer.client,
            "user": peer.user,
            "password": "env:SAP_TEST_PASSWORD",
        }


def libraries() -> list[str]:
    """Of a real system every client that is installed; SAP's own do not speak to the simulator."""
    if REAL:
        named = yaml.safe_load(REAL).get("library")
        return [named] if named else [each.library for each in clients.installed()]
    return ["pyrfc", "saprfclib"]


@pytest.fixture(params=libraries())
def options(request: pytest.FixtureRequest, connection: dict[str, Any]) -> dict[str, Any]:
    return {**connection, "library": request.param}


@pytest.fixture
def make(options: dict[str, Any]) -> Make:
    def connector(**streams: Any) -> SapConnector:
        return SapConnector(SapConnector.Config.model_validate({**options, "streams": streams}))

    return connector


@pytest.fixture
def system(options: dict[str, Any]) -> Iterator[System]:
    streams = {"T000": {"mode": "table", "images": True}}
    made = System(SapConnector.Config.model_validate({**options, "streams": streams}))
    with closing(made):
        made.open()
        yield made


def batches(connector: SapConnector, rows: int = 10_000) -> list[Batch]:
    """Of the only stream, until it has no more for now."""
    with closing(connector):
        connector.open()
        (stream,) = connector.discover()
        found = [connector.poll(stream, None, Ask(rows=rows))]
        while found[-1].more and len(found) < _MOST:
            found.append(connector.poll(stream, found[-1].position, Ask(rows=rows)))
    return found


def rows(connector: SapConnector, size: int = 10_000) -> list[dict[str, Any]]:
    changes = [each for batch in batches(connector, size) for each in batch.changes]
    return sorted((row for each in changes for row in each.rows.to_pylist()), key=str)


def images(**options: Any) -> dict[str, Any]:
    return {"mode": "table", "images": True, **options}


def test_it_says_who_and_where_it_is(system: System, options: dict[str, Any]) -> None:
    told = system.call("RFC_SYSTEM_INFO")["RFCSI_EXPORT"]
    assert system.identity == f"{told['RFCSYSID'].strip()}/{options['client']}"
    assert system.user == str(options["user"]).upper()
    assert system.unicode is (told["RFCCHARTYP"].strip() in ("4102", "4103"))


def test_texts_come_back_as_they_went(system: System) -> None:
    text = "Grüße, 'so' und \"so\" 5"
    assert system.call("STFC_CONNECTION", REQUTEXT=text)["ECHOTEXT"] == text


def test_it_tells_its_time(system: System) -> None:
    moment = system.moment()
    assert abs(moment.ahead_s) < _APART_S
    assert moment.offset_s % 900 == 0


def test_the_dictionary_has_keys_and_clients(system: System) -> None:
    relation = Dictionary(system).relation("T000")
    assert (relation.client, relation.key) == (None, ("MANDT",)) or relation.client == "MANDT"
    documents = Dictionary(system).relation("CDHDR")
    assert documents.client == "MANDANT"
    assert documents.key[:3] == ("OBJECTCLAS", "OBJECTID", "CHANGENR")
    assert documents.column("UDATE").inttype == "D"


def test_what_is_not_there_is_told_from_what_may_not_be_called(system: System) -> None:
    with pytest.raises(GoneError):
        Dictionary(system).relation("ZNOWHERE_AT_ALL")
    with pytest.raises(UnknownFunctionError):
        system.describe("Z_NOWHERE_AT_ALL")


def test_a_function_says_what_it_takes(system: System) -> None:
    told = system.describe("RFC_READ_TABLE").parameters
    assert {"QUERY_TABLE", "ROWCOUNT", "OPTIONS", "FIELDS", "DATA"} <= told.keys()
    assert told["OPTIONS"].field.fields[0].length >= 72


def test_an_exception_of_a_function_has_its_name(system: System) -> None:
    with pytest.raises((AbapError, GoneError)) as caught:
        system.call("DDIF_FIELDINFO_GET", TABNAME="ZNOWHERE_AT_ALL")
    assert "NOT_FOUND" in str(caught.value)
    assert system.call("STFC_CONNECTION", REQUTEXT="on")["ECHOTEXT"] == "on"


@pytest.mark.parametrize("table", ["T000", "TCURX", "CVERS"])
def test_a_table_has_as_many_rows_as_it_counts(make: Make, system: System, table: str) -> None:
    found = rows(make(**{table: images()}))
    counted = system.allowed("EM_GET_NUMBER_OF_ENTRIES", IT_TABLES=[{"TABNAME": table}])
    if counted is None:
        pytest.skip("the account may not call EM_GET_NUMBER_OF_ENTRIES")
    assert len(found) == int(counted["IT_TABLES"][0]["TABROWS"]) > 0


@pytest.mark.parametrize("table", ["TCURX", "CVERS"])
def test_small_pages_bring_the_same_rows_as_large_ones(make: Make, table: str) -> None:
    assert rows(make(**{table: images()}), 3) == rows(make(**{table: images()}))


def test_a_condition_leaves_out_the_others(make: Make, options: dict[str, Any]) -> None:
    (row,) = rows(
        make(T000=images(where=f"MANDT = '{options['client']}' AND NOT MTEXT = 'it''s ( no client'"))
    )
    assert row["MANDT"] == options["client"]


def test_a_column_that_is_not_there_parks_its_stream(make: Make) -> None:
    with closing(make(T000=images(fields=["NOSUCH"]))) as connector:
        connector.open()
        (stream,) = connector.discover()
        with pytest.raises(PermanentError, match="T000 has no column NOSUCH"):
            connector.poll(stream, None, Ask())


def test_a_structure_of_an_answer_is_a_row(make: Make, system: System) -> None:
    info = {"mode": "function", "function": "RFC_SYSTEM_INFO", "rows": "RFCSI_EXPORT", "key": ["RFCSYSID"]}
    (row,) = rows(make(info=info))
    assert f"{row['RFCSYSID']}/" in f"{system.identity}/"


def test_change_documents_of_a_day_are_read_or_there_are_none(make: Make, system: System) -> None:
    try:
        Dictionary(system).relation("KNA1")
    except GoneError:
        pytest.skip("a system without customers")
    since = system.moment().local.date().isoformat()
    stream = {"mode": "change_documents", "classes": ["DEBI"], "tables": ["KNA1"], "since": since}
    for batch in batches(make(documents=stream)):
        assert all(each.rows.num_rows for each in batch.changes)
        assert batch.rejects == ()


def test_doctor_examines_it(make: Make) -> None:
    with closing(make(T000=images(), CVERS=images())) as connector:
        connector.open()
        connector.discover()
        found = connector.check()
    assert found[0].text.startswith("the client is")
    assert {each.stream for each in found if each.text.startswith("can be read")} == {"T000", "CVERS"}
    assert not [each for each in found if each.level is Level.CRITICAL]
