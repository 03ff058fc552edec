"""The calls that enqueue and dequeue.

seerdb's server half leaves them out; their layout is what python-oracledb's thin mode sends and reads.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from seerdb.common.oson import decode_oson, encode_oson
from seerdb.common.tns import (
    _DECODE_FIELD_VERSION,
    _ENCODE_TXN_IN_PROGRESS,
    _bytes_with_length,
    _encode_object_bind_value,
    encode_sb4,
    encode_status,
)
from seerdb.common.tns_consts import (
    FIELD_VERSION_20_1,
    FIELD_VERSION_21_1,
    FIELD_VERSION_23_1_EXT_1,
    TNS_FUNC_AQ_DEQ,
    TNS_FUNC_AQ_ENQ,
    TNS_FUNC_ARRAY_AQ,
    TTI_RPA,
)

from bridge.testing.oracle.aq import Dequeue, Message, Queue, Queues, Visibility, Wanted
from bridge.testing.oracle.datatypes import DATE, Type
from bridge.testing.oracle.describing import wired
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.objects import Types, carried
from bridge.testing.oracle.values import Stamp
from bridge.testing.oracle.wire import Incomplete

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.testing.oracle.backend import Caller
    from bridge.testing.oracle.session import Session

DEQUEUED = 2
BREATH = 0.05
JSON_LOCATOR = 42
TOID = 16
_SIGN, _CHUNKED = 0x80, 0xFE


class Reader:
    """The fields of a call, one after the other; Incomplete where the packet ends before they do."""

    def __init__(self, body: bytes) -> None:
        self._body, self._place = body, 0
        self.version = _DECODE_FIELD_VERSION.get()

    def take(self, size: int) -> bytes:
        end = self._place + size
        if end > len(self._body):
            raise Incomplete
        taken = self._body[self._place : end]
        self._place = end
        return taken

    def number(self) -> int:
        """A length, negative by its highest bit, and so many bytes."""
        length = self.take(1)[0]
        number = int.from_bytes(self.take(length & ~_SIGN), "big")
        return -number if length & _SIGN else number

    def pointer(self) -> int:
        """Whether a field follows in the data section, and its length."""
        self.take(1)
        return self.number()

    def chunk(self) -> bytes:
        """Bytes behind their length; long ones come in several pieces."""
        length = self.take(1)[0]
        if length != _CHUNKED:
            return self.take(length)
        pieces = []
        while size := self.number():
            pieces.append(self.take(size))
        return b"".join(pieces)

    def value(self) -> bytes | None:
        """Bytes behind a count of them, None for no bytes."""
        return self.chunk() if self.number() else None

    def text(self) -> str | None:
        value = self.value()
        return None if value is None else value.decode()


class AqCalls:
    """The calls of one session."""

    functions = frozenset({TNS_FUNC_AQ_ENQ, TNS_FUNC_AQ_DEQ, TNS_FUNC_ARRAY_AQ})

    def __init__(self, queues: Queues, session: Session, stream: Caller, types: Types) -> None:
        self._queues, self._session, self._stream, self._types = queues, session, stream, types

    def answer(self, function: int, body: bytes) -> bytes:
        reader = Reader(body)
        reader.take(3)
        if reader.version >= FIELD_VERSION_23_1_EXT_1:
            reader.number()
        if function == TNS_FUNC_AQ_DEQ:
            return self._dequeue(_wanted(reader))
        if function == TNS_FUNC_AQ_ENQ:
            return self._enqueue(reader)
        return self._array(reader)

    def _dequeue(self, wanted: Wanted) -> bytes:
        message = self._await(wanted)
        queue = self._queues.find(self._session, wanted.queue, "DEQUEUE")
        parts = [bytes([TTI_RPA]), encode_sb4(1), self._properties(message), encode_sb4(0)]
        parts += [self._payload(queue, message, wanted), message.msgid, encode_status(0)]
        return b"".join(parts)

    def _array(self, reader: Reader) -> bytes:
        count = reader.pointer()
        reader.number()
        reader.take(2)
        operation = reader.number()
        reader.take(1)
        if reader.version >= FIELD_VERSION_21_1:
            reader.number()
        if operation != DEQUEUED:
            raise OracleError(3001)
        return self._dequeue_many([_wanted_of_many(reader) for _ in range(count)])

    def _dequeue_many(self, asked: list[Wanted]) -> bytes:
        queue = self._queues.find(self._session, asked[0].queue, "DEQUEUE")
        taken = self.take(asked)
        parts = [bytes([TTI_RPA]), encode_sb4(len(taken))]
        for message in taken:
            parts += [encode_sb4(1), b"\x01", self._properties(message), encode_sb4(0)]
            parts += [encode_sb4(1), self._payload(queue, message, asked[0])]
            parts += [_counted(message.msgid), encode_sb4(0), encode_sb4(0)]
        return b"".join(parts) + encode_status(0)

    def take(self, asked: Sequence[Wanted]) -> list[Message]:
        """The first is waited for; the others are taken if they are there."""
        taken = [self._await(asked[0])]
        for wanted in asked[1:]:
            message = self._queues.take(self._session, wanted)
            if message is None:
                break
            taken.append(message)
        return taken

    def _await(self, wanted: Wanted) -> Message:
        end = time.monotonic() + (float("inf") if wanted.wait < 0 else wanted.wait)
        while True:
            message = self._queues.take(self._session, wanted)
            if message is not None:
                self._marked(wanted.visibility, wanted.mode)
                return message
            left = end - time.monotonic()
            if left <= 0:
                text = f"timeout or end-of-fetch during message dequeue from {wanted.queue}"
                raise OracleError(25228, text=text)
            if self._stream.interrupted(min(left, BREATH)):
                self._stream.broken = True
                raise OracleError(1013, text="User requested cancel of current operation.")

    @staticmethod
    def _marked(visibility: int, mode: int = Dequeue.REMOVE) -> None:
        """Tell the client that a transaction is open, or it would log off without undoing it."""
        if visibility != Visibility.IMMEDIATE and mode != Dequeue.BROWSE:
            _ENCODE_TXN_IN_PROGRESS.set(True)

    def _properties(self, message: Message) -> bytes:
        """Without a sender, recipients and properties of users."""
        moment = wired(DATE, Stamp.utc(message.enqueued).zoned(self._queues.store.offset), 0)
        parts = [_signed(message.priority), _signed(message.delay), _signed(message.expiration)]
        parts += [_counted((message.correlation or "").encode()), _signed(message.attempts), encode_sb4(0)]
        parts += [_signed(message.state), _counted(moment), *[encode_sb4(0)] * 6]
        if _DECODE_FIELD_VERSION.get() >= FIELD_VERSION_21_1:
            parts.append(encode_sb4(0))
        return b"".join(parts)

    def _payload(self, queue: Queue, message: Message, wanted: Wanted) -> bytes:
        if queue.payload in ("RAW", "JSON"):
            return _image(queue, message, wanted)
        made = carried(self._types, Type(queue.payload), message.payload)
        return bytes(_encode_object_bind_value(made))

    def _enqueue(self, reader: Reader) -> bytes:
        reader.pointer()
        properties = _properties(reader)
        recipients = reader.pointer()
        visibility = reader.number()
        reader.pointer()
        reader.number()
        reader.pointer()
        reader.number()
        reader.take(2)
        size = reader.number()
        _skip_to_data(reader)
        if recipients:
            raise OracleError(3001)
        queue = self._queues.find(self._session, reader.chunk().decode(), "ENQUEUE")
        if queue.payload not in ("RAW", "JSON"):
            raise OracleError(3001)
        reader.take(TOID)
        if queue.payload == "JSON":
            reader.take(JSON_LOCATOR)
        payload: Any = decode_oson(reader.chunk()) if queue.payload == "JSON" else reader.take(size)
        self._marked(visibility)
        session = None if visibility == Visibility.IMMEDIATE else self._session
        msgid = self._queues.put(f"{queue.owner}.{queue.name}", payload, session, **properties)
        return bytes([TTI_RPA]) + msgid + encode_sb4(0) + encode_status(0)


def _skip_to_data(reader: Reader) -> None:
    """Of an enqueue: where its results go, and what it does not give."""
    reader.pointer()
    reader.number()
    for _ in range(4):
        reader.pointer()
    reader.take(1)
    for _ in range(3):
        reader.pointer()
    reader.take(3 if reader.version >= FIELD_VERSION_20_1 else 2)


def _properties(reader: Reader) -> dict[str, Any]:
    given: dict[str, Any] = {"priority": reader.number(), "delay": reader.number()}
    given |= {"expiration": reader.number(), "correlation": reader.text()}
    reader.number()
    reader.value()
    reader.number()
    reader.value()
    reader.value()
    extensions = reader.number()
    if extensions:
        reader.take(1)
    for _ in range(extensions):
        reader.value()
        reader.value()
        reader.number()
    for _ in range(5 if reader.version >= FIELD_VERSION_21_1 else 4):
        reader.number()
    return given


def _wanted(reader: Reader) -> Wanted:
    reader.pointer()
    reader.take(4)
    consumer = reader.pointer()
    mode, navigation, visibility, wait = (reader.number() for _ in range(4))
    by_id, by_correlation = reader.pointer(), reader.pointer()
    reader.pointer()
    reader.number()
    reader.take(1)
    reader.pointer()
    reader.number()
    if reader.pointer():
        raise OracleError(3001)
    reader.pointer()
    if reader.version >= FIELD_VERSION_20_1:
        reader.take(1)
    if reader.version >= FIELD_VERSION_21_1:
        reader.number()
    queue = reader.chunk().decode()
    name = reader.chunk().decode() if consumer else None
    msgid = reader.take(16) if by_id else None
    correlation = reader.chunk().decode() if by_correlation else None
    return Wanted(queue, name, mode, navigation, visibility, _seconds(wait), msgid, correlation)


def _wanted_of_many(reader: Reader) -> Wanted:
    queue = reader.text() or ""
    _properties(reader)
    reader.number()
    consumer = reader.text()
    mode, navigation, visibility, wait = (reader.number() for _ in range(4))
    msgid, correlation = reader.value(), reader.text()
    if reader.value() is not None:
        raise OracleError(3001)
    for _ in range(3):
        reader.number()
    reader.value()
    for _ in range(7):
        reader.number()
    return Wanted(queue, consumer, mode, navigation, visibility, _seconds(wait), msgid, correlation)


def _seconds(wait: int) -> int:
    """DBMS_AQ.FOREVER is -1, which clients also send as an unsigned number."""
    return -1 if wait < 0 or wait == 0xFFFF_FFFF else wait


def _image(queue: Queue, message: Message, wanted: Wanted) -> bytes:
    """No type, object id and snapshot; then the image, which four bytes lead."""
    empty = wanted.mode == Dequeue.REMOVE_NODATA
    content = (
        b""
        if empty
        else encode_oson(message.payload, allow_wide=True)
        if queue.payload == "JSON"
        else message.payload
    )
    image = b"" if empty else bytes(4) + content
    parts = [encode_sb4(0)] * 4 + [encode_sb4(len(image)), encode_sb4(0)]
    return b"".join(parts) + (_bytes_with_length(image) if image else b"")


def _counted(value: bytes) -> bytes:
    return encode_sb4(len(value)) + _bytes_with_length(value) if value else encode_sb4(0)


def _signed(number: int) -> bytes:
    if number >= 0:
        return bytes(encode_sb4(number))
    magnitude = encode_sb4(-number)
    return bytes([magnitude[0] | _SIGN]) + magnitude[1:]
