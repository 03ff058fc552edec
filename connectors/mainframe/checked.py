"""What the maps make of a screen, told to those who write them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.mainframe import recognise
from connectors.mainframe.fitted import Row
from connectors.mainframe.maps import Maps, ScreenMap, Table
from connectors.mainframe.recognise import Page
from connectors.mainframe.screen import Screen

_NEAREST = 5


@dataclass(slots=True)
class Checked:
    """`lines`: what matched, what did not, and why; `sound`: one map knows the screen and reads all of it."""

    name: str | None
    lines: list[str] = field(default_factory=list)
    sound: bool = True


def check(maps: Maps, screen: Screen) -> Checked:
    found = recognise.identify(maps, screen)
    checked = Checked(found.name)
    error = recognise.host_error(maps, screen, found.name)
    if error:
        checked.lines.append(f"an error of the class {error.kind}: {error.text!r}")
    if found.name:
        _values(maps.screens[found.name], screen, checked)
        return checked
    checked.sound = error is not None
    checked.lines.append(found.told)
    if not found.also:
        checked.lines += _why_not(maps, screen)
    return checked


def _why_not(maps: Maps, screen: Screen) -> Iterator[str]:
    """The maps that come nearest, with what keeps each from it."""
    reasons = {name: recognise.why_not(each, screen) for name, each in maps.screens.items()}
    rules = {name: len(each.identify) for name, each in maps.screens.items()}
    for name in sorted(reasons, key=lambda name: len(reasons[name]) / rules[name])[:_NEAREST]:
        yield f"not {name}, {len(reasons[name])} of {rules[name]} rules fail:"
        yield from (f"  {reason}" for reason in reasons[name])
    if len(reasons) > _NEAREST:
        yield f"nor any of the other {len(reasons) - _NEAREST} maps"


def _values(screen_map: ScreenMap, screen: Screen, checked: Checked) -> None:
    row = recognise.record(screen_map, screen)
    checked.lines += _row(row)
    checked.sound = checked.sound and not row.problems
    table = screen_map.table
    if table is None:
        return
    page = recognise.page(screen_map, screen)
    rows = f"{len(page.rows)} row{'s' * (len(page.rows) != 1)}"
    checked.lines.append(f"a list of {rows}{_place(page, table)}")
    if table.page and page.number is None:
        checked.lines.append("  NOT READ the number of the page")
        checked.sound = False
    if page.ended and page.more:
        checked.lines.append(f"  NOT READ {recognise.CONTRADICTION}")
        checked.sound = False
    for each in page.rows:
        values = ", ".join(f"{name} {_told(value)}" for name, value in each.values.items())
        checked.lines.append(f"  row {each.line}: {values}")
        checked.lines += [f"    NOT READ {problem}" for problem in each.problems]
        checked.sound = checked.sound and not each.problems


def _place(page: Page, table: Table) -> str:
    """Of a page in its list."""
    number = f", page {page.number}" if page.number is not None else ""
    number += f" of {page.last}" if page.last is not None else ""
    first = {True: ", the first page", False: ", not the first page", None: ""}[page.first]
    ends = "the last page" if page.ended else "not the last page" if table.tells_its_end else "no end marker"
    more = {True: ", a further page exists", False: ", no sign of a further page", None: ""}[page.more]
    return f"{number}{first}, {ends}{more}"


def _row(row: Row) -> Iterator[str]:
    width = max(map(len, row.values), default=0)
    for name, value in row.values.items():
        yield f"{name:<{width}}  {_told(value)}"
    for problem in row.problems:
        yield f"NOT READ {problem}"


def _told(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return repr(value)
    return str(value)
