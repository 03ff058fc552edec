"""The SAP connector fulfils the contract, in its modes and with either client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from bridge.contract import Ask, Batch, Connector, Position
from bridge.errors import PermanentError
from bridge.testing.conformance import Conformance, Subject
from bridge.testing.conforming import Read, opened, read_before, reread, rows_of
from bridge.testing.sap.company import Company
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.switches import Stage
from connectors.sap_rfc import SapConnector

WRONG = "no-such-password-4711"
IMAGES: Mapping[str, Any] = {"mode": "table", "table": "KNA1", "images": True}
WATERMARK: Mapping[str, Any] = {
    "mode": "table",
    "table": "KNA1",
    "columns": ["UPDAT", "UPTIM"],
    "fields": ["KUNNR", "NAME1", "LAND1", "UPDAT", "UPTIM"],
    "safety_interval": "1s",
    "late_window": "2s",
}
DOCUMENTS: Mapping[str, Any] = {
    "mode": "change_documents",
    "classes": ["DEBI"],
    "tables": ["KNA1"],
    "safety_interval": "1s",
    "late_window": "2s",
}
FUNCTION: Mapping[str, Any] = {
    "mode": "function",
    "function": "BAPI_CUSTOMER_GETLIST",
    "parameters": {"IDRANGE": [{"SIGN": "I", "OPTION": "CP", "LOW": "*"}]},
    "rows": "ADDRESSDATA",
    "key": ["CUSTOMER"],
    "missing": ["F2 718"],
}

POINTERS: Mapping[str, Any] = {
    "mode": "change_pointers",
    "message_type": "DEBMAS",
    "detail": {"function": "BAPI_CUSTOMER_GETDETAIL2", "parameters": {"CUSTOMERNO": "CDOBJID"}},
    "missing": ["F2 153"],
    "safety_interval": "1s",
    "late_window": "2s",
}


class Customers(Subject):
    """The customers of a simulated system."""

    def __init__(self, peer: SapPeer, company: Company, library: str, options: Mapping[str, Any]) -> None:
        self.peer, self.company, self.library, self.options = peer, company, library, options
        self.secrets = (peer.password, WRONG)
        self.rows = 0

    def reading(self, options: Mapping[str, Any], **more: Any) -> Connector:
        whole = {
            "ashost": self.peer.ashost,
            "sysnr": self.peer.sysnr,
            "client": self.peer.client,
            "user": self.peer.user,
            "password": "env:TEST_SAP_PASSWORD",
            "library": self.library,
            "login_timeout": "5s",
            "call_timeout": "5s",
            "streams": {"customers": options},
        }
        return SapConnector(SapConnector.Config.model_validate(whole | more))

    def connector(self) -> Connector:
        return self.reading(self.options)

    def add(self, count: int) -> None:
        for _ in range(count):
            self.rows += 1
            self.company.customers.create(self.rows, NAME1=f"Kunde {self.rows}")
        self.company.system.clock.advance(timedelta(seconds=10))

    def unreachable(self) -> Connector:
        return self.reading(self.options, sysnr="99")

    def refused(self) -> Connector:
        return self.reading(self.options, password="env:TEST_SAP_WRONG_PASSWORD")

    def misconfigured(self) -> Connector:
        return self.reading({"mode": "table", "table": "WHICH_IS_NOT_THERE", "images": True})

    @contextmanager
    def holding(self) -> Iterator[None]:
        self.peer.switches.silence = Stage.BEFORE
        yield
        self.peer.switches.silence = None


@pytest.fixture(params=["saprfclib", "pyrfc"])
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def company() -> Company:
    return Company(customers=0)


@pytest.fixture
def peer(company: Company, monkeypatch: pytest.MonkeyPatch) -> Iterator[SapPeer]:
    with SapPeer(company.system) as peer:
        monkeypatch.setenv("TEST_SAP_PASSWORD", peer.password)
        monkeypatch.setenv("TEST_SAP_WRONG_PASSWORD", WRONG)
        yield peer


def lefts(read: Read) -> Iterator[tuple[Position, list[dict[str, Any]]]]:
    """Each place, and the rows that were read from there on."""
    starts = [None, *read.positions[:-1]]
    for at, start in enumerate(starts):
        yield start, [row for batch in read.batches[at:] for row in rows_of(batch)]


def rest(poll: Callable[[Position], Batch], place: Position) -> Iterator[dict[str, Any]]:
    more = True
    while more:
        batch = poll(json.loads(json.dumps(place)))
        yield from rows_of(batch)
        place, more = batch.position, batch.more


class TestImages(Conformance):
    @pytest.fixture
    def subject(self, peer: SapPeer, company: Company, library: str) -> Subject:
        return Customers(peer, company, library, IMAGES)


class TestWatermark(Conformance):
    @pytest.fixture
    def subject(self, peer: SapPeer, company: Company, library: str) -> Subject:
        return Customers(peer, company, library, WATERMARK)


class TestChangeDocuments(Conformance):
    @pytest.fixture
    def subject(self, peer: SapPeer, company: Company, library: str) -> Subject:
        return Customers(peer, company, library, DOCUMENTS)

    def test_the_same_place_rereads_the_same_rows(self, subject: Subject) -> None:
        """How many rows a page has depends on what was learned of the table."""
        with opened(subject) as connector:
            stream, position = read_before(subject, connector, 6)
            read = reread(connector, stream, position, Ask(rows=2))
        with opened(subject) as connector:
            connector.discover()

            def poll(place: Position) -> Batch:
                return connector.reread(stream, position, place, {}, Ask(rows=2))

            for place, left in reversed(list(lefts(read))):
                assert list(rest(poll, place)) == left


class TestFunction(Conformance):
    @pytest.fixture
    def subject(self, peer: SapPeer, company: Company, library: str) -> Subject:
        return Customers(peer, company, library, FUNCTION)


class TestChangePointers(Conformance):
    """Which tell of objects as they are now: nothing is read once more."""

    test_a_reread_brings_every_row_once_and_ends = None  # type: ignore[assignment]
    test_the_same_place_rereads_the_same_rows = None  # type: ignore[assignment]
    test_rereads_and_polls_do_not_disturb_each_other = None  # type: ignore[assignment]
    test_a_reread_leaves_new_rows_to_the_polls_that_tell_changes = None  # type: ignore[assignment]
    test_a_reread_keeps_within_ranges_of_the_key = None  # type: ignore[assignment]

    @pytest.fixture
    def subject(self, peer: SapPeer, company: Company, library: str) -> Subject:
        return Customers(peer, company, library, POINTERS)

    def test_a_resnapshot_is_refused_with_a_remedy(self, subject: Subject) -> None:
        with opened(subject) as connector:
            stream, position = read_before(subject, connector, 2)
            with pytest.raises(PermanentError, match="cancel the resnapshot"):
                connector.reread(stream, position, None, {}, Ask())
