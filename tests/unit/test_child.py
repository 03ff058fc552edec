"""What the supervisor makes of a worker's life: told by workers that live as their options say."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge import child as module
from bridge.child import Child
from bridge.config.options import ConnectorSettings, Settings
from bridge.spawner import Spawned, Spawner
from bridge.turnstile import Turnstile

WORKER = """
import json, os, socket, sys, time
lines = socket.socket(fileno=int(sys.argv[2])).makefile("rw")
def say(**message): print(json.dumps(message), file=lines, flush=True)
hello = json.loads(lines.readline())
options = hello["connector"]["options"]
with open(options["diary"], "a") as diary: print(hello["claim"], file=diary)
lives, life = options.get("lives", []), len(open(options["diary"]).readlines()) - 1
if life < len(lives): options.update(lives[life])
if options.get("beats", True):
    say(type="beat", holds=options.get("holds", True), standby=options.get("standby", False),
        state="RUNNING", error=options.get("says"),
        streams={"orders": {"events": 3, "polls": 1, "scans": 0, "rows": 3, "bytes": 9, "rejects": 0,
                            "reread": 0, "resnapshots": 0, "state": "RUNNING", "health": "OK", "error": None,
                            "lag_s": 0.0}})
if "end" in options: say(type="end", code=options["end"], error=options.get("error"))
if "nap" in options: time.sleep(options["nap"])
if "exit" in options: os._exit(options["exit"])
for line in lines:
    order = json.loads(line)
    if order["command"] == "stop" and not options.get("stubborn"): os._exit(0)
    if options.get("is_fenced"):
        say(type="end", code=3, error=None)
        os._exit(3)
    if "id" in order and "answer" in options: say(type="answer", id=order["id"], error=options["answer"])
