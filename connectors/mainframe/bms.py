"""BMS source (DFHMSD, DFHMDI, DFHMDF) as an assembler reads it: cards, operands, and the maps they define.

After "CICS Application Programming Reference", appendix "BMS macros", and "HLASM Language Reference",
"Statement alternate format": column 72 continues a statement, which resumes in column 16.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bridge.errors import ConfigError
from connectors.mainframe import code_pages

LAST, RESUME = 71, 15
"""Columns that a statement fills; blank columns before a continuation."""
QUIET = frozenset({"PRINT", "TITLE", "EJECT", "SPACE", "END", "PUSH", "POP", "COPYRIGHT"})
"""Statements that change no map."""
_WORD = re.compile(r"\S+")
_NAME = re.compile(r"[A-Za-z$#@_][\w$#@-]*", re.ASCII)
_NUMBER = re.compile(r"\d{1,5}")
_REPEATED = re.compile(r"(.)\((\d+)\)")


@dataclass(frozen=True, slots=True)
class BmsField:
    """Rows and columns are the screen's, from 1, of the first character: its attribute is before it."""

    line: int  # of the source
    name: str | None
    row: int
    column: int
    length: int
    attributes: frozenset[str] = frozenset()
    initial: str = ""
    shown: str = ""  # PICOUT
    typed: str = ""  # PICIN
    number: int = 0  # from 1, where it OCCURS more than once
    group: str | None = None

    @property
    def hidden(self) -> bool:
        return "DRK" in self.attributes

    @property
    def protected(self) -> bool:
        return "UNPROT" not in self.attributes


@dataclass(slots=True)
class BmsMap:
    line: int
    name: str
    rows: int
    columns: int
    first_row: int = 1
    first_column: int = 1
    floats: bool = False  # LINE or COLUMN say NEXT or SAME: the program decides where it is
    fields: list[BmsField] = field(default_factory=list)
    nowhere: list[str] = field(default_factory=list)  # names of fields without a place
    skipped: list[str] = field(default_factory=list)  # what is not understood, and harmless


@dataclass(frozen=True, slots=True)
class Statement:
    """`operands` without keyword stand under the empty one."""

    at: str  # file:line
    line: int
    name: str
    operation: str
    operands: Mapping[str, str]

    def wrong(self, text: str, remedy: str = "") -> ConfigError:
        return ConfigError(f"{self.at}: {text}", remedy=remedy)

    def number(self, keyword: str) -> int | None:
        raw = self.operands.get(keyword)
        if raw is None:
            return None
        if not _NUMBER.fullmatch(raw):
            raise self.wrong(f"{keyword}={raw} is no number")
        return int(raw)

    def items(self, keyword: str) -> list[str]:
        """The parts of `(A,B)`, or of `A` alone."""
        raw = self.operands.get(keyword, "")
        if raw.startswith("("):
            if not raw.endswith(")"):
                raise self.wrong(f"{keyword}={raw} lacks its closing parenthesis")
            raw = raw[1:-1]
        return [part.upper() for part in _split(raw) if part]

    def text(self, keyword: str) -> str | None:
        """What is quoted: a doubled apostrophe or ampersand is one."""
        raw = self.operands.get(keyword)
        if raw is None:
            return None
        if len(raw) < 2 or raw[0] != "'" or raw[-1] != "'":  # noqa: PLR2004 - its two quotes
            raise self.wrong(f"{keyword}={raw} lacks its quotes")
        return raw[1:-1].replace("''", "'").replace("&&", "&")


