"""The worker that is started before anybody knows whose it is."""

from __future__ import annotations

import asyncio
import os

import pytest

from bridge.spawner import Spawner

SLEEPS = ("sh", "-c", "exec sleep 60")


def test_the_worker_started_ahead_is_the_first_to_be_had_and_no_other() -> None:
    async def run() -> list[int]:
        spawner = Spawner(SLEEPS)
        await spawner.start_ahead()
        found = [await spawner.spawn(), await spawner.spawn()]
        await spawner.close()
        for process, channel in found:
            process.kill()
            await process.wait()
            channel.close()
        return [process.pid for process, _ in found]

    first, second = asyncio.run(run())
    assert first < second


def test_a_worker_that_ended_before_it_was_told_anything_is_replaced() -> None:
    async def run() -> int | None:
        spawner = Spawner(SLEEPS)
        await spawner.start_ahead()
        assert spawner._ahead is not None
        spawner._ahead.process.kill()
        await spawner._ahead.process.wait()
        process, channel = await spawner.spawn()
        code = process.returncode
        process.kill()
        await process.wait()
        channel.close()
        return code

    assert asyncio.run(run()) is None


def test_a_worker_that_was_not_needed_is_gone() -> None:
    async def run() -> int:
        spawner = Spawner(SLEEPS)
        await spawner.start_ahead()
        assert spawner._ahead is not None
        pid = spawner._ahead.process.pid
        await spawner.close()
        return pid

    with pytest.raises(ProcessLookupError):
        os.kill(asyncio.run(run()), 0)


def test_a_worker_that_ended_before_it_was_needed_is_no_trouble() -> None:
    async def run() -> int | None:
        spawner = Spawner(("true",))
        await spawner.start_ahead()
        assert spawner._ahead is not None
        process = spawner._ahead.process
        await process.wait()
        await spawner.close()
        return process.returncode

    assert asyncio.run(run()) == 0


def test_no_worker_speaks_to_the_service_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.setenv(name, "1")

    async def run() -> int | None:
        process, channel = await Spawner(("sh", "-c", '! env | grep -E "^(NOTIFY|WATCHDOG)_"')).spawn()
        channel.close()
        return await process.wait()

    assert asyncio.run(run()) == 0
