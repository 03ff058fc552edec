"""Change documents of the simulated system, as events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.contract import Ask, Batch, Changes, Op
from bridge.errors import PermanentError
from bridge.testing.sap.abap import Field, Structure, Table, Type, char
from bridge.testing.sap.change_documents import ObjectClass
from bridge.testing.sap.customers import Customers
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.modes import Basis, look, pace
from connectors.sap_rfc.modes.documents import ChangeDocuments
from connectors.sap_rfc.streams import SapStream
from tests.integration.sap_wired import LIBRARIES, Wired, wired

BEGAN = datetime(2026, 11, 22, 12, tzinfo=UTC)
KUNNR = Type("CHAR", 10, name="KUNNR", exit="ALPHA")
CUSTOMERS = Table(
    Structure(
        "ZKNA1",
        (
            Field("MANDT", Type("CLNT"), key=True),
            Field("KUNNR", KUNNR, key=True),
            Field("NAME1", char(35)),
            Field("ERDAT", Type("DATS")),
            Field("UMSAT", Type("CURR", 15, 2), reference=("ZKNA1", "WAERS")),
            Field("WAERS", Type("CUKY")),
        ),
    )
)
AREAS = Table(
    Structure(
        "ZKNVV",
        (
            Field("MANDT", Type("CLNT"), key=True),
            Field("KUNNR", KUNNR, key=True),
            Field("VKORG", char(4), key=True),
            Field("KDGRP", char(2)),
        ),
    )
)
LOGGED = Table(
    Structure("TCDOB", (Field("OBJECT", char(15), key=True), Field("TABNAME", char(30), key=True)))
)
CURRENCIES = Table(
    Structure("TCURX", (Field("CURRKEY", Type("CUKY"), key=True), Field("CURRDEC", Type("INT1"))))
)


@pytest.fixture(params=LIBRARIES)
def sap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wired]:
    with wired(str(request.param), monkeypatch) as sap:
        for table in (CUSTOMERS, AREAS):
            sap.store.define(table)
        sap.store.load("TCDOB", [{"OBJECT": "DEBI", "TABNAME": name} for name in ("ZKNA1", "ZKNVV")])
        sap.store.clock.stop()
        sap.store.clock.set(BEGAN)
        yield sap


def stream(sap: Wired, **options: Any) -> ChangeDocuments:
    system = sap.it
    known = SapStream.model_validate(
        {"mode": "change_documents", "classes": ["DEBI"], "safety_interval": 0, **options}
    )
    return ChangeDocuments(Basis("customer_changes", known, system, Dictionary(system), frozenset()))


class Reader:
    """Polls, and keeps its position as Kafka does: as JSON."""

    def __init__(self, sap: Wired, **options: Any) -> None:
        self.sap, self.options = sap, options
        self.mode = stream(sap, **options)
        self.position: dict[str, Any] | None = None

    def restart(self) -> None:
        self.mode = stream(self.sap, **self.options)

    def poll(self, rows: int = 1000) -> Batch:
        self.sap.it.fresh()
        batch = self.mode.poll(self.sap.it, self.position, Ask(rows=rows))
        self.position = json.loads(json.dumps(batch.position))
        self.mode.check(self.position)
        return batch

    def events(self, rows: int = 1000) -> list[dict[str, Any]]:
        """All there are now."""
        found: list[dict[str, Any]] = []
        while True:
            batch = self.poll(rows)
            found += [event for changes in batch.changes for event in told(changes)]
            if not batch.more:
                return found


def told(changes: Changes) -> Iterator[dict[str, Any]]:
    """What an event says of a change: columns that were not read are left out."""
    ops = [changes.op.value] * changes.rows.num_rows if isinstance(changes.op, Op) else changes.op.to_pylist()
    before = changes.before.to_pylist() if changes.before is not None else [None] * len(ops)
    source = changes.source.to_pylist() if changes.source is not None else [{}] * len(ops)
    absent = {name: mask.to_pylist() for name, mask in changes.absent.items()}
    for at, row in enumerate(changes.rows.to_pylist()):
        after = {name: value for name, value in row.items() if not absent.get(name, {at: False})[at]}
        yield {"table": changes.table.name, "op": ops[at], "after": after, "before": before[at], **source[at]}


def customer(number: int, **values: Any) -> Mapping[str, Any]:
    return {"KUNNR": f"{number:010}", **values}


def changed(sap: Wired, number: int, **values: Any) -> None:
    with sap.store.transaction(user="MILLER", tcode="XD02") as tx:
        tx.modify("ZKNA1", customer(number, **values))
        tx.document("DEBI", f"{number:010}")


def test_inserts_updates_and_deletes_tell_who_changed_what(sap: Wired) -> None:
    reader = Reader(sap)
    changed(sap, 7, NAME1="Old")
    changed(sap, 7, NAME1="New")
    with sap.store.transaction(user="SMITH", tcode="XD06") as tx:
        tx.delete("ZKNA1", customer(7))
        tx.document("DEBI", "0000000007")
    create, update, delete = reader.events()
    assert (create["op"], create["after"]) == ("c", {"KUNNR": "0000000007"})
    assert (update["op"], update["after"]) == ("u", {"KUNNR": "0000000007", "NAME1": "New"})
    assert update["before"] == {"KUNNR": "0000000007", "NAME1": "Old"}
    assert (update["changed"], update["username"], update["tcode"]) == (["NAME1"], "MILLER", "XD02")
    assert (update["objectclas"], update["objectid"]) == ("DEBI", "0000000007")
    assert update["changed_at"] == "2026-11-22T12:00:00"
    assert (delete["op"], delete["username"], delete["table"]) == ("d", "SMITH", "customer_changes.ZKNA1")
    assert not reader.events()


def test_a_number_that_comes_again_for_another_object_in_its_second_is_another_document(sap: Wired) -> None:
    def write(object_id: str) -> None:
        key = {"OBJECTCLAS": "DEBI", "OBJECTID": object_id, "CHANGENR": "0000000001"}
        now = sap.store.clock.now()
        sap.store.load(
            "CDHDR", [{**key, "UDATE": f"{now:%Y%m%d}", "UTIME": f"{now:%H%M%S}", "CHANGE_IND": "I"}]
        )
        line = {"TABNAME": "ZKNA1", "TABKEY": f"100{object_id}", "FNAME": "KEY", "CHNGIND": "I"}
        sap.store.load("CDPOS", [{**key, **line}])

    reader = Reader(sap)
    write("0000000001")
    assert [each["after"]["KUNNR"] for each in reader.events()] == ["0000000001"]
    write("0000000002")
    assert [each["after"]["KUNNR"] for each in reader.events()] == ["0000000002"]
    assert not reader.events()


@pytest.mark.parametrize(
    ("day", "time", "told_at"),
    [("20261122", "240000", "2026-11-22T24:00:00"), ("20261131", "120000", "2026-11-31T12:00:00")],
)
def test_a_header_whose_time_is_none_is_told_once_and_holds_up_no_other(
    sap: Wired, monkeypatch: pytest.MonkeyPatch, day: str, time: str, told_at: str
) -> None:
    monkeypatch.setattr("connectors.sap_rfc.modes.look.MOST_AT_ONCE", 3)
    for number in range(1, 6):
        key = {"OBJECTCLAS": "DEBI", "OBJECTID": f"{number:010}", "CHANGENR": f"{number:010}"}
        sap.store.load("CDHDR", [{**key, "UDATE": day, "UTIME": time, "CHANGE_IND": "I"}])
        line = {"TABNAME": "ZKNA1", "TABKEY": f"100{number:010}", "FNAME": "KEY", "CHNGIND": "I"}
        sap.store.load("CDPOS", [{**key, **line}])
    sap.store.clock.set(BEGAN + timedelta(days=9))
    changed(sap, 6, NAME1="A")
    reader = Reader(sap)
    found = reader.events(rows=2)
    reader.restart()
    assert not reader.events()
    sap.store.clock.advance(timedelta(hours=1))
    assert not reader.events()
    assert [each["objectid"] for each in found] == [f"{number:010}" for number in range(1, 7)]
    assert [each["changed_at"] for each in found[:5]] == [told_at] * 5


@pytest.mark.parametrize("time", ["000000", "      ", " 91500"])
def test_a_document_without_a_time_is_told_once_in_a_running_stream(sap: Wired, time: str) -> None:
    reader = Reader(sap)
    changed(sap, 7, NAME1="A")
    assert reader.events()
    told: list[dict[str, Any]] = []
    for number in range(1, 40):
        sap.store.clock.advance(timedelta(minutes=40))
        if number in (1, 5, 6, 25, 26):
            changed(sap, number, NAME1="B")
            (row,) = [each for each in sap.store.rows("CDHDR") if each["OBJECTID"] == f"{number:010}"]
            sap.store.load("CDHDR", [{**row, "UTIME": time}])
        told += reader.events(rows=1)
        reader.restart()
        told += reader.events()
    assert [int(each["objectid"]) for each in told] == [1, 5, 6, 25, 26]


def test_more_documents_without_a_time_than_are_remembered_come_once(
    sap: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sap_rfc.modes.late.MOST_TIMELESS", 2)
    sap.store.clock.set(BEGAN.replace(hour=0))
    for number in range(1, 6):
        changed(sap, number, NAME1="A")
    sap.store.clock.advance(timedelta(hours=3))
    reader = Reader(sap)
    assert [int(each["objectid"]) for each in reader.events(rows=1)] == [1, 2, 3, 4, 5]
    assert not reader.events()


def test_documents_that_a_former_release_has_published_do_not_come_again(sap: Wired) -> None:
    reader = Reader(sap)
    changed(sap, 7, NAME1="Old")
    assert reader.events()
    assert reader.position is not None
    marks = reader.position["seen"]
    reader.position = {
        **reader.position,
        "seen": {stamp: [each.partition(".")[0] for each in some] for stamp, some in marks.items()},
    }
    assert not reader.events()


def test_fields_of_inserts_and_deletes_are_told_where_the_class_logs_them(sap: Wired) -> None:
    sap.store.classes["DEBI"] = ObjectClass("DEBI", insert_fields=True, delete_fields=True)
    changed(sap, 7, NAME1="One", ERDAT="20200131", UMSAT="12.50", WAERS="EUR")
    with sap.store.transaction() as tx:
        tx.delete("ZKNA1", customer(7))
        tx.document("DEBI", "0000000007")
    create, delete = Reader(sap).events()
    assert create["after"]["NAME1"] == "One"
    assert f"{create['after']['ERDAT']:%Y%m%d}" == "20200131"
    assert create["after"]["UMSAT"] == Decimal("12.50")
    assert delete["before"]["NAME1"] == "One"


def test_one_document_of_two_tables_is_an_event_of_each(sap: Wired) -> None:
    with sap.store.transaction() as tx:
        tx.insert("ZKNA1", customer(7))
        tx.insert("ZKNVV", customer(7, VKORG="1000"))
        tx.document("DEBI", "0000000007")
    found = {each["table"]: each["after"] for each in Reader(sap).events()}
    assert found["customer_changes.ZKNVV"] == {"KUNNR": "0000000007", "VKORG": "1000"}
    assert found["customer_changes.ZKNA1"] == {"KUNNR": "0000000007"}


def test_a_document_that_is_committed_late_is_neither_lost_nor_are_others_repeated(sap: Wired) -> None:
    reader = Reader(sap, late_window="60s")
    slow = sap.store.transaction(server=0)
    slow.insert("ZKNA1", customer(1))
    slow.document("DEBI", "0000000001")
    for number in (2, 3, 4):
        sap.store.clock.advance(timedelta(seconds=15))
        changed(sap, number)
        assert [each["objectid"] for each in reader.events()] == [f"{number:010}"]
    slow.commit()
    reader.restart()
    assert [each["objectid"] for each in reader.events()] == ["0000000001"]
    sap.store.clock.advance(timedelta(hours=1))
    assert not reader.events()
    assert "seen" not in (reader.position or {})


def test_a_crash_between_two_polls_repeats_what_kafka_does_not_have(sap: Wired) -> None:
    for number in range(1, 6):
        changed(sap, number)
    reader = Reader(sap)
    first = list(map(told, reader.poll(rows=2).changes))
    position = reader.position
    second = [event for changes in reader.poll(rows=2).changes for event in told(changes)]
    reader.restart()
    reader.position = position
    again = [event for changes in reader.poll(rows=2).changes for event in told(changes)]
    assert first
    assert again == second


def test_the_history_is_read_in_pieces_of_its_time(sap: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sap_rfc.modes.look.MOST_AT_ONCE", 5)
    sap.store.clock.set(BEGAN - timedelta(days=400))
    for number in range(1, 40):
        changed(sap, number, NAME1="Old")
        sap.store.clock.advance(timedelta(days=10 if number % 7 else 0))
    sap.store.clock.set(BEGAN)
    found = Reader(sap).events(rows=3)
    times = [each["changed_at"] for each in found]
    assert times == sorted(times)
    assert sorted(each["objectid"] for each in found) == [f"{number:010}" for number in range(1, 40)]


def test_a_stream_may_begin_with_a_day(sap: Wired) -> None:
    sap.store.clock.set(BEGAN - timedelta(days=2))
    changed(sap, 1)
    sap.store.clock.set(BEGAN)
    changed(sap, 2)
    assert [each["objectid"] for each in Reader(sap, since="2026-11-22").events()] == ["0000000002"]


ALONE: Mapping[str, Any] = {"classes": ["DEBI"], "tables": ["ZKNA1"]}


@pytest.mark.parametrize(
    ("was", "now", "new"),
    [
        (ALONE, {**ALONE, "classes": ["DEBI", "KRED"]}, "class KRED"),
        (ALONE, {**ALONE, "tables": ["ZKNA1", "ZKNVV"]}, "table ZKNVV"),
        (ALONE, {"classes": ["DEBI"]}, "all tables"),
        (ALONE, {**ALONE, "alpha": "strip"}, "alpha strip"),
    ],
)
def test_what_is_added_to_a_stream_has_a_past_that_is_not_left_out_in_silence(
    sap: Wired, was: dict[str, Any], now: dict[str, Any], new: str
) -> None:
    reader = Reader(sap, **was)
    changed(sap, 7, NAME1="A")
    assert len(reader.events()) == 1
    reader.options = now
    reader.restart()
    with pytest.raises(PermanentError, match=f"without {new}") as refused:
        reader.poll()
    assert "`of`" in refused.value.remedy
    assert reader.position is not None
    del reader.position["of"]  # as the remedy says
    reader.restart()
    assert not reader.events()
    assert new in reader.position["of"]


@pytest.mark.parametrize("of", [["class ZOBJ", "all tables"], None], ids=["former release", "this one"])
def test_a_table_with_zeros_in_its_key_that_a_class_gains_goes_on(sap: Wired, of: list[str] | None) -> None:
    fields = (Field("MANDT", Type("CLNT"), key=True), Field("ID", char(4), key=True))
    sap.store.define(Table(Structure("ZPLAIN", fields)))
    sap.store.load("TCDOB", [{"OBJECT": "ZOBJ", "TABNAME": "ZPLAIN"}])
    reader = Reader(sap, classes=["ZOBJ"])
    assert not reader.events()
    assert reader.position is not None
    reader.position["of"] = of or reader.position["of"]
    sap.store.load("TCDOB", [{"OBJECT": "ZOBJ", "TABNAME": "ZKNA1"}])
    reader.restart()
    assert not reader.events()
    assert reader.position["of"][-1] == "alpha keep"


def test_what_is_taken_out_of_a_stream_needs_no_word(sap: Wired) -> None:
    reader = Reader(sap, classes=["DEBI"])
    changed(sap, 7, NAME1="A")
    assert len(reader.events()) == 1
    reader.options = dict(ALONE)
    reader.restart()
    assert not reader.events()


def test_rows_may_be_read_as_they_are_now(sap: Wired) -> None:
    for number, values in (
        (7, {"NAME1": "Old", "WAERS": "EUR"}),
        (7, {"NAME1": "New"}),
        (8, {"NAME1": "Gone"}),
    ):
        changed(sap, number, **values)
        sap.store.clock.advance(timedelta(seconds=1))
    with sap.store.transaction() as tx:
        tx.delete("ZKNA1", customer(8))
        tx.document("DEBI", "0000000008")
    found = Reader(sap, enrich={"table": "ZKNA1"}).events()
    whole = {"KUNNR": "0000000007", "NAME1": "New", "ERDAT": None, "WAERS": "EUR"}
    for event in found[:2]:
        assert {name: value for name, value in event["after"].items() if name != "UMSAT"} == whole
    assert found[1]["before"] == {"KUNNR": "0000000007", "NAME1": "Old"}
    assert found[2]["after"] == {"KUNNR": "0000000008"}
    assert [each["op"] for each in found] == ["c", "u", "c", "d"]


def test_a_row_that_cannot_be_had_as_it_is_now_is_a_dead_letter(sap: Wired) -> None:
    changed(sap, 7, NAME1="Bad", ERDAT="20260231")
    changed(sap, 8, NAME1="Good")
    batch = Reader(sap, enrich={"table": "ZKNA1"}).poll()
    assert [row["NAME1"] for changes in batch.changes for row in changes.rows.to_pylist()] == ["Good"]
    (reject,) = batch.rejects
    assert "ERDAT holds no date" in reject.reason
    assert {name: value.as_py() for name, value in (reject.key or {}).items()} == {"KUNNR": "0000000007"}


def test_a_row_that_never_rests_is_told_by_what_was_logged(sap: Wired) -> None:
    """Of the rest it is said that it was not read: nothing waits for it, and nothing is torn."""
    parts = tuple(Field(f"PART{at}", char(250)) for at in range(4))
    wide = Table(Structure("ZWIDE", (*CUSTOMERS.row.fields[:2], Field("NAME", char(9)), *parts)))
    sap.store.define(wide)
    sap.store.classes["DEBI"] = ObjectClass("DEBI", insert_fields=True)
    with sap.store.transaction() as tx:
        tx.modify("ZWIDE", customer(7, NAME="new"))
        tx.document("DEBI", "7")
    texts = iter(range(1000))

    def restless(function: str, parameters: Mapping[str, Any]) -> None:
        if parameters.get("QUERY_TABLE") == "ZWIDE" and not parameters.get("NO_DATA"):
            text = str(next(texts))
            with sap.store.transaction() as tx:
                tx.update("ZWIDE", customer(7, PART0=text, PART3=text))

    sap.store.before.append(restless)
    (event,) = Reader(sap, tables=["ZWIDE"], enrich={"table": "ZWIDE"}).events()
    assert next(texts) > 10
    assert event["after"] == {"KUNNR": "0000000007", "NAME": "new"}


def test_a_line_that_cannot_be_read_is_a_dead_letter_and_the_others_of_its_row_are_told(sap: Wired) -> None:
    changed(sap, 7, NAME1="Good", WAERS="EUR")
    changed(sap, 7, NAME1="Bad \uffff", WAERS="USD")
    batch = Reader(sap).poll()
    events = [each for changes in batch.changes for each in told(changes)]
    assert [(each["op"], each["changed"]) for each in events] == [("c", []), ("u", ["WAERS"])]
    (reject,) = batch.rejects
    assert (reject.table, reject.reason) == ("customer_changes.ZKNA1", "VALUE_NEW holds what is no character")
    assert json.loads(reject.raw)["TABKEY"] == "1000000000007"


def test_an_amount_follows_its_currency_though_the_document_logs_that_alone(sap: Wired) -> None:
    """Folded field by field, the topic has what the table has."""
    reader, folded = Reader(sap), dict[str, Any]()

    def fold() -> None:
        for event in reader.events():
            folded.update(event["after"])

    changed(sap, 7, NAME1="A")
    changed(sap, 7, UMSAT="123.45", WAERS="EUR")
    changed(sap, 8, NAME1="B")
    fold()
    for currency, amount in (("USD", "123.45"), ("JPY", "12345"), ("KWD", "12.345")):
        changed(sap, 7, WAERS=currency)
        fold()
        assert (folded["WAERS"], folded["UMSAT"]) == (currency, Decimal(amount))
    sap.store.clock.advance(timedelta(seconds=1))
    changed(sap, 7, WAERS="JPY")
    sap.store.clock.advance(timedelta(seconds=1))
    changed(sap, 7, UMSAT="1.00")
    first, last = reader.events()
    assert (first["after"]["WAERS"], first["after"]["UMSAT"]) == ("JPY", Decimal(100))
    assert (last["after"]["UMSAT"], "WAERS" in last["after"]) == (Decimal(100), False)


def test_an_amount_whose_currency_was_changed_before_its_row_was_deleted_is_not_known(sap: Wired) -> None:
    changed(sap, 7, UMSAT="123.45", WAERS="EUR")
    sap.store.clock.advance(timedelta(seconds=1))
    changed(sap, 7, WAERS="JPY")
    sap.store.clock.advance(timedelta(seconds=1))
    with sap.store.transaction() as tx:
        tx.delete("ZKNA1", customer(7))
        tx.document("DEBI", "0000000007")
    create, update, delete = Reader(sap).events()
    assert (create["op"], update["op"], delete["op"]) == ("c", "u", "d")
    assert update["after"] == {"KUNNR": "0000000007", "WAERS": "JPY"}


def test_a_row_whose_amount_nobody_can_look_up_is_a_dead_letter(sap: Wired) -> None:
    """Its key is no text in TABKEY."""
    number = Field("NUMBER", Type("DEC", 5), key=True)
    amount = Field("UMSAT", Type("CURR", 15, 2), reference=("ZODD", "WAERS"))
    fields = (CUSTOMERS.row.fields[0], number, amount, Field("WAERS", Type("CUKY")))
    sap.store.define(Table(Structure("ZODD", fields)))
    with sap.store.transaction() as tx:
        tx.insert("ZODD", {"NUMBER": 1, "UMSAT": "1.00", "WAERS": "EUR"})
    for values in ({"WAERS": "USD"}, {"WAERS": "JPY"}):
        with sap.store.transaction() as tx:
            tx.update("ZODD", {"NUMBER": 1, **values})
            tx.document("DEBI", "1")
    batch = Reader(sap, tables=["ZODD"]).poll()
    (event,) = (event for changes in batch.changes for event in told(changes))
    assert event["after"]["WAERS"] == "USD"
    (reject,) = batch.rejects
    assert "UMSAT" in reject.reason
    assert "WAERS" in reject.reason


def test_leading_zeros_are_kept_unless_they_are_to_go(sap: Wired) -> None:
    changed(sap, 7, NAME1="New")
    (kept,) = Reader(sap).events()
    (stripped,) = Reader(sap, alpha="strip", enrich={"table": "ZKNA1"}).events()
    assert (kept["after"]["KUNNR"], stripped["after"]["KUNNR"]) == ("0000000007", "7")
    assert stripped["after"]["NAME1"] == "New"


@pytest.mark.parametrize("enrich", [{}, {"enrich": {"table": "ZKNA1"}}])
def test_a_key_that_lacks_its_zeros_does_not_become_that_of_another_row(
    sap: Wired, enrich: dict[str, Any]
) -> None:
    """Its delete would be that of the other row."""
    changed(sap, 7, NAME1="Good")
    for write in ("insert", "delete"):
        with sap.store.transaction() as tx:
            getattr(tx, write)("ZKNA1", {"KUNNR": "7", **({"NAME1": "Odd"} if write == "insert" else {})})
            tx.document("DEBI", "7")
        sap.store.clock.advance(timedelta(seconds=1))
    batch = Reader(sap, alpha="strip", **enrich).poll()
    (event,) = (event for changes in batch.changes for event in told(changes))
    assert (event["op"], event["after"]["KUNNR"]) == ("c", "7")
    assert event["after"].get("NAME1", "Good") == "Good"
    assert len(batch.rejects) == 2
    assert all("zeros" in each.reason and each.key is None for each in batch.rejects)


@pytest.mark.parametrize("enrich", [{}, {"enrich": {"table": "ZDATED"}}])
def test_a_row_whose_key_holds_no_date_is_a_dead_letter_and_no_other_waits_for_it(
    sap: Wired, enrich: dict[str, Any]
) -> None:
    """Even where the table is asked whether it is there now: it was created and deleted in one second."""
    until = Field("UNTIL", Type("DATS"), key=True)
    sap.store.define(Table(Structure("ZDATED", (*CUSTOMERS.row.fields[:2], until, Field("NAME", char(9))))))
    for number, day, write in (
        (1, "99991231", "insert"),
        (2, "99999999", "insert"),
        (2, "99999999", "delete"),
    ):
        with sap.store.transaction() as tx:
            getattr(tx, write)("ZDATED", customer(number, UNTIL=day))
            tx.document("DEBI", f"{number}")
    batch = Reader(sap, tables=["ZDATED"], **enrich).poll()
    (event,) = (event for changes in batch.changes for event in told(changes))
    assert event["after"]["KUNNR"] == "0000000001"
    assert {each.reason for each in batch.rejects} == {"UNTIL holds no date"}


def test_changes_of_a_second_that_were_numbered_the_other_way_round_are_told_in_their_order(
    sap: Wired,
) -> None:
    changed(sap, 7, NAME1="A")
    sap.store.clock.advance(timedelta(seconds=1))
    for server, name in ((2, "B"), (1, "C"), (0, "D")):
        with sap.store.transaction(server=server) as tx:
            tx.update("ZKNA1", customer(7, NAME1=name))
            tx.document("DEBI", "0000000007")
    found = Reader(sap).events()
    assert [each["after"].get("NAME1") for each in found] == [None, "B", "C", "D"]


def test_object_ids_are_found_that_are_long_or_have_quotes_or_look_like_an_attack(sap: Wired) -> None:
    names = ["O'HARA", "X" * 90, "X" * 80 + "'Y", "A|B", "{}", "DELETE ME"]
    for at, name in enumerate(names):
        with sap.store.transaction() as tx:
            tx.insert("ZKNA1", customer(at))
            tx.document("DEBI", name)
    assert sorted(each["objectid"] for each in Reader(sap).events()) == sorted(names)


def test_the_lines_of_many_documents_are_asked_for_together(
    sap: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "monotonic", lambda: 0.0)
    for number in range(100):
        changed(sap, number, NAME1="Old")
    reader, calls, count = Reader(sap), len(sap.calls), 0
    while count < 100:
        count += reader.poll().rows
    assert len(sap.calls) - calls < 60


def test_a_poll_takes_on_no_more_documents_than_it_has_time_for(
    sap: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]

    def slow(_: str, parameters: Mapping[str, Any]) -> None:
        clock[0] += 5.0 * (parameters.get("QUERY_TABLE") == "CDPOS")

    sap.store.before.append(slow)
    monkeypatch.setattr(pace, "monotonic", lambda: clock[0])
    for number in range(150):
        changed(sap, number)
        sap.store.clock.advance(timedelta(seconds=1))
    reader, counts = Reader(sap), list[int]()
    while sum(counts) < 150:
        counts.append(reader.poll().rows)
    assert counts[0] <= 20
    assert counts[1] < counts[0]


def test_that_there_are_too_many_documents_to_look_at_is_seen_by_one_call(
    sap: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Years are divided many times until a part of them has no more."""
    monkeypatch.setattr(look, "MOST_AT_ONCE", 10)
    monkeypatch.setattr(look, "monotonic", lambda: 0.0)
    asked: list[int] = []

    def watch(_: str, parameters: Mapping[str, Any]) -> None:
        if parameters.get("QUERY_TABLE") == "CDHDR" and not parameters.get("NO_DATA"):
            asked.append(parameters["ROWCOUNT"])

    for number in range(100):
        changed(sap, number)
        sap.store.clock.advance(timedelta(days=1))
    sap.store.before.append(watch)
    reader, more, divided = Reader(sap), True, 0
    while more:
        asked.clear()
        more = reader.poll().more
        divided = max(divided, asked.count(11))
        assert len(asked) - asked.count(11) <= 1  # of what is not too much, all is read
    assert divided > 3


