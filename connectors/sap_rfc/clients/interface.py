"""Interfaces of functions as SAP's own function modules tell them, for clients that do not tell all of it.

RFC_GET_FUNCTION_INTERFACE names the parameters, DDIF_FIELDINFO_GET the fields of their types, those of inner
structures by their whole name (LFIELDNAME), RFC_GET_STRUCTURE_DEFINITION the rows of table types.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.sap_rfc.clients.client import Direction, Field, Function, Kind, Parameter, Unread

type Call = Callable[..., Mapping[str, Any]]

_NEEDLESS = frozenset({"RFC_READ_TABLE", "DDIF_FIELDINFO_GET"})
"""Nobody here asks for what is left out of these."""
_log = logging.getLogger(__name__)

_DIRECTIONS = {
    "I": Direction.IMPORT,
    "E": Direction.EXPORT,
    "C": Direction.CHANGING,
    "T": Direction.TABLES,
}
_LETTERS: Mapping[str, Kind] = {
    "C": Kind.CHAR,
    "N": Kind.NUM,
    "D": Kind.DATE,
    "T": Kind.TIME,
    "P": Kind.BCD,
    "F": Kind.FLOAT,
    "I": Kind.INT,
    "b": Kind.INT1,
    "s": Kind.INT2,
    "8": Kind.INT8,
    "a": Kind.DECF16,
    "e": Kind.DECF34,
    "X": Kind.BYTE,
    "g": Kind.STRING,
    "y": Kind.XSTRING,
    "p": Kind.UTCLONG,
}
"""EXID, the type of ABAP (DESCRIBE FIELD ... TYPE)."""
_COMPOSED = frozenset("uvh")
_TABLE_TYPE = "h"
_TYPES: Mapping[str, Kind] = {
    **dict.fromkeys(("CHAR", "CLNT", "LANG", "CUKY", "UNIT", "LCHR"), Kind.CHAR),
    **dict.fromkeys(("NUMC", "ACCP"), Kind.NUM),
    **dict.fromkeys(("DEC", "CURR", "QUAN"), Kind.BCD),
    **dict.fromkeys(("RAW", "LRAW", "PREC"), Kind.BYTE),
    **dict.fromkeys(("D16D", "D16R", "D16N", "D16S"), Kind.DECF16),
    **dict.fromkeys(("D34D", "D34R", "D34N", "D34S"), Kind.DECF34),
    **dict.fromkeys(("STRG", "SSTR"), Kind.STRING),
    "RSTR": Kind.XSTRING,
    "DATS": Kind.DATE,
    "TIMS": Kind.TIME,
    "FLTP": Kind.FLOAT,
    "INT1": Kind.INT1,
    "INT2": Kind.INT2,
    "INT4": Kind.INT,
    "INT8": Kind.INT8,
    "UTCL": Kind.UTCLONG,
}
"""DATATYPE, the type of the dictionary."""
_BYTES_A_CHARACTER = 2


class UnknownTypeError(Exception):
    """A type whose fields nobody tells; `fields`: their names, where they are known."""

    def __init__(self, why: str, fields: Sequence[str] = ()) -> None:
        super().__init__(why)
        self.fields = tuple(fields)


@dataclass(frozen=True, slots=True)
class Leaf:
    """An elementary field of a structure: its whole name (INNER-ID), where it is, and bytes, in Unicode."""

    path: str
    field: Field
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Told:
    """A parameter. `leaves`: of its structure or row; `size`: bytes of an elementary one."""

    parameter: Parameter
    size: int
    leaves: tuple[Leaf, ...] = ()

    def unread(self, why: str) -> Unread:
        return Unread(self.parameter.direction, tuple(each.name for each in self.parameter.field.fields), why)


@dataclass(frozen=True, slots=True)
class Interface:
    """What a client has of a function, and what it has not."""

    told: tuple[Told, ...]
    unread: Mapping[str, Unread] = field(default_factory=dict)

    def without(self, name: str, why_not: Callable[[Told], str]) -> Interface:
        """Those that the client cannot pass; nothing is said of the others. With a warning."""
        reasons = {each.parameter.field.name: why_not(each) for each in self.told}
        for parameter, why in reasons.items():
            if why:
                left_out(name, parameter, why)
        kept = tuple(each for each in self.told if not reasons[each.parameter.field.name])
        more = {
            each.parameter.field.name: each.unread(why)
            for each in self.told
            if (why := reasons[each.parameter.field.name])
        }
        return Interface(kept, {**self.unread, **more})

    def function(self, name: str) -> Function:
        parameters = {each.parameter.field.name: each.parameter for each in self.told}
        return Function(name, parameters, self.unread)


class Interfaces:
    """Reads them through calls of the client itself; types are asked for once.

    Of strings and tables inside structures, which such clients cannot pass, it tells but that they are there.
    """

    def __init__(self, call: Call, *, quiet: bool = False) -> None:
        self._call, self._quiet = call, quiet
        self._types: dict[str, tuple[Leaf, ...]] = {}

    def read(self, function: str) -> Interface:
        """Parameters of types that nobody tells are left out, with a warning. Errors: the client's."""
        rows = self._call("RFC_GET_FUNCTION_INTERFACE", FUNCNAME=function)["PARAMS"]
        found, unread = list[Told](), dict[str, Unread]()
        for row in rows:
            if row["PARAMCLASS"] not in _DIRECTIONS:
                continue
            try:
                found.append(self._told(row))
            except UnknownTypeError as error:
                if not self._quiet:
                    left_out(function, row["PARAMETER"], str(error))
                direction = _DIRECTIONS[row["PARAMCLASS"]]
                unread[row["PARAMETER"]] = Unread(direction, error.fields, str(error))
        return Interface(tuple(found), unread)

    def _told(self, row: Mapping[str, Any]) -> Told:
        direction, letter, size = _DIRECTIONS[row["PARAMCLASS"]], row["EXID"], int(row["INTLENGTH"])
        name, optional = row["PARAMETER"], bool(row["OPTIONAL"].strip())
        if letter in _COMPOSED or direction is Direction.TABLES:
            leaves = self._leaves(row["TABNAME"])
            is_table = direction is Direction.TABLES or letter == _TABLE_TYPE
            kind = Kind.TABLE if is_table else Kind.STRUCTURE
            field = Field(name, kind, fields=tuple(_grown(leaves)))
            return Told(Parameter(field, direction, optional), size, leaves)
        if letter not in _LETTERS:
            raise UnknownTypeError(f"it is of type {letter!r}")
        field = _elementary(name, _LETTERS[letter], size, int(row["DECIMALS"]))
        return Told(Parameter(field, direction, optional), size)

    def _leaves(self, name: str) -> tuple[Leaf, ...]:
        known = self._types.get(name)
        if known is None:
            answer = self._call("DDIF_FIELDINFO_GET", TABNAME=name, ALL_TYPES="X")
            rows = [row for row in answer["DFIES_TAB"] if not row["FIELDNAME"].startswith(".")]
            known = _leaves(rows) or self._components(name)
            self._types[name] = known
        return known

    def _components(self, name: str) -> tuple[Leaf, ...]:
        """Of a table type's rows."""
        try:
            rows = self._call("RFC_GET_STRUCTURE_DEFINITION", TABNAME=name)["FIELDS"]
        except Exception as error:
            if getattr(error, "key", "") == "TABLE_NOT_ACTIVE":
                raise UnknownTypeError(f"{name} has no rows of a structure") from None
            raise
        return tuple(_component(name, row) for row in rows)


