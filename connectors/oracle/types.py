"""From a column of the dictionary to its Arrow type, and to what is selected so that nothing is lost.

What Arrow or the driver cannot hold is made text by the database: numbers without bounds, and times with more
than six digits of a second or with an offset (Oracle, SQL Language Reference, "Data Types", "Functions").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import pyarrow as pa

from bridge.contract import NUMBER_TEXT, declared
from connectors.oracle import values
from connectors.oracle.statements import quoted

_WHOLE_DIGITS, _DIGITS, _FRACTION = 18, 38, 6
_MOST_RAW = 2000
"""Bytes that SQL cuts out of a BLOB, whatever the settings of the database."""
_TIME = 'YYYY-MM-DD"T"HH24:MI:SS'


class How(NamedTuple):
    """What the operator wants of columns. `limit`: most bytes of a text or binary value."""

    limit: int = 8 * 1024 * 1024
    oversize: Literal["reject", "truncate"] = "reject"
    trim: Literal["keep", "trim"] = "keep"
    unknown: Literal["string", "reject"] = "string"


AS_IS = How()


@dataclass(frozen=True, slots=True)
class Described:
    """A column as ALL_TAB_COLS, or an attribute as ALL_TYPE_ATTRS tells of it. `owner`: of an object type."""

    name: str
    type: str
    owner: str | None = None
    length: int = 0
    precision: int | None = None
    scale: int | None = None
    nullable: bool = True
    modifier: str | None = None
    """REF or POINTER."""

    @property
    def base(self) -> str:
        """TIMESTAMP WITH TIME ZONE, without digits; attributes of types say TIMESTAMP WITH TZ."""
        return re.sub(r" TZ$", " TIME ZONE", re.sub(r"\(\d+\)", "", self.type))

    @property
    def is_own(self) -> bool:
        """Of a type that somebody made."""
        return bool(self.owner) and self.base != "XMLTYPE"

    @property
    def declared(self) -> str:
        """As CREATE TABLE has it."""
        if self.is_own:
            return f"{self.modifier or ''} {self.owner}.{self.type}".strip()
        match self.base:
            case "NUMBER" if self.precision is None and self.scale is None:
                return "NUMBER"
            case "NUMBER":
                scale = f",{self.scale}" if self.scale or self.precision is None else ""
                return f"NUMBER({'*' if self.precision is None else self.precision}{scale})"
            case "FLOAT":
                return f"FLOAT({self.precision})"
            case "CHAR" | "NCHAR" | "VARCHAR2" | "NVARCHAR2" | "RAW":
                return f"{self.base}({self.length})"
        return self.type


_FINISHES = {unit: values.to(pa.timestamp(unit)) for unit in ("s", "ms", "us")}
_FINISHES_IN_UTC = {unit: values.to(pa.timestamp(unit, "UTC")) for unit in ("s", "ms", "us")}

type Types = Mapping[tuple[str, str], tuple[Described, ...]]
"""Of object types that have no others under them (FINAL): their attributes."""


@dataclass(frozen=True, slots=True)
class Column:
    """`template.format('t."NAME"')` is selected, the driver brings it as `wire`, `finish` makes it `field`.

    Where `trouble` holds the value cannot be had (`why`), and the template is NULL. An object's template
    tells whether it is there, 1 or 0, and is followed by its `parts`: columns that are its attributes.
    """

    name: str
    declared: str
    field: pa.Field
    nullable: bool = True
    template: str = "{0}"
    wire: pa.DataType | None = None
    finish: values.Finish | None = None
    trouble: str = ""
    why: str = ""
    most: int = 0
    """Bytes of a text or binary value at most; 0: it is short."""
    how: How = AS_IS
    parts: tuple[Column, ...] = ()
    unread: bool = False
    """It is not selected: of its values nothing is known."""

    def selected(self, reference: str) -> Iterator[tuple[str, pa.DataType]]:
        """The items, each with the type in which the driver shall bring it."""
        if self.unread:
            return
        yield self.template.format(reference), self.wire or self.field.type
        for part in self.parts:
            yield from part.selected(f"{reference}.{quoted(part.name)}")

    def troubles(self, reference: str) -> Iterator[tuple[str, str]]:
        """What may be wrong with a value: the condition, and how to say it."""
        if self.trouble:
            yield self.trouble.format(reference), f"column {self.name}: {self.why}"
        for part in self.parts:
            for condition, why in part.troubles(f"{reference}.{quoted(part.name)}"):
                yield condition, why.replace("column ", f"column {self.name}.", 1)

    @property
    def is_long(self) -> bool:
        """Whether a value may be longer than its limit."""
        return self.most > self.how.limit


def column(of: Described, types: Types, how: How = AS_IS) -> Column:
    """How it is read. What nobody knows is XML where it is of a type of its own, and else a reject."""
    if of.is_own:
        return _of_own_type(of, types, how)
    return _KNOWN.get(of.base, _unknown)(of, how)


def left_out(of: Column) -> Column:
    """The column of a table that is not read, whatever is in it: there is none of its values."""
    return Column(of.name, of.declared, pa.field(of.name, pa.null()), unread=True)


def is_known(of: Described, types: Types) -> bool:
    """Whether there is more to it than XML."""
    if of.is_own:
        return of.modifier == "REF" or (of.owner, of.type) in types
    return of.base in _KNOWN


def _plain(
    of: Described,
    kind: pa.DataType,
    most: int = 0,
    metadata: Mapping[str, str] | None = None,
    **more: object,
) -> Column:
    field = pa.field(of.name, kind, metadata=metadata)
    return Column(of.name, of.declared, field, of.nullable, most=most, **more)  # type: ignore[arg-type]


def _as(kind: pa.DataType) -> Callable[[Described, How], Column]:
    return lambda of, how: _plain(of, kind, how=how)


def _number(of: Described, how: How) -> Column:
    precision, scale = (_DIGITS if of.precision is None else of.precision), of.scale
    if scale is None or not 0 <= scale <= precision:
        return _number_text(of, how)
    kind = pa.decimal128(precision, scale)
    if scale == 0 and precision <= _WHOLE_DIGITS:
        return _plain(of, pa.int64(), wire=kind, finish=values.whole, how=how)
    return _plain(of, kind, how=how) if of.precision else _in_bounds(_plain(of, kind, how=how), scale)


def _in_bounds(column: Column, scale: int) -> Column:
    """Of INTEGER and NUMBER(*,s) Oracle does not count the digits."""
    bound = f"1E{_DIGITS - scale}"
    return replace(
        column,
        template=f"CASE WHEN ABS({{0}}) < {bound} THEN {{0}} END",
        trouble=f"ABS({{0}}) >= {bound}",
        why=f"has more than {_DIGITS} digits",
    )


def _number_text(of: Described, how: How) -> Column:
    """TM9 is the shortest text with all the digits."""
    text = "TO_CHAR({0}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')"
    return _plain(of, pa.string(), metadata=NUMBER_TEXT, template=text, finish=values.plain_numbers, how=how)


def _text(of: Described, how: How) -> Column:
    """Its length is in bytes of the database's character set; each becomes three in UTF-8 at most."""
    finish = values.trimmed if how.trim == "trim" and of.base in ("CHAR", "NCHAR") else None
    return _plain(of, pa.string(), 3 * of.length, finish=finish, how=how)


