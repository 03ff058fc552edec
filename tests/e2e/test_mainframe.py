"""A mainframe's customers in Kafka: whoever dies while pages turn, the topic becomes the host's file."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.testing.daemon import DaemonProcess, Record, consume, wait_until
from bridge.testing.folding import folded
from bridge.testing.kafka import Broker
from bridge.testing.killing import deaths
from bridge.testing.mainframe import Customer, Host, Switches, customer
from bridge.testing.mainframe.options import DETAILS, INQUIRY, LIST, PASSWORD_VARIABLE, Options, options
from tests.e2e.evidence import Start, command, doomed, in_state, meanwhile, oddities

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CUSTOMERS, LINES = 60, 6
NEVER_PARKED = {"restarts": 1_000_000}
PATIENCE_S = 60

type Row = dict[str, Any]
type Shape = Callable[[Customer], Row]


def listed(one: Customer) -> Row:
    return {
        "id": int(one.id),
        "name": one.name,
        "balance": f"{one.balance:.2f}",
        "status": one.status,
        "mark": one.mark,
    }


def detailed(one: Customer) -> Row:
    more = {"city": one.city, "opened": one.opened.isoformat(), "limit": f"{one.limit:.2f}"}
    return {**listed(one), **more}


def inquired(one: Customer) -> Row:
    told = {
        "name": one.name,
        "balance": f"{one.balance:.2f}",
        "limit": f"{one.limit:.2f}",
        "status": one.status,
    }
    return {"id": one.id, "customer_id": one.id, "request_type": "BALANCE", **told}


class Bank:
    """The host, its clerks, and the topics of a connector that reads it."""

    def __init__(self, host: Host, broker: Broker, name: str) -> None:
        self.host, self.name, self._address = host, name, broker.address
        self.chance = random.Random(29)
        self.stayed = set(host.customers)
        """Who was there all the time."""

    def connectors(self, streams: dict[str, Options], **more: Any) -> dict[str, Any]:
        engine = {"kind": "mainframe", "interval": "50ms", "max_delete": "100%"}
        return {self.name: {**engine, **options(self.host, streams, settle="10ms", **more)}}

    @property
    def environment(self) -> dict[str, str]:
        return {PASSWORD_VARIABLE: self.host.password}

    # -- the clerks

    def change(self) -> None:
        with self.host.lock:
            self._pay(self.chance.choice([*self.host.customers]))

    def come(self) -> None:
        number = self.chance.randrange(10, 10 * CUSTOMERS + 100)
        with self.host.lock:
            if f"{number:08}" not in self.host.customers:
                self.host.insert(customer(number))

    def go(self) -> None:
        with self.host.lock:
            identity = self.chance.choice([*self.host.customers])
            self.stayed.discard(identity)
            self.host.delete(identity)

    def work(self) -> None:
        self.chance.choice((self.change, self.change, self.come, self.go))()

    def welcome(self) -> None:
        """Nobody goes."""
        if self.chance.random() < 0.5:
            self.change()
        else:
            self.come()

    def _pay(self, identity: str) -> None:
        one = self.host.customers[identity]
        self.host.change(identity, balance=one.balance + Decimal(self.chance.randint(1, 99_999)) / 100)

    # -- the topics

    def records(self, stream: str, isolation: str = "read_committed") -> list[Record]:
        return consume(self._address, f"{self.name}.{stream}", isolation)

    def events(self, stream: str) -> list[dict[str, Any]]:
        return [record.event for record in self.records(stream) if record.value]

    def file(self, shape: Shape) -> list[Row]:
        with self.host.lock:
            return [shape(self.host.customers[identity]) for identity in sorted(self.host.customers)]

    def settle(self, stream: str, shape: Shape, key: str = "id") -> None:
        """Wait until the topic is the host's file."""

        def told() -> list[Row]:
            found = folded(self.events(stream), key).rows
            return [found[name] for name in sorted(found)]

        try:
            wait_until(lambda: told() == self.file(shape), PATIENCE_S, every=0.5)
        except TimeoutError:
            assert told() == self.file(shape), stream  # shows the difference

    def false_deletes(self, stream: str, key: str) -> list[int]:
        gone = {int(event["before"][key]) for event in self.events(stream) if event["op"] == "d"}
        return sorted(gone & set(map(int, self.stayed)))

    def judge(self, stream: str, key: str = "id") -> None:
        """Nothing twice, nobody deleted who was there."""
        assert folded(self.events(stream), key).doubled == 0
        assert oddities(self.records(stream), key) == []
        assert self.false_deletes(stream, key) == []


@pytest.fixture
def host() -> Iterator[Host]:
    with Host(count=CUSTOMERS, page_size=LINES) as host:
        yield host


@pytest.fixture
def bank(host: Host, broker: Broker, name: str) -> Bank:
    return Bank(host, broker, name)


BY_KEY: dict[str, Options] = {
    "customers": {**LIST, "paging": "key"},
    "details": {**DETAILS, "paging": "key"},
}
"""No row is missed when others go meanwhile."""
BALANCES: Options = {
    **INQUIRY,
    "keys": {"stream": "customers"},
    "key": ["id"],
    "steps": [
        {
            "fill": {"customer_id": "{id}", "request_type": "BALANCE"},
            "press": "enter",
            "expect": "balance",
        }
    ],
}


def test_inserts_updates_and_deletes_on_screens_become_events(bank: Bank, start: Start) -> None:
    daemon = start(bank.connectors({"customers": LIST}), environment=bank.environment)
    bank.settle("customers", listed)
    bank.host.change("00000070", status="CLOSED")
    bank.host.delete("00000080")
    bank.host.insert(customer(85))
    bank.settle("customers", listed)
    in_state(daemon, bank.name, "RUNNING", stream="customers")
    daemon.stop()
    assert folded(bank.events("customers"), "id").operations == {"r": CUSTOMERS, "c": 1, "u": 1, "d": 1}


