"""Inquiries: a screen for each key, by one session or several."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from mfmock.core.keys import Key

from bridge.contract import Ask, Caveat, Scan
from bridge.errors import ConfigError, CredentialsError, PermanentError, TransientError
from bridge.testing.mainframe import Host, TwoWrites, customer
from bridge.testing.mainframe.desk import Company, Desk, Heard, Scene
from bridge.testing.mainframe.options import DETAILS, INQUIRY, LIST, MAPS, PASSWORD_VARIABLE
from bridge.testing.mainframe.transactions import Inquiry
from connectors.mainframe import key_files, scans, sessions
from connectors.mainframe.inquiry import InquiryPages
from connectors.mainframe.sessions import Session
from connectors.mainframe.transports.s3270 import S3270
from connectors.mainframe.transports.tnz import TnzTerminal
from connectors.mainframe.walk import Walk
from tests.integration.mainframe_streams import (
    TRANSPORTS,
    configured,
    interrupted_once_heard,
    keys,
    opened,
    scan,
    written,
)

MANY = {"inquiries": INQUIRY | {"keys": keys(*range(10, 310, 10))}}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with Host(count=30) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        yield host


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_key_is_asked_for_and_its_answer_is_a_row(host: Host, transport: str) -> None:
    with opened(host, {"inquiries": INQUIRY | {"keys": keys(10)}}, transport=transport) as connector:
        read = scan(connector, "inquiries")
    assert read.rows == [
        {
            "customer_id": "00000010",
            "request_type": "BALANCE",
            "name": "BERGER, BRAM",
            "balance": Decimal("-9208.07"),
            "limit": host.customers["00000010"].limit,
            "status": "ACTIVE",
        }
    ]
    assert read.marks == [Scan.ONLY]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_all_sessions_ask_at_once(host: Host, transport: str) -> None:
    host.switches.delay_ms = 20
    with opened(host, MANY, transport=transport, sessions=4) as connector:
        assert connector.sessions is not None
        assert connector.sessions.most == 4
        read = scan(connector, "inquiries")
        assert len(host.sessions) == 4
    lus = Counter(told.lu for told in host.told if told.field == "customer_id")
    assert read.column("customer_id") == [f"{number:08}" for number in range(10, 310, 10)]
    assert len(lus) == 4
    assert host.counts["sign-ons"] == 4


def test_never_more_sessions_than_keys(host: Host) -> None:
    with opened(host, {"inquiries": INQUIRY | {"keys": keys(10, 20)}}, sessions=8) as connector:
        scan(connector, "inquiries")
        assert len(host.sessions) == 2


def test_sessions_take_the_lus_that_are_named(host: Host) -> None:
    with opened(host, MANY, sessions=2, lu=["LU007", "LU008"]) as connector:
        scan(connector, "inquiries")
        assert sorted(host.sessions) == ["LU007", "LU008"]


def test_a_pool_of_the_host_gives_every_session_an_lu(host: Host) -> None:
    with opened(host, MANY, sessions=2, lu="CUSTPOOL") as connector:
        scan(connector, "inquiries")
        assert sorted(host.sessions) == ["CUST01", "CUST02"]


def test_a_scan_of_many_keys_takes_several_polls(host: Host) -> None:
    with opened(host, MANY, sessions=2) as connector:
        read = scan(connector, "inquiries", rows=8)
    assert read.marks == [Scan.FIRST, Scan.MORE, Scan.MORE, Scan.LAST]
    assert len(read.rows) == 30


def test_a_poll_ends_in_time(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "SLICE_S", 0.2)
    with opened(host, MANY) as connector:
        read = scan(connector, "inquiries")
    assert len(read.marks) > 2
    assert len(read.rows) == 30


def test_another_instance_goes_on_where_the_keys_are_the_same(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    written(file, "customer_id\n" + "".join(f"{number:08}\n" for number in range(10, 110, 10)))
    streams = {"inquiries": INQUIRY | {"keys": {"file": str(file)}}}
    with opened(host, streams) as connector:
        (stream,) = connector.discover()
        middle = connector.poll(stream, None, Ask(rows=4)).position
    with opened(host, streams) as connector:
        batch = connector.poll(stream, middle, Ask())
        assert (batch.scan, batch.rows) == (Scan.LAST, 6)
    written(file, "customer_id\n00000010\n")
    with opened(host, streams) as connector:
        batch = connector.poll(stream, middle, Ask())
        assert (batch.scan, batch.rows) == (Scan.ONLY, 1)
        batch = connector.poll(stream, middle | {"next": 9999}, Ask())
        assert (batch.scan, batch.rows) == (Scan.ONLY, 1)


def test_a_key_asked_for_twice_is_one_row(host: Host) -> None:
    with opened(host, {"inquiries": INQUIRY | {"keys": keys(10, 20, 10)}}) as connector:
        assert scan(connector, "inquiries").column("customer_id") == ["00000010", "00000020"]


# -- where keys are from


def test_keys_out_of_a_file_are_read_anew_for_each_scan(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    written(file, "note,customer_id\nfirst,00000010\n")
    with opened(host, {"inquiries": INQUIRY | {"keys": {"file": str(file)}}}) as connector:
        assert scan(connector, "inquiries").column("customer_id") == ["00000010"]
        written(file, 'note,customer_id\nfirst,00000010\n"second, too",00000020\n')
        assert scan(connector, "inquiries").column("customer_id") == ["00000010", "00000020"]


@pytest.mark.parametrize(
    ("text", "told"),
    [("id\n1\n", ":1: no column customer_id"), ("customer_id\n1\n \n\n", ":3: a key is empty")],
)
def test_a_file_without_keys_says_where(host: Host, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "keys.csv"
    written(file, text)
    streams = {"inquiries": INQUIRY | {"keys": {"file": str(file)}}}
    with opened(host, streams) as connector, pytest.raises(PermanentError, match=told) as error:
        scan(connector, "inquiries")
    assert type(error.value) is PermanentError, "its siblings can do without"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "its last line is not complete"),
        ("customer_id\n", "it has no keys"),
        ("customer_id\n00000010\n0000", "its last line is not complete"),
    ],
)
def test_keys_that_may_not_be_all_are_waited_for(host: Host, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "keys.csv"
    written(file, text)
    streams = {"inquiries": INQUIRY | {"keys": {"file": str(file)}}}
    with opened(host, streams) as connector, pytest.raises(TransientError, match=told):
        scan(connector, "inquiries")


def test_a_file_of_keys_that_is_not_there_is_waited_for(host: Host, tmp_path: Path) -> None:
    streams = {"inquiries": INQUIRY | {"keys": {"file": str(tmp_path / "keys.csv")}}}
    with (
        opened(host, streams) as connector,
        pytest.raises(TransientError, match=r"No such file.*check the path"),
    ):
        scan(connector, "inquiries")


@pytest.mark.parametrize(
    ("key", "told"),
    [("123456789", "longer than the 8 characters"), ("12€", "a character that cp037 has not")],
)
def test_a_key_that_cannot_be_typed_is_a_reject_and_the_others_are_asked_for(
    host: Host, key: str, told: str
) -> None:
    asked = [{"customer_id": each} for each in ("00000010", key, "00000020")]
    with opened(host, {"inquiries": INQUIRY | {"keys": asked}}) as connector:
        read = scan(connector, "inquiries")
    assert read.column("customer_id") == ["00000010", "00000020"]
    ((reject,)) = read.rejects
    assert told in reject.reason


def test_a_file_of_keys_that_is_written_to_is_waited_for(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text("customer_id\n00000010\n")
    with opened(host, {"inquiries": INQUIRY | {"keys": {"file": str(file)}}}) as connector:
        with pytest.raises(TransientError, match="written to just now"):
            scan(connector, "inquiries")
        rested = time.time() - key_files.REST_S
        os.utime(file, (rested, rested))
        assert len(scan(connector, "inquiries").rows) == 1


def test_keys_out_of_a_topic_are_those_it_has_now(host: Host) -> None:
    has: list[dict[str, Any]] = [{"id": "00000010"}, {"id": "00000020"}]
    keys = {"topic": "erp.customers", "columns": {"customer_id": "id"}}
    with opened(host, {"inquiries": INQUIRY | {"keys": keys}}) as connector:
        connector.keys_in = {"erp.customers": has}.__getitem__
        assert scan(connector, "inquiries").column("customer_id") == ["00000010", "00000020"]
        has[:] = [{"id": "00000030"}]
        assert scan(connector, "inquiries").column("customer_id") == ["00000030"]


@pytest.mark.parametrize(
    ("has", "error", "told"),
    [
        ([], TransientError, "topic erp.customers has no keys; wait for its events"),
        ([{"id": "1"}], PermanentError, "topic erp.customers has no key column 'customer_id'; .*: id"),
    ],
)
def test_a_topic_without_the_keys_deletes_nothing(
    host: Host, has: list[dict[str, str]], error: type[Exception], told: str
) -> None:
    with opened(host, {"inquiries": INQUIRY | {"keys": {"topic": "erp.customers"}}}) as connector:
        connector.keys_in = lambda _: has
        with pytest.raises(error, match=told):
            scan(connector, "inquiries")


def test_keys_out_of_a_list_with_details_open_none_of_them(host: Host) -> None:
    inquiry = INQUIRY | {"key": ["id"], "keys": {"stream": "customers"}}
    inquiry["steps"] = [{"fill": {"customer_id": "{id}", "request_type": "BALANCE"}, "press": "enter"}]
    with opened(host, {"customers": DETAILS, "inquiries": inquiry}) as connector:
        assert len(scan(connector, "inquiries").rows) == 30
    assert host.counts["CUSTDET"] == 0


def test_keys_out_of_a_list_are_those_it_shows_now(host: Host) -> None:
    inquiry = INQUIRY | {"key": ["id"], "keys": {"stream": "customers"}}
    inquiry["steps"] = [
        {"fill": {"customer_id": "{id}", "request_type": "BALANCE"}, "press": "enter", "expect": "balance"}
    ]
    with opened(host, {"customers": LIST, "inquiries": inquiry}) as connector:
        stream = connector.discover()[1]
        assert stream.confirms == 2, "the list pages by position"
        assert scan(connector, "inquiries").column("id") == [f"{number:08}" for number in range(10, 310, 10)]
        host.delete("00000010")
        host.insert(customer(15))
        read = scan(connector, "inquiries")
    assert read.column("id") == ["00000015", *(f"{number:08}" for number in range(20, 310, 10))]


def test_a_row_of_the_list_that_cannot_be_named_is_a_reject_without_a_key(host: Host) -> None:
    """A key is missing then, and the reject says that nobody knows which: the engine deletes nothing."""
    steps = [INQUIRY["steps"][0] | {"fill": {"customer_id": "{id}", "request_type": "BALANCE"}}]
    inquiry = INQUIRY | {"key": ["id"], "keys": {"stream": "customers"}, "steps": steps}
    listed = LIST | {"paging": "key"}
    with opened(host, {"customers": listed, "inquiries": inquiry}) as connector:
        host.switches.shown = {("00000020", "id"): "0000002X"}
        read = scan(connector, "inquiries")
    assert len(read.rows) == 29
    assert [(reject.table, reject.key) for reject in read.rejects] == [("inquiries", None)]


# -- keys that have no row


def test_a_key_that_the_host_does_not_know_is_not_there(host: Host) -> None:
    with opened(host, {"inquiries": INQUIRY | {"keys": keys(10, 11, 20)}}) as connector:
        read = scan(connector, "inquiries")
    assert read.column("customer_id") == ["00000010", "00000020"]
    assert read.rejects == []


def test_a_key_that_the_host_denies_is_a_reject(host: Host) -> None:
    host.switches.denied = {"00000020": "SECURITY VIOLATION"}
    denied = [{"row": 23, "text": "SECURITY", "class": "reject"}]
    with opened(host, {"inquiries": INQUIRY | {"keys": keys(10, 20, 30)}}, errors=denied) as connector:
        read = scan(connector, "inquiries")
    (reject,) = read.rejects
    assert (reject.key, reject.reason) == ({"customer_id": "00000020"}, "key 00000020: SECURITY VIOLATION")
    assert read.column("customer_id") == ["00000010", "00000030"]


def test_a_file_that_is_not_found_is_no_missing_customer(host: Host) -> None:
    streams = {"inquiries": INQUIRY | {"keys": keys(10, 20)}}
    host.switches.denied = dict.fromkeys(("00000010", "00000020"), "FILE CUSTMAST NOT FOUND")
    with (
        opened(host, streams, timeout="1s") as connector,
        pytest.raises(TransientError, match="CUSTOMER INQUIRY"),
    ):
        scan(connector, "inquiries")


def test_an_answer_that_cannot_be_read_is_a_reject_with_its_key(host: Host) -> None:
    host.switches.shown = {("00000020", "limit"): "12.4X"}
    with opened(host, {"inquiries": INQUIRY | {"keys": keys(10, 20)}}) as connector:
        read = scan(connector, "inquiries")
    (reject,) = read.rejects
    assert reject.key == {"customer_id": "00000020"}
    assert "limit" in reject.reason
    assert "12.4X" in str(reject.raw)


def test_a_key_that_no_screen_could_show_is_a_reject(host: Host) -> None:
    streams = {
        "inquiries": INQUIRY | {"key": ["limit"], "keys": [{"limit": "much"}], "steps": [{"press": "pf5"}]}
    }
    with opened(host, streams) as connector:
        (reject,) = scan(connector, "inquiries").rejects
    assert reject.key is None
    assert "no screen shows it" in reject.reason


def test_a_key_that_the_host_fills_up_is_the_one_that_was_asked_for(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row, its reject and its unreadable answer have one key: none of them deletes the row."""
    asked = Inquiry._asked
    monkeypatch.setattr(
        Inquiry, "_asked", staticmethod(lambda identity, *more: asked(identity.rjust(8, "0"), *more))
    )
    denied = [{"row": 23, "text": "SECURITY", "class": "reject"}]
    asked_for = [{"customer_id": str(number)} for number in (10, 20, 30)]
    with opened(host, {"inquiries": INQUIRY | {"keys": asked_for}}, errors=denied) as connector:
        assert scan(connector, "inquiries").column("customer_id") == ["10", "20", "30"]
        host.switches.denied = {"00000020": "SECURITY VIOLATION"}
        host.switches.shown = {("00000030", "limit"): "12.4X"}
        read = scan(connector, "inquiries")
    assert read.column("customer_id") == ["10"]
    assert [reject.key for reject in read.rejects] == [{"customer_id": "20"}, {"customer_id": "30"}]


