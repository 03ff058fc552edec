"""The daemon starts, reloads, retries and stops: over workers that do nothing but obey."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from structlog.testing import capture_logs

from bridge import config, spawner
from bridge.child import Child
from bridge.config.options import Settings
from bridge.spawner import Spawner
from bridge.supervisor import Supervisor
from bridge.turnstile import Need

WORKER = """
import json, socket, sys, time
lines = socket.socket(fileno=int(sys.argv[2])).makefile("rw")
lines.readline()
print(json.dumps({"type": "beat", "holds": True, "state": "RUNNING", "error": None, "streams": {}}),
    file=lines, flush=True)
if "park" in lines.readline():
    print(json.dumps({"type": "end", "code": 4, "error": "no such table"}), file=lines, flush=True)
    sys.exit(4)
"""
OBEYS = Spawner((sys.executable, "-c", WORKER, "worker"))


SOMETHING = "url: 'jdbc:h2:mem:x', streams: {T: {mode: incrementing}}"


class Plant:
    """A configuration file, and the daemon that runs it; connectors by name, or with their options."""

    def __init__(self, folder: Path, *connectors: str, **options: str) -> None:
        self._folder, self.path = folder, folder / "bridge.yaml"
        self.password = folder / "password"
        self.password.write_text("old")
        self.write(*connectors, **options)
        self.daemon = Supervisor(self.path, self.settings, OBEYS)

    @property
    def settings(self) -> Settings:
        return config.load(self.path)

    def write(self, *connectors: str, **options: str) -> None:
        whole = dict.fromkeys(connectors, SOMETHING) | options
        self.path.write_text(
            "version: 1\nname: test\n"
            f"kafka: {{bootstrap.servers: '127.0.0.1:9', sasl.password: 'file:{self.password}'}}\n"
            f"daemon: {{run_dir: {self._folder}, http: off, stop_within: 5s}}\n"
            "connectors:\n" + "".join(f"  {name}: {{kind: jdbc, {each}}}\n" for name, each in whole.items())
        )

    @property
    def states(self) -> dict[str, str]:
        return {name: each["state"] for name, each in self.daemon.status()["connectors"].items()}


@asynccontextmanager
async def running(plant: Plant, **states: str) -> AsyncIterator[Supervisor]:
    """Once its connectors are in these states, or else all at work."""
    run = asyncio.create_task(plant.daemon.run())
    wanted = states or dict.fromkeys(plant.settings.connectors, "RUNNING")
    try:
        await until(lambda: plant.states == wanted)
        yield plant.daemon
    finally:
        plant.daemon._stop.set()
        async with asyncio.timeout(20):
            await run


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - conditions of files and processes
            await asyncio.sleep(0.01)


def validating(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """A validation that has begun when the first is set, and finds the file right once the second is."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def validated() -> Settings:
        begun.set()
        await over.wait()
        return plant.settings

    monkeypatch.setattr(plant.daemon, "_validated", validated)
    return begun, over


def test_a_reload_starts_what_is_new_and_ends_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, "a", "b")

    async def scenario() -> None:
        async with running(plant) as daemon:
            _, over = validating(plant, monkeypatch)
            over.set()
            plant.write("b", "c")
            assert await daemon.reload() is None
            await until(lambda: plant.states == {"b": "RUNNING", "c": "RUNNING"})

    asyncio.run(scenario())


def test_a_reload_lets_go_of_what_is_gone_and_of_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, "gone", "changed")
    told: dict[str, str] = {}
    stop = Child.stop

    async def stopping(child: Child, how: Literal["stop", "restart"] = "stop") -> None:
        told.setdefault(child.connector.name, how)
        await stop(child, how)

    monkeypatch.setattr(Child, "stop", stopping)

    async def scenario() -> None:
        async with running(plant) as daemon:
            _, over = validating(plant, monkeypatch)
            over.set()
            plant.write(changed=f"{SOMETHING}, interval: 9s")
            assert await daemon.reload() is None

    asyncio.run(scenario())
    assert told == {"gone": "stop", "changed": "restart"}


