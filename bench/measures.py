"""A measure with its bounds, the table of them, and the same as JSON lines in bench/out/."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

OUT = Path(__file__).with_name("out")


@dataclass(frozen=True)
class Measure:
    """`must` and `aim` are bounds on the value, from above or, where `better` is "more", from below."""

    name: str
    value: float
    unit: str
    must: float | None = None
    aim: float | None = None
    better: str = "less"

    def within(self, bound: float) -> bool:
        return self.value >= bound if self.better == "more" else self.value <= bound

    @property
    def missed(self) -> bool:
        return self.must is not None and not self.within(self.must)

    @property
    def holds(self) -> str:
        """`NO`, `yes`, or `aim`, the best of them; empty for a figure without bounds."""
        if self.missed:
            return "NO"
        if self.aim is not None and self.within(self.aim):
            return "aim"
        return "" if self.must is None else "yes"

    def bound(self, bound: float | None) -> str:
        if bound is None:
            return ""
        return f"{'>=' if self.better == 'more' else '<='} {bound:g}"


def show(measures: Sequence[Measure]) -> None:
    """The table `measure | value | must | aim | holds`; as wide as it needs to be in a pipe."""
    table = Table("measure", "value", "must", "aim", "holds", box=box.MARKDOWN)
    for each in measures:
        value = f"{each.value:,.2f} {each.unit}"
        table.add_row(each.name, value, each.bound(each.must), each.bound(each.aim), each.holds)
    console = Console()
    console.print(table) if console.is_terminal else Console(width=160).print(table)


def keep(suite: str, measures: Iterable[Measure]) -> Path:
    """Append the measures to bench/out/SUITE.jsonl, one JSON document a line."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{suite}.jsonl"
    with path.open("a") as file:
        file.writelines(_lines(suite, measures))
    return path


def _lines(suite: str, measures: Iterable[Measure]) -> Iterator[str]:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    for each in measures:
        yield json.dumps({"suite": suite, "at": at, **asdict(each), "holds": each.holds}) + "\n"
