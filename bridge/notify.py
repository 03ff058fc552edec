"""systemd's notification protocol (sd_notify(3)): one datagram, no library."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


class Notifier:
    """Silent where no service manager listens."""

    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", None)
        usec, pid = os.environ.pop("WATCHDOG_USEC", None), os.environ.pop("WATCHDOG_PID", None)
        ours = pid is None or int(pid) == os.getpid()
        self.watchdog_s = int(usec) / 2_000_000 if usec and ours else None
        """How often the watchdog wants to hear from us: half its patience."""

    def say(self, **state: object) -> None:
        """As in `say(READY=1, STATUS="...")`."""
        if self._address is None:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        text = "\n".join(f"{name}={value}" for name, value in state.items())
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.sendto(text.encode(), address)
