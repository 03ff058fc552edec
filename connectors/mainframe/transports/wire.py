"""A connection to the host whose every wait can be ended from another thread."""

import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Literal

from bridge.errors import TransientError
from connectors.mainframe.terminal import Endpoint
from connectors.mainframe.transports import tls

_PIECE = 1 << 16
_SEND_S = 30.0  # until the host must have taken what we send


class Interrupted(TransientError):
    def __init__(self) -> None:
        super().__init__("interrupted")


class Alarm:
    """Rings once for each interrupt: also for one that came before the wait."""

    def __init__(self) -> None:
        self._heard, self._rung = socket.socketpair()
        self._heard.setblocking(False)
        self._rung.setblocking(False)

    def ring(self) -> None:
        with suppress(OSError):  # closed, or rung already
            self._rung.send(b"!")

    def select(self, reading: int, writing: int, seconds: float) -> bool:
        """Whether one of the descriptors (-1: none) is ready in time. Errors: Interrupted."""
        waiting = select.poll()  # select.select takes no descriptor above 1023
        waiting.register(self._heard, select.POLLIN)
        for descriptor, event in ((reading, select.POLLIN), (writing, select.POLLOUT)):
            if descriptor >= 0:
                waiting.register(descriptor, event)
        ready = {descriptor for descriptor, _ in waiting.poll(max(0.0, seconds) * 1000)}
        if self._heard.fileno() in ready:
            self._heard.recv(_PIECE)
            raise Interrupted
        return bool(ready)

    def close(self) -> None:
        self._heard.close()
        self._rung.close()


class Wire:
    def __init__(self, endpoint: Endpoint, alarm: Alarm) -> None:
        """Connects, and agrees on TLS. Errors: OSError, Interrupted, ConfigError (TLS files)."""
        self._alarm = alarm
        until = time.monotonic() + endpoint.connect_timeout
        context = tls.context(endpoint.tls) if endpoint.tls else None
        self._socket = self._connected(endpoint, until)
        if context is None or endpoint.tls is None:
            return
        try:
            self._socket = self._secured(context, endpoint.tls.host_name or endpoint.host, until)
        except BaseException:
            self.close()
            raise

    def receive(self, seconds: float) -> bytes | None:
        """What the host sent next; b"" when it closed, None when the time is over. Errors: OSError."""
        self._alarm.select(-1, -1, 0)  # where there is always something to read, nobody would hear it
        try:
            return self._until(lambda: self._socket.recv(_PIECE), time.monotonic() + seconds)
        except TimeoutError:
            return None

    def send(self, data: bytes) -> None:
        """Errors: OSError."""
        until = time.monotonic() + _SEND_S
        rest = memoryview(data)
        while rest:
            rest = rest[self._until(partial(self._socket.send, rest), until, blocked="writing") :]

    def close(self) -> None:
        self._socket.close()

    def _connected(self, endpoint: Endpoint, until: float) -> socket.socket:
        failed: OSError = TimeoutError()
        for family, kind, protocol, _, address in socket.getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_STREAM
        ):
            attempt = socket.socket(family, kind, protocol)
            try:
                self._attempt(attempt, address, until)
                return attempt
            except OSError as error:
                attempt.close()
                failed = error
            except BaseException:
                attempt.close()
                raise
        raise failed

    def _attempt(self, attempt: socket.socket, address: object, until: float) -> None:
        attempt.setblocking(False)
        attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        code = attempt.connect_ex(address)  # type: ignore[arg-type]
        if code == errno.EINPROGRESS:
            if not self._alarm.select(-1, attempt.fileno(), until - time.monotonic()):
                raise TimeoutError
            code = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _secured(self, context: ssl.SSLContext, name: str, until: float) -> socket.socket:
        secured = context.wrap_socket(self._socket, server_hostname=name, do_handshake_on_connect=False)
        self._socket = secured
        try:
            self._until(secured.do_handshake, until)
        except ConnectionError:
            raise ssl.SSLEOFError from None
        return secured

    def _until[T](
        self, step: Callable[[], T], until: float, blocked: Literal["reading", "writing"] = "reading"
    ) -> T:
        """Calls the step again whenever the socket is ready for it. Errors: TimeoutError, Interrupted."""
        while True:
            wants = blocked
            try:
                return step()
            except ssl.SSLWantWriteError:
                wants = "writing"
            except ssl.SSLWantReadError:
                wants = "reading"
            except BlockingIOError:
                pass
            descriptor = self._socket.fileno()
            reading, writing = (descriptor, -1) if wants == "reading" else (-1, descriptor)
            if not self._alarm.select(reading, writing, until - time.monotonic()):
                raise TimeoutError
