"""From what a driver says of a column to its Arrow type and the kind of buffer the Java helper fills."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import pyarrow as pa

from bridge.contract import NUMBER_TEXT, declared
from connectors.jdbc.dialect import Dialect

_NAMED = {
    "bool": pa.bool_(),
    "flag": pa.bool_(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "whole:2": pa.int16(),
    "whole:4": pa.int32(),
    "whole:8": pa.int64(),
    "real": pa.float64(),
    "date": pa.date32(),
    "decimal:0": pa.decimal128(20, 0),
    "binary": pa.binary(),
    "long_binary": pa.binary(),
}
_UNITS = {0: "s", 3: "ms", 6: "us"}

# java.sql.Types; what is neither here nor in the dialect is of a type that nobody knows.
_CODES = {
    16: "bool", -7: "bit", -6: "int16", 5: "int16", 4: "int32", -5: "int64",
    7: "float32", 6: "float64", 8: "float64", 2: "decimal", 3: "decimal",
    91: "date", 92: "time", 93: "timestamp", 2013: "offset_time_text", 2014: "offset_text",
    -2: "binary", -3: "binary", -4: "long_binary", 2004: "long_binary",
    1: "char", -15: "char", 12: "text", -9: "text", -8: "text", 70: "text", 2009: "text", 2003: "array",
    -1: "long_text", -16: "long_text", 2005: "long_text", 2011: "long_text",
}  # fmt: skip
_BETWEEN_FIELDS, _BETWEEN_COLUMNS = "\x1f", "\x1e"
_ESCAPES, _ESCAPED = "\x1b\x1e\x1f", re.compile(r"\x1b([012])")
_WIDER = {"int16": "int32", "int32": "int64", "int64": "decimal:0"}
_SIGNED = frozenset(_WIDER)
_LOOSE = {"int16": "whole:2", "int32": "whole:4", "int64": "whole:8", "float32": "real", "float64": "real"}
_TEMPORAL = frozenset(("time", "timestamp", "instant", "offset", "offset_time", "span", "sent_span"))
UNKNOWN = "unknown"
_DIGITS, _MOST_DIGITS = 6, 9
_LARGEST_DECIMAL = 38


class Limit(NamedTuple):
    """`bytes`: the most of a text or binary value; None: as many as can be. `oversize`: what then."""

    bytes: int | None
    oversize: Literal["reject", "truncate"]


NO_LIMIT = Limit(None, "reject")


@dataclass(frozen=True, slots=True)
class Described:
    """A column as the driver's ResultSetMetaData describes it."""

    name: str
    code: int
    type_name: str
    precision: int
    scale: int
    signed: bool


@dataclass(frozen=True, slots=True)
class Column:
    """`kind` is the Java helper's name of it (Column.of), `type` Arrow's. A "number" is one kept as text."""

    name: str
    kind: str
    type: pa.DataType
    value: str = "?"
    """How SQL has a value that the column is compared with."""
    digits: int = 0
    """Of a second, that a type of times declares."""

    @property
    def metadata(self) -> Mapping[str, str] | None:
        return NUMBER_TEXT if self.kind == "number" else declared(self.digits)


def described(text: str) -> list[Described]:
    """Read the answer of the Java helper's Cursor.execute()."""
    lines = (line.split(_BETWEEN_FIELDS) for line in text.split(_BETWEEN_COLUMNS) if line)
    return [
        Described(_plain(name), int(code), _plain(type_name), int(precision), int(scale), signed == "1")
        for name, code, type_name, precision, scale, signed in lines
    ]


def columns(description: str, dialect: Dialect, unknown: Literal["string", "reject"]) -> tuple[Column, ...]:
    """How the columns are read, and those of types that nobody knows."""
    how = {"string": "text", "reject": "refused"}[unknown]
    found = (column(of, dialect) for of in described(description))
    return tuple(replace(one, kind=how) if one.kind == UNKNOWN else one for one in found)


def unknown_types(description: str, dialect: Dialect) -> Mapping[str, str]:
    """The columns of types that nobody knows, each with its type."""
    found = described(description)
    return {of.name: of.type_name for of in found if column(of, dialect).kind == UNKNOWN}


def without(description: str, names: Collection[str]) -> str:
    """The same, had the columns of these names not been asked for."""
    lines = description.split(_BETWEEN_COLUMNS)
    kept = (line for line in lines if _plain(line.partition(_BETWEEN_FIELDS)[0]) not in names)
    return _BETWEEN_COLUMNS.join(kept)


def _plain(name: str) -> str:
    """As it was before Cursor.java escaped what stands between names."""
    return _ESCAPED.sub(lambda found: _ESCAPES[int(found[1])], name)


def column(of: Described, dialect: Dialect) -> Column:
    found = _column(of, dialect)
    return replace(found, value=dialect.bound_as[of.type_name]) if of.type_name in dialect.bound_as else found


def _column(of: Described, dialect: Dialect) -> Column:
    kind = dialect.kind(of.type_name, of.code) or _standard(of)
    if kind == "decimal":
        return _decimal(of, dialect)
    if kind.removesuffix("_text") in _TEMPORAL:
        return _temporal(of, kind, dialect)
    kind = _LOOSE.get(kind, kind) if dialect.loose else kind
    return Column(of.name, kind, _NAMED.get(kind, pa.string()))


def _standard(of: Described) -> str:
    """By the code alone."""
    kind = _CODES.get(of.code, UNKNOWN)
    if kind == "bit":
        return "binary" if of.precision > 1 else "bool"
    return _WIDER[kind] if kind in _SIGNED and not of.signed else kind


def _decimal(of: Described, dialect: Dialect) -> Column:
    if of.scale == 0 and 0 < of.precision <= dialect.whole_digits:
        return Column(of.name, "int64", pa.int64())
    if 0 < of.precision <= _LARGEST_DECIMAL and 0 <= of.scale <= of.precision:
        return Column(of.name, f"decimal:{of.scale}", pa.decimal128(of.precision, of.scale))
    return Column(of.name, "number", pa.string())


def _digits(of: Described, dialect: Dialect) -> int:
    """Of a second."""
    if dialect.exact_digits:
        return of.scale
    whole = dialect.lengths.get(of.type_name)
    if whole is not None and of.precision >= whole:
        return max(0, of.precision - whole - 1)  # for the point
    return max(_DIGITS, min(of.scale, _MOST_DIGITS))


def _temporal(of: Described, kind: str, dialect: Dialect) -> Column:
    digits = _digits(of, dialect)
    if kind.endswith("_text") or digits > _DIGITS:
        text = kind if kind.endswith("_text") else {"instant": "offset_text"}.get(kind, f"{kind}_text")
        return Column(of.name, f"{text}:{digits}", pa.string())
    read, unit = next((most, unit) for most, unit in _UNITS.items() if most >= digits)
    if kind == "time":
        of_day = pa.time64(unit) if unit == "us" else pa.time32(unit)
        return Column(of.name, f"time:{read}", of_day, digits=max(0, digits))
    moment = pa.timestamp(unit, "UTC" if kind == "instant" else None)
    return Column(of.name, f"{kind}:{read}", moment, digits=max(0, digits))
