"""The maps of the host's screens, over both transports: each screen is known, and by one map alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import bridge.testing.mainframe
from bridge.testing import need
from bridge.testing.mainframe import Host, TwoWrites, customer
from connectors.mainframe import maps, recognise
from connectors.mainframe.screen import Screen
from connectors.mainframe.terminal import Endpoint, Terminal
from connectors.mainframe.transports import terminal

MAPS = maps.load([Path(bridge.testing.mainframe.__file__).with_name("screens.yaml")])


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as started:
        yield started


@pytest.fixture(params=["s3270", "tnz"])
def client(request: pytest.FixtureRequest, host: Host) -> Iterator[Terminal]:
    """Signed on."""
    if request.param == "s3270" and shutil.which("s3270") is None:
        need("s3270 is not installed: apt-get install s3270")
    with closing(terminal(request.param, Endpoint("127.0.0.1", host.port))) as made:
        made.connect()
        known(made, "signon")
        fill(made, "signon", user=host.user, password=host.password)
        press(made, "enter", "menu")
        yield made


def known(client: Terminal, *names: str) -> Screen:
    """The screen, once it is the one; fails with what is there instead."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        screen = client.screen()
        if not screen.locked and recognise.identify(MAPS, screen).name in names:
            return screen
        client.wait(0.05)
    found = recognise.identify(MAPS, client.screen())
    pytest.fail(f"expected {names}, found {found} on\n" + "\n".join(client.screen().lines))


def press(client: Terminal, key: str, *names: str) -> Screen:
    client.press(key)
    return known(client, *names)


def fill(client: Terminal, name: str, **texts: str) -> None:
    for field, text in texts.items():
        place = MAPS.screens[name].fields[field]
        assert place.row is not None
        assert place.column is not None
        client.type((place.row - 1) * 80 + place.column - 1, text)


def start(client: Terminal, code: str, *names: str) -> Screen:
    press(client, "clear", "cleared")
    client.type(0, code)
    return press(client, "enter", *names)


def rows(screen: Screen) -> list[Mapping[str, object]]:
    page = recognise.page(MAPS.screens["custlist"], screen)
    assert not any(row.problems for row in page.rows)
    return [row.values for row in page.rows]


def test_the_reference_inquiry_is_answered(host: Host, client: Terminal) -> None:
    start(client, "CUSTINQ", "custinq")
    fill(client, "custinq", customer_id="120", request_type="BALANCE")
    answer = recognise.record(MAPS.screens["balance"], press(client, "enter", "balance"))
    asked = host.customers["00000120"]
    assert not answer.problems
    assert answer.values == {
        "customer_id": "120",
        "request_type": "BALANCE",
        "name": asked.name,
        "balance": asked.balance,
        "limit": asked.limit,
        "status": asked.status,
    }


def test_the_list_is_the_hosts_table(host: Host, client: Terminal) -> None:
    host.change("00000020", balance=Decimal("-0.01"), name="O'NEIL, Ä & ÉMILE")
    found = rows(screen := start(client, "CUSTLIST", "custlist"))
    while not recognise.page(MAPS.screens["custlist"], screen).ended:
        found += rows(screen := press(client, "pf8", "custlist"))
    assert found == [
        {
            "id": int(each.id),
            "name": each.name,
            "balance": each.balance,
            "status": each.status,
            "mark": each.mark,
        }
        for each in host.customers.values()
    ]


def test_the_detail_has_all_but_what_is_hidden(host: Host, client: Terminal) -> None:
    host.insert(each := customer(77))
    screen = start(client, "CUSTDET 77", "custdet")
    record = recognise.record(MAPS.screens["custdet"], screen)
    assert not record.problems
    assert record.values["opened"] == each.opened != date(1970, 1, 1)
    assert record.values["balance"] == each.balance
    assert each.pin not in screen.text


@pytest.mark.parametrize(
    ("switch", "value", "code"),
    [
        ("abend", 1, "CUSTLIST"),
        ("garbage", 1, "CUSTLIST"),
        ("broadcast", 1, "CUSTLIST"),
        ("drift", 2, "CUSTLIST"),
    ],
)
def test_what_is_no_list_is_not_taken_for_one(
    host: Host, client: Terminal, switch: str, value: int, code: str
) -> None:
    press(client, "clear", "cleared")
    client.type(0, code)
    setattr(host.switches, switch, value)
    screens = host.counts["screens"]
    client.press("enter")
    host.until(lambda: host.counts["screens"] > screens and not client.screen().locked)
    host.until(lambda: switch != "broadcast" or "OPERATOR" in client.screen().text)
    screen = client.screen()
    error = recognise.host_error(MAPS, screen, "custlist")
    assert recognise.identify(MAPS, screen).name != "custlist" or error is not None


@pytest.mark.parametrize("overwrite", [False, True], ids=["erased", "painted over"])
def test_a_page_in_two_writes_is_known_when_it_is_whole(
    host: Host,
    client: Terminal,
    overwrite: bool,  # noqa: FBT001
) -> None:
    start(client, "CUSTLIST", "custlist")
    host.switches.two_writes = TwoWrites(after_ms=5, unlock=not overwrite, overwrite=overwrite)
    screen = press(client, "pf8", "custlist")
    assert [row["id"] for row in rows(screen)] == list(range(160, 310, 10))