"""

STANDS_BY: dict[str, Any] = {"standby": True, "holds": False}
FENCED = {"end": 3, "exit": 3}


class Family:
    """A child, and the claims its workers were started with."""

    def __init__(self, folder: Path, daemon: dict[str, Any] | None = None, **options: Any) -> None:
        self._diary = folder / "diary"
        settings = Settings.model_validate(
            {
                "name": "test",
                "kafka": {"bootstrap.servers": "127.0.0.1:9"},
                "daemon": {"stop_within": "3s", **(daemon or {})},
                "connectors": {},
            }
        )
        connector = ConnectorSettings.model_validate(
            {"name": "erp", "kind": "fake", "options": {"diary": str(self._diary), **options}}
        )
        spawner = Spawner((sys.executable, "-c", WORKER, "worker"))
        self.child = Child(connector, settings, {"instance": "this"}, spawner, Turnstile())

    @property
    def claims(self) -> list[str]:
        return self._diary.read_text().split() if self._diary.exists() else []

    def state(self) -> str:
        return str(self.child.status()["state"])

    def is_in(self, state: str) -> Callable[[], bool]:
        return lambda: self.state() == state


@asynccontextmanager
async def running(family: Family) -> AsyncIterator[Child]:
    run = asyncio.create_task(family.child.run())
    try:
        yield family.child
    finally:
        await family.child.stop()
        await run


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - conditions of files and processes
            await asyncio.sleep(0.01)


def order(child: Child, name: str) -> Awaitable[str | None]:
    return child.command(name, None, "uid 0", "2024-01-01T00:00:00+00:00")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "delay", lambda _failures: 0.01)


def test_a_worker_that_holds_its_connector_is_running_and_stops_when_asked_to(tmp_path: Path) -> None:
    family = Family(tmp_path)

    async def scenario() -> None:
        async with running(family):
            await until(family.is_in("RUNNING"))

    asyncio.run(scenario())
    assert family.claims == ["take"]
    assert not family.child.alive
    assert family.child.restarts == 0


def test_a_worker_that_dies_is_replaced_and_the_next_asks_whose_the_connector_is(tmp_path: Path) -> None:
    family = Family(tmp_path, exit=7)

    async def scenario() -> None:
        async with running(family):
            await until(lambda: len(family.claims) >= 3)

    asyncio.run(scenario())
    assert family.claims[:3] == ["take", "ask", "ask"]
    assert family.child.last_exit == "exit code 7"


def test_a_worker_that_dies_with_an_order_unread_is_told_of_once(tmp_path: Path) -> None:
    """Its end of the channel is reset then, which says less than how it ended."""
    family = Family(tmp_path, nap=0.3, exit=7)

    async def scenario() -> None:
        async with running(family) as child:
            await until(family.is_in("RUNNING"))
            await order(child, "pause")
            await until(lambda: child.last_exit)

    with capture_logs() as logged:
        asyncio.run(scenario())
    told = [(each["event"], each.get("how")) for each in logged if each["log_level"] != "info"]
    assert told[0] == ("worker ended", "exit code 7")
    assert not any("channel" in event for event, _ in told)


def test_a_worker_that_never_held_its_connector_claims_it_again(tmp_path: Path) -> None:
    family = Family(tmp_path, holds=False, exit=1)

    async def scenario() -> None:
        async with running(family):
            await until(lambda: len(family.claims) >= 2)

    asyncio.run(scenario())
    assert set(family.claims) == {"take"}


def test_a_machine_without_processes_to_spare_delays_the_next_worker_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = Family(tmp_path, daemon={"restarts": 0}, end=5, exit=5)
    spawn, failures = family.child._spawner.spawn, iter([True, False, True, True])

    async def scarce() -> Spawned:
        if next(failures, False):
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return await spawn()

    monkeypatch.setattr(family.child._spawner, "spawn", scarce)
    told: list[str | None] = []

    async def scenario() -> None:
        async with running(family) as child:
            await until(lambda: child.last_exit)
            told.append(child.status()["error"])
            await until(lambda: len(family.claims) >= 2)

    asyncio.run(scenario())
    assert told == ["cannot start a worker: [Errno 11] Resource temporarily unavailable"]
    assert family.claims[:2] == ["take", "ask"]


def test_what_counts_is_how_often_a_worker_was_started_again(tmp_path: Path) -> None:
    family = Family(tmp_path, end=4, error="wrong password", exit=4)
    restarts: list[int] = []

    async def scenario() -> None:
        async with running(family) as child:
            await until(family.is_in("FAILED"))
            restarts.append(child.restarts)
            await order(child, "resume")
            await until(family.is_in("FAILED"))
            restarts.append(child.restarts)

    asyncio.run(scenario())
    assert restarts == [0, 1]


def test_one_crash_more_than_allowed_parks_the_connector_with_the_last_reason(tmp_path: Path) -> None:
    family = Family(tmp_path, daemon={"restarts": 2}, beats=False, exit=1)

    async def scenario() -> None:
        async with running(family):
            await until(family.is_in("FAILED"))

    asyncio.run(scenario())
    assert family.child.parked == "3 crashes in 300 s, last: exit code 1; `resume` tries again"
    assert len(family.claims) == 3


def test_an_announced_park_is_final_and_says_why(tmp_path: Path) -> None:
    family = Family(tmp_path, end=4, error="wrong password", exit=4)

    async def scenario() -> None:
        async with running(family):
            await until(family.is_in("FAILED"))
            await asyncio.sleep(0.2)

    asyncio.run(scenario())
    assert family.child.parked == "wrong password"
    assert family.claims == ["take"]


def test_a_driver_that_exits_with_the_code_of_a_park_does_not_park(tmp_path: Path) -> None:
    family = Family(tmp_path, exit=4)

    async def scenario() -> None:
        async with running(family):
            await until(lambda: len(family.claims) >= 2)

    asyncio.run(scenario())
    assert family.child.parked is None


@pytest.mark.parametrize("code", [3, 5])
def test_a_fence_or_a_hung_call_is_no_crash(tmp_path: Path, code: int) -> None:
    family = Family(tmp_path, daemon={"restarts": 0}, end=code, exit=code)

    async def scenario() -> None:
        async with running(family):
            await until(lambda: len(family.claims) >= 3)

    asyncio.run(scenario())
    assert family.child.parked is None


def test_a_worker_that_falls_silent_is_killed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENT_S", 0.5)
    family = Family(tmp_path)

    async def scenario() -> None:
        async with running(family):
            await until(lambda: len(family.claims) >= 2)

    asyncio.run(scenario())
    assert family.child.last_exit == "killed by SIGKILL"


def test_a_worker_that_will_not_stop_is_killed_in_time(tmp_path: Path) -> None:
    family = Family(tmp_path, stubborn=True)

    async def scenario() -> None:
        async with running(family):
            await until(family.is_in("RUNNING"))

    asyncio.run(scenario())
    assert not family.child.alive


@pytest.mark.parametrize("answer", [None, "no stream 'x'; there are: orders"])
def test_an_order_gets_the_worker_s_answer(tmp_path: Path, answer: str | None) -> None:
    family = Family(tmp_path, answer=answer)

    async def scenario() -> str | None:
        async with running(family) as child:
            await until(family.is_in("RUNNING"))
            return await order(child, "pause")

    assert asyncio.run(scenario()) == answer


def test_an_order_nobody_answers_says_what_is_known_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.3)
    family = Family(tmp_path)

    async def scenario() -> str | None:
        async with running(family) as child:
            await until(family.is_in("RUNNING"))
            return await order(child, "pause")

    assert asyncio.run(scenario()) == (
        "erp did not answer within 0 s (RUNNING); "
        "its worker has the order, and obeys as soon as it can unless it ends before"
    )


def test_an_order_to_a_worker_that_dies_over_it_is_answered(tmp_path: Path) -> None:
    family = Family(tmp_path)

    async def scenario() -> str | None:
        async with running(family) as child:
            await until(family.is_in("RUNNING"))
            waiting = asyncio.ensure_future(order(child, "pause"))
            await asyncio.sleep(0.1)
            child._signal(9)
            return await waiting

    assert asyncio.run(scenario()) == "the worker ended before it answered"


def test_pausing_a_parked_connector_is_refused_with_the_reason_of_the_park(tmp_path: Path) -> None:
    family = Family(tmp_path, end=4, error="wrong password", exit=4)

    async def scenario() -> str | None:
        async with running(family) as child:
            await until(family.is_in("FAILED"))
            return await order(child, "pause")

    assert asyncio.run(scenario()) == "erp has no worker at work (wrong password)"


def test_an_order_to_a_worker_that_waits_for_kafka_is_refused_with_what_health_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.3)
    family = Family(tmp_path, holds=False, says="Kafka does not answer")

    async def scenario() -> str | None:
        async with running(family) as child:
            await until(lambda: child.status()["error"])
            return await order(child, "pause")

    assert asyncio.run(scenario()) == "erp has no worker at work (Kafka does not answer)"


def test_resume_tries_a_parked_connector_again_with_a_claim(tmp_path: Path) -> None:
    family = Family(tmp_path, end=4, error="wrong password", exit=4)

    async def scenario() -> str | None:
        async with running(family) as child:
            await until(family.is_in("FAILED"))
            answered = await order(child, "resume")
            await until(lambda: len(family.claims) == 2)
            return answered

    assert asyncio.run(scenario()) is None
    assert family.claims == ["take", "take"]


def test_resume_makes_a_standby_take_the_connector_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 1.0)
    family = Family(tmp_path, standby=True, holds=False)

    async def scenario() -> None:
        async with running(family) as child:
            await until(lambda: child._pulse.standby)
            await order(child, "resume")
            await until(lambda: len(family.claims) >= 2)

    asyncio.run(scenario())
    assert family.claims[:2] == ["take", "take"]


def test_resume_on_a_standby_takes_over_and_leaves_the_pauses(tmp_path: Path) -> None:
    """The worker would refuse the order, were it passed on."""
    family = Family(tmp_path, lives=[STANDS_BY], answer="the pauses are gone")

    async def scenario() -> tuple[str | None, str | None]:
        async with running(family) as child:
            await until(lambda: child._pulse.standby)
            return await order(child, "resume"), await order(child, "resume")

    assert asyncio.run(scenario()) == (None, "the pauses are gone"), "the second is a resume like any other"
    assert family.claims == ["take", "take"]


def test_resume_right_after_a_command_had_the_connector_is_a_resume_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker that was fenced has ended, and only the next one can see whose the connector is now."""
    monkeypatch.setattr(module, "delay", lambda _failures: 60.0)
    family = Family(tmp_path, lives=[FENCED], answer="obeyed")

    async def scenario() -> str | None:
        async with running(family) as child:
            await until(lambda: child.last_exit)
            return await order(child, "resume")

    assert asyncio.run(scenario()) == "obeyed"
    assert family.claims == ["take", "ask"]


