"""`transport: java`: a Java connector is asked for each key; a round of all keys is one scan."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from bridge.contract import (
    Ask,
    Batch,
    Caveat,
    Changes,
    Emits,
    Finding,
    Level,
    Position,
    Reject,
    Scan,
    Stream,
    Table,
)
from bridge.errors import BridgeError, ConfigError, PermanentError, TransientError
from connectors.mainframe import key_files
from connectors.mainframe.records.java_options import JavaOptions, JavaStream, KeyFile

if TYPE_CHECKING:
    from connectors.mainframe.maps import Maps
    from connectors.mainframe.records.answers import Answers, Asked
    from connectors.mainframe.records.java_session import Session

# A poll ends after so long, with what it has.
_SLICE_S = 3.0
_TRIES = 2
_ROUNDS = 4
_IF_MISSING = "set `missing_null` if that means: no such key"


class JavaSource:
    """The streams of a configuration; its methods are a connector's, with their errors."""

    def __init__(self, options: JavaOptions) -> None:
        self._options = options
        self._interrupted = Event()
        self._session: Session | None = None
        self._streams: dict[str, _Reading] = {}

    def prepare(self) -> None:
        try:
            from connectors import jvm
            from connectors.mainframe.records import java_session
        except ImportError as error:
            raise ConfigError(
                f"a Java connector needs {error.name}", remedy="install legacy-bridge[jdbc]"
            ) from None
        jvm.start(java_session.jars(self._options), self._options.heap)

    def open(self) -> None:
        """Start Java, check maps and copybooks, and connect. Errors: those of the bridge."""
        self.prepare()
        from connectors.mainframe import maps
        from connectors.mainframe.records.java_session import Session

        options = self._options
        known = maps.load([Path(path) for path in options.maps], options.screens, options.errors)
        self._streams = {
            name: _Reading.of(name, each, known, options.identity or options.place)
            for name, each in options.streams.items()
        }
        self._session = Session(options)
        self._connect(self._session)

    def discover(self) -> Sequence[Stream]:
        return [each.stream for each in self._streams.values()]

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        from connectors.mainframe.scans import COMPLETE, begins

        self._interrupted.clear()
        reading, session = self._streams.get(stream.name), self._session
        if reading is None:
            raise PermanentError(f"there is no stream {stream.name}", remedy="configure it under `streams`")
        if session is None:
            raise TransientError(f"{self._options.place} is not open")
        this = reading.resumed(position) if position and not begins(position) else reading.round()
        first = this.next == 0
        changes, rejects = self._asked(session, reading, this, ask)
        after = COMPLETE if this.ended else this.position
        mark = _mark(first=first, last=this.ended)
        return Batch(after, changes, tuple(rejects), scan=mark, more=not this.ended)

    def check(self) -> Sequence[Finding]:
        if not self._session:
            return []
        options = self._options
        files = (
            finding
            for name, each in options.streams.items()
            if isinstance(each.keys, KeyFile)
            for finding in key_files.doubts(each.keys.file, each.key, name)
        )
        return [
            Finding(Level.OK, f"{options.class_} is connected to {options.place}"),
            *_doubts(options),
            *files,
        ]

    def interrupt(self) -> None:
        self._interrupted.set()
        if session := self._session:
            session.cut("interrupted")

    def close(self) -> None:
        session, self._session = self._session, None
        if session:
            session.close()

    # -- one round

    def _asked(
        self, session: Session, reading: _Reading, this: _Round, ask: Ask
    ) -> tuple[tuple[Changes, ...], list[Reject]]:
        """The answers to some keys, at least one."""
        from connectors.mainframe import columns

        rows: list[Mapping[str, Any]] = []
        rejects: list[Reject] = []
        size, until = 0, time.monotonic() + _SLICE_S
        while not this.ended:
            if self._interrupted.is_set():
                raise TransientError("interrupted")
            found, wrong = self._answer(session, reading, this.keys[this.next])
            rows += found
            rejects += wrong
            this.next += 1
            size += sum(map(_size, found))
            if len(rows) >= ask.rows or size >= ask.bytes or time.monotonic() >= until:
                break
        if not rows:
            return (), rejects
        return (Changes(reading.table, columns.batch(reading.table.schema, rows)),), rejects

    def _answer(
        self, session: Session, reading: _Reading, asked: Asked
    ) -> tuple[list[Mapping[str, Any]], list[Reject]]:
        from connectors.mainframe.records.answers import Missing, Rejected, Relogin

        told = ", ".join(map(str, asked.values()))
        doing = f"{reading.stream.name}, key {told}" if asked else reading.stream.name
        last = ""
        for _ in range(_TRIES):
            try:
                return self._once(session, reading, asked)
            except Missing:
                return [], []
            except Rejected as error:
                why = session.masked(str(error))
                return [], [Reject(reading.table.name, f"key {told}: {why}", why, reading.key(asked))]
            except Relogin as error:
                last = session.masked(str(error))
                session.close()
                self._connect(session)
            except BridgeError as error:
                raise _within(error, doing, session.masked) from None
        raise TransientError(f"{doing}: {last}", remedy="it is tried again")

    def _once(
        self, session: Session, reading: _Reading, asked: Asked
    ) -> tuple[list[Mapping[str, Any]], list[Reject]]:
        from connectors.mainframe.records.answers import Missing
        from connectors.mainframe.records.java_values import Unreadable

        options = reading.options
        answer = session.execute(options.execute, options.answer, asked, reading.missing)
        if answer is None:
            if options.missing_null:
                raise Missing
            raise TransientError("the answer is null", remedy=_IF_MISSING)
        try:
            with session.converting():
                rows, rejects = reading.answers.rows(answer, asked, reading.table)
        except Unreadable as error:
            raise TransientError(str(error), remedy="check `answer`") from None
        if asked and not rows and not rejects and not options.missing_null:
            raise TransientError("the answer has no rows", remedy=_IF_MISSING)
        return rows, rejects

    def _connect(self, session: Session) -> None:
        from connectors.mainframe.records.answers import Rejected, Relogin

        try:
            session.connect()
        except (Rejected, Relogin) as error:
            raise TransientError(f"connecting to {self._options.place}: {error}") from None