def test_a_stop_in_the_middle_of_a_reload_starts_nobody_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, "a")

    async def scenario() -> str | None:
        async with running(plant) as daemon:
            begun, over = validating(plant, monkeypatch)
            plant.write("a", "b")
            reloading = asyncio.create_task(daemon.reload())
            await begun.wait()
            daemon._asked_to_stop()
            over.set()
            return await reloading

    assert asyncio.run(scenario()) == "the daemon is stopping"
    assert set(plant.daemon._children) == {"a"}


def test_a_stop_while_a_reload_ends_a_worker_starts_nobody_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, "a", "b")

    async def scenario() -> str | None:
        async with running(plant) as daemon:
            _, over = validating(plant, monkeypatch)
            over.set()
            plant.write("b", "c")
            end = daemon._end

            async def ending(name: str) -> None:
                daemon._asked_to_stop()
                await end(name)

            monkeypatch.setattr(daemon, "_end", ending)
            return await daemon.reload()

    assert asyncio.run(scenario()) == "the daemon is stopping"
    assert set(plant.daemon._children) == {"b"}


def test_a_connector_is_shown_until_a_reload_has_ended_all_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, "a", "b")
    shown: list[dict[str, str]] = []

    async def scenario() -> str | None:
        async with running(plant) as daemon:
            _, over = validating(plant, monkeypatch)
            over.set()
            plant.write("c")
            end = daemon._end

            async def ending(name: str) -> None:
                await end(name)
                shown.append(plant.states)
                assert "stopping" in (await daemon.command("pause", name, None, "me") or "")

            monkeypatch.setattr(daemon, "_end", ending)
            assert await daemon.reload() is None
            await until(lambda: plant.states == {"c": "RUNNING"})
            return await daemon.command("pause", "a", None, "me")

    assert asyncio.run(scenario()) == "no connector 'a'; there are: c"
    assert [set(each) for each in shown] == [{"a", "b"}] * 2
    assert shown[-1] == {"a": "STARTING", "b": "STARTING"}


def test_a_stop_does_not_wait_for_a_file_to_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, "a")
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\ntouch began\nexec sleep 60\n")
    python.chmod(0o755)
    monkeypatch.chdir(tmp_path)

    async def scenario() -> str | None:
        async with running(plant) as daemon:
            monkeypatch.setattr(sys, "executable", str(python))
            reloading = asyncio.create_task(daemon.reload())
            await until((tmp_path / "began").exists)
            daemon._asked_to_stop()
            return await reloading

    assert asyncio.run(scenario()) == "the daemon is stopping"


@pytest.mark.parametrize(("end", "told"), [("kill -SEGV $$", "killed by SIGSEGV"), ("exit 9", "exit code 9")])
def test_a_reload_whose_check_dies_without_a_word_is_refused_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, told: str
) -> None:
    plant = Plant(tmp_path, "a")
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{end}\n")
    python.chmod(0o755)

    async def scenario() -> tuple[str | None, str]:
        async with running(plant) as daemon:
            monkeypatch.setattr(sys, "executable", str(python))
            return await daemon.reload(), daemon.status()["daemon"]["reload_error"]

    said = f"checking {plant.path} ended without a word: {told}"
    assert asyncio.run(scenario()) == (said, said)


def test_what_a_command_did_is_in_the_log_and_that_it_fenced_the_worker_is_no_failure(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "a")

    async def scenario() -> list[str | None]:
        async with running(plant) as daemon:
            daemon._children["a"]._signal(9)  # as the fence ends it
            return [
                await daemon.renew("a", "positions set: orders", "uid 7"),
                await daemon.renew("a", None, "uid 7"),
                await daemon.renew("b", "positions set: orders", "uid 7"),
            ]

    with capture_logs() as lines:
        assert asyncio.run(scenario()) == [None, None, "no connector 'b'; there are: a"]
    (line,) = [line for line in lines if line["event"] == "operator"]
    assert (line["command"], line["target"], line["by"]) == ("positions set: orders", "a", "uid 7")
    assert "error" not in line


