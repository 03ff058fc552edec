"""Calls end in time: the watch that sees to it, and the sockets it shuts as the last resort."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bridge.errors import TransientError
from connectors.oracle.sockets import Sockets
from connectors.oracle.watch import Watch


class Cuts:
    """Notes how often it was called since when."""

    def __init__(self, again: float = 0.05) -> None:
        self.again = again
        self.seen: list[int] = []
        self.called = threading.Event()

    def __call__(self, number: int) -> float:
        self.seen.append(number)
        self.called.set()
        return self.again


@pytest.fixture
def cuts() -> Cuts:
    return Cuts()


@pytest.fixture
def watch(cuts: Cuts) -> Iterator[Watch]:
    one = Watch("test-watch", cuts)
    yield one
    one.close()


def test_a_call_that_ends_in_time_is_left_alone(watch: Watch, cuts: Cuts) -> None:
    for _ in range(20):
        watch.begin(5.0)
        watch.end()
    assert not cuts.called.wait(0.05)
    assert not watch.is_up


def test_a_call_whose_time_is_up_is_cut_again_and_again_until_it_ends(watch: Watch, cuts: Cuts) -> None:
    watch.begin(0.02)
    while len(cuts.seen) < 3:
        time.sleep(0.01)
    watch.end()
    seen = list(cuts.seen)
    assert seen == list(range(len(seen)))
    assert watch.is_up
    assert not watch.is_hurried
    time.sleep(0.12)
    assert cuts.seen == seen


def test_the_next_call_begins_anew(watch: Watch, cuts: Cuts) -> None:
    watch.begin(0.01)
    assert cuts.called.wait(2)
    watch.end()
    watch.begin(5.0)
    assert not watch.is_up


def test_more_time_is_given_while_a_call_goes_on(watch: Watch, cuts: Cuts) -> None:
    watch.begin(1.0)
    for _ in range(6):
        time.sleep(0.2)
        watch.allow(1.0)
    assert cuts.seen == []
    watch.end()


def test_an_earlier_end_is_noticed_though_the_watch_sleeps_for_longer(watch: Watch, cuts: Cuts) -> None:
    watch.begin(60.0)
    watch.allow(0.02)
    assert cuts.called.wait(2)


def test_hurry_ends_a_call_at_once_and_gives_it_no_more_time(watch: Watch, cuts: Cuts) -> None:
    watch.begin(60.0)
    assert watch.hurry()
    assert cuts.called.wait(2)
    with pytest.raises(TransientError, match="interrupted"):
        watch.allow(60.0)
    assert watch.is_hurried


def test_there_is_nothing_to_hurry_between_calls(watch: Watch, cuts: Cuts) -> None:
    assert not watch.hurry()
    watch.begin(5.0)
    watch.end()
    assert not watch.hurry()
    watch.allow(0.01)
    assert not cuts.called.wait(0.05)


def test_a_watch_that_was_closed_cuts_nothing(watch: Watch, cuts: Cuts) -> None:
    watch.begin(0.5)
    watch.close()
    assert not cuts.called.wait(0.6)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_who_waits_on_a_socket_that_is_shut_goes_on(listener: socket.socket) -> None:
    sockets = Sockets({port_of(listener)})
    with socket.create_connection(listener.getsockname()) as ours:
        sockets.settle()
        shut = threading.Timer(0.05, sockets.shut)
        shut.start()
        assert ours.recv(1) == b""
        shut.join()


def test_sockets_of_before_and_after_are_left_alone(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()) as before:
        sockets = Sockets({port_of(listener)})
        with socket.create_connection(listener.getsockname()) as ours:
            sockets.settle()
            with socket.create_connection(listener.getsockname()) as after:
                sockets.shut()
                assert ours.recv(1) == b""
                for other in (before, after):
                    other.settimeout(0.05)
                    with pytest.raises(TimeoutError):
                        other.recv(1)


def test_a_socket_to_another_port_is_ours_only_where_none_goes_to_the_listener(
    listener: socket.socket,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        sockets = Sockets({port_of(listener)})
        with socket.create_connection(elsewhere.getsockname()) as passed_on:
            with socket.create_connection(listener.getsockname()) as ours:
                sockets.shut()
                assert ours.recv(1) == b""
                passed_on.settimeout(0.05)
                with pytest.raises(TimeoutError):
                    passed_on.recv(1)
            sockets.shut()
            assert passed_on.recv(1) == b""


def test_an_idle_connection_shows_signs_of_life(listener: socket.socket) -> None:
    sockets = Sockets({port_of(listener)})
    with socket.create_connection(listener.getsockname()) as ours:
        sockets.settle()
        sockets.keep_alive(42.0)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 42


def test_who_hears_the_answer_to_a_cut_finds_that_time_is_up() -> None:
    """It may come while the cut goes on."""
    seen, cut = list[bool](), threading.Event()

    def looks(_number: int) -> float:
        seen.append(one.is_up)
        cut.set()
        return 60.0

    one = Watch("test-watch", looks)
    one.begin(0.0)
    assert cut.wait(10)
    one.close()
    assert seen == [True]
