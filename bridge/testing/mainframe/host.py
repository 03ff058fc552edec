"""A mainframe on loopback with a customer application of our own.

    with Host() as host:
        host.port, host.user, host.password
        host.switches.drop = 3

The transactions are in `transactions`, what can go wrong in `switches`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge.testing.mainframe.conversation import Conversation
from bridge.testing.mainframe.customers import Customer, customers
from bridge.testing.mainframe.desk import Company, Desk, Scene, Told
from bridge.testing.mainframe.serving import Serving

if TYPE_CHECKING:
    from mfmock.core.server import DeviceSession

LINGER_S = 0.25
"""How long a session over the limit sees the reason."""


class Host(Serving):
    """Sign-on, menu, CUSTINQ, CUSTLIST and CUSTDET over `customers`, and all `switches`."""

    def __init__(
        self,
        *,
        count: int = 300,
        port: int = 0,
        tn3270e: bool = True,
        code_page: str = "cp037",
        pools: Mapping[str, Sequence[str]] | None = None,
        page_size: int = 15,
    ) -> None:
        super().__init__(port=port, tn3270e=tn3270e, code_page=code_page, pools=pools)
        self.user, self.password = "BRIDGE", "S3CRET42"
        self.lock = threading.RLock()
        """Around what reads or changes `customers`."""
        self.customers: dict[str, Customer] = customers(count)
        self.told: list[Told] = []
        """What clients have typed, secrets too."""
        self.wire: Callable[[str, bytes | None], None] = _unheeded
        """Given each LU and 3270 record that goes out, and None for each that comes in; see `Recorder`."""
        self._conversations: dict[str, Conversation] = {}
        self._company = Company(self.customers, self.lock, self.switches, self.user, self.password, page_size)

    @property
    def counts(self) -> Counter[str]:
        """Screens in all and by name, `pages`, `keys`, `sign-ons`, `wrong passwords`, `inquiries`."""
        return self._company.counts

    def change(self, identity: str, **what: Any) -> Customer:
        """As the host's own users do it: the change mark counts on."""
        with self.lock:
            before = self.customers[identity]
            self.customers[identity] = after = replace(before, mark=before.mark + 1, **what)
        return after

    def insert(self, customer: Customer) -> None:
        with self.lock:
            self.customers[customer.id] = customer

    def delete(self, identity: str) -> None:
        with self.lock:
            del self.customers[identity]

    def push(self, scene: Scene) -> None:
        """Show it in all sessions, though nobody has pressed a key."""
        for each in tuple(self._conversations.values()):
            asyncio.run_coroutine_threadsafe(each.paint(scene), self._loop).result()

    async def converse(self, session: DeviceSession, lu: str) -> None:
        desk = Desk(self._company, lu)
        conversation = Conversation(session, desk, self.codec, self.told.append, self._wired)
        self._conversations[lu] = conversation
        limit = self.switches.session_limit
        if limit is None or len(self.sessions) <= limit:
            await conversation.run()
        else:
            await conversation.tell("SESSION LIMIT EXCEEDED - TRY AGAIN LATER")
            with suppress(TimeoutError):
                await session.receive(LINGER_S)

    def _wired(self, lu: str, record: bytes | None) -> None:
        self.wire(lu, record)


def _unheeded(_lu: str, _record: bytes | None) -> None:
    return
