"""One connector as the supervisor sees it: its process, its last heartbeat, its restarts, its park."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

import structlog

from bridge.answers import ENDED, Answers
from bridge.channel import encode
from bridge.config.options import ConnectorSettings, Settings
from bridge.credentials import stamp
from bridge.ends import Ended, described
from bridge.intensity import Intensity
from bridge.pulse import SILENT_S, Life, Pulse
from bridge.retry import delay
from bridge.spawner import Spawner
from bridge.turnstile import Turnstile

log = structlog.get_logger("bridge.supervisor")

ANSWER_S = 10.0
HOLD_LOOK_S = 0.05
KILL_S = 2.0
DYING_S = 1.0
"""Within which a worker whose channel broke ends by itself, if it does."""
LINE_LIMIT = 64 * 1024 * 1024


class Child:
    """Keeps one worker running until told otherwise. All methods run on the supervisor's event loop."""

    def __init__(
        self,
        connector: ConnectorSettings,
        settings: Settings,
        owner: Mapping[str, Any],
        spawner: Spawner,
        turnstile: Turnstile,
    ) -> None:
        self.connector, self._settings, self._owner, self._spawner = connector, settings, owner, spawner
        self._turnstile = turnstile
        self._intensity = Intensity(settings.daemon.restarts, settings.daemon.restart_window)
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answers = Answers(self._send)
        self._wanted = asyncio.Event()
        self._stopping = asyncio.Event()
        self._failures = 0
        self._pulse = Pulse(connector, settings.daemon.critical_after)
        self._end: dict[str, Any] = {}
        self._stamp = self._stamp_now()
        self.claim = "take"
        self.restarts = 0
        self.parked: str | None = None
        self.last_exit: str | None = None

    def follow(self, other: Child) -> None:
        """Take the place of one that has ended: the daemon's counters, and no other daemon's connector."""
        self._pulse.follow(other._pulse)
        self.restarts, self.claim = other.restarts, other.claim

    # -- keeping it running

    async def run(self) -> None:
        """Spawn, wait, judge, wait again; returns after `stop`."""
        try:
            while not self._stopping.is_set():
                await self._live()
        finally:
            self._signal(signal.SIGKILL)  # nobody would watch it

    async def _live(self) -> None:
        """One worker's life, or one wait for it."""
        if self.parked is not None or not self._turnstile.admit(self.connector.name, self._wanted.set):
            await self._wanted.wait()
            self._wanted.clear()
            return
        try:
            await self._spawn()
        except OSError as error:  # no more processes, or files: that is no crash, and passes
            self._signal(signal.SIGKILL)
            self.last_exit = f"cannot start a worker: {error}"
            self._pulse.end(self.last_exit)
            await self._back_off()
            return
        if self._stopping.is_set():  # asked to in the middle of the spawn
            await asyncio.gather(self._attend(), self._end_process())
            return
        code = await self._attend()
        if not self._stopping.is_set():
            await self._judge(code)

    async def _spawn(self) -> None:
        """Errors: OSError."""
        self._stamp = self._stamp_now()  # before anybody reads the secrets: a change meanwhile is one, too
        process, ours = await self._spawner.spawn()
        if self.spawned:
            self.restarts += 1
        self._process = process
        self._pulse.begin()
        self._end = {}
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=LINE_LIMIT)
        self._send(self._hello())
        log.info("worker started", connector=self.connector.name, pid=self._process.pid)

    def _hello(self) -> dict[str, Any]:
        part = self._settings.model_dump(mode="json", include={"kafka", "topics", "daemon"})
        return {
            "connector": self.connector.model_dump(mode="json"),
            **part,
            "places": dict(self._settings.places),
            "owner": dict(self._owner),
            "claim": self.claim,
        }

    async def _attend(self) -> int:
        """Read heartbeats until the process has ended; its exit code."""
        watch = asyncio.create_task(self._watch())
        try:
            return await self._listen()
        finally:
            watch.cancel()
            if self._writer is not None:
                self._writer.close()
            self._answers.give_up()

    async def _listen(self) -> int:
        process = self._process
        assert process is not None  # noqa: S101 - set by _spawn
        try:
            while line := await self._reader.readline():
                self._receive(json.loads(line))
        except (ConnectionError, ValueError) as error:
            await self._broken(process, str(error))
        return await process.wait()

    async def _broken(self, process: asyncio.subprocess.Process, error: str) -> None:
        """Most often the worker is dying, and how it ended says all there is to say."""
        try:
            await asyncio.wait_for(process.wait(), DYING_S)
        except TimeoutError:
            log.warning("worker's channel broke; killing it", connector=self.connector.name, error=error)
            self._signal(signal.SIGKILL)

    async def _watch(self) -> None:
        """The one thing heartbeats cannot say: that there are none."""
        while True:
            await asyncio.sleep(1.0)
            silent_s = round(self._pulse.silent_s)
            if silent_s > SILENT_S:
                log.error("worker is silent; killing it", connector=self.connector.name, silent_s=silent_s)
                self._signal(signal.SIGKILL)
                return

    def _receive(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "beat":
                self._pulse.take(message)
                if self._pulse.holds:
                    self.claim = "ask"  # from now on the owner's record says whose the connector is
                    self._failures = 0
            case "letters":
                self._pulse.note_letters(message["stream"])
            case "answer":
                self._answers.take(message["id"], message["error"])
            case "end":
                self._end = message

    async def _judge(self, code: int) -> None:
        """What the way a worker ended means for the next one.

        Its exit code counts only when it had announced it: a driver can end the process with any code.
        """
        announced = self._end.get("code") == code
        self.last_exit = described(code, self._end if announced else {})
        self._pulse.end(None if announced and code == Ended.STOPPED else self.last_exit)
        if announced and code == Ended.PARKED:
            self._park(self._end.get("error") or "parked")
            return
        counts = not announced or code not in (Ended.STOPPED, Ended.FENCED, Ended.HUNG)
        if counts and self._intensity.exceeded_by(time.monotonic()):
            crashes = f"{self._intensity.recent} crashes in {self._settings.daemon.restart_window:.0f} s"
            self._park(f"{crashes}, last: {self.last_exit}; `resume` tries again")
            return
        await self._back_off()

    async def _back_off(self) -> None:
        self._failures += 1
        wait = delay(self._failures)
        log.warning(
            "worker ended", connector=self.connector.name, how=self.last_exit, next_start_s=round(wait, 2)
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), wait)
        self._wanted.clear()

    def _park(self, reason: str) -> None:
        self.parked = reason
        self._turnstile.park(self.connector.name)
        log.error("connector parked", connector=self.connector.name, error=reason)

    # -- commands

    async def command(
        self, name: str, stream: str | None, by: str, at: str, where: Sequence[str] = ()
    ) -> str | None:
        """Pass an order on; the error in words, or None. `resume` also starts a parked connector.

        On a standby it takes the connector over, and no more: the pauses are another daemon's operator's.
        """
        takes_over = name == "resume" and await self._is_another_s()
        if name == "resume" and (self.parked is not None or not self.alive or takes_over):
            self.claim = "take"
            if self._pulse.standby:
                await self._end_process()
            self.unpark()
        if await self._holds():
            if takes_over:
                return None
            order = {"command": name, "stream": stream, "by": by, "at": at, "where": where}
            error = await self._ordered(order)
            if error == ENDED and self._end.get("code") == Ended.FENCED and await self._holds():
                error = await self._ordered(order)  # a command had the connector, and has given it back
        else:
            at_work = "another daemon holds it" if self._stands_by else "starting"
            why = self.status()["error"] or ("stopping" if self._stopping.is_set() else at_work)
            error = f"{self.connector.name} has no worker at work ({why})"
            if self.waits:
                error += "; only a worker can keep an order: give it again once there is one"
        if name == "resume" and self.parked is not None:
            return None  # it was tried again, and the state says why in vain
        return error

    async def _ordered(self, order: Mapping[str, Any]) -> str | None:
        """The worker's answer. It obeys between two transactions, which can be a long time."""
        try:
            return await self._answers.to(order, ANSWER_S)
        except TimeoutError:
            status = self.status()
            why = f": {status['error']}" if status["error"] else ""
            return (
                f"{self.connector.name} did not answer within {ANSWER_S:.0f} s ({status['state']}{why}); "
                "its worker has the order, and obeys as soon as it can unless it ends before"
            )

    async def _holds(self) -> bool:
        """Whether a worker holds the connector, or comes to in time: an order needs one to be kept."""
        deadline = time.monotonic() + ANSWER_S
        while not (self.alive and self._pulse.holds):
            hopeless = self.parked or self.waits or self._stands_by or self._stopping.is_set()
            if hopeless or time.monotonic() > deadline:
                return False
            await asyncio.sleep(HOLD_LOOK_S)
        return True

    async def _is_another_s(self) -> bool:
        """After a fence the next worker sees: it may have been a command, which has given it back."""
        if not self.alive and self._end.get("code") == Ended.FENCED:
            self._wanted.set()
            await self._holds()
        return self._pulse.standby

    @property
    def _stands_by(self) -> bool:
        return self.alive and self._pulse.standby

    def unpark(self) -> None:
        """Start the worker now, with a clean record."""
        self.parked = None
        self._pulse.forgive()
        self._intensity.forget()
        self._failures = 0
        self._wanted.set()

    @property
    def credentials_changed(self) -> bool:
        """A file with a secret is not the one the last worker was started with."""
        return self._stamp != self._stamp_now()

    def _stamp_now(self) -> str:
        return stamp([self.connector.options, self._settings.kafka])

    @property
    def waits(self) -> str | None:
        """For whose sessions, in words; None where it need not wait, or does not want to."""
        return None if self.parked is not None else self._turnstile.obstacle(self.connector.name)

    @property
    def spawned(self) -> bool:
        """A worker was started at least once."""
        return self._process is not None

    async def stop(self, how: Literal["stop", "restart"] = "stop") -> None:
        """Drain and end the worker, by force when it takes too long.

        `restart`: another one will follow here, and no standby elsewhere shall take the connector meanwhile.
        """
        self._stopping.set()
        self._wanted.set()
        await self._end_process(how)

    async def _end_process(self, how: str = "stop") -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._send({"command": how})
        limit = max(0.5, self._settings.daemon.stop_within - KILL_S)
        try:
            await asyncio.wait_for(process.wait(), limit)
        except TimeoutError:
            log.warning("worker did not stop in time; killing it", connector=self.connector.name)
            self._signal(signal.SIGKILL)
            await process.wait()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.alive else None

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(message))

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def status(self) -> dict[str, Any]:
        """The connector as `health`, the status page and the metrics show it."""
        how = None if self._stopping.is_set() else self.last_exit
        said = self._pulse.status(Life(self.alive, self.parked, how, self.waits))
        streams, age = said.pop("streams"), said.pop("beat_age_s")
        return {
            "kind": self.connector.kind,
            **said,
            "pid": self.pid,
            "restarts": self.restarts,
            "last_exit": self.last_exit,
            "beat_age_s": age,
            "streams": streams,
        }


def owner_record(settings: Settings, instance: str) -> dict[str, Any]:
    """See bridge.positions.Owner."""
    return {
        "instance": instance,
        "name": settings.name,
        "host": socket.gethostname(),
        "lease_s": settings.daemon.lease,
    }
