"""Supervisor and worker speak in lines, whatever the pieces they arrive in."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bridge.channel import Channel, encode

type Pair = tuple[Channel, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


def test_a_message_arrives_whole_however_it_was_cut(pair: Pair) -> None:
    channel, supervisor = pair
    line = encode({"command": "pause", "stream": "Aufträge"})
    supervisor.sendall(line[:7])
    assert list(channel.receive(0.01)) == []
    supervisor.sendall(line[7:])
    assert channel.receive_one(1.0) == {"command": "pause", "stream": "Aufträge"}


def test_several_messages_in_one_piece_are_several(pair: Pair) -> None:
    channel, supervisor = pair
    supervisor.sendall(encode({"id": 1}) + encode({"id": 2}))
    assert list(channel.receive(1.0)) == [{"id": 1}, {"id": 2}]


def test_the_first_message_leaves_the_others_for_later(pair: Pair) -> None:
    channel, supervisor = pair
    supervisor.sendall(encode({"id": 1}) + encode({"id": 2}))
    assert channel.receive_one(1.0) == {"id": 1}
    assert list(channel.receive(0.0)) == [{"id": 2}]


def test_a_supervisor_that_has_gone_closes_the_channel(pair: Pair) -> None:
    channel, supervisor = pair
    supervisor.close()
    assert channel.receive_one(5.0) is None
    assert channel.closed


def test_a_heartbeat_to_a_supervisor_that_has_gone_is_no_error(pair: Pair) -> None:
    channel, supervisor = pair
    supervisor.close()
    channel.send({"type": "beat"})
    assert channel.closed


def test_what_is_sent_is_one_line_of_json(pair: Pair) -> None:
    channel, supervisor = pair
    channel.send({"type": "end", "error": "first\nsecond"})
    assert supervisor.recv(100) == b'{"type":"end","error":"first\\nsecond"}\n'