def test_a_class_that_is_not_there_says_so(sap: Wired) -> None:
    with pytest.raises(PermanentError, match="no object class DEBIX"):
        stream(sap, classes=["DEBIX"])


def test_without_the_right_to_tcdob_the_tables_must_be_named(sap: Wired) -> None:
    sap.store.grants.denied_tables.add("TCDOB")
    with pytest.raises(PermanentError, match="name them under `tables`"):
        stream(sap)
    assert len(stream(sap, tables=["ZKNA1"]).tables()) == 1


def test_a_table_that_the_dictionary_does_not_know_is_named(sap: Wired) -> None:
    sap.store.load("TCDOB", [{"OBJECT": "DEBI", "TABNAME": "ZGONE"}])
    with pytest.raises(PermanentError, match=r"ZGONE.*name those to be read under `tables`"):
        stream(sap)
    with pytest.raises(PermanentError, match=r"ZGONE.*spell it as SE11 does"):
        stream(sap, tables=["ZGONE"])


def test_a_table_that_is_not_logged_cannot_be_read_beside(sap: Wired) -> None:
    with pytest.raises(PermanentError, match="none of the tables that are logged"):
        stream(sap, enrich={"table": "T001"})


@pytest.mark.parametrize("position", [{}, [], {"mode": "table"}, {"mode": "change_documents", "floor": "x"}])
def test_a_position_of_another_mode_is_refused(sap: Wired, position: Any) -> None:
    with pytest.raises(PermanentError, match="is not one of change_documents mode"):
        stream(sap).check(position)


