"""What a screen shows, and what it must show to be recognised. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cached_property, lru_cache

from connectors.mainframe.maps import Rule
from connectors.mainframe.screen import FILLER, Field, Screen, spelled

_LONGEST_QUOTE = 60


class View:
    """A screen, cut up once for all that looks at it."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.text = screen.text
        self.wide = FILLER in screen.text

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Without fillers: as they are read, not as columns count."""
        return (
            tuple(line.replace(FILLER, "") for line in self.screen.lines) if self.wide else self.screen.lines
        )

    @cached_property
    def attributes(self) -> bytes:
        """1 for each cell that holds an attribute."""
        cells = bytearray(len(self.text))
        for field in self.screen.fields:
            cells[field.start - 1] = 1
        return bytes(cells)

    @cached_property
    def starts(self) -> list[int]:
        return [field.start for field in self.screen.fields]

    @cached_property
    def shown_fields(self) -> list[Field]:
        """Those that have cells."""
        return [field for field in self.screen.fields if field.length]

    def cut(self, start: int, end: int) -> str:
        """The text of these cells, which may go on at the top of the screen, as a value has it."""
        text = (
            self.text[start:end]
            if end <= len(self.text)
            else self.text[start:] + self.text[: end - len(self.text)]
        )
        return spelled(text) if self.wide else text


def line_of(rule: Rule, view: View, apart_from: Collection[int] = ()) -> int | None:
    """The line (from 1) where the text or pattern of a rule is; whether it is `absent` does not matter.

    `apart_from`: lines in which it does not count.
    """
    rows: Iterable[int] = range(1, view.screen.rows + 1)
    if rule.row is not None:
        if rule.row > view.screen.rows:
            return None
        rows = (rule.row,)
    if apart_from:
        rows = [row for row in rows if row not in apart_from]
    if rule.text is not None and rule.column is None:
        return next((row for row in rows if rule.text in view.lines[row - 1]), None)
    return next((row for row in rows if _is_in(rule, view, row)), None)


def _is_in(rule: Rule, view: View, row: int) -> bool:
    line = view.lines[row - 1]
    if rule.column is not None:
        line = view.screen.row(row)[rule.column - 1 :].replace(FILLER, "")
    if rule.text is not None:
        return line.startswith(rule.text)
    pattern = _compiled(rule.pattern or "")
    line = line.rstrip(" ")
    return bool(pattern.search(line) if rule.column is None else pattern.match(line))


def told_by(rule: Rule, view: View) -> str | None:
    """What a rule has found: the text of its pattern where that may vary, else the field it is in."""
    row = line_of(rule, view)
    if row is None:
        return None
    line, start = view.screen.row(row), (rule.column or 1) - 1
    pattern = _compiled(re.escape(rule.text) if rule.text else rule.pattern or "")
    found = pattern.search(line[start:].replace(FILLER, "").rstrip(" "))
    if found is None or (rule.pattern and found[0] not in rule.pattern):
        return found[0] if found else line
    address = (row - 1) * view.screen.columns + start + found.start()
    field = view.screen.field_at(address)
    return (view.cut(field.start, field.start + field.length) if field else line).strip()


def beside(rule: Rule, view: View, row: int) -> str | None:
    """What a line has beside the text or pattern of a rule; None where it is not in the line."""
    if rule.row not in (None, row):
        return None
    cells, start = view.screen.row(row), (rule.column or 1) - 1
    line = cells[start:].replace(FILLER, "").rstrip(" ")
    pattern = _compiled(re.escape(rule.text) if rule.text else rule.pattern or "")
    found = pattern.search(line) if rule.column is None else pattern.match(line)
    return cells[:start] + line[: found.start()] + line[found.end() :] if found else None


_compiled = lru_cache(maxsize=1024)(re.compile)


def holds(rule: Rule, view: View, apart_from: Collection[int] = ()) -> bool:
    """`apart_from`: lines in which it does not count; what must be absent must not be in them either."""
    return (line_of(rule, view, () if rule.absent else apart_from) is None) == rule.absent


def told(rule: Rule, view: View) -> str:
    """What a rule that does not hold asks for, and what is there instead."""
    wanted = repr(rule.text) if rule.text is not None else f"the pattern {rule.pattern}"
    if rule.row is None:
        line = line_of(rule, view)
        return f"{wanted} must not be there, and is in row {line}" if rule.absent else f"{wanted} is nowhere"
    place = f"row {rule.row}" + (f" column {rule.column}" if rule.column else "")
    if rule.absent:
        return f"{place}: {wanted} must not be there"
    if rule.row > view.screen.rows:
        return f"{place}: the screen has {view.screen.rows} rows"
    there = view.screen.row(rule.row)[(rule.column or 1) - 1 :].replace(FILLER, "")
    if rule.text is not None and rule.column is not None:
        there = there[: len(rule.text)]
    there = there.strip(" ")[:_LONGEST_QUOTE]
    return f"{place}: not {wanted}, but {repr(there) if there else 'blank'}"
