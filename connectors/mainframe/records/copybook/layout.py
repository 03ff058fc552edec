"""Where the items of a record are: offsets, lengths, tables, variants, parts of varying length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bridge.errors import ConfigError
from connectors.mainframe.records.copybook.item import Item, Usage
from connectors.mainframe.records.copybook.nodes import (
    Case,
    Choice,
    Condition,
    Group,
    Layout,
    Leaf,
    Node,
    Row,
    Table,
    columns,
    named,
    same,
    told_path,
)
from connectors.mainframe.records.options import EVERY, FIRST, NONE, Conditions, RecordOptions, Value

_ALIGNED = {Usage.BINARY, Usage.NATIVE, Usage.FLOAT, Usage.DOUBLE}


def layout(records: Sequence[Item], options: RecordOptions, name: str | None = None) -> Layout:
    """Of the record `name`, else of the options' or of the only one. Errors: ConfigError."""
    name = name or options.record
    named = {record.told: record for record in records}
    if name is None:
        if len(records) > 1:
            raise ConfigError(
                f"{options.copybook} describes several records",
                remedy=f"name one: record: {' | '.join(named)}",
            )
        record = records[0]
    else:
        found = next((each for told, each in named.items() if same(told) == same(name)), None)
        if found is None:
            raise ConfigError(f"{options.copybook} has no record {name}", remedy=f"it has {', '.join(named)}")
        record = found
    return Layout(record.told, _Builder(options, record.told).record(record))


@dataclass(slots=True)
class _Place:
    """How far a row is laid out; `base`: offset of the row in the record, None behind a part that varies."""

    base: int | None
    offset: int = 0
    parts: list[int | Table] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    alignment: int = 1
    fixed: str = ""
    """Why nothing may vary here."""
    redefined: int | None = None
    """Where a redefinition begins; nothing is inserted there."""

    def align(self, item: Item) -> None:
        """By the bytes that COBOL inserts before an item, and before the groups that begin with it."""
        item = _elementary(item)
        if not item.synchronized or item.usage not in _ALIGNED:
            return
        bytes_ = 2 if item.size == 2 else 8 if item.usage is Usage.DOUBLE else 4  # noqa: PLR2004 -- a halfword
        if self.base is None or self.parts:
            raise item.word.error(f"{item.told}: SYNCHRONIZED behind a table that varies is not supported")
        if self.offset != self.redefined:
            self.offset += -(self.base + self.offset) % bytes_
        self.alignment = max(self.alignment, bytes_)

    def vary(self, table: Table) -> None:
        self._close()
        self.parts.append(table)
        table.part = len(self.parts) - 1

    def finish(self) -> tuple[int | Table, ...]:
        self._close()
        return tuple(self.parts)

    def _close(self) -> None:
        if self.offset or not self.parts:
            self.parts.append(self.offset)
        self.offset = 0


