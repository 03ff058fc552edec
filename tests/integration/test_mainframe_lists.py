"""Lists of many pages: complete scans, whatever the host does while they are read."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from mfmock.core.keys import Key

from bridge.contract import Ask, Caveat, Emits, Scan
from bridge.errors import ConfigError, PermanentError, TransientError
from bridge.testing.mainframe import Host, TwoWrites, customer, transactions
from bridge.testing.mainframe.conversation import Conversation
from bridge.testing.mainframe.datastream import Drawing
from bridge.testing.mainframe.options import INQUIRY, LIST, MAPS, PASSWORD_VARIABLE
from connectors.mainframe import details, scans
from connectors.mainframe.doubled import Doubled
from connectors.mainframe.fitted import Row
from tests.integration.mainframe_streams import DETAILS, TRANSPORTS, configured, keys, opened, scan

CUSTOMERS = {"customers": LIST}
OPENED = {name: each for name, each in DETAILS.items() if name != "mark"}
NUMBERS = [*range(10, 310, 10)]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with Host(count=30, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        yield host


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_list_of_300_customers_is_read_to_its_end(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Host() as host, monkeypatch.context() as patched:
        patched.setenv(PASSWORD_VARIABLE, host.password)
        with opened(host, CUSTOMERS, transport=transport) as connector:
            read = scan(connector, "customers")
    assert read.column("id") == [*range(10, 3010, 10)]
    assert read.rows[0] == {
        "id": 10,
        "name": "BERGER, BRAM",
        "balance": Decimal("-9208.07"),
        "status": "ACTIVE",
        "mark": 1,
    }
    assert read.rejects == []
    assert read.marks[-1] in (Scan.ONLY, Scan.LAST)


def test_a_list_paged_by_position_asks_for_a_second_scan_before_a_delete(host: Host) -> None:
    streams = {"customers": LIST, "by_key": LIST | {"paging": "key"}}
    with opened(host, streams) as connector:
        by_position, by_key = connector.discover()
    assert (by_position.emits, by_position.confirms, by_key.confirms) == (Emits.IMAGES, 2, 1)
    assert by_position.tables[0].key == ("id",)
    assert by_position.identity == f"127.0.0.1:{host.port}"


def test_the_typed_column_is_not_published(host: Host) -> None:
    with opened(host, {"customers": DETAILS}) as connector:
        (stream,) = connector.discover()
    assert "select" not in stream.tables[0].schema.names


def test_a_scan_goes_on_where_the_last_poll_ended(host: Host) -> None:
    with opened(host, CUSTOMERS) as connector:
        read = scan(connector, "customers", rows=7)
    assert read.marks == [Scan.FIRST, *[Scan.MORE] * (len(read.marks) - 2), Scan.LAST]
    assert len(read.marks) > 2
    assert read.column("id") == NUMBERS
    assert read.batches[-1].position == scans.COMPLETE


def test_a_scan_that_was_lost_begins_anew(host: Host) -> None:
    with opened(host, CUSTOMERS) as connector:
        (stream,) = connector.discover()
        middle = connector.poll(stream, None, Ask(rows=1)).position
    with opened(host, CUSTOMERS) as connector:
        assert connector.poll(stream, middle, Ask(rows=1)).scan is Scan.FIRST


def test_one_scan_at_a_time(host: Host) -> None:
    with opened(host, {"customers": LIST, "again": LIST}) as connector:
        customers, again = connector.discover()
        first = connector.poll(customers, None, Ask(rows=1))
        waits = connector.poll(again, None, Ask())
        assert (waits.rows, waits.scan, waits.more, waits.position) == (0, None, True, None)
        rest = connector.poll(customers, first.position, Ask())
        assert rest.scan is Scan.LAST
        assert connector.poll(again, None, Ask()).rows == 30


def test_a_scan_that_nobody_asks_for_makes_room(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "REST_S", 0.0)
    with opened(host, {"customers": LIST, "again": LIST}) as connector:
        customers, again = connector.discover()
        first = connector.poll(customers, None, Ask(rows=1))
        assert connector.poll(again, None, Ask()).rows == 30
        assert connector.poll(customers, first.position, Ask()).scan in (Scan.FIRST, Scan.ONLY)


# -- pages that tell their number

NUMBERED: dict[str, Any] = {"page": {"row": 1, "text": "PAGE N"}}
FIRST: dict[str, Any] = {"first": [{"row": 1, "pattern": r"PAGE +1\b"}]}
BY_PAGE = pytest.mark.parametrize("table", [NUMBERED, FIRST], ids=["by its number", "by its marker"])


@pytest.mark.parametrize("transport", TRANSPORTS)
@BY_PAGE
def test_a_host_that_begins_at_the_page_that_was_left_is_turned_back(
    host: Host, transport: str, table: dict[str, Any]
) -> None:
    host.switches.resumes = True
    options: dict[str, Any] = {"screens": _screens(**table), "maps": [], "transport": transport}
    for _ in range(2):
        with opened(host, CUSTOMERS, **options) as connector:
            (stream,) = connector.discover()
            assert connector.poll(stream, None, Ask(rows=12)).scan is Scan.FIRST
            host.cut()
        with opened(host, CUSTOMERS, **options) as connector:
            assert scan(connector, "customers").column("id") == NUMBERS


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_page_before_the_last_one_is_not_whole_because_it_is_as_long(transport: str, host: Host) -> None:
    """The last page is the first one seen: how many rows a page that goes on has is not known by it."""
    host.switches.resumes = True
    for number in NUMBERS[8:]:
        host.delete(f"{number:08}")
    options: dict[str, Any] = {"screens": _screens(**NUMBERED), "maps": [], "transport": transport}
    with opened(host, {"customers": LIST | {"paging": "key"}}, settle="60ms", **options) as connector:
        assert scan(connector, "customers").column("id") == NUMBERS[:8]
        host.switches.hesitant = TwoWrites(after_ms=150, unlock=True, row=8, until=21)
        host.switches.hesitate = 3  # the cleared screen, the last page, and the one before
        assert scan(connector, "customers").column("id") == NUMBERS[:8]
        assert not host.switches.hesitate


@BY_PAGE
def test_a_scan_that_cannot_begin_at_the_first_page_fails(host: Host, table: dict[str, Any]) -> None:
    host.switches.resumes, host._company.left = True, (3, 10)
    options: dict[str, Any] = {"screens": _screens(**table, previous="pf9"), "maps": [], "timeout": "500ms"}
    with (
        opened(host, CUSTOMERS, **options) as connector,
        pytest.raises(TransientError, match=r"back to page 1 by pf9: .*PAGE 3.*leaves it as it was"),
    ):
        scan(connector, "customers")


def test_a_first_page_that_is_too_far_back_fails_the_scan(host: Host) -> None:
    host.switches.resumes, host._company.left = True, (5, 20)
    options: dict[str, Any] = {"screens": _screens(**NUMBERED, pages=3), "maps": []}
    with (
        opened(host, CUSTOMERS, **options) as connector,
        pytest.raises(TransientError, match=r"PAGE 2.*not the first page after 3 of them"),
    ):
        scan(connector, "customers")


@pytest.mark.parametrize(
    ("turned", "told"),
    [((2, 0), "it is page 4, not 3"), ((0, 1), "it is page 2, not 3"), ((0, 0), "leaves it as it was")],
    ids=["passed over", "twice", "stays"],
)
def test_pages_that_do_not_come_one_after_the_other_fail_the_scan(
    host: Host, turned: tuple[int, int], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once; and the next scan is a whole one."""
    forward, (numbers, pages), done = transactions.Listing._forward, turned, list[int]()

    def other(self: transactions.Listing, company: Any) -> Any:
        if self.page != 2 or done:
            return forward(self, company)
        done.append(self.page)
        offset = self.offset + (numbers or pages) * company.page_size
        return transactions.Listing.at(company, self.page + numbers, offset)

    monkeypatch.setattr(transactions.Listing, "_forward", other)
    options: dict[str, Any] = {"screens": _screens(**NUMBERED), "maps": [], "timeout": "500ms"}
    with opened(host, CUSTOMERS, **options) as connector:
        with pytest.raises(TransientError, match=f"page 3: .*{told}"):
            scan(connector, "customers")
        assert scan(connector, "customers").column("id") == NUMBERS


