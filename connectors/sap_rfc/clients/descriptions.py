"""Functions as saprfclib wants them described, and the values that pass: its structures are flat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

from saprfclib.types import (
    RFC_CHANGING,
    RFC_EXPORT,
    RFC_IMPORT,
    RFC_TABLES,
    FieldDesc,
    FunctionDesc,
    TypeDesc,
)

from connectors.sap_rfc.clients import single, utclong
from connectors.sap_rfc.clients.client import CallError, Direction, Field, Kind, Parameter
from connectors.sap_rfc.clients.interface import Interface, Leaf, Told
from connectors.sap_rfc.clients.shapes import Convert, converter

_TYPES: Mapping[Kind, int] = {
    Kind.CHAR: 0,
    Kind.DATE: 1,
    Kind.BCD: 2,
    Kind.TIME: 3,
    Kind.BYTE: 4,
    Kind.TABLE: 5,
    Kind.NUM: 6,
    Kind.FLOAT: 7,
    Kind.INT: 8,
    Kind.INT2: 9,
    Kind.INT1: 10,
    Kind.STRUCTURE: 17,
    Kind.DECF16: 23,
    Kind.DECF34: 24,
    Kind.STRING: 29,
    Kind.XSTRING: 30,
    Kind.INT8: 31,
    Kind.UTCLONG: 32,
}
"""RFCTYPE (sapnwrfc.h)."""
_DIRECTIONS = {
    Direction.IMPORT: RFC_IMPORT,
    Direction.EXPORT: RFC_EXPORT,
    Direction.CHANGING: RFC_CHANGING,
    Direction.TABLES: RFC_TABLES,
}
_WIDE = frozenset({Kind.CHAR, Kind.NUM, Kind.DATE, Kind.TIME})
_DEEP = frozenset({Kind.STRING, Kind.XSTRING, Kind.TABLE})


class Description:
    """A function for the library: its structures are flat, and their fields have their whole names."""

    def __init__(self, name: str, told: Interface) -> None:
        flat = told.without(name, _is_deep)
        usable, self.function = flat.told, flat.function(name)
        self.described = FunctionDesc(name, [_described(each) for each in usable])
        self._leaves = {each.parameter.field.name: each.leaves for each in usable}
        self._fields = {each.parameter.field.name: each.parameter.field for each in usable}
        self._ours = {name: _inwards(field) for name, field in self._fields.items()}
        self._single = [
            each for each in self.described.parameters if single.is_single(self._fields[each.name])
        ]

    def sent(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The library looks at `described` for this call, and then at its answer."""
        for each in self._single:
            each.rfctype = _TYPES[Kind.TABLE if each.name in parameters else Kind.BYTE]
        return {name: self._outwards(name, value) for name, value in parameters.items()}

    def received(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Errors: CallError."""
        undivided = {
            name: single.rows(self._fields[name], answer[name])
            for name in (each.name for each in self._single)
            if isinstance(answer.get(name), bytes)
        }
        answer = {**answer, **undivided}
        converts = ((name, value, self._ours.get(name)) for name, value in answer.items())
        return {name: convert(value) if convert else value for name, value, convert in converts}

    def _outwards(self, name: str, value: Any) -> Any:
        field = self._fields.get(name)
        if field is None:  # which the library says
            return value
        leaves = self._leaves[name]
        if field.kind is Kind.TABLE:
            return [_flat(leaves, row) for row in value]
        if field.kind is Kind.STRUCTURE:
            return _flat(leaves, value)
        convert = _ITS.get(field.kind)
        return convert(value) if convert else value


class Descriptions(dict[str, Description]):
    """What the library takes for its cache of interfaces: it finds there what we have read."""

    def __init__(self) -> None:
        for name, told in _KNOWN.items():
            self.add(name, Interface(tuple(told)))

    def add(self, name: str, told: Interface) -> None:
        self[name] = Description(name, told)

    def get(self, _system: str, name: str) -> FunctionDesc | None:  # type: ignore[override]
        return self[name.upper()].described if name.upper() in self else None

    def put(self, _system: str, _description: FunctionDesc) -> None:
        """Nothing that the library has read by itself is kept."""


def _is_deep(told: Told) -> str:
    """Why it cannot be passed, if so."""
    deep = next((leaf.path for leaf in told.leaves if leaf.field.kind in _DEEP), None)
    return f"its field {deep} is deep" if deep else ""


def _day(value: Any) -> Any:
    return value.strftime("%Y%m%d") if isinstance(value, date) else value


def _clock(value: Any) -> Any:
    return value.strftime("%H%M%S") if isinstance(value, time) else value


_OURS: Mapping[Kind, Convert] = {Kind.UTCLONG: utclong.told}
_OURS_ALONE: Mapping[Kind, Convert] = {Kind.DATE: _day, Kind.TIME: _clock}
"""Which the library makes of parameters, but not of fields."""
_ITS: Mapping[Kind, Convert] = {Kind.UTCLONG: utclong.counted}


def _described(told: Told) -> FieldDesc:
    field, direction = told.parameter.field, told.parameter.direction
    described = _sized(field.name, field, 0, told.size)
    described.direction, described.optional = _DIRECTIONS[direction], told.parameter.optional
    if told.leaves:
        fields = [_sized(leaf.path, leaf.field, leaf.offset, leaf.size) for leaf in told.leaves]
        size = max(leaf.offset + leaf.size for leaf in told.leaves)
        described.type_desc = TypeDesc(field.name, fields, nuc_size=size, uc_size=size)
    return described


def _sized(name: str, field: Field, offset: int, size: int) -> FieldDesc:
    narrow = size // 2 if field.kind in _WIDE else size
    return FieldDesc(
        name,
        _TYPES[field.kind],
        nuc_length=narrow,
        nuc_offset=0,
        uc_length=size,
        uc_offset=offset,
        decimals=field.decimals,
    )


def _inwards(field: Field) -> Convert | None:
    """From what the library returns to our values."""
    if field.kind not in (Kind.STRUCTURE, Kind.TABLE):
        return converter(field, {**_OURS, **_OURS_ALONE})
    convert = converter(field, _OURS)
    if not any(each.kind is Kind.STRUCTURE for each in field.fields):
        return convert
    deepen: Convert = lambda row: _deep(field.fields, row)  # noqa: E731
    whole: Convert = deepen if field.kind is Kind.STRUCTURE else lambda rows: [deepen(row) for row in rows]
    return (lambda value: convert(whole(value))) if convert else whole


def _deep(fields: Sequence[Field], row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    return {
        each.name: _deep(each.fields, row, f"{prefix}{each.name}-")
        if each.kind is Kind.STRUCTURE
        else row[prefix + each.name]
        for each in fields
    }


def _flat(leaves: Sequence[Leaf], row: Mapping[str, Any]) -> dict[str, Any]:
    """Errors: CallError for a field that there is not: the library would leave it out."""
    values = dict(_flattened(row))
    known = {leaf.path for leaf in leaves}
    if unknown := values.keys() - known:
        raise CallError(f"there is no field {min(unknown)}; there are {', '.join(sorted(known))}")
    decimal = (leaf.path for leaf in leaves if leaf.field.kind in (Kind.DECF16, Kind.DECF34))
    initial = {path: Decimal(0) for path in decimal}  # the library has an empty text for these
    ours = {
        leaf.path: _ITS[leaf.field.kind] for leaf in leaves if leaf.field.kind in _ITS and leaf.path in values
    }
    return initial | values | {path: convert(values[path]) for path, convert in ours.items()}


def _flattened(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}-")
        else:
            yield f"{prefix}{name}", value


def _row(columns: str) -> tuple[Leaf, ...]:
    """Of a structure: `NAME:30` has so many characters, `NAME:I` is a number."""
    leaves, offset = list[Leaf](), 0
    for column in columns.split():
        name, _, length = column.partition(":")
        is_number = length == "I"
        size = 4 if is_number else int(length) * 2
        offset += -offset % 4 if is_number else 0
        field = Field(name, Kind.INT) if is_number else Field(name, Kind.CHAR, int(length))
        leaves.append(Leaf(name, field, offset, size))
        offset += size
    return tuple(leaves)


def _takes(name: str, length: int) -> Told:
    return Told(Parameter(Field(name, Kind.CHAR, length), Direction.IMPORT, optional=True), length * 2)


def _gives(name: str, length: int) -> Told:
    return Told(Parameter(Field(name, Kind.CHAR, length), Direction.EXPORT, optional=True), length * 2)


def _lists(name: str, leaves: tuple[Leaf, ...]) -> Told:
    field = Field(name, Kind.TABLE, fields=tuple(leaf.field for leaf in leaves))
    return Told(Parameter(field, Direction.TABLES, optional=True), 0, leaves)


_FUNINT = _row(
    "PARAMCLASS:1 PARAMETER:30 TABNAME:30 FIELDNAME:30 EXID:1 POSITION:I OFFSET:I INTLENGTH:I DECIMALS:I"
    " DEFAULT:21 PARAMTEXT:79 OPTIONAL:1"
)
_FIELDS = _row("TABNAME:30 FIELDNAME:30 POSITION:I OFFSET:I INTLENGTH:I DECIMALS:I EXID:1")
_DFIES = _row(
    "TABNAME:30 FIELDNAME:30 LANGU:1 POSITION:4 OFFSET:6 DOMNAME:30 ROLLNAME:30 CHECKTABLE:30 LENG:6 INTLEN:6"
    " OUTPUTLEN:6 DECIMALS:6 DATATYPE:4 INTTYPE:1 REFTABLE:30 REFFIELD:30 PRECFIELD:30 AUTHORID:3 MEMORYID:20"
    " LOGFLAG:1 MASK:20 MASKLEN:4 CONVEXIT:5 HEADLEN:2 SCRLEN1:2 SCRLEN2:2 SCRLEN3:2 FIELDTEXT:60 REPTEXT:55"
    " SCRTEXT_S:10 SCRTEXT_M:20 SCRTEXT_L:40 KEYFLAG:1 LOWERCASE:1 MAC:1 GENKEY:1 NOFORKEY:1 VALEXI:1 "
    " NOAUTHCH:1 SIGN:1 DYNPFLD:1 F4AVAILABL:1 COMPTYPE:1 LFIELDNAME:132"
)
_KNOWN: Mapping[str, Sequence[Told]] = {
    "RFC_GET_FUNCTION_INTERFACE": (_takes("FUNCNAME", 30), _lists("PARAMS", _FUNINT)),
    "RFC_GET_STRUCTURE_DEFINITION": (_takes("TABNAME", 30), _lists("FIELDS", _FIELDS)),
    "DDIF_FIELDINFO_GET": (
        _takes("TABNAME", 30),
        _takes("FIELDNAME", 30),
        _takes("LANGU", 1),
        _takes("ALL_TYPES", 1),
        _gives("DDOBJTYPE", 8),
        _lists("DFIES_TAB", _DFIES),
    ),
}
"""What it takes to read all others. RFC_FUNINT, RFC_FIELDS and DFIES are longer in later releases."""