class _Builder:
    def __init__(self, options: RecordOptions, name: str) -> None:
        self._options, self._name = options, name
        self._choices: list[tuple[Choice, Sequence[Sequence[Leaf]]]] = []
        self._leaves: list[Leaf] = []
        """Of the record itself."""
        self._used: set[str] = set()

    def record(self, record: Item) -> Row:
        place = _Place(0, leaves=self._leaves)
        items = [record] if not record.items else record.items
        row = Row(self._members(items, place, ()), place.finish())
        self._label(row.members)
        for choice, scopes in self._choices:
            choice.cases = self._cases(choice, scopes)
        unused = set(self._options.redefines) - self._used - {EVERY}
        if unused:
            raise ConfigError(
                f"redefines: nothing redefines {', '.join(sorted(unused))} in {record.told}",
                remedy="name the item that stands first",
            )
        return row

    # -- nodes

    def _members(self, items: Sequence[Item], place: _Place, path: tuple[str, ...]) -> tuple[Node, ...]:
        members: list[Node] = []
        at = 0
        while at < len(items):
            end = at + 1
            while end < len(items) and items[end].redefines:
                end += 1
            if items[at].redefines:
                raise items[at].word.error(
                    f"{items[at].told} redefines {items[at].redefines}, which is not before it"
                )
            if end - at > 1:
                members.append(self._choice(items[at:end], place, path))
            else:
                members += self._one(items[at], place, path)
            at = end
        return tuple(members)

    def _one(self, item: Item, place: _Place, path: tuple[str, ...]) -> list[Node]:
        """None of FILLER, which takes its bytes all the same."""
        within = (*path, item.name) if item.name else path
        if item.occurs:
            return self._table(item, place, path)
        if item.items:
            members = self._members(item.items, place, within)
            return [Group(item, within, members)] if item.name else list(members)
        place.align(item)
        leaf = Leaf(item, within, _part(place), place.offset)
        place.offset += item.size
        if item.name is None:
            return []
        place.leaves.append(leaf)
        return [leaf]

    def _table(self, item: Item, place: _Place, path: tuple[str, ...]) -> list[Node]:
        occurs = item.occurs
        assert occurs is not None  # noqa: S101 -- for the reader of types
        place.align(item)
        base = None if place.base is None or place.parts else place.base + place.offset
        inner = _Place(base, leaves=[], fixed=f"inside of the table {item.told}")
        plain = replace(item, occurs=None, redefines=None, name=item.told) if not item.items else None
        members = self._members([plain] if plain else item.items, inner, ())
        inner.offset += -inner.offset % inner.alignment
        row = Row(members, inner.finish())
        self._label(row.members)
        place.alignment = max(place.alignment, inner.alignment)
        table = Table(item, (*path, item.told), _part(place), place.offset, row, occurs.least, occurs.most)
        if not occurs.counter:
            place.offset += row.width * occurs.most
            return [table] if item.name or item.items else []
        if place.fixed:
            raise item.word.error(f"{item.told}: OCCURS DEPENDING ON {place.fixed} is not supported")
        table.counter = self._counter(item, occurs.counter)
        place.vary(table)
        return [table]

    def _counter(self, item: Item, names: Sequence[str]) -> Leaf:
        """`names`: the item's and, as far as they are told, those of the groups around it."""
        found = [leaf for leaf in self._leaves if _is_within(leaf, names, self._name)]
        if len(found) == 1:
            return found[0]
        told = " OF ".join(names)
        if found:
            raise item.word.error(
                f"{item.told} depends on {told}, which is there twice",
                " or ".join(f"DEPENDING ON {' OF '.join(reversed(leaf.path))}" for leaf in found),
            )
        raise item.word.error(f"{item.told} depends on {told}, which is no item before it in the record")

    def _choice(self, items: Sequence[Item], place: _Place, path: tuple[str, ...]) -> Choice:
        first = items[0]
        known = {each.name for each in items}
        stranger = next((each for each in items[1:] if each.redefines not in known), None)
        if stranger:
            raise stranger.word.error(
                f"{stranger.told} redefines {stranger.redefines}, which does not stand right before it"
            )
        place.align(first)
        start, end = place.offset, place.offset
        alternatives: list[tuple[str, tuple[Node, ...]]] = []
        names: Counter[str] = Counter()
        for item in items:
            inner = _forked(place, start, f"where {first.told} is redefined")
            members = tuple(self._one(item, inner, path))
            end = max(end, inner.offset)
            place.alignment = max(place.alignment, inner.alignment)
            names[item.told] += 1
            told = item.told if names[item.told] == 1 else f"{item.told}-{names[item.told]}"
            alternatives.append((told, members))
        choice = Choice(first, _part(place), start, tuple(alternatives))
        place.offset = end
        own = place.leaves is self._leaves
        self._choices.append((choice, (place.leaves,) if own else (place.leaves, self._leaves)))
        return choice

    # -- names

    def _label(self, members: Sequence[Node], depth: int = 0) -> None:
        """The columns of one row, or of one group: by their own names, of equal ones with the groups'."""
        columns = list(self.columns(members))
        parts = [1] * len(columns)
        while True:
            names = ["-".join(node.path[-count:]) for node, count in zip(columns, parts, strict=True)]
            counts = Counter(names)
            twice = [at for at, name in enumerate(names) if counts[name] > 1]
            if not twice:
                break
            longer = [at for at in twice if parts[at] < len(columns[at].path) - depth]
            if not longer:
                first, second = (columns[at].item.word for at in twice[:2])
                raise second.error(
                    f"{names[twice[0]]} is there twice", f"see {first.file}:{first.line}; rename one of them"
                )
            for at in longer:
                parts[at] += 1
        for node, name in zip(columns, names, strict=True):
            node.label = name.lower().replace("-", "_") if self._options.names == "lower" else name
            if isinstance(node, Group):
                self._label(node.members, len(node.path))

    def columns(self, members: Sequence[Node]) -> Iterator[Leaf | Group | Table]:
        yield from columns(members, self._options)

    # -- variants

    def _cases(self, choice: Choice, scopes: Sequence[Sequence[Leaf]]) -> tuple[Case, ...]:
        names = [told for told, _ in choice.alternatives]
        rule = self._rule(choice)
        if rule is None:
            raise choice.item.word.error(
                f"{choice.item.told} is redefined by {', '.join(names[1:])}",
                f"say under `redefines` which one a record has, as in {choice.item.told}: {choice.item.told},"
                f" or {choice.item.told}: {{{names[0]}: {{SOME-ITEM: value}}, {names[-1]}: {{}}}}",
            )
        if isinstance(rule, str):
            return (Case(0 if same(rule) == same(FIRST) else self._chosen(choice, rule)),)
        return tuple(
            Case(
                self._chosen(choice, name),
                tuple(_condition(choice, told, value, scopes) for told, value in conditions.items()),
            )
            for name, conditions in rule.items()
        )

    def _rule(self, choice: Choice) -> str | Mapping[str, Conditions] | None:
        for name, rule in self._options.redefines.items():
            if name != EVERY and same(name) == same(choice.item.told):
                self._used.add(name)
                return rule
        return self._options.redefines.get(EVERY)

    def _chosen(self, choice: Choice, name: str) -> int | None:
        names = [same(told) for told, _ in choice.alternatives]
        if same(name) in names:
            return names.index(same(name))
        if same(name) == same(NONE):
            return None
        raise ConfigError(
            f"redefines: {choice.item.told}: there is no {name}",
            remedy=f"it is one of {', '.join(names)}, none",
        )


