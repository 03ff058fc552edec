"""From a client's buffer (codes and attributes) to a `Screen`, and what may be typed into one (pure)."""

import codecs
from collections.abc import Sequence
from functools import cache, lru_cache
from unicodedata import category, east_asian_width

from bridge.errors import ConfigError, TransientError
from connectors.mainframe import code_pages
from connectors.mainframe.screen import Field, Screen, without_cells

PROTECTED, NUMERIC, MODIFIED = 0x20, 0x10, 0x01
DISPLAY, INTENSIFIED, HIDDEN = 0x0C, 0x08, 0x0C  # the two bits, and what they say
# Field mark, duplicate and substitute show on every 3270; the other control codes are blanks.
SHOWN = {0x1C: "*", 0x1E: ";", 0x3F: code_pages.NONE}
# Box drawing, of the graphic escape's set (code page 310); what else it holds, nobody reads.
_GRAPHIC = dict(
    zip(bytes.fromhex("85a2ac bcc4c5c6c7 d3d4d5d6d7 bf"), "│─\N{BULLET}└┌├┴┼┼┘┐┤┬│", strict=False)
)


@cache
def display(code_page: str) -> str:
    """What a screen shows for each of the 256 codes."""
    characters = code_pages.table(code_page)
    control = (SHOWN.get(code, " ") for code in range(code_pages.FIRST))
    return "".join((*control, characters[code_pages.FIRST : code_pages.LAST], " "))


def decoded(codes: bytes, graphics: Sequence[int], code_page: str) -> str:
    """The text of a buffer; `graphics` are the addresses of cells of the graphic escape's set."""
    text: str = codecs.charmap_decode(codes, "strict", display(code_page))[0]
    if not graphics:
        return text
    cells = list(text)
    for address in graphics:
        cells[address] = _GRAPHIC.get(codes[address], code_pages.NONE)
    return "".join(cells)


@lru_cache(maxsize=64)
def fields(attributes: tuple[tuple[int, int], ...], size: int) -> tuple[Field, ...]:
    """The fields behind the attributes, given as (address, value) in address order. Screens come again."""
    following = [*attributes[1:], *attributes[:1]]
    found = [
        _field((address + 1) % size, (after - address - 1) % size, value)
        for (address, value), (after, _) in zip(attributes, following, strict=True)
    ]
    if found and not found[-1].start:
        found.insert(0, found.pop())
    return tuple(found)


def _field(start: int, length: int, value: int) -> Field:
    return Field(
        start=start,
        length=length,
        protected=bool(value & PROTECTED),
        numeric=bool(value & NUMERIC),
        hidden=value & DISPLAY == HIDDEN,
        intensified=value & DISPLAY == INTENSIFIED,
        modified=bool(value & MODIFIED),
    )


def blanked(text: str, among: Sequence[Field]) -> str:
    """The text without the content of hidden fields."""
    for field in among:
        if field.hidden and field.length:
            text = without_cells(text, field.start, field.length)
    return text


def check_entry(screen: Screen, address: int, text: str, code_page: str) -> int:
    """How many cells there are for it. The text may be a secret: no message quotes it.

    Errors: TransientError (locked), ConfigError (protected, too long, not in the code page).
    """
    if screen.locked:
        raise TransientError("the keyboard is locked: the host has not answered yet")
    where = f"row {address // screen.columns + 1}, column {address % screen.columns + 1}"
    if not 0 <= address < len(screen.text):
        raise ConfigError(f"there is no {where} on a screen of {screen.rows} x {screen.columns}")
    room = _room(screen, address, where)
    if _width(text) > room:
        raise ConfigError(f"the text for {where} is longer than the {room} characters of its field")
    if any(category(character) == "Cc" for character in text):
        raise ConfigError(f"the text for {where} holds a control character")
    if code_page in code_pages.NAMES and not set(text) <= code_pages.encoding(code_page).keys():
        raise ConfigError(f"the text for {where} holds a character that {code_page} has not")
    return room


def _room(screen: Screen, address: int, where: str) -> int:
    if not screen.fields:
        return len(screen.text) - address
    field = screen.field_at(address)
    if field is None or field.protected:
        what = "an attribute" if field is None else "a protected field"
        raise ConfigError(f"{where} of the screen is {what}", remedy="look at the map")
    return field.length - (address - field.start) % len(screen.text)


def _width(text: str) -> int:
    wide = sum(east_asian_width(character) in "WF" for character in text)
    return len(text) + wide + (2 if wide else 0)  # shift out, shift in
