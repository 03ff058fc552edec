"""Values turned into other types, asked for or not (SQL Language Reference, Data Type Comparison Rules)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bridge.testing.oracle.coercion import number_of
from bridge.testing.oracle.datatypes import BYTES, CHARACTERS, INTERVALS, NUMBERS, TIMES, VARCHAR2, Type
from bridge.testing.oracle.engine.formats import formatted_stamp
from bridge.testing.oracle.engine.intervals import interval_text
from bridge.testing.oracle.engine.numbers import number_text
from bridge.testing.oracle.engine.scope import Context, Env, Run, Term, combined
from bridge.testing.oracle.engine.times_read import parsed_stamp
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import AnyRowId, DaySecond, LogicalId, RowId, Stamp, Xml, YearMonth

FORMATS = {
    "DATE": ("NLS_DATE_FORMAT", "DD-MON-RR"),
    "TIMESTAMP": ("NLS_TIMESTAMP_FORMAT", "DD-MON-RR HH.MI.SSXFF AM"),
    "TIMESTAMP WITH TIME ZONE": ("NLS_TIMESTAMP_TZ_FORMAT", "DD-MON-RR HH.MI.SSXFF AM TZR"),
    "TIMESTAMP WITH LOCAL TIME ZONE": ("NLS_TIMESTAMP_FORMAT", "DD-MON-RR HH.MI.SSXFF AM"),
}
"""The session's settings that shape dates, and what they are where nobody set them."""
NOTHING = Type("VARCHAR2", size=0)
"""The type of NULL."""
LARGE = frozenset({"CLOB", "NCLOB", "BLOB", "LONG", "LONG RAW", "BFILE"})
UNORDERED = LARGE | {"JSON", "XMLTYPE", "VECTOR"}
"""Types whose values are not compared, sorted or grouped."""


def family(type_: Type) -> str:
    """Types that compare with each other as they are."""
    for name, types in (
        ("NUMBER", NUMBERS),
        ("CHAR", CHARACTERS),
        ("DATE", TIMES),
        ("RAW", BYTES),
        ("ROWID", ("ROWID", "UROWID")),
    ):
        if type_.name in types:
            return name
    return type_.name


def text(context: Context, type_: Type, value: Any) -> str | None:  # noqa: PLR0911 -- one line a type
    """As text by the settings of the session."""
    match value:
        case None | str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float() | Decimal():
            return decimal_mark(context, number_text(value))
        case Stamp():
            setting, default = FORMATS[type_.name]
            return formatted_stamp(
                shown(context, type_, value), context.session.settings.get(setting, default), type_
            )
        case RowId() | LogicalId():
            return str(value)
        case bytes() if type_.name in BYTES:
            return value.hex().upper()
        case DaySecond() | YearMonth():
            return interval_text(value, type_)
        case Xml():
            return value.text
    raise OracleError(932, "CHAR", type_.name)


def decimal_mark(context: Context, number: str) -> str:
    """With the session's own decimal mark (NLS_NUMERIC_CHARACTERS)."""
    marks = context.session.settings.get("NLS_NUMERIC_CHARACTERS", ".,")
    return number if marks[0] == "." else number.replace(".", marks[0])


def shown(context: Context, type_: Type, stamp: Stamp) -> Stamp:
    """A value WITH LOCAL TIME ZONE as the session sees it."""
    return stamp.zoned(context.session.offset) if type_.name == "TIMESTAMP WITH LOCAL TIME ZONE" else stamp


def as_text(term: Term) -> Term:
    """A BLOB is no text, and a LONG stands in no expression."""
    if term.type.name in ("BLOB", "LONG", "LONG RAW", "JSON", "VECTOR") or term.type.of_object:
        raise OracleError(932, "CHAR", term.type.name)
    if family(term.type) == "CHAR":
        return term
    run, type_ = term.run, term.type
    return combined(VARCHAR2, lambda env: text(env[0], type_, run(env)), [term])


def as_number(term: Term) -> Term:
    if family(term.type) == "NUMBER":
        return term
    if family(term.type) != "CHAR":
        raise OracleError(932, "NUMBER", term.type.name)
    run = term.run
    return combined(Type("NUMBER"), _lifted(number_of, run), [term])


def as_stamp(term: Term) -> Term:
    """Text is read by the session's format of dates."""
    if family(term.type) == "DATE":
        return term
    if family(term.type) != "CHAR":
        raise OracleError(932, "DATE", term.type.name)
    run = term.run

    def read(env: Env) -> Stamp | None:
        value = run(env)
        model = env[0].session.settings.get(*FORMATS["DATE"])
        return None if value is None else parsed_stamp(value, model, env[0].now)

    return combined(Type("DATE"), read, [term])


def as_rowid(term: Term) -> Term:
    if family(term.type) == "ROWID":
        return term
    if family(term.type) != "CHAR":
        raise OracleError(932, "ROWID", term.type.name)
    return combined(Type("ROWID"), _lifted(rowid_of, term.run), [term])


