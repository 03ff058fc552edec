"""LU names as clients ask for them: TN3270E's CONNECT (RFC 2355), TN3270's `IBM-3279-2@LU` (RFC 1646)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mfmock.core.telnet import OPT_TN3270E, Logger, NegotiationError, TelnetConnection
from mfmock.tn3270.adapter import TN3270Adapter
from mfmock.tn3270.negotiation import E_DEVICE_TYPE, E_REASON, E_REJECT, E_REQUEST, TN3270ENegotiator
from mfmock.tn3270.terminal import terminal_from_type

from bridge.testing.mainframe.switches import DEVICE_IN_USE, INV_DEVICE_NAME, Switches

if TYPE_CHECKING:
    from mfmock.core.ebcdic import Codec
    from mfmock.core.terminal import Terminal

GENERIC = ""
"""The pool of clients that ask for no name."""


@dataclass
class Lus:
    """The host's LUs by pool, and which are taken. A client asks for an LU, for a pool, or for neither."""

    pools: Mapping[str, Sequence[str]]
    switches: Switches
    taken: set[str] = field(default_factory=set)

    def take(self, wanted: str) -> str | int:
        """The LU, or the reason for which there is none."""
        if self.switches.refuse_lu is not None:
            return self.switches.refuse_lu
        known = {name for pool in self.pools.values() for name in pool}
        candidates = self.pools.get(wanted) or [wanted] * (wanted in known)
        free = [name for name in candidates if name not in self.taken | self.switches.busy]
        if free:
            self.taken.add(free[0])
            return free[0]
        return DEVICE_IN_USE if candidates else INV_DEVICE_NAME

    def give_back(self, name: str) -> None:
        self.taken.discard(name)


class Granting(TN3270ENegotiator):
    """Answers a request for a device with an LU, or a refusal; the client may then ask for another."""

    def __init__(self, conn: TelnetConnection, lus: Lus) -> None:
        super().__init__(conn)
        self.lus = lus
        self.lu: str | None = None

    def got_subneg(self, data: bytes) -> None:
        super().got_subneg(data)
        if self.device_request is None or data[:2] != bytes([E_DEVICE_TYPE, E_REQUEST]):
            return
        device, wanted = self.device_request
        answer = self.lu or self.lus.take((wanted or GENERIC).upper())
        if isinstance(answer, str):
            self.lu = answer
            self.device_request = device, answer
        else:
            self.device_request = None
            self._send(E_DEVICE_TYPE, E_REJECT, E_REASON, answer)


class LuAdapter(TN3270Adapter):
    """mfmock's TN3270 with LU names; `granted` has those of the connections."""

    def __init__(self, lus: Lus, *, tn3270e: bool, codec: Codec) -> None:
        super().__init__(tn3270e=tn3270e, codec=codec)
        self.lus = lus
        self.granted: dict[TelnetConnection, str] = {}

    def leave(self, conn: TelnetConnection) -> None:
        if (name := self.granted.pop(conn, None)) is not None:
            self.lus.give_back(name)

    async def negotiate(self, conn: TelnetConnection, device_name: str, log: Logger) -> Terminal:  # noqa: ARG002
        try:
            async with asyncio.timeout(self.negotiation_timeout):
                kind = await self._extended(conn) if self.tn3270e else None
                kind = kind or await self._plain(conn)
                terminal = terminal_from_type(kind)
                return await self.query(conn, terminal, log) if terminal.extended else terminal
        except BaseException as error:
            self.leave(conn)
            if isinstance(error, TimeoutError):
                raise NegotiationError("the client does not answer") from None
            raise

    async def _extended(self, conn: TelnetConnection) -> str | None:
        """The device type; None when the client refuses TN3270E, be it after a refusal of ours."""
        negotiator = Granting(conn, self.lus)
        agreeing = asyncio.ensure_future(negotiator.negotiate(GENERIC))
        leaving = asyncio.ensure_future(conn.wait_for(lambda: conn.remote.get(OPT_TN3270E) is False))
        try:
            await asyncio.wait((agreeing, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if negotiator.lu is not None:
                self.granted[conn] = negotiator.lu
            agreeing.cancel()
            leaving.cancel()
            await asyncio.gather(agreeing, leaving, return_exceptions=True)
        return None if agreeing.cancelled() else agreeing.result()

    async def _plain(self, conn: TelnetConnection) -> str:
        """The terminal type. A client whose LU is refused is asked again, until it has no other to offer."""
        asked: set[str] = set()
        while True:
            conn.terminal_type = None
            told = await conn.negotiate_terminal_type()
            kind, _, wanted = told.partition("@")
            answer = self.lus.take(wanted.upper() or GENERIC)
            if isinstance(answer, str):
                self.granted[conn] = answer
                await conn.negotiate_binary_eor()
                return kind
            if told in asked:
                await conn.close()
                raise NegotiationError(f"no LU for {told}")
            asked.add(told)