def test_a_password_changed_while_all_was_well_is_tried_once_its_connector_parks(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "a")

    async def scenario() -> None:
        async with running(plant) as daemon:
            child = daemon._children["a"]
            plant.password.write_text("changed")
            await daemon._tick()
            worker = child.pid
            child._park("Kafka refuses the credentials")
            child._signal(9)
            await until(lambda: child.pid not in (None, worker))
            assert child.parked is None
            assert not child.credentials_changed

    asyncio.run(scenario())


def test_a_parked_connector_is_left_alone_while_its_password_stays(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "a")

    async def scenario() -> None:
        async with running(plant) as daemon:
            daemon._children["a"]._park("Kafka refuses the credentials")
            await daemon._tick()
            assert plant.states == {"a": "FAILED"}

    asyncio.run(scenario())


def test_supervision_that_fails_goes_on_with_the_same_claim_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, "a")

    async def scenario() -> None:
        async with running(plant) as daemon:
            child, worker = daemon._children["a"], daemon._children["a"].pid
            monkeypatch.setattr(child, "_receive", lambda message: message["missing"])
            child._reader.feed_data(b'{"type": "beat"}\n')
            await until(daemon._runs["a"].done)
            monkeypatch.undo()
            await until(lambda: child.pid not in (None, worker))
            assert (daemon._children["a"], child.claim, child.restarts) == (child, "ask", 1)

    asyncio.run(scenario())


def test_a_worker_imports_nothing_from_the_folder_the_daemon_was_started_in(tmp_path: Path) -> None:
    (tmp_path / "structlog.py").write_text("open('hijacked', 'w')")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [*spawner.WORKER, str(theirs.fileno())]
        worker = subprocess.Popen(
            command, cwd=tmp_path, pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL
        )
    assert worker.wait(30) == 0, "nobody tells it whose it is"
    assert not (tmp_path / "hijacked").exists()


def test_a_reload_that_fails_leaves_everybody_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, "a", "b")

    async def scenario() -> None:
        async with running(plant) as daemon:
            _, over = validating(plant, monkeypatch)
            over.set()
            made = daemon._child
            monkeypatch.setattr(
                daemon, "_child", lambda each, of: made(each, of) if each.name != "c" else 1 / 0
            )
            plant.write("c", a=SOMETHING.replace("mem:x", "mem:y"))
            before = dict(daemon._children)
            before["a"].restarts = 3
            told = await daemon.reload()
            assert told is not None
            assert "ZeroDivisionError" in told
            assert daemon._children == before
            monkeypatch.undo()
            validating(plant, monkeypatch)[1].set()
            assert await daemon.reload() is None
            await until(lambda: plant.states == {"a": "RUNNING", "c": "RUNNING"})
            assert daemon.status()["connectors"]["a"]["restarts"] == 3, "who is changed goes on counting"

    asyncio.run(scenario())


def test_while_connectors_are_asked_for_their_sessions_they_are_there_and_the_daemon_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, a=LIMITED, b=LIMITED)
    asked = asyncio.Event()

    async def slow(_settings: Settings) -> dict[str, Need]:
        await asked.wait()
        return {name: Need(BRIDGE, 1, 1) for name in "ab"}

    monkeypatch.setattr(plant.daemon, "_needs", slow)

    async def scenario() -> None:
        async with running(plant, a="STARTING", b="STARTING") as daemon:
            ticked = daemon.ticked
            await until(lambda: daemon.ticked > ticked)
            assert not daemon.ready
            asked.set()
            await until(lambda: plant.states == {"a": "RUNNING", "b": "BACKOFF"})
            assert daemon.ready

    asyncio.run(scenario())


