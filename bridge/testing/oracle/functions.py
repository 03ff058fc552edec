"""Functions of one row (SQL Language Reference, Functions; PL/SQL Packages and Types Reference)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bridge.testing.oracle import documents, texts
from bridge.testing.oracle.arithmetic import by_months
from bridge.testing.oracle.coercion import shortest
from bridge.testing.oracle.conversion import (
    CONVERSIONS,
    FORMATS,
    NOTHING,
    as_number,
    as_text,
    bytes_of,
    comparable,
    decimal_mark,
    family,
    shown,
    text,
    unified,
)
from bridge.testing.oracle.datatypes import BYTES, DATE, NUMBER, ROWID, VARCHAR2, Type
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.formats import (
    ZONED,
    formatted_stamp,
    parsed_day_second,
    parsed_stamp,
    zone_offset,
)
from bridge.testing.oracle.numbers import formatted_number
from bridge.testing.oracle.scope import Context, Env, Term, combined
from bridge.testing.oracle.session import Session
from bridge.testing.oracle.values import DAY, SECOND, AnyRowId, DaySecond, Fields, RowId, Stamp

Build = Callable[[list[Term], Type | None], Term]


@dataclass(frozen=True, slots=True)
class Function:
    """How often it takes arguments, and what makes a term of them."""

    least: int
    most: int
    build: Build


def strict(type_: Type, kinds: str, run: Callable[..., Any], optional: int = 0) -> Function:
    """A function that is NULL where an argument is.

    `kinds` says what each is turned into: C text, N number, D date, R ROWID, B bytes, - what it is.
    """

    def build(terms: list[Term], _: Type | None) -> Term:
        return combined(type_, _strictly(run, _converted(kinds, terms)), terms)

    return Function(len(kinds) - optional, len(kinds), build)


def contextual(type_: Type, kinds: str, run: Callable[..., Any], optional: int = 0) -> Function:
    """The same for a function that asks the session or the database, too: its first argument."""

    def build(terms: list[Term], _: Type | None) -> Term:
        inner = _strictly(run, [Term(NOTHING, lambda env: env[0]), *_converted(kinds, terms)])
        return combined(type_, inner, [*terms, Term(NOTHING, lambda _: None, frozenset({0}))])

    return Function(len(kinds) - optional, len(kinds), build)


_KINDS = {"C": "CHAR", "N": "NUMBER", "D": "DATE", "R": "ROWID", "B": "RAW"}


def _converted(kinds: str, terms: Sequence[Term]) -> list[Term]:
    return [
        term if kind == "-" or term.type == NOTHING else CONVERSIONS[_KINDS[kind]](term)
        for kind, term in zip(kinds, terms, strict=False)
    ]


def _strictly(run: Callable[..., Any], terms: Sequence[Term]) -> Callable[[Env], Any]:
    runs = [term.run for term in terms]
    if len(runs) == 1:
        only = runs[0]
        return lambda env: None if (value := only(env)) is None else run(value)

    def strictly(env: Env) -> Any:
        values = [each(env) for each in runs]
        return None if None in values else run(*values)

    return strictly


# -- the choice between values


def _coalesce(terms: list[Term], _: Type | None) -> Term:
    runs = [term.run for term in terms]
    return combined(
        unified(terms), lambda env: next((v for run in runs if (v := run(env)) is not None), None), terms
    )


def _nvl(terms: list[Term], _: Type | None) -> Term:
    """NVL turns the second into the type of the first."""
    first, second = terms
    if first.type != NOTHING and family(second.type) != family(first.type) and second.type != NOTHING:
        second = CONVERSIONS[family(first.type)](second)
    return _coalesce([first, second], None)


def _nvl2(terms: list[Term], _: Type | None) -> Term:
    test, there, missing = (term.run for term in terms)
    return combined(unified(terms[1:]), lambda env: (missing if test(env) is None else there)(env), terms)


def _nullif(terms: list[Term], _: Type | None) -> Term:
    one, other = comparable(*terms)
    value = terms[0].run
    return combined(terms[0].type, lambda env: None if one(env) == other(env) else value(env), terms)


def _extreme(choose: Callable[[list[Any]], Any]) -> Build:
    """GREATEST and LEAST: all in the type of the first, NULL if one is."""

    def build(terms: list[Term], _: Type | None) -> Term:
        kind = family(terms[0].type)
        same = [t if t.type == NOTHING or family(t.type) == kind else CONVERSIONS[kind](t) for t in terms]
        runs = [term.run for term in same]

        def run(env: Env) -> Any:
            values = [each(env) for each in runs]
            return None if None in values else choose(values)

        return combined(unified(same), run, terms)

    return build


def _decode(terms: list[Term], _: Type | None) -> Term:
    """DECODE: NULL equals NULL here."""
    subject, rest = terms[0], terms[1:]
    default = rest.pop() if len(rest) % 2 else None
    pairs = [(comparable(subject, rest[place]), rest[place + 1].run) for place in range(0, len(rest), 2)]
    results = [*rest[1::2], *([default] if default else [])]

    def run(env: Env) -> Any:
        for (one, other), value in pairs:
            if one(env) == other(env):
                return value(env)
        return default.run(env) if default else None

    return combined(unified(results), run, terms)


# -- conversions


def _to_char(terms: list[Term], _: Type | None) -> Term:
    value, model = terms[0], terms[1] if len(terms) > 1 else None
    if value.type.name in ("CLOB", "NCLOB"):
        return combined(VARCHAR2, _strictly(_short, [value]), terms)
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


def _reading(type_: Type, setting: str) -> Build:
    """TO_DATE and its like: by the model given, or by the session's."""

    def build(terms: list[Term], _: Type | None) -> Term:
        value, model = as_text(terms[0]).run, as_text(terms[1]).run if len(terms) > 1 else None

        def read(env: Env) -> Stamp | None:
            given = value(env)
            how = model(env) if model else env[0].session.settings.get(*FORMATS[setting])
            if given is None or how is None:
                return None
            offset = env[0].session.offset if type_.name in ZONED else None
            return parsed_stamp(given, how, env[0].now, offset)

        return combined(type_, read, terms)

    return build


