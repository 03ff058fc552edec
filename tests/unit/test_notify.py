"""What the service manager hears (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_states_go_out_as_lines_of_one_datagram(manager: socket.socket) -> None:
    Notifier().say(READY=1, STATUS="2 connectors")
    assert manager.recv(100) == b"READY=1\nSTATUS=2 connectors"


def test_an_abstract_socket_is_addressed_by_its_at_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"bridge-notify-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        Notifier().say(WATCHDOG=1)
        assert listening.recv(100) == b"WATCHDOG=1"


def test_children_do_not_inherit_the_conversation(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    Notifier()
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)


def test_the_watchdog_hears_from_us_in_time_and_a_status_is_told_once(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    notifier = Notifier()
    for now in (100.0, 100.5, 109.9, 110.0):
        notifier.keep_up(now, "1 ok")
    notifier.keep_up(110.5, "1 warning")
    manager.setblocking(False)
    heard = [manager.recv(100) for _ in range(3)]
    assert heard == [b"WATCHDOG=1\nSTATUS=1 ok", b"WATCHDOG=1", b"STATUS=1 warning"]
    with pytest.raises(BlockingIOError):
        manager.recv(100)


def test_a_service_manager_that_does_not_listen_holds_nobody_up_and_hears_it_later(
    manager: socket.socket,
) -> None:
    notifier = Notifier()
    for number in range(2000):
        notifier.say(STATUS=number)
    notifier.say(STOPPING=1)
    while b"STOPPING=1" not in (heard := manager.recv(1000)):
        notifier.say()
    assert heard == b"STATUS=1999\nSTOPPING=1"


def test_the_watchdog_hears_from_us_twice_as_often_as_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert Notifier().watchdog_s == 15.0


def test_a_watchdog_that_is_meant_for_us_hears_from_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert Notifier().watchdog_s == 15.0


def test_the_watchdog_of_another_process_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert Notifier().watchdog_s is None


def test_without_a_service_manager_there_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().say(READY=1)


def test_a_service_manager_that_has_gone_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    Notifier().say(READY=1)
