"""What the dictionary of an ABAP system knows: types, structures, tables and function modules.

The built-in types and their lengths: ABAP Keyword Documentation, "Built-In Types in ABAP Dictionary"; their
letters in programs (INTTYPE): the same, "DESCRIBE FIELD - TYPE"; their places in structures: "Alignment".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple


class Kind(StrEnum):
    """What a value is on the wire (RFCTYPE_... of SAP's sapnwrfc.h)."""

    CHAR = "CHAR"
    NUM = "NUM"
    DATE = "DATE"
    TIME = "TIME"
    BCD = "BCD"
    FLOAT = "FLOAT"
    INT = "INT"
    INT1 = "INT1"
    INT2 = "INT2"
    INT8 = "INT8"
    DECF16 = "DECF16"
    DECF34 = "DECF34"
    BYTE = "BYTE"
    STRING = "STRING"
    XSTRING = "XSTRING"
    UTCLONG = "UTCLONG"
    STRUCTURE = "STRUCTURE"
    TABLE = "TABLE"


class BuiltIn(NamedTuple):
    """A built-in type: its letter in programs, and what it takes. `length` 0: as declared."""

    kind: Kind
    letter: str
    length: int = 0
    size: int = 0
    align: int = 1


# size: bytes in memory of a Unicode system; 0: two a character, half a digit for P, one a byte for X.
BUILT_IN: Mapping[str, BuiltIn] = {
    "CHAR": BuiltIn(Kind.CHAR, "C", align=2),
    "CLNT": BuiltIn(Kind.CHAR, "C", length=3, align=2),
    "LANG": BuiltIn(Kind.CHAR, "C", length=1, align=2),
    "CUKY": BuiltIn(Kind.CHAR, "C", length=5, align=2),
    "UNIT": BuiltIn(Kind.CHAR, "C", align=2),
    "LCHR": BuiltIn(Kind.CHAR, "C", align=2),
    "NUMC": BuiltIn(Kind.NUM, "N", align=2),
    "ACCP": BuiltIn(Kind.NUM, "N", length=6, align=2),
    "DATS": BuiltIn(Kind.DATE, "D", length=8, align=2),
    "TIMS": BuiltIn(Kind.TIME, "T", length=6, align=2),
    "DEC": BuiltIn(Kind.BCD, "P"),
    "CURR": BuiltIn(Kind.BCD, "P"),
    "QUAN": BuiltIn(Kind.BCD, "P"),
    "INT1": BuiltIn(Kind.INT1, "b", length=3, size=1),
    "INT2": BuiltIn(Kind.INT2, "s", length=5, size=2, align=2),
    "INT4": BuiltIn(Kind.INT, "I", length=10, size=4, align=4),
    "INT8": BuiltIn(Kind.INT8, "8", length=19, size=8, align=8),
    "FLTP": BuiltIn(Kind.FLOAT, "F", length=16, size=8, align=8),
    "D16N": BuiltIn(Kind.DECF16, "a", length=16, size=8, align=8),
    "D34N": BuiltIn(Kind.DECF34, "e", length=34, size=16, align=16),
    "RAW": BuiltIn(Kind.BYTE, "X"),
    "LRAW": BuiltIn(Kind.BYTE, "X"),
    "STRG": BuiltIn(Kind.STRING, "g", size=8, align=8),
    "SSTR": BuiltIn(Kind.STRING, "g", size=8, align=8),
    "RSTR": BuiltIn(Kind.XSTRING, "y", size=8, align=8),
    "UTCL": BuiltIn(Kind.UTCLONG, "p", length=27, size=8, align=8),
}
HANDLE = 8  # bytes of a reference to what is deep: a string, an internal table


@dataclass(frozen=True)
class Type:
    """An elementary type; `name` is its data element's, `domain` that of its domain.

    length: characters, bytes (RAW) or digits (DEC); exit: the conversion routine of the domain (ALPHA).
    """

    datatype: str
    length: int = 0
    decimals: int = 0
    name: str = ""
    domain: str = ""
    exit: str = ""
    signed: bool = True
    text: str = ""

    @property
    def built_in(self) -> BuiltIn:
        return BUILT_IN[self.datatype]

    @cached_property
    def kind(self) -> Kind:
        return self.built_in.kind

    @property
    def letter(self) -> str:
        """One letter in programs and in EXID of RFC_GET_FUNCTION_INTERFACE."""
        return self.built_in.letter

    @cached_property
    def leng(self) -> int:
        """LENG of the dictionary."""
        return self.built_in.length or self.length

    @property
    def intlen(self) -> int:
        """Bytes in memory, in a Unicode system."""
        match self.letter:
            case "P":
                return self.length // 2 + 1
            case "X":
                return self.length
            case "C" | "N" | "D" | "T":
                return 2 * self.leng
        return self.built_in.size

    @property
    def wide(self) -> int:
        """Characters that a value takes as text, whatever it is; 0: no limit."""
        match self.letter:
            case "P":
                return self.length + 1 + bool(self.decimals)
            case "b" | "s" | "I" | "8":
                return self.leng + 1
            case "F":
                return 24
            case "X":
                return 2 * self.length
        return self.leng

    @property
    def align(self) -> int:
        return self.built_in.align

    @property
    def deep(self) -> bool:
        return self.kind in {Kind.STRING, Kind.XSTRING}


@dataclass(frozen=True)
class Field:
    """A component of a structure; `reference`: table and field that hold the currency or the unit.

    logged: change documents tell of it (the flag of its data element).
    """

    name: str
    type: Type | Structure | TableType
    key: bool = False
    text: str = ""
    reference: tuple[str, str] | None = None
    check_table: str = ""
    logged: bool = True


class Placed(NamedTuple):
    """A component with its place, in bytes of a Unicode system."""

    field: Field
    offset: int
    length: int


@dataclass(frozen=True)
class Structure:
    """A structure of the dictionary, or the row of a table."""

    name: str
    fields: tuple[Field, ...]
    text: str = ""

    def __hash__(self) -> int:
        """Quickly: what is told of a structure is kept by it."""
        return hash(self.name)

    @property
    def kind(self) -> Kind:
        return Kind.STRUCTURE

    @cached_property
    def deep(self) -> bool:
        return any(each.type.deep for each in self.fields)

    @property
    def letter(self) -> str:
        """`u` flat, `v` deep."""
        return "v" if self.deep else "u"

    @cached_property
    def align(self) -> int:
        return max((each.type.align for each in self.fields), default=1)

    @cached_property
    def layout(self) -> tuple[Placed, ...]:
        """Every component at the next place its alignment allows."""
        placed, offset = [], 0
        for each in self.fields:
            offset += -offset % each.type.align
            placed.append(Placed(each, offset, each.type.intlen))
            offset += each.type.intlen
        return tuple(placed)

    @cached_property
    def intlen(self) -> int:
        """Bytes in a Unicode system, filled up to its alignment."""
        if not self.fields:
            return 0
        end = self.layout[-1].offset + self.layout[-1].length
        return end + -end % self.align

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        return {each.name: each for each in self.fields}


@dataclass(frozen=True)
class TableType:
    """A type of internal tables; `row` is a structure or an elementary type."""

    name: str
    row: Structure | Type
    text: str = ""

    letter = "h"
    kind = Kind.TABLE
    deep = True
    align = HANDLE
    intlen = HANDLE


AnyType = Type | Structure | TableType


class TableClass(StrEnum):
    """TABCLASS of DD02L; what has no data of its own cannot be read."""

    TRANSPARENT = "TRANSP"
    POOL = "POOL"
    CLUSTER = "CLUSTER"
    VIEW = "VIEW"
    STRUCTURE = "INTTAB"
    APPEND = "APPEND"


@dataclass(frozen=True)
class Table:
    """A table with data. Its key is the components marked so, the client first where it has one.

    indexes: secondary ones, name to fields (DD12L, DD17S). group: its authorisation group (TDDAT-CCLASS).
    cross_client: its first column is a client, and yet all clients share its rows (T000).
    """

    row: Structure
    table_class: TableClass = TableClass.TRANSPARENT
    indexes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: str = "&NC&"
    cross_client: bool = False

    @property
    def name(self) -> str:
        return self.row.name

    @cached_property
    def key(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.row.fields if each.key)

    @cached_property
    def client(self) -> str | None:
        """The column of the client: the first of the key, when it is of that type."""
        first = self.row.fields[0]
        is_client = isinstance(first.type, Type) and first.type.datatype == "CLNT" and first.key
        return first.name if is_client and not self.cross_client else None


class Direction(StrEnum):
    """PARAMCLASS of RFC_GET_FUNCTION_INTERFACE: as the function sees it."""

    IMPORT = "I"
    EXPORT = "E"
    CHANGING = "C"
    TABLES = "T"


@dataclass(frozen=True)
class Parameter:
    """type: of a TABLES parameter, that of its row. default: as the source of the function has it ("0")."""

    name: str
    direction: Direction
    type: AnyType
    optional: bool = False
    default: str = ""
    text: str = ""


@dataclass(frozen=True)
class Function:
    """A function module's interface. group: its function group, which S_RFC may name too."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    exceptions: tuple[str, ...] = ()
    group: str = ""
    text: str = ""
    remote: bool = True

    @cached_property
    def by_name(self) -> Mapping[str, Parameter]:
        return {each.name: each for each in self.parameters}


def char(length: int, name: str = "") -> Type:
    return Type("CHAR", length, name=name)


def numc(length: int, name: str = "") -> Type:
    return Type("NUMC", length, name=name)


def dec(length: int, decimals: int, name: str = "") -> Type:
    return Type("DEC", length, decimals, name=name)


def structure(name: str, text: str = "", /, **types: AnyType) -> Structure:
    """A structure without a key, from names and types in their order."""
    return Structure(name, tuple(Field(each, type_) for each, type_ in types.items()), text)


INITIAL: Mapping[Kind, Callable[[Type], object]] = {
    Kind.CHAR: lambda _: "",
    Kind.NUM: lambda type_: "0" * type_.leng,
    Kind.DATE: lambda _: "00000000",
    Kind.TIME: lambda _: "000000",
    Kind.BCD: lambda type_: Decimal(0).scaleb(-type_.decimals),
    Kind.FLOAT: lambda _: 0.0,
    Kind.INT: lambda _: 0,
    Kind.INT1: lambda _: 0,
    Kind.INT2: lambda _: 0,
    Kind.INT8: lambda _: 0,
    Kind.DECF16: lambda _: Decimal(0),
    Kind.DECF34: lambda _: Decimal(0),
    Kind.BYTE: lambda type_: bytes(type_.leng),
    Kind.STRING: lambda _: "",
    Kind.XSTRING: lambda _: b"",
    Kind.UTCLONG: lambda _: "",
}


def initial(type_: AnyType) -> object:
    """The value of a variable nobody has set (ABAP Keyword Documentation, "Initial Value")."""
    match type_:
        case TableType():
            return []
        case Structure():
            return {each.name: initial(each.type) for each in type_.fields}
    return INITIAL[type_.kind](type_)
