r"""A screen as a text file, and back: what `capture` writes, what is kept for the operator after trouble.

The file is for people first: the lines under a ruler, then the fields. Nothing hidden is in it. A cell that
would not show as one character is an escape: `\\` a backslash, `\{e9}` by its code, `\_` the second cell of a
double-byte character that terminals draw narrow, `\1` a wide character in a single cell.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from unicodedata import east_asian_width

from bridge.errors import ConfigError
from connectors.mainframe.screen import FILLER, Field, Screen
from connectors.mainframe.transports import cells

VERSION = 1
HEAD = "legacy-bridge screen "
MOST_CELLS = 16_384
"""A screen's addresses have 14 bits."""
_LINES = re.compile(
    r"""\s*(?:(?P<comment>\#.*)?
    |size\ (?P<rows>\d+)x(?P<columns>\d+)
    |cursor\ (?P<row>\d+),(?P<column>\d+)
    |keyboard\ (?P<keyboard>locked|unlocked)
    |(?P<number>\d+)\ \|(?P<text>.*)\|
    |field\ (?P<at>\d+,\d+)\ length\ (?P<length>\d+)(?P<attributes>(?:\ \w+)*)
    )\s*""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:\\|_|1|\{(?P<code>(?:10|[0-9a-f])?[0-9a-f]{1,4})\})")
ATTRIBUTES = ("protected", "numeric", "hidden", "intensified", "modified")


def written(screen: Screen, notes: Iterable[str] = ()) -> str:
    """The screen as text; the notes stand above it as comments."""
    return "\n".join(_lines(screen, notes)) + "\n"


def save(path: Path, screen: Screen, notes: Iterable[str] = ()) -> None:
    """Writes the file anew, for its owner alone: there may be customers on the screen. Errors: OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - of a descriptor
        file.write(written(screen, notes))


def load(path: Path) -> Screen:
    """Errors: ConfigError with file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: no captured screen: it is not text", remedy=_CAPTURE) from error
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the file: {error.strerror}", remedy="check the name"
        ) from error
    return read(text, str(path))


def read(text: str, name: str = "screen") -> Screen:
    """The screen that `written` gave this text. Errors: ConfigError with `name` and line."""
    head, *lines = text.split("\n")
    number = head.strip().removeprefix(HEAD)
    if not head.startswith(HEAD) or not number.isdecimal():
        raise ConfigError(f"{name}:1: no captured screen", remedy=_CAPTURE)
    if int(number) != VERSION:
        raise ConfigError(
            f"{name}:1: a captured screen of version {number}, this program reads {VERSION}",
            remedy="use the program that wrote it",
        )
    reading = _Reading(name)
    for at, line in enumerate(lines, 2):
        reading.take(at, line)
    return reading.screen()


_CAPTURE = "`legacy-bridge mainframe capture` makes one"


def _lines(screen: Screen, notes: Iterable[str]) -> Iterator[str]:
    yield f"{HEAD}{VERSION}"
    for note in notes:
        yield f"# {' '.join(note.split())}"
    yield f"size {screen.rows}x{screen.columns}"
    yield f"cursor {_place(screen.cursor, screen.columns)}"
    yield f"keyboard {'locked' if screen.locked else 'unlocked'}"
    yield "#    " + "".join("----+----" + str(ten % 10) for ten in range(1, 15))[: screen.columns]
    # Once more without what is hidden: a file is the last place for a password.
    told = replace(screen, text=cells.blanked(screen.text, screen.fields))
    for number, line in enumerate(told.lines, 1):
        yield f"{number:>3} |{_escaped(line)}|"
    for field in screen.fields:
        attributes = "".join(f" {name}" for name in ATTRIBUTES if getattr(field, name))
        yield f"field {_place(field.start, screen.columns)} length {field.length}{attributes}"


def _place(address: int, columns: int) -> str:
    row, column = divmod(address, columns)
    return f"{row + 1},{column + 1}"


def _escaped(line: str) -> str:
    parts: list[str] = []
    for at, cell in enumerate(line):
        if cell == FILLER:
            parts.append("" if at and _wide(line[at - 1]) else "\\_")
        elif cell == "\\":
            parts.append("\\\\")
        else:
            parts.append(cell if cell.isprintable() else f"\\{{{ord(cell):x}}}")
        if _wide(cell) and line[at + 1 : at + 2] != FILLER:
            parts.append("\\1")
    return "".join(parts)


def _wide(cell: str) -> bool:
    return east_asian_width(cell) in "WF" and cell.isprintable()


def _cells(text: str) -> str:
    """What `_escaped` was given. Errors: ValueError for a backslash that begins no escape."""
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "\\":
            escape = _ESCAPE.match(text, at)
            if escape is None:
                raise ValueError(text[at : at + 2])
            at = escape.end()
            found.append(_meant(escape))
            continue
        found.append(text[at])
        at += 1
        if _wide(found[-1]):
            narrow = text.startswith("\\1", at)
            found += [] if narrow else [FILLER]
            at += 2 * narrow
    return "".join(found)


def _meant(escape: re.Match[str]) -> str:
    if escape["code"]:
        return chr(int(escape["code"], 16))
    return {"\\\\": "\\", "\\_": FILLER}.get(escape[0], "")


class _Reading:
    """A captured screen, line by line. Errors: ConfigError with file and line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.at = 1
        self.size: tuple[int, int] | None = None
        self.cursor = 0
        self.locked = False
        self.rows: list[str] = []
        self.fields: list[Field] = []

    def take(self, at: int, line: str) -> None:
        self.at = at
        found = _LINES.fullmatch(line.removesuffix("\r"))
        if found is None:
            raise self.wrong(f"not understood: {line.strip()!r}")
        if found["rows"]:
            self.size = self.sized(int(found["rows"]), int(found["columns"]))
        elif found["row"]:
            self.cursor = self.address(f"{found['row']},{found['column']}")
        elif found["keyboard"]:
            self.locked = found["keyboard"] == "locked"
        elif found["number"]:
            self.rows.append(self.row(int(found["number"]), found["text"]))
        elif found["at"]:
            self.fields.append(self.field(found))

    def screen(self) -> Screen:
        rows, columns = self.known_size()
        if len(self.rows) != rows:
            raise self.wrong(f"the screen has {rows} lines, here are {len(self.rows)}")
        return Screen(rows, columns, "".join(self.rows), tuple(self.fields), self.cursor, self.locked)

    def sized(self, rows: int, columns: int) -> tuple[int, int]:
        if not 0 < rows * columns <= MOST_CELLS:
            raise self.wrong(f"{rows}x{columns} is no size of a screen")
        return rows, columns

    def known_size(self) -> tuple[int, int]:
        if self.size is None:
            raise self.wrong("the line with the size is missing")
        return self.size

    def address(self, place: str) -> int:
        rows, columns = self.known_size()
        row, column = map(int, place.split(","))
        if not (0 < row <= rows and 0 < column <= columns):
            raise self.wrong(f"{place} is not on a screen of {rows}x{columns}")
        return (row - 1) * columns + column - 1

    def row(self, number: int, text: str) -> str:
        _, columns = self.known_size()
        if number != len(self.rows) + 1:
            raise self.wrong(f"line {number} of the screen, where {len(self.rows) + 1} is expected")
        try:
            line = _cells(text)
        except ValueError as error:
            raise self.wrong(f"{str(error)!r} is no escape; a backslash is written twice") from error
        if len(line) != columns:
            raise self.wrong(f"{len(line)} cells in a line of {columns}")
        return line

    def field(self, found: re.Match[str]) -> Field:
        rows, columns = self.known_size()
        given = found["attributes"].split()
        if unknown := [word for word in given if word not in ATTRIBUTES]:
            raise self.wrong(f"no attribute {unknown[0]!r}; there are: {', '.join(ATTRIBUTES)}")
        start, length = self.address(found["at"]), int(found["length"])
        if length >= rows * columns or (self.fields and start <= self.fields[-1].start):
            raise self.wrong("fields come in their order on the screen, and fit on it")
        return Field(start, length, *(name in given for name in ATTRIBUTES))

    def wrong(self, text: str) -> ConfigError:
        return ConfigError(f"{self.name}:{self.at}: {text}", remedy="capture the screen again")