@pytest.mark.parametrize("name", ["pause", "resume"])
def test_an_order_to_a_worker_that_a_command_has_just_fenced_goes_to_the_next_one(
    tmp_path: Path, name: str
) -> None:
    family = Family(tmp_path, lives=[{"is_fenced": True}], answer="obeyed")

    async def scenario() -> str | None:
        async with running(family) as child:
            await until(lambda: child._pulse.holds)
            return await order(child, name)

    assert asyncio.run(scenario()) == "obeyed"
    assert family.claims == ["take", "ask"]


def test_resume_right_after_another_daemon_has_taken_the_connector_takes_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays = iter((60.0, 0.01))
    monkeypatch.setattr(module, "delay", lambda _failures: next(delays))
    family = Family(tmp_path, lives=[FENCED, STANDS_BY], answer="the pauses are gone")

    async def scenario() -> str | None:
        async with running(family) as child:
            await until(lambda: child.last_exit)
            return await order(child, "resume")

    assert asyncio.run(scenario()) is None
    assert family.claims == ["take", "ask", "take"]


def test_a_reload_leaves_a_connector_whose_it_is(tmp_path: Path) -> None:
    """Ours, or of a daemon that has taken it since: the owner's record says so."""
    before, after = Family(tmp_path), Family(tmp_path)

    async def scenario() -> None:
        async with running(before) as child:
            await until(lambda: child._pulse.holds)
        after.child.follow(before.child)
        async with running(after) as child:
            await until(lambda: child._pulse.holds)

    asyncio.run(scenario())
    assert after.claims == ["take", "ask"]


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("daemon b on host2 holds it", "daemon b on host2 holds it"),
        (None, "another daemon holds it"),
    ],
)
def test_an_order_to_a_standby_is_refused_at_once(tmp_path: Path, says: str | None, why: str) -> None:
    family = Family(tmp_path, standby=True, holds=False, says=says)

    async def scenario() -> str | None:
        async with running(family) as child:
            await until(lambda: child._pulse.standby)
            async with asyncio.timeout(module.ANSWER_S / 2):
                return await order(child, "pause")

    assert asyncio.run(scenario()) == f"erp has no worker at work ({why})"


