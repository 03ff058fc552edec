"""Random lives of the Oracle modes that tell no history: rows taken away, images, times and ORA_ROWSCN.

As in oracle_lives, under the real engine and over the wire: writers commit late or roll back, ROWIDs and keys
are used again, rows move; the process dies at any call of the driver, before or after it, and around every
settling; sessions are lost, undo is overwritten, Kafka fails.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

from structlog.testing import capture_logs

from bridge.testing.fakes import Crash, FakeKafka
from bridge.testing.folding import folded
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.tables import Table
from bridge.testing.oracle.transactions import Transaction
from bridge.testing.simulation import Clock, Engine
from connectors.oracle.connector import OracleConnector
from connectors.oracle.modes import settling
from connectors.oracle.session import Session
from tests.property.living import Acts, Outcome, Process, folder, happen, settings
from tests.property.oracle_house import House, is_whole
from tests.property.oracle_lives import Database

MODES = ("outbox", "mview_log", "aq", "images", "timestamp", "rowscn")
OWNER = "APP"
COLUMNS = (
    ("ID", "NUMBER(10) NOT NULL"),
    ("X", "NUMBER(10) NOT NULL"),
    ("AT", "TIMESTAMP(6) NOT NULL"),
)
NUMBERS, WRITERS, PATIENCE, LATE_S = 8, 3, 60, 60
STEPS = (15, 60)
PASSES = 2
"""One by time may have begun before the last row was written."""
LOSSES = (3113, 28, 60, 1089)


@dataclass
class Writers:
    """Of one table; rows come with numbers that no other row has."""

    house: House
    table: Table
    mode: str
    chance: random.Random
    open: dict[int, Transaction] = field(default_factory=dict)
    written: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    kept: list[tuple[int, int]] = field(default_factory=list)
    """Key and number of all rows that were ever committed, in the order of commits."""
    serial: Iterator[int] = field(default_factory=count)

    def write(self) -> None:
        writer = self.chance.randrange(WRITERS)
        if writer not in self.open:
            self.open[writer] = self.house.peer.store.transaction()
        tx = self.open[writer]
        for _ in range(self.chance.choice((1, 1, 2, 5))):
            acts = {self._insert: 5, self._update: 4, self._delete: 3, self._rename: 2, self._move: 1}
            if self.mode == "outbox":
                acts = {self._insert: 1}
            elif self.mode in ("timestamp", "rowscn"):
                acts = {self._insert: 2, self._update: 3}
            (act,) = self.chance.choices(list(acts), list(acts.values()))
            with suppress(OracleError, LookupError):  # locked, or not there
                act(writer, tx)

    def _row(self) -> dict[str, Any]:
        return {"X": next(self.serial), "AT": self.house.peer.store.now()}

    def _insert(self, writer: int, tx: Transaction) -> None:
        row = {"ID": self.chance.randrange(NUMBERS), **self._row()}
        tx.insert(self.table, row)
        self.written[writer].append((row["ID"], row["X"]))

    def _update(self, _: int, tx: Transaction) -> None:
        tx.update(self.table, self._any(), self._row())

    def _rename(self, _: int, tx: Transaction) -> None:
        tx.update(self.table, self._any(), {"ID": self.chance.randrange(NUMBERS), **self._row()})

    def _delete(self, _: int, tx: Transaction) -> None:
        tx.delete(self.table, self._any())

    def _move(self, _: int, tx: Transaction) -> None:
        tx.move(self.table, self._any(), self._row())

    def _any(self) -> tuple[int]:
        return (self.chance.randrange(NUMBERS),)

    def end(self, writer: int | None = None, *, keep: bool) -> None:
        writer = self.chance.randrange(WRITERS) if writer is None else writer
        tx, written = self.open.pop(writer, None), self.written.pop(writer, [])
        if tx is None:
            return
        if keep:
            tx.commit()
            self.kept += written
        else:
            tx.rollback()

    def rows(self) -> dict[tuple[int, ...], int]:
        found = (version.values for version in self.table.as_of(self.house.peer.store.scn))
        return {(int(values[0]),): int(values[1]) for values in found}


class Life:
    """One history, from its seed to what it has cost."""

    def __init__(self, house: House, mode: str, seed: int, clock: Clock, folder: Path) -> None:
        self.chance = chance = random.Random(f"{mode} {seed}")
        self.house, self.mode, self.clock = house, mode, clock
        peer, store = house.peer, house.peer.store
        peer.lingers = chance.random() < 0.5
        store.per_change, store.reuse = chance.random() < 0.5, chance.random() < 0.9
        self.snapshot = chance.random() < 0.5
        name = f"T_{mode}".upper()
        self.table = house.table(name, COLUMNS, ["ID"])
        if mode == "mview_log":
            self._log()
        self.name = f"{OWNER}.{name}_Q" if mode == "aq" else f"{OWNER}.{name}"
        for action, on in (
            ("DELETE", self.name),
            ("DELETE", f"{OWNER}.MLOG$_{name}"),
            ("DEQUEUE", self.name),
        ):
            peer.grants.grant(action, on)
        peer.grants.grant("SELECT", "SYS.GV_$TRANSACTION")
        if mode == "aq":
            peer.queues.create(self.name, max_retries=1_000_000)
        self.messages = 0
        self.writers = Writers(house, self.table, mode, chance)
        self.hits = Counter[str]()
        self.death = 0
        self.source = Database(self._connector)
        self.kafka = FakeKafka()
        cache = folder / "erp.state"
        self.engine = Engine(self.kafka, self.source, clock, settings(chance, "oracle"), cache=cache)
        self.process = Process(self.engine, self.kafka, cache, chance)

    def _log(self) -> None:
        store = self.house.peer.store
        if self.table.log is None:
            store.create_log(self.table)
        else:
            store.truncate(self.table.log)

    def _connector(self) -> OracleConnector:
        options: dict[str, Any] = {"mode": self.mode}
        if self.mode == "timestamp":
            options |= {"columns": ["AT"], "late_window": f"{LATE_S}s"}
        if self.mode in ("timestamp", "rowscn"):
            options["snapshot"] = self.snapshot
        return self.house.connector(self.name, options)

    # -- what happens

    def run(self) -> Outcome:
        """What is wrong counts as lost."""
        try:
            with self.deadly():
                happen(self._acts(), self.chance, STEPS)
                kills, wrong = self.engine.lives, self._verdict()
                return Outcome(bool(wrong), told=wrong, kills=kills, hits=self.hits)
        finally:
            self.house.calm()
            self.death = 0
            self.engine.restart()
            self.source.close()
            for writer in range(WRITERS):
                self.writers.end(writer, keep=False)
            self.house.calm()

    def _acts(self) -> Acts:
        writers, process = self.writers, self.process
        if self.mode == "aq":
            work: dict[Callable[[], None], int] = {self._put: 30}
        else:
            work = {
                writers.write: 30,
                lambda: writers.end(keep=True): 16,
                lambda: writers.end(keep=False): 3,
            }
        return work | {
            self._tick: 4,
            process.works: 12,
            lambda: process.living(Engine.restart): 4,
            lambda: process.living(Engine.drain): 2,
            process.fault: 4,
            self._die: 12,
            self._lose: 3,
            self.source.release: 3,
            self._forget: 1 if self.mode == "mview_log" else 0,
            self._rebuild: 1 if self.mode == "mview_log" else 0,
        }

    def _put(self) -> None:
        for _ in range(self.chance.randint(1, 4)):
            self.messages += 1
            self.house.peer.queues.put(self.name, b"%d" % self.messages)

    def _tick(self) -> None:
        self.clock.now += self.chance.choice((0.4, 1, 10, 100))
        self.house.peer.bury()

    def _die(self) -> None:
        """At a call of the driver, soon: before it, or after."""
        self.death = self.chance.randint(1, 12)
        self.process.works()
        self.hits["deaths"] += not self.death
        self.death = 0

    def _lose(self) -> None:
        if self.chance.random() < 0.3:
            self.house.peer.kill()
        else:
            what = self.chance.choice(("DELETE", "SELECT", "SCN"))
            self.house.peer.switches.refuse(what, self.chance.choice(LOSSES), after=self.chance.randint(0, 3))

    def _forget(self) -> None:
        self.house.peer.store.forget(self.house.peer.store.scn)

    def _rebuild(self) -> None:
        """The log is moved: its ROWIDs are others."""
        if self.table.log is not None and not self.writers.open:
            with suppress(OracleError):
                self.house.peer.store.rebuild(self.table.log)

    @contextmanager
    def deadly(self) -> Iterator[None]:
        with ExitStack() as stack:
            for name in ("_executed", "frames", "change", "commit"):
                stack.enter_context(patch.object(Session, name, self._dying(getattr(Session, name))))
            most = self.chance.choice((3, settling.MOST_ROWS))
            stack.enter_context(patch("connectors.oracle.modes.viewlog.MOST_ROWS", most))
            stack.enter_context(patch("connectors.oracle.modes.settling.MOST_ROWS", most))
            yield

    def _dying[**P, R](self, call: Callable[P, R]) -> Callable[P, R]:
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            self._heed()
            result = call(*args, **kwargs)
            self._heed()
            return result

        return called

    def _heed(self) -> None:
        if self.death:
            self.death -= 1
            if not self.death:
                raise Crash

    # -- what has become of it

    def _verdict(self) -> str:
        self.kafka.faults.clear()
        self.house.calm()
        self.death = 0
        for writer in range(WRITERS):
            self.writers.end(writer, keep=True)
        self.engine.resume()
        quiet = 0
        for _ in range(PATIENCE + self.messages):
            whole = is_whole(self.process, self.name)
            if self._waits():
                self.house.peer.bury()
            elif whole:
                quiet += 1
            if quiet == PASSES:
                break
        if reason := self.engine.parked(self.name) or self.engine.reader.parked:
            return f"parked: {reason}"
        return self._judged(
            [json.loads(r.value) for r in self.kafka.committed(f"erp.{self.name}") if r.value]
        )

    def _waits(self) -> bool:
        """For a dead session to let its messages go."""
        return self.mode == "aq" and bool(self.house.peer.queues[self.name].messages)

    def _judged(self, events: list[dict[str, Any]]) -> str:
        if self.mode == "aq":
            return self._each_once([0] * len(events), [int(_payload(each)) for each in events])
        if self.mode == "outbox":
            keys, numbers = ([each["after"][name] for each in events] for name in ("ID", "X"))
            return self._each_once(keys, numbers)
        table = folded(events, "ID")
        rows = {key: row["X"] for key, row in table.rows.items()}
        if rows != self.writers.rows():
            return f"the topic has {rows}, the table {self.writers.rows()}"
        return f"{table.doubled} doubled" if table.doubled else ""

    def _each_once(self, keys: list[int], numbers: list[int]) -> str:
        wanted = [*range(1, self.messages + 1)] if self.mode == "aq" else [x for _, x in self.writers.kept]
        found, due = Counter(numbers), Counter(wanted)
        if found != due:
            return f"lost {due - found}, doubled {found - due}"
        of_key: dict[int, list[int]] = defaultdict(list)
        for key, number in zip(keys, numbers, strict=True):
            of_key[key].append(number)
        peer = self.house.peer
        unsettled = self.mode == "outbox" and list(self.table.as_of(peer.store.scn))
        disordered = [key for key, each in of_key.items() if any(a > b for a, b in pairwise(each))]
        if disordered and not (self.mode == "aq" and peer.lingers):  # what is locked is overtaken
            return f"disordered {disordered}"
        return f"left {unsettled}" if unsettled else ""


def _payload(event: dict[str, Any]) -> bytes:
    import base64

    return base64.b64decode(event["after"]["USER_DATA"])


def live(house: House, mode: str, seed: int) -> Outcome:
    """The history of this seed."""
    with Clock() as clock, capture_logs(), folder() as place, house.reached(seed):
        born = house.peer.store.clock() - int(clock.now * 1e9)
        house.peer.store.clock = lambda: born + int(clock.now * 1e9)
        return Life(house, mode, seed, clock, place).run()
