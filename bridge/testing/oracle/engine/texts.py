"""Functions of text (SQL Language Reference, Character Functions)."""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import Any

from bridge.testing.oracle.datatypes import VARCHAR2, Type
from bridge.testing.oracle.engine.conversion import as_text
from bridge.testing.oracle.engine.scope import Env, Term, combined
from bridge.testing.oracle.errors import OracleError


def substr(value: str, start: Any, length: Any = None) -> str | None:
    """From the end where `start` is negative; NULL where nothing is left."""
    first = int(start)
    begin = first - 1 if first > 0 else 0 if first == 0 else len(value) + first
    if begin < 0 or (length is not None and length < 1):
        return None
    end = len(value) if length is None else begin + int(length)
    return value[begin:end] or None


def instr(value: str, part: str, start: Any = 1, occurrence: Any = 1) -> int:
    if start < 1:
        raise OracleError(3001)
    place = int(start) - 2
    for _ in range(int(occurrence)):
        place = value.find(part, place + 1)
        if place < 0:
            return 0
    return place + 1


def lpad(value: str, length: Any, fill: str = " ") -> str | None:
    missing = max(int(length) - len(value), 0)
    return (((fill * missing)[:missing] + value)[: int(length)]) or None


def rpad(value: str, length: Any, fill: str = " ") -> str | None:
    return (value + fill * max(int(length) - len(value), 0))[: int(length)] or None


def ltrim(value: str, characters: str = " ") -> str | None:
    return value.lstrip(characters) or None


def rtrim(value: str, characters: str = " ") -> str | None:
    return value.rstrip(characters) or None


def trim(value: str, character: str = " ") -> str | None:
    """ORA-30001: trim set should have only one character."""
    if len(character) != 1:
        raise OracleError(30001)
    return value.strip(character) or None


def translate(value: str, given: str, to: str) -> str | None:
    table = {ord(character): to[place] if place < len(to) else None for place, character in enumerate(given)}
    return value.translate(table) or None


def replacing(terms: list[Term], _: Type | None) -> Term:
    """REPLACE: nothing given removes."""
    value, part = as_text(terms[0]).run, as_text(terms[1]).run
    by = as_text(terms[2]).run if len(terms) > 2 else None

    def run(env: Env) -> str | None:
        given: str | None = value(env)
        old: str | None = part(env)
        if not given or not old:
            return given
        return given.replace(old, (by(env) if by else None) or "") or None

    return combined(terms[0].type if terms[0].type.name == "CLOB" else VARCHAR2, run, terms)


def concat(terms: list[Term], _: Type | None) -> Term:
    one, other = as_text(terms[0]).run, as_text(terms[1]).run
    return combined(VARCHAR2, lambda env: ((one(env) or "") + (other(env) or "")) or None, terms)


def regexp_like(value: str, pattern: str, flags: str = "") -> bool:
    found = 0
    for flag in flags:
        found |= {"i": re.IGNORECASE, "c": 0, "n": re.DOTALL, "m": re.MULTILINE, "x": re.VERBOSE}[flag]
    return re.search(pattern, value, found) is not None


def regexp_substr(value: str, pattern: str) -> str | None:
    match = re.search(pattern, value)
    return (match[0] or None) if match else None


def regexp_replace(value: str, pattern: str, by: str) -> str | None:
    return re.sub(pattern, by, value) or None


def standard_hash(value: str, method: str = "SHA1") -> bytes:
    return hashlib.new(method.lower(), value.encode(), usedforsecurity=False).digest()


def ora_hash(value: str, most: Any = 4_294_967_295) -> int:
    """Some number from 0 to the most: Oracle does not say which."""
    return zlib.crc32(value.encode()) % (int(most) + 1)
