"""What a system's own tables say of it, for `doctor`: indexes, groups of tables, functions, sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.errors import PermanentError, TransientError
from connectors.sap_rfc.conditions import Condition, compare, quoted
from connectors.sap_rfc.dictionary import Dictionary, Relation
from connectors.sap_rfc.errors import UnauthorisedError
from connectors.sap_rfc.system import System
from connectors.sap_rfc.tables import Choice, TableReader

_AT_ONCE = 1000
_COUNTS = "EM_GET_NUMBER_OF_ENTRIES"


class Catalog:
    """Nothing of it has to be readable: what is not is None, and named in `unseen`."""

    def __init__(self, system: System, dictionary: Dictionary, reader: str) -> None:
        self._system, self._dictionary = system, dictionary
        self._reader = TableReader(system, reader, dictionary)
        self.unseen: dict[str, UnauthorisedError] = {}

    def indexes(self, relation: Relation) -> Sequence[tuple[str, ...]] | None:
        """Their columns without the client, the primary key's first."""
        rows = self._rows(
            "DD17S", ("INDEXNAME", "POSITION", "FIELDNAME"), compare("SQLTAB", "=", quoted(relation.name))
        )
        if rows is None:
            return None
        found: dict[str, list[str]] = {}
        for row in sorted(rows, key=lambda row: int(row["POSITION"] or 0)):
            if row["FIELDNAME"] != relation.client:
                found.setdefault(row["INDEXNAME"], []).append(row["FIELDNAME"])
        return [relation.key, *map(tuple, found.values())]

    def group(self, table: str) -> str | None:
        """Its authorisation group, which S_TABU_DIS is for; &NC& is that of tables without one."""
        rows = self._rows("TDDAT", ("CCLASS",), compare("TABNAME", "=", quoted(table)))
        return None if rows is None else next((row["CCLASS"] for row in rows if row["CCLASS"]), "&NC&")

    def is_inside(self, function: str) -> bool:
        """There is such a function, but not for callers from outside."""
        rows = self._rows("TFDIR", ("FMODE",), compare("FUNCNAME", "=", quoted(function)))
        return any(row["FMODE"] != "R" for row in rows or ())

    def count(self, table: str) -> int | None:
        """How many rows it has, of this client; counted, which takes its time."""
        try:
            answer = self._system.call(_COUNTS, IT_TABLES=[{"TABNAME": table}])
        except UnauthorisedError as error:
            self.unseen[_COUNTS] = error
            return None
        except (PermanentError, TransientError):  # not there, or too slow
            return None
        counted = [int(row["TABROWS"]) for row in answer["IT_TABLES"]]
        return counted[0] if counted and counted[0] >= 0 else None

    def _rows(self, table: str, columns: tuple[str, ...], where: Condition) -> list[Mapping[str, Any]] | None:
        try:
            return list(self._read(table, columns, where))
        except UnauthorisedError as error:
            self.unseen[table] = error
        except PermanentError:
            pass
        return None

    def _read(self, table: str, columns: tuple[str, ...], where: Condition) -> Iterator[Mapping[str, Any]]:
        choice = Choice(self._dictionary.relation(table), columns, where)
        after = None
        while True:
            page = self._reader.page(choice, after, _AT_ONCE)
            yield from page.rows.to_pylist()
            after = page.after
            if after is None:
                return
