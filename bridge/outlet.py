"""A connector's end in Kafka: whose it is, where its streams stand, and the transactions that change both.

Whoever held it before is fenced first, and only then are the positions read. Used from the task's thread;
other threads may look at `holds` and `trouble`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import structlog

from bridge.deadletters import DeadLetter
from bridge.errors import BridgeError, TransientError
from bridge.native import library
from bridge.positions import OWNER, READ_S, Ledger, Owner, Records, Value, record
from bridge.publisher import Fenced, Transactions

log = structlog.get_logger("bridge.outlet")

RENEW_S = 30.0
"""A position that moved without rows, and the owner's record, are written at least this often.

And three times in a lease, however short: whoever stands by takes over when it has run out.
"""
PROBE_S = 5.0
GLANCE_S = 5.0
"""How long to wait for what is only asked to know it sooner."""


class Outlet:
    """One transaction at a time. Errors of every call into Kafka: Aborted, Broken, Fenced, TransientError."""

    def __init__(self, owner: Owner, publisher: Transactions, positions: Records) -> None:
        self._owner, self._publisher, self._positions = owner, publisher, positions
        self._renew_s = min(RENEW_S, owner.lease_s / 3)
        self._renewed = self._probed = self._wrote = -math.inf
        self._silence: str | None = None
        """Why Kafka did not tell, when last asked, whose the connector is."""
        self._held_once = False
        self.holds = False
        """We have fenced the predecessor and read its positions."""
        self.ledger = Ledger()
        """What Kafka has, and what the open transaction adds to it."""

    @property
    def trouble(self) -> str | None:
        return self._publisher.trouble or self._silence

    # -- holding the connector

    def start_again(self) -> None:
        """End what is open, or fence anew, and read what Kafka has."""
        if self.holds:
            self._publisher.abort()
            self.read()
        else:
            self._take()

    def read(self) -> None:
        self.ledger = self._positions.read()

    def _take(self) -> None:
        """Fence first, and only then read the positions."""
        self._positions.ensure()
        if self._held_once:
            self._must_be_ours()
        self._publisher.open()
        self.begin()
        self.let_renewal_be_due()
        self.commit()
        self.read()
        self.holds = self._held_once = True
        log.info("holds the connector", streams=len(self.ledger.streams), native=library() is not None)

    def _must_be_ours(self, timeout_s: float = READ_S) -> None:
        """A producer can die of a fence without saying so: before fencing anybody anew, see whose it is."""
        owner = self._positions.glance(timeout_s).owner
        if owner is not None and owner.instance != self._owner.instance and not owner.released:
            raise Fenced(f"fenced: {owner.name} on {owner.host} holds the connector")

    def told(self, error: Fenced) -> Fenced:
        """The same for an operator: who holds the connector now, and what to do."""
        try:
            owner = self._positions.glance().owner
        except BridgeError:
            return error
        if owner is None or owner.instance == self._owner.instance or owner.released:
            text = "fenced: a command took the connector, or a transaction timed out"
            return Fenced(text, remedy="the worker comes back by itself; give the order again then")
        return Fenced(
            f"fenced: daemon {owner.name} on {owner.host} holds the connector",
            remedy="this one stands by; `resume` takes the connector over",
        )

    def lose(self) -> None:
        """The producer is of no more use: the next start fences anew."""
        self.holds = False

    def let_go(self) -> None:
        """End what is open, and tell whoever stands by that nobody holds the connector."""
        self._publisher.abort()
        self.begin()
        self.note(OWNER, self._owner.letting_go())
        self._publisher.commit()

    def close(self) -> None:
        self._publisher.close()

    # -- one transaction

    def begin(self) -> None:
        self._publisher.begin()

    def send(self, topic: str, keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> None:
        self._publisher.send(topic, keys, values)

    def placed(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Those that can be replayed, with where their topics end; before the events beside them are sent."""
        topics = {each.topic for each in letters if each.replayable}
        ends = {topic: self._positions.ends(topic) for topic in topics}
        return [each.placed(ends[each.topic]) if each.replayable else each for each in letters]

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Send dead letters."""
        records = [letter.record(self._positions.letters_limit) for letter in letters]
        self.send(self._positions.letters, [key for key, _ in records], [value for _, value in records])

    def note(self, key: str, value: Value) -> None:
        """Write a record; should it not be committed, the ledger is read again before anything else."""
        raw_key, raw_value = record(key, value)
        self.send(self._positions.name, [raw_key], [raw_value])
        self.ledger = self.ledger.fold(key, raw_value, self.ledger.owner_offset)

    def commit(self) -> None:
        """With the owner's record where that is due."""
        due = self.renewal_due
        if due:
            self.note(OWNER, self._owner)
        self._publisher.commit()
        self._wrote, self._silence = time.monotonic(), None
        if due:
            self._renewed = self._wrote

    def renew(self) -> None:
        """Between two transactions: write the owner's record where that is due."""
        if self.renewal_due:
            self.begin()
            self.commit()

    @property
    def renewal_due(self) -> bool:
        return time.monotonic() - self._renewed > self._renew_s

    def let_renewal_be_due(self) -> None:
        """Write the owner's record with the next commit, whatever the time."""
        self._renewed = -math.inf

    # -- care of the producer

    def shrink(self, limit: int) -> bool:
        """Keep record batches below `limit` bytes; True: by fencing anew, at the next start."""
        smaller = self._publisher.shrink(limit)
        if smaller:
            self.lose()
        return smaller

    def hear(self) -> None:
        """What the producer has to say. Errors: CredentialsError."""
        self._publisher.hear()

    def probe(self) -> None:
        """The same, and every few seconds, whether Kafka is back, and whose the connector is.

        Errors: Fenced, for one who has nothing to write and so would not learn it from Kafka.
        """
        self.hear()
        now = time.monotonic()
        if now - self._probed > PROBE_S:
            self._probed = now
            self._publisher.probe()
            if self._publisher.trouble is None and now - self._wrote > PROBE_S:
                self._look()

    def _look(self) -> None:
        try:
            self._must_be_ours(GLANCE_S)
            self._silence = None
        except TransientError as error:
            self._silence = str(error)
