"""RFC_READ_TABLE and its successors, with their limits.

Interface and behaviour as public ABAP has them, in two generations of copies of SAP's function: one moves
values into fields as long as the dictionary's LENG (up to about 7.50), one has class CL_RFC_READ_TABLE (from
7.50 SP22 on: lausser/check_sap_health issue 14). What they do differently:

| what                 | classic                                 | modern                          |
| a packed number      | LENG characters, `*` when too short     | LENG + 1, or + 2 with decimals  |
| too wide for DATA    | DATA_BUFFER_EXCEEDED before reading     | the same, once there is a row   |
| a field not in table | FIELD_NOT_VALID                         | TABLE_WITHOUT_DATA              |
| wrong OPTIONS        | runtime error SAPSQL_PARSE_ERROR        | OPTION_NOT_VALID (SAIS 000)     |
| an unknown column    | runtime error SAPSQL_INVALID_FIELDNAME  | the same                        |
| suspicious OPTIONS   | -                                       | OPTION_NOT_VALID (SAIS 000)     |
| a column of strings  | run-time error ASSIGN_CASTING_...       | left out of FIELDS              |
| order                | none                                    | GET_SORTED: by the primary key  |

The asterisk: SAP-archive/node-rfc issue 6, piersharding/RSAP issue 19; strings: SAP-archive/PyRFC issue 232;
dumps of conditions: lausser/check_sap_health (README), ABAP Keyword Documentation, "Open SQL - Exceptions".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from operator import itemgetter
from typing import Any, NoReturn

from bridge.testing.sap import conditions, options
from bridge.testing.sap.abap import (
    Field,
    Table,
    TableClass,
    Type,
)
from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.modules import Body, Call
from bridge.testing.sap.texts import moved, mover
from bridge.testing.sap.values import Row

LIMIT = 512
_NO_LIMIT = 2**31
_PLAIN = frozenset("CNDT")
_NO_DATA = {TableClass.STRUCTURE, TableClass.APPEND}


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read, and where it stands in the row's text."""

    field: Field
    place: int
    offset: int
    length: int

    @property
    def type(self) -> Type:
        assert isinstance(self.field.type, Type)
        return self.field.type

    @property
    def line(self) -> dict[str, Any]:
        """Of FIELDS, as it comes back."""
        return {
            "FIELDNAME": self.field.name,
            "OFFSET": f"{self.offset:06}",
            "LENGTH": f"{self.length:06}",
            "TYPE": self.type.letter,
            "FIELDTEXT": self.field.text,
        }


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one reader behaves where they differ; `limit`: characters of a row."""

    widths: Callable[[Type], int]
    field_missing: Callable[[Table], AbapException]
    bad_options: Callable[[Table, options.BadOption], NoReturn]
    modern: bool = False
    limit: int = LIMIT


def classic_width(type_: Type) -> int:
    return type_.leng


def modern_width(type_: Type) -> int:
    """Time stamps are never negative: TIMESTAMP has room for neither sign nor point."""
    if type_.letter != "P":
        return type_.leng
    match type_.name:
        case "TIMESTAMP":
            return type_.leng - 1
        case "TIMESTAMPL":
            return type_.leng + 1
    return type_.leng + 1 + bool(type_.decimals)


def _parse_error(_: Table, error: options.BadOption) -> NoReturn:
    if isinstance(error, options.NoColumn):
        raise ShortDump("SAPSQL_INVALID_FIELDNAME", str(error))
    raise ShortDump("SAPSQL_PARSE_ERROR", "An error has occurred while parsing a dynamic entry.")


def _option_not_valid(table: Table, error: options.BadOption) -> NoReturn:
    values = ("DB_Error on", table.name, ": ", str(error)[:50])
    raise AbapException("OPTION_NOT_VALID", message_class="SAIS", number="000", values=values)


def _without_data(name: str) -> AbapException:
    return AbapException("TABLE_WITHOUT_DATA", message_class="AD", number="718", values=(name,))


CLASSIC = Dialect(classic_width, lambda _: AbapException("FIELD_NOT_VALID"), _parse_error)
MODERN = Dialect(modern_width, lambda table: _without_data(table.name), _option_not_valid, modern=True)


@dataclass(frozen=True, slots=True)
class Read:
    """What one call asks for, checked."""

    table: Table
    columns: tuple[Column, ...]
    delimiter: str
    condition: conditions.Condition

    @property
    def width(self) -> int:
        return max((each.offset + each.length for each in self.columns), default=0)


def read_table(call: Call, dialect: Dialect) -> tuple[Read, list[str]]:
    """The fields, and a text for every row."""
    table = _readable(call)
    columns = _columns(table, call, dialect)
    read = Read(table, columns, call["DELIMITER"].strip(), conditions.Everything)
    if call["NO_DATA"].strip():
        return read, []
    if not dialect.modern:
        _check_width(read, dialect)
        _check_strings(table)
    rows = _rows(call, table, dialect)
    if rows and dialect.modern:
        _check_width(read, dialect)
    return read, [
        _in_units(read, row, text) for row, text in zip(rows, map(_renderer(read), rows), strict=True)
    ]


def _readable(call: Call) -> Table:
    """VIEW_AUTHORITY_CHECK first, then DDIF_FIELDINFO_GET."""
    name = call["QUERY_TABLE"].strip()
    table = call.system.table(name)
    if table is None and call.system.type(name) is None:
        raise AbapException("TABLE_NOT_AVAILABLE", message_class="DA", number="131", values=(name,))
    if not call.system.grants.may_read(name, table.group if table else "&NC&"):
        raise AbapException("NOT_AUTHORIZED", message_class="TB", number="105", values=(name,))
    if table is None or table.table_class in _NO_DATA:
        raise _without_data(name)
    return table


def _columns(table: Table, call: Call, dialect: Dialect) -> tuple[Column, ...]:
    asked = [row["FIELDNAME"].strip() for row in call.table("FIELDS")]
    places = {each.name: place for place, each in enumerate(table.row.fields)}
    columns: list[Column] = []
    offset = 0
    for name in asked or places:
        if name not in places:
            raise dialect.field_missing(table)
        field = table.row.fields[places[name]]
        assert isinstance(field.type, Type)
        if field.type.deep and dialect.modern:
            continue
        columns.append(Column(field, places[name], offset, dialect.widths(field.type)))
        offset += columns[-1].length + len(call["DELIMITER"].strip())
    return tuple(columns)


def _check_width(read: Read, dialect: Dialect) -> None:
    if read.width > dialect.limit:
        values = (read.table.name, str(dialect.limit))
        raise AbapException("DATA_BUFFER_EXCEEDED", message_class="AD", number="559", values=values)


def _check_strings(table: Table) -> None:
    """Whatever the fields: the whole row is cast."""
    if table.row.deep:
        text = "Error with ASSIGN ... CASTING in program SAPLSDTX"
        raise ShortDump("ASSIGN_CASTING_ILLEGAL_CAST", text)


def _rows(call: Call, table: Table, dialect: Dialect) -> list[Row]:
    """SELECT ... UP TO n ROWS: without ORDER BY any rows in any order."""
    try:
        lines = [row["TEXT"][: options.WIDTH].ljust(options.WIDTH) for row in call.table("OPTIONS")]
        if dialect.modern:
            options.check_suspicious(lines)
        condition = options.parse(lines, table.row)
    except options.BadOption as error:
        dialect.bad_options(table, error)
    skip, most = int(call["ROWSKIPS"]), int(call["ROWCOUNT"])
    _, found = call.system.select(table.name, *_range(table, condition), client=call.session.client)
    if not call.parameters.get("GET_SORTED"):
        found = call.system.disordered(found)
    holds = conditions.predicate(condition)
    matching = found if condition == conditions.Everything else filter(holds, found)
    return list(islice(matching, skip, skip + most if most else None))


def _range(table: Table, condition: conditions.Condition) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    places = [place for place, each in enumerate(table.row.fields) if each.key and each.name != table.client]
    return conditions.bounds(condition, places)


def _renderer(read: Read) -> Callable[[Row], str]:
    """From a row to its text; one format where all are characters, which is most of the work of a bench."""
    template = read.delimiter.join(f"%-{each.length}.{each.length}s" for each in read.columns)
    places = [each.place for each in read.columns]
    movers = [mover(each.type, each.length) for each in read.columns]
    if all(each.type.letter in _PLAIN for each in read.columns):
        if len(places) == 1:
            only = places[0]
            return lambda row: template % row[only]
        pick = itemgetter(*places)
        return lambda row: template % pick(row)
    pairs = tuple(zip(movers, places, strict=True))
    return lambda row: template % tuple([move(row[place]) for move, place in pairs])


def _in_units(read: Read, row: Row, text: str) -> str:
    """Lengths count units of UTF-16, so a character beyond its basic plane takes two places."""
    if text.isascii() or max(text) <= "\uffff":
        return text
    parts = (_padded(moved(each.type, row[each.place], each.length), each.length) for each in read.columns)
    return read.delimiter.join(parts)


def _padded(text: str, width: int) -> str:
    """A pair that is cut in two leaves half of it, as in the memory of the system; here it is a blank."""
    kept = text.encode("utf-16-le")[: 2 * width].decode("utf-16-le", "ignore")
    return kept + " " * (width - len(kept.encode("utf-16-le")) // 2)


def rfc_read_table(dialect: Dialect) -> Body:
    """RFC_READ_TABLE, BBP_RFC_READ_TABLE, and what customers copied from it."""

    def body(call: Call) -> Mapping[str, Any]:
        whole = bool(call.parameters.get("USE_ET_DATA_4_RETURN"))
        read, lines = read_table(call, replace(dialect, limit=_NO_LIMIT) if whole else dialect)
        answer: dict[str, Any] = {"FIELDS": [each.line for each in read.columns]}
        if whole:
            return answer | {"DATA": [], "ET_DATA": [{"LINE": line.rstrip(" ")} for line in lines]}
        return answer | {"DATA": [{"WA": line} for line in lines]}

    return body
