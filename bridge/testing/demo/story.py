"""The demo's scenes, in order; each does something to the bridge and says what came of it, with figures."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

from bridge.testing.demo import mainframe, oracle, sap
from bridge.testing.demo.ordersystem import OrderSystem, Till
from bridge.testing.demo.stage import (
    CONNECTOR,
    TOPICS,
    DemoError,
    Stage,
    kill,
    until_frozen,
    worker_of,
)
from bridge.testing.demo.view import View
from bridge.testing.demo.watch import Watch, now_ms
from bridge.testing.kafka import qualify

SCENE_S = 2.0
SOLD = tuple(TOPICS.values())
"""The topics of the shop."""
PAGES = 5
BATCH_ORDERS = 2_000
CALM_S, BACK_S = 30.0, 40.0
ROW = "  {:<17} {:<15} {:>8} {:>8} {:>5} {:>8} {:>10}"
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
        """All there, once, the same; and rows were compared and records withheld, or nothing is shown."""
        wrong = self.lost or self.doubled or self.differing or self.pending
        return not wrong and self.rows > 0 and self.withheld > 0


class Story:
    """One performance; every wait ends at once when the process is interrupted."""

    def __init__(self, stage: Stage, watch: Watch, view: View) -> None:
        self._stage, self._watch, self._view = stage, watch, view
        self._system = OrderSystem(stage.database)
        self.till = Till(self._system)
        self._pause = Event()
        self.outcome = Outcome()

    def close(self) -> None:
        self.till.go_home()
        for each in self._stage.others:
            each.go_home()

    # -- the curtain rises

    def raise_source(self) -> None:
        self._view.doing("starting H2")
        self._stage.database.start()
        self._system.create()
        rows = self._system.rows.total()
        self._view.say(f"H2 plays an order system of 2005: {len(TOPICS)} tables, {rows:,} rows")

    def raise_mainframe(self) -> None:
        host = self._stage.mainframe
        told = "a mainframe plays a bank: its customers are on screens, read by {} page after page"
        self._view.say(told.format(host.client) if host else mainframe.LACKING)

    def raise_oracle(self) -> None:
        depot = self._stage.oracle
        told = "an Oracle Database, simulated, plays a depot: {} tables, {:,} rows"
        self._view.say(told.format(len(oracle.TOPICS), depot.rows) if depot else oracle.LACKING)

    def raise_sap(self) -> None:
        system = self._stage.sap
        told = "an SAP system, simulated, plays a sales office: {:,} customers, read over RFC"
        self._view.say(told.format(system.customers) if system else sap.LACKING)

    def raise_broker(self) -> None:
        self._view.doing("starting Kafka, and trying whether it can prove anything")
        broker = self._stage.broker.start()
        verdict = qualify(broker.address)
        if not verdict.passed:
            raise DemoError(f"the broker is {verdict}")
        self._view.say("Kafka runs, and can prove it: aborted records hidden, zombies fenced")

    def raise_bridge(self) -> None:
        """Start the bridge on twenty years of rows, and wait until consumers have them."""
        self._view.doing("")
        began = time.monotonic()
        pid = self._stage.bridge.start()
        self._watch.start()
        self._view.say(f"legacy-bridge run {self._stage.bridge.config.name}  (pid {pid})", ACT)
        self._until(self._caught_up, BACK_S, "the history did not arrive")
        took, count = time.monotonic() - began, self._watch.committed.count(SOLD)
        self._view.say(f"{took:.1f} s later consumers have all {count:,} rows")

    def open_till(self) -> None:
        self.till.work()
        self._view.say("the shop opens: orders, their lines, payments, new customers")
        self._play(SCENE_S)
        topic = TOPICS["ORDHDR"]
        key, value = self._watch.committed.samples[topic]
        self._view.sample(f"{topic} {key.decode()} {value.decode()}")
        self._open_bank()
        self._open_depot()
        self._open_office()

    def _open_bank(self) -> None:
        if self._stage.mainframe is None:
            return
        customers = len(self._stage.mainframe.rows())
        self._until(lambda: self._read() >= customers, BACK_S, "the mainframe's customers did not arrive")
        self._view.say(f"the bank opens, its {customers} customers have been read; they come, pay and go")
        self._stage.mainframe.work()
        self._until(lambda: self._read() > customers, BACK_S, "no change of a customer arrived")
        key, value = self._watch.committed.samples[mainframe.TOPIC]
        self._view.sample(f"{mainframe.TOPIC} {key.decode()} {value.decode()}")

    def _open_depot(self) -> None:
        depot = self._stage.oracle
        if depot is None:
            return
        rows = depot.rows
        self._until(lambda: self._stored() >= rows, BACK_S, "Oracle's rows did not arrive")
        self._view.say(f"the depot opens, its {rows:,} rows are of one SCN; flashback tells what happens now")
        depot.work()
        self._until(lambda: self._stored() > rows, BACK_S, "no change in the depot arrived")
        topic = oracle.TOPICS["ORDERS"]
        key, value = self._watch.committed.samples[topic]
        self._view.sample(f"{topic} {key.decode()} {value.decode()}")

    def _open_office(self) -> None:
        system = self._stage.sap
        if system is None:
            return
        customers = system.customers
        self._until(lambda: self._known() >= customers, BACK_S, "SAP's customers did not arrive")
        self._view.say(f"the office opens; of its {customers} customers documents tell who changes what")
        system.work()
        self._until(lambda: bool(self._document()), BACK_S, "no change document arrived")
        self._view.say(f"a change document: {self._document()}")

    def _document(self) -> str:
        _, value = self._watch.committed.samples.get(sap.CHANGES, (b"", b""))
        return sap.told(value) if value else ""

    # -- the ill-treatment

    def kill_worker(self) -> None:
        pid = self._amid_a_batch_run()
        self._view.say(f"kill -9 {pid}: the worker", BAD)
        self._struck(lambda: kill(pid), None, "a new worker fenced the dead one and read on")

    def kill_mainframe_worker(self) -> None:
        host = self._stage.mainframe
        if host is None:
            return
        pid, pages = self._worker(mainframe.CONNECTOR), host.pages
        self._until(lambda: host.pages > pages + PAGES, BACK_S, "no page of the list was turned")
        self._view.say(f"kill -9 {pid}: the mainframe's worker, while pages turn", BAD)
        then = "a new one logged on, and began the list again"
        self._struck(lambda: kill(pid), None, then, [mainframe.TOPIC])

    def kill_oracle_worker(self) -> None:
        if self._stage.oracle is None:
            return
        pid = self._worker(oracle.CONNECTOR)
        self._view.say(f"kill -9 {pid}: Oracle's worker, while the depot works", BAD)
        then = "a new one read on from the SCN in Kafka"
        self._struck(lambda: kill(pid), None, then, oracle.TOPICS.values())

    def kill_sap_worker(self) -> None:
        if self._stage.sap is None:
            return
        pid = self._worker(sap.CONNECTOR)
        self._view.say(f"kill -9 {pid}: SAP's worker, while the office works", BAD)
        then = "a new one logged on, and read on from the documents in Kafka"
        self._struck(lambda: kill(pid), None, then, [sap.CHANGES])

    def kill_supervisor(self) -> None:
        self._amid_a_batch_run()
        bridge = self._stage.bridge
        self._view.say(f"kill -9 {bridge.pid}: the supervisor, and with it its workers", BAD)
        self._struck(bridge.kill, bridge.start, "the position was in Kafka, with the events")

    def restart_broker(self) -> None:
        broker = self._stage.broker
        self._view.say("the broker is stopped and started again, the shop stays open", BAD)
        self._struck(broker.stop, broker.start, "the bridge waited, and read on")

    def _amid_a_batch_run(self) -> int:
        """The worker's process id; it has stopped in mid-transaction, some of a batch on the broker."""
        pid = self._worker(CONNECTOR)
        self.till.go_home()
        self._until(self._caught_up, CALM_S, "the last sales did not arrive")
        self._stage.bridge.cue(passages=2)
        rows = self._system.batch_run(BATCH_ORDERS)
        self.till.work()
        self._view.say(f"a batch run writes {rows:,} rows at once")
        until_frozen(pid, self._pause)
        count = self._watch.uncommitted(SOLD)
        self._view.say(f"in mid-transaction: {count:,} records on the broker, uncommitted", "yellow")
        self.outcome.kills += 1
        return pid

    def _struck(
        self,
        harm: Callable[[], object],
        repair: Callable[[], object] | None,
        then: str,
        topics: Collection[str] = SOLD,
    ) -> None:
        """Do harm, and measure how long until a consumer gets an event produced after it."""
        harm()
        began, since = time.monotonic(), now_ms()
        if repair is not None:
            repair()
        self._until(lambda: self._watch.committed.newest(topics) > since, BACK_S, "no event came after that")
        self._view.say(f"back after {time.monotonic() - began:.1f} s: {then}", GOOD)
        self._play(SCENE_S)

    # -- the reckoning

    def close_till(self) -> None:
        self.till.go_home()
        others = self._stage.others
        for each in others:
            each.go_home()
        self._view.say(
            "all close, the last rows arrive" if others else "the shop closes, the last rows arrive"
        )
        self._until(self._caught_up, CALM_S, "")
        for each in others:
            self._until(partial(each.arrived, self._stage.broker.address), CALM_S, "")
        self._play(1.0)
        self.outcome.withheld = self._watch.withheld

    def verify(self) -> None:
        """Let `legacy-bridge verify` compare tables and topics, while the bridge runs."""
        self._view.doing("comparing every row with every event")
        asked = [[CONNECTOR]]
        if self._stage.oracle:
            asked.append([oracle.CONNECTOR])
        if self._stage.sap:
            asked.append([sap.CONNECTOR, "--stream", sap.VERIFIED])
        outcomes = [found for each in [*map(self._verifying, asked)] for found in _verified(each)]
        self._view.doing("")
        self._view.show(ROW.format("table", "topic", "rows", "events", "lost", "doubled", "differing"), "dim")
        if self._stage.mainframe:
            outcomes.append(self._stage.mainframe.compared(self._stage.broker.address))
        for each in outcomes:
            self._tell(each)

    def _verifying(self, asked: Sequence[str]) -> subprocess.Popen[str]:
        config = self._stage.bridge.config
        self._view.say(f"legacy-bridge verify {config.name} {' '.join(asked)}", ACT)
        words = ["verify", str(config), *asked, "--json"]
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-m", "bridge", *words], stdout=pipe, stderr=pipe, text=True)

    def _tell(self, found: Mapping[str, Any]) -> None:
        lost, doubled, differing = (found[name]["count"] for name in ("lost", "doubled", "differing"))
        outcome = self.outcome
        outcome.lost, outcome.doubled = outcome.lost + lost, outcome.doubled + doubled
        outcome.differing, outcome.pending = outcome.differing + differing, outcome.pending + found["pending"]
        outcome.rows, outcome.events = outcome.rows + found["rows"], outcome.events + found["events"]
        figures = (f"{found['rows']:,}", f"{found['events']:,}", lost, doubled, differing)
        style = BAD if lost or doubled or differing else "green"
        self._view.show(ROW.format(found["table"], found["topic"], *figures), style)

    # -- waiting

    def _worker(self, connector: str) -> int:
        found: list[int] = []

        def there() -> bool:
            pid = worker_of(self._watch.health[1], connector)
            found[:] = [pid] if pid else []
            return bool(found)

        self._until(there, BACK_S, f"{connector} has no worker")
        return found[0]

    def _caught_up(self) -> bool:
        return self._watch.committed.count(SOLD) >= self._system.rows.total()

    def _read(self) -> int:
        """Events of the mainframe."""
        return self._watch.committed.count([mainframe.TOPIC])

    def _stored(self) -> int:
        """Events of the depot."""
        return self._watch.committed.count(oracle.TOPICS.values())

    def _known(self) -> int:
        """Events of the office's customers."""
        return self._watch.committed.count([sap.CUSTOMERS])

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
                said = self._stage.bridge.last_words()
                raise DemoError(f"{otherwise} within {limit_s:.0f} s; the bridge says: {said}")
            self._pause.wait(0.02)

    def _check(self) -> None:
        if self.till.failure is not None:
            raise DemoError(f"the database failed: {self.till.failure}")
        if not self._stage.bridge.running:
            raise DemoError(f"the bridge ended by itself: {self._stage.bridge.last_words()}")


def _verified(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    said, complained = process.communicate()
    try:
        found: list[dict[str, Any]] = json.loads(said)["outcomes"]
    except (ValueError, KeyError):
        raise DemoError(f"verify failed: {(complained or said).strip()}") from None
    return found