def test_a_resnapshot_brings_the_rows_of_the_tables_but_for_those_that_are_yet_to_come(sap: Wired) -> None:
    sap.store.load("ZKNA1", [customer(number, NAME1=f"Old {number}") for number in range(5)])
    sap.store.load("ZKNVV", [customer(1, VKORG="1000")])
    reader = Reader(sap)
    reader.events()
    changed(sap, 9, NAME1="New")
    place, rows = None, list[tuple[str, str]]()
    while place is None or place["table"]:
        batch = reader.mode.reread(sap.it, reader.position, place, {}, Ask(rows=2))
        rows += [(each["table"], each["after"]["KUNNR"]) for some in batch.changes for each in told(some)]
        assert all(some.op is Op.READ for some in batch.changes)
        place = json.loads(json.dumps(batch.position))
    tables = ["customer_changes.ZKNA1"] * 5 + ["customer_changes.ZKNVV"]
    assert sorted(rows) == list(zip(tables, [f"{number:010}" for number in (0, 1, 2, 3, 4, 1)], strict=True))
    assert [each["objectid"] for each in reader.events()] == ["0000000009"]


def test_a_resnapshot_keeps_within_ranges_of_the_key(sap: Wired) -> None:
    sap.store.load("ZKNA1", [customer(number) for number in range(5)])
    within = {"KUNNR": ("0000000002", "0000000003")}
    batch = stream(sap, tables=["ZKNA1"]).reread(sap.it, None, None, within, Ask())
    found = [row["KUNNR"] for row in batch.changes[0].rows.to_pylist()]
    assert sorted(found) == ["0000000002", "0000000003"]


