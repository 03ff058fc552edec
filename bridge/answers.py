"""Orders to a worker and its answers to them, on the supervisor's event loop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from typing import Any

ENDED = "the worker ended before it answered"


class Answers:
    """Numbers the orders of one worker after the other, since answers come in any order."""

    def __init__(self, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._awaited: dict[int, asyncio.Future[str | None]] = {}

    async def to(self, order: Mapping[str, Any], timeout_s: float) -> str | None:
        """What the worker says: an error in words, or None. Errors: TimeoutError."""
        number = next(self._numbers)
        answer = self._awaited[number] = asyncio.get_running_loop().create_future()
        self._send({**order, "id": number})
        try:
            return await asyncio.wait_for(answer, timeout_s)
        finally:
            self._awaited.pop(number, None)

    def take(self, number: int, error: str | None) -> None:
        """The worker has answered; perhaps nobody waits any more."""
        waiting = self._awaited.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(error)

    def give_up(self) -> None:
        """The worker has ended."""
        for number in list(self._awaited):
            self.take(number, ENDED)
