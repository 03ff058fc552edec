"""A column that is never published is not in FIELDS: whatever is in it spoils no row, in no mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from bridge import plugins
from bridge.config.options import ConnectorSettings, StreamOptions
from bridge.contract import Ask, Batch, Connector
from bridge.errors import PermanentError
from bridge.testing.sap.abap import (
    Direction,
    Field,
    Function,
    Parameter,
    Structure,
    Table,
    TableType,
    Type,
    char,
    dec,
)
from bridge.testing.sap.change_documents import ObjectClass
from bridge.testing.sap.peer import SapPeer
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.modes import Basis, mode_of
from connectors.sap_rfc.streams import SapStream
from connectors.sap_rfc.system import System
from tests.integration.sap_inside import World, told

ODD = Table(
    Structure(
        "ZODD",
        (
            Field("MANDT", Type("CLNT"), key=True),
            Field("ID", char(4), key=True),
            Field("MARK", Type("RAW", 8)),
            Field("BORN", Type("DATS")),
            Field("SUM", Type("CURR", 15, 2), reference=("ZODD", "WAERS")),
            Field("WAERS", Type("CUKY")),
            Field("NAME", char(9)),
            Field("UPDAT", Type("DATS")),
            Field("UPTIM", Type("TIMS")),
        ),
    )
)
EXCLUDED = frozenset({"MARK", "BORN", "WAERS"})


def world(count: int = 3) -> World:
    made = World(ODD)
    made.store.load(
        "ZODD", [{"ID": f"{at}", "BORN": "20241399", "NAME": "n", **made.now()} for at in range(count)]
    )
    made.store.clock.advance(timedelta(seconds=60))
    return made


def poll(made: World, options: dict[str, Any], excluded: frozenset[str] = EXCLUDED) -> Batch:
    stream = SapStream.model_validate(options)
    system: Any = made.system
    return mode_of(Basis("ZODD", stream, system, Dictionary(system), excluded)).poll(system, None, Ask())


@pytest.mark.parametrize("way", [{"images": True}, {"columns": ["UPDAT", "UPTIM"]}], ids=str)
def test_a_table_is_read_without_it(way: dict[str, Any]) -> None:
    made = world()
    batch = poll(made, {"mode": "table", **way}, EXCLUDED | {"UPDAT", "UPTIM"})
    assert [(row["ID"], row["NAME"]) for row in told([batch])] == [("0", "n"), ("1", "n"), ("2", "n")]
    assert batch.changes[0].rows.schema.names == [each.name for each in ODD.row.fields[1:]]
    assert not batch.rejects
    asked = {
        line["FIELDNAME"]
        for function, parameters in made.system.asked
        if "READ_TABLE" in function and parameters["QUERY_TABLE"] == "ZODD" and not parameters.get("NO_DATA")
        for line in parameters["FIELDS"]
    }
    assert asked == {"ID", "SUM", "NAME", "WAERS"}, "by WAERS the decimals of SUM are known"


def test_which_is_what_the_message_says_of_one_that_would_be_cut() -> None:
    with pytest.raises(PermanentError) as refused:
        poll(world(), {"mode": "table", "images": True}, frozenset())
    assert "MARK of ZODD: it would be cut" in refused.value.text
    assert "`exclude` it" in str(refused.value.remedy)


@pytest.mark.parametrize("more", [{}, {"enrich": {"table": "ZODD"}}], ids=["logged", "enriched"])
def test_documents_are_told_without_it(more: dict[str, Any]) -> None:
    made = World(ODD)
    made.store.classes["ZODD"] = ObjectClass("ZODD", insert_fields=True)
    with made.store.transaction() as tx:
        tx.modify("ZODD", {"ID": "1", "BORN": "20241399", "NAME": "a"})
        tx.document("ZODD", "1")
    made.store.clock.advance(timedelta(seconds=60))
    with made.store.transaction() as tx:
        tx.modify("ZODD", {"ID": "1", "BORN": "20241388", "NAME": "b"})
        tx.document("ZODD", "1")
    made.store.clock.advance(timedelta(seconds=60))
    options = {"mode": "change_documents", "classes": ["ZODD"], "tables": ["ZODD"], **more}
    batch = poll(made, options)
    assert not batch.rejects
    assert [row["NAME"] for row in told([batch])][-1] == "b"
    assert all(row["BORN"] is None for row in told([batch]))
    assert poll(made, options, frozenset({"MARK"})).rejects


def test_what_a_function_answers_is_told_without_it() -> None:
    made = World(ODD)
    line = Structure("ZLINE", (Field("ID", char(4)), Field("DAY", Type("DATS")), Field("N", dec(5, 0))))
    answered = [{"ID": "1", "DAY": "20241399", "N": 7}]
    made.store.install(
        Function("Z_LINES", (Parameter("LINES", Direction.EXPORT, TableType("ZLINES", line)),)),
        lambda _: {"LINES": answered},
    )
    options = {"mode": "function", "function": "Z_LINES", "rows": "LINES", "key": ["ID"]}
    batch = poll(made, options, frozenset({"DAY", "ID"}))
    assert [(row["ID"], row["DAY"], int(row["N"])) for row in told([batch])] == [("1", None, 7)]
    assert poll(made, options, frozenset()).rejects


def test_doctor_asks_a_function_without_it_as_polls_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a structure that nobody will see a field may be missing."""
    spot = Structure("ZSPOT", (Field("X", char(4)),))
    line = Structure("ZLINE", (Field("ID", char(4)),))
    lines = Function("Z_LINES", (Parameter("LINES", Direction.TABLES, line),))
    where = Function(
        "Z_SPOT", (Parameter("ID", Direction.IMPORT, char(4)), Parameter("SPOT", Direction.EXPORT, spot))
    )
    answers: dict[str, dict[str, Any]] = {"Z_LINES": {"LINES": [{"ID": "1"}]}, "Z_SPOT": {"SPOT": {}}}
    asked = System.call

    def call(system: System, function: str, /, **parameters: Any) -> dict[str, Any]:
        return answers.get(function) or asked(system, function, **parameters)

    monkeypatch.setattr(System, "call", call)
    of = {"function": "Z_LINES", "rows": "LINES", "key": ["ID"]}
    detail = {"function": "Z_SPOT", "parameters": {"ID": "ID"}}
    streams = {"lines": {"mode": "function", **of, "detail": detail}}
    with SapPeer() as peer, opened(peer, streams, {"lines": ["SPOT"]}, monkeypatch) as connector:
        peer.system.install(lines, lambda _: {})
        peer.system.install(where, lambda _: {})
        (stream,) = connector.discover()
        assert told([connector.poll(stream, None, Ask())]) == [{"ID": "1", "SPOT": None}]
        said = [each for each in connector.check() if each.stream == "lines"]
    assert [each.text for each in said] == ["can be read, by function, key ID"]


