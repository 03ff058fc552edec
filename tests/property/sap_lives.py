"""Random lives of an SAP connector under the real engine: what Kafka has is what was committed.

Writers begin, write, document, commit late or roll back; between any two of their steps, at any call of the
client, and while SAP answers one, the engine reads and publishes, Kafka fails, the process ends, calls are
cut and hang, clocks are set. The system is a peer (bridge.testing.sap), on a wire and read by two clients in
some lives, and called in this process in most of them; Kafka is in memory, and a committed record is all that
a new life knows. `live` makes all of it from one seed.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from structlog.testing import capture_logs

from bridge.contract import Ask, Batch, Position, Stream
from bridge.errors import BridgeError
from bridge.testing.fakes import FakeKafka, Record
from bridge.testing.sap.clock import Clock as Shown
from bridge.testing.sap.errors import ShortDump
from bridge.testing.sap.switches import Cut, Hang, Stage
from bridge.testing.simulation import Clock, Engine
from connectors.sap_rfc import system
from connectors.sap_rfc.connector import SapConnector
from connectors.sap_rfc.modes import documents, function, late, log, look, pointers, table
from tests.property.living import PASS_S, Acts, Outcome, Process, Source, folder, happen, settings
from tests.property.sap_direct import LIBRARY as DIRECT
from tests.property.sap_house import (
    CLASS,
    DETAILED,
    LISTED,
    MESSAGE,
    NARROW,
    NOBODY,
    PATIENCE_S,
    TABLE,
    VALUES,
    WIDE,
    House,
    Key,
    shape_mark,
)  # fmt: skip
from tests.property.sap_judge import Allowed, Judge
from tests.property.sap_writers import Writers

MODES = ("watermark", "images", "documents", "function", "pointers", "processed")
RESNAPSHOTS = ("watermark", "images", "documents", "function")
LIBRARIES = ("saprfclib", "pyrfc")
CLIENTS = (*LIBRARIES, DIRECT)
STEPS, SEEDS = (15, 60), (0, 12)
"""How much happens, and how many transactions there were before anybody reads."""
WIRED = 0.05
"""How likely a life is one over the wire, which takes several times as long."""
MEDDLED = 200
"""So often, at the most: each time there is more to read, by more calls, in which there is more to meddle."""
HURRIED, LARGE = 0.8, 1_000
"""How likely pages are large at the end of a life, when nobody writes any more."""
PATIENCE = 500
LATE_S, HOUR_S = 30.0, 3600.0
HANG_S = 1.5 * PATIENCE_S
TICKS_S = (0.4, 1, 3, 8, 20)
CALLS = ("RFC_READ_TABLE", "STFC_CONNECTION", "Z_LIFE_.*")
"""What clients ask for themselves they ask once a process, so that lives would not repeat."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the table is read. `leap`: by how much SAP's clock is set, once. `cap`: 0 for none."""

    mode: str
    shape: str
    width: int
    release: str
    safety: float
    late: float
    leap: float
    overdue: bool
    detail: bool
    mark: bool
    cap: int
    pages: bool
    whole: bool

    @classmethod
    def drawn(cls, mode: str, chance: random.Random) -> Way:
        detail = chance.random() < 0.5
        cap, pages = chance.choice((0, 3, 8)), chance.random() < 0.7
        objects = mode in ("pointers", "processed") and detail
        shape = "keyed" if mode == "function" and pages else chance.choice(("keyed", "pair"))
        leap = chance.choice((0, 0, -HOUR_S, HOUR_S)) if mode in ("watermark", "documents", "pointers") else 0
        far = leap if mode != "watermark" else 0
        return cls(
            mode,
            shape,
            chance.choice((NARROW, WIDE)),
            chance.choice(("750", "758")),
            chance.choice((0.0, 2.0, 5.0)),
            LATE_S + (HOUR_S if far else 0),
            leap,
            chance.random() < 0.15 and not leap,
            detail,
            detail and chance.random() < 0.5,
            cap if mode == "function" else 0,
            pages and bool(cap),
            chance.random() < 0.4 and not objects,
        )

    @property
    def options(self) -> dict[str, Any]:
        timed = {"safety_interval": self.safety, "late_window": self.late}
        whole = {"function": self.named("WHOLE"), "parameters": {"IV_ID": "CDOBJID"}, "rows": ["ES_ROW"]}
        pointed: dict[str, Any] = {"mode": "change_pointers", "message_type": MESSAGE}
        pointed |= {"detail": whole, "missing": [NOBODY]} if self.detail else {}
        match self.mode:
            case "watermark":
                return {"mode": "table", "columns": ["UPDAT", "UPTIM"], **timed}
            case "images":
                return {"mode": "table", "images": True}
            case "documents":
                enrich = {"enrich": {"table": TABLE}} if self.whole else {}
                return {"mode": "change_documents", "classes": [CLASS], **timed, **enrich}
            case "pointers":
                return pointed | timed
            case "processed":
                return pointed | {"process": True, "process_function": "Z_LIFE_DONE"}
        return {"mode": "function", "function": self.named("LIST"), "rows": "ET_ROWS", **self._function}

    def named(self, function: str) -> str:
        return f"Z_LIFE_{function}_{shape_mark(self.shape, self.width)}"

    @property
    def _function(self) -> dict[str, Any]:
        key = ["SITE", "ID"] if self.shape == "pair" else ["ID"]
        options: dict[str, Any] = {"key": key}
        if self.cap:
            options["cap"] = {"parameter": "IV_MAX", "value": self.cap}
        if self.pages:
            options["pages"] = {"parameter": "IT_RANGE"}
        if self.detail:
            site = {"IV_SITE": "SITE"} if self.shape == "pair" else {}
            asked = {"parameters": {"IV_ID": "ID", **site}, "rows": ["ES_ROW"]}
            options |= {"detail": {"function": self.named("DETAIL"), **asked}, "missing": [NOBODY]}
        if self.mark:
            options["mark"] = ["X"]
        return options

    @property
    def topic(self) -> str:
        return f"{TABLE}.{TABLE}" if self.mode == "documents" else TABLE

    @property
    def key(self) -> tuple[str, ...]:
        if self.mode in ("pointers", "processed"):
            return ("CDOBJCL", "CDOBJID") if self.detail else ("MESTYPE", "CPIDENT")
        return ("SITE", "ID") if self.shape == "pair" else ("ID",)

    @property
    def known(self) -> tuple[str, ...]:
        """Columns that are read at all."""
        return LISTED if self.mode == "function" and not self.detail else VALUES


