"""What tables there are, their columns and keys: a few statements, however many tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from bridge.contract import pick
from bridge.errors import PermanentError
from connectors.oracle import statements
from connectors.oracle.statements import ASKED, Statement, TableName
from connectors.oracle.types import Column, Described, How, Types, column, is_known, left_out

if TYPE_CHECKING:
    from connectors.oracle.config import OracleStream
    from connectors.oracle.session import Session

# What Oracle itself keeps beside tables; who names one gets it.
_PARTS = ("BIN$*", "MLOG$_*", "RUPD$_*", "AQ$_*", "SYS_IOT_*", "DR$*")
_DEEPEST = 8
"""Object types within each other."""


class Kind(StrEnum):
    TABLE = "table"
    IOT = "index-organized table"
    VIEW = "view"
    MVIEW = "materialized view"
    EXTERNAL = "external table"
    TEMPORARY = "temporary table"
    CLUSTER = "table in a cluster"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Relation:
    """`rows`: by the optimizer's statistics. `key`: empty where nothing tells the rows apart.

    `unknown`: columns of types that have no place in an event, each with its type.
    """

    name: TableName
    kind: Kind
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: int | None = field(default=None, compare=False)
    unknown: tuple[str, ...] = ()
    object: int = 0
    """The table's number, whatever its name; 0 where it has none."""