@contextmanager
def opened(
    peer: SapPeer,
    streams: dict[str, Any],
    excluded: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Connector]:
    """Made as the engine makes it."""
    monkeypatch.setenv("SAP_PASSWORD", peer.password)
    account = {"ashost": peer.ashost, "sysnr": peer.sysnr, "client": peer.client, "user": peer.user}
    options = {**account, "password": "env:SAP_PASSWORD", "library": "saprfclib", "streams": streams}
    own = {name: StreamOptions.model_validate({"exclude": names}) for name, names in excluded.items()}
    connector = plugins.configure(ConnectorSettings(name="erp", kind="sap", options=options, streams=own))
    try:
        connector.open()
        yield connector
    finally:
        connector.close()


def test_the_engine_says_which_those_are(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = {"ZODD": {"mode": "table", "images": True}}
    with SapPeer() as peer:
        peer.system.define(ODD)
        peer.system.load("ZODD", [{"ID": "1", "BORN": "20241399", "NAME": "n"}])
        with opened(peer, streams, {"ZODD": ["MARK", "BORN"]}, monkeypatch) as connector:
            (stream,) = connector.discover()
            batch = connector.poll(stream, None, Ask())
    assert [row["NAME"] for row in told([batch])] == ["n"]
    assert not batch.rejects
