"""tnz's interpreter, made tolerant by us, under streams that no host would send."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mainframe.screen import Screen
from connectors.mainframe.terminal import Endpoint
from connectors.mainframe.transports import cells
from connectors.mainframe.transports.emulator import Emulator, Unreadable

NEGOTIATION = bytes.fromhex("fffd18 fffa1801fff0 fffd19fffb19 fffd00fffb00")
EXTENDED = bytes.fromhex(
    "fffd28 fffa280802fff0 fffa28020449424d2d333237382d322d45014c55303031fff0 fffa28030402fff0"
)
PAGE = bytes.fromhex(
    "f5c3 114040 1df8 c3e4e2e3d6d4c5d9 1d40 c1c2 1d4c e2c5c3d9c5e3 1df0 13 11c150 3cc26040"
    "2903c0c842f241f4 c1 28 42f4 c2 280000 12 c3f0 05 0885 2c01c0f0 1140c1 1dc1"
)
_PIECES = """
    05 0885 114040 12c150 13 1dc1 2842f2 2902c0c842f2 2c01c04c 3cc15040 f5c3 7ec3 f1c3 6f f6 f2
    f30005010002 f3000501ff02 f3000e4000f5c3114040 ffef fffd06 fffb01 fffe18 ff
"""
ORDERS = st.sampled_from([bytes.fromhex(piece) for piece in _PIECES.split()])
STREAMS = st.lists(st.one_of(ORDERS, st.binary(max_size=12)), max_size=40).map(b"".join)


def listening(start: bytes) -> Emulator:
    emulator = Emulator(Endpoint("host", 23))
    emulator.hear(start)
    assert emulator.tn3270
    return emulator


def shown(emulator: Emulator) -> Screen:
    text = cells.decoded(bytes(emulator.plane_dc), emulator.graphics(), "cp037")
    among = cells.fields(emulator.attributes(), len(text))
    assert len(text) == emulator.maxrow * emulator.maxcol
    return Screen(
        emulator.maxrow, emulator.maxcol, cells.blanked(text, among), among, emulator.curadd, emulator.locked
    )


def survives(emulator: Emulator, stream: bytes) -> None:
    try:
        emulator.hear(stream)
    except Unreadable:
        return
    screen = shown(emulator)
    assert 0 <= screen.cursor < len(screen.text)
    assert "\x00" not in screen.text
    emulator.said()


@pytest.mark.parametrize("start", [NEGOTIATION, EXTENDED], ids=["TN3270", "TN3270E"])
@settings(deadline=None)
@given(stream=STREAMS)
def test_any_stream_is_a_screen_or_unreadable(start: bytes, stream: bytes) -> None:
    survives(listening(start), stream + b"\xff\xef")


@given(stream=STREAMS)
@settings(deadline=None)
def test_any_stream_before_the_session_is_agreed_on(stream: bytes) -> None:
    survives(Emulator(Endpoint("host", 23)), stream)


@given(seed=st.integers(0, 2**32), changes=st.integers(1, 6))
@settings(deadline=None)
def test_a_page_with_a_few_wrong_bytes_is_a_screen_or_unreadable(seed: int, changes: int) -> None:
    chance = random.Random(seed)
    page = bytearray(PAGE + b"\xff\xef")
    for _ in range(changes):
        page[chance.randrange(len(page))] = chance.randrange(256)
    survives(listening(NEGOTIATION), bytes(page))


@given(cuts=st.lists(st.integers(1, len(PAGE)), max_size=8))
@settings(deadline=None)
def test_the_network_may_cut_a_page_anywhere(cuts: list[int]) -> None:
    whole, cut = listening(NEGOTIATION), listening(NEGOTIATION)
    stream = PAGE + b"\xff\xef"
    whole.hear(stream)
    edges = sorted({0, *cuts, len(stream)})
    for begin, end in pairwise(edges):
        cut.hear(stream[begin:end])
    assert shown(cut) == shown(whole)


def test_a_host_cannot_begin_a_file_transfer() -> None:
    emulator = listening(NEGOTIATION)
    before = shown(emulator)
    emulator.hear(bytes.fromhex("f3 000f d00012 0000 0000 0000 0000 0000 ffef"))
    assert shown(emulator) == before
    assert not emulator.ddm_in_progress()


def test_what_never_ends_is_given_up() -> None:
    emulator = listening(NEGOTIATION)
    emulator.hear(b"\xc1" * (1 << 19))
    with pytest.raises(Unreadable):
        emulator.hear(b"\xc1" * (1 << 20))


def test_nothing_heard_or_typed_is_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    emulator = listening(NEGOTIATION)
    emulator.hear(PAGE + b"\xff\xef")
    with pytest.raises(Unreadable):
        emulator.hear(bytes.fromhex("f5c3 c1c2 117f7f ffef"))
    assert not caplog.records
    assert capfd.readouterr() == ("", "")