def left_out(function: str, parameter: str, why: str) -> None:
    """A client cannot pass it: whoever names it is told that there is none."""
    level = logging.INFO if function in _NEEDLESS else logging.WARNING
    _log.log(level, "%s is used without its parameter %s: %s", function, parameter, why)


def _leaves(rows: Sequence[Mapping[str, Any]]) -> tuple[Leaf, ...]:
    try:
        return tuple(map(_leaf, rows))
    except UnknownTypeError as error:
        raise UnknownTypeError(str(error), [row["FIELDNAME"] for row in rows]) from None


def _leaf(row: Mapping[str, Any]) -> Leaf:
    path = row["LFIELDNAME"].strip() or row["FIELDNAME"]
    type_, size = row["DATATYPE"].strip(), int(row["INTLEN"])
    if type_ not in _TYPES:
        raise UnknownTypeError(f"its field {path} is of type {type_}")
    field = _elementary(path.rpartition("-")[2], _TYPES[type_], size, int(row["DECIMALS"]))
    return Leaf(path, field, int(row["OFFSET"]), size)


def _component(type_name: str, row: Mapping[str, Any]) -> Leaf:
    kind, name, size = _LETTERS.get(row["EXID"]), row["FIELDNAME"], int(row["INTLENGTH"])
    if kind is None:
        raise UnknownTypeError(f"field {name} of {type_name} is of type {row['EXID']!r}")
    return Leaf(name, _elementary(name, kind, size, int(row["DECIMALS"])), int(row["OFFSET"]), size)


def _elementary(name: str, kind: Kind, size: int, decimals: int) -> Field:
    if kind in (Kind.CHAR, Kind.NUM):
        return Field(name, kind, size // _BYTES_A_CHARACTER)
    if kind is Kind.BYTE:
        return Field(name, kind, size)
    return Field(name, kind, size * 2 - 1, decimals) if kind is Kind.BCD else Field(name, kind)


def _grown(leaves: Sequence[Leaf], prefix: str = "") -> Iterator[Field]:
    """The fields, with those of inner structures inside these."""
    groups: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        groups.setdefault(leaf.path.removeprefix(prefix).partition("-")[0], []).append(leaf)
    for name, inner in groups.items():
        if inner[0].path == prefix + name:
            yield inner[0].field
        else:
            yield Field(name, Kind.STRUCTURE, fields=tuple(_grown(inner, f"{prefix}{name}-")))