_LARGE = {"CLOB": Type("CLOB"), "BLOB": Type("BLOB")}


def _to_clob(terms: list[Term], _: Type | None) -> Term:
    if family(terms[0].type) == "RAW":
        run = terms[0].run
        return combined(_LARGE["CLOB"], lambda env: None if (v := run(env)) is None else v.decode(), terms)
    return combined(_LARGE["CLOB"], as_text(terms[0]).run, terms)


def _interval_of(number: Any, unit: str) -> DaySecond:
    units = {"DAY": DAY, "HOUR": 3600 * SECOND, "MINUTE": 60 * SECOND, "SECOND": SECOND}
    if unit.strip().upper() not in units:
        raise OracleError(1867)
    return DaySecond(round(Decimal(str(number)) * units[unit.strip().upper()]))


def _utc(terms: list[Term], _: Type | None) -> Term:
    """SYS_EXTRACT_UTC: of a value without zone as the session sees it."""
    term = terms[0]
    if family(term.type) != "DATE":
        raise OracleError(30175)
    run = term.run

    def extract(env: Env) -> Stamp | None:
        stamp: Stamp | None = run(env)
        if stamp is None:
            return None
        return (
            (stamp if stamp.offset is not None else Stamp(stamp.wall, env[0].session.offset)).zoned(0).plain()
        )

    return combined(
        Type("TIMESTAMP", scale=6 if term.type.scale is None else term.type.scale), extract, terms
    )


def _from_zone(stamp: Stamp, zone: str) -> Stamp:
    return Stamp(stamp.wall, zone_offset(zone, stamp.wall))


# -- dates and numbers cut


def _rounding(digits: Callable[[Any, int], Any], dates: Callable[[Stamp, str], Stamp]) -> Build:
    def build(terms: list[Term], _: Type | None) -> Term:
        if family(terms[0].type) == "DATE":
            unit = as_text(terms[1]) if len(terms) > 1 else Term(VARCHAR2, lambda _: "DD")
            return combined(DATE, _strictly(dates, [terms[0], unit]), terms)
        places = as_number(terms[1]) if len(terms) > 1 else Term(NUMBER, lambda _: 0)
        return combined(NUMBER, _strictly(digits, [as_number(terms[0]), places]), terms)

    return build