def test_objects_may_be_told_by_a_function(sap: Wired) -> None:
    customers = Customers(sap.store)
    sap.store.load("TCDOB", [{"OBJECT": "DEBI", "TABNAME": name} for name in ("KNA1", "KNB1")])
    detail = {"function": "BAPI_CUSTOMER_GETDETAIL2", "parameters": {"CUSTOMERNO": "OBJECTID"}}
    reader = Reader(sap, enrich=detail)

    def objects() -> list[tuple[str, str, str | None]]:
        found = [each for each in reader.events() if each["table"] == "customer_changes.object"]
        names = [(each["after"]["CUSTOMERADDRESS"] or {}).get("NAME") for each in found]
        keys = [(each["op"], each["after"]["OBJECTID"]) for each in found]
        return [(*key, name) for key, name in zip(keys, names, strict=True)]

    customers.create(7, NAME1="Old")
    customers.change(7, NAME1="New")
    assert objects() == [("c", "0000000007", "New")]
    customers.change(7, NAME1="Newer")
    assert objects() == [("u", "0000000007", "Newer")]
    customers.delete(7)
    assert objects() == [("d", "0000000007", None)]


def test_a_function_that_objects_were_not_told_by_has_a_past_that_is_not_left_out_in_silence(
    sap: Wired,
) -> None:
    detail = {"function": "BAPI_CUSTOMER_GETDETAIL2", "parameters": {"CUSTOMERNO": "OBJECTID"}}
    alone = {**ALONE, "tables": ["KNA1"]}
    Customers(sap.store).create(7, NAME1="Old")
    reader = Reader(sap, **alone)
    assert reader.events()
    reader.options = {**alone, "enrich": detail}
    reader.restart()
    with pytest.raises(PermanentError, match="without enrich BAPI_CUSTOMER_GETDETAIL2 "):
        reader.poll()
    assert reader.position is not None
    del reader.position["of"]
    reader.restart()
    assert not reader.events()
    reader.options = alone
    reader.restart()
    assert not reader.events()


