"""Dead letters and the keyed state: whether a letter's row still waits, and that it waits no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bridge import committed, rehearsal
from bridge.config.options import Settings
from bridge.deadletters import DeadLetter
from bridge.diff import Entry
from bridge.state import head, record_key, topic
from bridge.takeover import Takeover

GONE = "its row is gone from the source, or another one by now; this would bring it back"
LOST = (
    "what is known of its row was lost with topic {}, which the next start of the daemon fills again where "
    "it can; then replay it"
)


class Rows:
    """What the state knows of the rows that letters are of, in a connector that keeps one."""

    def __init__(self, settings: Settings, connector: str) -> None:
        self._settings, self._connector = settings, connector
        self._topic = topic(connector)
        self._known: dict[bytes, bytes | None] = {}
        self._read: dict[tuple[str, int], int] = {}
        self._lost = False

    def look(self, letters: Iterable[DeadLetter]) -> None:
        """Asked again for some of the same, it reads only what has been written since.

        Errors: TransientError.
        """
        wanted = {_key(letter) for letter in letters if letter.entry is not None}
        if not wanted:
            return
        if not wanted <= self._known.keys():
            self._known, self._read = dict.fromkeys(wanted), {}
            self._lost = rehearsal.topic_lacks_state(self._settings, self._connector)
        bounds = committed.behind(committed.bounds(self._settings.kafka, [self._topic]), self._read)
        for _, messages in committed.messages(self._settings.kafka, bounds):
            found = ((message.key() or b"", message.value()) for message in messages)
            self._known.update((key, value) for key, value in found if key in self._known)
        self._read |= committed.ends(bounds)

    def refusal(self, letter: DeadLetter) -> str | None:
        """Why a letter must not be published any more, or not yet."""
        if letter.entry is None:
            return None
        if self._lost:
            return LOST.format(self._topic)
        value = self._known[_key(letter)]
        return None if value and Entry.parse(value).refused else GONE

    def publish(self, held: Takeover, letter: DeadLetter) -> None:
        """Its consumers know the row: its delete will be one."""
        if letter.entry is None or (value := self._known[_key(letter)]) is None:
            return
        entry = replace(Entry.parse(value), published=True)
        held.change_state(self._topic, _key(letter), entry.packed())


def _key(letter: DeadLetter) -> bytes:
    return record_key(head(letter.stream, letter.table), (letter.entry or "").encode())
