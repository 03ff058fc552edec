"""Reading a whole stream from its source, as the engine would, into finished events; nothing is published."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge import __version__
from bridge.admission import Lane, Route
from bridge.config.options import ConnectorSettings
from bridge.contract import Ask, Connector, Position, Scan, Stream
from bridge.deadletters import DeadLetter, Replayed, Stage, parse
from bridge.encode import Origin, encoder
from bridge.policy import Policy
from bridge.positions import Stored
from bridge.press import Outgoing, Press
from bridge.progress import is_keyed, today
from bridge.redact import Redactor
from bridge.topics import DEFAULT_MAX_BYTES, Described
from bridge.verify.comparison import Letter
from bridge.verify.shape import NO_ROW, UNREAD, shape

_NOT_THERE = Described(partitions=0, max_message_bytes=DEFAULT_MAX_BYTES, config={}, created=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """One connector, open, and what is needed to encode its batches."""

    connector: Connector
    settings: ConnectorSettings
    press: Press

    @classmethod
    def of(cls, connector: Connector, settings: ConnectorSettings, redactor: Redactor) -> Reading:
        origin = Origin(settings.name, settings.kind, __version__)
        return cls(connector, settings, Press(encoder(settings.encoder), origin, redactor))

    def outgoing(self, lane: Lane, position: Position | None) -> Iterator[tuple[Scan | None, Outgoing]]:
        """Everything from `position` to the end of the source, and where each batch stands in a scan."""
        more = True
        while more:
            batch = self.connector.poll(lane.stream, position, Ask())
            yield batch.scan, self.press.prepare(lane, batch)
            position, more = batch.position, batch.more

    def current(self, stored: Stored | None) -> Position | None:
        """A stored position in today's form."""
        return stored and today(self.connector, stored.position, stored.version)


def lane_of(
    settings: ConnectorSettings, stream: Stream, topics: Mapping[str, str], known: Mapping[str, Described]
) -> Lane:
    """The lane the stream has, or would have if its topics existed."""
    routes = {}
    for table, topic in topics.items():
        found = known.get(topic, _NOT_THERE)
        routes[table] = Route(topic, found.max_message_bytes, found.partitions, created=False)
    options = settings.stream(stream.name)
    keyed = is_keyed(stream, options)
    return Lane(stream, Policy(options), routes, settings.kind, version=0, keyed=keyed)


def burial(value: bytes | None) -> tuple[str, str, Letter] | Replayed | None:
    """A record of the dead-letter topic: stream, table, and what counts of the letter; None: not ours."""
    try:
        letter = parse(value or b"")
        if isinstance(letter, Replayed):
            return letter
        at = int(datetime.fromisoformat(letter.at).timestamp() * 1000)
        return letter.stream, letter.table, (letter_key(letter), _row(letter), at)
    except (ValueError, TypeError, AttributeError):
        return None  # not written by a bridge


def _row(letter: DeadLetter) -> bytes | None:
    """The digest of the row that was to be published."""
    if letter.stage != Stage.SIZE:
        return NO_ROW
    return shape(letter.body)[2] if letter.whole and letter.body else UNREAD


def letter_key(letter: DeadLetter) -> bytes:
    """What tells a dead letter from others: the key of its row's events, else its content."""
    return _event_key(letter.key) if letter.key is not None else letter.sha256.encode()


def _event_key(key: str) -> bytes:
    """Letters of older daemons have keys with spaces, as Python's own JSON has them."""
    try:
        value: Any = json.loads(key)
    except ValueError:
        return key.encode()
    if json.dumps(value, ensure_ascii=False) != key:
        return key.encode()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
