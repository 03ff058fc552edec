"""PICTURE strings: how many characters, digits and decimals an item has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

MOST_DIGITS = 38
"""COBOL allows 18, 31 with ARITH(EXTEND); Arrow's decimal128 ends here."""
_ALLOWED = "XASVP9ZB0/,.+-*$NG"
_EDITING = frozenset("ZB0/,.+-*$")
_RUN = re.compile(r"(CR|DB|[A-Z0-9*+,./$-])(?:\((\d+)\))?")


class Kind(Enum):
    TEXT = "text"
    NATIONAL = "national"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Picture:
    """`length` counts characters (of DISPLAY, without a separate sign); edited numbers are TEXT.

    A number is its `digits` divided by 10 ** `scale`, which is negative where P stands on the right.
    """

    kind: Kind
    length: int
    digits: int = 0
    scale: int = 0
    signed: bool = False


def parse(text: str) -> Picture:
    """Errors: ValueError, with what is wrong."""
    symbols = _expanded(text.upper())
    marks = set(symbols)
    if marks <= set("NB") and "N" in marks:
        return Picture(Kind.NATIONAL, len(symbols))
    if "G" in marks or "N" in marks:
        raise ValueError("double-byte characters (G) are not supported")
    if marks & {"X", "A"}:
        if marks <= set("XA9B0/"):
            return Picture(Kind.TEXT, len(symbols))
        raise ValueError("mixes characters and numbers")
    if marks & (_EDITING | {"CR", "DB"}):
        return Picture(Kind.TEXT, sum(len(each) for each in symbols if each not in ("V", "P")))
    return _number(symbols)


def _expanded(text: str) -> list[str]:
    symbols: list[str] = []
    at = 0
    for match in _RUN.finditer(text):
        if match.start() != at or match[1][0] not in _ALLOWED + "CD":
            break
        at = match.end()
        symbols += [match[1]] * int(match[2] or 1)
    if at != len(text) or not symbols:
        raise ValueError(f"{text[at : at + 10] or 'nothing'} does not belong into a picture")
    return symbols


def _number(symbols: list[str]) -> Picture:
    shape = "".join(mark for mark, _ in groupby(symbols))
    if not re.fullmatch(r"S?(9V?9?|V9|9P?V?|V?P9|P?V9)", shape):
        raise ValueError("is no number: S comes first, V is there once, P at one end")
    digits = symbols.count("9")
    scaling = symbols.count("P")
    if digits > MOST_DIGITS or digits + scaling > MOST_DIGITS:
        raise ValueError(f"has more than {MOST_DIGITS} digits")
    if scaling:
        right = shape.lstrip("S").startswith("9")
        scale = -scaling if right else digits + scaling
    else:
        scale = len(symbols) - symbols.index("V") - 1 if "V" in symbols else 0
    return Picture(Kind.NUMBER, digits, digits, scale, "S" in symbols)
