"""A walk through the host as it is configured, for its screens: `capture` saves them, `show --live` draws."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from threading import Event
from typing import Literal, override

from bridge.contract import Ask
from bridge.errors import BridgeError, ConfigError
from connectors.mainframe import readings, recognise, transports
from connectors.mainframe.config import InquiryStream, MainframeConfig
from connectors.mainframe.errors import Trouble, translated
from connectors.mainframe.inquiry import InquiryPages
from connectors.mainframe.lists import ListPages
from connectors.mainframe.maps import Maps
from connectors.mainframe.readings import InquiryReading, Reading
from connectors.mainframe.scans import Piece
from connectors.mainframe.screen import Screen, without_words
from connectors.mainframe.sessions import Pool, Session, Shared
from connectors.mainframe.terminal import Endpoint, Terminal
from connectors.mainframe.topic_keys import KeysIn
from connectors.mainframe.walk import ANY

type Seen = Callable[[Screen], None]


class Watched:
    """A terminal whose screens are seen before each key, and at its end."""

    def __init__(self, terminal: Terminal, seen: Seen) -> None:
        self._terminal, self._seen = terminal, seen
        self._noted = self._open = False
        self.lu: str | None = None

    def connect(self) -> None:
        self._terminal.connect()
        self.lu = self._terminal.lu
        self._open = True

    def screen(self) -> Screen:
        return self._terminal.screen()

    def type(self, address: int, text: str) -> None:
        self._note()
        self._terminal.type(address, text)

    def press(self, key: str) -> None:
        self._note()
        self._noted = False
        self._terminal.press(key)

    def wait(self, seconds: float) -> bool:
        return self._terminal.wait(seconds)

    def reset(self) -> None:
        self._terminal.reset()

    def interrupt(self) -> None:
        self._terminal.interrupt()

    def close(self) -> None:
        if self._open:
            self._open = False
            with suppress(BridgeError):
                self._note()
        self._terminal.close()

    def _note(self) -> None:
        """As the host painted it: what is typed afterwards is ours."""
        if not self._noted:
            self._noted = True
            self._seen(self._terminal.screen())


def walk(
    config: MainframeConfig,
    maps: Maps,
    streams: Iterable[str],
    pages: int,
    seen: Seen,
    keys_in: KeysIn | None = None,
) -> None:
    """Logs on, goes through the streams (so many pages of a list, a key of an inquiry), and logs off.

    What cannot be read yet, for want of a map, is gone to as far as its steps lead. `seen` gets each screen
    without what is hidden and without secrets. Errors: of the bridge.
    """
    shared = Shared(config, maps, lambda _: "", Event())

    secrets = shared.texts().secrets

    def told(screen: Screen) -> None:
        bare = recognise.bare(maps, screen)
        seen(replace(bare, text=without_words(bare.text, secrets)))

    def watched(transport: Literal["s3270", "tnz"], endpoint: Endpoint) -> Terminal:
        return Watched(transports.terminal(transport, endpoint), told)

    shared.terminals = watched
    pool = Pool(config, shared)
    doing = f"log-on at {config.address}"
    try:
        session = pool.main
        session.walk.await_screen((ANY,), doing, rest=config.settle)
        known, problem = _readings(config, maps)
        for name in streams:
            doing = f"stream {name}"
            if reading := known.get(name):
                _read(reading, pool, pages, keys_in)
            else:
                _go(config, name, session)
        if problem:
            raise problem
    except Trouble as trouble:
        raise translated(trouble, doing, lambda _: "") from None
    finally:
        pool.close()


def _readings(config: MainframeConfig, maps: Maps) -> tuple[dict[str, Reading], ConfigError | None]:
    try:
        return dict(readings.readings(config, maps)), None
    except ConfigError as error:
        return {}, error


def _read(reading: Reading, pool: Pool, pages: int, keys_in: KeysIn | None) -> None:
    if isinstance(reading, InquiryReading):
        asked = InquiryPages(_one_key(reading, pool), pool, keys_in=keys_in)
        asked.turn(Ask(rows=1), time.monotonic())
        return
    turned = _OneDetail(reading, pool.main, None)
    for _ in range(pages):
        if turned.turn(Ask(rows=1), time.monotonic()).last:
            return


def _one_key(reading: InquiryReading, pool: Pool) -> InquiryReading:
    """Keys from a list: its first is enough."""
    if reading.keys is None:
        return reading
    page = _OneDetail(reading.keys, pool.main, None, reading.options.key)
    page.turn(Ask(rows=1), time.monotonic())
    keys = tuple(page.texts.values())[:1]
    return replace(reading, keys=None, options=reading.options.model_copy(update={"keys": keys}))


class _OneDetail(ListPages):
    """A list, with the screen behind its first row alone."""

    _one = False

    @override
    def _leave_unchanged(self, piece: Piece, ask: Ask) -> None:
        first = next(iter(self._fresh), None)
        self._fresh = {} if self._one or first is None else {first: self._fresh[first]}
        self._one = self._one or first is not None


def _go(config: MainframeConfig, name: str, session: Session) -> None:
    """The steps alone."""
    session.go_home()
    options, walk = config.streams[name], session.walk
    walk.perform(options.goto, "on the way")
    if isinstance(options, InquiryStream) and isinstance(options.keys, tuple) and options.keys:
        key = {part: str(value) for part, value in options.keys[0].items()}
        walk.perform(options.steps, "its steps", walk.texts.with_key(key))
