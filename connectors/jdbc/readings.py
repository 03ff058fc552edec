"""How each stream is read: its columns as the driver describes them, its key, its mode."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import jpype
import pyarrow as pa

from bridge.contract import Stream, Table, pick
from bridge.errors import (
    BusyError,
    ConfigError,
    CredentialsError,
    GoneError,
    PermanentError,
    TransientError,
)
from connectors.jdbc import modes
from connectors.jdbc.config import JdbcConfig, JdbcStream
from connectors.jdbc.errors import translate
from connectors.jdbc.keyset import Keyset
from connectors.jdbc.modes import Again, Keys, Mode, Wanted
from connectors.jdbc.session import Session
from connectors.jdbc.statements import Query, Quote, Source, Statement, TableName, shape
from connectors.jdbc.types import Column, Limit, columns, unknown_types, without
from connectors.tables import fits, is_pattern

# For so long a discovery asks for the keys of tables that are known, and begins to look again at locked ones;
# the rest has its turn in the next one.
KEYS_S = 0.5

type Refusal = PermanentError | TransientError
type Excluded = Callable[[str], Collection[str]]
"""The columns of a stream that nobody sees."""
type Identity = tuple[tuple[pa.Field, Mapping[bytes, bytes] | None], ...]
"""Columns, with their metadata, which Arrow does not compare."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is read, as long as its description stays the same."""

    source: Source
    description: str
    """Of all columns."""
    brought: str
    """Of those that are asked for: the others, which nobody sees, may be wide."""
    columns: tuple[Column, ...]
    """Which are asked for."""
    table: Table
    mode: Mode
    options: JdbcStream
    keys: Keys
    """As the catalogue told them."""
    key: Keyset
    nullable: tuple[str, ...]
    """Columns of the key that may be NULL."""
    nothing: pa.RecordBatch
    """No rows of the table, made once: most polls find none."""

    @property
    def limit(self) -> Limit:
        return Limit(self.options.max_value_bytes, self.options.oversize)

    @property
    def padded(self) -> frozenset[str]:
        """The columns whose trailing spaces are not published."""
        found = [one.name for one in self.columns if one.kind == "char"] if self.options.trim else ()
        return frozenset(found)

    @property
    def name(self) -> str:
        return str(self.source)

    @property
    def leaves_out(self) -> bool:
        return self.brought != self.description

    def asks(self, statement: Statement, quote: Quote) -> Statement:
        """The same, for its columns alone."""
        return statement.naming([one.name for one in self.columns], quote) if self.leaves_out else statement

    def again(self, wanted: Wanted) -> Mode:
        """To read all its rows once more. Errors: PermanentError."""
        if not self.table.key:
            raise PermanentError(
                f"table {self.source} has no key, so that there is no place in it to go on from",
                remedy="name the columns that tell its rows apart under `key`",
            )
        return Again(self.source, self.key, self.nullable, self.mode, wanted)

    @property
    def identified_by(self) -> Identity:
        """The columns that tell its rows apart, without a key all of them, and how they are written."""
        schema = self.table.schema
        fields = map(schema.field, self.table.key or schema.names)
        return tuple((field, field.metadata) for field in fields)

    @property
    def known_by(self) -> tuple[str, ...]:
        """The columns that a row is known by even when it cannot be read."""
        return tuple(dict.fromkeys((*self.table.key, *self.mode.columns)))