def test_a_page_without_its_number_is_none(host: Host) -> None:
    screens = _screens(page={"row": 1, "text": "PAGE N OF M"})
    with (
        opened(host, CUSTOMERS, screens=screens, maps=[], timeout="500ms") as connector,
        pytest.raises(TransientError, match="it shows no number of its page"),
    ):
        scan(connector, "customers")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("paging", ["key", "position"])
@pytest.mark.parametrize("count", [0, 3, 10, 12])
def test_the_number_of_the_last_page_ends_a_list(
    transport: str, paging: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    screens = _screens(page={"row": 1, "text": "PAGE N OF M"}, end=[], more=[])
    options: dict[str, Any] = {"screens": screens, "maps": [], "transport": transport, "timeout": "30s"}
    with Host(count=count, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        host.switches.end_marker, host.switches.last_page = False, True
        with opened(host, {"customers": LIST | {"paging": paging}}, **options) as connector:
            (stream,) = connector.discover()
            read = scan(connector, "customers")
    assert Caveat.NO_DELETES not in stream.caveats
    assert (sorted(read.column("id")), read.rejects) == (NUMBERS[:count], [])
    assert read.marks[-1] in (Scan.ONLY, Scan.LAST)


def test_a_page_behind_the_last_one_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    paint = transactions.Listing.draw

    def fewer(self: transactions.Listing, drawing: Any, desk: Any) -> None:
        paint(replace(self, pages=2 if self.page == 1 else 1), drawing, desk)

    monkeypatch.setattr(transactions.Listing, "draw", fewer)
    screens = _screens(page={"row": 1, "text": "PAGE N OF M"}, end=[], more=[])
    options: dict[str, Any] = {"screens": screens, "maps": [], "timeout": "500ms"}
    with Host(count=15, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        host.switches.last_page = True
        with (
            opened(host, {"customers": LIST | {"paging": "key"}}, **options) as connector,
            pytest.raises(TransientError, match="it is page 2 of 1"),
        ):
            scan(connector, "customers")


@pytest.mark.parametrize("count", [3, 10, 12])
def test_a_numbered_list_ends_where_the_host_says_so_once_the_next_page_is_asked_for(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {
        "screens": _screens(**LAST_AFTER_NEXT, **NUMBERED),
        "maps": [],
        "timeout": "1s",
    }
    with Host(count=count, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        host.switches.end_marker = False
        with opened(host, {"customers": LIST | {"paging": "key"}}, **options) as connector:
            assert scan(connector, "customers").column("id") == NUMBERS[:count]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("row", [5, 7, 20])
def test_a_numbered_page_painted_over_the_one_before_is_read_whole(
    host: Host, transport: str, row: int
) -> None:
    """Its number is there before its rows."""
    streams = {"customers": LIST | {"paging": "key"}}
    options: dict[str, Any] = {"screens": _screens(**NUMBERED), "maps": [], "transport": transport}
    with opened(host, streams, **options, settle="60ms") as connector:
        host.switches.two_writes = TwoWrites(after_ms=150, overwrite=True, row=row)
        read = scan(connector, "customers")
    assert (read.column("id"), read.rejects) == (NUMBERS, [])


def test_rows_are_opened_on_pages_that_tell_their_number(host: Host) -> None:
    options: dict[str, Any] = {"screens": _screens(page={"row": 1, "text": "PAGE N OF M"}), "maps": []}
    host.switches.last_page = True
    with opened(host, {"customers": OPENED}, **options) as connector:
        read = scan(connector, "customers")
    assert (read.column("id"), read.rejects) == (NUMBERS, [])


# -- others come and go while it is read


def test_rows_that_come_between_pages_are_read_once(host: Host) -> None:
    def insert(page: int) -> list[Any]:
        return [customer(page)] if page <= 4 else []

    host.switches.insert_between_pages = insert
    with opened(host, CUSTOMERS) as connector:
        read = scan(connector, "customers")
    assert len(read.column("id")) == len(set(read.column("id")))
    assert set(NUMBERS) <= set(read.column("id"))


def test_a_row_that_was_there_all_the_time_is_never_missed_twice(host: Host) -> None:
    """Whoever is deleted on a page before takes the first row of the next page out of sight."""
    with opened(host, CUSTOMERS) as connector:
        scan(connector, "customers")
        scan(connector, "customers")
        gone = {20}
        host.switches.delete_between_pages = lambda page: ["00000020"] if page == 3 else []
        read = scan(connector, "customers")
    assert set(NUMBERS) - set(read.column("id")) <= gone


@pytest.mark.parametrize("page", [2, 4, 6])
def test_even_a_first_scan_is_complete_while_rows_go(host: Host, page: int) -> None:
    host.switches.delete_between_pages = lambda number: ["00000010"] if number == page else []
    with opened(host, CUSTOMERS) as connector:
        read = scan(connector, "customers")
    assert set(NUMBERS) - set(read.column("id")) <= {10}


def test_what_stays_away_is_looked_for_twice_and_then_believed(host: Host) -> None:
    with opened(host, CUSTOMERS) as connector:
        for _ in range(2):
            scan(connector, "customers")
        pages = host.counts["pages"]
        scan(connector, "customers")
        once = host.counts["pages"] - pages
        host.delete("00000150")
        counts = []
        for _ in range(3):
            pages = host.counts["pages"]
            assert len(scan(connector, "customers").rows) == 29
            counts.append(host.counts["pages"] - pages)
    assert counts == [2 * once, 2 * once, once]


def test_a_row_that_changes_between_two_sights_counts_as_it_is_later(host: Host) -> None:
    def change_and_insert(page: int) -> list[Any]:
        if page != 2:
            return []
        host.change("00000050", status="GONE")
        return [customer(11)]

    host.switches.insert_between_pages = change_and_insert
    with opened(host, CUSTOMERS) as connector:
        read = scan(connector, "customers")
    assert [row["status"] for row in read.rows if row["id"] == 50] == ["GONE"]


def test_a_list_in_another_order_is_the_same_list(host: Host) -> None:
    with opened(host, CUSTOMERS) as connector:
        before = scan(connector, "customers")
        host.switches.reorder = lambda one: one.name
        after = scan(connector, "customers")
    assert sorted(before.rows, key=lambda row: row["id"]) == sorted(after.rows, key=lambda row: row["id"])


def test_an_empty_list_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    with Host(count=0) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        with opened(host, CUSTOMERS) as connector:
            read = scan(connector, "customers")
    assert (read.rows, read.marks) == ([], [Scan.ONLY])


# -- the end


def test_without_its_end_marker_a_list_is_not_complete(host: Host) -> None:
    host.switches.end_marker = False
    with (
        opened(host, CUSTOMERS, timeout="1s") as connector,
        pytest.raises(
            TransientError, match=r"page 1: expected custlist, seen 'CUSTOMER LIST.*neither its end"
        ),
    ):
        scan(connector, "customers")


def test_a_page_that_shows_its_end_and_a_sign_of_more_is_none(host: Host) -> None:
    """The map's `end` is a word of each page's footer: its first page would be the whole list."""
    screens = _screens(end=[{"text": "FORWARD"}])
    with (
        opened(host, CUSTOMERS, screens=screens, maps=[], timeout="1s") as connector,
        pytest.raises(TransientError, match=r"page 1: expected custlist, .*it shows both an `end`"),
    ):
        scan(connector, "customers")


@pytest.mark.parametrize(
    ("table", "doubtful"),
    [
        ({}, False),
        ({"end": [{"text": "END"}]}, False),
        ({"end": [{"text": "END"}], "more": []}, True),
        ({"end": [{"text": "END"}], "more": [], "page": {"row": 1, "text": "PAGE N OF M"}}, False),
    ],
)
def test_doctor_tells_of_an_end_that_any_line_may_show(
    host: Host,
    table: dict[str, Any],
    doubtful: bool,  # noqa: FBT001
) -> None:
    with opened(host, CUSTOMERS, screens=_screens(**table), maps=[]) as connector:
        told = [finding.text for finding in connector.check() if finding.stream == "customers"]
    assert ["`end` for any line" in text for text in told] == [True] * doubtful


LAST_AFTER_NEXT: dict[str, Any] = {"rows": "5-9", "end": [{"row": 23, "text": "NO MORE PAGES"}], "more": []}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("paging", ["key", "position"])
@pytest.mark.parametrize("count", [3, 10, 12])
def test_a_list_ends_where_the_host_says_so_once_the_next_page_is_asked_for(
    transport: str, paging: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing on the last page tells it from one that is painted in part."""
    options: dict[str, Any] = {"screens": _screens(**LAST_AFTER_NEXT), "maps": [], "transport": transport}
    with Host(count=count, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        host.switches.end_marker = False
        streams = {"customers": LIST | {"paging": paging}, "opened": OPENED | {"paging": paging}}
        with opened(host, streams, timeout="1s", **options) as connector:
            for stream in streams:
                read = scan(connector, stream)
                assert sorted(read.column("id")) == NUMBERS[:count]
                assert (read.rejects, read.marks[-1]) == (
                    [],
                    Scan.ONLY if len(read.marks) == 1 else Scan.LAST,
                )


def test_a_page_that_is_not_full_is_the_last_one_or_none(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that the host never paints are missed by no scan that deletes."""
    draw = transactions.Listing._line

    def without(self: Any, drawing: Any, row: int, customer: Any, company: Any) -> None:
        if (self.page, row) not in {(2, 8), (2, 9)}:
            draw(self, drawing, row, customer, company)

    monkeypatch.setattr(transactions.Listing, "_line", without)
    host.switches.end_marker = False
    options: dict[str, Any] = {"screens": _screens(**LAST_AFTER_NEXT), "maps": [], "timeout": "1s"}
    with (
        opened(host, {"customers": LIST | {"paging": "key"}}, **options) as connector,
        pytest.raises(TransientError, match=r"page 3: .*the page before it was not full"),
    ):
        scan(connector, "customers")


def test_more_pages_than_the_map_allows_park_the_stream(host: Host) -> None:
    endless = itertools.count(1000)
    host.switches.insert_between_pages = lambda _: [customer(next(endless)) for _ in range(5)]
    told = r"page 21: .*there is no end after 20 pages"
    shorter = _screens(pages=20)
    with (
        opened(host, CUSTOMERS, screens=shorter, maps=[]) as connector,
        pytest.raises(PermanentError, match=told),
    ):
        scan(connector, "customers")


def test_a_list_without_end_markers_ends_where_the_page_stays_and_deletes_nothing(host: Host) -> None:
    host.switches.end_marker = False
    with opened(host, CUSTOMERS, screens=_screens(end=[], more=[]), maps=[]) as connector:
        (stream,) = connector.discover()
        assert Caveat.NO_DELETES in stream.caveats
        read = scan(connector, "customers")
    assert read.column("id") == NUMBERS
    assert set(read.marks) == {None}


def _pushed_to(
    monkeypatch: pytest.MonkeyPatch, push: Callable[[Host], transactions.Listing], transport: str
) -> list[int]:
    """Of six pages; behind the second one, between two polls, the host paints what nobody asked for."""
    monkeypatch.setattr(scans, "SLICE_S", 0.0)
    read: list[int] = []
    with Host(count=30, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        streams = {"customers": LIST | {"paging": "key"}}
        with opened(host, streams, transport=transport) as connector:
            (stream,) = connector.discover()
            batch = connector.poll(stream, None, Ask(rows=1))
            for polls in itertools.count(1):
                read += [row["id"] for change in batch.changes for row in change.rows.to_pylist()]
                if not batch.more:
                    assert batch.scan is Scan.LAST
                    return read
                if polls == 2:
                    host.push(push(host))
                    time.sleep(0.1)
                batch = connector.poll(stream, batch.position, Ask(rows=1))
    raise AssertionError


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_another_page_that_the_host_turns_to_by_itself_fails_the_scan(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TransientError, match=r"page 2, once more: .*it is another page of the list"):
        _pushed_to(monkeypatch, lambda host: transactions.Listing.at(host._company, 4, 15), transport)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_page_that_the_host_paints_anew_is_read_anew_and_is_no_further_one(
    transport: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def changed(host: Host) -> transactions.Listing:
        for number in NUMBERS[5:10]:
            host.change(f"{number:08}", balance=Decimal("1.00"))
        return transactions.Listing.at(host._company, 2, 5)

    read = _pushed_to(monkeypatch, changed, transport)
    assert read == [*NUMBERS[:10], *NUMBERS[5:30]]
    assert "rows have the key" not in caplog.text


def test_a_clock_on_the_screen_keeps_no_list_from_its_end(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint, ticks = transactions.Listing.draw, itertools.count()

    def with_clock(self: transactions.Listing, drawing: Any, desk: Any) -> None:
        paint(self, drawing, desk)
        drawing.text(2, 60, f"12:00:{next(ticks) % 60:02}")

    monkeypatch.setattr(transactions.Listing, "draw", with_clock)
    host.switches.end_marker = False
    with opened(host, CUSTOMERS, screens=_screens(end=[], more=[], pages=10), maps=[]) as connector:
        assert scan(connector, "customers").column("id") == NUMBERS


# -- rows that are none


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_clock_that_goes_on_is_rest(host: Host, transport: str) -> None:
    """A host that has painted a screen in two writes is given five times `settle` ever after."""
    host.switches.clock_s, host.switches.hesitate = 0.3, 3
    streams = {"customers": LIST | {"paging": "key"}}
    with opened(host, streams, transport=transport, timeout="4s", settle="200ms") as connector:
        assert scan(connector, "customers").column("id") == NUMBERS


def test_a_field_that_cannot_be_read_is_a_reject_with_its_key(host: Host) -> None:
    host.switches.shown = {("00000120", "balance"): "      12.4X "}
    with opened(host, CUSTOMERS) as connector:
        read = scan(connector, "customers")
    (reject,) = read.rejects
    assert reject.key == {"id": 120}
    assert "balance: does not fit the picture" in reject.reason
    assert "12.4X" in str(reject.raw)
    assert 120 not in read.column("id")
    assert len(read.rows) == 29


def test_a_key_that_cannot_be_read_is_a_reject_without_one(host: Host) -> None:
    host.switches.shown = {("00000120", "id"): "0000012X"}
    with opened(host, CUSTOMERS) as connector:
        read = scan(connector, "customers")
    (reject,) = read.rejects  # though the first scan has two passes
    assert reject.key is None
    assert len(read.rows) == 29


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("text", ["MSG OPERATOR SAVE ALL YOUR WORK NOW", "MSG OPERATOR  PLEASE SIGN OFF"])
def test_a_message_over_a_row_is_no_row_where_any_text_is_a_key(
    transport: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    screens = _screens()
    screens["custlist"]["table"]["columns"] |= {
        name: {"column": column, "length": length}
        for name, column, length in (("id", 6, 8), ("balance", 42, 12), ("mark", 66, 6))
    }
    with Host(count=12) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        with opened(host, CUSTOMERS, screens=screens, maps=[], transport=transport) as connector:
            host.switches.broadcast_text, host.switches.broadcast_ms, host.switches.broadcast = text, 5, 2
            read = scan(connector, "customers")
    assert {*read.column("id")} <= {f"{number:08}" for number in NUMBERS}
    assert [(reject.key, text[4:12] in str(reject.raw)) for reject in read.rejects] == [(None, True)]


def test_a_page_of_bad_lines_is_no_page_of_the_list(host: Host) -> None:
    host.switches.shown = {(f"{number:08}", "balance"): "???" for number in NUMBERS[5:10]}
    told = r"page 2: .*5 of 5 lines do not fit the map: balance"
    with opened(host, CUSTOMERS) as connector, pytest.raises(TransientError, match=told):
        scan(connector, "customers")


def test_what_the_map_hides_is_neither_told_nor_kept(host: Host, tmp_path: Path) -> None:
    host.switches.shown = {(f"{number:08}", "balance"): "???" for number in NUMBERS}
    screens = _screens()
    screens["custlist"]["table"]["columns"]["name"]["hidden"] = True
    screens["custlist"]["fields"]["title"] = {"row": 1, "column": 2, "length": 13, "hidden": True}
    with (
        opened(host, CUSTOMERS, tmp_path, screens=screens, maps=[]) as connector,
        pytest.raises(TransientError, match="lines do not fit the map") as failure,
    ):
        scan(connector, "customers")
    (file,) = tmp_path.iterdir()
    told = str(failure.value) + file.read_text()
    assert "00000010" in told
    assert "BERGER" not in told
    assert "CUSTOMER LIST" not in told


def test_a_message_about_rows_on_a_page_of_the_list_takes_the_deletes_from_the_scan(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows may be left out; after a row that is denied its message may still stand on the next page."""
    at = transactions.Listing.at

    def noted(company: Any, page: int, offset: int, note: str = "") -> Any:
        return at(company, page, offset, "RECORDS IN USE" if page == 3 else note)

    monkeypatch.setattr(transactions.Listing, "at", staticmethod(noted))
    errors = [{"row": 23, "pattern": "RECORDS? IN USE", "class": "reject"}]
    with opened(host, CUSTOMERS, errors=errors) as connector:
        read = scan(connector, "customers")
    assert [(reject.key, reject.reason) for reject in read.rejects] == [(None, "page 3: RECORDS IN USE")]
    assert read.column("id") == NUMBERS


# -- half-painted pages


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("overwrite", [False, True])
def test_pages_painted_in_two_writes_are_read_whole(host: Host, transport: str, overwrite: bool) -> None:  # noqa: FBT001
    host.switches.two_writes = TwoWrites(after_ms=15, unlock=True, overwrite=overwrite, row=7)
    with opened(host, CUSTOMERS, transport=transport) as connector:
        read = scan(connector, "customers")
    assert read.column("id") == NUMBERS
    assert read.rejects == []


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("absent", [False, True], ids=["above its rows", "by what is absent"])
def test_a_page_that_ends_is_not_believed_half_painted(
    transport: str,
    absent: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its end shows before its last rows do, and no line below them is mapped."""
    row = 21 if absent else 2
    monkeypatch.setattr(transactions, "END_ROW", row)
    end = {"row": row, "text": "MORE" if absent else "END OF LIST", "absent": absent}
    screens = _screens(end=[end], more=[{"row": row, "text": "MORE"}])
    del screens["custlist"]["identify"][2:]
    with Host(count=12) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        with opened(
            host, CUSTOMERS, screens=screens, maps=[], transport=transport, settle="200ms", timeout="10s"
        ) as connector:
            host.switches.two_writes = TwoWrites(after_ms=300, unlock=True, row=8)
            assert scan(connector, "customers").column("id") == NUMBERS[:12]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_full_page_does_not_end_before_the_line_that_would_say_more_is_painted(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    screens = _screens(end=[{"row": 21, "text": "MORE", "absent": True}], more=[{"row": 21, "text": "MORE"}])
    del screens["custlist"]["identify"][2:]
    with Host(count=30) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        with opened(
            host, CUSTOMERS, screens=screens, maps=[], transport=transport, settle="200ms", timeout="10s"
        ) as connector:
            host.switches.two_writes = TwoWrites(after_ms=300, unlock=True, row=20)
            assert {*scan(connector, "customers").column("id")} == {*NUMBERS}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_page_is_not_believed_half_painted_on_the_way_back_to_it(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its markers at the top, it has all that a page needs before its last rows come."""
    monkeypatch.setattr(transactions, "END_ROW", 2)
    screens = _screens(end=[{"row": 2, "text": "END OF LIST"}], more=[{"row": 2, "text": "MORE"}])
    del screens["custlist"]["identify"][2:]
    with Host(count=4) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        assert back_on_pages_painted_twice(host, 7, screens, transport) == NUMBERS[:4]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_page_that_is_come_back_to_does_not_end_before_the_line_that_would_say_more_is_painted(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    screens = _screens(end=[{"row": 21, "text": "MORE", "absent": True}], more=[{"row": 21, "text": "MORE"}])
    del screens["custlist"]["identify"][2:]
    with Host(count=4, page_size=2) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        assert back_on_pages_painted_twice(host, 20, screens, transport) == NUMBERS[:4]


def back_on_pages_painted_twice(host: Host, row: int, screens: Any, transport: str) -> list[Any]:
    """What a list with details brings; the second write begins in this row."""
    streams = {"customers": DETAILS | {"paging": "key"}}
    options: dict[str, Any] = {"transport": transport, "settle": "150ms", "timeout": "10s"}
    with opened(host, streams, screens=screens, maps=[], **options) as connector:
        host.switches.two_writes = TwoWrites(after_ms=50, unlock=True, row=row)
        read = scan(connector, "customers")
    assert read.rejects == []
    return read.column("id")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_page_that_stood_there_is_not_the_first_where_the_way_to_it_ends_on_the_list_itself(
    host: Host, transport: str
) -> None:
    way = {"goto": [*LIST["goto"], {"press": "pf8", "expect": "custlist"}], "paging": "key"}
    with opened(host, {"customers": LIST | way}, transport=transport) as connector:
        host.switches.early_ms = {"CUSTLIST": 150}
        assert scan(connector, "customers").column("id") == NUMBERS[5:]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("overwrite", [False, True], ids=["erased", "over the page before"])
@pytest.mark.parametrize("row", [5, 7], ids=["all rows", "some rows"])
def test_a_page_whose_frame_is_painted_before_its_rows_is_read_whole(
    transport: str,
    overwrite: bool,  # noqa: FBT001
    row: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Title, marker and footer are there, and the host is at rest for longer than `settle`."""
    with Host(count=22) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        streams = {"customers": LIST | {"paging": "key"}}
        with opened(host, streams, transport=transport, settle="60ms") as connector:
            host.switches.two_writes = TwoWrites(after_ms=150, overwrite=overwrite, row=row, until=21)
            read = scan(connector, "customers")
    assert read.rejects == []
    assert read.column("id") == NUMBERS[:22]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_may_be_painted_in_part_rests_though_nothing_else_does(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Host(count=4) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        streams = {"customers": LIST | {"paging": "key"}}
        with opened(host, streams, transport=transport, settle="0ms") as connector:
            host.switches.two_writes = TwoWrites(after_ms=20, row=5, until=21)
            assert scan(connector, "customers").column("id") == NUMBERS[:4]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "slow",
    [
        {"two_writes": TwoWrites(after_ms=150, overwrite=True, row=7)},
        {"early_ms": {"CUSTLIST": 500}},
    ],
    ids=["painted over", "not painted yet"],
)
def test_the_end_of_a_list_that_is_home_is_not_that_of_its_first_page(
    transport: str, slow: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was left on its last page, whose end marker still stands there while the first one is painted."""
    answer = transactions.Listing.answer

    def topped(self: transactions.Listing, heard: Any, desk: Any) -> Any:
        top = heard.key is Key.PF5
        return transactions.Listing.at(desk.company, 1, 0) if top else answer(self, heard, desk)

    monkeypatch.setattr(transactions.Listing, "answer", topped)
    streams = {"customers": LIST | {"goto": [{"press": "pf5", "expect": "custlist"}], "paging": "key"}}
    home: dict[str, Any] = {"home": "custlist", "home_by": LIST["goto"], "transport": transport}
    with Host(count=22, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        with opened(host, streams, **home, settle="60ms") as connector:
            assert scan(connector, "customers").column("id") == NUMBERS[:22]
            for name, value in slow.items():
                setattr(host.switches, name, value)
            assert scan(connector, "customers").column("id") == NUMBERS[:22]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_last_page_is_not_the_first_where_the_way_to_that_takes_longer_than_the_time(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is `home`, and the keyboard is free while the host thinks of its first page, once."""
    answer = transactions.Listing.answer

    def topped(self: transactions.Listing, heard: Any, desk: Any) -> Any:
        if heard.key is not Key.PF5:
            return answer(self, heard, desk)
        host.switches.early_ms = late.pop() if late else {}
        asyncio.get_running_loop().call_later(0.1, host.switches.early_ms.clear)
        return transactions.Listing.at(desk.company, 1, 0)

    late: list[dict[str, float]] = []
    monkeypatch.setattr(transactions.Listing, "answer", topped)
    streams = {"customers": LIST | {"goto": [{"press": "pf5", "expect": "custlist"}], "paging": "key"}}
    home: dict[str, Any] = {"home": "custlist", "home_by": LIST["goto"], "transport": transport}
    with Host(count=22, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        with opened(host, streams, **home, timeout="700ms") as connector:
            assert scan(connector, "customers").column("id") == NUMBERS[:22]
            late.append({"CUSTLIST": 2000})
            assert scan(connector, "customers").column("id") == NUMBERS[:22]


def test_a_list_of_one_page_that_is_home_is_read_once_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    streams = {"customers": LIST | {"goto": [{"press": "pf7", "expect": "custlist"}], "paging": "key"}}
    with Host(count=4) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        with opened(host, streams, home="custlist", home_by=LIST["goto"], timeout="1s") as connector:
            for _ in range(2):
                assert scan(connector, "customers").column("id") == NUMBERS[:4]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_rows_of_the_page_before_below_those_of_a_shorter_one_are_no_bad_lines(transport: str) -> None:
    with Host(count=8, page_size=6) as host, pytest.MonkeyPatch.context() as patched:
        patched.setenv(PASSWORD_VARIABLE, host.password)
        with opened(host, CUSTOMERS, transport=transport, settle="100ms", timeout="10s") as connector:
            host.switches.two_writes = TwoWrites(after_ms=250, unlock=True, overwrite=True, row=9)
            read = scan(connector, "customers")
    assert read.rejects == []
    assert read.column("id") == NUMBERS[:8]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("table", [{}, {"end": [], "more": []}], ids=["to its end", "without an end"])
def test_pages_are_waited_for_where_the_keyboard_is_free_before_they_come(
    transport: str, table: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Host(count=12, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        host.switches.end_marker = not table
        options: dict[str, Any] = {"screens": _screens(**table), "maps": [], "transport": transport}
        with opened(host, {"customers": LIST | {"paging": "key"}}, **options) as connector:
            host.switches.early_ms = {"CUSTLIST": 400}
            assert scan(connector, "customers").column("id") == NUMBERS[:12]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("table", "first"),
    [
        (NUMBERED, {"row": 4}),
        ({"page": {"row": 1, "text": "PAGE N OF M"}}, {"row": 4}),
        ({}, {"row": 4, "until": 21}),
    ],
    ids=["its number", "its number of pages", "its end"],
)
def test_all_rows_of_the_page_before_are_not_those_of_the_next_whatever_the_frame_says(
    transport: str, table: dict[str, Any], first: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host pauses for longer than is given to what may be painted in part."""
    options: dict[str, Any] = {"screens": _screens(**table), "maps": [], "transport": transport}
    with Host(count=15, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        host.switches.last_page = "OF M" in str(table)
        with opened(host, {"customers": LIST | {"paging": "key"}}, settle="20ms", **options) as connector:
            host.switches.two_writes = TwoWrites(after_ms=300, overwrite=True, **first)
            assert scan(connector, "customers").column("id") == NUMBERS[:15]


@BY_PAGE
def test_a_page_with_all_rows_of_the_one_before_is_believed_once_the_time_is_over(
    table: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many rows as a page has were inserted before it."""
    come = iter(range(1, 6))
    with Host(count=15, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        options: dict[str, Any] = {"screens": _screens(**table), "maps": [], "timeout": "1s"}
        with opened(host, {"customers": LIST | {"paging": "key"}}, **options) as connector:
            host.switches.insert_between_pages = lambda _: [customer(each) for each in come]
            assert scan(connector, "customers").column("id") == NUMBERS[:15]


TEXTS = {"balance": {"column": 42, "length": 12}, "mark": {"column": 66, "length": 6}}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("columns", "lines", "behind"),
    [
        (TEXTS, range(5, 10), 14),
        (TEXTS, range(9, 10), 14),
        ({}, range(5, 10), 64),
        ({}, range(7, 8), 40),
        ({}, range(7, 8), 0),
    ],
    ids=["all texts", "those of one line", "all marks", "a balance", "a key"],
)
def test_values_that_are_blank_beside_others_are_waited_for(
    transport: str, columns: dict[str, Any], lines: range, behind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host paints by columns, with a pause in between."""

    async def by_column(self: Conversation, drawing: Drawing, *_: Any) -> None:
        pieces = drawing._pieces.items()
        first = {at: text for at, text in pieces if at % 80 < behind or at // 80 + 1 not in lines}
        await self._send(replace(drawing, _pieces=first).write(self._erase()))
        await asyncio.sleep(0.15)
        await self._send(drawing.write(self._erase()))

    monkeypatch.setattr(Conversation, "_paint_twice", by_column)
    screens = _screens(rows="5-9")
    screens["custlist"]["table"]["columns"] |= columns
    with Host(count=15, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        streams = {"customers": LIST | {"paging": "key"}}
        options: dict[str, Any] = {"screens": screens, "maps": [], "transport": transport}
        with opened(host, streams, settle="60ms", **options) as connector:
            host.switches.two_writes = TwoWrites()
            read = scan(connector, "customers")
        assert [row["name"] for row in read.rows] == [each.name for each in host.customers.values()]
        assert read.rejects == []


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("lines", [range(5, 10), range(7, 10), range(9, 10), range(5, 6)], ids=str)
def test_values_of_the_page_before_beside_new_keys_are_not_believed(
    transport: str, lines: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host paints by columns: first the keys, and after a pause what is to their right, in some lines.

    The first page comes at a stroke: a host that has paused is known, and waited for, by that.
    """
    former: dict[int, bytes] = {}

    async def by_column(self: Conversation, drawing: Drawing, *_: Any) -> None:
        old = {at: text for at, text in former.items() if at % 80 >= 14 and at // 80 + 1 in lines}
        former.clear()
        former.update(drawing._pieces)
        if old:
            await self._send(replace(drawing, _pieces=former | old).write(self._erase()))
            await asyncio.sleep(0.15)
        await self._send(drawing.write(self._erase()))

    monkeypatch.setattr(Conversation, "_paint_twice", by_column)
    with Host(count=15, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        streams = {"customers": LIST | {"paging": "key"}}
        with opened(host, streams, transport=transport, settle="60ms") as connector:
            host.switches.two_writes = TwoWrites()
            rows = scan(connector, "customers").rows
        told = [(row["id"], row["name"], row["balance"]) for row in rows]
        assert told == [(int(each.id), each.name, each.balance) for each in host.customers.values()]


# -- details


def test_details_are_read_with_the_row(host: Host) -> None:
    with opened(host, {"customers": DETAILS}) as connector:
        read = scan(connector, "customers")
    assert read.column("id") == NUMBERS
    assert read.rows[0]["city"] == "HAMBURG"
    assert read.rows[0]["opened"].isoformat() == "1960-03-24"


def test_only_the_details_of_changed_rows_are_read(host: Host) -> None:
    def changed(_table: Any, keys: pa.RecordBatch, marks: pa.Array) -> pa.Array:
        assert marks.to_pylist() == [1] * len(marks)
        return pa.array([number in (50, 200) for number in keys["id"].to_pylist()])

    with opened(host, {"customers": DETAILS}) as connector:
        read = scan(connector, "customers", changed)
    assert read.column("id") == [50, 200]
    assert sorted(read.seen) == [number for number in NUMBERS if number not in (50, 200)]
    assert host.counts["CUSTDET"] == 2
    for batch in read.batches:
        for changes in batch.changes:
            assert changes.marks is not None
            assert changes.marks.to_pylist() == [1] * changes.rows.num_rows


def test_rows_that_come_while_others_are_opened_are_not_missed(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a delete the rows below move up: the one that was first on the next page is on this one now."""
    monkeypatch.setattr(scans, "SLICE_S", 0.0)  # a row a poll
    inserted = iter([customer(12), customer(13)])
    with opened(host, {"customers": DETAILS}) as connector:
        (stream,) = connector.discover()
        first = connector.poll(stream, None, Ask(rows=1))
        host.delete("00000010")
        host.insert(next(inserted))
        rows, batch = [*first.changes[0].rows["id"].to_pylist()], first
        while batch.more:
            batch = connector.poll(stream, batch.position, Ask(rows=1))
            for changes in batch.changes:
                rows += changes.rows["id"].to_pylist()
    assert set(NUMBERS) <= set(rows)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_row_is_opened_where_it_stands_after_a_pause(
    host: Host, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host has painted the page anew between two polls, and the row's screen does not tell its key."""
    monkeypatch.setattr(scans, "SLICE_S", 0.0)  # a row a poll
    screens = _screens()
    screens["custdet"]["fields"] = {"called": {"label": "NAME:"}}
    streams = {"customers": DETAILS}
    with opened(host, streams, screens=screens, maps=[], transport=transport) as connector:
        (stream,) = connector.discover()
        batch = connector.poll(stream, None, Ask(rows=1))
        host.delete("00000010")
        walk = connector._source._pool.main.walk  # type: ignore[attr-defined]
        for key in ("pf8", "pf7"):
            walk.press(key, "", ())
            walk.unlock("")
        batch = connector.poll(stream, batch.position, Ask(rows=1))
    ((row,),) = [changes.rows.to_pylist() for changes in batch.changes]
    assert (row["id"], row["name"]) == (20, row["called"])


def test_a_row_that_cannot_be_named_and_comes_to_the_page_while_others_are_opened_is_told(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its scan counted as one that missed nothing, and the row as deleted."""
    monkeypatch.setattr(scans, "SLICE_S", 0.0)  # a row a poll
    host.switches.shown = {("00000060", "id"): "0000006X"}  # the first of the second page, as yet
    by_key = {"customers": DETAILS | {"paging": "key"}}
    host.switches.by_key = True
    with opened(host, by_key) as connector:
        (stream,) = connector.discover()
        batch = connector.poll(stream, None, Ask(rows=1))
        host.delete("00000010")
        rejects = [*batch.rejects]
        while batch.more:
            batch = connector.poll(stream, batch.position, Ask(rows=1))
            rejects += batch.rejects
    assert [(each.key, "0000006X" in str(each.raw)) for each in rejects] == [(None, True)]


def test_a_row_that_is_gone_when_it_is_opened_is_not_there(host: Host) -> None:
    host.switches.denied = {"00000070": "CUSTOMER 00000070 NOT FOUND"}
    missing = {"missing": [{"row": 23, "pattern": "NOT FOUND"}]}
    streams = {"customers": DETAILS | {"detail": DETAILS["detail"] | missing}}
    with opened(host, streams) as connector:
        read = scan(connector, "customers")
    assert read.column("id") == [number for number in NUMBERS if number != 70]
    assert read.rejects == []


MISSING = {
    "customers": OPENED | {"detail": OPENED["detail"] | {"missing": [{"row": 23, "pattern": "NOT FOUND"}]}}
}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_message_about_the_row_before_says_nothing_of_this_one(host: Host, transport: str) -> None:
    """It stands on the list while the host, which has given the keyboard back, is yet to paint the answer."""
    host.switches.early_ms = {"CUSTDET": 150}
    host.switches.denied = {
        "00000020": "CUSTOMER 00000020 NOT FOUND",
        "00000090": "CUSTOMER 00000090 NOT FOUND",
    }
    with opened(host, MISSING, transport=transport) as connector:
        read = scan(connector, "customers")
    assert read.column("id") == [number for number in NUMBERS if number not in (20, 90)]
    assert read.rejects == []


@pytest.mark.parametrize("text", ["CUSTOMER {} NOT FOUND", "NOT FOUND"])
def test_rows_that_are_gone_one_after_the_other_are_not_there(host: Host, text: str) -> None:
    """Where the message is the same for both, the second one is asked for on a page without it."""
    host.switches.denied = {f"{number:08}": text.format(number) for number in (70, 80, 100)}
    with opened(host, MISSING, timeout="1s") as connector:
        read = scan(connector, "customers")
    assert read.column("id") == [number for number in NUMBERS if number not in (70, 80, 100)]
    assert read.rejects == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_message_about_the_row_before_says_nothing_of_this_one_though_a_clock_beside_it_goes_on(
    host: Host, transport: str
) -> None:
    host.switches.early_ms, host.switches.early_text = {"CUSTDET": 400}, "12:00:{:02}"
    host.switches.early_place = (23, 69)
    host.switches.denied = {"00000030": "CUSTOMER 00000030 NOT FOUND"}
    for number in NUMBERS[8:]:
        host.delete(f"{number:08}")
    with opened(host, MISSING, transport=transport, timeout="5s") as connector:
        read = scan(connector, "customers")
    assert read.column("id") == [number for number in NUMBERS[:8] if number != 30]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_list_is_waited_for_where_the_keyboard_is_free_before_it_is_back(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Host(count=3) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        with opened(host, {"customers": OPENED | {"paging": "key"}}, transport=transport) as connector:
            host.switches.early_ms = {"CUSTLIST": 700}
            assert scan(connector, "customers").column("id") == NUMBERS[:3]


def test_a_screen_nobody_asked_for_says_nothing_of_rows_that_are_gone(host: Host) -> None:
    host.switches.abend_text = "PROGRAM CUSTDET NOT FOUND"
    for number in NUMBERS[5:]:
        host.delete(f"{number:08}")
    anew = {"missing": [{"pattern": "NOT FOUND"}], "back": [{"press": "clear"}, *LIST["goto"]]}
    streams = {"customers": DETAILS | {"paging": "key", "detail": DETAILS["detail"] | anew}}
    with opened(host, streams) as connector:
        host.switches.abend = 6
        with pytest.raises(TransientError, match=r"row 20: .*CUSTDET NOT FOUND"):
            scan(connector, "customers")


def test_a_row_that_the_host_denies_is_a_reject(host: Host) -> None:
    host.switches.denied = {"00000070": "RECORD IN USE"}
    denied = [{"row": 23, "text": "RECORD IN USE", "class": "reject"}]
    with opened(host, {"customers": DETAILS}, errors=denied) as connector:
        read = scan(connector, "customers")
    (reject,) = read.rejects
    assert reject.key == {"id": 70}
    assert reject.reason == "row 70: RECORD IN USE"
    assert len(read.rows) == 29


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_row_is_not_denied_by_the_message_about_the_row_before(host: Host, transport: str) -> None:
    host.switches.early_ms = {"CUSTDET": 150}
    host.switches.denied = {"00000020": "RECORD IN USE", "00000030": "RECORD IN USE"}
    denied = [{"row": 23, "text": "RECORD IN USE", "class": "reject"}]
    with opened(host, {"customers": OPENED}, transport=transport, errors=denied) as connector:
        read = scan(connector, "customers")
    assert [reject.key for reject in read.rejects] == [{"id": 20}, {"id": 30}]
    assert len(read.rows) == 28


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_row_whose_screen_comes_too_late_is_not_denied_by_the_message_about_the_row_before(
    host: Host, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keyboard is free, and the message stands there until the time is over, once."""
    answer, late = transactions.Listing.answer, ["select2"]

    def slow(self: transactions.Listing, heard: Any, desk: Any) -> Any:
        host.switches.early_ms = {}
        if late and heard.fields.get(late[0]):
            late.clear()
            host.switches.early_ms = {"CUSTDET": 1500}
        return answer(self, heard, desk)

    monkeypatch.setattr(transactions.Listing, "answer", slow)
    host.switches.note_alone = True
    host.switches.denied = {"00000020": "RECORD IN USE"}
    denied = [{"row": 23, "text": "RECORD IN USE", "class": "reject"}]
    options: dict[str, Any] = {"transport": transport, "errors": denied, "timeout": "1s"}
    with opened(host, {"customers": OPENED | {"paging": "key"}}, **options) as connector:
        read = scan(connector, "customers")
    assert late == []
    assert [reject.key for reject in read.rejects] == [{"id": 20}]
    assert read.column("id") == [number for number in NUMBERS if number != 20]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("said", ["reject", "missing"])
def test_a_row_that_was_not_opened_is_not_sent_again_with_the_next_key(
    host: Host, transport: str, said: str
) -> None:
    """The host writes its message alone, and leaves what was typed beside the row where it is."""
    host.switches.note_alone = True
    host.switches.denied = {each: f"{each} ACCESS DENIED" for each in ("00000030", "00000050", "00000060")}
    rule = {"row": 23, "pattern": "ACCESS DENIED"}
    streams = {"customers": OPENED | {"detail": OPENED["detail"] | {"missing": [rule]}}}
    options: dict[str, Any] = {"transport": transport, "timeout": "1s"}
    if said == "reject":
        streams, options["errors"] = {"customers": OPENED}, [rule | {"class": "reject"}]
    with opened(host, streams, **options) as connector:
        read = scan(connector, "customers")
    assert read.column("id") == [number for number in NUMBERS if number not in (30, 50, 60)]
    denied = [{"id": number} for number in (30, 50, 60)]
    assert [reject.key for reject in read.rejects] == (denied if said == "reject" else [])


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("unlock", [False, True])
def test_a_row_is_not_denied_by_the_message_about_the_row_before_though_a_clock_goes_on(
    host: Host,
    transport: str,
    unlock: bool,  # noqa: FBT001
) -> None:
    host.switches.early_ms, host.switches.early_text = {"CUSTDET": 150}, "12:00:{:02}"
    host.switches.early_unlock = unlock
    host.switches.denied = {"00000020": "00000020 ACCESS DENIED"}
    denied = [{"row": 23, "text": "ACCESS DENIED", "class": "reject"}]
    with opened(host, {"customers": OPENED}, transport=transport, errors=denied) as connector:
        read = scan(connector, "customers")
    assert [reject.key for reject in read.rejects] == [{"id": 20}]
    assert len(read.rows) == 29


def test_a_detail_of_another_row_is_not_taken_for_this_one() -> None:
    shown = Row({"id": 80, "name": "HAHN"}, [])
    assert details.another(shown, ("id",), (70,)) == "it shows id 80, not 70"
    assert details.another(shown, ("id",), (80,)) == ""
    assert details.another(Row({"name": "HAHN"}, []), ("id",), (70,)) == ""


# -- keys


def test_a_key_that_a_stream_names_is_as_little_blank_as_one_of_the_map(host: Host) -> None:
    host.switches.shown = {(identity, "name"): "" for identity in ("00000050", "00000060")}
    with opened(host, {"customers": LIST | {"key": ["name"]}}) as connector:
        read = scan(connector, "customers")
    assert len(read.rows) == 28
    assert [reject.reason for reject in read.rejects] == ["name: is blank, and is the key"] * 2
    assert [json.loads(str(reject.raw))["id"] for reject in read.rejects] == [50, 60]


def test_a_key_that_tells_no_rows_apart_is_told_once_a_scan(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(host, {"customers": LIST | {"key": ["status"]}}) as connector:
        scan(connector, "customers")
    (told,) = [each for each in caplog.messages if "two rows have the key" in each]
    assert told.startswith("customers: two rows have the key ACTIVE (status): line 5 of page 1 and line 6 of")


def _rows_of(*names: str) -> list[tuple[scans.Key, Row]]:
    return [
        ((number,), Row({"no": number, "name": name}, [], 4 + number)) for number, name in enumerate(names)
    ]


def test_a_number_of_the_line_is_no_key(caplog: pytest.LogCaptureFixture) -> None:
    doubled = Doubled("customers", ("no",))
    doubled.note(1, _rows_of("BERGER", "CLAASEN", "DAHL"))
    doubled.note(2, _rows_of("EHLERS", "FRANK", "GROTH"))
    (told,) = caplog.messages
    assert "line 4 of page 1 and line 4 of page 2" in told


def test_rows_that_are_shown_twice_while_others_come_and_go_are_no_doubt_of_the_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    doubled = Doubled("customers", ("no",))
    doubled.note(1, _rows_of("BERGER", "CLAASEN", "DAHL"))
    doubled.note(2, [*_rows_of("", "", "DAHL II")[2:], ((3,), Row({"no": 3}, [], 5))])
    doubled.note(1, _rows_of("BERGER II", "CLAASEN II", "DAHL III"))
    assert not caplog.messages


# -- what cannot work

GOTO: dict[str, Any] = {"goto": [{"type": "CUSTDET {id}", "press": "enter"}], "screen": "custdet"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"screen": "custlst"}, "stream customers: screen 'custlst' is not known; did you mean 'custlist'"),
        ({"screen": "menu"}, "screen menu has no `table`"),
        ({"key": ["number"]}, "stream customers: column 'number' is not known"),
        ({"goto": [{"type": "CUSTLIST", "press": "enter", "expect": "list"}]}, "screen 'list' is not known"),
        ({"goto": [{"type": "{pin}", "press": "enter"}]}, "placeholder 'pin' is not known"),
        ({"goto": [{"on": "menu", "fill": {"selektion": "2"}}]}, "did you mean 'selection'"),
        ({"detail": GOTO | {"missing": ["gone"]}}, "stream customers: missing: screen 'gone' is not known"),
        (
            {"detail": GOTO | {"goto": [{"type": "CUSTDET {idd}", "press": "enter"}]}},
            "stream customers: placeholder 'idd' is not known; did you mean 'id'?",
        ),
        (
            {"detail": GOTO | {"goto": [], "select": {"field": "select", "with": "{what}"}}},
            "stream customers: placeholder 'what' is not known",
        ),
        (
            {"goto": [{"on": "signon", "fill": {"password": "{password}"}, "press": "enter"}]},
            "stream customers: {password} is a secret, typed by `logon` and `home_by` alone",
        ),
        (INQUIRY | {"keys": keys(10), "missing": ["gone"]}, "missing: screen 'gone' is not known"),
    ],
)
def test_names_that_lead_nowhere_are_told_before_anything_is_connected(
    host: Host, options: dict[str, Any], told: str
) -> None:
    stream = options if "mode" in options else LIST | options
    connector = configured(host, {"customers": stream})
    with pytest.raises(ConfigError) as refusal:
        connector.open()
    assert told in str(refusal.value)
    assert host.counts["screens"] == 0


@pytest.mark.parametrize(
    ("listed", "opened_as", "told"),
    [
        ({"mark": {"column": 66, "length": 6}}, {}, "mark is a text on custlist and a number on custdet"),
        ({}, {"mark": {"label": "MARK:"}}, "mark is a number on custlist and a text on custdet"),
        ({"id": {"column": 6, "length": 8}}, {}, "id is a text on custlist and a number on custdet"),
        ({}, {"id": {"label": "CUSTOMER_ID:"}}, "id is a number on custlist and a text on custdet"),
    ],
)
def test_marks_and_keys_that_cannot_be_compared_are_told_before_anything_is_connected(
    host: Host, listed: dict[str, Any], opened_as: dict[str, Any], told: str
) -> None:
    screens = _screens()
    screens["custlist"]["table"]["columns"] |= listed
    screens["custdet"]["fields"] |= opened_as
    with pytest.raises(ConfigError, match=f"stream customers: {told}") as error:
        configured(host, {"customers": DETAILS}, screens=screens, maps=[]).open()
    assert error.value.remedy == "give both the same picture"


def test_a_list_does_not_begin_where_it_was_left(host: Host) -> None:
    """Its last page would be all of it, from the second pass on."""
    options: dict[str, Any] = {"home": "custlist", "home_by": LIST["goto"]}
    connector = configured(host, {"customers": LIST | {"goto": []}}, **options)
    with pytest.raises(ConfigError, match="`home` is the list itself"):
        connector.open()
    with opened(host, {"customers": LIST | {"goto": [{"press": "clear"}, *LIST["goto"]]}}, **options) as good:
        assert [len(scan(good, "customers").rows) for _ in range(3)] == [30] * 3


def test_positions_of_others_are_refused(host: Host) -> None:
    connector = configured(host, CUSTOMERS)
    connector.check_position("customers", scans.COMPLETE)
    with pytest.raises(PermanentError, match="positions set"):
        connector.check_position("customers", {"after": 3})


def _screens(**table: Any) -> Any:
    """The maps of the tests' host, with other options of the list."""
    screens = yaml.safe_load(MAPS.read_text())["screens"]
    screens["custlist"]["table"] |= table
    return screens
