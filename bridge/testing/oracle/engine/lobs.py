"""Large objects and parts of texts (PL/SQL Packages and Types Reference, DBMS_LOB)."""

from __future__ import annotations

from typing import Any

from bridge.testing.oracle.datatypes import NUMBER, VARCHAR2, Type
from bridge.testing.oracle.engine import texts
from bridge.testing.oracle.engine.building import Build, converted, strictly
from bridge.testing.oracle.engine.conversion import (
    as_number,
    as_text,
    family,
)
from bridge.testing.oracle.engine.scope import Term, combined
from bridge.testing.oracle.errors import OracleError

LARGE = {"CLOB": Type("CLOB"), "BLOB": Type("BLOB")}


def to_clob(terms: list[Term], _: Type | None) -> Term:
    if family(terms[0].type) == "RAW":
        run = terms[0].run
        return combined(LARGE["CLOB"], lambda env: None if (v := run(env)) is None else v.decode(), terms)
    return combined(LARGE["CLOB"], as_text(terms[0]).run, terms)


def lob_length(terms: list[Term], _: Type | None) -> Term:
    if terms[0].type.name not in ("CLOB", "NCLOB", "BLOB", "BFILE", "VARCHAR2", "CHAR", "RAW"):
        raise OracleError(932, "CLOB", terms[0].type.name)
    return combined(NUMBER, strictly(len, terms), terms)


def lob_part(terms: list[Term], _: Type | None) -> Term:
    """DBMS_LOB.SUBSTR(lob, amount, offset)."""
    amount = as_number(terms[1]) if len(terms) > 1 else Term(NUMBER, lambda _: 32_767)
    offset = as_number(terms[2]) if len(terms) > 2 else Term(NUMBER, lambda _: 1)
    type_ = Type("RAW", size=2000) if family(terms[0].type) == "RAW" else VARCHAR2

    def part(value: Any, count: int, start: int) -> Any:
        if type_.name == "RAW" and count > 2000:
            raise OracleError(6502)
        return value[start - 1 : start - 1 + count] or None

    return combined(type_, strictly(part, [terms[0], amount, offset]), terms)


def part_of_text(terms: list[Term], _: Type | None) -> Term:
    source = as_text(terms[0])
    type_ = Type("CLOB") if source.type.name in ("CLOB", "NCLOB") else source.type
    if type_.name == "CHAR":
        type_ = Type("VARCHAR2", size=type_.size, unit=type_.unit)
    return combined(type_, strictly(texts.substr, [source, *converted("NN", terms[1:])]), terms)


def text_length(terms: list[Term], _: Type | None) -> Term:
    """Of a BLOB its bytes, though the manual names character types alone; a RAW would be read as text."""
    if terms[0].type.name == "BLOB":
        return combined(NUMBER, strictly(len, terms), terms)
    return combined(NUMBER, strictly(len, [as_text(terms[0])]), terms)


def empty_lob(kind: str) -> Build:
    return lambda _terms, _: Term(LARGE[kind], lambda _: "" if kind == "CLOB" else b"")
