"""From the values of one client to those of all: what differs is converted, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.sap_rfc.clients.client import Field, Kind

type Convert = Callable[[Any], Any]


def converter(field: Field, leaves: Mapping[Kind, Convert]) -> Convert | None:
    """What makes a parameter's value ours; None where it is already, so that no row is looked at."""
    match field:
        case Field(kind=Kind.TABLE, fields=(Field(name=""),)):
            return _wrapped(leaves.get(field.fields[0].kind))
        case Field(kind=Kind.TABLE):
            row = _of_row(field.fields, leaves)
            return (lambda rows: [row(each) for each in rows]) if row else None
        case Field(kind=Kind.STRUCTURE):
            return _of_row(field.fields, leaves)
    return leaves.get(field.kind)


def _of_row(fields: tuple[Field, ...], leaves: Mapping[Kind, Convert]) -> Convert | None:
    inner = {each.name: convert for each in fields if (convert := converter(each, leaves))}
    if not inner:
        return None
    return lambda row: row | {name: convert(row[name]) for name, convert in inner.items() if name in row}


def _wrapped(convert: Convert | None) -> Convert:
    """Rows of an elementary type have one field, named ""."""

    def row(value: Any) -> Any:
        if isinstance(value, Mapping):
            return value
        return {"": convert(value) if convert else value}

    return lambda rows: [row(each) for each in rows]