BERLIN = ZoneInfo("Europe/Berlin")


def _times(reader: Reader) -> list[datetime | None]:
    reader.sap.it.fresh()
    batch = reader.poll()
    stamps = [each for changes in batch.changes if changes.ts is not None for each in changes.ts.to_pylist()]
    return [None if each is None else datetime.fromtimestamp(each / 1000, UTC) for each in stamps]


@pytest.mark.parametrize("denied", ["", "TTZCU"])
def test_times_of_the_other_half_of_the_year_are_right_or_none(sap: Wired, denied: str) -> None:
    sap.store.clock.zone = BERLIN
    sap.store.grants.denied_tables.add(denied)
    winter, summer = datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 7, 1, 12, tzinfo=UTC)
    for at, moment in enumerate((winter, summer)):
        sap.store.clock.set(moment)
        changed(sap, at, NAME1="A")
    reader = Reader(sap)

    sap.store.clock.set(summer + timedelta(seconds=1))
    assert _times(reader) == ([winter, summer] if not denied else [None, None])
    sap.store.clock.advance(timedelta(seconds=60))
    changed(sap, 3, NAME1="A")
    sap.store.clock.advance(timedelta(seconds=60))
    assert _times(reader) == [summer + timedelta(seconds=61)]


@pytest.mark.parametrize("denied", ["", "TTZCU"])
def test_a_time_just_before_the_clock_leaps_is_not_an_hour_off(sap: Wired, denied: str) -> None:
    sap.store.clock.zone = BERLIN
    sap.store.grants.denied_tables.add(denied)
    sap.store.clock.set(datetime(2026, 3, 29, 0, 50, tzinfo=UTC))
    reader = Reader(sap)
    assert _times(reader) == []
    written = datetime(2026, 3, 29, 0, 59, 58, tzinfo=UTC)
    sap.store.clock.set(written)
    changed(sap, 1, NAME1="A")
    sap.store.clock.advance(timedelta(seconds=20))

    assert _times(reader) == ([written] if not denied else [None])


