"""A column that is never published is not selected: whatever is in it spoils no row, in no mode."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge import plugins
from bridge.config.options import ConnectorSettings
from bridge.contract import Ask, Connector
from bridge.testing.fakes import FakeKafka
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.simulation import BRISK, Clock, Engine
from bridge.testing.verifying import verified
from tests.integration.oracle_streams import PASSWORD_VARIABLE
from tests.property.living import Source

NAME, ROWS = "SALES.T", 20
COLUMNS = [
    ("DOC", "CLOB"),
    ("ID", "NUMBER(10) NOT NULL"),
    ("BORN", "DATE"),
    ("WORD", "VARCHAR2(9)"),
    ("AT", "TIMESTAMP(6)"),
]
MODES: list[dict[str, Any]] = [
    {"mode": "flashback"},
    {"mode": "flashback", "before": True},
    {"mode": "snapshot"},
    {"mode": "timestamp", "columns": ["AT"]},
    {"mode": "timestamp", "columns": ["AT"], "snapshot": False},
    {"mode": "rowscn"},
    {"mode": "images"},
    {"mode": "outbox"},
]


def row(number: int) -> dict[str, Any]:
    return {"DOC": "a" * 50, "ID": number, "WORD": f"w{number}", "AT": datetime(2024, 1, 1)}  # noqa: DTZ001


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[OraclePeer]:
    """Rows with a text that is too long, and with a day that Python's calendar has not."""
    with OraclePeer() as peer:
        monkeypatch.setenv(PASSWORD_VARIABLE, peer.password)
        peer.store.create("SALES", "T", COLUMNS, key=["ID"])
        peer.grants.grant("DELETE", NAME)
        yield peer


def settings_of(peer: OraclePeer, options: Mapping[str, Any], *excluded: str) -> ConnectorSettings:
    account = {"dsn": peer.dsn, "user": peer.user, "password": f"env:{PASSWORD_VARIABLE}"}
    return ConnectorSettings(
        name="erp",
        kind="oracle",
        defaults=BRISK,
        options={**account, "streams": {NAME: {**options, "max_value_bytes": 20}}},
        streams={NAME: BRISK.model_copy(update={"exclude": excluded})},
    )


@pytest.mark.parametrize("options", MODES, ids=str)
def test_what_is_in_an_excluded_column_costs_no_row(
    peer: OraclePeer, tmp_path: Path, options: dict[str, Any]
) -> None:
    peer.store.insert(NAME, [row(number) for number in range(ROWS)])
    settings = settings_of(peer, options, "DOC", "BORN")
    source, kafka = Source[Connector](partial(plugins.configure, settings)), FakeKafka()
    with Clock() as clock:
        engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
        engine.run(10)
        if options["mode"] == "flashback":
            with peer.store.transaction() as tx:
                tx.update(NAME, (3,), {"DOC": "b" * 60})
                tx.delete(NAME, (4,))
        engine.run(10)
        assert not engine.parked(NAME)
        if options["mode"] not in ("outbox", "flashback"):
            assert source.open is not None
            assert verified(kafka, settings, source.open).sound
        engine.restart()
        source.close()
    assert not kafka.committed(engine.positions.letters)
    told = [json.loads(each.value) for each in kafka.committed(f"erp.{NAME}") if each.value]
    assert {each["after"]["ID"] for each in told if each["after"]} == set(range(ROWS))
    assert all(each["after"].keys() == {"ID", "WORD", "AT"} for each in told if each["after"])
    if options["mode"] == "flashback":
        assert sorted(each["op"] for each in told[ROWS:]) == ["d", "u"]


def test_a_log_is_told_without_it(peer: OraclePeer) -> None:
    peer.store.create_log(peer.store.create("SALES", "LOGGED", COLUMNS, key=["ID"]))
    peer.grants.grant("DELETE", "SALES.MLOG$_LOGGED")
    settings = settings_of(peer, {"mode": "mview_log"}, "DOC", "BORN")
    streams = {"SALES.LOGGED": settings.options["streams"][NAME]}
    told = {
        "options": {**settings.options, "streams": streams},
        "streams": {"SALES.LOGGED": settings.stream(NAME)},
    }
    connector = plugins.configure(settings.model_copy(update=told))
    try:
        connector.open()
        (stream,) = connector.discover()
        peer.store.insert("SALES.LOGGED", [row(1)])
        batch = connector.poll(stream, None, Ask())
    finally:
        connector.close()
    assert not batch.rejects
    ((only,),) = (changes.rows.to_pylist() for changes in batch.changes)
    assert (only["ID"], only["WORD"], only["DOC"]) == (1, "w1", None)


def test_an_excluded_column_is_not_selected_unless_rows_are_read_by_it(peer: OraclePeer) -> None:
    options = {"mode": "timestamp", "columns": ["AT"], "snapshot": False}
    connector = plugins.configure(settings_of(peer, options, "DOC", "AT", "WORD"))
    try:
        connector.open()
        (stream,) = connector.discover()
        assert stream.tables[0].schema.names == [name for name, _ in COLUMNS]
        peer.statements.clear()
        connector.poll(stream, None, Ask())
    finally:
        connector.close()
    (asked,) = [each for each in peer.statements if '"SALES"."T" t' in each]
    selected = asked.partition(" FROM ")[0]
    assert ['t."DOC"' in selected, 't."WORD"' in selected, 't."AT"' in selected] == [False, False, True]


def test_a_column_of_a_type_nobody_knows_is_no_matter_once_it_is_excluded(peer: OraclePeer) -> None:
    peer.store.drop("SALES", "T")
    peer.store.create("SALES", "T", [*COLUMNS[1:], ("FILE_", "BFILE")], key=["ID"])
    for excluded, refused in (((), True), (("FILE_",), False)):
        connector = plugins.configure(settings_of(peer, {"unknown_types": "fail"}, *excluded))
        try:
            connector.open()
            (stream,) = connector.discover()
            assert (not stream.tables) is refused
        finally:
            connector.close()