class Catalog:
    """Errors of all methods: the driver's."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, streams: Mapping[str, OracleStream]) -> dict[str, Relation]:
        """Stream (OWNER.NAME) -> its table, for each that is there and that the account may read."""
        asked = [_table(name) for name in streams if "." in name]
        kinds = self._kinds(asked, streams)
        described = self._described(asked, kinds)
        types = self._types(of for each in described.values() for of in each)
        keys = self._keys(kinds, described, streams)
        objects = self.objects(asked, streams)
        return {
            str(table): replace(
                _relation(table, kind, rows, described[table], types, keys.get(table, ()), options),
                object=objects.get(table, 0),
            )
            for table, (kind, rows) in sorted(kinds.items())
            if (options := pick(streams, str(table))) and (described[table] or kind is Kind.QUEUE)
        }

    def meant(self, name: str) -> str | None:
        """What an operator may have meant: another case, what a synonym stands for, another spelling."""
        table = _table(name)
        named = (
            TableName(*row) for each in statements.alike(table.owner) for row in self._session.rows(each)
        )
        names = [str(each) for each in named]
        same = next((each for each in names if each.upper() == name.upper()), None)
        stands_for = same or self._session.one(statements.synonyms(table))
        if stands_for is None:
            return next(iter(get_close_matches(name, names, 1)), None)
        return same or ".".join(map(str, stands_for))

    def _rows(
        self, statement: Callable[[Sequence[TableName]], Statement], asked: Sequence[TableName]
    ) -> Iterator[tuple[Any, ...]]:
        """Each once, although a name and a pattern in two statements may find the same."""
        rows = (
            row
            for at in range(0, len(asked), ASKED)
            for row in self._session.rows(statement(asked[at : at + ASKED]))
        )
        return iter(dict.fromkeys(rows))

    def _kinds(
        self, asked: Sequence[TableName], streams: Mapping[str, OracleStream]
    ) -> dict[TableName, tuple[Kind, int | None]]:
        """What there is, and how many rows it has. Some are told of twice: the more special kind counts."""
        found: dict[TableName, tuple[Kind, int | None]] = {}
        for owner, name, cluster, iot, temporary, rows in self._rows(statements.tables, asked):
            kind = Kind.CLUSTER if cluster else Kind.IOT if iot else Kind.TABLE
            kind = Kind.TEMPORARY if temporary == "Y" else kind
            found[TableName(owner, name)] = kind, None if rows is None else int(rows)
        others = {
            Kind.VIEW: statements.views,
            Kind.MVIEW: statements.materialized_views,
            Kind.EXTERNAL: statements.external_tables,
        }
        if any(options.mode == "aq" for options in streams.values()):
            others[Kind.QUEUE] = statements.queues
        for kind, statement in others.items():
            for row in self._rows(statement, asked):
                table = TableName(*row)
                found[table] = kind, found.get(table, (kind, None))[1]
        return {table: told for table, told in found.items() if _fits(table, told[0], streams)}

    def _described(
        self, asked: Sequence[TableName], kinds: Mapping[TableName, object]
    ) -> Mapping[TableName, list[Described]]:
        found: dict[TableName, list[Described]] = defaultdict(list)
        for owner, name, *told in self._rows(statements.columns, asked if kinds else ()):
            if (table := TableName(owner, name)) in kinds:
                found[table].append(_described(told))
        return found

    def objects(
        self, asked: Sequence[TableName], streams: Mapping[str, OracleStream]
    ) -> dict[TableName, int]:
        """Of tables that are followed."""
        found = self._rows(statements.objects, [each for each in asked if _follows(pick(streams, str(each)))])
        return {
            TableName(owner, name): int(number)
            for owner, name, number in found
            if _follows(pick(streams, f"{owner}.{name}"))
        }

    def _types(self, columns: Iterator[Described]) -> Types:
        """And the types of attributes, and of theirs."""
        found: dict[tuple[str, str], list[Described]] = defaultdict(list)
        wanted = {TableName(of.owner, of.type) for of in columns if of.owner}
        asked: set[TableName] = set()
        for _ in range(_DEEPEST):
            new, asked = sorted(wanted - asked), asked | wanted
            if not new:
                break
            for owner, name, *told in self._rows(statements.attributes, new):
                found[owner, name].append(_described(told))
            wanted = {TableName(of.owner, of.type) for each in found.values() for of in each if of.owner}
        return {name: tuple(attributes) for name, attributes in found.items()}

    def _keys(
        self,
        kinds: Mapping[TableName, object],
        described: Mapping[TableName, Sequence[Described]],
        streams: Mapping[str, OracleStream],
    ) -> dict[TableName, tuple[str, ...]]:
        told = {
            table: options.key for table in kinds if (options := pick(streams, str(table))) and options.key
        }
        found = self._by_constraint(sorted(kinds.keys() - told.keys()), described)
        rest = sorted(kinds.keys() - told.keys() - found.keys())
        return told | found | self._by_index(rest, described)

    def _by_constraint(
        self, tables: Sequence[TableName], described: Mapping[TableName, Sequence[Described]]
    ) -> dict[TableName, tuple[str, ...]]:
        """Primary keys whose columns are read: invisible ones are not."""
        found = self._indexed(statements.primary_keys, tables)
        return {
            table: key for (table, _), key in found if {of.name for of in described[table]}.issuperset(key)
        }

    def _by_index(
        self, tables: Sequence[TableName], described: Mapping[TableName, Sequence[Described]]
    ) -> dict[TableName, tuple[str, ...]]:
        """The smallest unique index over columns that are never NULL."""
        candidates: dict[TableName, list[tuple[str, ...]]] = defaultdict(list)
        for (table, _), columns in self._indexed(statements.unique_indexes, tables):
            filled = {of.name for of in described[table] if not of.nullable}
            if filled.issuperset(columns):
                candidates[table].append(columns)
        return {table: min(keys, key=lambda key: (len(key), key)) for table, keys in candidates.items()}

    def _indexed(
        self, statement: Callable[[Sequence[TableName]], Statement], tables: Sequence[TableName]
    ) -> list[tuple[tuple[TableName, str], tuple[str, ...]]]:
        found: dict[tuple[TableName, str], list[str]] = defaultdict(list)
        for owner, table, index, name in self._rows(statement, tables):
            found[TableName(owner, table), index].append(name)
        return [(place, tuple(names)) for place, names in found.items()]


def without(relation: Relation, excluded: Collection[str], options: OracleStream) -> Relation:
    """Its columns that are never published are not read: but those are by which rows are told apart."""
    away = set(excluded).difference(relation.key, options.columns)
    known = {_told(each.name, each.declared) for each in relation.columns if each.name in away}
    return replace(
        relation,
        columns=tuple(left_out(each) if each.name in away else each for each in relation.columns),
        unknown=tuple(each for each in relation.unknown if each not in known),
    )


def must_fit(relation: Relation, options: OracleStream) -> None:
    """Raise PermanentError when the table has not what the operator speaks of, or what he will not have."""
    names = [each.name for each in relation.columns]
    for name in () if relation.kind is Kind.QUEUE else (*options.key, *options.columns):
        if name not in names:
            meant = next(iter(get_close_matches(name.upper(), names, 1)), None)
            raise PermanentError(
                f"table {relation.name} has no column {name}",
                remedy=f"did you mean {meant}?" if meant else f"it has {', '.join(names[:20])}",
            )
    if relation.unknown and options.unknown_types == "fail":
        raise PermanentError(
            f"table {relation.name} has columns of types that have no place in an event:"
            f" {', '.join(relation.unknown)}",
            remedy="`exclude` them, or set `unknown_types`",
        )


def _table(name: str) -> TableName:
    owner, _, table = name.partition(".")
    return TableName(owner, table)


def _follows(options: OracleStream | None) -> bool:
    return options is not None and options.mode == "flashback"


def _fits(table: TableName, kind: Kind, streams: Mapping[str, OracleStream]) -> bool:
    """Queues are what `aq` reads, and nothing else."""
    name = str(table)
    options = pick(streams, name)
    if options is None or (options.mode == "aq") != (kind is Kind.QUEUE):
        return False
    return name in streams or not any(fnmatchcase(table.name, part) for part in _PARTS)


def _relation(
    table: TableName,
    kind: Kind,
    rows: int | None,
    described: Sequence[Described],
    types: Types,
    key: tuple[str, ...],
    options: OracleStream,
) -> Relation:
    whole = {*key, *options.columns}
    columns = tuple(column(of, types, _how(options, of.name in whole)) for of in described)
    unknown = tuple(_told(of.name, of.declared) for of in described if not is_known(of, types))
    return Relation(table, kind, columns, key, rows, unknown)


def _told(name: str, declared: str) -> str:
    return f"{name} ({declared})"


def _how(options: OracleStream, is_key: bool) -> How:  # noqa: FBT001 -- of one column
    return How(
        options.max_value_bytes,
        "reject" if is_key else options.oversize,
        "trim" if options.trim else "keep",
        "reject" if options.unknown_types == "reject" else "string",
    )


def _described(told: Sequence[Any]) -> Described:
    name, kind, owner, length, precision, scale, nullable, modifier = told
    return Described(
        name, kind, owner, int(length or 0), _whole(precision), _whole(scale), nullable != "N", modifier
    )


def _whole(number: Any) -> int | None:
    return None if number is None else int(number)
