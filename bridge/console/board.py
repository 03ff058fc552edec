"""The live table of `health --watch`, and of whoever else wants to show a daemon at work."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bridge.health import Level, Status, Verdict, span
from bridge.visible import visible

STYLES = {
    Level.OK: "green",
    Level.WARNING: "yellow",
    Level.CRITICAL: "bold red",
    Level.UNKNOWN: "magenta",
}
type Columns = Sequence[tuple[str, str]]

COLUMNS: Columns = (
    ("stream", "left"),
    ("state", "left"),
    ("for", "right"),
    ("lag", "right"),
    ("events", "right"),
    ("events/s", "right"),
    ("dead letters", "right"),
    ("caveats", "left"),
)
WRAPPED = ("stream", "caveats")
FEWER = {70: 4, 110: 7}
"""On a terminal of fewer characters there are only so many columns."""
RATE_WINDOW_S = 3.0

type Look = Callable[[], tuple[Verdict, Mapping[str, Any]]]


class Board:
    """One daemon's status as a table; `show` gives it the next document."""

    def __init__(self) -> None:
        self._verdict: Verdict | None = None
        self._status: Status = {}
        self._rates: dict[str, Rate] = {}

    def show(self, verdict: Verdict, status: Status) -> None:
        self._verdict, self._status = verdict, status
        now = time.monotonic()
        for name, stream in _streams(status):
            self._rates.setdefault(name, Rate()).saw(now, stream["events"])

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self._verdict is None:
            yield Text("asking the daemon ...", style="dim")
        else:
            fitting = (count for width, count in FEWER.items() if options.max_width < width)
            yield from self._parts(self._verdict, COLUMNS[: next(fitting, None)])

    def _parts(self, verdict: Verdict, columns: Columns) -> Iterator[RenderableType]:
        level = (verdict.level.upper(), STYLES[verdict.level])
        daemon = self._status.get("daemon")
        if daemon is None:
            yield Text.assemble(level, f" {verdict.summary}")
            return
        about = f"legacy-bridge {daemon['version']}, up {span(daemon['uptime_s'])}, pid {daemon['pid']}"
        yield Text.assemble((daemon["name"], "bold"), f"  {about}  ", level)
        yield self._table(columns)
        for reason in verdict.reasons:
            yield Text.assemble((f"{reason.level.upper()} ", STYLES[reason.level]), str(reason))

    def _table(self, columns: Columns) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for title, side in columns:
            table.add_column(
                title, justify="left" if side == "left" else "right", no_wrap=title not in WRAPPED
            )
        for name, connector in self._status["connectors"].items():
            table.add_row(Text(f"{name} ({connector['kind']})", style="bold"), *_state(connector))
            for stream, each in connector["streams"].items():
                cells = (
                    Text(f"  {visible(stream)}{_again(each)}"),
                    *_state(each),
                    *self._figures(f"{name}/{stream}", each),
                )
                table.add_row(*cells[: len(columns)])
        return table

    def _figures(self, name: str, stream: Status) -> tuple[RenderableType, ...]:
        lag, rejects = stream["lag_s"], stream["rejects"]
        return (
            "-" if lag is None else span(lag),
            f"{stream['events']:,}",
            f"{self._rates[name].per_s:,.0f}",
            Text(f"{rejects:,}", style="yellow" if rejects else ""),
            Text(", ".join(stream.get("caveats", ())).replace("_", " "), style="dim"),
        )


class Rate:
    """A counter's growth a second over the last few seconds."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, int]] = []

    def saw(self, at: float, count: int) -> None:
        """The counter stood at `count` at `at` (monotonic seconds)."""
        recent = [each for each in self._seen if each[0] > at - RATE_WINDOW_S and each[1] <= count]
        self._seen = [*recent, (at, count)]

    @property
    def per_s(self) -> float:
        if len(self._seen) < 2:  # noqa: PLR2004 (a difference needs two)
            return 0.0
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began)


def _again(stream: Status) -> str:
    """The resnapshot under way."""
    again = stream.get("resnapshot")
    return f"\n    resnapshot: {again['rows']:,} rows since {again['at']}" if again else ""


def _state(item: Status) -> tuple[RenderableType, str]:
    return Text(item["state"], style=STYLES[Level(item["health"])]), span(item["state_s"])


def _streams(status: Status) -> Iterator[tuple[str, Status]]:
    for name, connector in status.get("connectors", {}).items():
        for stream, each in connector["streams"].items():
            yield f"{name}/{stream}", each


def live(look: Look, interval_s: float) -> None:
    """Show the board on the terminal until KeyboardInterrupt."""
    board = Board()
    with Live(board, console=Console(file=sys.stdout), auto_refresh=False, screen=False) as view:
        while True:
            board.show(*look())
            view.update(board, refresh=True)
            time.sleep(interval_s)
