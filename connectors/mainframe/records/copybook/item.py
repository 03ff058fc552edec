"""One entry of a copybook: what it says about a field."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from connectors.mainframe.records.copybook.picture import Kind, Picture
from connectors.mainframe.records.copybook.source import Word


class Usage(Enum):
    DISPLAY = "DISPLAY"
    BINARY = "BINARY"
    NATIVE = "COMP-5"
    PACKED = "PACKED-DECIMAL"
    FLOAT = "COMP-1"
    DOUBLE = "COMP-2"
    NATIONAL = "NATIONAL"
    POINTER = "POINTER"


WITHOUT_PICTURE = {Usage.FLOAT: 4, Usage.DOUBLE: 8, Usage.POINTER: 4}


@dataclass(frozen=True, slots=True)
class Sign:
    leading: bool = False
    separate: bool = False


@dataclass(frozen=True, slots=True)
class Occurs:
    """`counter`: the item after DEPENDING ON; then the groups it is OF."""

    least: int
    most: int
    counter: tuple[str, ...] = ()


@dataclass(slots=True)
class Item:
    """One entry; `usage` and `sign` are what the entry or a group around it says."""

    word: Word
    level: int
    name: str | None
    """None is FILLER."""
    picture: Picture | None = None
    usage: Usage | None = None
    sign: Sign | None = None
    occurs: Occurs | None = None
    redefines: str | None = None
    synchronized: bool = False
    justified: bool = False
    blank_when_zero: bool = False
    """It makes an edited number, which is read as text; in whatever order the clauses come."""
    items: list[Item] = field(default_factory=list)

    @property
    def told(self) -> str:
        return self.name or "FILLER"

    @property
    def size(self) -> int:
        """Bytes of an elementary item."""
        if self.picture is None:
            return WITHOUT_PICTURE[self.usage or Usage.POINTER]
        if self.picture.kind is Kind.NATIONAL:
            return 2 * self.picture.length
        digits = self.picture.digits
        if self.usage in (Usage.BINARY, Usage.NATIVE):
            return 2 if digits < 5 else 4 if digits < 10 else 8  # noqa: PLR2004 -- the manual's steps
        if self.usage is Usage.PACKED:
            return digits // 2 + 1
        separate = self.picture.signed and self.sign is not None and self.sign.separate
        return self.picture.length + int(separate)