@pytest.mark.parametrize("column", [Field("GUID", Type("RAW", 16)), Field("LONG", char(600))])
def test_a_table_that_no_reader_can_read_whole_has_its_documents_told(sap: Wired, column: Field) -> None:
    key = (Field("MANDT", Type("CLNT"), key=True), Field("PARTNER", char(10), key=True))
    sap.store.define(Table(Structure("ZPARTNER", (*key, Field("NAME", char(30)), column))))
    sap.store.load("TCDOB", [{"OBJECT": "BUPA", "TABNAME": "ZPARTNER"}])
    reader = Reader(sap, classes=["BUPA"])
    with sap.store.transaction() as tx:
        tx.insert("ZPARTNER", {"PARTNER": "1", "NAME": "x"})
        tx.document("BUPA", "1")
        tx.update("ZPARTNER", {"PARTNER": "1", "NAME": "y"})
        tx.document("BUPA", "1")
        tx.delete("ZPARTNER", {"PARTNER": "1"})
        tx.document("BUPA", "1")

    events = reader.events()

    assert [each["op"] for each in events] == ["c", "u", "d"]
    assert events[1]["after"] == {"PARTNER": "1", "NAME": "y"}
    with pytest.raises(PermanentError, match=column.name):
        stream(sap, classes=["BUPA"], enrich={"table": "ZPARTNER"})
