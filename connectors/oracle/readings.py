"""How each stream is read: its table as the dictionary has it, and its mode."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.contract import Stream, pick
from bridge.errors import GoneError, PermanentError, TransientError
from connectors.oracle import statements
from connectors.oracle.catalog import Catalog, Kind, Relation, must_fit, without
from connectors.oracle.config import OracleConfig, OracleStream
from connectors.oracle.modes import Mode, mode_of
from connectors.oracle.modes.queue import described, may_dequeue
from connectors.oracle.session import Session
from connectors.oracle.statements import TableName
from connectors.tables import fits, is_pattern


@dataclass(frozen=True, slots=True)
class Reading:
    relation: Relation
    mode: Mode

    @property
    def name(self) -> str:
        return str(self.relation.name)


class Readings:
    """Of all streams; one whose table changed, or may have, is looked up anew."""

    def __init__(self, config: OracleConfig, excluded: Callable[[str], Collection[str]]) -> None:
        self._config, self._excluded = config, excluded
        self._known: dict[str, Reading | PermanentError] = {}
        self._doubted: set[str] = set()
        self._gone: set[str] = set()
        """Which polls have missed."""
        self.left_out: set[str] = set()
        """Tables that `exclude_tables` names."""
        self._columns: dict[str, int] = {}
        """What the dictionary said of each table and its columns before it was described, as a hash."""

    def discover(self, session: Session) -> Sequence[Stream]:
        self._columns = self._said(session, self._config.streams)
        found = self._found(session, self._config.streams)
        for name, relation in found.items():
            self._describe(name, relation)
        self._gone.difference_update(found)
        missing = [name for name in self._config.streams if self._is_missing(name) and name not in found]
        for name in missing:
            self._known[name] = self._missing(session, name)
        shown = [name for name in missing if name not in self._gone]
        return [self._stream(session, name) for name in (*found, *shown)]

    def usable(self, session: Session, name: str) -> Reading:
        """What was refused before is looked at again: a grant may be there now. Errors: PermanentError."""
        if name in self._doubted or not isinstance(self._known.get(name), Reading):
            self._look_up(session, name)
        reading = self._known[name]
        if isinstance(reading, PermanentError):
            raise type(reading)(reading.text, remedy=reading.remedy)
        return reading

    def is_current(self, session: Session, name: str) -> bool:
        """Are table and columns what was read? A poll that brought changes asks, before they count.

        If not, it is described anew: what was read without a column that was added would stay without it.
        Errors: TransientError when its rows are known by other columns now, which the engine must hear first.
        """
        if name in self._columns and self._said(session, [name]).get(name) == self._columns[name]:
            return True
        reading = self._known.get(name)
        self._look_up(session, name)
        now = self._known[name]
        if isinstance(now, Reading) and _known_by(now) != _known_by(reading):
            raise TransientError(f"rows of {name} are known by other columns now", remedy="it is opened anew")
        return now is reading

    def missed(self, name: str, error: GoneError) -> None:
        """A poll says that its table is not there."""
        self._known[name] = error
        self._gone.add(name)

    def doubt(self, name: str) -> None:
        """A poll says that its table has changed, or may have."""
        self._doubted.add(name)

    def release(self) -> None:
        for reading in self._known.values():
            if isinstance(reading, Reading):
                reading.mode.release()

    @property
    def known(self) -> Mapping[str, Reading | PermanentError]:
        return self._known

    def _found(self, session: Session, streams: Mapping[str, OracleStream]) -> dict[str, Relation]:
        found = Catalog(session).find(streams)
        self.left_out |= {name for name in found if fits(name, self._config.exclude_tables)}
        return {
            name: described(session, relation) if relation.kind is Kind.QUEUE else self._read(name, relation)
            for name, relation in found.items()
            if name not in self.left_out
        }

    def _read(self, name: str, relation: Relation) -> Relation:
        """As far as it is read."""
        excluded = self._excluded(name)
        return without(relation, excluded, self._options(name)) if excluded else relation

    def _look_up(self, session: Session, name: str) -> None:
        self._columns |= self._said(session, [name])
        relation = self._found(session, {name: self._options(name)}).get(name)
        if relation is None:
            self._known[name] = self._missing(session, name)
        else:
            self._describe(name, relation)
        self._doubted.discard(name)

    def _said(self, session: Session, names: Iterable[str]) -> dict[str, int]:
        asked = [TableName(owner, table) for owner, _, table in (name.partition(".") for name in names)]
        rows = defaultdict[str, list[tuple[Any, ...]]](list)
        for at in range(0, len(asked), statements.ASKED):
            for row in session.rows(statements.columns(asked[at : at + statements.ASKED])):
                rows[f"{row[0]}.{row[1]}"].append(row)
        for table, number in Catalog(session).objects(asked, self._config.streams).items():
            rows[str(table)].append((number,))
        return {name: hash(tuple(each)) for name, each in rows.items()}

    def _options(self, name: str) -> OracleStream:
        options = pick(self._config.streams, name)
        if options is None:
            raise PermanentError(f"no entry of `streams` fits {name}", remedy="name it, or a pattern")
        return options

    def _describe(self, name: str, relation: Relation) -> None:
        """A reading stays, with what it has open, as long as its table stays what it was."""
        known = self._known.get(name)
        if isinstance(known, Reading):
            if known.relation == relation:
                return
            known.mode.release()
        options = self._options(name)
        try:
            must_fit(relation, options)
            self._known[name] = Reading(relation, mode_of(relation, options))
        except PermanentError as error:
            user = self._config.proxy_for or self._config.account
            self._known[name] = type(error)(error.text, remedy=error.remedy.replace("{user}", user))

    def _is_missing(self, name: str) -> bool:
        return not is_pattern(name) and not fits(name, self._config.exclude_tables)

    def _missing(self, session: Session, name: str) -> GoneError:
        if self._options(name).mode == "aq":
            return GoneError(
                f"streams: the database has no queue {name} that {session.user} may read",
                remedy="check its name, OWNER.NAME, and that it is no table;"
                f" {may_dequeue(name, session.user)}",
            )
        meant = Catalog(session).meant(name) if "." in name else None
        return GoneError(
            f"streams: the database has no table {name} that {session.user} may read",
            remedy=f"did you mean {meant}? Names are written as the dictionary has them"
            if meant
            else f"check its name, OWNER.NAME; GRANT SELECT, FLASHBACK ON it TO {session.user}",
        )

    def _stream(self, session: Session, name: str) -> Stream:
        reading = self._known[name]
        if not isinstance(reading, Reading):  # which poll() raises, so that its siblings run on
            return Stream(name, session.identity, ())
        mode = reading.mode
        return Stream(
            name,
            session.identity,
            mode.tables(),
            emits=mode.emits,
            settles=mode.settles,
            caveats=mode.caveats,
        )


def _known_by(reading: Reading | PermanentError | None) -> tuple[str, ...]:
    """The columns that tell its rows apart, without a key all of them."""
    if not isinstance(reading, Reading):
        return ()
    return reading.mode.key or tuple(column.name for column in reading.relation.columns)
