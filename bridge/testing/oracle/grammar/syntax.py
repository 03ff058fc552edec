"""What a statement says, as a tree. Names are as the dictionary has them; equal trees are equal values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bridge.testing.oracle.datatypes import Type


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any
    type: Type


@dataclass(frozen=True, slots=True)
class Bind:
    name: str


@dataclass(frozen=True, slots=True)
class Name:
    """A column, with its qualifiers; or an attribute of an object behind it."""

    parts: tuple[str, ...]
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Star:
    qualifier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderItem:
    expression: Expression
    descending: bool = False
    nulls_first: bool | None = None


@dataclass(frozen=True, slots=True)
class Window:
    partition: tuple[Expression, ...]
    order: tuple[OrderItem, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function: `returning` is the type its own words ask for, `within` the order of LISTAGG."""

    name: tuple[str, ...]
    arguments: tuple[Expression, ...]
    distinct: bool = False
    over: Window | None = None
    within: tuple[OrderItem, ...] = ()
    returning: Type | None = None


@dataclass(frozen=True, slots=True)
class Unary:
    sign: str
    of: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    sign: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Compare:
    sign: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Logic:
    word: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not:
    of: Expression


@dataclass(frozen=True, slots=True)
class Is:
    """IS NULL, IS TRUE, IS FALSE."""

    of: Expression
    what: bool | None


@dataclass(frozen=True, slots=True)
class In:
    of: Expression
    among: tuple[Expression, ...] | Query


@dataclass(frozen=True, slots=True)
class Like:
    of: Expression
    pattern: Expression
    escape: Expression | None


@dataclass(frozen=True, slots=True)
class Exists:
    query: Query


@dataclass(frozen=True, slots=True)
class Case:
    whens: tuple[tuple[Expression, Expression], ...]
    default: Expression | None


@dataclass(frozen=True, slots=True)
class Cast:
    of: Expression
    type: Type


@dataclass(frozen=True, slots=True)
class Extract:
    field: str
    of: Expression


@dataclass(frozen=True, slots=True)
class AtZone:
    """AT TIME ZONE; AT LOCAL has no zone."""

    of: Expression
    zone: Expression | None


@dataclass(frozen=True, slots=True)
class Scalar:
    query: Query


@dataclass(frozen=True, slots=True)
class Several:
    """An expression list in parentheses."""

    items: tuple[Expression, ...]


Expression = (
    Literal
    | Bind
    | Name
    | Star
    | Call
    | Unary
    | Binary
    | Compare
    | Logic
    | Not
    | Is
    | In
    | Like
    | Exists
    | Case
    | Cast
    | Extract
    | AtZone
    | Scalar
    | Several
)


@dataclass(frozen=True, slots=True)
class AsOf:
    unit: str
    point: Expression


@dataclass(frozen=True, slots=True)
class Versions:
    """VERSIONS BETWEEN; None is MINVALUE or MAXVALUE."""

    unit: str
    low: Expression | None
    high: Expression | None


@dataclass(frozen=True, slots=True)
class Named:
    """A table or view by its name."""

    parts: tuple[str, ...]
    flashback: AsOf | Versions | None = None
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Derived:
    query: Query
    alias: str = ""


@dataclass(frozen=True, slots=True)
class JsonColumn:
    """A column of JSON_TABLE; without a path it is FOR ORDINALITY."""

    name: str
    type: Type
    path: str | None


@dataclass(frozen=True, slots=True)
class JsonTable:
    document: Expression
    path: str
    columns: tuple[JsonColumn, ...]
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Join:
    """`kind` is INNER, LEFT, RIGHT, FULL or CROSS."""

    kind: str
    left: Source
    right: Source
    on: Expression | None = None
    using: tuple[str, ...] = ()


Source = Named | Derived | JsonTable | Join


@dataclass(frozen=True, slots=True)
class Item:
    expression: Expression
    alias: str = ""
    text: str = ""
    """As written without blanks, in upper case: the column's name where there is no alias."""


@dataclass(frozen=True, slots=True)
class Select:
    items: tuple[Item, ...]
    source: Source
    where: Expression | None = None
    group: tuple[Expression, ...] = ()
    having: Expression | None = None
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Combined:
    """`word` is UNION, UNION ALL, MINUS or INTERSECT."""

    word: str
    left: Select | Combined | Query
    right: Select | Combined | Query


@dataclass(frozen=True, slots=True)
class Query:
    body: Select | Combined | Query
    with_: tuple[tuple[str, Query], ...] = ()
    order: tuple[OrderItem, ...] = ()
    offset: Expression | None = None
    limit: Expression | None = None
    for_update: str | None = None
    """What to do with rows locked: WAIT, NOWAIT or SKIP."""


@dataclass(frozen=True, slots=True)
class Returning:
    items: tuple[Expression, ...]
    into: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Insert:
    table: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[Expression, ...] | Query
    returning: Returning | None = None


@dataclass(frozen=True, slots=True)
class Update:
    table: Named
    sets: tuple[tuple[str, Expression], ...]
    where: Expression | None
    returning: Returning | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    table: Named
    where: Expression | None
    returning: Returning | None = None


@dataclass(frozen=True, slots=True)
class EndTransaction:
    commit: bool


@dataclass(frozen=True, slots=True)
class SetTransaction:
    read_only: bool


@dataclass(frozen=True, slots=True)
class AlterSession:
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a block: a call, or an assignment to a bind."""

    name: tuple[str, ...]
    arguments: tuple[tuple[str, Expression], ...]
    target: str = ""
    value: Expression | None = None


@dataclass(frozen=True, slots=True)
class Block:
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    name: str
    declared: str
    nullable: bool
    default: Expression | None = None


@dataclass(frozen=True, slots=True)
class CreateTable:
    name: tuple[str, ...]
    columns: tuple[ColumnDefinition, ...]
    key: tuple[str, ...]
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class CreateView:
    name: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class DropObject:
    kind: str
    name: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlterTable:
    """`action` is ADD, DROP, RENAME, MOVE or ENABLE ROW MOVEMENT; TRUNCATE TABLE comes as TRUNCATE."""

    name: tuple[str, ...]
    action: str
    columns: tuple[ColumnDefinition, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateLog:
    table: tuple[str, ...]
    columns: tuple[str, ...]
    sequence: bool


Definition = CreateTable | CreateView | CreateLog | DropObject | AlterTable
Statement = (
    Query | Insert | Update | Delete | EndTransaction | SetTransaction | AlterSession | Block | Definition
)