class Readings:
    """Of all streams; described when they are found, and anew when a query tells other columns."""

    def __init__(self, config: JdbcConfig, session: Session, excluded: Excluded) -> None:
        self._config, self._session, self._excluded = config, session, excluded
        self._known: dict[str, Reading | Refusal] = {}
        self._told: dict[str, Identity] = {}
        """By what the rows of each are known, as the last discovery said."""
        self._discovered = False
        """Else there is nothing that a stream had to be told by."""
        self._gone: set[str] = set()
        """Which polls have missed."""
        self._keys_at: dict[str, float] = {}
        """When the catalogue was asked last for the key of each."""

    def stand_in_for(self, former: Readings) -> None:
        """Of a session that was cut: nobody was told anything since."""
        self._told, self._discovered = former._told, former._discovered

    def discover(self, looked_at_one: Callable[[], None] = lambda: None) -> Sequence[Stream]:
        self._session.end()
        self._look_at_keys()
        names = [*dict.fromkeys(map(str, self._found(looked_at_one)))]
        self._gone.difference_update(names)
        names += [name for name in self._config.streams if self._is_missed(name) and name not in names]
        streams = []
        for name in names:
            streams.append(self._stream(name))
            looked_at_one()
        self._session.end()
        self._discovered = True
        return streams

    def _found(self, looked_at_one: Callable[[], None]) -> list[TableName]:
        patterns = [name for name, options in self._config.streams.items() if not options.query]
        found = self._session.catalog.find(patterns, self._config.exclude_tables) if patterns else []
        tables = [table for table in found if str(table) not in self._queries]
        until, times = time.monotonic() + KEYS_S, Counter(map(str, tables))
        for table in sorted(tables, key=self._asked_at):
            if times[str(table)] > 1:
                self._known[str(table)] = _ambiguous(table)
            known = self._known.get(str(table))
            waits = isinstance(known, TransientError) and time.monotonic() > until
            if not (waits or times[str(table)] > 1 or isinstance(known, Reading)):
                self._keys_at[str(table)] = time.monotonic()
                self._known[str(table)] = self._described_or_refused(table)
                looked_at_one()
        return tables

    def _asked_at(self, table: TableName) -> float:
        return self._keys_at.get(str(table), 0.0)

    def _look_at_keys(self) -> None:
        """Nothing that a query brings tells of them; those first that were asked for the longest ago."""
        until = time.monotonic() + KEYS_S
        tables = [each for each in self._known.values() if isinstance(each, Reading)]
        for reading in sorted(tables, key=lambda each: self._keys_at.get(each.name, 0.0)):
            if time.monotonic() > until:
                break
            self._look_at_key(reading)

    def _look_at_key(self, reading: Reading) -> None:
        self._keys_at[reading.name] = time.monotonic()
        if self._keys(reading.source, reading.options) != reading.keys:
            self._known[reading.name] = self._described_or_refused(reading.source)

    def doubted(self, reading: Reading, columns: Sequence[str]) -> Refusal:
        """What to raise for two rows with the same values of these, by which it is read."""
        self._look_at_key(reading)
        now = self._known[reading.name]
        if isinstance(now, PermanentError):
            return now
        if now is not reading:
            return _other_key(reading.source)
        return PermanentError(
            f"{reading.source} has rows with the same {', '.join(columns)}, by which it is read: some may"
            " have been missed",
            remedy="see that no two rows have the same, or name other columns under `key`; then `resume`",
        )

    @property
    def _queries(self) -> dict[str, Query]:
        streams = self._config.streams.items()
        return {name: Query(name, options.query) for name, options in streams if options.query}

    def _is_missed(self, name: str) -> bool:
        if name in self._gone:  # tables that are there have been found
            return name in self._queries and not isinstance(self.find(name), GoneError)
        if name in self._queries:
            return True
        return not is_pattern(name) and not fits(name, self._config.exclude_tables)

    def _stream(self, name: str) -> Stream:
        identity, reading = self._session.identity, self.find(name)
        if not isinstance(reading, Reading):  # which poll() raises, so that its siblings run on
            return Stream(name, identity, ())
        self._told[name] = reading.identified_by
        return Stream(name, identity, (reading.table,), reading.mode.emits, caveats=reading.mode.caveats)

    def find(self, name: str) -> Reading | Refusal:
        """How the stream is read, or why it cannot be: polls look again at what is busy."""
        known = self._known.get(name)
        if known is None or (not isinstance(known, Reading | BusyError) and name in self._queries):
            self._known[name] = known = self._searched(name)
        return known

    def _searched(self, name: str) -> Reading | Refusal:
        if query := self._queries.get(name):
            return self._described_or_refused(query)
        found = [each for each in self._session.catalog.find((name,), ()) if str(each) == name]
        if len(found) > 1:
            return _ambiguous(found[0])
        return self._described_or_refused(found[0]) if found else self._missing(name)

    def usable(self, name: str) -> Reading:
        """What was refused before is looked at again: a grant may be there now, a lock gone.

        Errors: PermanentError; TransientError, of what the next discovery looks at again, or has to tell.
        """
        reading = self._known.get(name)
        if reading is None or isinstance(reading, PermanentError | BusyError):
            reading = self._known[name] = self._searched(name)
        if not isinstance(reading, Reading):
            raise type(reading)(reading.text, remedy=reading.remedy)
        if self._discovered and name not in self._told:
            raise TransientError(f"{reading.source} can be described now", remedy="it is looked at anew")
        if self._told.get(name, reading.identified_by) != reading.identified_by:
            raise _other_key(reading.source)
        return reading

    def missed(self, name: str, error: GoneError) -> None:
        """A poll says that its table is not there."""
        self._known[name] = error
        self._gone.add(name)

    def _missing(self, name: str) -> GoneError:
        nearest = self._session.catalog.nearest(name)
        meant = f"did you mean {nearest}?" if nearest else "grant SELECT on it, or check its name"
        return GoneError(f"streams: the database has no table {name}", remedy=meant)

    def _described_or_refused(self, source: Source) -> Reading | Refusal:
        try:
            cursor = self._session.open(shape(source, self._session.catalog.quote))
            return self._built(source, cursor.execute())
        except ConfigError:
            raise  # it is no matter of this one
        except PermanentError as error:
            return error
        except jpype.JException as error:
            told = translate(error, f"table {source}")
            if not isinstance(told, PermanentError | TransientError) or isinstance(
                told, ConfigError | CredentialsError
            ):
                raise
            self._session.end()
            if isinstance(told, TransientError) and not self._session.lives():
                raise  # else the table is locked, say: that is no matter of the others
            return told

    def as_described(self, reading: Reading, description: str) -> Reading:
        """The same, or what it has become since the table was altered.

        Errors: PermanentError; TransientError when its rows are known by other columns now, which the engine
        has to know before it gets any.
        """
        if description == reading.description:
            return reading
        now = self._known[reading.name] = self._built(reading.source, description)
        if now.identified_by != reading.identified_by:
            raise _other_key(reading.source)
        return now

    def refused(self, reading: Reading, error: Exception) -> Exception:
        """What to raise for a statement that the database refuses: its table may have been altered."""
        if type(translate(error, "")) is not PermanentError:
            return error
        self._session.end()
        now = self._described_or_refused(reading.source)
        if isinstance(now, Reading) and now.description == reading.description:
            return error
        self._known[reading.name] = now
        return _other_key(reading.source) if isinstance(now, Reading) else now

    def _built(self, source: Source, description: str) -> Reading:
        options = self._options(source)
        dialect, unknown = self._session.dialect, options.unknown_types
        excluded = frozenset(self._excluded(str(source)))
        if unknown == "fail":
            _refuse_unknown(source, unknown_types(description, dialect), excluded)
        found = columns(description, dialect, "reject" if unknown == "reject" else "string")
        _refuse_doubles(source, Counter(one.name for one in found))
        keys = self._keys(source, options)
        self._refuse_invisible(
            source, {*keys.best, *options.columns}.difference(one.name for one in found), found
        )
        mode, key = modes.make(options, source, found, keys, self._session.catalog.quote)
        unseen = excluded.difference(key, mode.columns)
        if mode.own_session and self._config.sessions == 1:
            raise PermanentError(
                f"table {source} has no key: it is read in a second session, and `sessions` is 1",
                remedy="allow a second one, or name the columns that tell its rows apart under `key`",
            )
        table = Table(str(source), pa.schema([_field(one, key, unseen) for one in found]), key)
        asked = tuple(one for one in found if one.name not in unseen)
        nothing = pa.RecordBatch.from_pylist([], schema=table.schema)
        keyset = Keyset(tuple(one for name in key for one in found if one.name == name), keys.sorted_as)
        nullable = () if key == keys.catalogue else key
        brought = without(description, unseen) or description  # a statement asks for one column at least
        return Reading(
            source, description, brought, asked, table, mode, options, keys, keyset, nullable, nothing
        )

    def _refuse_invisible(self, source: Source, missing: Collection[str], found: Sequence[Column]) -> None:
        """Errors: PermanentError."""
        if not missing or isinstance(source, Query):
            return
        hidden = self._session.catalog.invisible(source, [one.name for one in found])
        if known := [name for name in hidden if name in missing]:
            raise PermanentError(
                f"column {', '.join(known)} of {source} is invisible: SELECT * does not bring it",
                remedy="make it visible, or read the table by a `query` that names its columns",
            )

    def _options(self, source: Source) -> JdbcStream:
        options = pick(self._config.streams, str(source))
        if options is None:
            raise PermanentError(f"no entry of `streams` fits {source}", remedy="name it, or a pattern")
        return options

    def _keys(self, source: Source, options: JdbcStream) -> Keys:
        """Asks the catalogue, but for a query."""
        if isinstance(source, Query):
            return Keys(options.key, declared=options.key)
        catalog = self._session.catalog
        primary = catalog.key(source)
        unique = catalog.unique_key(source) if not primary and options.mode != "incrementing" else ()
        column = options.columns[0] if options.columns else ""
        asks = options.mode == "incrementing" and not options.unique and primary != options.columns
        alone = asks and column != "" and catalog.unique(source, column)
        sorted_as = catalog.sorted_as(source, self._session.dialect.sorted_as)
        return Keys(primary or unique, options.key, (column,) if alone else (), sorted_as)


