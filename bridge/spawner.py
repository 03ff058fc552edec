"""Starts worker processes, the first of them ahead of time. Light: it is loaded before anything else."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from bridge.notify import OURS

WORKER = (sys.executable, "-P", "-m", "bridge.entry")
"""-P: nothing is imported from the folder in which somebody started the daemon."""


class Spawned(NamedTuple):
    """A worker that waits to be told whose it is, and our end of its channel."""

    process: asyncio.subprocess.Process
    channel: socket.socket


class Spawner:
    """`command` is a worker's, without the number of its channel."""

    def __init__(self, command: Sequence[str] = WORKER) -> None:
        self._command = command
        self._ahead: Spawned | None = None

    async def start_ahead(self) -> None:
        """The first worker loads its modules while the daemon loads its own, and its configuration."""
        self._ahead = await self._start()

    async def spawn(self) -> Spawned:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.process.returncode is not None:  # it was never told whose it is
            ahead.channel.close()
            ahead = None
        return ahead or await self._start()

    async def close(self) -> None:
        """End a worker that turned out not to be needed; it has not been told anything yet."""
        if self._ahead is not None:
            with suppress(ProcessLookupError):  # it has ended by itself
                self._ahead.process.kill()
            await self._ahead.process.wait()
            self._ahead.channel.close()

    async def _start(self) -> Spawned:
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if name not in OURS},
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return Spawned(process, ours)
