"""The words on a captured screen, as drafts of maps see them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from connectors.mainframe.drafted import DECIDE
from connectors.mainframe.screen import Screen

ATTRIBUTE = "\x01"
"""In the cells of attributes: two fields with nothing else between them are not one text."""
_WORDS = re.compile(rf"[^\s{ATTRIBUTE}]+(?: [^\s{ATTRIBUTE}]+)*")
_NUMBER = re.compile(r"\(?[+-]?\$?\d[\d,. ]*[.,]\d+ ?(?:[+-]|CR|DB|\))?")
_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{2,4}")


class Run(NamedTuple):
    """Words with single blanks between them; rows and columns from 1."""

    row: int
    column: int
    text: str


def runs(screen: Screen) -> Iterator[Run]:
    """In their order on the screen."""
    cells = list(screen.text)
    for field in screen.fields:
        cells[field.start - 1] = ATTRIBUTE
    for row in range(screen.rows):
        line = "".join(cells[row * screen.columns : (row + 1) * screen.columns])
        for found in _WORDS.finditer(line):
            yield Run(row + 1, found.start() + 1, found[0])


def looks_like(values: Iterable[str]) -> str:
    """What is to decide about values that look like more than text."""
    shown = [value for value in values if value]
    if shown and all(map(_DATE.fullmatch, shown)):
        return f"{DECIDE}{shown[0]!r} looks like a date; date: ..., and a window?"
    if shown and all(map(_NUMBER.fullmatch, shown)):
        return f"{DECIDE}{shown[0]!r} looks like a number; a picture?"
    return ""
