"""From what a driver says of a column to its Arrow type and the kind of buffer the Java helper fills."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from connectors.jdbc.dialects import Dialect

_NAMED = {
    "bool": pa.bool_(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "date": pa.date32(),
    "binary": pa.binary(),
    "long_binary": pa.binary(),
}
_UNITS = {0: "s", 3: "ms", 6: "us"}

# java.sql.Types; a code that is not here is read as text, which loses nothing.
_CODES = {
    16: "bool", -7: "bool", -6: "int16", 5: "int16", 4: "int32", -5: "int64",
    7: "float32", 6: "float64", 8: "float64", 2: "decimal", 3: "decimal",
    91: "date", 92: "time", 93: "timestamp", 2013: "offset_time_text", 2014: "offset_text",
    -2: "binary", -3: "binary", -4: "long_binary", 2004: "long_binary",
    -1: "long_text", -16: "long_text", 2005: "long_text", 2011: "long_text",
}  # fmt: skip
_WIDER = {"int16": "int32", "int32": "int64", "int64": "decimal:0"}
_DIGITS = 6
_LARGEST_DECIMAL = 38


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


def described(text: str) -> list[Described]:
    """Read the answer of the Java helper's Cursor.describe()."""
    lines = (line.split("\x1f") for line in text.split("\x1e") if line)
    return [
        Described(name, int(code), type_name, int(precision), int(scale), signed == "1")
        for name, code, type_name, precision, scale, signed in lines
    ]


def column(of: Described, dialect: Dialect) -> Column:
    kind = dialect.types.get(of.type_name) or _CODES.get(of.code, "text")
    match kind:
        case "decimal":
            return _decimal(of)
        case "int16" | "int32" | "int64" if not of.signed:
            return _unsigned(of, kind)
        case "time" | "timestamp" | "instant" | "offset_text" | "offset_time_text":
            return _temporal(of, kind, dialect)
        case _:
            return Column(of.name, kind, _NAMED.get(kind, pa.string()))


def _decimal(of: Described) -> Column:
    if 0 < of.precision <= _LARGEST_DECIMAL and 0 <= of.scale <= of.precision:
        return Column(of.name, f"decimal:{of.scale}", pa.decimal128(of.precision, of.scale))
    return Column(of.name, "number", pa.string())


def _unsigned(of: Described, kind: str) -> Column:
    wider = _WIDER[kind]
    return Column(of.name, wider, _NAMED.get(wider, pa.decimal128(20, 0)))


def _temporal(of: Described, kind: str, dialect: Dialect) -> Column:
    digits = of.scale if dialect.exact_digits else _DIGITS
    if kind.endswith("_text") or digits > _DIGITS:
        text = kind if kind.endswith("_text") else {"instant": "offset_text"}.get(kind, f"{kind}_text")
        return Column(of.name, f"{text}:{digits}", pa.string())
    digits = next(known for known in _UNITS if known >= digits)
    unit = _UNITS[digits]
    if kind == "time":
        return Column(of.name, f"time:{digits}", pa.time64(unit) if unit == "us" else pa.time32(unit))
    return Column(of.name, f"{kind}:{digits}", pa.timestamp(unit, "UTC" if kind == "instant" else None))
