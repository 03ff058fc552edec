"""Random lives of a mainframe connector under the real engine: what Kafka has in the end is the host's file.

Clerks change the file between any two pages; screens come late, in two pieces, spoilt, covered by a message,
as noise or not at all; sessions are cut and refused; the process ends at any call of a terminal, or of Kafka.
The host is `bridge.testing.mainframe`; Kafka is in memory (bridge.testing.simulation), and a committed record
is all that a new life knows. `live` makes everything from one seed.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

import yaml
from structlog.testing import capture_logs

from bridge.contract import Ask, Batch, Position, Stream
from bridge.deadletters import DeadLetter, parse
from bridge.errors import BridgeError, CredentialsError, PermanentError
from bridge.testing.fakes import FakeKafka, Record
from bridge.testing.mainframe import Customer, TwoWrites
from bridge.testing.mainframe.options import INQUIRY, LIST, MAPS, PASSWORD_VARIABLE
from bridge.testing.mainframe.switches import UNKNOWN_ERROR, Switches
from bridge.testing.simulation import Clock, Engine
from bridge.topics import dead_letters
from connectors.mainframe import MainframeConnector, map_files, scans, transports, walk
from connectors.mainframe.config import MainframeConfig
from connectors.mainframe.readings import CONFIRMS
from connectors.mainframe.sessions import NOT_AWAITED
from connectors.mainframe.transports import s3270, tnz
from tests.integration.mainframe_streams import DETAILS, configured
from tests.property.living import PASS_S, Acts, Outcome, Process, folder, happen, settings
from tests.property.mainframe_clerks import DENIED, NUMBERS, Clerks
from tests.property.mainframe_house import House, Transport, halting
from tests.property.mainframe_judge import SHAPES, Evidence, Shape

TRANSPORTS: tuple[Transport, ...] = ("tnz", "s3270")
KINDS = ("list", "details", "inquiry", "keys")
"""By a list, by it and the screens behind its rows, by an inquiry for each row of a list, or for each key."""
STEPS, CUSTOMERS, PAGE_SIZES = (8, 30), (0, 8), (1, 2, 3, 4, 6, 15)
PROCESSING = "YOUR REQUEST IS BEING PROCESSED"
CROSSING = "MESSAGE FROM OPERATIONS: COFFEE IS READY"
SIGNED_OFF = "seen 'SIGNON LU {lu}'"
BEHIND_A_PASSWORD = "after a password"
"""Then nothing is tried twice, and an operator sees to it."""
HALTING = 0.15
"""So many lives are lived on a machine that has too much to do."""
PATIENCE, A_MOMENT = 100, 0.01
"""So many passes it may take to catch up."""
COUNTDOWNS = ("abend", "drop", "drop_between", "mute", "garbage", "broadcast", "noise")
MOST_KEPT = 20
HESITATIONS = ("", "frame", "again", "typed", "status")
"""How a screen comes: upper half first; its frame; all of it, and some again; that as soon as something was
typed; after a line that says that it is to come, and the keyboard."""
SESSIONS = ("refuse_lu", "session_limit")
AILMENTS = (
    ("delay_ms", 3, 0),
    ("drift", 2, 0),
    ("end_marker", False, True),
    ("refuse_lu", UNKNOWN_ERROR, None),
    ("session_limit", 0, None),
)

READ = cache(map_files.read)
"""Nobody changes the file of maps, and each connector reads it."""

CLEARED = {"press": "clear", "expect": "cleared"}
MENU = {"home": "menu", "home_by": [{"type": "MENU", "press": "enter", "expect": "menu"}]}
LOGOFF = [{"type": "CESF LOGOFF", "press": "enter", "expect": "any"}]
MISSING = {"missing": [{"row": 23, "pattern": "NOT FOUND"}]}
REJECTS = [{"row": 23, "pattern": DENIED, "class": "reject"}]
BY_ID = [
    INQUIRY["steps"][0] | {"fill": {"customer_id": "{id}", "request_type": "BALANCE"}},
]


NUMBERS_OF_PAGES = ("", "", "PAGE N", "PAGE N OF M")
"""As the map of the list has them, if it does."""


@cache
def _mapped(numbers: str, *, messages: bool) -> dict[str, Any]:
    whole: Any = yaml.safe_load(MAPS.read_text())
    if messages:
        whole["screens"]["balance"]["fields"]["message"] = {"row": 22, "column": 2, "length": 40}
    if numbers:
        whole["screens"]["custlist"]["table"]["page"] = {"row": 1, "text": numbers}
    return {"maps": [], "screens": whole["screens"], "errors": [*REJECTS, *whole["errors"]]}


@dataclass(frozen=True, slots=True)
class Way:
    """How the customers are read."""

    transport: Transport
    kind: str
    by_key: bool
    """The list goes on behind the last key that it showed."""
    marked: bool
    """Details are read where the list shows that they have changed."""
    from_menu: bool
    options: Mapping[str, Any]
    messages: bool
    """The map of answers reads the line of messages."""
    numbers: str
    """Of pages, by the map of the list."""
    resumes: bool
    """The list begins at the page that was left, which only numbers tell."""

    @classmethod
    def drawn(
        cls, transport: Transport, chance: random.Random, pages: random.Random, *, messages: bool
    ) -> Way:
        numbers = pages.choice(NUMBERS_OF_PAGES)
        resumes = bool(numbers) and pages.random() < 0.6
        from_menu = chance.random() < 0.3
        options = {
            "transport": transport,
            "settle": "1ms",
            "timeout": "250ms",
            "sessions": chance.choice((1, 1, 2)),
            "tn3270e": chance.random() < 0.7,
            "logoff": chance.choice(([], LOGOFF)),
            "errors": REJECTS,
        } | (MENU if from_menu else {})
        options |= _mapped(numbers, messages=messages) if messages or numbers else {}
        (kind,), by_key = chance.choices(KINDS, (3, 3, 3, 1)), chance.random() < 0.4
        marked = chance.random() < 0.5
        return cls(transport, kind, by_key, marked, from_menu, options, messages, numbers, resumes)

    def shape(self, stream: str) -> Shape:
        shape = SHAPES[stream]
        answers = self.messages and stream in ("inquiry", "keys")
        return replace(shape, columns=(*shape.columns, "message")) if answers else shape

    @property
    def shifts(self) -> int | None:
        """How often a row may be hidden while the list is read, before one that is there counts as gone."""
        return None if self.by_key or self.kind == "keys" else 3

    @property
    def streams(self) -> dict[str, Any]:
        listed = self._stream(LIST) | {"paging": "key" if self.by_key else "position"}
        match self.kind:
            case "list":
                return {"list": listed}
            case "details":
                detail = {"detail": DETAILS["detail"] | MISSING}
                return {"details": listed | detail | ({"mark": DETAILS["mark"]} if self.marked else {})}
            case "inquiry":
                asked = {"keys": {"stream": "list"}, "key": ["id"], "steps": BY_ID}
                return {"list": listed, "inquiry": self._stream(INQUIRY) | asked}
        keys = [{"customer_id": f"{number:08}"} for number in NUMBERS]
        return {"keys": self._stream(INQUIRY) | {"keys": keys}}

    def _stream(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {**options, "goto": [*([CLEARED] if self.from_menu else ()), *options["goto"]]}


@dataclass
class Source:
    """What outlives a connector."""

    make: Callable[[], MainframeConnector]
    house: House
    polls: tuple[object, ...] = ()
    open: MainframeConnector | None = None

    def connector(self) -> MainframeConnector:
        self.house.end()
        self.open = made = self.make()
        self.house.interrupt = made.interrupt
        return made

    @property
    def is_read(self) -> bool:
        """Whether a list is under way."""
        return self.open is not None and getattr(self.open._source, "_pass", None) is not None


@dataclass
class Followed:
    """A topic as a consumer has it, from its first record on."""

    name: str
    kafka: FakeKafka
    clerks: Clerks
    shape: Shape
    deleted: Counter[int] = field(default_factory=Counter)
    early: int = 0
    read: int = 0

    @property
    def records(self) -> list[Record]:
        return self.kafka.committed(f"host.{self.name}")

    @property
    def letters(self) -> list[DeadLetter]:
        records = self.kafka.committed(dead_letters("host"))
        parsed = [parse(record.value or b"") for record in records]
        return [each for each in parsed if isinstance(each, DeadLetter) and each.stream == self.name]

    @property
    def said(self) -> int:
        return len(self.records) + len(self.letters)

    def follow(self) -> None:
        """Whoever is deleted by now must have been struck off by now."""
        records = self.records
        for record in records[self.read :]:
            event = json.loads(record.value or b"{}")
            if event.get("op") == "d":
                number = int(event["before"][self.shape.key])
                self.deleted[number] += 1
                self.early += self.deleted[number] > self.clerks.gone[number]
        self.read = len(records)

    def evidence(self, restless: int) -> Evidence:
        return Evidence(self.clerks, self.shape, self.records, self.letters, restless, self.early)


@dataclass(kw_only=True)
class Terminals(Process):
    """A worker at a host: its terminals end with it, and an operator sees to what is parked."""

    house: House
    parked: Callable[[PermanentError], None]
    followed: Sequence[Followed]

    def living(self, step: Callable[[Engine], None]) -> None:
        super().living(step)
        if error := self.engine.reader.parked:
            self.parked(error)
            self.dies()
        for each in self.followed:
            each.follow()

    def dies(self) -> None:
        self.house.end()
        super().dies()


class Watched(MainframeConnector):
    """Tells its life how its polls end."""

    def __init__(self, config: MainframeConfig, life: Life) -> None:
        super().__init__(config)
        self._life = life

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        try:
            batch = super().poll(stream, position, ask)
        except BridgeError as error:
            self._life.hits["scans cut"] += 1
            if isinstance(error, CredentialsError):
                self._life.refused(error)
            raise
        self._life.hits["scans"] += batch.completes
        return batch


class Life:
    """One history, from its seed to what it has cost."""

    def __init__(self, house: House, transport: Transport, seed: int, clock: Clock, folder: Path) -> None:
        self.chance = chance = random.Random(f"{transport} {seed}")
        self.house, self.host = house, house.host
        self.hesitation = random.Random(f"hesitation {seed}")
        self.hesitates = self.hesitation.random() < 0.5
        """Whether the host pauses in the middle of some screens for longer than `settle`."""
        self.frames = random.Random(f"frames {seed}")
        """How the host does that."""
        messages, pages = self.frames.random() < 0.5, random.Random(f"pages {seed}")
        self.way = Way.drawn(transport, chance, pages, messages=messages)
        self.hits = Counter[str]()
        self.config = configured(house.host, self.way.streams, **self.way.options).config
        self.source = Source(self._connector, house)
        self.clerks = Clerks(self.host, chance, self.way.shifts, lambda: self.source.is_read)
        self._all_is_well()
        self.host._company.page_size = 1 if self.clerks.hides else chance.choice(PAGE_SIZES)
        self.clerks.begin(chance.randint(*CUSTOMERS))
        self.kafka, self.folder = FakeKafka(), folder
        cache, told = folder / "host.state", settings(chance, "mainframe", "host")
        self.engine = engine = Engine(self.kafka, self.source, clock, told, cache=cache)
        self.followed = [
            Followed(name, self.kafka, self.clerks, self.way.shape(name)) for name in self.way.streams
        ]
        self.process = Terminals(
            engine, self.kafka, cache, chance, 8, house=house, parked=self._parked, followed=self.followed
        )
        self.amiss: list[str] = []
        """Why the connector was parked that should not have been."""

    def _connector(self) -> MainframeConnector:
        watched = Watched(self.config, self)
        watched.folder = self.folder / "kept"
        return watched

    @property
    def _kept(self) -> int:
        """Screens for the operator; there may be so many, and nobody's secrets are on them."""
        kept = list((self.folder / "kept").glob("*"))
        if len(kept) > MOST_KEPT or any(b"HIDDENPIN" in each.read_bytes() for each in kept):
            self.amiss.append(f"{len(kept)} screens are kept")
        return len(kept)

    # -- what happens

    def run(self) -> Outcome:
        try:
            self.house.swallowed.clear()
            happen(self._acts(), self.chance, STEPS)
            kills = self.engine.lives
            self.hits["kept"] = self._kept
            return replace(self._outcome(), kills=kills, hidden=self.process.hidden, hits=self.hits)
        finally:
            self.house.calm()
            self.house.end()
            self.engine.restart()  # which closes the cache

    def _acts(self) -> Acts:
        process = self.process
        return {
            self._clerks_work: 24,
            process.works: 16,
            lambda: process.several(Engine.read): 10,
            lambda: process.several(Engine.publish): 8,
            self._fail_once: 14,
            self._ail: 4,
            self._two_writes: 3,
            self._crossing_message: 3,
            self._reorder: 1,
            self._busy_pages: 8,
            self.clerks.poison: 4,
            self._calm: 6,
            lambda: self._at_a_call("deaths at a terminal"): 6,
            lambda: self._at_a_call("interrupts"): 2,
            lambda: process.living(Engine.restart): 2,
            lambda: process.living(Engine.drain): 2,
            process.spoil: 1,
            process.fault: 4,
            self.host.cut: 2,
        }

    def _clerks_work(self) -> None:
        for _ in range(self.chance.randint(1, 4)):
            self.clerks.work()

    def _hesitate(self) -> None:
        """The host, before each screen."""
        chance, switches = self.hesitation, self.host.switches
        if chance.random() > 0.06:
            return
        self.hits["hesitations"] += 1
        how = self.frames.choice(HESITATIONS)
        self.house.hasty, self.house.status = how == "typed", how == "status"
        switches.hesitate, switches.early_text = int(how != "status"), PROCESSING
        switches.hesitant = TwoWrites(
            unlock=chance.random() < 0.8,
            overwrite=chance.random() < 0.8,
            row=chance.randint(5, chance.choice((9, 20))),
            until=21 if how == "frame" else None,
            again=how in ("again", "typed"),
            release=Event(),
        )

    def _fail_once(self) -> None:
        """Something goes wrong with a screen soon."""
        name, soon = self.chance.choice(COUNTDOWNS), self.chance.randint(1, 12)
        on = self.house if name == "noise" else self.host.switches
        setattr(on, name, soon)
        self.process.works()
        self.hits[name] += not getattr(on, name)

    def _ail(self) -> None:
        """Something is wrong with all screens, for a while."""
        name, ill, well = self.chance.choice(AILMENTS)
        self.hits[name] += 1
        setattr(self.host.switches, name, ill)
        self.host.cut() if name in SESSIONS else None
        self.process.works()
        setattr(self.host.switches, name, well)

    def _two_writes(self) -> None:
        chance = self.chance
        self.hits["two_writes"] += 1
        self.host.switches.two_writes = TwoWrites(
            after_ms=chance.choice((0, 3)),
            unlock=chance.random() < 0.7,
            overwrite=chance.random() < 0.7,
            row=chance.randint(5, 20),
        )

    def _crossing_message(self) -> None:
        """No map knows it, and it comes between a question and its answer."""
        switches, chance = self.host.switches, self.chance
        switches.delay_ms, switches.broadcast_ms = 30, chance.choice((5, 15, 25))
        switches.broadcast_text = CROSSING
        switches.broadcast = chance.randint(1, 12)
        self.process.works()
        self.hits["crossing messages"] += not switches.broadcast
        for name in ("delay_ms", "broadcast_ms", "broadcast_text", "broadcast"):
            setattr(switches, name, getattr(Switches(), name))

    def _reorder(self) -> None:
        if not self.way.by_key and (not self.source.is_read or self.clerks.may_shift()):
            self.hits["reorder"] += 1
            self.host.switches.reorder = _by_name

    def _busy_pages(self) -> None:
        self.hits["busy pages"] += 1
        switches = self.host.switches
        switches.by_key = self.way.by_key
        switches.insert_between_pages = self.chance.choice((None, self.clerks.come))
        switches.delete_between_pages = self.clerks.go
        if not self.clerks.hides:
            self.house.meanwhile = self.clerks.meanwhile
        self.process.works()

    def _calm(self) -> None:
        reorders = self.host.switches.reorder and self.source.is_read
        if not reorders or self.clerks.may_shift():
            self._all_is_well()

    def _all_is_well(self) -> None:
        self.house.calm()
        switches, way = self.host.switches, self.way
        switches.by_key, switches.resumes = way.by_key, way.resumes
        switches.last_page = way.numbers.endswith("M")
        if self.hesitates:
            self.house.hesitate = self._hesitate

    def _at_a_call(self, what: str) -> None:
        """Of a terminal."""
        name = "calls_to_death" if what.startswith("death") else "calls_to_interrupt"
        setattr(self.house, name, self.chance.randint(1, 60))
        self.process.works()
        self.hits[what] += not getattr(self.house, name)

    def _parked(self, error: PermanentError) -> None:
        """Where a password was typed, nothing is tried twice: an operator sees to it."""
        self.hits["parked"] += 1
        self.refused(error)

    def refused(self, error: PermanentError) -> None:
        """A message that swallows a log-on shows the sign-on once more, as a refusal does.

        So does a host that says that it is at it, and no more.
        Whoever cuts a call behind a password has nobody wait for its answer.
        """
        unheard = self.house.swallowed | self.house.unanswered
        swallowed = any(SIGNED_OFF.format(lu=lu) in str(error) for lu in unheard)
        cut = self.house.cut and NOT_AWAITED in str(error)
        if not (swallowed or cut or BEHIND_A_PASSWORD in str(error)):
            self.amiss.append(str(error))

    # -- what has become of it

    def _outcome(self) -> Outcome:
        self.kafka.faults.clear()
        self._all_is_well()
        self.engine.resume()
        self._catch_up()
        said = [each.said for each in self.followed]
        self.engine.run(PASS_S)
        outcome = Outcome(odd=len(self.amiss), told="; ".join(self.amiss))
        for each, before in zip(self.followed, said, strict=True):
            if reason := self.engine.parked(each.name):
                outcome += Outcome(lost=1, told=f"{each.name} is parked: {reason}")
            outcome += each.evidence(each.said - before).judged()
        return outcome

    def _catch_up(self) -> None:
        """Through back-offs and whatever is under way, and until what is gone was missed often enough."""
        since = self.engine.clock.now
        self.engine.clock.now += A_MOMENT  # what is asked for now is asked after all that has happened
        for _ in range(PATIENCE):
            self.process.passes()
            if all(self.process.caught_up(each.name, since) for each in self.followed):
                break
        else:
            self.amiss.append(f"it has not caught up in {PATIENCE} passes")
        for _ in range(CONFIRMS):
            self.process.passes()


def _by_name(one: Customer) -> str:
    return one.name


@contextmanager
def time(house: House, chance: random.Random) -> Iterator[Clock]:
    """A clock as lives want it; no real second is waited for a second thought."""
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, {PASSWORD_VARIABLE: house.host.password}))
        stack.enter_context(patch.object(transports, "terminal", house.terminal))
        stack.enter_context(patch.object(map_files, "read", READ))
        stack.enter_context(patch.object(walk, "_SECOND_THOUGHT_S", 0.01))
        stack.enter_context(patch.object(walk, "LEAST_LONG_REST_S", 0.0))
        stack.enter_context(patch.object(scans, "SLICE_S", chance.choice((0.0, 3.0))))
        if chance.random() < HALTING:
            for each in (walk, s3270, tnz):
                stack.enter_context(patch.object(each, "time", halting(chance)))
        yield stack.enter_context(Clock())


def live(house: House, transport: Transport, seed: int) -> Outcome:
    """The history of this seed."""
    with time(house, random.Random(seed)) as clock, capture_logs(), folder() as place:
        return Life(house, transport, seed, clock, place).run()
