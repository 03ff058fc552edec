"""Tables of one wide column of text, such as the DATA of RFC_READ_TABLE: saprfclib hands them over undivided.

It takes three times as long to make a row of it, a field at a time, as all the rest of the call takes.
"""

from __future__ import annotations

from typing import Any

from connectors.sap_rfc.clients.client import CallError, Field, Kind

_WIDE = 128
_ALIGNED = 2
"""Compressed rows are padded to four bytes, others are not: widths for which that makes no difference."""


def is_single(table: Field) -> bool:
    match table.fields:
        case (Field(kind=Kind.CHAR, length=length, name=name),):
            return bool(name) and length >= _WIDE and length % _ALIGNED == 0
    return False


def rows(table: Field, data: bytes) -> list[dict[str, Any]]:
    """Without trailing blanks. Halves of characters are kept. Errors: CallError."""
    (column,) = table.fields
    units = column.length
    if len(data) % (2 * units):
        raise CallError(f"{len(data)} bytes of {table.name} are no rows of {units} characters")
    text = data.decode("utf-16-le", "surrogatepass")
    if 2 * len(text) == len(data):
        lines = [text[at : at + units] for at in range(0, len(text), units)]
    else:  # characters of two units
        pieces = (data[at : at + 2 * units] for at in range(0, len(data), 2 * units))
        lines = [piece.decode("utf-16-le", "surrogatepass") for piece in pieces]
    name = column.name
    return [{name: line.rstrip(" ")} for line in lines]
