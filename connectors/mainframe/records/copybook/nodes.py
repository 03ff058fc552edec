"""What a layout is made of: items, groups, tables and variants, each with its place in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bridge.errors import ConfigError
from connectors.mainframe.records.copybook.item import Item
from connectors.mainframe.records.options import RecordOptions, Value


@dataclass(slots=True)
class Leaf:
    """An elementary item: `size` bytes at `offset` of a part of its row."""

    item: Item
    path: tuple[str, ...]
    part: int
    offset: int
    label: str = ""

    @property
    def size(self) -> int:
        return self.item.size


@dataclass(slots=True)
class Group:
    item: Item
    path: tuple[str, ...]
    members: tuple[Node, ...]
    label: str = ""


@dataclass(slots=True)
class Table:
    """OCCURS: `most` elements from `offset` on; with a counter they are a part of their own."""

    item: Item
    path: tuple[str, ...]
    part: int
    offset: int
    row: Row
    least: int
    most: int
    counter: Leaf | None = None
    label: str = ""

    @property
    def plain(self) -> Leaf | None:
        """The elements' only item, when they are no groups."""
        return None if self.item.items else next(self.row.leaves(), None)


@dataclass(frozen=True, slots=True)
class Condition:
    """One of `values` is in `leaf`, which is an item of the row, or of the whole record (`outer`)."""

    leaf: Leaf
    values: tuple[Value, ...]
    outer: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """The first whose conditions hold decides; None: nothing is read."""

    chosen: int | None
    conditions: tuple[Condition, ...] = ()


@dataclass(slots=True)
class Choice:
    """Items that redefine one another, of which each row has one."""

    item: Item
    part: int
    offset: int
    alternatives: tuple[tuple[str, tuple[Node, ...]], ...]
    cases: tuple[Case, ...] = ()


type Node = Leaf | Group | Table | Choice


@dataclass(slots=True)
class Row:
    """`parts`: the bytes of each, or the table whose length varies."""

    members: tuple[Node, ...]
    parts: tuple[int | Table, ...]

    @property
    def width(self) -> int:
        """Bytes, of tables that vary the most."""
        return sum(part if isinstance(part, int) else part.most * part.row.width for part in self.parts)

    @property
    def varies(self) -> bool:
        return any(isinstance(part, Table) for part in self.parts)

    def leaves(self) -> Iterator[Leaf]:
        """The items outside of tables."""
        yield from (node for node in _walk(self.members) if isinstance(node, Leaf))

    def find(self, name: str) -> Leaf | None:
        found = named(list(self.leaves()), name)
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Layout:
    name: str
    row: Row

    def find(self, name: str) -> Leaf:
        """Errors: ConfigError naming what is there."""
        leaf = self.row.find(name)
        if leaf is None:
            known = ", ".join(leaf.label for leaf in self.row.leaves())
            raise ConfigError(
                f"the record {self.name} has no item {name} of its own", remedy=f"it has {known}"
            )
        return leaf


def named(leaves: Sequence[Leaf], name: str) -> Sequence[Leaf]:
    """The one of this column's name or of this path, else all of COBOL's name, in whatever spelling."""
    for told in (lambda leaf: leaf.label, told_path):
        found = [leaf for leaf in leaves if same(told(leaf)) == same(name)]
        if len(found) == 1:
            return found
    return [leaf for leaf in leaves if same(leaf.path[-1]) == same(name)]


def told_path(leaf: Leaf) -> str:
    return "-".join(leaf.path)


def same(name: str) -> str:
    return name.upper().replace("_", "-")


def _walk(members: Sequence[Node]) -> Iterator[Node]:
    for node in members:
        yield node
        if isinstance(node, Group):
            yield from _walk(node.members)
        if isinstance(node, Choice):
            for _, alternative in node.alternatives:
                yield from _walk(alternative)


def columns(members: Sequence[Node], options: RecordOptions) -> Iterator[Leaf | Group | Table]:
    """What becomes a column (or a struct's field) of its own, in order."""
    for node in members:
        if isinstance(node, Choice):
            for _, alternative in node.alternatives:
                yield from columns(alternative, options)
        elif isinstance(node, Group) and options.groups == "flat":
            yield from columns(node.members, options)
        else:
            yield node


def fits(pattern: str, node: Leaf) -> bool:
    """Does a name or pattern of the options mean this item?"""
    return any(fnmatchcase(same(name), same(pattern)) for name in (node.label, node.path[-1]))


def nulls_of(leaf: Leaf, options: RecordOptions) -> list[str]:
    """Contents of the item that mean NULL."""
    return [name for pattern, names in options.nulls.items() if fits(pattern, leaf) for name in names]