class Life:
    """One history, from its seed to what it has cost."""

    def __init__(self, mode: str, seed: int, clock: Clock, folder: Path, wired: float) -> None:
        self.chance = chance = random.Random(f"{mode} {seed}")
        self.way = way = Way.drawn(mode, chance)
        self.house = house = House(way.shape, way.width, way.release, chance.random() < wired)
        self.clock = clock
        house.grants(fields=chance.random() < 0.5)
        house.system.clock = Shown(source=lambda: shown(clock))
        self.writers = Writers(
            house,
            chance,
            lambda: clock.now,
            LATE_S - 2,
            marks=way.mark,
            together=mode == "documents",
            overdue=0.5 if way.overdue else 0.0,
            numbers=chance.choice((4, 10, 40)),
        )
        for _ in range(chance.randint(*SEEDS)):
            self.writers.write()
            self.writers.end(keep=True)
        self.hits = Counter[str]()
        self.source = Source(self._connector)
        self.kafka = FakeKafka()
        cache = folder / "erp.state"
        self.engine = Engine(self.kafka, self.source, clock, settings(chance, "sap"), cache=cache)
        self.process = Process(self.engine, self.kafka, cache, chance)
        self.resnapshots = 0
        self.leapt = self.hurries = False
        self.meddling = chance.choice((0.0, 0.1, 0.3))
        """How likely somebody writes while SAP runs a function."""
        self._busy = threading.Lock()
        house.system.before.append(self._meddle)
        house.system.after.append(self._meddle)

    def _connector(self) -> SapConnector:
        library = self._library()
        self.hits[library if self.house.wired else DIRECT] += 1
        made, life = self.house.connector(library, self.way.options), self

        class Watched(SapConnector):
            def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
                life.hits["polls"] += 1
                try:
                    return super().poll(stream, position, life.asked(ask))
                except BridgeError as error:
                    life.hits[type(error).__name__] += 1
                    raise

        return Watched(made.config)

    def asked(self, ask: Ask) -> Ask:
        return replace(ask, rows=LARGE) if self.hurries else ask

    def _library(self) -> str:
        # erpl-pyrfc takes what a function was in one system for what it is in all, for as long as it runs.
        return self.chance.choice(LIBRARIES if self.way.release == "758" else LIBRARIES[:1])

    # -- what happens

    def run(self) -> Outcome:
        with self.house:
            try:
                with self.house.deadly():
                    happen(self._acts(), self.chance, STEPS)
                    kills = self.engine.lives
                    return replace(self._outcome(), kills=kills, hidden=self.process.hidden, hits=self.hits)
            finally:
                self.house.calm()
                self.engine.restart()  # which closes the cache
                self.source.close()

    def _acts(self) -> Acts:
        writers, process = self.writers, self.process
        acts: Mapping[Callable[[], None], int] = {
            writers.write: 30,
            lambda: writers.end(keep=True): 16,
            lambda: writers.end(keep=False): 3,
            self._tick: 6,
            lambda: process.several(Engine.read): 12,
            lambda: process.several(Engine.publish): 10,
            process.works: 10,
            lambda: process.living(Engine.restart): 3,
            lambda: process.living(Engine.drain): 2,
            process.spoil: 1,
            process.fault: 4,
            self._die: 6,
            self._lose: 4,
            self._leap: 4 if self.way.leap else 0,
            self._resnapshot: 2 if self.way.mode in RESNAPSHOTS else 0,
        }
        return {self._alone(act): often for act, often in acts.items()}

    def _alone(self, act: Callable[[], None]) -> Callable[[], None]:
        """Nobody meddles with what happens outside of calls."""
        writes = act in (self.writers.write, self._tick, self._leap)

        def alone() -> None:
            with self._busy if writes else threading.Lock():
                act()

        return alone

    def _tick(self) -> None:
        self._passes(self.chance.choice(TICKS_S))

    def _passes(self, seconds: float) -> None:
        self.writers.hurry(seconds)
        self.clock.now += seconds

    def _meddle(self, name: str, sent: Mapping[str, Any]) -> None:
        """While a function is about to run, or has run and has not answered."""
        if not name.startswith("Z_LIFE") and sent.get("QUERY_TABLE") not in _READ:
            return
        meddles = self.hits["meddled"] < MEDDLED and self.chance.random() < self.meddling
        if meddles and self._busy.acquire(blocking=False):
            self.hits["meddled"] += 1
            act = self.chance.choice(
                (self.writers.write, lambda: self.writers.end(keep=True), self._tick_little)
            )
            act()
            self._busy.release()

    def _tick_little(self) -> None:
        self._passes(0.4)

    def _die(self) -> None:
        """At a call of the client, soon: before it, or after."""
        self.house.calls_to_death = self.chance.randint(1, 30)
        self.process.works()
        self.hits["deaths at a call"] += not self.house.calls_to_death
        self.house.calls_to_death = 0

    def _lose(self) -> None:
        """The connection, or an answer."""
        chance, peer = self.chance, self.house.peer
        kind = chance.random()
        if kind < 0.2:
            peer.cut()
            return
        after = chance.randint(0, 4)
        if kind < 0.25:
            peer.switches.fault(chance.choice(CALLS), Hang(HANG_S), at=chance.choice(_STAGES), after=after)
        elif kind < 0.5:
            dump = ShortDump("TIME_OUT", "Time limit exceeded.")
            peer.switches.fault(chance.choice(CALLS), dump, after=after)
        else:
            peer.switches.fault(chance.choice(CALLS), Cut(), at=chance.choice(_STAGES), after=after)
        self.hits["lost"] += 1

    def _leap(self) -> None:
        looked = any(self.engine.stored(TABLE))  # what the clock showed before, nobody can know
        if looked and not self.leapt:
            self.writers.write()
            self.house.system.clock.advance(timedelta(seconds=self.way.leap))
            self.leapt = True
            self.hits["leaps"] += 1
            self._passes(2 * PASS_S)  # some passes, while transactions from before are open
            self.process.works()

    def _resnapshot(self) -> None:
        progress = self.engine.schedule.streams.get(TABLE)
        if progress is None or progress.committed is None or TABLE in self.engine.task.resnapshots:
            return
        self.engine.resnapshot(TABLE)
        self.resnapshots += 1

    # -- what has become of it

    def _outcome(self) -> Outcome:
        self.kafka.faults.clear()
        self.house.calm()
        self.meddling = 0
        with self._busy:
            self.writers.end_all(keep=True)
            self._make_room()
        if reason := self._parked():
            return Outcome(odd=1, told=f"parked on the way: {reason}")
        self.engine.resume()
        self.clock.now += self.way.late + abs(self.way.leap) + 10  # what waits until it is settled
        self.hurries = self.chance.random() < HURRIED
        self._catch_up()
        said = len(self._topic)
        self.engine.run(PASS_S)
        if reason := self._parked():
            return Outcome(lost=1, told=f"parked: {reason}")
        judge = Judge(self.house, self.writers, self._topic, self.way.key, self._allowed)
        letters = len(self.kafka.committed(self.engine.positions.letters))
        return self._judged(judge).outcome(len(self._topic) - said, letters)

    def _parked(self) -> str:
        return self.engine.parked(TABLE) or str(self.engine.reader.parked or "")

    def _make_room(self) -> None:
        """Where the answer is capped, all of it is only told of so many rows."""
        if self.way.cap and not self.way.pages:
            for key in [*self.house.rows()][self.way.cap - 1 :]:
                self.writers.remove(key)

    def _judged(self, judge: Judge) -> Judge:
        mode = self.way.mode
        if mode == "documents":
            return judge.documents()
        if mode in ("pointers", "processed"):
            return judge.images(self._pointed) if self.way.detail else judge.pointers()
        return judge.images(lambda key: key)

    def _pointed(self, key: Key) -> Key:
        """CDOBJID is the key, side by side."""
        return (key[1][:2], key[1][2:]) if self.way.shape == "pair" else (key[1],)

    @property
    def _allowed(self) -> Allowed:
        mode = self.way.mode
        torn = mode == "function" and self.way.detail
        return Allowed(
            again=self.resnapshots > 0,
            parts=(LISTED, DETAILED) if torn else (self.way.known,),
            no_deletes=mode == "watermark",
            repeats=mode in ("pointers", "processed"),
            whole=self.way.whole,
            leapt=self.leapt,
        )

    def _catch_up(self) -> None:
        """A pass may have begun before all was there."""
        for _ in range(2):
            since = self.clock.now
            for _ in range(PATIENCE):
                self.process.passes()
                if self._parked() or (
                    self.process.caught_up(TABLE, since) and not self.engine.task.resnapshots
                ):
                    break

    @property
    def _topic(self) -> list[Record]:
        return self.kafka.committed(f"erp.{self.way.topic}")


