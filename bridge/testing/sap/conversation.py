"""One connection from its log-on to its end: calls are read, run and answered, and switches heeded."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from bridge.testing.sap import calls, gateway, logon
from bridge.testing.sap.abap import Function
from bridge.testing.sap.calls import Call
from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.gateway import Closed, Line
from bridge.testing.sap.modules import Session
from bridge.testing.sap.switches import Cut, Fault, Hang, Stage

if TYPE_CHECKING:
    from bridge.testing.sap.peer import SapPeer

_NO_CALL = (KeyError, ValueError, ET.ParseError)
"""What speaks no RFC is hung up on."""
_log = logging.getLogger(__name__)


class Conversation:
    """Serves one line; `handle` is the gateway's number of it, 8 digits."""

    def __init__(self, peer: SapPeer, line: Line, handle: bytes) -> None:
        self._peer = peer
        self._line = line
        self._handle = handle

    def serve(self) -> None:
        """Until one side hangs up."""
        with suppress(Closed, *_NO_CALL):
            self._silent(Stage.CONNECT)
            gateway.admit(self._line, self._handle)
            session = self._log_on(gateway.receive(self._line))
            while session:
                self._call(session, gateway.receive(self._line))

    def _log_on(self, stream: bytes) -> Session | None:
        given = logon.credentials(stream)
        self._peer.logons.append(given.user)
        self._silent(Stage.LOGON)
        why = self._peer.switches.refuse_logon or logon.refusal(given, self._peer.users, self._peer.client)
        if why:
            self._answer(logon.refused(why))
            return None
        self._answer(logon.accepted(given, self._peer.identity))
        return Session(given.user, given.client, given.language)

    def _call(self, session: Session, stream: bytes) -> None:
        call = calls.read(stream)
        self._peer.calls.append(call.function)
        self._silent(Stage.BEFORE)
        fault = self._at(call, Stage.BEFORE)
        try:
            answer = self._run(call, session, fault)
        except AbapException as error:
            answer = calls.raised(error)
        except ShortDump as error:
            answer = calls.dumped(error)
        self._at(call, Stage.AFTER)
        self._answer(answer, call)

    def _run(self, call: Call, session: Session, fault: Fault | None) -> bytes:
        if isinstance(fault, AbapException | ShortDump):
            raise fault
        system = self._peer.system
        function = system.function(call.function) or Function(call.function)
        try:
            results = system.invoke(call.function, calls.parameters(call, function), session)
            rows = calls.compressed if self._peer.switches.compress else calls.plain
            return calls.answer(function, call, results, rows)
        except (AbapException, ShortDump):
            raise
        except Exception as error:
            _log.exception("%s failed", call.function)
            raise ShortDump("UNCAUGHT_EXCEPTION", f"{type(error).__name__}: {error}") from error

    def _at(self, call: Call, stage: Stage) -> Fault | None:
        fault = self._peer.switches.due(call.function, stage)
        self._suffer(fault)
        return fault

    def _suffer(self, fault: Fault | None) -> None:
        match fault:
            case Hang(seconds=seconds):
                self._line.hang(seconds)
            case Cut():
                self._line.cut()
                raise Closed

    def _answer(self, stream: bytes, call: Call | None = None) -> None:
        frames = gateway.framed(self._handle, stream)
        fault = call and self._peer.switches.due(call.function, Stage.INSIDE)
        if fault:
            half = len(frames) // 2
            self._line.raw(frames[:half])
            self._suffer(fault)
            frames = frames[half:]
        self._line.raw(frames)

    def _silent(self, stage: Stage) -> None:
        if self._peer.switches.silence is stage:
            self._line.hang(None)
