"""How the demo tells its story: above a live picture on a terminal, as plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Protocol, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from bridge.console.board import Board
from bridge.testing.demo import mainframe, oracle, sap
from bridge.testing.demo.watch import Watch

EVENTS_SHOWN = 4
APART = (mainframe.TOPIC, oracle.TOPICS["ORDERS"], sap.CUSTOMERS)
"""Topics whose newest event is always shown."""
ELSEWHERE = frozenset({*APART, *oracle.TOPICS.values(), *sap.TOPICS})
REDRAW_S = 0.2


class View(Protocol):
    def say(self, text: str, style: str = "") -> None:
        """One line of the story, with the time of day."""

    def show(self, line: str = "", style: str = "") -> None:
        """A line as it is."""

    def sample(self, event: str) -> None:
        """A whole event, where none is to be seen otherwise."""

    def doing(self, what: str) -> None:
        """What everybody waits for, where that can be taken back when it is over; "" for nothing."""


class PlainView:
    """For pipes and files: nothing but lines."""

    def say(self, text: str, style: str = "") -> None:
        self.show(f"{time.strftime('%H:%M:%S')}  {text}", style)

    def show(self, line: str = "", style: str = "") -> None:
        del style
        print(line, flush=True)  # noqa: T201 -- the demo's output

    def sample(self, event: str) -> None:
        self.say(f"an event: {event}")

    def doing(self, what: str) -> None:
        """A line stays."""


class Picture:
    """The daemon's board, the counts, the last events; as it is at the moment of drawing."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._board = Board()
        self.doing = ""

    def __rich_console__(self, _console: Console, _options: ConsoleOptions) -> RenderResult:
        if self.doing:
            yield Text(f"          {self.doing} ...", "dim")
        verdict, status = self._watch.health
        if verdict is not None:
            self._board.show(verdict, status)
            yield Text()
            yield self._board
            yield self._counts(self._watch)
        newest = list(self._watch.committed.last)
        for topic, key, value in [each for each in newest if each[0] not in ELSEWHERE][-EVENTS_SHOWN:]:
            yield event_line(topic, key, value)
        for topic in APART:
            if one := self._watch.committed.samples.get(topic):
                yield event_line(topic, *one)

    @staticmethod
    def _counts(watch: Watch) -> Text:
        seen = watch.committed.total
        everything = max(watch.everything.total, seen)
        return Text.assemble(
            (f"{everything:,}", "bold"),
            " records in the topics, ",
            (f"{seen:,}", "bold green"),
            " committed for consumers, ",
            (f"{everything - seen:,}", "yellow"),
            " not",
            no_wrap=True,
            overflow="ellipsis",
        )


class LiveView:
    """For terminals: the story scrolls away above the picture."""

    def __init__(self, console: Console, picture: Picture) -> None:
        self._console, self._picture = console, picture
        self._live = Live(picture, console=console, auto_refresh=False, transient=True)
        # Rich's own refreshing thread may draw between the steps of a print, and then lines are lost.
        self._drawing, self._stop = Lock(), Event()
        self._thread = Thread(target=self._redraw, name="picture", daemon=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._live.stop()

    def _redraw(self) -> None:
        while not self._stop.wait(REDRAW_S):
            with self._drawing:
                self._live.refresh()

    def say(self, text: str, style: str = "") -> None:
        self._print(Text.assemble((time.strftime("%H:%M:%S"), "dim"), "  ", (text, style)))

    def show(self, line: str = "", style: str = "") -> None:
        self._print(Text(line, style))

    def _print(self, text: Text) -> None:
        with self._drawing:
            self._console.print(text)

    def sample(self, event: str) -> None:
        """The picture shows events."""

    def doing(self, what: str) -> None:
        self._picture.doing = what


@contextmanager
def shown(picture: Picture) -> Iterator[View]:
    """The view that fits standard output; a picture ends with the block."""
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal or not sys.stdout.isatty():
        yield PlainView()
        return
    with LiveView(console, picture) as view:
        yield view


def event_line(topic: str, key: bytes, value: bytes) -> Text:
    """One event on one line: its topic, its key, and the row in it."""
    _, _, after = value.decode(errors="replace").partition('"after":')
    row = after.partition(',"source":')[0] or value.decode(errors="replace")
    return Text.assemble(
        (f"{topic} ", "cyan"),
        (key.decode(errors="replace"), "bold"),
        f" {row}",
        no_wrap=True,
        overflow="ellipsis",
    )
