"""The gateway: frames on a socket (NI), the handshake before a log-on, and answers cut into frames.

Offsets and constants: docs/protocol/handshake.md and framing.md of the project saprfclib, and the captures
of real systems in its tests/golden.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from enum import IntEnum

from bridge.testing.sap.listening import shut
from bridge.testing.sap.records import Unfinished, records
from bridge.testing.sap.switches import Switches

_SIZE = struct.Struct(">I")
_LARGEST = 256 * 1024 * 1024
_CHUNK = 28_000
"""Bytes of an answer in one frame, as the gateway cuts them."""
_RATIO = 10
"""Systems compress their tables, this peer does not: its frames are so much larger instead."""
_FRAMES = 200
_PIECE = 256 * 1024
_HEADER = 80
_UNICODE = b"4103"
"""SAP's code page of UTF-16 with the low byte first."""
_COMMON_HEAD = "RFC000000000".encode("cp500")
"""Before the records of a log-on, and only there."""


class Kind(IntEnum):
    """The first two bytes of a frame."""

    VERSION = 0x0203
    CONNECT = 0x0601
    DONE = 0x0605
    MORE = 0x0609
    INFO = 0x060F
    DATA = 0x06CB


class Closed(Exception):
    """The other side has hung up, or the peer has cut the line."""


class Line:
    """One connection in frames: four bytes of length, and so many bytes.

    For the thread that serves the connection; who shuts its socket ends whatever this waits for.
    """

    def __init__(self, connection: socket.socket, switches: Switches) -> None:
        self._socket = connection
        self._switches = switches

    def read(self) -> bytes:
        """The next frame. Raises Closed."""
        (size,) = _SIZE.unpack(self._exactly(4))
        if size > _LARGEST:
            raise Closed
        return self._exactly(size)

    def write(self, frame: bytes) -> None:
        """Raises Closed."""
        self.raw(_SIZE.pack(len(frame)) + frame)

    def raw(self, data: bytes) -> None:
        """Bytes as they are, in drops where the line drips. Raises Closed."""
        drip = self._switches.drip
        size = drip.size if drip else _PIECE
        for at in range(0, len(data), size):
            self._send(data[at : at + size])
            if drip:
                time.sleep(drip.every)

    def hang(self, seconds: float | None) -> None:
        """Say nothing for so long, or until the line ends here or there. Raises Closed then."""
        ends = select.poll()
        ends.register(self._socket, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        if ends.poll(None if seconds is None else seconds * 1000):
            raise Closed

    def cut(self) -> None:
        """Hang up."""
        shut(self._socket)

    def _send(self, data: bytes) -> None:
        if self._switches.spent(len(data)):
            self.cut()
            raise Closed
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Closed from error

    def _exactly(self, size: int) -> bytes:
        data = bytearray(size)
        view, at = memoryview(data), 0
        while at < size:
            try:
                count = self._socket.recv_into(view[at:])
            except OSError as error:
                raise Closed from error
            if not count:
                raise Closed
            at += count
        return bytes(data)


def admit(line: Line, handle: bytes) -> None:
    """Everything before the log-on: version and code page, the connection and its handle (8 digits)."""
    while True:
        frame = line.read()
        match _kind(frame):
            case Kind.VERSION:
                line.write(_version(frame))
            case Kind.CONNECT:
                line.write(_connected(frame, handle))
            case Kind.DONE:
                line.write(_done(handle))
                return
            case Kind.INFO:
                continue
            case _:
                raise Closed


def receive(line: Line) -> bytes:
    """The records of the next log-on or call, however many frames they take."""
    stream = b""
    while True:
        frame = line.read()
        body = frame[_HEADER:]
        stream += body.removeprefix(_COMMON_HEAD) if not stream else body
        if _whole(stream):
            return stream


def framed(handle: bytes, stream: bytes) -> bytes:
    """An answer's frames with their lengths, at most so many as clients put together."""
    frames = bytearray()
    chunk = max(_CHUNK * _RATIO, len(stream) // _FRAMES + 1)
    for at in range(0, len(stream), chunk):
        part = stream[at : at + chunk]
        header = _header(handle, len(part), Kind.MORE if at else Kind.DATA, last=at + chunk >= len(stream))
        frames += _SIZE.pack(_HEADER + len(part)) + header + part
    return bytes(frames)


def _kind(frame: bytes) -> int:
    return int.from_bytes(frame[:2])


def _whole(stream: bytes) -> bool:
    try:
        for _ in records(stream):
            pass
    except Unfinished:
        return False
    return True


def _version(asked: bytes) -> bytes:
    answer = bytearray(asked)
    answer[20:24], answer[28:30], answer[54:56] = _UNICODE, b"\x00\x0f", b"\x06\xfb"
    return bytes(answer)


def _connected(asked: bytes, handle: bytes) -> bytes:
    answer = bytearray(asked[:_HEADER])
    answer[21], answer[40:48], answer[76:80] = 6, handle, b"\x00\x00\x00\x01"
    return bytes(answer)


def _done(handle: bytes) -> bytes:
    answer = bytearray(_HEADER)
    answer[:8] = b"\x06\x05\x02\x00\xff\xff\x00\x00"
    answer[16], answer[21], answer[30] = 1, 2, 1
    answer[40:48], answer[69:73], answer[79] = handle, _UNICODE, 1
    return bytes(answer)


def _header(handle: bytes, size: int, kind: Kind, *, last: bool) -> bytes:
    header = bytearray(_HEADER)
    header[:8] = kind.to_bytes(2) + b"\x02\x00\xff\xff\x00\x00"
    header[13], header[16] = 1, 1
    header[17:21] = (500 if last else -1).to_bytes(4, signed=True)
    header[21], header[25] = 2, 1
    header[27], header[30:32] = 8, b"\x05\x0c"
    header[40:48] = handle
    header[48:52], header[55], header[56:60] = _SIZE.pack(_CHUNK), 2, _SIZE.pack(size)
    header[63], header[69:73], header[79] = last, _UNICODE, 4
    return bytes(header)