def as_bytes(term: Term) -> Term:
    if family(term.type) == "RAW":
        return term
    if family(term.type) != "CHAR":
        raise OracleError(932, "BINARY", term.type.name)
    return combined(Type("RAW", size=2000), _lifted(bytes_of, term.run), [term])


def rowid_of(value: str) -> AnyRowId:
    """The ROWID that a text shows; ORA-01410."""
    if value.startswith("*"):
        return LogicalId.parse(value)
    return RowId.parse(value)


def bytes_of(value: str) -> bytes:
    """From hexadecimal digits; ORA-01465."""
    try:
        return bytes.fromhex(value if len(value) % 2 == 0 else "0" + value)
    except ValueError:
        raise OracleError(1465) from None


def _lifted(function: Callable[[Any], Any], run: Run) -> Run:
    """NULL stays NULL."""

    def lifted(env: Env) -> Any:
        value = run(env)
        return None if value is None else function(value)

    return lifted


CONVERSIONS: dict[str, Callable[[Term], Term]] = {
    "CHAR": as_text,
    "NUMBER": as_number,
    "DATE": as_stamp,
    "ROWID": as_rowid,
    "RAW": as_bytes,
}


def comparable(left: Term, right: Term) -> tuple[Run, Run]:
    """Both sides so that Python compares them as Oracle does; ORA-00932."""
    if NOTHING in (left.type, right.type):
        return left.run, right.run
    if left.type.name in LARGE or right.type.name in LARGE:
        raise OracleError(932, "-", left.type.name if left.type.name in LARGE else right.type.name)
    one, other = family(left.type), family(right.type)
    if one == other:
        return _same(left, right)
    for mine, theirs, swap in ((one, other, False), (other, one, True)):
        if theirs == "CHAR" and mine in CONVERSIONS:
            converted = CONVERSIONS[mine](left if swap else right)
            return (converted.run, right.run) if swap else (left.run, converted.run)
    raise OracleError(932, left.type.name, right.type.name)


def _same(left: Term, right: Term) -> tuple[Run, Run]:
    blank = ("CHAR", "NCHAR")
    if left.type.name in blank and right.type.name in blank:
        return _stripped(left.run), _stripped(right.run)
    zoned = "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE"
    if family(left.type) == "DATE" and (left.type.name in zoned) != (right.type.name in zoned):
        return _in_session(left), _in_session(right)
    if family(left.type) not in (*CONVERSIONS, "BOOLEAN", *INTERVALS):
        raise OracleError(932, "-", left.type.name)
    return left.run, right.run


def _stripped(run: Run) -> Run:
    """Blank-padded comparison: both sides are CHAR or literals."""
    return _lifted(lambda value: value.rstrip(" "), run)


def _in_session(term: Term) -> Run:
    run = term.run

    def zoned(env: Env) -> Stamp | None:
        stamp: Stamp | None = run(env)
        return (
            Stamp(stamp.wall, env[0].session.offset) if stamp is not None and stamp.offset is None else stamp
        )

    return zoned


def ordered(type_: Type) -> None:
    """ORA-00932, or ORA-00997 for a LONG, where values would have to be compared."""
    if type_.name in ("LONG", "LONG RAW"):
        raise OracleError(997)
    if type_.name in UNORDERED:
        raise OracleError(932, "-", type_.name)


def unified(terms: list[Term]) -> Type:
    """The type of several alternatives of one family, as CASE and UNION ask; ORA-00932."""
    if any(term.type.name in ("LONG", "LONG RAW") for term in terms):
        raise OracleError(997)
    known = [term.type for term in terms if term.type != NOTHING]
    if not known:
        return VARCHAR2
    first = known[0]
    for type_ in known[1:]:
        if family(type_) != family(first):
            raise OracleError(932, first.name, type_.name)
    return first if all(type_ == first for type_ in known) else _wider(first, known)


def _wider(first: Type, known: list[Type]) -> Type:  # noqa: PLR0911 -- one family after the other
    names = {type_.name for type_ in known}
    match family(first):
        case "NUMBER":
            return Type("BINARY_DOUBLE") if names & {"BINARY_DOUBLE", "BINARY_FLOAT"} else Type("NUMBER")
        case "CHAR":
            if names & {"CLOB", "NCLOB", "LONG"}:
                return Type("CLOB")
            unit = "CHAR" if any(type_.unit == "CHAR" for type_ in known) else ""
            return Type("VARCHAR2", size=max(type_.size or 0 for type_ in known), unit=unit)
        case "DATE":
            if "TIMESTAMP WITH TIME ZONE" in names:
                return Type("TIMESTAMP WITH TIME ZONE", scale=9)
            return Type("TIMESTAMP", scale=9)
        case "RAW":
            return (
                Type("BLOB") if "BLOB" in names else Type("RAW", size=max(type_.size or 0 for type_ in known))
            )
    return first