_READ = (TABLE, "CDHDR", "CDPOS", "BDCP2")
_STAGES = (Stage.BEFORE, Stage.AFTER, Stage.INSIDE)
_BEGAN, _FIRST = datetime(2026, 3, 1, 23, 50, tzinfo=UTC), 1_000.0


def shown(clock: Clock) -> datetime:
    """What a clock shows that nobody sets."""
    return _BEGAN + timedelta(seconds=clock.now - _FIRST)


class Calendar(datetime):
    """Stands where the connector's `datetime` does."""

    clock: Clock

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return shown(cls.clock).astimezone(tz)


MODULES = (documents, function, pointers, table)
"""Of the modes, loaded here: one that is loaded within a life would keep what is little there."""


@contextmanager
def time(chance: random.Random) -> Iterator[Clock]:
    """A clock as lives want it; what is much elsewhere is little here."""
    (page,) = chance.choices((12, 10_000), (1, 4))
    with Clock() as clock, ExitStack() as stack:
        calendar = type("Calendar", (Calendar,), {"clock": clock})
        for where, name, what in (
            (system, "datetime", calendar),
            (system, "time", clock),
            (late, "MOST_SEEN", chance.choice((3, 5_000))),
            (look, "MOST_AT_ONCE", chance.choice((12, 10_000))),
            (log, "MOST_AT_ONCE", page),
            (pointers, "MOST_AT_ONCE", page),
            (log, "_AT_ONCE", chance.choice((2, 20))),
            (function, "AT_ONCE", chance.choice((2, 1_000))),
            (function, "AT_ONCE_WITH_DETAILS", chance.choice((2, 50))),
            (function, "SLICE_S", chance.choice((0.002, 3.0))),
            (function, "monotonic", count(0, 0.001).__next__),
        ):
            stack.enter_context(patch.object(where, name, what))
        clock.now = _FIRST
        yield clock


def live(mode: str, seed: int, wired: float = WIRED) -> Outcome:
    """The history of this seed. `wired`: how likely it is one over the wire."""
    random.seed(seed)  # by which the engine waits between attempts
    with time(random.Random(seed)) as clock, capture_logs(), folder() as place:
        return Life(mode, seed, clock, place, wired).run()