def load(path: Path, code_page: str = "cp037") -> list[BmsMap]:
    """The maps of a file; `code_page` is that of XINIT. Errors: ConfigError with file and line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the file: {error.strerror}", remedy="check the name"
        ) from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return read(text, str(path), code_page)


def read(text: str, name: str = "map", code_page: str = "cp037") -> list[BmsMap]:
    """The maps of a source. Errors: ConfigError with `name` and line."""
    maps: list[BmsMap] = []
    for statement in statements(text, name):
        match statement.operation:
            case "DFHMSD":
                continue
            case "DFHMDI":
                maps.append(_map(statement))
            case "DFHMDF" if maps:
                _field(statement, maps[-1], code_page)
            case "DFHMDF":
                raise statement.wrong(
                    "a field before the first DFHMDI", "is the beginning of the file missing?"
                )
            case operation if operation not in QUIET and maps:
                maps[-1].skipped.append(f"{operation} in line {statement.line}")
    if not maps:
        raise ConfigError(f"{name}: no DFHMDI in this file", remedy="give the source of a BMS mapset")
    return maps


# -- maps and fields


def _map(statement: Statement) -> BmsMap:
    size = statement.items("SIZE") or ["24", "80"]
    if len(size) != 2 or not all(map(_NUMBER.fullmatch, size)) or "0" in size:  # noqa: PLR2004 - rows and columns
        raise statement.wrong(f"SIZE={statement.operands['SIZE']} is no (lines,columns)")
    if not statement.name:
        raise statement.wrong("a map without a name")
    made = BmsMap(statement.line, statement.name, int(size[0]), int(size[1]))
    for keyword, attribute in (("LINE", "first_row"), ("COLUMN", "first_column")):
        if statement.operands.get(keyword, "").upper() in ("NEXT", "SAME"):
            made.floats = True
        else:
            setattr(made, attribute, statement.number(keyword) or 1)
    return made


def _field(statement: Statement, of: BmsMap, code_page: str) -> None:
    """Adds a field to its map, one that OCCURS as often as it does."""
    if statement.name and any(each.name == statement.name for each in of.fields):
        raise statement.wrong(f"a second field {statement.name} in map {of.name}")
    address = _address(statement, of)
    if address is None:
        of.nowhere += [statement.name] if statement.name else []
        return
    initial = _initial(statement, code_page)
    shown, typed = statement.text("PICOUT") or "", statement.text("PICIN") or ""
    length = statement.number("LENGTH")
    made = BmsField(
        line=statement.line,
        name=statement.name or None,
        row=0,
        column=0,
        length=len(initial or _expanded(shown or typed)) if length is None else length,
        attributes=frozenset(statement.items("ATTRB")),
        initial=initial,
        shown=shown,
        typed=typed,
        group=statement.operands.get("GRPNAME"),
    )
    occurs = statement.number("OCCURS") or 1
    pitch = made.length + 1  # each has an attribute of its own
    if address + (occurs - 1) * pitch + made.length > of.rows * of.columns + 1:
        raise statement.wrong(f"the field goes beyond the map's {of.rows}x{of.columns}")
    for number in range(occurs):
        row, column = divmod(address + number * pitch, of.columns)
        one = replace(made, row=row + of.first_row, column=column + of.first_column)
        of.fields.append(replace(one, number=number + 1) if occurs > 1 else one)


def _address(statement: Statement, of: BmsMap) -> int | None:
    """Of the first character within the map, from 0: the cell after the attribute, which POS is about."""
    place = statement.items("POS")
    if not place:
        return None
    if not all(map(_NUMBER.fullmatch, place)) or len(place) > 2:  # noqa: PLR2004 - line and column
        raise statement.wrong(f"POS={statement.operands['POS']} is no (line,column) and no number")
    if len(place) == 1:
        address = int(place[0])
        inside = address < of.rows * of.columns
    else:
        row, column = map(int, place)
        address = (row - 1) * of.columns + column - 1
        inside = 0 < row <= of.rows and 0 < column <= of.columns
    if not inside:
        raise statement.wrong(
            f"POS={statement.operands['POS']} is outside of the map's {of.rows}x{of.columns}"
        )
    return address + 1


def _initial(statement: Statement, code_page: str) -> str:
    if (hexadecimal := statement.operands.get("XINIT")) is not None:
        try:
            raw = bytes.fromhex(hexadecimal.strip("'"))
            return codecs.charmap_decode(raw, "strict", code_pages.table(code_page))[0]
        except (ValueError, LookupError) as error:
            raise statement.wrong(f"XINIT={hexadecimal} is no text in {code_page}") from error
    text = statement.text("INITIAL")
    return (statement.text("GINIT") or "") if text is None else text


def _expanded(picture: str) -> str:
    """The characters a picture shows: `9(3)V99` has five."""
    return re.sub("[VvSs]", "", _REPEATED.sub(lambda found: found[1] * int(found[2]), picture))


# -- cards


def statements(text: str, name: str = "map") -> Iterator[Statement]:
    """The statements of an assembler source. Errors: ConfigError with `name` and line."""
    cards = [line.rstrip("\r").expandtabs() for line in text.split("\n")]
    at = 0
    while at < len(cards):
        card = cards[at]
        if not card[:LAST].strip() or card.startswith(("*", ".*")):
            at += 1
            continue
        first = at
        while at < len(cards) - 1 and _continued(cards[at]):
            at += 1
        at += 1
        yield _statement(f"{name}:{first + 1}", first + 1, cards[first:at])


def _continued(card: str) -> bool:
    return card[LAST : LAST + 1].strip() != ""


def _statement(at: str, line: int, cards: list[str]) -> Statement:
    head = cards[0][:LAST]
    words = list(_WORD.finditer(head))
    label = words.pop(0)[0] if not head[0].isspace() else ""
    if not words:
        raise ConfigError(
            f"{at}: {label} is followed by no operation", remedy="names begin in column 1 alone"
        )
    operation = words[0][0].upper()
    statement = Statement(at, line, label, operation, {})
    if not operation.startswith("DFHM"):
        return statement
    if label and not _NAME.fullmatch(label):
        raise statement.wrong(f"{label} is no name")
    joined = "".join(_operands(statement, head[words[0].end() :].lstrip(), cards))
    return replace(statement, operands=dict(_keywords(statement, joined)))


def _operands(statement: Statement, rest: str, cards: list[str]) -> Iterator[str]:
    """The operands of each card, without remarks: outside of quotes, a blank ends them."""
    quoted, before = False, ","
    for number, card in enumerate(cards):
        line = statement.line + number
        part = rest if number == 0 else card[RESUME:LAST]
        if number and (card[:RESUME].strip() or (not quoted and part[:1].isspace() and part.strip())):
            told = f"column {LAST + 1} of line {line - 1} says that it goes on here; "
            raise _wrong(statement, line, told + "a continuation begins in column 16")
        operands, quoted = _until_blank(part, quoted=quoted)
        yield operands
        before = operands[-1:] or before
        ended = not quoted and len(operands) < len(part) and before != ","
        if ended:
            return
        if number + 1 == len(cards) and (quoted or (before == "," and operands)):
            missing = "the quotes are not closed" if quoted else "the operands end with a comma"
            raise _wrong(statement, line, f"{missing}, and column 72 says that nothing follows")


def _wrong(statement: Statement, line: int, text: str) -> ConfigError:
    file = statement.at.rpartition(":")[0]
    return ConfigError(f"{file}:{line}: {text}", remedy="the source must be in its columns, 1 to 72")


def _until_blank(part: str, *, quoted: bool) -> tuple[str, bool]:
    """What stands before the first blank that is not quoted, and whether the quotes are still open."""
    for at, character in enumerate(part):
        if character == "'":
            quoted = not quoted
        elif character.isspace() and not quoted:
            return part[:at], False
    return part, quoted


def _keywords(statement: Statement, operands: str) -> Iterator[tuple[str, str]]:
    for operand in _split(operands):
        keyword, equals, value = operand.partition("=")
        if equals and keyword.isalnum():
            yield keyword.upper(), value
        elif operand:
            raise statement.wrong(f"{operand} is no KEYWORD=value")


def _split(operands: str) -> Iterable[str]:
    """At the commas that are neither quoted nor in parentheses."""
    quoted, depth, start = False, 0, 0
    for at, character in enumerate(operands):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
            if character == "," and depth == 0:
                yield operands[start:at]
                start = at + 1
    yield operands[start:]
