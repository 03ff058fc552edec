"""What a field's text means: a compiled function for each field of a map. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal

from connectors.mainframe.code_pages import NONE
from connectors.mainframe.meanings import Value
from connectors.mainframe.shapes import TextPicture

type Content = str | int | Decimal | date | time | datetime | bool | None
type Reader = Callable[[str], Content]

BLANKS = " \u3000"
"""Single- and double-byte."""


def is_blank(content: object) -> bool:
    """Whether it is none, or none that can be seen: a key like that names no row."""
    return content is None or (isinstance(content, str) and not content.strip(BLANKS))


def reader(value: Value, trim: str) -> Reader:
    """The function that reads a field's cells. It raises ValueError with the reason; `trim`: if not given."""
    read = _reader(value, value.trim or trim)
    nulls = frozenset(text.strip(BLANKS) for text in value.null)
    if not nulls:
        return read

    def nullable(shown: str) -> Content:
        return None if shown.strip(BLANKS) in nulls else read(shown)

    return nullable


def _reader(value: Value, trim: str) -> Reader:
    if value.true is not None:
        return _boolean(value)
    compiled = value.compiled
    if compiled is not None and not isinstance(compiled, TextPicture):
        return compiled.parse
    trimmed = {"right": _right, "both": _both, "none": _none}[trim]
    fits = re.compile(value.pattern).fullmatch if value.pattern else None
    if compiled is None and fits is None:
        return trimmed

    def text(shown: str) -> Content:
        cut = trimmed(shown)
        if compiled is not None:
            compiled.parse(cut)
        if fits is not None and not fits(cut):
            raise ValueError(f"does not fit the pattern {value.pattern}")
        return cut

    return text


def _boolean(value: Value) -> Reader:
    meanings = dict.fromkeys(value.true or (), True) | dict.fromkeys(value.false or (), False)
    known = {text.strip(BLANKS): meaning for text, meaning in meanings.items()}

    def boolean(shown: str) -> Content:
        text = shown.strip(BLANKS)
        if text not in known:
            raise ValueError(f"is none of {', '.join(map(repr, meanings))}" if text else "is blank")
        return known[text]

    return boolean


def _right(shown: str) -> str:
    return _whole(shown) if NONE in shown else shown.rstrip(BLANKS)


def _both(shown: str) -> str:
    return _whole(shown) if NONE in shown else shown.strip(BLANKS)


def _none(shown: str) -> str:
    return _whole(shown) if NONE in shown else shown


def _whole(_: str) -> str:
    raise ValueError("has a cell that is no character of the code page")
