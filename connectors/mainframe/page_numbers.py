"""The number of a page: where a list shows it, and what it is there. The part of a map for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from pydantic import Field, field_validator, model_validator

from connectors.mainframe.meanings import Column, Expression, MapModel, Row
from connectors.mainframe.screen import FILLER


class PageRule(MapModel):
    """Where a list shows the number of its page, and that of its last one, if it does."""

    row: Row = Field(description="the line it is in, none of the rows")
    column: Column | None = Field(default=None, description="where in the line it begins; default: anywhere")
    text: str | None = Field(
        default=None,
        min_length=1,
        description="a text in which the word N stands for the number, and M for the last page's, as"
        " `PAGE N OF M`; a blank stands for any number of them",
    )
    pattern: Expression | None = Field(
        default=None,
        description="a regular expression instead of a text: its first group is the number, a second one the"
        " last page's, as `PAGE +(\\d+)/(\\d+)`",
    )

    @field_validator("text")
    @classmethod
    def _has_a_number(cls, text: str | None) -> str | None:
        if text is not None and (len(_words("N", text)), len(_words("M", text))) not in ((1, 0), (1, 1)):
            raise ValueError("needs the word N once, and M at most once: `PAGE N OF M`")
        return text

    @field_validator("pattern")
    @classmethod
    def _has_groups(cls, pattern: str | None) -> str | None:
        if pattern is not None and re.compile(pattern).groups not in (1, 2):
            raise ValueError(r"needs one group, for the page's number, or two: `PAGE +(\d+) OF +(\d+)`")
        return pattern

    @model_validator(mode="after")
    def _whole(self) -> PageRule:
        if (self.text is None) == (self.pattern is None):
            raise ValueError("needs either `text` or `pattern`")
        return self

    @property
    def tells_the_last(self) -> bool:
        return _compiled(self.text, self.pattern).groups > 1

    def find(self, line: str) -> tuple[int, int | None] | None:
        """The page's number in a line, and the last page's, if it shows; None when it is not there."""
        found = self._found(line)
        if found is None:
            return None
        numbers = found[0].groupdict() or dict(zip("NM", found[0].groups(), strict=False))
        number, last = (_read(numbers.get(name)) for name in "NM")
        return None if number is None else (number, last)

    def place(self, line: str) -> tuple[int, int] | None:
        """Where the number begins and ends in a line, from 0."""
        found = self._found(line)
        if found is None:
            return None
        match, cells = found
        start, end = match.span("N" if match.groupdict() else 1)
        return (cells[start], cells[end - 1] + 1) if start < end else None

    def _found(self, line: str) -> tuple[re.Match[str], Sequence[int]] | None:
        """In the line without fillers, and the cell of each of its characters."""
        expression, start = _compiled(self.text, self.pattern), (self.column or 1) - 1
        cells = [at for at in range(start, len(line)) if line[at] != FILLER] if FILLER in line else None
        text = "".join(map(line.__getitem__, cells)) if cells is not None else line[start:]
        found = expression.search(text) if self.column is None else expression.match(text)
        return (found, cells or range(start, len(line))) if found else None


def _read(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdecimal() else None


def _words(word: str, text: str) -> list[str]:
    return re.findall(rf"\b{word}\b", text)


@lru_cache(maxsize=256)
def _compiled(text: str | None, pattern: str | None) -> re.Pattern[str]:
    """The groups N and M of a text, or the first and second one of a pattern."""
    if text is None:
        return re.compile(pattern or "")
    blanks = re.sub(r"(\\ )+", " +", re.escape(text))
    numbers = re.sub(r"\b([NM])\b", r"(?P<\1>\\d+)", blanks)
    # Numbers alone are not those in a date, a time or a name.
    alone = not re.search(r"[^\W\dNM]", text)
    return re.compile(rf"(?<![\w./:-]){numbers}(?!\w|[./:-]\w)" if alone else numbers)
