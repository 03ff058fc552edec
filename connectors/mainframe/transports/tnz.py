"""A session held in this process by tnz, where nothing but Python packages can be installed.

The host is heard only inside connect, screen and wait: a session left alone answers none of its questions.
"""

import time

from bridge.errors import ConfigError, TransientError
from connectors.mainframe import code_pages
from connectors.mainframe.screen import Screen
from connectors.mainframe.terminal import Endpoint
from connectors.mainframe.transports import cells, reach
from connectors.mainframe.transports.emulator import AIDS, Emulator, Unreadable
from connectors.mainframe.transports.wire import Alarm, Wire

_FIRST_SCREEN_S = 0.5
_HEARD_S = 1.0  # of a host that writes without a pause, in one call


class _Lost(TransientError):
    pass


class _Closed(_Lost):
    pass


class TnzTerminal:
    def __init__(self, endpoint: Endpoint) -> None:
        """Errors: ConfigError, of what can be told without the host."""
        if endpoint.code_page not in code_pages.NAMES:
            raise ConfigError(
                f"code_page: transport tnz does not know {endpoint.code_page}",
                remedy=f"use transport: s3270, or one of {', '.join(code_pages.NAMES)}",
            )
        self._endpoint = endpoint
        self._alarm: Alarm | None = None
        self._wire: Wire | None = None
        self._emulator = Emulator(endpoint)
        self._seen = self._read = 0
        self.lu: str | None = None

    def connect(self) -> None:
        self.close()
        self._alarm = alarm = Alarm()
        self._emulator = Emulator(self._endpoint)
        self._seen = self._read = 0
        try:
            self._wire = Wire(self._endpoint, alarm)
            self._negotiate(time.monotonic() + self._endpoint.connect_timeout)
        except OSError as error:
            self.close()
            raise reach.explained(self._endpoint, error) from None
        except BaseException:
            self.close()
            raise
        self.lu = self._emulator.lu or self._endpoint.lu

    def screen(self) -> Screen:
        lost = self._lost_after_all()
        tnz = self._emulator
        self._seen = self._read = tnz.records
        text = cells.decoded(bytes(tnz.plane_dc), tnz.graphics(), self._endpoint.code_page)
        among = cells.fields(tnz.attributes(), len(text))
        text = cells.blanked(text, among)
        return Screen(tnz.maxrow, tnz.maxcol, text, among, tnz.curadd, tnz.locked or lost)

    def _lost_after_all(self) -> bool:
        """Hear what there is. A session that is gone raises TransientError once its last words were read."""
        until = time.monotonic() + _HEARD_S
        try:
            while self._hear(0) and time.monotonic() < until:
                pass
        except _Lost:
            if self._read == self._emulator.records:
                raise
            return True
        return False

    def type(self, address: int, text: str) -> None:
        screen = self.screen()
        room = cells.check_entry(screen, address, text, self._endpoint.code_page)
        codes = code_pages.encoding(self._endpoint.code_page)
        written = bytes(codes[character] for character in text)
        self._emulator.put(address, written, room, screen.field_at(address))

    def press(self, key: str) -> None:
        if key == "attn":
            self._emulator.attn()
        elif key == "sysreq" and self._emulator.tn3270e:
            self._emulator.abort_output()
        elif self._emulator.locked:
            raise TransientError("the keyboard is locked: the host has not answered yet")
        elif key == "clear":
            self._emulator.clear()
        else:
            self._emulator.key_aid(AIDS[key])
        self._flush()

    def wait(self, seconds: float) -> bool:
        until, ends = time.monotonic() + seconds, 0.0
        while self._emulator.records == self._seen:
            now = time.monotonic()
            if now >= until:  # what has come is found, however late it is
                ends = ends or now + _HEARD_S
            if (ends and now > ends) or not self._hear(max(0.0, until - now)):
                return False
        self._seen = self._emulator.records
        return True

    def reset(self) -> None:
        self._emulator.unlock()

    def interrupt(self) -> None:
        alarm = self._alarm
        if alarm is not None:
            alarm.ring()

    def close(self) -> None:
        wire, self._wire = self._wire, None
        self.lu = None
        if wire is not None:
            wire.close()
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.close()

    def _negotiate(self, until: float) -> None:
        try:
            while not self._emulator.tn3270:
                if not self._hear(until - time.monotonic()) or time.monotonic() >= until:
                    raise reach.silent(self._endpoint)
            # The last answers, while the host is still asking; a first screen there need not be.
            while not self._emulator.records and self._hear(_FIRST_SCREEN_S):
                if time.monotonic() >= until:
                    break
        except Unreadable:
            raise TransientError(
                f"{self._endpoint.address} does not talk 3270", remedy="check host and port"
            ) from None
        except _Closed:
            # After a reject of the LU, or because it has no session for us.
            raise reach.refused(self._endpoint, self._emulator.rejected) from None

    def _hear(self, seconds: float) -> bool:
        """Whether the host sent something in time. Errors: TransientError, when the session is gone."""
        try:
            data = self._living().receive(seconds)
        except OSError as error:
            raise _Lost(f"{self._endpoint.address} is lost: {error.strerror or error}") from None
        if data is None:
            return False
        if not data:
            raise _Closed(f"{self._endpoint.address} closed the session")
        self._emulator.hear(data)
        self._flush()
        return True

    def _flush(self) -> None:
        data = self._emulator.said()
        try:
            if data:
                self._living().send(data)
        except OSError as error:
            raise _Lost(f"{self._endpoint.address} is lost: {error.strerror or error}") from None

    def _living(self) -> Wire:
        if self._wire is None:
            raise TransientError("the session is closed")
        return self._wire
