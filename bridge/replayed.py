"""Dead letters and the keyed state: whether a letter's row still waits, and that it waits no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bridge.config.options import Settings
from bridge.deadletters import DeadLetter
from bridge.diff import Entry
from bridge.state import StateTopic, head, record_key
from bridge.takeover import Takeover
from bridge.topics import Topics

GONE = "its row is gone from the source, or another one by now; this would bring it back"


class Rows:
    """What the state knows of the rows that letters are of, in a connector that keeps one."""

    def __init__(self, settings: Settings, connector: str) -> None:
        self._topic = StateTopic(settings.kafka, connector, Topics(settings.kafka, settings.topics))
        self._known: dict[bytes, bytes | None] = {}

    def look(self, letters: Iterable[DeadLetter]) -> None:
        """Read it anew, all of it. Errors: TransientError."""
        self._known = {_key(letter): None for letter in letters if letter.entry is not None}
        for records in self._topic.read() if self._known else ():
            self._known.update((key, value) for key, value in records if key in self._known)

    def refusal(self, letter: DeadLetter) -> str | None:
        """Why a letter must not be published any more."""
        if letter.entry is None:
            return None
        value = self._known[_key(letter)]
        return None if value and Entry.parse(value).refused else GONE

    def publish(self, held: Takeover, letter: DeadLetter) -> None:
        """Its consumers know the row: its delete will be one."""
        if letter.entry is None or (value := self._known[_key(letter)]) is None:
            return
        key = _key(letter)
        held.send(self._topic.name, [key], [replace(Entry.parse(value), published=True).packed()])
        held.forget_state()


def _key(letter: DeadLetter) -> bytes:
    return record_key(head(letter.stream, letter.table), (letter.entry or "").encode())
