"""What the operator decides about a stream's columns, before they are encoded."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from hashlib import blake2b
from typing import Protocol

import pyarrow as pa

from bridge.contract import Changes, Table, digits_of
from bridge.errors import ConfigError


class Options(Protocol):
    """The part of a stream's options read here."""

    @property
    def exclude(self) -> tuple[str, ...]: ...


class Policy:
    """Drops the excluded columns. Key columns stay: without them there is no message key and no delete."""

    def __init__(self, options: Options) -> None:
        self._exclude = frozenset(options.exclude)
        self._table = lru_cache(maxsize=256)(self._narrowed)

    def check(self, tables: Sequence[Table], elsewhere: Collection[str] = ()) -> None:
        """Errors: ConfigError for an excluded key column, or a name that no table of the stream has.

        Unless it is one of `elsewhere`, and none that is published is spelt nearly so: that might be meant.
        """
        own: set[str] = set()
        for table in tables:
            self._narrowed(table)
            own.update(table.schema.names)
        published = {name.casefold(): name for name in own - self._exclude}
        for name in sorted(self._exclude - own) if own else ():
            near = get_close_matches(name.casefold(), published, n=1)
            if not near and name in elsewhere:
                continue
            remedy = f"did you mean {published[near[0]]}?" if near else "spell it as the source does"
            raise ConfigError(f"exclude: no table of this stream has a column {name}", remedy=remedy)

    def left_out(self, known: Collection[str]) -> list[str]:
        """Which of these columns it drops."""
        return sorted(self._exclude.intersection(known))

    def table(self, table: Table) -> Table:
        """The table as it is published. Errors: ConfigError."""
        return self._table(table)

    def form(self, table: Table) -> str:
        """Digest of what consumers see of it: columns with their types, in any order, and the key."""
        seen = [sorted(_columns(self._table(table))), table.key]
        return blake2b(json.dumps(seen).encode(), digest_size=8).hexdigest()

    def difference(self, was: Table, now: Table) -> str:
        """In words, what consumers would see of it; empty when that is nothing."""
        old, new = set(_columns(self._table(was))), set(_columns(self._table(now)))
        told = [
            f"{word} {', '.join(' '.join(each) for each in sorted(columns))}"
            for word, columns in (("without", old - new), ("with", new - old))
            if columns
        ]
        if was.key != now.key:
            told.append(f"with the key {', '.join(now.key) or 'of none'}")
        return ", ".join(told)

    def apply(self, changes: Changes) -> Changes:
        """Without the excluded columns; the very same object if it has none. Errors: ConfigError."""
        before, names = changes.before, changes.rows.schema.names
        in_before = [field.name for field in before.type] if before is not None else []
        if self._exclude.isdisjoint(names) and self._exclude.isdisjoint(in_before):
            return changes
        return replace(
            changes,
            table=self._table(changes.table),
            rows=changes.rows.select([name for name in names if name not in self._exclude]),
            before=None if before is None else self._struct(before),
            absent={name: mask for name, mask in changes.absent.items() if name not in self._exclude},
        )

    def _narrowed(self, table: Table) -> Table:
        for name in table.key:
            if name in self._exclude:
                raise ConfigError(
                    f"exclude: {name} is a key column of {table.name}", remedy="take it out of `exclude`"
                )
        kept = [field for field in table.schema if field.name not in self._exclude]
        if not kept:
            raise ConfigError(f"exclude: no column of {table.name} is left", remedy="shorten `exclude`")
        return replace(table, schema=pa.schema(kept, metadata=table.schema.metadata))

    def _struct(self, before: pa.StructArray) -> pa.StructArray:
        kept = [i for i, field in enumerate(before.type) if field.name not in self._exclude]
        children, fields = [before.field(i) for i in kept], [before.type[i] for i in kept]
        return pa.StructArray.from_arrays(children, fields=fields, mask=before.is_null())


def _columns(table: Table) -> list[tuple[str, str]]:
    return [(field.name, f"{field.type}{_digits(field)}") for field in table.schema]


def _digits(field: pa.Field) -> str:
    digits = digits_of(field)
    return "" if digits is None else f"({digits})"
