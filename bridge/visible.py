"""Names and texts of others as they may be printed: a source's names can hold what a terminal obeys. Pure."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text on one line, control characters and those that turn the direction of writing as escapes."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def visible_lines(text: str) -> str:
    """The same for a text whose lines are its own."""
    return "\n".join(map(visible, text.split("\n")))