def _cut_number(value: Any, places: int) -> Any:
    return _at(value, places, "ROUND_DOWN")


def _round_number(value: Any, places: int) -> Any:
    return _at(value, places, "ROUND_HALF_UP")


def _at(value: Any, places: int, rounding: str) -> Any:
    scaled = Decimal(str(value)).scaleb(int(places)).to_integral_value(rounding=rounding)
    return (
        float(scaled.scaleb(-int(places)))
        if isinstance(value, float)
        else shortest(scaled.scaleb(-int(places)))
    )


def cut_stamp(stamp: Stamp, unit: str) -> Stamp:
    """TRUNC (date); ORA-01898 for a unit that is not known here."""
    fields, unit = stamp.fields, unit.upper()
    if unit in ("DD", "DDD", "J"):
        return Stamp(stamp.wall // DAY * DAY)
    if unit in ("HH", "HH12", "HH24", "MI"):
        size = 3600 * SECOND if unit != "MI" else 60 * SECOND
        return Stamp(stamp.wall // size * size)
    if unit in ("MM", "MON", "MONTH"):
        return Stamp.at(Fields(fields.year, fields.month, 1, 0, 0, 0, 0))
    if unit in ("YYYY", "YEAR", "YY", "SYYYY"):
        return Stamp.at(Fields(fields.year, 1, 1, 0, 0, 0, 0))
    raise OracleError(1898)


def _round_stamp(stamp: Stamp, unit: str) -> Stamp:
    if unit.upper() not in ("DD", "DDD", "J"):
        raise OracleError(1898)
    return Stamp((stamp.wall + DAY // 2) // DAY * DAY)


def _add_months(stamp: Stamp, months: Any) -> Stamp:
    """The last day of a month stays the last one."""
    last = _last_day(stamp)
    first = by_months(Stamp(stamp.wall - (stamp.fields.day - 1) * DAY), int(months))
    end = _last_day(first)
    if last.fields.day == stamp.fields.day or stamp.fields.day > end.fields.day:
        return Stamp(end.wall // DAY * DAY + stamp.wall % DAY)
    return first.shifted((stamp.fields.day - 1) * DAY)


def _last_day(stamp: Stamp) -> Stamp:
    first = Stamp(stamp.wall - (stamp.fields.day - 1) * DAY)
    return by_months(first, 1).shifted(-DAY)


def _modulo(a: Any, b: Any) -> Any:
    if b == 0:
        return a
    if isinstance(a, float) or isinstance(b, float):
        return float(a) - float(b) * int(a / b)
    return shortest(Decimal(a) % Decimal(b))


def _power(a: Any, b: Any) -> Any:
    return float(a) ** float(b) if isinstance(a, float) else shortest(Decimal(a) ** Decimal(b))


def _whole(rounding: str) -> Callable[[Any], Any]:
    return lambda value: _at_unit(value, rounding)


def _at_unit(value: Any, rounding: str) -> Any:
    return shortest(Decimal(str(value)).to_integral_value(rounding=rounding))


def _same_number(function: Callable[[Any], Any]) -> Function:
    return strict(NUMBER, "N", function)


# -- the session and the database


def _context_value(context: Context, namespace: str, name: str) -> str | None:
    """SYS_CONTEXT; ORA-02003 for a parameter that USERENV does not have."""
    if namespace.upper() != "USERENV":
        return None
    known = {**_USERENV, **_of_session(context.session), **context.session.context}
    if name.upper() not in known:
        raise OracleError(2003)
    return known[name.upper()] or None


def _of_session(session: Session) -> dict[str, str]:
    return {
        "SESSION_USER": session.user,
        "CURRENT_USER": session.user,
        "CURRENT_SCHEMA": session.schema,
        "SID": str(session.sid),
        "SESSIONID": str(session.sid),
        "NLS_DATE_FORMAT": session.settings.get(*FORMATS["DATE"]),
    }


_UNTOLD = (
    *("MODULE", "ACTION", "CLIENT_IDENTIFIER", "CLIENT_INFO", "PROXY_USER", "HOST", "IP_ADDRESS", "OS_USER"),
    *("TERMINAL", "CURRENT_EDITION_NAME", "SERVICE_NAME", "DB_DOMAIN"),
)
_USERENV = {
    **dict.fromkeys(_UNTOLD, ""),
    "DB_NAME": "FREE",
    "DB_UNIQUE_NAME": "FREE",
    "CON_NAME": "FREEPDB1",
    "CON_ID": "3",
    "INSTANCE": "1",
    "INSTANCE_NAME": "FREE",
    "SERVER_HOST": "simulator",
    "DATABASE_ROLE": "PRIMARY",
    "LANG": "US",
    "ISDBA": "FALSE",
}
"""What nobody told the session otherwise."""


def _scn_time(context: Context, scn: Any) -> Stamp:
    return context.store.wall(context.store.time_of(int(scn))).plain()


def _time_scn(context: Context, stamp: Stamp) -> int:
    return context.store.scn_at(instant(context, stamp))


def instant(context: Context, stamp: Stamp) -> int:
    """A moment in nanoseconds of UTC since 1970; without a zone it is the server's own."""
    return (stamp if stamp.offset is not None else Stamp(stamp.wall, context.store.offset)).unix


def _session_now(context: Context) -> Stamp:
    return context.now.zoned(context.session.offset)


def _zone_text(offset: int) -> str:
    return f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"


def _whole_second(stamp: Stamp) -> Stamp:
    return Stamp(stamp.wall // SECOND * SECOND)


# -- addresses


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


# -- large objects


def _lob_length(terms: list[Term], _: Type | None) -> Term:
    if terms[0].type.name not in ("CLOB", "NCLOB", "BLOB", "BFILE", "VARCHAR2", "CHAR", "RAW"):
        raise OracleError(932, "CLOB", terms[0].type.name)
    return combined(NUMBER, _strictly(len, terms), terms)


def _lob_part(terms: list[Term], _: Type | None) -> Term:
    """DBMS_LOB.SUBSTR(lob, amount, offset)."""
    amount = as_number(terms[1]) if len(terms) > 1 else Term(NUMBER, lambda _: 32_767)
    offset = as_number(terms[2]) if len(terms) > 2 else Term(NUMBER, lambda _: 1)
    type_ = Type("RAW", size=2000) if family(terms[0].type) == "RAW" else VARCHAR2

    def part(value: Any, count: int, start: int) -> Any:
        if type_.name == "RAW" and count > 2000:
            raise OracleError(6502)
        return value[start - 1 : start - 1 + count] or None

    return combined(type_, _strictly(part, [terms[0], amount, offset]), terms)


def _substr(terms: list[Term], _: Type | None) -> Term:
    source = as_text(terms[0])
    type_ = Type("CLOB") if source.type.name in ("CLOB", "NCLOB") else source.type
    if type_.name == "CHAR":
        type_ = Type("VARCHAR2", size=type_.size, unit=type_.unit)
    return combined(type_, _strictly(texts.substr, [source, *_converted("NN", terms[1:])]), terms)


def _length(terms: list[Term], _: Type | None) -> Term:
    return combined(NUMBER, _strictly(len, [as_text(terms[0])]), terms)


def _empty(kind: str) -> Build:
    return lambda _terms, _: Term(_LARGE[kind], lambda _: "" if kind == "CLOB" else b"")


def _raw_to_hex(terms: list[Term], _: Type | None) -> Term:
    term = terms[0]
    if term.type.name in BYTES or term.type == NOTHING:
        return combined(VARCHAR2, _strictly(lambda value: value.hex().upper(), [term]), terms)
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
    ("COALESCE",): Function(2, MANY, _coalesce),
    ("NVL",): Function(2, 2, _nvl),
    ("NVL2",): Function(3, 3, _nvl2),
    ("NULLIF",): Function(2, 2, _nullif),
    ("GREATEST",): Function(1, MANY, _extreme(max)),
    ("LEAST",): Function(1, MANY, _extreme(min)),
    ("DECODE",): Function(3, MANY, _decode),
    ("TO_CHAR",): Function(1, 3, _to_char),
    ("TO_NCHAR",): Function(1, 3, _to_char),
    ("TO_NUMBER",): Function(1, 3, _to_number),
    ("TO_DATE",): Function(1, 3, _reading(DATE, "DATE")),
    ("TO_TIMESTAMP",): Function(1, 3, _reading(TIMESTAMP, "TIMESTAMP")),
    ("TO_TIMESTAMP_TZ",): Function(1, 3, _reading(ZONED_STAMP, "TIMESTAMP WITH TIME ZONE")),
    ("TO_DSINTERVAL",): strict(DAY_SECOND, "C", parsed_day_second),
    ("NUMTODSINTERVAL",): strict(DAY_SECOND, "NC", _interval_of),
    ("TO_CLOB",): Function(1, 1, _to_clob),
    ("TO_BLOB",): strict(_LARGE["BLOB"], "B", lambda value: value),
    ("EMPTY_CLOB",): Function(0, 0, _empty("CLOB")),
    ("EMPTY_BLOB",): Function(0, 0, _empty("BLOB")),
    ("SYS_EXTRACT_UTC",): Function(1, 1, _utc),
    ("FROM_TZ",): strict(ZONED_STAMP, "DC", _from_zone),
    ("TRUNC",): Function(1, 2, _rounding(_cut_number, cut_stamp)),
    ("ROUND",): Function(1, 2, _rounding(_round_number, _round_stamp)),
    ("ADD_MONTHS",): strict(DATE, "DN", _add_months),
    ("LAST_DAY",): strict(DATE, "D", _last_day),
    ("ABS",): _same_number(abs),
    ("SIGN",): _same_number(lambda value: (value > 0) - (value < 0)),
    ("CEIL",): _same_number(_whole("ROUND_CEILING")),
    ("FLOOR",): _same_number(_whole("ROUND_FLOOR")),
    ("MOD",): strict(NUMBER, "NN", _modulo),
    ("POWER",): strict(NUMBER, "NN", _power),
    ("BITAND",): strict(NUMBER, "NN", lambda a, b: int(a) & int(b)),
    ("UPPER",): strict(VARCHAR2, "C", str.upper),
    ("LOWER",): strict(VARCHAR2, "C", str.lower),
    ("INITCAP",): strict(VARCHAR2, "C", str.title),
    ("SUBSTR",): Function(2, 3, _substr),
    ("INSTR",): strict(NUMBER, "CCNN", texts.instr, 2),
    ("LENGTH",): Function(1, 1, _length),
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
    ("DBMS_LOB", "GETLENGTH"): Function(1, 1, _lob_length),
    ("DBMS_LOB", "SUBSTR"): Function(1, 3, _lob_part),
    ("SYS_CONTEXT",): contextual(Type("VARCHAR2", size=256), "CC", _context_value),
    ("USER",): contextual(Type("VARCHAR2", size=128), "", lambda context: context.session.user),
    ("UID",): contextual(NUMBER, "", lambda context: context.session.sid),
    ("SYSDATE",): contextual(DATE, "", lambda context: _whole_second(context.now)),
    ("SYSTIMESTAMP",): contextual(SYSTEM_STAMP, "", lambda context: context.now),
    ("CURRENT_TIMESTAMP",): contextual(SYSTEM_STAMP, "", _session_now),
    ("CURRENT_DATE",): contextual(DATE, "", lambda context: _whole_second(_session_now(context))),
    ("LOCALTIMESTAMP",): contextual(Type("TIMESTAMP", scale=6), "", lambda c: _session_now(c).plain()),
    ("SESSIONTIMEZONE",): contextual(VARCHAR2, "", lambda context: _zone_text(context.session.offset)),
    ("DBTIMEZONE",): contextual(VARCHAR2, "", lambda _: "+00:00"),
    ("SCN_TO_TIMESTAMP",): contextual(TIMESTAMP, "N", _scn_time),
    ("TIMESTAMP_TO_SCN",): contextual(NUMBER, "D", _time_scn),
    ("DBMS_FLASHBACK", "GET_SYSTEM_CHANGE_NUMBER"): contextual(NUMBER, "", lambda context: context.store.scn),
    **{(name,): Function(least, most, build) for name, (least, most, build) in documents.FUNCTIONS.items()},
}
CONSTANTS = frozenset(name for name, function in FUNCTIONS.items() if function.least == 0 and len(name) > 1)
"""Those of packages that need no parentheses."""
