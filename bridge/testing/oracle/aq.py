"""Queues: what Advanced Queuing keeps and hands out (Advanced Queuing User's Guide)."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.errors import OracleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.testing.oracle.grants import Grants
    from bridge.testing.oracle.session import Session
    from bridge.testing.oracle.store import Store

SECOND = 1_000_000_000
NEVER = -1


class Dequeue(IntEnum):
    """DBMS_AQ's dequeue modes."""

    BROWSE = 1
    LOCKED = 2
    REMOVE = 3
    REMOVE_NODATA = 4


class Navigation(IntEnum):
    FIRST = 1
    NEXT = 3


class Visibility(IntEnum):
    IMMEDIATE = 1
    ON_COMMIT = 2


class State(IntEnum):
    """Of a message."""

    READY = 0
    WAITING = 1
    PROCESSED = 2
    EXPIRED = 3


@dataclass(eq=False)
class Message:
    """A message for one consumer, with who has it in his transaction."""

    msgid: bytes
    payload: Any
    enqueued: int
    correlation: str | None = None
    priority: int = 0
    delay: int = 0
    expiration: int = NEVER
    consumer: str | None = None
    attempts: int = 0
    state: State = State.READY
    putter: Session | None = None
    """Whose transaction enqueued it; for nobody else to see."""
    taker: Session | None = None
    """Whose transaction has dequeued it, or locked it."""
    removed: bool = False

    def free_for(self, session: Session) -> bool:
        """Neither in somebody else's transaction nor dequeued in one's own."""
        own = all(holder is None or holder is session for holder in (self.putter, self.taker))
        return own and not self.removed

    def seen_by(self, session: Session) -> bool:
        """By a look, which is like a SELECT (DBMS_AQ, DEQUEUE_OPTIONS_T): locks of others are none to it."""
        return self.putter in (None, session) and not (self.removed and self.taker is session)

    def due(self, now: int) -> bool:
        if self.expiration != NEVER and now > self.enqueued + (self.delay + self.expiration) * SECOND:
            return False
        return now >= self.enqueued + self.delay * SECOND