def _field(column: Column, key: Sequence[str], unseen: Collection[str]) -> pa.Field:
    if column.name in unseen:
        return pa.field(column.name, pa.null())
    return pa.field(column.name, column.type, column.name not in key, column.metadata)


def _ambiguous(table: TableName) -> PermanentError:
    return PermanentError(
        f"there are two tables that read as {table}: a schema or a table has a dot in its name",
        remedy="read each by a `query` that quotes its name",
    )


def _other_key(source: Source) -> TransientError:
    return TransientError(f"{source} has another key now", remedy="it is looked at anew")


def _refuse_doubles(source: Source, names: Counter[str]) -> None:
    """Some databases let a query have them. Errors: PermanentError."""
    if doubles := [name for name, times in names.items() if times > 1]:
        raise PermanentError(
            f"{source} has several columns named {', '.join(doubles)}",
            remedy="give each column of the `query` a name of its own",
        )


def _refuse_unknown(source: Source, types: Mapping[str, str], excluded: Collection[str]) -> None:
    """Errors: PermanentError."""
    if found := [f"{name} ({kind})" for name, kind in types.items() if name not in excluded]:
        raise PermanentError(
            f"{source} has columns of types that are not known: {', '.join(found)}",
            remedy="set `unknown_types: string`, or `exclude` them",
        )
