"""systemd's notification protocol (sd_notify(3)): one datagram, no library."""

from __future__ import annotations

import os
import socket

OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What a service manager tells the daemon alone: a worker that obeyed would speak in its name."""


class Notifier:
    """Silent where no service manager listens."""

    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", None)
        usec, pid = os.environ.pop("WATCHDOG_USEC", None), os.environ.pop("WATCHDOG_PID", None)
        ours = pid is None or int(pid) == os.getpid()
        self.watchdog_s = int(usec) / 2_000_000 if usec and ours else None
        """How often the watchdog wants to hear from us: half its patience."""
        self._unsaid: dict[str, object] = {}
        """What the service manager, busy with other things, has not taken yet."""
        self._status = ""
        self._next_beat = 0.0

    def say(self, **state: object) -> None:
        """As in `say(READY=1)`. Never waits: what is not taken now goes with what is said next."""
        self._unsaid |= state
        if self._address is None or not self._unsaid:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        text = "\n".join(f"{name}={value}" for name, value in self._unsaid.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            try:
                sender.sendto(text.encode(), socket.MSG_DONTWAIT, address)
            except BlockingIOError:
                return
            except OSError:  # nobody listens any more
                pass
        self._unsaid.clear()

    def keep_up(self, now: float, status: str) -> None:
        """To be called again and again: the watchdog hears from us in time, and of every other status."""
        if self.watchdog_s is not None and now >= self._next_beat:
            self._next_beat = now + self.watchdog_s
            self._unsaid["WATCHDOG"] = 1
        if status != self._status:
            self._status = status
            self._unsaid["STATUS"] = status
        self.say()