@dataclass(eq=False)
class Queue:
    """A queue; `payload` is RAW, JSON or an object type, `subscribers` are those of one for several."""

    owner: str
    name: str
    payload: str = "RAW"
    max_retries: int = 5
    retention: int = 0
    subscribers: tuple[str, ...] = ()
    enqueue_enabled: bool = True
    dequeue_enabled: bool = True
    messages: list[Message] = field(default_factory=list)
    exceptions: list[Message] = field(default_factory=list)
    """The exception queue: what was rolled back too often."""

    @property
    def table(self) -> str:
        return f"{self.name}_TAB"[:128]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a dequeue asks for. `wait` is in seconds, NEVER without end."""

    queue: str
    consumer: str | None = None
    mode: int = Dequeue.REMOVE
    navigation: int = Navigation.NEXT
    visibility: int = Visibility.ON_COMMIT
    wait: int = 0
    msgid: bytes | None = None
    correlation: str | None = None


class Queues:
    """All queues of the database, by `OWNER.NAME`."""

    def __init__(self, store: Store, grants: Grants) -> None:
        self.store, self.grants = store, grants
        self.all: dict[str, Queue] = {}
        self.lock = threading.RLock()
        self._places: dict[tuple[int, str], bytes] = {}
        """The message that a session browsed last."""
        self._numbers = itertools.count(1)

    def __getitem__(self, name: str) -> Queue:
        return self.all[name]

    def create(self, name: str, **options: Any) -> Queue:
        """`create("SALES.ORDERS_Q", payload="JSON", subscribers=("BRIDGE",))`."""
        owner, _, plain = name.partition(".")
        queue = self.all[name] = Queue(owner, plain, **options)
        return queue

    def put(self, name: str, payload: Any, session: Session | None = None, **properties: Any) -> bytes:
        """Enqueue; without a session it is committed at once. The message's id."""
        with self.lock:
            queue = self.all[name]
            number = next(self._numbers)
            msgid = self.store.scn.to_bytes(8, "big") + number.to_bytes(8, "big")
            for consumer in queue.subscribers or (None,):
                message = Message(msgid, payload, self.store.clock(), consumer=consumer, **properties)
                message.putter = session
                queue.messages.append(message)
            return msgid

    def find(self, session: Session, name: str, privilege: str) -> Queue:
        """By its name as a session spells it; ORA-24010, ORA-24033, ORA-25226."""
        owner, _, plain = name.upper().rpartition(".")
        queue = self.all.get(f"{owner or session.schema}.{plain}")
        if queue is None or not self._granted(session, queue, privilege):
            raise OracleError(24010, text=f"QUEUE {owner or session.schema}.{plain} does not exist")
        if privilege == "DEQUEUE" and not queue.dequeue_enabled:
            raise OracleError(
                25226, text=f"dequeue failed, queue {queue.owner}.{queue.name} is not enabled for dequeue"
            )
        if privilege == "ENQUEUE" and not queue.enqueue_enabled:
            raise OracleError(
                25207, text=f"enqueue failed, queue {queue.owner}.{queue.name} is disabled from enqueueing"
            )
        return queue

    def take(self, session: Session, wanted: Wanted) -> Message | None:
        """One message, or None where there is none now."""
        with self.lock:
            queue = self.find(session, wanted.queue, "DEQUEUE")
            if queue.subscribers and wanted.consumer is None:
                raise OracleError(25231, text="cannot dequeue because CONSUMER_NAME not specified")
            message = next(self._fitting(session, queue, wanted), None)
            if message is not None:
                self._places[session.sid, wanted.queue] = message.msgid
                self._held(session, queue, message, wanted)
            return message

    def _held(self, session: Session, queue: Queue, message: Message, wanted: Wanted) -> None:
        if wanted.mode == Dequeue.BROWSE:
            return
        if wanted.visibility == Visibility.IMMEDIATE:
            if wanted.mode != Dequeue.LOCKED:
                queue.messages.remove(message)
            return
        message.taker, message.removed = session, wanted.mode != Dequeue.LOCKED

    def _fitting(self, session: Session, queue: Queue, wanted: Wanted) -> Iterator[Message]:
        """In their order: by the time of enqueuing."""
        now = self.store.clock()
        passed = wanted.navigation != Navigation.NEXT or wanted.mode != Dequeue.BROWSE
        last = None if passed else self._places.get((session.sid, wanted.queue))
        for message in queue.messages:
            if last is not None:
                last = None if message.msgid == last else last
                continue
            free = message.seen_by(session) if wanted.mode == Dequeue.BROWSE else message.free_for(session)
            if free and message.due(now) and _matches(message, wanted):
                yield message

    def commit(self, session: Session) -> None:
        """What the session took is gone, what it put is there."""
        with self.lock:
            for queue in self.all.values():
                gone = [m for m in queue.messages if m.taker is session and m.removed]
                queue.messages = [m for m in queue.messages if m not in gone]
                for message in queue.messages:
                    message.putter = None if message.putter is session else message.putter
                    message.taker = None if message.taker is session else message.taker

    def rollback(self, session: Session) -> None:
        """What it took is there again, once more tried; too often tried, it goes to the exception queue."""
        self._back(session, tried=1)

    def lost(self, session: Session) -> None:
        """The session ended: like a rollback, but that is no try (DBMS_AQADM, CREATE_QUEUE, max_retries)."""
        self._back(session, tried=0)

    def _back(self, session: Session, tried: int) -> None:
        with self.lock:
            for queue in self.all.values():
                queue.messages = [m for m in queue.messages if m.putter is not session]
                for message in [m for m in queue.messages if m.taker is session]:
                    message.attempts += tried if message.removed else 0
                    message.taker, message.removed = None, False
                    if message.attempts > queue.max_retries:
                        queue.messages.remove(message)
                        message.state = State.EXPIRED
                        queue.exceptions.append(message)
            self._places = {key: place for key, place in self._places.items() if key[0] != session.sid}

    def _granted(self, session: Session, queue: Queue, privilege: str) -> bool:
        return self.grants.allows(session.user, privilege, queue.owner, queue.name)


def _matches(message: Message, wanted: Wanted) -> bool:
    if wanted.msgid is not None and message.msgid != wanted.msgid:
        return False
    if wanted.correlation is not None and message.correlation != wanted.correlation:
        return False
    return message.consumer is None or message.consumer == (wanted.consumer or "").upper()