def _raw(of: Described, how: How) -> Column:
    return _plain(of, pa.binary(), of.length, how=how)


def _long(kind: pa.DataType) -> Callable[[Described, How], Column]:
    """Nothing can be asked of a LONG, not even how long it is."""
    return lambda of, how: _plain(of, kind, 2**31, how=how)


def _large(kind: pa.DataType, cut: str) -> Callable[[Described, How], Column]:
    """The database counts a CLOB in characters, of which none has less than a byte.

    LENGTH is SQL's own: nobody needs the right to a package for it.
    """

    def read(of: Described, how: How) -> Column:
        fits = f"NVL(LENGTH({{0}}), 0) <= {how.limit}"
        column = _plain(of, kind, 4 * how.limit, how=how)
        if how.oversize == "truncate":
            rest = cut.format("{0}", how.limit, min(how.limit, _MOST_RAW))
            return replace(column, template=f"CASE WHEN {fits} THEN {{0}} ELSE {rest} END")
        return replace(
            column,
            template=f"CASE WHEN {fits} THEN {{0}} END",
            trouble=fits.replace("<=", ">"),
            why=values.too_long(how.limit),
        )

    return read


def _document(text: str) -> Callable[[Described, How], Column]:
    """Made text by the database: its length is not asked for, which would make it twice."""
    return lambda of, how: _plain(of, pa.string(), 2**31, template=text, how=how)


def _in_our_era(column: Column) -> Column:
    """Python's calendar begins with the year 1, Oracle's with 4712 BC."""
    return replace(
        column,
        template=f"CASE WHEN {{0}} >= DATE '0001-01-01' THEN {column.template} END",
        trouble="{0} < DATE '0001-01-01'",
        why="is before the year 1",
    )


def _date(of: Described, how: How) -> Column:
    return _in_our_era(_moment(of, 0, how))


def _digits(of: Described) -> int:
    told = re.search(r"\((\d+)\)(?!.*\()", of.type)
    return of.scale if of.scale is not None else int(told[1]) if told else _FRACTION


def _fraction(digits: int) -> str:
    return f"{_TIME}.FF{digits}" if digits else _TIME


def _moment(of: Described, digits: int, how: How) -> Column:
    unit = "s" if digits == 0 else "ms" if digits <= 3 else "us"  # noqa: PLR2004
    more = {"wire": pa.timestamp("us"), "finish": _FINISHES[unit], "how": how}
    return _plain(of, pa.timestamp(unit), metadata=declared(digits), **more)


