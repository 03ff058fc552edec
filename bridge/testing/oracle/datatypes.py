"""Data types as they are declared (SQL Language Reference, Data Types), read from their text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from bridge.testing.oracle.errors import OracleError

_NUMBERS = re.compile(r"\(\s*([^()]*?)\s*\)")
INTEGERS = frozenset({"INTEGER", "INT", "SMALLINT"})
DECIMALS = frozenset({"DECIMAL", "DEC", "NUMERIC"})
ALIASES = {
    "CHAR VARYING": "VARCHAR2",
    "CHARACTER": "CHAR",
    "CHARACTER VARYING": "VARCHAR2",
    "DOUBLE PRECISION": "FLOAT",
    "NATIONAL CHARACTER": "NCHAR",
    "REAL": "FLOAT",
    "SYS.XMLTYPE": "XMLTYPE",
    "VARCHAR": "VARCHAR2",
}
PLAIN = frozenset(
    {
        *("NUMBER", "FLOAT", "BINARY_FLOAT", "BINARY_DOUBLE", "CHAR", "VARCHAR2", "NCHAR", "NVARCHAR2"),
        *("LONG", "LONG RAW", "RAW", "CLOB", "NCLOB", "BLOB", "BFILE", "DATE", "ROWID", "UROWID"),
        *("BOOLEAN", "JSON", "XMLTYPE", "VECTOR"),
        *("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE"),
        *("INTERVAL DAY TO SECOND", "INTERVAL YEAR TO MONTH"),
    }
)
CHARACTERS = frozenset({"CHAR", "VARCHAR2", "NCHAR", "NVARCHAR2", "CLOB", "NCLOB", "LONG"})
NUMBERS = frozenset({"NUMBER", "FLOAT", "BINARY_FLOAT", "BINARY_DOUBLE"})
TIMES = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE"})
INTERVALS = frozenset({"INTERVAL DAY TO SECOND", "INTERVAL YEAR TO MONTH"})
BYTES = frozenset({"RAW", "BLOB", "LONG RAW"})


@dataclass(frozen=True, slots=True)
class Type:
    """A type: `name` is one of PLAIN, or the `OWNER.NAME` of an object type.

    `size` counts characters, bytes (RAW) or dimensions (VECTOR); `precision` and `scale` are NUMBER's, or a
    FLOAT's binary digits; a TIMESTAMP's and INTERVAL's digits of the second are its `scale`, the leading
    field's digits its `precision`. `unit` is the CHAR or BYTE of its length, or a VECTOR's format.
    """

    name: str
    precision: int | None = None
    scale: int | None = None
    size: int | None = None
    unit: str = ""

    @property
    def of_object(self) -> bool:
        return self.name not in PLAIN


NUMBER = Type("NUMBER")
VARCHAR2 = Type("VARCHAR2", size=4000)
BOOLEAN = Type("BOOLEAN")
DATE = Type("DATE")
ROWID = Type("ROWID")


@lru_cache(maxsize=4096)
def parse_type(declared: str) -> Type:
    """The type that a column declaration names; ORA-00902 for what is none."""
    text = " ".join(declared.split())
    arguments = [match[1].upper() for match in _NUMBERS.finditer(text)]
    words = " ".join(_NUMBERS.sub(" ", text).upper().split())
    if words in INTEGERS:
        return Type("NUMBER", 38, 0)
    if words in DECIMALS:
        words, arguments = "NUMBER", arguments or ["38,0"]
    name = ALIASES.get(words, words)
    if name not in PLAIN:
        return _object(name)
    return _sized(Type(name), words, arguments)


def _object(name: str) -> Type:
    plain = name.replace('"', "")
    if plain.count(".") != 1:
        raise OracleError(902)
    return Type(plain)


def _sized(type_: Type, words: str, arguments: list[str]) -> Type:  # noqa: PLR0911 -- one line a type
    parts = [part.strip() for argument in arguments for part in argument.split(",")]
    match type_.name:
        case "NUMBER":
            numbers = [None if part == "*" else int(part) for part in parts]
            if not numbers:
                return type_
            return replace(type_, precision=numbers[0] or 38, scale=numbers[1] if len(numbers) > 1 else 0)
        case "FLOAT":
            return replace(type_, precision=int(parts[0]) if parts else (63 if words == "REAL" else 126))
        case "CHAR" | "NCHAR" | "VARCHAR2" | "NVARCHAR2" | "RAW" | "UROWID":
            return _with_length(type_, parts)
        case "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE" | "TIMESTAMP WITH LOCAL TIME ZONE":
            return replace(type_, scale=int(parts[0]) if parts else 6)
        case "INTERVAL DAY TO SECOND":
            leading, second = _interval_digits(arguments)
            return replace(type_, precision=leading, scale=second)
        case "INTERVAL YEAR TO MONTH":
            return replace(type_, precision=int(parts[0]) if parts else 2)
        case "VECTOR":
            size = int(parts[0]) if parts and parts[0] != "*" else None
            return replace(type_, size=size, unit=parts[1] if len(parts) > 1 and parts[1] != "*" else "")
        case _ if parts:
            raise OracleError(907)
    return type_


def _with_length(type_: Type, parts: list[str]) -> Type:
    if not parts:
        return replace(type_, size=4000 if type_.name == "UROWID" else 1)
    length, _, unit = parts[0].partition(" ")
    return replace(type_, size=int(length), unit=unit or ("CHAR" if type_.name.startswith("N") else "BYTE"))


def _interval_digits(arguments: list[str]) -> tuple[int, int]:
    """`INTERVAL DAY(p) TO SECOND(s)`; one number alone is the day's."""
    digits = [int(argument) for argument in arguments]
    return digits[0] if digits else 2, digits[1] if len(digits) > 1 else 6