def _forked(place: _Place, offset: int, fixed: str) -> _Place:
    """Another way to go on from the same place; it shares the leaves."""
    return _Place(place.base, offset, place.parts, place.leaves, 1, place.fixed or fixed, offset)


def _elementary(item: Item) -> Item:
    """The first one of a group, or the item itself."""
    return _elementary(item.items[0]) if item.items else item


def _is_within(leaf: Leaf, names: Sequence[str], record: str) -> bool:
    """Is this COBOL's `A OF B OF C`? Groups may be left out."""
    around = iter((*reversed(leaf.path[:-1]), record))
    return leaf.path[-1] == names[0] and all(name in around for name in names[1:])


def _part(place: _Place) -> int:
    return len(place.parts)


def _condition(
    choice: Choice, name: str, value: Value | tuple[Value, ...], scopes: Sequence[Sequence[Leaf]]
) -> Condition:
    for at, scope in enumerate(scopes):
        found = named(scope, name)
        if len(found) > 1:
            raise ConfigError(
                f"redefines: {choice.item.told}: there are several items {name} to decide by",
                remedy=f"name one: {' | '.join(map(told_path, found))}",
            )
        if found:
            return Condition(found[0], value if isinstance(value, tuple) else (value,), outer=at > 0)
    raise ConfigError(
        f"redefines: {choice.item.told}: there is no item {name} to decide by",
        remedy="it must be one of the record, outside of other tables",
    )
