"""Functions of one row (SQL Language Reference, Functions; PL/SQL Packages and Types Reference)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from bridge.testing.oracle.datatypes import BYTES, DATE, NUMBER, ROWID, VARCHAR2, Type
from bridge.testing.oracle.engine import documents, texts
from bridge.testing.oracle.engine.building import Function, contextual, strict, strictly
from bridge.testing.oracle.engine.choices import coalesce, decode, extreme, nullif, nvl, nvl2
from bridge.testing.oracle.engine.conversion import (
    NOTHING,
    as_number,
    as_text,
    bytes_of,
    decimal_mark,
    family,
    shown,
    text,
)
from bridge.testing.oracle.engine.formats import formatted_stamp
from bridge.testing.oracle.engine.intervals import parsed_day_second
from bridge.testing.oracle.engine.lobs import (
    LARGE,
    empty_lob,
    lob_length,
    lob_part,
    part_of_text,
    text_length,
    to_clob,
)
from bridge.testing.oracle.engine.numbers import formatted_number
from bridge.testing.oracle.engine.rounding import (
    cut_number,
    cut_or_rounded,
    cut_stamp,
    modulo,
    power,
    round_number,
    round_stamp,
    same_number,
    whole,
)
from bridge.testing.oracle.engine.scope import Context, Env, Term, combined
from bridge.testing.oracle.engine.surroundings import context_value
from bridge.testing.oracle.engine.times import (
    add_months,
    extract_utc,
    from_zone,
    interval_of,
    last_day,
    read_by_model,
    scn_time,
    session_now,
    time_scn,
    whole_second,
    zone_text,
)
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import AnyRowId, RowId, Stamp


def _to_char(terms: list[Term], _: Type | None) -> Term:
    value, model = terms[0], terms[1] if len(terms) > 1 else None
    if value.type.name in ("CLOB", "NCLOB"):
        return combined(VARCHAR2, strictly(_short, [value]), terms)
    if model is None or family(value.type) == "CHAR" or value.type == NOTHING:
        return combined(VARCHAR2, as_text(value).run, terms)
    if family(value.type) not in ("NUMBER", "DATE"):
        raise OracleError(932, "NUMBER", value.type.name)
    shape = _shape_number if family(value.type) == "NUMBER" else _shape_stamp
    run, picture, type_ = value.run, as_text(model).run, value.type
    marks = as_text(terms[2]).run if len(terms) > 2 else None

    def formatted(env: Env) -> str | None:
        given, how = run(env), picture(env)
        if given is None or how is None:
            return None
        return shape(env[0], type_, given, how, marks(env) if marks else None)

    return combined(VARCHAR2, formatted, terms)


def _short(value: str) -> str | None:
    if len(value) > 4000:
        raise OracleError(22835, len(value))
    return value or None


def _shape_number(context: Context, _: Type, value: Any, model: str, parameters: str | None) -> str:
    shaped = formatted_number(value, model)
    if parameters is None:
        return decimal_mark(context, shaped)
    name, marks = parameters.split("=", 1) if "=" in parameters else (parameters, ".,")
    if name.strip().upper() != "NLS_NUMERIC_CHARACTERS":
        return shaped
    return shaped.replace(".", marks.strip().strip("'")[0])


def _shape_stamp(context: Context, type_: Type, value: Stamp, model: str, _: str | None) -> str:
    return formatted_stamp(shown(context, type_, value), model, type_)


def _to_number(terms: list[Term], _: Type | None) -> Term:
    if len(terms) > 1:
        raise OracleError(3001)
    return combined(NUMBER, as_number(terms[0]).run, terms)


def _physical(rowid: AnyRowId) -> str:
    """ROWIDTOCHAR: of a ROWID, which the UROWID of an index-organized table is not."""
    if not isinstance(rowid, RowId):
        raise OracleError(1410)
    return str(rowid)


def _create_rowid(kind: Any, object_: Any, file: Any, block: Any, row: Any) -> RowId:
    """DBMS_ROWID.ROWID_CREATE: only extended ones, of kind 1."""
    if kind != 1:
        raise OracleError(3001)
    return RowId(int(object_), int(file), int(block), int(row))


def _rowid_part(place: int) -> Callable[..., int]:
    return lambda rowid, *_: rowid[place]


def _raw_to_hex(terms: list[Term], _: Type | None) -> Term:
    term = terms[0]
    if term.type.name in BYTES or term.type == NOTHING:
        return combined(VARCHAR2, strictly(lambda value: value.hex().upper(), [term]), terms)
    raise OracleError(932, "BINARY", term.type.name)


def _text(terms: list[Term], _: Type | None) -> Term:
    type_, run = terms[0].type, terms[0].run
    return combined(VARCHAR2, lambda env: text(env[0], type_, run(env)), terms)


TIMESTAMP, ZONED_STAMP = Type("TIMESTAMP", scale=9), Type("TIMESTAMP WITH TIME ZONE", scale=9)


SYSTEM_STAMP = Type("TIMESTAMP WITH TIME ZONE", scale=6)


DAY_SECOND = Type("INTERVAL DAY TO SECOND", 9, 9)


RAW = Type("RAW", size=2000)


MANY = 999


FUNCTIONS: Mapping[tuple[str, ...], Function] = {
    ("COALESCE",): Function(2, MANY, coalesce),
    ("NVL",): Function(2, 2, nvl),
    ("NVL2",): Function(3, 3, nvl2),
    ("NULLIF",): Function(2, 2, nullif),
    ("GREATEST",): Function(1, MANY, extreme(max)),
    ("LEAST",): Function(1, MANY, extreme(min)),
    ("DECODE",): Function(3, MANY, decode),
    ("TO_CHAR",): Function(1, 3, _to_char),
    ("TO_NCHAR",): Function(1, 3, _to_char),
    ("TO_NUMBER",): Function(1, 3, _to_number),
    ("TO_DATE",): Function(1, 3, read_by_model(DATE, "DATE")),
    ("TO_TIMESTAMP",): Function(1, 3, read_by_model(TIMESTAMP, "TIMESTAMP")),
    ("TO_TIMESTAMP_TZ",): Function(1, 3, read_by_model(ZONED_STAMP, "TIMESTAMP WITH TIME ZONE")),
    ("TO_DSINTERVAL",): strict(DAY_SECOND, "C", parsed_day_second),
    ("NUMTODSINTERVAL",): strict(DAY_SECOND, "NC", interval_of),
    ("TO_CLOB",): Function(1, 1, to_clob),
    ("TO_BLOB",): strict(LARGE["BLOB"], "B", lambda value: value),
    ("EMPTY_CLOB",): Function(0, 0, empty_lob("CLOB")),
    ("EMPTY_BLOB",): Function(0, 0, empty_lob("BLOB")),
    ("SYS_EXTRACT_UTC",): Function(1, 1, extract_utc),
    ("FROM_TZ",): strict(ZONED_STAMP, "DC", from_zone),
    ("TRUNC",): Function(1, 2, cut_or_rounded(cut_number, cut_stamp)),
    ("ROUND",): Function(1, 2, cut_or_rounded(round_number, round_stamp)),
    ("ADD_MONTHS",): strict(DATE, "DN", add_months),
    ("LAST_DAY",): strict(DATE, "D", last_day),
    ("ABS",): same_number(abs),
    ("SIGN",): same_number(lambda value: (value > 0) - (value < 0)),
    ("CEIL",): same_number(whole("ROUND_CEILING")),
    ("FLOOR",): same_number(whole("ROUND_FLOOR")),
    ("MOD",): strict(NUMBER, "NN", modulo),
    ("POWER",): strict(NUMBER, "NN", power),
    ("BITAND",): strict(NUMBER, "NN", lambda a, b: int(a) & int(b)),
    ("UPPER",): strict(VARCHAR2, "C", str.upper),
    ("LOWER",): strict(VARCHAR2, "C", str.lower),
    ("INITCAP",): strict(VARCHAR2, "C", str.title),
    ("SUBSTR",): Function(2, 3, part_of_text),
    ("INSTR",): strict(NUMBER, "CCNN", texts.instr, 2),
    ("LENGTH",): Function(1, 1, text_length),
    ("LENGTHB",): strict(NUMBER, "C", lambda value: len(value.encode())),
    ("LPAD",): strict(VARCHAR2, "CNC", texts.lpad, 1),
    ("RPAD",): strict(VARCHAR2, "CNC", texts.rpad, 1),
    ("LTRIM",): strict(VARCHAR2, "CC", texts.ltrim, 1),
    ("RTRIM",): strict(VARCHAR2, "CC", texts.rtrim, 1),
    ("TRIM",): strict(VARCHAR2, "CC", texts.trim, 1),
    ("REPLACE",): Function(2, 3, texts.replacing),
    ("TRANSLATE",): strict(VARCHAR2, "CCC", texts.translate),
    ("CONCAT",): Function(2, 2, texts.concat),
    ("CHR",): strict(VARCHAR2, "N", lambda value: chr(int(value))),
    ("ASCII",): strict(NUMBER, "C", lambda value: ord(value[0])),
    ("REGEXP_LIKE",): strict(Type("BOOLEAN"), "CCC", texts.regexp_like, 1),
    ("REGEXP_SUBSTR",): strict(VARCHAR2, "CC", texts.regexp_substr),
    ("REGEXP_REPLACE",): strict(VARCHAR2, "CCC", texts.regexp_replace),
    ("RAWTOHEX",): Function(1, 1, _raw_to_hex),
    ("HEXTORAW",): strict(RAW, "C", bytes_of),
    ("UTL_RAW", "CAST_TO_RAW"): strict(RAW, "C", str.encode),
    ("UTL_RAW", "CAST_TO_VARCHAR2"): strict(VARCHAR2, "B", bytes.decode),
    ("STANDARD_HASH",): strict(RAW, "CC", texts.standard_hash, 1),
    ("ORA_HASH",): strict(NUMBER, "CN", texts.ora_hash, 1),
    ("SYS_GUID",): Function(
        0, 0, lambda _, __: Term(Type("RAW", size=16), lambda _: secrets.token_bytes(16))
    ),
    ("ROWIDTOCHAR",): strict(Type("VARCHAR2", size=18), "R", _physical),
    ("ROWIDTONCHAR",): strict(Type("NVARCHAR2", size=18, unit="CHAR"), "R", _physical),
    ("CHARTOROWID",): strict(ROWID, "C", RowId.parse),
    ("DBMS_ROWID", "ROWID_CREATE"): strict(ROWID, "NNNNN", _create_rowid),
    ("DBMS_ROWID", "ROWID_OBJECT"): strict(NUMBER, "R", _rowid_part(0)),
    ("DBMS_ROWID", "ROWID_RELATIVE_FNO"): strict(NUMBER, "RC", _rowid_part(1), 1),
    ("DBMS_ROWID", "ROWID_BLOCK_NUMBER"): strict(NUMBER, "RC", _rowid_part(2), 1),
    ("DBMS_ROWID", "ROWID_ROW_NUMBER"): strict(NUMBER, "R", _rowid_part(3)),
    ("DBMS_LOB", "GETLENGTH"): Function(1, 1, lob_length),
    ("DBMS_LOB", "SUBSTR"): Function(1, 3, lob_part),
    ("SYS_CONTEXT",): contextual(Type("VARCHAR2", size=256), "CC", context_value),
    ("USER",): contextual(Type("VARCHAR2", size=128), "", lambda context: context.session.user),
    ("UID",): contextual(NUMBER, "", lambda context: context.session.sid),
    ("SYSDATE",): contextual(DATE, "", lambda context: whole_second(context.now)),
    ("SYSTIMESTAMP",): contextual(SYSTEM_STAMP, "", lambda context: context.now),
    ("CURRENT_TIMESTAMP",): contextual(SYSTEM_STAMP, "", session_now),
    ("CURRENT_DATE",): contextual(DATE, "", lambda context: whole_second(session_now(context))),
    ("LOCALTIMESTAMP",): contextual(Type("TIMESTAMP", scale=6), "", lambda c: session_now(c).plain()),
    ("SESSIONTIMEZONE",): contextual(VARCHAR2, "", lambda context: zone_text(context.session.offset)),
    ("DBTIMEZONE",): contextual(VARCHAR2, "", lambda _: "+00:00"),
    ("SCN_TO_TIMESTAMP",): contextual(TIMESTAMP, "N", scn_time),
    ("TIMESTAMP_TO_SCN",): contextual(NUMBER, "D", time_scn),
    ("DBMS_FLASHBACK", "GET_SYSTEM_CHANGE_NUMBER"): contextual(NUMBER, "", lambda context: context.store.scn),
    **{(name,): Function(least, most, build) for name, (least, most, build) in documents.FUNCTIONS.items()},
}


CONSTANTS = frozenset(name for name, function in FUNCTIONS.items() if function.least == 0 and len(name) > 1)
"""Those of packages that need no parentheses."""
