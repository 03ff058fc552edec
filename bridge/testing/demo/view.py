"""How the demo tells its story: above a live picture on a terminal, as plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from bridge.console.board import Board
from bridge.testing.demo.watch import Watch

EVENTS_SHOWN = 4
REFRESH_HZ = 4


class View(Protocol):
    def say(self, text: str, style: str = "") -> None:
        """One line of the story, with the time of day."""

    def show(self, line: str = "", style: str = "") -> None:
        """A line as it is."""

    def sample(self, event: str) -> None:
        """A whole event, where none is to be seen otherwise."""


class PlainView:
    """For pipes and files: nothing but lines."""

    def say(self, text: str, style: str = "") -> None:
        self.show(f"{time.strftime('%H:%M:%S')}  {text}", style)

    def show(self, line: str = "", style: str = "") -> None:
        del style
        print(line, flush=True)  # noqa: T201 -- the demo's output

    def sample(self, event: str) -> None:
        self.say(f"an event: {event}")


class Picture:
    """The daemon's board, the counts, the last events; as it is at the moment of drawing."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._board = Board()

    def __rich_console__(self, _console: Console, _options: ConsoleOptions) -> RenderResult:
        verdict, status = self._watch.health
        if verdict is None:
            return
        self._board.show(verdict, status)
        yield Text()
        yield self._board
        yield self._counts(self._watch)
        for topic, key, value in list(self._watch.committed.last)[-EVENTS_SHOWN:]:
            yield event_line(topic, key, value)

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

    def __init__(self, console: Console, live: Live, picture: Picture) -> None:
        self._console, self._live, self._picture = console, live, picture

    def say(self, text: str, style: str = "") -> None:
        self._console.print(Text.assemble((time.strftime("%H:%M:%S"), "dim"), "  ", (text, style)))

    def show(self, line: str = "", style: str = "") -> None:
        self._console.print(Text(line, style))

    def sample(self, event: str) -> None:
        """The picture shows events."""


@contextmanager
def shown(picture: Picture) -> Iterator[View]:
    """The view that fits standard output; a picture ends with the block."""
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal or not sys.stdout.isatty():
        yield PlainView()
        return
    with Live(picture, console=console, refresh_per_second=REFRESH_HZ, transient=True) as live:
        yield LiveView(console, live, picture)


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
