"""Interfaces of functions and rows of tables, written shortly."""

from __future__ import annotations

from typing import Any

from bridge.testing.sap.abap import (
    AnyType,
    Direction,
    Field,
    Parameter,
    Structure,
    Type,
    char,
    initial,
    numc,
)
from bridge.testing.sap.errors import AbapException
from bridge.testing.sap.modules import Call

FLAG = char(1)
NAME = char(30)


def row(name: str, columns: str) -> Structure:
    """A structure from `NAME:C30 POSITION:N4 ...`: a CHAR, a NUMC, or any other type."""
    fields = []
    for column in columns.split():
        field, _, kind = column.partition(":")
        letter, length = kind[0], kind[1:]
        of = {"C": char, "N": numc}.get(letter) if length.isdigit() else None
        fields.append(Field(field, of(int(length)) if of else Type(kind)))
    return Structure(name, tuple(fields))


def takes(name: str, type_: AnyType, *, optional: bool = True) -> Parameter:
    return Parameter(name, Direction.IMPORT, type_, optional)


def gives(name: str, type_: AnyType) -> Parameter:
    return Parameter(name, Direction.EXPORT, type_, optional=True)


def lists(name: str, row: Structure) -> Parameter:
    return Parameter(name, Direction.TABLES, row, optional=True)


def missing(key: str, message_class: str, number: str, name: str) -> AbapException:
    return AbapException(key, message_class=message_class, number=number, values=(name,))


def name_of(call: Call, parameter: str) -> str:
    return str(call[parameter]).strip().upper()


def blank(structure: Structure) -> dict[str, Any]:
    """A row of it that nobody has filled."""
    return {each.name: initial(each.type) for each in structure.fields}
