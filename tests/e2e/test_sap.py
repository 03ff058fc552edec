"""Customers of an SAP system in Kafka: whoever dies, the topics become the tables, whichever client reads."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.testing.daemon import DaemonProcess, Record, consume, wait_until
from bridge.testing.folding import folded
from bridge.testing.kafka import Broker
from bridge.testing.killing import deaths
from bridge.testing.sap.change_documents import ObjectClass
from bridge.testing.sap.clerks import Clerks
from bridge.testing.sap.company import Company
from bridge.testing.sap.customers import CLASS, MESSAGE
from bridge.testing.sap.peer import SapPeer
from tests.e2e.evidence import Start, command, doomed, in_state, meanwhile, oddities, parked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PASSWORD_VARIABLE = "E2E_SAP_PASSWORD"
CANARY = "Canary-4711-of-SAP"
LIBRARIES = ("saprfclib", "pyrfc")
NEVER_PARKED = {"restarts": 1_000_000}
PATIENCE_S = 60
TIMED = {"safety_interval": "0s", "late_window": "3s"}
IMAGES, RECENT, DOCUMENTS, LIST, POINTERS = "KNA1", "RECENT", "changes", "customers", "pointers"
COLUMNS = ("KUNNR", "NAME1", "STRAS", "PSTLZ")
STREAMS: Mapping[str, Any] = {
    IMAGES: {"mode": "table", "images": True, "fields": list(COLUMNS)},
    RECENT: {
        "mode": "table", "table": "KNA1", "columns": ["UPDAT", "UPTIM"], "fields": list(COLUMNS), **TIMED,
    },
    DOCUMENTS: {"mode": "change_documents", "classes": [CLASS], "tables": ["KNA1"], **TIMED},
    LIST: {
        "mode": "function", "function": "BAPI_CUSTOMER_GETLIST", "rows": "ADDRESSDATA", "key": ["CUSTOMER"],
        "cap": {"parameter": "MAXROWS", "value": 8}, "pages": {"parameter": "IDRANGE"},
        "missing": ["F2 718"],
    },
    POINTERS: {
        "mode": "change_pointers", "message_type": MESSAGE, "missing": ["F2 153"], **TIMED,
        "detail": {
            "function": "BAPI_CUSTOMER_GETDETAIL2", "parameters": {"CUSTOMERNO": "CDOBJID"},
            "rows": ["CUSTOMERADDRESS"],
        },
    },
}  # fmt: skip
KEYS: Mapping[str, str] = {IMAGES: "KUNNR", RECENT: "KUNNR", LIST: "CUSTOMER"}
UNAVAILABLE = "__debezium_unavailable_value"

type Row = tuple[str, str]
"""Number and street."""


class Office:
    """The system, those who work with it, and the topics of a connector that reads it."""

    def __init__(self, peer: SapPeer, company: Company, broker: Broker, name: str, library: str) -> None:
        self.peer, self.name, self.library, self._address = peer, name, library, broker.address
        self.system = company.system
        self.system.classes[CLASS] = ObjectClass(CLASS, insert_fields=True, delete_fields=True)
        self.clerks = Clerks(company.customers)
        self.chance = random.Random(3)
        for _ in range(30):
            self.clerks.step()

    def connectors(self, streams: Mapping[str, Any] = STREAMS, **more: Any) -> dict[str, Any]:
        way = {"ashost": self.peer.ashost, "sysnr": self.peer.sysnr, "client": self.peer.client}
        logon = {"user": self.peer.user, "password": f"env:{PASSWORD_VARIABLE}", "library": self.library}
        known = {"kind": "sap", "interval": "200ms", "max_delete": "100%", "streams": dict(streams)}
        return {self.name: {**known, **way, **logon, **more}}

    @property
    def environment(self) -> dict[str, str]:
        return {PASSWORD_VARIABLE: CANARY}

    def trouble(self) -> None:
        """Work, and now and then all lines are cut."""
        self.clerks.step()
        if self.chance.random() < 0.02:
            self.peer.cut()

    # -- the topics

    def records(self, stream: str, isolation: str = "read_committed") -> list[Record]:
        topic = f"{stream}.KNA1" if stream == DOCUMENTS else stream
        return consume(self._address, f"{self.name}.{topic}", isolation)

    def events(self, stream: str) -> list[dict[str, Any]]:
        return [record.event for record in self.records(stream) if record.value]

    @property
    def table(self) -> set[Row]:
        return {(row["KUNNR"], row["STRAS"]) for row in self.system.rows("KNA1")}

    def told(self, stream: str) -> set[Row]:
        rows: dict[str, str] = {}
        for event in self.events(stream):
            number, street = _TOLD[stream](event["after"] or event["before"])
            if event["op"] == "d":
                rows.pop(number, None)
            elif street != UNAVAILABLE:
                rows[number] = street
        if stream == RECENT:  # which sees no deletes
            return {*rows.items()} & self.table
        return {*rows.items()}

    def settle(self) -> None:
        """Wait until the topics are the table."""
        for stream in STREAMS:
            try:
                wait_until(partial(self._is_told, stream), PATIENCE_S, every=0.3)
            except TimeoutError:
                assert self.told(stream) == self.table, stream  # shows the difference

    def _is_told(self, stream: str) -> bool:
        return self.told(stream) == self.table

    def judge(self) -> None:
        for stream in (IMAGES, RECENT, LIST):
            assert folded(self.events(stream), KEYS[stream]).doubled == 0, stream
        for stream in (IMAGES, LIST):
            assert oddities(self.records(stream), KEYS[stream]) == [], stream
        numbers = Counter(event["source"]["changenr"] for event in self.events(DOCUMENTS))
        assert numbers == Counter(row["CHANGENR"] for row in self.system.rows("CDHDR"))


def _pointed(row: Mapping[str, Any]) -> Row:
    return row["CDOBJID"], (row.get("CUSTOMERADDRESS") or {}).get("STREET", "")


_TOLD: Mapping[str, Callable[[Mapping[str, Any]], Row]] = {
    IMAGES: lambda row: (row["KUNNR"], row.get("STRAS", "")),
    RECENT: lambda row: (row["KUNNR"], row.get("STRAS", "")),
    DOCUMENTS: lambda row: (row["KUNNR"], row.get("STRAS", "")),
    LIST: lambda row: (row["CUSTOMER"], row.get("STREET", "")),
    POINTERS: _pointed,
}


@pytest.fixture
def company() -> Company:
    return Company(customers=0)


@pytest.fixture
def peer(company: Company) -> Iterator[SapPeer]:
    with SapPeer(company.system) as peer:
        peer.users[peer.user].password = CANARY
        yield peer


@pytest.fixture(params=LIBRARIES)
def office(
    peer: SapPeer, company: Company, broker: Broker, name: str, request: pytest.FixtureRequest
) -> Office:
    return Office(peer, company, broker, name, request.param)


def test_workers_killed_at_every_step_leave_the_topics_what_the_system_has(
    office: Office, broker: Broker, tmp_path: Path
) -> None:
    dying = deaths(1, office.chance, passages=3, latest_ms=1_000)
    around = office.environment
    folder, connectors = tmp_path / "daemon", office.connectors()
    daemon, plan = doomed(folder, broker.address, connectors, dying, environment=around, daemon=NEVER_PARKED)
    with daemon:
        with meanwhile(office.trouble, 0.05):
            wait_until(lambda: daemon.killed() == len(dying), 120, "deaths", 0.2)
        office.settle()
        around = {**os.environ, **around}
        told = [word for stream in STREAMS if stream != POINTERS for word in ("--stream", stream)]
        verified = command("verify", daemon.config, office.name, *told, environment=around, timeout=120)
    assert plan.left == 0
    office.judge()
    assert verified.returncode == 0, verified.stdout + verified.stderr
    withheld = [len(office.records(each, "read_uncommitted")) - len(office.records(each)) for each in STREAMS]
    assert sum(withheld) > 0
    assert secretless(daemon, verified.stdout + verified.stderr)


def test_a_password_that_is_refused_is_told_once_and_nowhere_else(office: Office, start: Start) -> None:
    office.peer.users[office.peer.user].password = "another"
    logs = {"log": {"format": "json", "level": "debug"}}
    daemon = start(office.connectors(), environment=office.environment, daemon=logs)
    error = parked(daemon, office.name)
    time.sleep(0.5)
    assert len(office.peer.logons) == 1
    status = json.dumps(daemon.status())
    daemon.stop()
    assert secretless(daemon, error, status)


def test_a_system_that_goes_down_and_comes_up_again_loses_nothing(office: Office, start: Start) -> None:
    logs = {"log": {"format": "json", "level": "debug"}}
    daemon = start(office.connectors(), environment=office.environment, daemon=logs)
    with meanwhile(office.clerks.step, 0.05):
        wait_until(lambda: office.records(IMAGES), PATIENCE_S, "the first scan", 0.2)
        office.peer.close()
        time.sleep(1)
        office.peer.__enter__()
        in_state(daemon, office.name, "RUNNING", stream=IMAGES, within=PATIENCE_S)
    office.settle()
    status = json.dumps(daemon.status())
    daemon.stop()
    office.judge()
    assert secretless(daemon, status)


def secretless(daemon: DaemonProcess, *texts: str) -> bool:
    """Whether the password is in no log, in nothing that the daemon has written, and in none of these."""
    files = (
        path.read_bytes().decode(errors="replace") for path in daemon.folder.rglob("*") if path.is_file()
    )
    return not any(CANARY in text for text in (daemon.logged(), *files, *texts))