def test_totals_count_over_the_lives_of_workers(tmp_path: Path) -> None:
    family = Family(tmp_path, exit=0)

    async def scenario() -> None:
        async with running(family):
            await until(lambda: len(family.claims) >= 3)

    asyncio.run(scenario())
    counted = family.child.status()["streams"]["orders"]["events"]
    assert counted >= 6
    assert counted % 3 == 0


def test_a_worker_may_be_killed_by_a_signal_that_has_no_name(tmp_path: Path) -> None:
    family = Family(tmp_path, nap=60)

    async def scenario() -> None:
        async with running(family) as child:
            await until(lambda: child.pid and family.claims)
            os.kill(child.pid or 0, 40)
            await until(lambda: child.last_exit)

    asyncio.run(scenario())
    assert family.child.last_exit == "killed by signal 40"


def test_a_worker_that_speaks_nonsense_is_killed_and_replaced(tmp_path: Path) -> None:
    family = Family(tmp_path)
    family.child._spawner = Spawner(
        (sys.executable, "-c", WORKER.replace("json.dumps(m", "'{' and str(m"), "worker")
    )

    async def scenario() -> None:
        async with running(family):
            await until(lambda: len(family.claims) >= 2)

    asyncio.run(scenario())
    assert family.child.last_exit == "killed by SIGKILL"