@dataclass(frozen=True, slots=True)
class _Reading:
    options: JavaStream
    answers: Answers
    stream: Stream
    missing: Sequence[str]
    """Patterns of exceptions; the screens among the options' are no patterns."""
    _asked: dict[str, Sequence[Asked]] = field(default_factory=dict)
    """The keys of the last rounds, by their digest: a file of keys may have others by now."""

    @classmethod
    def of(cls, name: str, options: JavaStream, maps: Maps, identity: str) -> _Reading:
        """Errors: ConfigError."""
        from connectors.mainframe.records.answers import answers

        made = answers(name, options, maps)
        table = Table(name, made.schema, options.key)
        stream = Stream(name, identity, (table,), Emits.IMAGES, caveats=frozenset({Caveat.COLLAPSES}))
        missing = [each for each in options.missing if each not in maps.screens]
        return cls(options, made, stream, missing)

    @property
    def table(self) -> Table:
        return self.stream.tables[0]

    def key(self, asked: Asked) -> Mapping[str, Any] | None:
        """Of a reject."""
        from connectors.mainframe.records.answers import Rejected

        try:
            return self.answers.key(asked) or None
        except Rejected:  # that is why
            return dict(asked)

    def round(self) -> _Round:
        """Errors: ConfigError, when the keys cannot be read; TransientError, when they are not whole yet."""
        keys = list(_keys(self.options))
        digest = hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:16]
        self._asked.pop(digest, None)
        self._asked[digest] = keys
        while len(self._asked) > _ROUNDS:
            del self._asked[next(iter(self._asked))]
        return _Round(digest, keys)

    def resumed(self, position: Mapping[str, Any]) -> _Round:
        """Where the position is; from the beginning, when its keys are not known any more."""
        keys = self._asked.get(position["scan"])
        this = self.round() if keys is None else _Round(position["scan"], keys)
        if this.id == position["scan"] and isinstance(position["batch"], int):
            this.next = min(max(position["batch"], 0), len(this.keys))
        return this


@dataclass(slots=True)
class _Round:
    """All keys, and how far they have been asked for; `id` is a digest of them."""

    id: str
    keys: Sequence[Asked]
    next: int = 0

    @property
    def ended(self) -> bool:
        return self.next >= len(self.keys)

    @property
    def position(self) -> Position:
        return {"scan": self.id, "batch": self.next}


def _doubts(options: JavaOptions) -> Iterator[Finding]:
    secret = options.password or options.secrets
    if secret and not any(rule.kind == "credentials" for rule in options.errors):
        yield Finding(
            Level.WARNING,
            "no message is classed `credentials`: a refused password is tried again, and accounts lock",
            "name the message of a refused account under `errors`",
        )


def _size(row: Mapping[str, Any]) -> int:
    return sum(len(value) if isinstance(value, str | bytes) else 8 for value in row.values())


def _keys(options: JavaStream) -> Iterator[Asked]:
    """Each once; one without parts, when one call answers all. Errors: of a file of keys."""
    if options.keys is None:
        yield {}
        return
    keys = options.keys
    found = key_files.read(keys.file, options.key) if isinstance(keys, KeyFile) else keys
    yield from {tuple(each[name] for name in options.key): each for each in found}.values()


def _within(error: BridgeError, doing: str, masked: Callable[[str], str]) -> BridgeError:
    return type(error)(f"{doing}: {masked(error.text)}", remedy=error.remedy)


def _mark(*, first: bool, last: bool) -> Scan:
    if first:
        return Scan.ONLY if last else Scan.FIRST
    return Scan.LAST if last else Scan.MORE
