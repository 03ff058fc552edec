"""Changing a connector's records by hand: fence its worker, write in one transaction, hand it back."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event, Timer
from types import TracebackType
from typing import Self

from bridge import ask
from bridge.config.options import Settings
from bridge.errors import BridgeError, Stopped, TransientError
from bridge.positions import OWNER, STATE, STREAM, Ledger, Owner, PositionsTopic, Stored, Value, record
from bridge.publisher import Broken, Fenced, Publisher
from bridge.state import STAMP
from bridge.topics import Topics

PATIENCE_S = 30.0
TRIES = 5
LEASE_S = 15.0
"""A worker waits so long for us when we die half-way."""
RENEW_S = 4.0
"""Well within the lease, and within Kafka's transaction.timeout.ms."""
NUDGE_S = 1.0
LONGEST_DEED = 400
BY_HAND = "cli-"
"""How the owner's instance begins while a command holds the connector."""


class Takeover:
    """Holds a connector for one command. The worker it fences comes back by itself when this ends.

    What is written becomes visible at the end of the block, all of it or, after an exception, nothing. Only
    a block that may take longer than the lease calls `renew`, and has what it wrote committed there.
    Errors: TransientError when Kafka does not answer, Fenced when somebody else takes the connector.
    """

    def __init__(self, settings: Settings, connector: str, topics: Iterable[str] = ()) -> None:
        """`topics`: what events will be sent to."""
        self._settings, self._connector = settings, connector
        self._stop = Event()
        self._publisher = Publisher(settings.kafka, connector, self._stop)
        self._events = frozenset(topics)
        self._topics = Topics(settings.kafka, settings.topics)
        self._positions = PositionsTopic(settings.kafka, connector, self._topics, self._stop)
        self._owner = Owner(BY_HAND + uuid.uuid4().hex, settings.name, socket.gethostname(), LEASE_S)
        self._claimed = 0.0
        self.deed: str | None = None
        """What is done, for the daemon's log."""
        self.ledger = Ledger()
        """As it was left by the worker, with nothing hidden behind an open transaction."""

    def __enter__(self) -> Self:
        try:
            with self._patience():
                self._positions.ensure()
                for topic in self._topics.look(self._events).values():
                    self._publisher.shrink(topic.max_message_bytes)
                self._take()
        except BaseException:
            self._publisher.close()
            raise
        return self

    def _take(self) -> None:
        """A worker that is just being started may fence us, too; nothing was written then."""
        for left in reversed(range(TRIES)):
            try:
                self._publisher.open()
                self.ledger = self._positions.read()
                self._publisher.begin()
                self._claim()
                return
            except Fenced:
                if not left:
                    raise

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                with self._patience():
                    self._hand_back()
            elif isinstance(error, Fenced):
                self.deed = None
                raise _taken() from error
            else:
                self.deed = None
                with suppress(BridgeError), self._patience():
                    self._abort()
                    self._publisher.begin()
                    self._hand_back()
        finally:
            self._publisher.close()
        self._nudge()

    def renew(self) -> None:
        """Commit what was written, and say that we are still there, when it is time to."""
        if time.monotonic() - self._claimed < RENEW_S:
            return
        with self._patience():
            self._claim()

    def _claim(self) -> None:
        self._write(OWNER, self._owner)
        self._publisher.commit()
        self._publisher.begin()
        self._claimed = time.monotonic()

    def store(self, stream: str, stored: Stored) -> None:
        """Write a stream's record."""
        self._write(STREAM + stream, stored)

    def forget_state(self) -> None:
        """From now on the keyed state is what its topic has."""
        self._write(STATE, None)

    def change_state(self, topic: str, key: bytes, value: bytes) -> None:
        """A record of the keyed state's topic, and another stamp, with which no cache of before is right."""
        self.send(topic, [key], [value])
        if self.ledger.state is not None:
            stamp = uuid.uuid4().hex
            self._write(STATE, replace(self.ledger.state, stamp=stamp))
            self.send(topic, [STAMP], [stamp.encode()])

    def send(self, topic: str, keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> None:
        self._publisher.send(topic, keys, values)

    def _write(self, key: str, value: Value) -> None:
        raw_key, raw_value = record(key, value)
        self._publisher.send(self._positions.name, [raw_key], [raw_value])

    def _hand_back(self) -> None:
        """To the daemon it was taken from: a standby elsewhere goes on standing by."""
        before = self.ledger.owner
        if before is None or before.instance.startswith(BY_HAND):
            before = self._owner.letting_go()
        self._write(OWNER, before)
        self._publisher.commit()

    def _abort(self) -> None:
        try:
            self._publisher.abort()
        except Broken:  # Kafka had not heard of the transaction yet
            self._publisher.open()

    def _nudge(self) -> None:
        """A worker with nothing to publish would notice only when it renews its record."""
        deed = self.deed and self.deed[:LONGEST_DEED]
        request = {"command": "renew", "connector": self._connector, "deed": deed}
        with suppress(BridgeError):
            ask.ask(self._settings.daemon.run_dir / ask.ADMIN, request, NUDGE_S)

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Calls into Kafka go on until they are told to stop; a command does not wait for ever."""
        timer = Timer(PATIENCE_S, self._stop.set)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Fenced as error:
            raise _taken() from error
        except Stopped as error:
            reason = self._publisher.trouble or "no answer"
            raise TransientError(f"Kafka did not do it within {PATIENCE_S:.0f} s: {reason}") from error
        finally:
            timer.cancel()


def _taken() -> Fenced:
    return Fenced(
        "another command, such as a second replay, or a worker that was just starting, has taken the "
        "connector over meanwhile",
        remedy="what this one had not committed was not written; look again, and run it once more if need be",
    )
