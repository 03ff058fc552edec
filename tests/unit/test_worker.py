"""The worker's main thread: how it ends, and what it says of it. Kafka does not answer here."""

from __future__ import annotations

import faulthandler
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import structlog
from pydantic import Field
from structlog.testing import capture_logs

from bridge import logs, plugins, worker
from bridge.channel import Channel
from bridge.config.options import ConnectorSettings, Daemon, Topics
from bridge.contract import Connector, ConnectorConfig, Secret
from bridge.ends import Ended
from bridge.errors import CredentialsError
from bridge.positions import Owner
from bridge.task import Task
from bridge.worker import Hello, Worker


class Guarded(ConnectorConfig):
    """With a secret."""

    password: Secret = Field(Secret("env:STUBBORN"), description="what is refused")


class Stubborn(Connector):
    """Its calls do not return before the test has ended."""

    Config = Guarded
    position_version = 1
    over: Event

    def open(self) -> None:
        raise CredentialsError("the password was refused")

    def discover(self) -> tuple[()]:
        return ()

    def poll(self, *_: Any) -> Any:
        raise NotImplementedError

    def interrupt(self) -> None:
        self.over.wait(30)

    def close(self) -> None:
        self.over.wait(30)


class Exited(BaseException):
    """In place of the end of the process."""


def _exit(code: int) -> None:
    raise Exited(code)


@pytest.fixture(autouse=True)
def nobody_dies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Stubborn.over = Event()
    for module, name, value in (
        (os, "_exit", _exit),
        (faulthandler, "dump_traceback", lambda *_, **__: None),
        (worker, "GRACE_S", 0.2),
        (plugins, "load", lambda _kind: Stubborn),
        (logs, "configure", lambda *_: None),
    ):
        monkeypatch.setattr(module, name, value)
    yield
    Stubborn.over.set()
    structlog.contextvars.clear_contextvars()


Make = Callable[..., tuple[Worker, socket.socket]]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    pairs: list[socket.socket] = []
    made: list[Worker] = []

    def make() -> tuple[Worker, socket.socket]:
        ours, theirs = socket.socketpair()
        pairs.extend((ours, theirs))
        hello = Hello(
            connector=ConnectorSettings(name="erp", kind="stubborn"),
            kafka={"bootstrap.servers": "127.0.0.1:1", "log_level": 0},
            topics=Topics(),
            daemon=Daemon(run_dir=tmp_path),
            owner=Owner("one", "here", "host", 90.0),
            claim="take",
        )
        made.append(Worker(hello, Channel(theirs)))
        made[-1]._schedule.heed(asleep=False)  # as Kafka would tell if there were one
        return made[-1], ours

    yield make
    Stubborn.over.set()
    for each in made:
        each.stop()
        if each._thread.ident is not None:
            each._thread.join(10)
        each._reader.join(10)
    for pair in pairs:
        pair.close()


def told(supervisor: socket.socket) -> dict[str, Any]:
    """The last message of the worker."""
    supervisor.setblocking(False)
    text = b""
    while True:
        try:
            text += supervisor.recv(1 << 20)
        except BlockingIOError:
            last: dict[str, Any] = json.loads(text.splitlines()[-1])
            return last


def test_who_is_parked_stays_parked_though_its_connector_does_not_close(make: Make) -> None:
    parked, supervisor = make()
    with pytest.raises(Exited) as exited:
        parked.run()
    assert exited.value.args == (Ended.PARKED,)
    last = told(supervisor)
    assert (last["code"], last["error"]) == (Ended.PARKED, "the password was refused")


def test_a_connector_that_is_parked_is_not_said_to_have_been_asked_to_stop(make: Make) -> None:
    Stubborn.over.set()  # its calls return
    parked, _ = make()
    with capture_logs() as lines:
        assert parked.run() == Ended.PARKED
    assert not [line for line in lines if "stop" in line["event"]]


def test_what_is_watched_for_secrets_does_not_grow_with_the_openings(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUBBORN", "hunter2")
    made, _ = make()
    first, second = made._connector(), made._connector()
    watched = len(made._redactor._secrets)
    for _ in range(10_000):
        made._connector()
    last = made._connector()
    assert isinstance(last.config, Guarded)
    last.config.password.reveal()
    assert made._redactor.redact("it said hunter2") == "it said ***"
    assert len(made._redactor._secrets) == watched
    assert first is not second, "a connector is used for one opening"
    assert {each.folder and each.folder.name for each in (first, second, last)} == {"erp.kept"}


def test_an_interrupt_that_does_not_return_holds_up_no_stop(make: Make) -> None:
    made, _ = make()
    made._reader._connector = made._connector()
    made.stop()
    made.stop()
    assert not Stubborn.over.is_set()
    assert made._interrupting.is_alive()
    made._reader._connector = None


def test_an_order_nobody_can_read_ends_the_process_as_a_crash(make: Make) -> None:
    made, supervisor = make()
    supervisor.sendall(b'{"stream": "orders"}\n')
    with pytest.raises(Exited) as exited:
        made.run()
    assert exited.value.args == (Ended.CRASHED,)
    last = told(supervisor)
    assert (last["code"], last["error"]) == (Ended.CRASHED, "a bug: KeyError: 'command'")


def test_a_crash_of_the_connector_is_told_in_one_line_without_its_secrets(make: Make) -> None:
    made, supervisor = make()
    made._reader.crash = ValueError("no column\n\tpassword=hunter2 " + "and so on " * 100)
    with pytest.raises(Exited):
        made._watch()
    error = told(supervisor)["error"]
    assert error.startswith("a bug: ValueError: no column password=***")
    assert len(error) < 400


def test_an_order_that_fails_of_a_bug_is_answered(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def buggy(_task: Task) -> None:
        raise LookupError

    monkeypatch.setattr(Task, "renew", buggy)
    made, supervisor = make()
    made._orders.obey({"command": "renew", "id": 7})
    with pytest.raises(LookupError):
        made._task._obey()
    assert told(supervisor) == {"type": "answer", "id": 7, "error": "LookupError"}
