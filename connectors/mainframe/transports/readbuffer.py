"""What s3270 prints: the buffer's codes and attributes, and its status line (pure)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from bridge.errors import TransientError
from connectors.mainframe import code_pages
from connectors.mainframe.screen import FILLER, Screen
from connectors.mainframe.transports import cells

_SPECIAL = re.compile(r"(SF|SA|GE)\(([^)]*)\)")
_ATTRIBUTE = re.compile(r"c0=([0-9a-f]{2})")
_STATUS_WORDS = 12
_RIGHT_HALF = "-"


@dataclass(frozen=True, slots=True)
class Status:
    locked: bool
    connected: bool
    rows: int
    columns: int
    cursor: int


def status(line: str) -> Status:
    """Of the line before each `ok`. Errors: TransientError, when it is none."""
    words = line.split()
    try:
        rows, columns, row, column = map(int, words[-6:-2])
    except ValueError:
        raise TransientError("s3270 answered something that is no status line") from None
    # The third word, the host's name, may hold anything: count from both ends.
    return Status(words[0] != "U", words[3] != "N", rows, columns, row * columns + column)


@dataclass(frozen=True, slots=True)
class Buffer:
    codes: bytes
    attributes: list[tuple[int, int]]  # address, value
    graphics: list[int]  # addresses of cells of the graphic escape's set


def codes(lines: Sequence[str]) -> Buffer:
    """The answer to ReadBuffer(Ebcdic), a line a row."""
    pieces = _SPECIAL.split(" ".join(lines))
    found = bytearray.fromhex(pieces[0])
    attributes: list[tuple[int, int]] = []
    graphics: list[int] = []
    for kind, inside, after in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        if kind == "SF":
            attributes.append((len(found), _attribute(inside)))
            found.append(0)
        elif kind == "GE":
            graphics.append(len(found))
            found += bytes.fromhex(inside)
        found += bytes.fromhex(after)  # behind SA, a colour or the like, too
    return Buffer(bytes(found), attributes, graphics)


@lru_cache
def _attribute(inside: str) -> int:
    value = _ATTRIBUTE.search(inside)
    return int(value[1], 16) if value else 0


def characters(lines: Sequence[str], buffer: Buffer) -> str:
    """The answer to ReadBuffer(Ascii), as text: UTF-8 a cell, of code pages that only s3270 knows.

    s3270 repeats the cell before for codes that show nothing, so the codes say which ones those are.
    """
    words = [word for word in " ".join(lines).split() if not word.startswith("SA(")]
    if len(words) != len(buffer.codes):
        raise TransientError("s3270 answered a buffer of another size")
    return "".join(_character(word, code) for word, code in zip(words, buffer.codes, strict=True))


def _character(word: str, code: int) -> str:
    if word == _RIGHT_HALF:
        return FILLER
    if code < code_pages.FIRST or code == code_pages.LAST:
        return cells.SHOWN.get(code, " ")
    return bytes.fromhex(word).decode()


def screen(at: Status, buffer: Buffer, text: str) -> Screen:
    if len(text) != at.rows * at.columns:
        raise TransientError(f"s3270 answered {len(text)} cells of a screen of {at.rows} x {at.columns}")
    among = cells.fields(tuple(buffer.attributes), len(text))
    return Screen(at.rows, at.columns, cells.blanked(text, among), among, at.cursor, at.locked)
