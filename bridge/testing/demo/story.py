"""The demo's scenes, in order; each does something to the bridge and says what came of it, with figures."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any

from bridge.testing.demo.ordersystem import OrderSystem, Till
from bridge.testing.demo.stage import (
    CONNECTOR,
    TOPICS,
    Bridge,
    DemoError,
    Stage,
    kill,
    until_frozen,
    worker_of,
)
from bridge.testing.demo.view import View
from bridge.testing.demo.watch import Watch, now_ms
from bridge.testing.kafka import qualify

SCENE_S = 4.0
BATCH_ORDERS = 3_000
CALM_S, BACK_S = 30.0, 40.0
BAD, GOOD, ACT = "bold red", "bold green", "bold"


@dataclass(slots=True)
class Outcome:
    """What `verify` and the topics say at the end."""

    lost: int = 0
    doubled: int = 0
    differing: int = 0
    pending: int = 0
    rows: int = 0
    events: int = 0
    withheld: int = 0
    kills: int = 0

    @property
    def sound(self) -> bool:
        """All there, once, the same; and records were really withheld, or nothing would be shown."""
        return not (self.lost or self.doubled or self.differing or self.pending) and self.withheld > 0


class Story:
    """One performance; every wait ends at once when the process is interrupted."""

    def __init__(self, stage: Stage, watch: Watch, view: View) -> None:
        self._stage, self._watch, self._view = stage, watch, view
        self._system = OrderSystem(stage.database)
        self.till = Till(self._system)
        self._pause = Event()
        self.outcome = Outcome()

    def close(self) -> None:
        self.till.close()

    # -- the curtain rises

    def raise_source(self) -> None:
        self._stage.database.start()
        self._system.create()
        self._view.say(
            f"H2 plays an order system of 2005: {len(TOPICS)} tables, {self._system.rows.total():,} rows of history"
        )

    def raise_broker(self) -> None:
        broker = self._stage.broker.start()
        verdict = qualify(broker.address)
        if not verdict.passed:
            raise DemoError(f"the broker is {verdict}", remedy=f"see {broker.log}")
        self._view.say("a Kafka broker runs; tried first: it hides aborted records and fences zombies")

    def raise_bridge(self) -> None:
        """Start the bridge on twenty years of rows, and wait until consumers have them."""
        began = time.monotonic()
        pid = self._stage.bridge.start()
        self._watch.start()
        self._view.say(
            f"legacy-bridge run {self._stage.bridge.config.name} (pid {pid}) meets a table it never saw", ACT
        )
        self._until(self._caught_up, BACK_S, "the history did not arrive")
        self._view.say(
            f"{self._watch.committed.total:,} events are in Kafka {time.monotonic() - began:.1f} s after the start"
        )

    def open_till(self) -> None:
        self.till.open()
        self._view.say("the till opens: new orders, lines and payments four times a second")
        self._play(SCENE_S)
        topic = TOPICS["ORDHDR"]
        key, value = self._watch.committed.samples[topic]
        self._view.say(f"an event in {topic}, key {key.decode()}:")
        self._view.show(value.decode(), "dim")

    # -- the ill-treatment

    def kill_worker(self) -> None:
        """In mid-transaction, with a night's batch under way."""
        pid = self._worker()
        self.till.close()
        self._until(self._caught_up, CALM_S, "the last sales did not arrive")
        self._stage.bridge.cue(passages=2)
        rows = self._system.batch_run(BATCH_ORDERS)
        self.till.open()
        self._view.say(f"a batch run writes {rows:,} rows at once")
        self._freeze(pid)
        self._view.say(f"kill -9 {pid}: the worker dies there", BAD)
        self._struck(lambda: kill(pid), "a new worker fenced the dead one, read the position, read on")

    def kill_supervisor(self) -> None:
        self._stage.bridge.cue()
        pid = self._worker()
        self._freeze(pid)
        bridge = self._stage.bridge
        self._view.say("kill -9 of the supervisor, its worker with it; started again, as systemd would", BAD)
        self._struck(lambda: _restarted(bridge), "the position was where the events are: in Kafka")

    def restart_broker(self) -> None:
        self._view.say("the broker is stopped and started again, under load", BAD)
        self._struck(self._stage.broker.restart, "the bridge had waited for it", what="the broker")

    def _freeze(self, pid: int) -> None:
        until_frozen(pid, self._pause)
        count = self._watch.uncommitted()
        self._view.say(
            f"worker {pid} is in mid-transaction: {count:,} records on the broker, uncommitted, seen by nobody",
            "yellow",
        )
        self.outcome.kills += 1

    def _struck(self, blow: Callable[[], object], then: str, what: str = "it") -> None:
        """Do harm, and measure how long until a consumer gets an event produced after it."""
        began, since = time.monotonic(), now_ms()
        blow()
        self._until(lambda: self._watch.committed.newest_ms > since, BACK_S, "no event came after that")
        self._view.say(f"back after {time.monotonic() - began:.1f} s: {then}", GOOD)
        self._play(SCENE_S)

    # -- the reckoning

    def close_till(self) -> None:
        self.till.close()
        self._view.say("the till closes; the last rows arrive")
        self._until(self._caught_up, CALM_S, "")
        self._play(1.0)
        self.outcome.withheld = self._watch.withheld

    def verify(self) -> None:
        """Let `legacy-bridge verify` compare tables and topics, while the bridge runs."""
        words = ["verify", str(self._stage.bridge.config), CONNECTOR]
        self._view.say(f"legacy-bridge verify {self._stage.bridge.config.name} {CONNECTOR}", ACT)
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *words, "--json"], capture_output=True, text=True, check=False
        )
        try:
            outcomes: list[dict[str, Any]] = json.loads(done.stdout)["outcomes"]
        except (ValueError, KeyError):
            raise DemoError(f"verify failed: {(done.stderr or done.stdout).strip()}") from None
        self._view.show(
            f"  {'table':<16} {'topic':<16} {'rows':>8} {'events':>8} {'lost':>5} {'doubled':>8} {'differing':>10}"
        )
        for each in outcomes:
            self._tell(each)

    def _tell(self, found: dict[str, Any]) -> None:
        lost, doubled, differing = (found[name]["count"] for name in ("lost", "doubled", "differing"))
        outcome = self.outcome
        outcome.lost, outcome.doubled = outcome.lost + lost, outcome.doubled + doubled
        outcome.differing, outcome.pending = outcome.differing + differing, outcome.pending + found["pending"]
        outcome.rows, outcome.events = outcome.rows + found["rows"], outcome.events + found["events"]
        self._view.show(
            f"  {found['table']:<16} {found['topic']:<16} {found['rows']:>8,} {found['events']:>8,} {lost:>5} "
            f"{doubled:>8} {differing:>10}",
            BAD if lost or doubled or differing else "green",
        )

    # -- waiting

    def _worker(self) -> int:
        found: list[int] = []

        def there() -> bool:
            pid = worker_of(self._watch.health[1])
            found[:] = [pid] if pid else []
            return bool(found)

        self._until(there, BACK_S, "the bridge has no worker")
        return found[0]

    def _caught_up(self) -> bool:
        return self._watch.committed.total >= self._system.rows.total()

    def _play(self, seconds: float) -> None:
        """Let it run, for somebody to look at."""
        self._pause.wait(seconds)
        self._check()

    def _until(self, condition: Callable[[], bool], limit_s: float, otherwise: str) -> None:
        """Errors: DemoError with `otherwise` at the limit; nothing when that is empty: `verify` will tell."""
        deadline = time.monotonic() + limit_s
        while not condition():
            self._check()
            if time.monotonic() > deadline:
                if not otherwise:
                    return
                raise DemoError(
                    f"{otherwise} within {limit_s:.0f} s; the bridge says: {self._stage.bridge.last_words()}"
                )
            self._pause.wait(0.02)

    def _check(self) -> None:
        if self.till.failure is not None:
            raise DemoError(f"the database failed: {self.till.failure}")
        if not self._stage.bridge.running:
            raise DemoError(f"the bridge ended by itself: {self._stage.bridge.last_words()}")


def _restarted(bridge: Bridge) -> None:
    bridge.kill()
    bridge.start()