def test_a_key_whose_field_is_hidden_is_published_as_it_was_typed(host: Host) -> None:
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    screens["balance"]["fields"]["customer_id"] = {"row": 3, "column": 18, "picture": "9(8)", "hidden": True}
    with opened(host, {"inquiries": INQUIRY | {"keys": keys(10)}}, screens=screens, maps=[]) as connector:
        assert scan(connector, "inquiries").column("customer_id") == ["00000010"]


def test_what_a_list_hides_is_no_key(host: Host) -> None:
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    screens["custlist"]["table"]["columns"]["status"]["hidden"] = True
    steps = [{"fill": {"customer_id": "{status}"}, "press": "enter"}]
    inquiry = INQUIRY | {"key": ["status"], "keys": {"stream": "customers"}, "steps": steps}
    connector = configured(host, {"customers": LIST, "inquiries": inquiry}, screens=screens, maps=[])
    with pytest.raises(ConfigError, match="column of customers 'status' is not known"):
        connector.open()


# -- trouble in between


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_key_that_is_pressed_in_a_step_of_its_own_has_its_answer_waited_for(
    host: Host, transport: str
) -> None:
    """The answer before stands with the new key in it, and the keyboard is free, until the host paints."""
    steps = [{"fill": INQUIRY["steps"][0]["fill"]}, {"press": "enter", "expect": ["balance"]}]
    streams = {"inquiries": INQUIRY | {"keys": keys(5, 10, 20, 30), "steps": steps}}
    host.switches.early_ms = {"CUSTINQ": 150}
    with opened(host, streams, transport=transport) as connector:
        read = scan(connector, "inquiries")
    assert read.column("name") == [host.customers[f"{number:08}"].name for number in (10, 20, 30)]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_stood_there_when_the_last_key_was_pressed_is_not_its_answer(
    host: Host, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is typed on it: the answer to the inquiry is turned to its second page, of the same map."""
    answer = Inquiry.answer

    def turned(self: Inquiry, heard: Heard, desk: Desk) -> Scene:
        if heard.key is not Key.PF8 or self.customer is None:
            return answer(self, heard, desk)
        return replace(self, customer=replace(self.customer, name=f"PAGE TWO OF {self.customer_id}"))

    monkeypatch.setattr(Inquiry, "answer", turned)
    steps = [*INQUIRY["steps"], {"press": "pf8", "expect": "balance"}]
    streams = {"inquiries": INQUIRY | {"keys": keys(10, 20, 30), "steps": steps}}
    host.switches.early_ms = {"CUSTINQ": 150}
    with opened(host, streams, transport=transport) as connector:
        read = scan(connector, "inquiries")
    assert read.column("name") == [f"PAGE TWO OF {number:08}" for number in (10, 20, 30)]


def test_an_abend_is_asked_for_once_more(host: Host) -> None:
    with opened(host, MANY) as connector:
        host.switches.abend = 12
        read = scan(connector, "inquiries")
    assert len(read.rows) == 30


ANYWHERE = {"missing": [{"pattern": "NOT FOUND"}]}


def test_an_error_that_speaks_of_something_not_found_is_no_missing_key(host: Host) -> None:
    host.switches.abend_text = "DFHAC2016 PROGRAM CUSTPGM NOT FOUND"
    with opened(host, {"inquiries": INQUIRY | ANYWHERE | {"keys": keys(10, 20, 30)}}) as connector:
        host.switches.abend = 4
        assert len(scan(connector, "inquiries").rows) == 3
    assert host.switches.abend == 0


@pytest.mark.parametrize(("class_", "error"), [("fatal", PermanentError), ("retry", TransientError)])
def test_a_message_that_is_an_error_is_no_missing_key_where_both_name_it(
    host: Host, class_: str, error: type[Exception]
) -> None:
    host.switches.denied["00000020"] = "FILE CUSTMAST NOT FOUND"
    streams = {
        "inquiries": INQUIRY | {"keys": keys(10, 20), "missing": [{"row": 23, "pattern": "NOT FOUND"}]}
    }
    errors = [{"row": 23, "pattern": "FILE .* NOT FOUND", "class": class_}]
    with (
        opened(host, streams, errors=errors, transport="tnz", timeout="1s") as connector,
        pytest.raises(error, match="FILE CUSTMAST NOT FOUND"),
    ):
        scan(connector, "inquiries")


def test_a_screen_nobody_asked_for_says_nothing_of_missing_keys(host: Host) -> None:
    host.switches.abend_text = text = "PROGRAM CUSTPGM NOT FOUND"
    streams = {"inquiries": INQUIRY | ANYWHERE | {"keys": keys(10, 20)}}
    with opened(host, streams, timeout="1s") as connector:
        host.switches.abend = 4
        with pytest.raises(TransientError, match=text):
            scan(connector, "inquiries")


def test_an_answer_of_another_key_is_not_taken_for_this_one(host: Host) -> None:
    """The host remembers the former key; a step that forgets to fill it gets the former answer."""
    forgetful = [
        {
            "fill": {"request_type": "BALANCE", "customer_id": "00000010"},
            "press": "enter",
            "expect": "balance",
        }
    ]
    streams = {"inquiries": INQUIRY | {"keys": keys(20), "steps": forgetful}}
    with opened(host, streams, timeout="1s") as connector:
        read = scan(connector, "inquiries")
    told = [(reject.key, reject.reason) for reject in read.rejects]
    assert (read.rows, told) == ([], [(keys(20)[0], "key 00000020: it shows customer_id 00000010")])


def test_a_scan_whose_answers_never_show_their_keys_fails(host: Host) -> None:
    """The map has the key beside its place: each costs two timeouts, and there may be thousands."""
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    screens["balance"]["fields"]["number"] = {"row": 4, "column": 18, "length": 8}
    steps = [INQUIRY["steps"][0] | {"fill": {"customer_id": "{number}", "request_type": "BALANCE"}}]
    asked = [{"number": f"{number:08}"} for number in range(10, 60, 10)]
    streams = {"inquiries": INQUIRY | {"key": ["number"], "keys": asked, "steps": steps}}
    options: dict[str, Any] = {"screens": screens, "maps": [], "timeout": "300ms"}
    with (
        opened(host, streams, **options) as connector,
        pytest.raises(TransientError, match=r"key 00000030: .*it shows number BALANCE"),
    ):
        scan(connector, "inquiries")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("known", [True, False], ids=["there", "missing"])
def test_a_key_that_the_host_shows_otherwise_keeps_no_other_from_being_asked_for(
    host: Host,
    transport: str,
    known: bool,  # noqa: FBT001
) -> None:
    """It takes all for capitals."""
    if known:
        host.insert(replace(customer(10), id="AB000010"))
    asked = [*keys(10), {"customer_id": "ab000010"}, *keys(20)]
    streams = {"inquiries": INQUIRY | {"keys": asked}}
    with opened(host, streams, timeout="1s", transport=transport) as connector:
        read = scan(connector, "inquiries")
    assert read.column("customer_id") == ["00000010", "00000020"]
    told = [(reject.key, reject.reason) for reject in read.rejects]
    assert told == [({"customer_id": "ab000010"}, "key ab000010: it shows customer_id AB000010")]


def test_a_field_that_was_filled_in_shows_what_was_asked_for_whatever_the_key_is_called(host: Host) -> None:
    """A message that is dismissed by the question shows the former answer once more, and its key."""
    inquiry = INQUIRY | {"key": ["id"], "keys": [{"id": "00000010"}, {"id": "00000020"}]}
    steps = [
        {"fill": {"customer_id": "{id}", "request_type": "BALANCE"}, "press": "enter", "expect": "balance"}
    ]
    host.switches.broadcast_text, host.switches.broadcast = NEVER_NAMED, 5  # behind the first answer
    with opened(host, {"inquiries": inquiry | {"steps": steps}}, timeout="1s") as connector:
        rows = scan(connector, "inquiries").rows
    assert [(row["id"], row["customer_id"]) for row in rows] == [("00000010",) * 2, ("00000020",) * 2]


NEVER_NAMED = "MESSAGE FROM OPERATIONS: COFFEE IS READY"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("first", [10, 15], ids=["known", "unknown"])
def test_a_message_that_crosses_a_question_is_no_answer(host: Host, transport: str, first: int) -> None:
    """It gives the keyboard back over the answer before, and no map knows it."""
    asked = keys(first, 20, 30)
    host.switches.broadcast_text = NEVER_NAMED
    with opened(host, {"inquiries": INQUIRY | {"keys": asked}}, transport=transport) as connector:
        calm = scan(connector, "inquiries").rows
        host.switches.delay_ms, host.switches.broadcast_ms, host.switches.broadcast = 150, 50, 3
        assert scan(connector, "inquiries").rows == calm
    assert len(calm) == (3 if first == 10 else 2)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_answers_that_cannot_be_told_from_each_other_are_each_asked_for(host: Host, transport: str) -> None:
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    fields = screens["balance"]["fields"]
    screens["balance"]["fields"] = {name: fields[name] for name in ("customer_id", "request_type", "status")}
    inquiry = INQUIRY | {"key": ["customer_id"], "keys": keys(10, 20, 30)}
    options: dict[str, Any] = {"screens": screens, "maps": [], "timeout": "1s", "transport": transport}
    for each in list(host.customers):
        host.change(each, status="ACTIVE")
    with opened(host, {"inquiries": inquiry}, **options) as connector:
        rows = scan(connector, "inquiries").rows
    assert [row["status"] for row in rows] == ["ACTIVE"] * 3


def at_home(*numbers: int) -> dict[str, Any]:
    """Inquiries on one screen, which is `home` and the answer, as one map has it."""
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    inquiry = screens.pop("balance") | {"identify": screens.pop("custinq")["identify"][1:]}
    for name in ("balance", "limit"):
        inquiry["fields"][name]["null"] = [""]
    steps = [{"fill": INQUIRY["steps"][0]["fill"], "press": "enter"}]
    here: dict[str, Any] = {"screen": "inquiry", "goto": [], "steps": steps, "keys": keys(*numbers)}
    return {
        "streams": {"inquiries": INQUIRY | here},
        "screens": screens | {"inquiry": inquiry},
        "maps": [],
        "timeout": "1s",
        "home": "inquiry",
        "home_by": [{"type": "CUSTINQ", "press": "enter"}],
    }


def test_a_refused_account_counts_before_what_another_session_meets(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is tried again would have its password typed again."""
    refused = threading.Event()

    def answer(self: InquiryPages, session: Session, asked: Any) -> Any:
        if session is self._pool.main:
            refused.wait(60)
            raise TransientError("the host does not answer")
        refused.set()
        raise CredentialsError("the account is refused")

    monkeypatch.setattr(InquiryPages, "_answer", answer)
    streams = {"inquiries": INQUIRY | {"keys": keys(10, 20, 30)}}
    with opened(host, streams, sessions=2) as connector, pytest.raises(CredentialsError):
        scan(connector, "inquiries")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_answers_that_are_alike_are_told_from_each_other_where_home_is_their_screen(
    host: Host, transport: str
) -> None:
    host.customers["00000020"] = replace(host.customers["00000010"], id="00000020")
    options = at_home(10, 20, 30)
    with opened(host, options.pop("streams"), **options, transport=transport) as connector:
        names = scan(connector, "inquiries").column("name")
    assert names == [host.customers[f"{number:08}"].name for number in (10, 10, 30)]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_message_that_the_host_leaves_under_the_next_answer_says_nothing_of_it(
    host: Host, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Inquiry.answer

    def answer(self: Inquiry, heard: Heard, desk: Desk) -> Scene | None:
        scene = answers(self, heard, desk)
        return replace(scene, note=self.note) if isinstance(scene, Inquiry) and scene.customer else scene

    monkeypatch.setattr(Inquiry, "answer", answer)
    options = at_home(15, 20, 30)
    with opened(host, options.pop("streams"), **options, transport=transport) as connector:
        assert scan(connector, "inquiries").column("customer_id") == ["00000020", "00000030"]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("overwrite", [False, True])
def test_answers_painted_in_two_writes_are_read_whole(
    host: Host,
    transport: str,
    overwrite: bool,  # noqa: FBT001
) -> None:
    host.switches.two_writes = TwoWrites(after_ms=15, unlock=True, overwrite=overwrite, row=7)
    streams = {"inquiries": INQUIRY | {"keys": keys(*range(10, 50, 10))}}
    with opened(host, streams, transport=transport, settle="200ms") as connector:
        read = scan(connector, "inquiries")
    assert read.column("name") == [host.customers[f"{number:08}"].name for number in range(10, 50, 10)]
    assert read.column("balance") == [host.customers[f"{number:08}"].balance for number in range(10, 50, 10)]
    assert read.rejects == []


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("overwrite", [False, True], ids=["erased", "over the answer before"])
@pytest.mark.parametrize("row", [7, 8, 9])
def test_an_answer_is_not_believed_while_values_of_the_one_before_or_none_stand_in_it(
    host: Host,
    transport: str,
    overwrite: bool,  # noqa: FBT001
    row: int,
) -> None:
    """The host is at rest for longer than `settle`, and the keyboard is free, with half of it painted."""
    by_place = {"name": 6, "balance": 7, "limit": 8, "status": 9}
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    screens["balance"]["identify"] = [{"row": 1, "text": "CUSTOMER BALANCE"}]
    screens["balance"]["fields"] |= {
        name: {"row": line, "column": 18, "length": 30} for name, line in by_place.items()
    }
    asked = range(10, 60, 10)
    streams = {"inquiries": INQUIRY | {"keys": keys(*asked)}}
    with opened(host, streams, screens=screens, maps=[], transport=transport, settle="60ms") as connector:
        (stream,) = connector.discover()
        batch = connector.poll(stream, None, Ask(rows=2))
        host.switches.two_writes = TwoWrites(after_ms=150, unlock=True, overwrite=overwrite, row=row)
        batch = connector.poll(stream, batch.position, Ask(rows=1))
    (told,) = batch.changes[0].rows.to_pylist()
    customer = host.customers["00000030"]
    limit = f"{int(customer.limit * 100):09}"
    shown = {"name": customer.name, "balance": f"{customer.balance:,.2f}".strip("-"), "limit": limit}
    assert {name: told[name].strip(" -") for name in shown} == shown


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_half_an_answer_lacks_does_not_say_that_there_is_no_such_row(host: Host, transport: str) -> None:
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    screens["balance"]["identify"] = [{"row": 1, "text": "CUSTOMER BALANCE"}]
    missing = [{"text": "BALANCE:", "absent": True}]
    streams = {"inquiries": INQUIRY | {"keys": keys(10, 20, 30, 40), "missing": missing}}
    with opened(host, streams, screens=screens, maps=[], transport=transport, settle="60ms") as connector:
        host.switches.two_writes = TwoWrites(after_ms=150, unlock=True, row=7)
        read = scan(connector, "inquiries")
    assert read.column("customer_id") == [f"{number:08}" for number in range(10, 50, 10)]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("text", ["PROCESSING", "12:00:{:02}"])
def test_a_message_or_clock_under_the_former_answer_is_not_the_next_one(
    host: Host, transport: str, text: str
) -> None:
    """The map reads it, the key that was typed stands there, and the answer takes its time."""
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    screens["balance"]["fields"]["message"] = {"row": 22, "column": 2, "length": 40}
    numbers = range(10, 60, 10)
    streams = {"inquiries": INQUIRY | {"keys": keys(*numbers)}}
    with opened(host, streams, screens=screens, maps=[], transport=transport) as connector:
        host.switches.early_ms, host.switches.early_text = {"CUSTINQ": 400}, text
        rows = scan(connector, "inquiries").rows
    told = [(row["customer_id"], row["name"], row["balance"]) for row in rows]
    those = [host.customers[f"{number:08}"] for number in numbers]
    assert told == [(each.id, each.name, each.balance) for each in those]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_answer_that_is_mostly_the_former_one_is_asked_for_where_none_stands(
    host: Host, transport: str
) -> None:
    ten, twenty = host.customers["00000010"], host.customers["00000020"]
    host.customers["00000020"] = replace(ten, id=twenty.id, name=twenty.name)
    streams = {"inquiries": INQUIRY | {"keys": keys(10, 20, 30)}}
    with opened(host, streams, timeout="1s", transport=transport) as connector:
        names = scan(connector, "inquiries").column("name")
    assert names == [host.customers[f"{number:08}"].name for number in (10, 20, 30)]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_message_on_the_question_is_not_its_answer_where_both_are_one_screen(
    host: Host, transport: str
) -> None:
    options = at_home(10, 20, 30)
    fields = options["screens"]["inquiry"]["fields"]
    fields["message"] = {"row": 22, "column": 2, "length": 40}
    host.switches.early_ms, host.switches.early_text = {"CUSTINQ": 400}, "PROCESSING"
    again = {"type": "CUSTINQ", "press": "enter", "expect": "inquiry"}
    options["streams"]["inquiries"]["back"] = [{"press": "clear"}, again]
    with opened(
        host, options.pop("streams"), **options | {"timeout": "2s"}, transport=transport
    ) as connector:
        read = scan(connector, "inquiries")
    assert read.rejects == []
    rows = read.rows
    names = [host.customers[f"{number:08}"].name for number in (10, 20, 30)]
    assert [(row["name"], row["message"]) for row in rows] == [(name, "") for name in names]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("sparse", [False, True], ids=["a former answer", "an answer of one value"])
def test_a_message_on_the_question_is_no_answer_the_second_time_either(
    host: Host,
    transport: str,
    sparse: bool,  # noqa: FBT001
) -> None:
    """The first time it cannot be told: half of the answer is the former one's, or but one value is new."""
    options = at_home(10, 20, 30)
    fields = options["screens"]["inquiry"]["fields"] = {
        name: options["screens"]["inquiry"]["fields"][name]
        for name in ("customer_id", "request_type", "name")
    }
    fields["status"] = {"row": 9, "column": 18, "length": 8}
    fields["message"] = {"row": 22, "column": 2, "length": 40}
    host.change("00000020", status=host.customers["00000010"].status)
    again = {"type": "CUSTINQ", "press": "enter", "expect": "inquiry"}
    if sparse:
        host.switches.shown = {("00000020", "status"): ""}
        options["streams"]["inquiries"]["back"] = [{"press": "clear"}, again]
    host.switches.early_ms, host.switches.early_text = {"CUSTINQ": 400}, "PROCESSING"
    with opened(
        host, options.pop("streams"), **options | {"timeout": "2s"}, transport=transport
    ) as connector:
        read = scan(connector, "inquiries")
    asked = [10, 30] if sparse else [10, 20, 30]
    names = [host.customers[f"{number:08}"].name for number in asked]
    assert [(row["name"], row["message"]) for row in read.rows] == [(name, "") for name in names]
    assert [(each.key, "but one value" in each.reason) for each in read.rejects] == (
        [({"customer_id": "00000020"}, True)] if sparse else []
    )


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_key_that_was_wiped_is_asked_for_where_no_former_answer_stands(
    host: Host, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`home` is the answer's screen, where PROCESSING comes under the answer before."""
    options = at_home(10, 20, 30)
    options["screens"]["inquiry"]["fields"]["message"] = {"row": 22, "column": 2, "length": 40}
    still, times = Walk._still, itertools.count(1)

    def wiped(self: Walk, *what: Any) -> bool:
        return still(self, *what) and next(times) not in (3, 4)

    with opened(
        host, options.pop("streams"), **options | {"timeout": "3s"}, transport=transport
    ) as connector:
        host.switches.early_ms, host.switches.early_text = {"CUSTINQ": 400}, "PROCESSING"
        monkeypatch.setattr(Walk, "_still", wiped)
        names = scan(connector, "inquiries").column("name")
    assert names == [host.customers[f"{number:08}"].name for number in (10, 20, 30)]


@pytest.mark.parametrize("shown", ["00000000", "00000991"])
def test_a_host_that_resets_its_entry_says_that_there_is_no_such_key(
    host: Host, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Inquiry._asked

    def reset(identity: str, request: str, company: Company) -> Inquiry:
        found = asked(identity, request, company)
        return replace(found, customer_id=shown) if "NOT FOUND" in found.note else found

    monkeypatch.setattr(Inquiry, "_asked", staticmethod(reset))
    streams = {"inquiries": INQUIRY | {"keys": keys(10, 990, 20)}}
    with opened(host, streams, timeout="1s") as connector:
        read = scan(connector, "inquiries")
    assert read.column("customer_id") == ["00000010", "00000020"]
    assert read.rejects == []


FROM_THE_START = [{"press": "clear"}, *INQUIRY["goto"]]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_key_that_is_wiped_before_it_is_sent_is_typed_again(
    host: Host, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The input screen's lines are painted once more under what was typed; a blank key would be none."""
    press, asked = Walk.press, Inquiry._asked

    def late(self: Walk, *what: Any) -> None:
        time.sleep(0.06)
        press(self, *what)

    def filled_up(identity: str, request: str, company: Company) -> Inquiry:
        return asked(identity.rjust(8, "0"), request or "BALANCE", company)

    monkeypatch.setattr(Walk, "press", late)
    monkeypatch.setattr(Inquiry, "_asked", staticmethod(filled_up))
    streams = {"inquiries": INQUIRY | {"keys": keys(10, 20, 30), "back": FROM_THE_START}}
    with opened(host, streams, transport=transport) as connector:
        host.switches.two_writes = TwoWrites(after_ms=30, again=True, row=3, until=5)
        read = scan(connector, "inquiries")
    assert read.column("customer_id") == ["00000010", "00000020", "00000030"]
    assert read.rejects == []


def test_a_key_that_the_screen_does_not_take_at_once_is_typed_again(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host has painted on while s3270 looked whether it had typed it."""
    typed, times = S3270._typed, itertools.count()

    def not_the_third(self: S3270, address: int, text: str) -> bool:
        return next(times) != 2 and typed(self, address, text)

    with opened(host, {"inquiries": INQUIRY | {"keys": keys(10, 20, 30)}}) as connector:
        monkeypatch.setattr(S3270, "_typed", not_the_third)
        read = scan(connector, "inquiries")
    assert (len(read.rows), read.rejects) == (3, [])


def test_a_message_on_a_screen_that_shows_another_key_says_nothing_of_this_one(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, times = Inquiry._asked, itertools.count()

    def garbled(identity: str, *more: Any) -> Inquiry:
        return asked("00000000" if next(times) == 1 else identity, *more)

    monkeypatch.setattr(Inquiry, "_asked", staticmethod(garbled))
    with opened(host, {"inquiries": INQUIRY | {"keys": keys(10, 20, 30)}}, timeout="1s") as connector:
        read = scan(connector, "inquiries")
    assert read.column("customer_id") == ["00000010", "00000020", "00000030"]


def test_a_failure_in_one_session_ends_the_poll_of_all(host: Host) -> None:
    host.switches.delay_ms = 20
    with opened(host, MANY, sessions=3, timeout="1s") as connector:
        host.switches.drop = 25
        with pytest.raises(TransientError):
            scan(connector, "inquiries")


def test_interrupt_ends_the_inquiries_of_all_sessions(host: Host) -> None:
    with opened(host, MANY, sessions=3, timeout="60s") as connector:
        (stream,) = connector.discover()
        connector.poll(stream, None, Ask(rows=6))
        host.switches.delay_ms = 60_000
        with interrupted_once_heard(host, connector), pytest.raises(TransientError, match="interrupted"):
            connector.poll(stream, None, Ask())


def test_log_ons_that_take_long_are_spread_over_polls(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them in one could take longer than its deadline, again and again."""
    monkeypatch.setattr(sessions, "_LOG_ONS_S", 0.0)
    with opened(host, MANY, sessions=3) as connector:
        (stream,) = connector.discover()
        batch = connector.poll(stream, None, Ask(rows=5))
        assert len(host.sessions) == 2
        connector.poll(stream, batch.position, Ask(rows=5))
        assert len(host.sessions) == 3


def test_after_an_interrupt_no_other_session_connects(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """They log on one after the other: where nobody answers, each would wait for its own time-out."""
    attempts, lost = list[str](), list[Session]()
    with opened(host, MANY, sessions=3, transport="tnz") as connector:
        scan(connector, "inquiries")

        def connect(_: TnzTerminal) -> None:
            attempts.append("")
            if len(attempts) == 1:
                host.until(lambda: len(lost) == 3, deadline_s=60)
                connector.interrupt()
            raise TransientError("nobody answers")

        def close(self: Session) -> None:
            closed(self)
            lost.append(self)

        closed = Session.close
        monkeypatch.setattr(TnzTerminal, "connect", connect)
        monkeypatch.setattr(Session, "close", close)
        host.cut()
        host.until(lambda: not host.sessions)
        with pytest.raises(TransientError, match="interrupted"):
            scan(connector, "inquiries")
    assert len(attempts) == 1


def test_inquiries_after_a_list_without_an_end_delete_nothing(host: Host) -> None:
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    screens["custlist"]["table"] |= {"end": []}
    inquiry = INQUIRY | {"key": ["id"], "keys": {"stream": "customers"}}
    inquiry["steps"] = [{"fill": {"customer_id": "{id}"}, "press": "enter"}]
    with opened(host, {"customers": LIST, "inquiries": inquiry}, screens=screens, maps=[]) as connector:
        assert all(Caveat.NO_DELETES in stream.caveats for stream in connector.discover())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"keys": {"stream": "customers"}}, "list 'customers' is not known"),
        ({"screen": "answer"}, "screen 'answer' is not known"),
        ({"steps": [{"fill": {"custmer_id": "1"}, "press": "enter"}]}, "did you mean 'customer_id'"),
        ({"steps": [{"fill": {"customer_id": "{id}"}, "press": "enter"}]}, "placeholder 'id' is not known"),
    ],
)
def test_names_that_lead_nowhere_are_told_at_once(host: Host, options: dict[str, Any], told: str) -> None:
    connector = configured(host, {"inquiries": INQUIRY | {"keys": keys(10)} | options})
    with pytest.raises(ConfigError) as refusal:
        connector.open()
    assert told in str(refusal.value)
