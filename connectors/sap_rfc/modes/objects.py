"""Objects that something has happened to, as a function tells of them now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from bridge.contract import Changes, Op, Reject, Table
from connectors.sap_rfc.clients.client import Field, Kind
from connectors.sap_rfc.dictionary import Relation
from connectors.sap_rfc.modes import details
from connectors.sap_rfc.modes.details import Details, Refusal
from connectors.sap_rfc.modes.mode import Basis
from connectors.sap_rfc.modes.pace import Pace
from connectors.sap_rfc.modes.told import Told
from connectors.sap_rfc.streams import Detail
from connectors.sap_rfc.system import System


class Touched(NamedTuple):
    """An object. `created`: this is the first that is told of it, unless it was there before."""

    row: Mapping[str, Any]
    created: bool


class Objects:
    """Each object once a batch, however often it was touched; what is not there any more is deleted.

    Also what was created in the same batch: nobody remembers whether it was published in an earlier life, and
    a delete too many costs less than one that is missing.
    """

    def __init__(
        self, basis: Basis, table: str, options: Detail, relation: Relation, key: Sequence[str]
    ) -> None:
        """`relation`: of what tells of objects; `key`: its columns that name one. Errors: ConfigError."""
        columns = {name: _field(relation, name) for name in key}
        self._details = Details(options, basis.system, columns, basis.options.missing)
        self._pace = Pace()
        self._fields = {**columns, **self._details.fields}
        unseen = basis.excluded.difference(key)
        self.table = Table(table, details.schema(self._fields, table, unseen), tuple(key))

    @property
    def most(self) -> int:
        """How many a poll has the time to ask for."""
        return self._pace.most

    def read(self, system: System, touched: Iterable[Touched]) -> Told:
        objects, taken = dict[tuple[Any, ...], Touched](), 0
        for taken, each in enumerate(touched, 1):  # noqa: B007 -- counted
            objects.setdefault(tuple(each.row[name] for name in self.table.key), each)
        with self._pace.of(len(objects), taken):
            return self._told(system, objects.values())

    def _told(self, system: System, objects: Iterable[Touched]) -> Told:
        rows, ops, rejects = list[Mapping[str, Any]](), list[str](), list[Reject]()
        for each in objects:
            key = {name: each.row[name] for name in self.table.key}
            answer = self._details.read(system, each.row)
            if isinstance(answer, Refusal):
                told = ", ".join(f"{name} {value}" for name, value in key.items())
                rejects.append(Reject(self.table.name, answer.reason, told, key))
            elif answer is not None:
                rows.append({**key, **answer})
                ops.append(Op.CREATE if each.created else Op.UPDATE)
            else:
                rows.append(key)
                ops.append(Op.DELETE)
        if not rows:
            return Told((), tuple(rejects))
        shown = details.shown(self.table, self._fields, rows)
        op = pa.array([ops[place] for place in shown.kept], pa.string())
        changes = (Changes(self.table, shown.rows, op),) if shown.kept else ()
        return Told(changes, (*shown.rejects, *rejects))


def _field(relation: Relation, name: str) -> Field:
    return Field(name, Kind.CHAR, relation.column(name).length)
