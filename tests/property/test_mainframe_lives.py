"""For some seconds a client: whatever happens, Kafka ends up with what the host has (see mainframe_lives)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from unittest.mock import Mock

import pytest

from bridge.testing import need
from bridge.testing.mainframe.desk import Desk, Scene
from bridge.testing.mainframe.scenes import SignOn
from connectors.mainframe.terminal import Terminal
from tests.property.living import Said, all_end_well
from tests.property.mainframe_house import House, Patient, Transport
from tests.property.mainframe_lives import CROSSING, TRANSPORTS, live

SECONDS = 9.0
"""`make soak ONLY=mainframe` goes on for longer."""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House() as house:
        yield house


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_kafka_has_is_the_hosts_file(house: House, transport: Transport, record_property: Said) -> None:
    if transport == "s3270" and shutil.which("s3270") is None:
        need("s3270 is not installed: apt-get install s3270")
    life = partial(live, house, transport)
    lives, hits = all_end_well(transport, life, SECONDS, record_property, ["scans", "scans cut"])
    assert hits["scans"] >= lives


def test_a_row_that_leaves_its_page_and_comes_back_is_read(house: House) -> None:
    """Others push it to the next page before it is opened, and one of them goes: it was told as deleted."""
    outcome = live(house, "tnz", 8_100_600)
    assert outcome.clean, outcome


def test_a_message_that_swallows_a_log_on_is_taken_for_a_refusal(house: House) -> None:
    """Nothing tells them apart: the host hangs it over a sign-on already sent, and then shows that anew."""
    outcome = live(house, "tnz", 3_100_291)
    assert outcome.clean, outcome


@pytest.mark.parametrize(
    ("at", "is_cut"),
    [(2, False), (3, True), (4, True), (5, True), (6, False)],
    ids=["as it is typed", "before its key", "at its key", "behind it", "at the next key"],
)
def test_a_cut_comes_behind_a_password_once_its_key_is_sent(at: int, is_cut: bool) -> None:  # noqa: FBT001
    """Only then may a log-on park because nobody awaited the host's answer (see Life.refused)."""
    house = House(calls_to_interrupt=at)
    terminal = Patient(house, Mock(spec=Terminal))
    house.terminals.append(terminal)
    terminal.type(335, "BRIDGE")
    terminal.type(415, house.host.password)
    terminal.screen()
    terminal.press("enter")
    terminal.wait(0.1)
    terminal.press("clear")
    assert house.cut == is_cut


def test_a_refusal_that_no_message_has_made_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though messages cross other screens at that time."""
    truly = SignOn._signed_on

    def while_messages_cross(user: str, password: str, desk: Desk) -> Scene:
        crossing = desk.company.switches.broadcast_text == CROSSING
        return SignOn() if crossing else truly(user, password, desk)

    monkeypatch.setattr(SignOn, "_signed_on", staticmethod(while_messages_cross))
    outcome = live(house, "tnz", 138)
    assert "is refused" in outcome.told, outcome