def _timestamp(of: Described, how: How) -> Column:
    digits = _digits(of)
    if digits <= _FRACTION:
        return _in_our_era(_moment(of, digits, how))
    return _in_our_era(_plain(of, pa.string(), template=f"TO_CHAR({{0}}, '{_fraction(digits)}')", how=how))


def _with_offset(of: Described, how: How) -> Column:
    text = f"TO_CHAR({{0}}, '{_fraction(_digits(of))}TZH:TZM')"
    return _in_our_era(_plain(of, pa.string(), template=text, finish=values.with_z, how=how))


def _instant(of: Described, how: How) -> Column:
    """Kept in the database's time zone, and shown in the session's: what it means is UTC."""
    digits, utc = _digits(of), "SYS_EXTRACT_UTC({0})"
    if digits > _FRACTION:
        text = f"TO_CHAR({utc}, '{_fraction(digits)}\"Z\"')"
        return _in_our_era(_plain(of, pa.string(), template=text, how=how))
    column = _moment(of, digits, how)
    kind = pa.timestamp(column.field.type.unit, "UTC")
    field, finish = column.field.with_type(kind), _FINISHES_IN_UTC[kind.unit]
    return _in_our_era(replace(column, field=field, template=utc, finish=finish))


def _interval(finish: values.Finish) -> Callable[[Described, How], Column]:
    return lambda of, how: _plain(of, pa.string(), template="TO_CHAR({0})", finish=finish, how=how)


def _address(of: Described, how: How) -> Column:
    return _plain(of, pa.string(), template="ROWIDTOCHAR({0})", how=how)


def _any_address(of: Described, how: How) -> Column:
    return _plain(of, pa.string(), template="CAST({0} AS VARCHAR2(4000))", how=how)


def _of_own_type(of: Described, types: Types, how: How) -> Column:
    if of.modifier == "REF":
        return _plain(of, pa.string(), template="REFTOHEX({0})", how=how)
    attributes = types.get((of.owner or "", of.type))
    if attributes is not None:
        return _object(of, tuple(column(each, types, how) for each in attributes), how)
    if how.unknown == "reject":
        return _unknown(of, how)
    return _document("XMLSERIALIZE(CONTENT XMLTYPE({0}) AS CLOB)")(of, how)


def _object(of: Described, parts: tuple[Column, ...], how: How) -> Column:
    """One by one: so its attributes lose no more than columns do, and no object is sent."""
    kind = pa.struct([part.field for part in parts])
    there = "CASE WHEN {0} IS NULL THEN 0 ELSE 1 END"
    most = sum(part.most for part in parts)
    return _plain(of, kind, most, template=there, wire=pa.int64(), parts=parts, how=how)


def _unknown(of: Described, how: How) -> Column:
    why = f"is of type {of.declared}, which is not known"
    return _plain(of, pa.string(), template="NULL", trouble="{0} IS NOT NULL", why=why, how=how)


_KNOWN: Mapping[str, Callable[[Described, How], Column]] = {
    "NUMBER": _number,
    "FLOAT": _number_text,
    **dict.fromkeys(("INTEGER", "SMALLINT", "DECIMAL"), _number),  # of attributes, which keep such names
    **dict.fromkeys(("REAL", "DOUBLE PRECISION"), _number_text),
    "BINARY_FLOAT": _as(pa.float32()),
    "BINARY_DOUBLE": _as(pa.float64()),
    "BOOLEAN": _as(pa.bool_()),
    **dict.fromkeys(("CHAR", "NCHAR", "VARCHAR2", "NVARCHAR2"), _text),
    "RAW": _raw,
    "LONG": _long(pa.string()),
    "LONG RAW": _long(pa.binary()),
    **dict.fromkeys(("CLOB", "NCLOB"), _large(pa.string(), "SUBSTR({0}, 1, {1})")),
    "BLOB": _large(pa.binary(), "TO_BLOB(DBMS_LOB.SUBSTR({0}, {2}, 1))"),
    "DATE": _date,
    "TIMESTAMP": _timestamp,
    "TIMESTAMP WITH TIME ZONE": _with_offset,
    "TIMESTAMP WITH LOCAL TIME ZONE": _instant,
    "INTERVAL YEAR TO MONTH": _interval(values.years_and_months),
    "INTERVAL DAY TO SECOND": _interval(values.days_and_seconds),
    "ROWID": _address,
    "UROWID": _any_address,
    "JSON": _document("JSON_SERIALIZE({0} RETURNING CLOB)"),
    "XMLTYPE": _document("XMLSERIALIZE(CONTENT {0} AS CLOB)"),
    "VECTOR": _document("VECTOR_SERIALIZE({0} RETURNING CLOB)"),
}
