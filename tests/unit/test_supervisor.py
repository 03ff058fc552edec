"""The daemon starts, reloads, retries and stops: over workers that do nothing but obey."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge import config, spawner
from bridge.config.options import Settings
from bridge.spawner import Spawner
from bridge.supervisor import Supervisor

WORKER = """
import json, socket, sys, time
lines = socket.socket(fileno=int(sys.argv[2])).makefile("rw")
lines.readline()
print(json.dumps({"type": "beat", "holds": True, "state": "RUNNING", "error": None, "streams": {}}),
    file=lines, flush=True)
lines.readline()
"""
OBEYS = Spawner((sys.executable, "-c", WORKER, "worker"))


class Plant:
    """A configuration file, and the daemon that runs it."""

    def __init__(self, folder: Path, *connectors: str) -> None:
        self._folder, self.path = folder, folder / "bridge.yaml"
        self.password = folder / "password"
        self.password.write_text("old")
        self.write(*connectors)
        self.daemon = Supervisor(self.path, self.settings, OBEYS)

    @property
    def settings(self) -> Settings:
        return config.load(self.path)

    def write(self, *connectors: str) -> None:
        each = "  {}: {{kind: jdbc, url: 'jdbc:h2:mem:x', streams: {{T: {{mode: incrementing}}}}}}\n"
        self.path.write_text(
            "version: 1\nname: test\n"
            f"kafka: {{bootstrap.servers: '127.0.0.1:9', sasl.password: 'file:{self.password}'}}\n"
            f"daemon: {{run_dir: {self._folder}, http: off, stop_within: 5s}}\n"
            "connectors:\n" + "".join(each.format(name) for name in connectors)
        )

    @property
    def states(self) -> dict[str, str]:
        return {name: each["state"] for name, each in self.daemon.status()["connectors"].items()}


@asynccontextmanager
async def running(plant: Plant) -> AsyncIterator[Supervisor]:
    run = asyncio.create_task(plant.daemon.run())
    try:
        await until(lambda: set(plant.states.values()) == {"RUNNING"})
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
