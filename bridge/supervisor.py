"""The parent process: starts, watches, restarts and parks workers; answers on its sockets.

asyncio, no JVM, no native driver; it never imports pyarrow or a Kafka client.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from bridge import __version__, config, needs
from bridge.child import Child, owner_record
from bridge.config.options import ConnectorSettings, Settings
from bridge.contract import Level
from bridge.ends import exited
from bridge.errors import BridgeError
from bridge.notify import Notifier
from bridge.spawner import Spawner
from bridge.transitions import Transitions
from bridge.turnstile import Needs, Turnstile

log = structlog.get_logger("bridge.supervisor")

TICK_S = 0.5
STATUS_SCHEMA = 1
VALIDATE_S = 60.0
ONCE_S = 0.5
"""Who signals both a process and its group, as timeout(1) does, asks but once."""


class Supervisor:
    """One daemon: a child for every connector of one configuration file."""

    def __init__(self, path: Path, settings: Settings, spawner: Spawner) -> None:
        self._path, self._settings = path, settings
        self._spawner = spawner
        self._owner = owner_record(settings, uuid.uuid4().hex)
        self._children: dict[str, Child] = {}
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._transitions: dict[str, Transitions] = {}
        self._stop = asyncio.Event()
        self._turnstile = Turnstile()
        self._notifier = Notifier()
        self._started = time.time()
        self._stop_asked = 0.0
        """When we were first asked to stop."""
        self._reload_error: str | None = None
        self._one_reload = asyncio.Lock()
        self._reloads: set[asyncio.Task[str | None]] = set()
        self.ticked = time.monotonic()
        """When the supervision loop last went round: what `/livez` asks."""

    async def run(self) -> int:
        """Until SIGTERM or SIGINT; a second signal cuts the shutdown short."""
        self._install_signals()
        for connector in self._settings.connectors.values():
            self._take_in(self._child(connector, self._settings))
        starting = asyncio.create_task(self._start_all())
        try:
            await asyncio.wait([starting], timeout=TICK_S)  # where nobody is asked it takes no time
            while not self._stop.is_set():
                await self._tick()
                if starting.done():
                    starting.result()
        finally:
            self._stop.set()
            self._notifier.say(STOPPING=1)
            log.info("stopping")
            await asyncio.gather(*(child.stop() for child in self._children.values()))
            async with self._one_reload:  # what a reload has begun to end, it ends itself
                await asyncio.gather(*self._runs.values(), return_exceptions=True)
        log.info("stopped")
        return 0

    async def _start_all(self) -> None:
        """To find whose sessions are counted can take long: meanwhile all are there, and none is ready."""
        async with self._one_reload:
            self._turnstile.expect(await self._needs(self._settings))
            if self._stop.is_set():
                return
            for name in self._children:
                self._start(name)
        self._notifier.say(READY=1, STATUS=f"{len(self._children)} connectors")
        log.info(
            "daemon started", name=self._settings.name, version=__version__, connectors=list(self._children)
        )

    def _install_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._spawn_reload)

    def _asked_to_stop(self) -> None:
        now = time.monotonic()
        if not self._stop.is_set():
            self._stop_asked = now
            self._stop.set()
        elif now - self._stop_asked > ONCE_S:
            log.warning("second signal: not waiting any longer")
            os._exit(1)  # workers die with us; the next start fences what they left open

    async def _tick(self) -> None:
        self.ticked = time.monotonic()
        for name, run in list(self._runs.items()):
            if run.done() and not self._stop.is_set():
                log.error(
                    "supervision of a connector failed; this is a bug",
                    connector=name,
                    exc_info=run.exception(),
                )
                self._runs[name] = asyncio.create_task(self._children[name].run(), name=name)
        self._retry_with_new_credentials()
        self._look()
        try:
            await asyncio.wait_for(self._stop.wait(), TICK_S)
        except TimeoutError:
            return

    def _look(self) -> None:
        """What has changed, for the log; how all is, for the service manager."""
        levels = []
        for name, child in self._children.items():
            status = child.status()
            self._transitions[name].note(status, self.ticked)
            levels.append(worst(status))
        told = ", ".join(f"{levels.count(level)} {level}" for level in Level if level in levels)
        self._notifier.keep_up(self.ticked, told or "no connectors")

    # -- connectors

    def _child(self, connector: ConnectorSettings, settings: Settings) -> Child:
        return Child(connector, settings, self._owner, self._spawner, self._turnstile)

    def _take_in(self, child: Child) -> None:
        name = child.connector.name
        self._children[name], self._transitions[name] = child, Transitions(name, time.monotonic())

    def _start(self, name: str) -> None:
        self._runs[name] = asyncio.create_task(self._children[name].run(), name=name)

    async def _end(self, name: str) -> None:
        run = self._runs.pop(name)
        stopping = self._children[name].stop("restart" if name in self._settings.connectors else "stop")
        await asyncio.gather(stopping, run, return_exceptions=True)
        self._turnstile.leave(name)

    def _retry_with_new_credentials(self) -> None:
        """A parked connector gets one attempt when a secret has changed since its worker was started."""
        for name, child in self._children.items():
            if child.parked is not None and child.credentials_changed:
                log.info("a credential has changed; trying again", connector=name)
                child.unpark()

    # -- reload

    def _spawn_reload(self) -> None:
        reloading = asyncio.create_task(self.reload())
        self._reloads.add(reloading)
        reloading.add_done_callback(self._reloads.discard)

    async def reload(self) -> str | None:
        """Validate the file in a process of its own, then restart what differs. The error, or None."""
        async with self._one_reload:
            try:
                self._must_go_on()
                settings = await self._validated()
                await self._change_to(settings, await self._needs(settings))
            except BridgeError as error:
                self._reload_error = str(error)
                log.warning("reload refused; the old configuration stays in force", error=str(error))
            except Exception as error:
                self._reload_error = f"the reload failed, which is a bug: {error!r}"
                log.exception("reload failed; this is a bug")
            else:
                self._reload_error = None
                log.info("reloaded", connectors=list(self._children))
            self._notifier.say(READY=1)
            return self._reload_error

    async def _validated(self) -> Settings:
        code, output = await self._asked("bridge", "config", "check", str(self._path))
        self._must_go_on()
        if code is None:
            raise BridgeError(f"checking {self._path} took more than {VALIDATE_S:.0f} s")
        if code:
            said = output.decode(errors="replace").strip().replace("\n", "; ")
            raise BridgeError(said or f"checking {self._path} ended without a word: {exited(code)}")
        settings = config.load(self._path)
        if settings.daemon != self._settings.daemon or settings.name != self._settings.name:
            raise BridgeError("`name` and `daemon:` cannot change while running", remedy="restart the daemon")
        return settings

    async def _needs(self, settings: Settings) -> Needs:
        """Whose sessions are counted. Connectors' modules are loaded elsewhere: they may import anything."""
        connectors = settings.connectors
        if not needs.limited(connectors):
            return {}
        asked = {name: each.model_dump(mode="json") for name, each in connectors.items()}
        code, output = await self._asked("bridge.needs", told=json.dumps(asked).encode())
        if code != 0 and not self._stop.is_set():
            how = "took too long" if code is None else exited(code)
            log.error("max_sessions counts only some connectors: asking them failed", how=how)
        return needs.counted(connectors, needs.parsed(output))

    async def _asked(self, module: str, *words: str, told: bytes = b"") -> tuple[int | None, bytes]:
        """A module in a process of its own: its exit code and what it says; None when it was cut short."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", module, *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        answer = asyncio.ensure_future(process.communicate(told))
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((answer, stopping), timeout=VALIDATE_S, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        late = not answer.done()
        if late:
            process.kill()
        output, _ = await answer
        return None if late else process.returncode, output

    def _must_go_on(self) -> None:
        if self._stop.is_set():
            raise BridgeError("the daemon is stopping")

    async def _change_to(self, settings: Settings, needed: Needs) -> None:
        """Only what differs is touched; a parked connector is tried again when it differs."""
        everything = (settings.kafka, settings.topics) != (self._settings.kafka, self._settings.topics)
        old, new = self._settings.connectors, settings.connectors
        ending = [name for name in old if everything or old[name] != new.get(name)]
        starting = [
            self._child(each, settings) for name, each in new.items() if name not in old or name in ending
        ]
        ended = {name: self._children[name] for name in ending}
        self._must_go_on()  # and whatever may fail has not: from here on the new configuration is in force
        self._settings = settings
        self._turnstile.expect(needed)
        await asyncio.gather(*(self._end(name) for name in ending))
        for name in ending:  # not before: until the last one has ended, all are shown
            del self._children[name], self._transitions[name]
        self._must_go_on()  # who is started now would never be stopped
        for child in starting:
            if before := ended.get(child.connector.name):
                child.follow(before)
            self._take_in(child)
            self._start(child.connector.name)

    # -- answers

    async def command(
        self, name: str, connector: str, stream: str | None, by: str, where: Sequence[str] = ()
    ) -> str | None:
        """Give a connector, or one of its streams, an order; the error in words, or None."""
        child = self._children.get(connector)
        if child is None:
            return self._unknown(connector)
        error = await child.command(name, stream, by, _now(), where)
        log.info("operator", command=name, target=connector, stream=stream, by=by, error=error)
        return error

    async def renew(self, connector: str, deed: object, by: str) -> str | None:
        """A command had taken the connector, did `deed`, and gave it back: the worker is to notice now."""
        child = self._children.get(connector)
        if child is None:
            return self._unknown(connector)
        if deed:
            log.info("operator", command=deed, target=connector, by=by)
        await child.command("renew", None, by, _now())  # it is fenced, as it must be
        return None

    def _unknown(self, connector: str) -> str:
        return f"no connector {connector!r}; there are: {', '.join(self._children) or 'none'}"

    def status(self) -> dict[str, Any]:
        """The whole truth, versioned; docs/health.md describes it."""
        return {
            "schema": STATUS_SCHEMA,
            "daemon": {
                "name": self._settings.name,
                "version": __version__,
                "pid": os.getpid(),
                "uptime_s": round(time.time() - self._started, 1),
                "config": str(self._path.absolute()),
                "reload_error": self._reload_error,
            },
            "connectors": {name: child.status() for name, child in self._children.items()},
        }

    @property
    def ready(self) -> bool:
        return all(child.spawned or child.waits for child in self._children.values())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def worst(connector: Mapping[str, Any]) -> Level:
    """The worst health among a connector and its streams."""
    levels = [connector["health"], *(stream["health"] for stream in connector["streams"].values())]
    return max((Level(level) for level in levels), key=list(Level).index)