@pytest.mark.parametrize("transport", ["s3270", "tnz"])
def test_workers_killed_at_every_step_while_pages_turn_leave_the_topics_what_the_host_has(
    transport: str, bank: Bank, broker: Broker, tmp_path: Path
) -> None:
    bank.host.switches.by_key = True
    dying = deaths(1, bank.chance, passages=2, latest_ms=3_000)
    connectors = bank.connectors(BY_KEY, transport=transport)
    folder, around = tmp_path / "daemon", bank.environment
    daemon, plan = doomed(folder, broker.address, connectors, dying, environment=around, daemon=NEVER_PARKED)
    with daemon:
        with meanwhile(bank.work, 0.1):
            wait_until(lambda: daemon.killed() == len(dying), 200, "deaths", 0.2)
        bank.settle("customers", listed)
        bank.settle("details", detailed)
        verified = command("verify", daemon.config, bank.name, environment={**os.environ, **around})
    assert plan.left == 0
    for stream in BY_KEY:
        bank.judge(stream)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    withheld = [
        len(bank.records(stream, "read_uncommitted")) - len(bank.records(stream)) for stream in BY_KEY
    ]
    assert sum(withheld) > 0


def test_workers_killed_at_random_moments_delete_nobody_from_a_list_that_counts_lines(
    bank: Bank, start: Start
) -> None:
    """Its second passes look for who is missing, who goes from before the page that is read."""
    streams = {"customers": LIST}
    daemon = start(bank.connectors(streams), environment=bank.environment, daemon=NEVER_PARKED)
    bank.settle("customers", listed)
    with meanwhile(bank.welcome, 0.05):
        for number in range(8):
            wait_until(lambda: daemon.worker_pid(bank.name), PATIENCE_S, "a worker")
            turned(bank.host, 3)
            bank.go()
            time.sleep(bank.chance.uniform(0, 0.3))
            kill(daemon.worker_pid(bank.name))
            wait_until(partial(deaths_of, daemon, number + 1), PATIENCE_S, "the death to be noticed")
    bank.settle("customers", listed)
    daemon.stop()
    bank.judge("customers")
    assert folded(bank.events("customers"), "id").operations["d"] > 0


def test_inquiries_for_the_keys_of_a_list_by_several_sessions_survive_kills(
    bank: Bank, broker: Broker, tmp_path: Path
) -> None:
    bank.host.switches.by_key = True
    dying = deaths(1, bank.chance, passages=1, latest_ms=3_000)
    streams = {"customers": BY_KEY["customers"], "balances": BALANCES}
    connectors = bank.connectors(streams, sessions=3)
    folder, around = tmp_path / "daemon", bank.environment
    daemon, plan = doomed(folder, broker.address, connectors, dying, environment=around, daemon=NEVER_PARKED)
    with daemon:
        with meanwhile(bank.work, 0.1):
            wait_until(lambda: daemon.killed() == len(dying), 200, "deaths", 0.2)
        bank.settle("balances", inquired)
        assert len(bank.host.sessions) <= 3
    assert plan.left == 0
    bank.judge("balances")


def test_no_secret_leaves_by_log_status_topic_or_kept_screen(
    bank: Bank, broker: Broker, start: Start
) -> None:
    """Screens are kept and rows are refused with what the screen shows, beside a hidden PIN."""
    switches = bank.host.switches
    switches.shown = {("00000070", "balance"): "      12.4X "}
    daemon = start(bank.connectors({"details": DETAILS}), environment=bank.environment)
    letters = f"_bridge.dead-letters.{bank.name}"
    wait_until(lambda: consume(broker.address, letters), PATIENCE_S, "a dead letter", 0.3)
    for trouble in ("garbage", "abend", "drop", "broadcast"):
        # Not in a log-on: a host that hangs up there has the password, and is not told it again.
        turned(bank.host, 3)
        setattr(switches, trouble, 3)
        wait_until(partial(over, switches, trouble), PATIENCE_S, trouble)
    wait_until(lambda: kept(daemon), PATIENCE_S, "a kept screen")
    switches.abend = 2  # the answer to the next log-on's password
    bank.host.cut()
    wait_until(lambda: "log-on at" in daemon.logged(), PATIENCE_S, "a log-on that fails")
    status = str(daemon.status())
    daemon.stop()
    topics = [*bank.records("details", "read_uncommitted"), *consume(broker.address, letters)]
    places = [daemon.logged(), status, str(topics), *told_by(daemon.folder)]
    assert len(topics) >= CUSTOMERS
    assert {path.stat().st_mode & 0o777 for path in kept(daemon)} == {0o600}
    assert any(told.field == "password" and told.text == SECRET for told in bank.host.told)
    for canary in (SECRET, "HIDDENPIN"):
        assert not [place[:200] for place in places if canary in place]


SECRET = "S3CRET42"


def kept(daemon: DaemonProcess) -> list[Path]:
    return [*daemon.folder.rglob("*.screen")]


def told_by(folder: Path) -> Iterator[str]:
    """All files that a daemon wrote."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes().decode(errors="replace")


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def deaths_of(daemon: DaemonProcess, count: int) -> bool:
    return daemon.killed() >= count


def over(switches: Switches, trouble: str) -> bool:
    return not getattr(switches, trouble)


def turned(host: Host, pages: int) -> None:
    """Wait until so many more pages have been shown."""
    seen = host.counts["pages"]
    wait_until(lambda: host.counts["pages"] > seen + pages, PATIENCE_S, "pages to turn")
