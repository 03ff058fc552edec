"""Inquiries: one screen for each key, asked for by all sessions at once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from bridge.contract import Ask, Position, Reject
from bridge.errors import ConfigError
from connectors.mainframe import answers, key_files, recognise, topic_keys
from connectors.mainframe.answers import Missing, Question
from connectors.mainframe.config import KeyFile, KeyStream, KeyTopic
from connectors.mainframe.errors import Kind, Looked, Trouble, Unanswered, is_about_the_account
from connectors.mainframe.fitted import Row
from connectors.mainframe.lists import Known, ListPages
from connectors.mainframe.readings import InquiryReading, ListReading
from connectors.mainframe.scans import Piece, judged, size_of
from connectors.mainframe.sessions import Pool, Session
from connectors.mainframe.sights import AS_BEFORE
from connectors.mainframe.values import is_blank, reader

type Asked = Mapping[str, str]
"""A key as it is typed."""
type Answer = Row | Reject | None

_TRIES = 2
# A scan whose first keys, so many of them, have no answer but another key's is not read as its map says.
_STRANGERS = 3


@dataclass(slots=True)
class _Round:
    """What one poll asks: keys in turn, each by a session that is free. None is begun after `until`."""

    keys: Sequence[Asked]
    ask: Ask
    until: float
    next: int = 0
    size: int = 0
    failed: bool = False
    answers: dict[int, Answer] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def draw(self) -> tuple[int, Asked] | None:
        """The next key and its number; None when the round ends. At least one is drawn."""
        with self._lock:
            over = self.next and (time.monotonic() >= self.until or self.size >= self.ask.bytes)
            if self.failed or over or self.next >= min(self.ask.rows, len(self.keys)):
                return None
            self.next += 1
            return self.next - 1, self.keys[self.next - 1]

    def take(self, number: int, answer: Answer) -> None:
        with self._lock:
            self.answers[number] = answer
            self.size += size_of(answer.values) if isinstance(answer, Row) else 0


class InquiryPages:
    """The answers of one scan."""

    def __init__(
        self,
        reading: InquiryReading,
        pool: Pool,
        known: Known | None = None,
        keys_in: topic_keys.KeysIn | None = None,
    ) -> None:
        """`known`: of the list that the keys are from; `keys_in`: of the topic that they are from."""
        self._reading, self._pool, self._keys_in = reading, pool, keys_in
        told = reading.options.key
        self._list = ListPages(_rows_alone(reading.keys), pool.main, known, told) if reading.keys else None
        self._keys: Sequence[Asked] | None = None
        self._filled = reading.filled
        self._digest, self._next = "", 0
        self._places: dict[Session, bool] = {}
        """Sessions that stand where `steps` begin."""
        self._anew = False
        """One was taken for no answer, or was none: where the next could be taken for it, begin at `home`."""
        self._strangers: int | None = 0
        """Answers that were another key's, until one was of its own."""

    @property
    def place(self) -> Position:
        """Among these keys; wherever the same ones are asked for, it is the same place."""
        if self._keys is None and self._list is not None:
            return self._list.place
        return {"keys": self._digest, "next": self._next}

    def resume(self, place: Position) -> bool:
        """Go on from a place; False when there are other keys by now, or they are out of a list."""
        if self._list is not None or "keys" not in place:
            return False
        self._take_keys()
        known = place["keys"] == self._digest and place["next"] in range(len(self._keys or ()))
        self._next = place["next"] if known else 0
        return known

    def turn(self, ask: Ask, until: float) -> Piece:
        piece = Piece(last=True)
        if self._keys is None:
            if self._list is not None:
                piece = self._without_key(self._list.turn(ask, until))
            if not piece.last:
                return piece
            self._take_keys()
        piece.add(self._asked(ask, until))
        return piece

    def _without_key(self, listed: Piece) -> Piece:
        """Rows of the list that cannot be named: they are there all the same, and nobody can ask for them."""
        nameless = [replace(each, table=self._reading.table.name) for each in listed.rejects if not each.key]
        return Piece(rejects=nameless, last=listed.last)

    def _take_keys(self) -> None:
        self._keys = self._known_keys()
        told = json.dumps([list(each.items()) for each in self._keys])
        self._digest = hashlib.sha256(told.encode()).hexdigest()[:16]

    def _known_keys(self) -> Sequence[Asked]:
        """Each once, in their order."""
        return list({tuple(each.values()): each for each in self._named_keys()}.values())

    def _named_keys(self) -> Iterable[Asked]:
        keys, names = self._reading.options.keys, self._reading.options.key
        if self._list is not None:
            return self._list.texts.values()
        if isinstance(keys, KeyFile):
            return key_files.read(keys.file, names)
        if isinstance(keys, KeyTopic):
            return topic_keys.read(keys, names, self._keys_in)
        given = () if isinstance(keys, KeyStream) else keys
        return ({name: str(each[name]) for name in names} for each in given)

    def _asked(self, ask: Ask, until: float) -> Piece:
        keys = (self._keys or ())[self._next :]
        this = _Round(keys, ask, until)
        sessions = self._pool.take(min(len(keys), ask.rows))
        if len(sessions) > 1:
            with ThreadPoolExecutor(len(sessions), "inquiries") as executor:
                done = [executor.submit(self._work, session, this) for session in sessions]
            _raise_first(done)
        elif sessions:
            self._work(sessions[0], this)
        self._next += this.next
        return self._piece(keys, this)

    def _work(self, session: Session, this: _Round) -> None:
        try:
            while drawn := this.draw():
                number, asked = drawn
                this.take(number, self._answer(session, asked))
        except BaseException:
            this.failed = True
            raise

    def _piece(self, keys: Sequence[Asked], this: _Round) -> Piece:
        piece = Piece(last=this.next >= len(keys))
        for number, answer in sorted(this.answers.items()):
            if isinstance(answer, Reject):
                piece.rejects.append(answer)
            elif answer is not None:
                self._add(answer, keys[number], piece)
        return piece

    def _add(self, row: Row, asked: Asked, piece: Piece) -> None:
        """By its key as it was asked for, whether it can be read or not: a host may show it filled up."""
        row = replace(row, values={**row.values, **self._typed(asked)})
        key, reject = judged(row, self._reading.table)
        if reject:
            piece.rejects.append(reject)
        elif key is not None:
            piece.rows[key] = row.values

    # -- one key, in one session

    def _answer(self, session: Session, asked: Asked) -> Answer:
        told, name = f"key {', '.join(asked.values())}", self._reading.table.name
        try:
            typed = self._typed(asked)
        except ValueError as error:
            return Reject(name, f"{told}: no screen shows it: it {error}", told)
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self._ask(session, asked, typed, told, last=attempt == _TRIES)
                self._strangers = None
                return answer
            except Trouble as trouble:
                self._places.pop(session, None)
                if isinstance(trouble, Unanswered) and attempt < _TRIES:
                    self._anew = True
                    continue
                if isinstance(trouble, Unanswered) and trouble.why != AS_BEFORE:
                    self._met_a_stranger(trouble)
                    return Reject(name, f"{told}: {trouble.why}", trouble.seen.shown, typed)
                if trouble.kind is Kind.REJECT:
                    return Reject(name, f"{told}: {trouble.seen.error}", trouble.seen.error, typed)
                if attempt == _TRIES or trouble.kind not in (Kind.RETRY, Kind.RELOGIN):
                    raise
                if trouble.kind is Kind.RELOGIN:
                    session.renew()
        return None

    def _met_a_stranger(self, trouble: Unanswered) -> None:
        """Errors: Unanswered, when there is nothing else from the scan's beginning on."""
        if self._strangers is not None:
            self._strangers += 1
            if self._strangers >= _STRANGERS:
                raise trouble

    def _ask(
        self, session: Session, asked: Asked, typed: Mapping[str, Any], told: str, *, last: bool
    ) -> Answer:
        """`last`: it is asked on a screen without a former answer; one that repeats it is one."""
        options, walk = self._reading.options, session.walk
        if not self._places.get(session):
            session.go_home(options.screen if self._anew or last else None)
            walk = session.walk
            walk.perform(options.goto, f"{told}, on the way")
        *before, asking = options.steps
        texts = walk.texts.with_key(asked)
        self._places[session] = False
        try:
            walk.perform(before, told, texts)
            walk.act(asking, told, texts)
        except ConfigError as error:  # too long, or not of the code page; too many of them park the stream
            return Reject(self._reading.table.name, error.text, told, typed)
        missing, lacks, entries = self._missing(walk.last, asked), self._lacks(typed), self._reading.entries
        filled, echoes = {*typed, *entries}, not self._reading.shows_the_key
        row = answers.read(walk, Question(told, options.screen, missing, lacks, filled, echoes, anew=last))
        walk.perform(options.back, f"{told}, back")
        self._places[session] = self._goes_on(row)
        return row

    def _goes_on(self, row: Row | None) -> bool:
        """Whether `steps` begin where the answer, or `back`, has led.

        A message that is still there, of a key that is not, would be taken for the next one's.
        """
        options = self._reading.options
        told = row is not None and not row.problems
        return not self._anew and bool(options.back or (options.goto and told))

    def _missing(self, asked_on: Looked | None, asked: Asked) -> Missing:
        """Markers count on the answer, on screens that the last step names, and where it began."""
        options = self._reading.options
        *before, last = options.steps
        led = before[-1:] or (*options.goto[-1:], *options.back[-1:])
        began = {name for step in led for name in step.expect} | {asked_on.name if asked_on else None}
        screens = {options.screen, *last.on, *last.expect, *began}
        return Missing(options.missing, screens, self._about_another(asked), asked.values())

    def _about_another(self, asked: Asked) -> Callable[[Looked], str]:
        """A host that was asked for another key, and shows it where it was typed, speaks of that."""
        keys = {f"{{{name}}}": text for name, text in asked.items()}
        fills = (fill for step in self._reading.options.steps for fill in step.fill.items())
        typed = {field: keys[template] for field, template in fills if template in keys}

        def lacks(seen: Looked) -> str:
            shown = recognise.record(seen.screen_map, seen.screen).values if seen.screen_map else {}
            wrong = [
                f"{field} {shown[field]}"
                for field, text in typed.items()
                if not is_blank(shown.get(field)) and not _same(shown[field], text)
            ]
            return f"it shows {', '.join(wrong)}" if wrong else ""

        return lacks

    def _lacks(self, typed: Mapping[str, Any]) -> Callable[[Row], str]:
        """An answer that shows another key than the one that was asked for is still to come."""
        shown = {**typed, **{field: typed[name] for field, name in self._filled.items()}}

        def lacks(row: Row) -> str:
            wrong = [name for name, value in shown.items() if not _same(row.values.get(name, value), value)]
            return f"it shows {', '.join(f'{name} {row.values[name]}' for name in wrong)}" if wrong else ""

        return lacks

    def _typed(self, asked: Asked) -> Mapping[str, Any]:
        """The key as the answer shows it. Errors: ValueError when it could not."""
        fields = self._reading.map.fields
        shown = {name: each for name, each in fields.items() if not each.hidden}
        return {
            name: reader(shown[name], "both")(text) if name in shown else text for name, text in asked.items()
        }


def _raise_first(done: Sequence[Future[None]]) -> None:
    """Errors: of the sessions; first what is about the account, since no other is tried after that."""
    errors = [error for each in done if (error := each.exception())]
    for error in sorted(errors, key=lambda each: not is_about_the_account(each)):
        raise error


def _same(shown: Any, asked: Any) -> bool:
    """A host may fill up a number."""
    if shown == asked:
        return True
    one, other = str(shown).strip(), str(asked).strip()
    return one == other or (one.isdecimal() and other.isdecimal() and int(one) == int(other))


def _rows_alone(reading: ListReading) -> ListReading:
    """The list without the screens behind its rows: whoever wants those is another stream."""
    return replace(
        reading, options=reading.options.model_copy(update={"detail": None, "mark": None}), detail=None
    )