LIMITED = "url: 'jdbc:postgresql://db/erp', user: bridge, max_sessions: 1, streams: {t: {mode: incrementing}}"
BRIDGE = "bridge at postgresql://db"


def test_no_worker_is_started_whose_session_its_account_does_not_have(tmp_path: Path) -> None:
    plant = Plant(tmp_path, a=LIMITED, b=LIMITED)

    async def scenario() -> None:
        async with running(plant, a="RUNNING", b="BACKOFF") as daemon:
            waiting = daemon.status()["connectors"]["b"]
            assert waiting["error"] == f"waits for a session of {BRIDGE}: 1 of 1 are taken by a"
            assert (waiting["health"], waiting["pid"], daemon.ready) == ("warning", None, True)
            told = await daemon.command("resume", "b", None, "uid 7")
            assert told is not None
            assert "1 of 1 are taken by a" in told
            assert told.endswith("only a worker can keep an order: give it again once there is one")
            daemon._children["a"]._signal(9)  # it comes again, and keeps its place
            await until(lambda: daemon._children["a"].restarts == 1)
            await until(lambda: plant.states == {"a": "RUNNING", "b": "BACKOFF"})

    asyncio.run(scenario())


def test_a_connector_that_waits_starts_when_another_is_parked_and_it_has_no_claim_on_the_place(
    tmp_path: Path,
) -> None:
    plant = Plant(tmp_path, a=LIMITED, b=LIMITED)

    async def scenario() -> None:
        async with running(plant, a="RUNNING", b="BACKOFF") as daemon:
            daemon._children["a"]._send({"command": "park"})
            await until(lambda: plant.states == {"a": "FAILED", "b": "RUNNING"})
            daemon._children["a"].unpark()
            await until(lambda: plant.states == {"a": "BACKOFF", "b": "RUNNING"})
            assert str(daemon.status()["connectors"]["a"]["error"]).endswith("taken by b")

    asyncio.run(scenario())


def test_a_reload_hands_sessions_on_in_the_order_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, a=LIMITED, b=LIMITED, c=LIMITED)

    async def scenario() -> None:
        async with running(plant, a="RUNNING", b="BACKOFF", c="BACKOFF") as daemon:
            _, over = validating(plant, monkeypatch)
            over.set()
            changed = LIMITED.replace("/erp", "/erp?changed")
            plant.write(a=changed, b=LIMITED, c=LIMITED)
            assert await daemon.reload() is None
            await until(lambda: plant.states == {"a": "RUNNING", "b": "BACKOFF", "c": "BACKOFF"})
            plant.write(b=LIMITED, c=LIMITED)
            assert await daemon.reload() is None
            await until(lambda: plant.states == {"b": "RUNNING", "c": "BACKOFF"})
            two = LIMITED.replace("max_sessions: 1", "max_sessions: 2")
            plant.write(b=LIMITED.replace(", max_sessions: 1", ""), c=two, d=two)
            assert await daemon.reload() is None
            await until(lambda: plant.states == {"b": "RUNNING", "c": "RUNNING", "d": "BACKOFF"})

    asyncio.run(scenario())


def test_connectors_that_cannot_be_asked_for_their_sessions_start_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Plant(tmp_path, a=LIMITED, b=LIMITED)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -SEGV $$\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))

    async def scenario() -> None:
        async with running(plant, a="RUNNING", b="RUNNING"):
            pass

    with capture_logs() as lines:
        asyncio.run(scenario())
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert (line["event"], line["how"]) == (
        "max_sessions counts only some connectors: asking them failed",
        "killed by SIGSEGV",
    )


def test_a_stop_asked_for_twice_at_once_is_one_and_another_cuts_it_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, ends = Plant(tmp_path, "a").daemon, list[int]()
    monkeypatch.setattr(os, "_exit", ends.append)
    daemon._asked_to_stop()
    daemon._asked_to_stop()
    assert daemon._stop.is_set()
    assert ends == []
    daemon._stop_asked -= 1.0
    daemon._asked_to_stop()
    assert ends == [1]
