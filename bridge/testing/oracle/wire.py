"""The server's side of a connection: packets over a line that can fail, breaks, calls seerdb leaves out."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import time
from typing import Protocol

from seerdb.common.tns import encode_error
from seerdb.common.tns_consts import TNS_DATA, TTI_FETCH, TTI_FUN
from seerdb.server.framing import SESSION_MESSAGE_LIMIT, PacketStream
from seerdb.server.session import _skip_piggybacks

from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.switches import ENDING, Stage, Switches, failure

PATIENCE = 0.02
CONTINUATION = 2.0
REFUSE = 4
_HEADER = struct.Struct(">HHBBH")


class Calls(Protocol):
    """Who answers the calls that seerdb's server half does not carry."""

    functions: frozenset[int]

    def answer(self, function: int, body: bytes) -> bytes:
        """The payload; OracleError for a refusal, Incomplete for a call with packets still to come."""


class Incomplete(Exception):
    """The call goes on in the next packet."""


class Line:
    """A socket that falls silent, drips and breaks as the switches say."""

    def __init__(self, sock: socket.socket | ssl.SSLSocket, switches: Switches) -> None:
        self.sock, self.switches = sock, switches
        self.stage = Stage.CONNECT
        self.closed = False

    def recv(self, size: int) -> bytes:
        return self.sock.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        self.sock.settimeout(seconds)

    def gettimeout(self) -> float | None:
        return self.sock.gettimeout()

    def sendall(self, data: bytes) -> None:
        self._wait_for_speech()
        drip = self.switches.drip
        pieces = (
            [data] if drip is None else [data[at : at + drip.size] for at in range(0, len(data), drip.size)]
        )
        for piece in pieces:
            self._count(len(piece))
            self.sock.sendall(piece)
            if drip is not None:
                self._rest(drip.every)

    def close(self) -> None:
        """At once, whoever is writing or reading."""
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def readable(self, seconds: float) -> bool:
        """Whether the client says something within so long; OSError once it has gone."""
        if not select.select([self.sock], [], [], seconds)[0]:
            return False
        secured = isinstance(self.sock, ssl.SSLSocket)  # which cannot be peeked into
        if not secured and not self.sock.recv(1, socket.MSG_PEEK):
            raise ConnectionResetError
        return True

    def _wait_for_speech(self) -> None:
        while self.switches.silence is self.stage:
            self._rest(PATIENCE)

    def _rest(self, seconds: float) -> None:
        if self.closed:
            raise ConnectionAbortedError
        time.sleep(seconds)

    def _count(self, size: int) -> None:
        left = self.switches.cut_after
        if left is None:
            return
        if left < size:
            self.close()
            raise ConnectionAbortedError
        self.switches.cut_after = left - size


class PeerStream(PacketStream):
    """seerdb's packets, with the faults and the calls that are ours."""

    calls: Calls | None = None

    def __init__(self, line: Line) -> None:
        super().__init__(line)  # type: ignore[arg-type]
        self.line = line
        self.round_trips = 0
        self.ending = False
        """The reply under way is the last."""
        self.broken = False
        """A break has ended the call: what seerdb answers to it is not sent."""

    def read_packet(self, *, within: float | None = None) -> tuple[int, bytes] | None:
        while True:
            packet = super().read_packet(within=within)
            if packet is None or within is not None or self.max_message != SESSION_MESSAGE_LIMIT:
                return packet
            self.line.stage = Stage.CALLS
            kind, body = packet
            if kind != TNS_DATA:
                return packet
            self.round_trips += 1
            if not self._answered(body):
                return packet

    def write_packet(self, packet_type: int, body: bytes) -> None:
        if self.broken and packet_type == TNS_DATA:
            self.broken = False
            return
        super().write_packet(packet_type, body)
        if self.ending:
            self.line.close()

    def send_raw(self, packet: bytes) -> None:
        super().send_raw(packet)
        self.line.stage = Stage.LOGIN

    def refuse(self, code: int) -> None:
        """What a listener says that passes nobody on (Net Services Reference: TNS refuse packets)."""
        text = (
            f"(DESCRIPTION=(TMP=)(VSNNUM=385875968)(ERR={code})(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4))))"
        ).encode()
        body = bytes([34, 0]) + len(text).to_bytes(2, "big") + text
        self.line.sendall(_HEADER.pack(8 + len(body), 0, REFUSE, 0, 0) + body)

    def interrupted(self, seconds: float) -> bool:
        """Whether the client breaks the call within so long."""
        if self.line.closed:
            raise ConnectionAbortedError
        return bool(self._acc) or self.line.readable(seconds)

    def _answered(self, body: bytes) -> bool:
        """Whether the call was one of those answered here."""
        call = _skip_piggybacks(body)
        if len(call) < 2 or call[0] != TTI_FUN:
            return False
        if call[1] == TTI_FETCH and (refusal := self.line.switches.for_fetch()) is not None:
            self._fail(refusal.code)
            return True
        if self.calls is None or call[1] not in self.calls.functions:
            return False
        self._answer(call, self.calls)
        return True

    def _answer(self, call: bytes, calls: Calls) -> None:
        while True:
            try:
                payload = calls.answer(call[1], call)
            except Incomplete:
                more = super().read_packet(within=CONTINUATION)
                if more is None:
                    return
                call += more[1]
            except OracleError as error:
                self.write_packet(TNS_DATA, encode_error(error.code, str(error)))
                return
            else:
                self.write_packet(TNS_DATA, payload)
                return

    def _fail(self, code: int | None) -> None:
        if code is None:
            self.line.close()
            raise ConnectionAbortedError
        self.ending = code in ENDING
        self.write_packet(TNS_DATA, encode_error(code, str(failure(code))))
