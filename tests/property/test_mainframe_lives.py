"""For some seconds a client: whatever happens, Kafka ends up with what the host has (see mainframe_lives)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial

import pytest

from bridge.testing import need
from bridge.testing.mainframe.desk import Desk, Scene
from bridge.testing.mainframe.scenes import SignOn
from connectors.mainframe.sessions import NOT_AWAITED
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


CUT_BEHIND_A_PASSWORD = 3_400_067


def test_a_life_that_cuts_a_log_on_behind_its_password_expects_that_it_parks(house: House) -> None:
    outcome = live(house, "tnz", CUT_BEHIND_A_PASSWORD)
    assert outcome.clean, outcome
    assert outcome.hits["parked"], outcome


def test_a_log_on_that_parks_though_nobody_cut_it_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = property(lambda _: False, lambda _, __: None)
    monkeypatch.setattr(Patient, "asked", never, raising=False)
    outcome = live(house, "tnz", CUT_BEHIND_A_PASSWORD)
    assert NOT_AWAITED in outcome.told, outcome


def test_a_refusal_that_no_message_has_made_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though messages cross other screens at that time."""
    truly = SignOn._signed_on

    def while_messages_cross(user: str, password: str, desk: Desk) -> Scene:
        crossing = desk.company.switches.broadcast_text == CROSSING
        return SignOn() if crossing else truly(user, password, desk)

    monkeypatch.setattr(SignOn, "_signed_on", staticmethod(while_messages_cross))
    outcome = live(house, "tnz", 138)
    assert "is refused" in outcome.told, outcome
