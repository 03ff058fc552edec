"""What names mean where an expression stands, and what an expression becomes.

While a query runs, an environment is a tuple: its Context first, then one row of each source of the outer
queries, then those of this one. An expression is compiled to a function of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.datatypes import Type
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import Row, Stamp

if TYPE_CHECKING:
    from bridge.testing.oracle.session import Session
    from bridge.testing.oracle.store import Store

Env = tuple[Any, ...]
Run = Callable[[Env], Any]


@dataclass(slots=True)
class Context:
    """One execution: `scn` is what the statement reads as of, `now` its time, which does not move within."""

    session: Session
    binds: Mapping[str, Any]
    scn: int
    now: Stamp

    @property
    def store(self) -> Store:
        return self.session.store


def padded(env: Env, length: int) -> Env:
    """An environment with its empty places filled."""
    return env if len(env) == length else env + (None,) * (length - len(env))


class Record:
    """A row that no table has."""

    __slots__ = ("values",)

    def __init__(self, values: Row) -> None:
        self.values = values


@dataclass(frozen=True, slots=True)
class Term:
    """An expression compiled. `reads`: the places in the environment that it depends on; 0 is the context."""

    type: Type
    run: Run
    reads: frozenset[int] = frozenset()
    nullable: bool = True


def combined(type_: Type, run: Run, terms: Iterable[Term]) -> Term:
    """A term of terms."""
    reads: frozenset[int] = frozenset()
    return Term(type_, run, reads.union(*(term.reads for term in terms)))


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a source."""

    name: str
    type: Type
    nullable: bool = True
    hidden: bool = False


@dataclass(frozen=True)
class Fields:
    """A source as names see it: `names` are what may qualify its columns, `extras` its pseudocolumns."""

    place: int
    names: tuple[tuple[str, ...], ...]
    fields: tuple[Field, ...]
    extras: Mapping[str, Term] = field(default_factory=dict)

    def term(self, name: str) -> Term | None:
        for place, found in enumerate(self.fields):
            if found.name == name:
                return self.at(place)
        return self.extras.get(name)

    def at(self, place: int) -> Term:
        source, found = self.place, self.fields[place]
        return Term(found.type, lambda env: env[source].values[place], frozenset({source}), found.nullable)


@dataclass
class Scope:
    """The sources of one query block, and the blocks around it.

    Behind its sources an environment has three more places: for ROWNUM, for groups and for windows.
    """

    session: Session
    sources: list[Fields] = field(default_factory=list)
    outer: Scope | None = None
    base: int = 1
    places: int = 0
    """How many sources there will be."""
    merged: dict[str, int] = field(default_factory=dict)
    """Columns that USING made one, by the source they are taken from."""
    queries: Mapping[str, Any] = field(default_factory=dict)
    """Of WITH clauses."""
    uses_rownum: bool = False

    @property
    def rownum(self) -> int:
        return self.base + self.places

    @property
    def group(self) -> int:
        return self.base + self.places + 1

    @property
    def window(self) -> int:
        return self.base + self.places + 2

    @property
    def end(self) -> int:
        """Where the environment of a query within this one begins."""
        return self.base + self.places + 3

    def find(self, parts: tuple[str, ...]) -> tuple[Term, tuple[str, ...]] | None:
        """What a name stands for, and the attributes that follow it; ORA-00918."""
        for length in range(len(parts), 0, -1):
            found = self._column(parts[: length - 1], parts[length - 1])
            if found is not None:
                return found, parts[length:]
        return self.outer.find(parts) if self.outer else None

    def _column(self, qualifier: tuple[str, ...], name: str) -> Term | None:
        found = [(source, term) for source in self._called(qualifier) if (term := source.term(name))]
        if len(found) > 1 and not qualifier and name in self.merged:
            found = [pair for pair in found if pair[0].place == self.merged[name]]
        if len(found) > 1:
            raise OracleError(918, name)
        return found[0][1] if found else None

    def _called(self, qualifier: tuple[str, ...]) -> list[Fields]:
        return [source for source in self.sources if not qualifier or qualifier in source.names]

    def star(self, qualifier: tuple[str, ...]) -> list[tuple[Field, Term]]:
        """The columns that `*` or `T.*` stands for; ORA-00904."""
        sources = self._called(qualifier)
        if not sources:
            raise OracleError(904, ".".join(f'"{part}"' for part in qualifier))
        return [
            (column, source.at(place))
            for source in sources
            for place, column in enumerate(source.fields)
            if not column.hidden and not self._repeated(source, column)
        ]

    def _repeated(self, source: Fields, column: Field) -> bool:
        return self.merged.get(column.name, source.place) != source.place
