"""The system: dictionary, tables, clock, rights, function modules. Safe between threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from random import Random
from typing import Any

from bridge.testing.sap import catalog, information, metadata, readers
from bridge.testing.sap.abap import AnyType, Function, Structure, Table, TableType, Type
from bridge.testing.sap.change_documents import CDHDR, CDPOS, TCDOB, ObjectClass
from bridge.testing.sap.clock import Clock
from bridge.testing.sap.errors import Misuse, ShortDump
from bridge.testing.sap.grants import Grants
from bridge.testing.sap.modules import Body, Module, Session
from bridge.testing.sap.numbers import NumberRange
from bridge.testing.sap.pointers import BDCP2, Message
from bridge.testing.sap.relations import Key, Relation
from bridge.testing.sap.transactions import Locks, Transaction
from bridge.testing.sap.values import Row, row_of

_SHUFFLED = 2000

Watcher = Callable[[str, Mapping[str, Any]], None]
Rows = Callable[["System"], Iterable[Mapping[str, Any]]]


class System:
    """Empty but for the tables that every system has; `release` (SAP_BASIS) decides how some functions work.

    disorder: without it rows that nobody sorts come in the order of the key.
    before, after: called with the name and the parameters of every call, so that a test can change rows
    between two calls, or while one waits.
    """

    def __init__(self, *, sysid: str = "SIM", client: str = "100", release: str = "758") -> None:
        self.sysid = sysid
        self.client = client
        self.release = release
        self.host = "simulator"
        self.clock = Clock()
        self.grants = Grants()
        self.messages: list[Message] = []
        self.classes: dict[str, ObjectClass] = {}
        self.servers = 3
        self.document_numbers = NumberRange(1_000_001)
        self.pointer_numbers = NumberRange(1)
        self.calls: Counter[str] = Counter()
        self.before: list[Watcher] = []
        self.after: list[Watcher] = []
        self._lock = threading.RLock()
        self._locks = Locks()
        self._relations: dict[str, Relation] = {}
        self._made: dict[str, Rows] = {}
        self._modules: dict[str, Module] = {}
        self._types: dict[str, Structure | TableType] = {}
        self._elements: dict[str, Type] = {}
        self._turn = count()
        self.disorder: Random | None = Random(1)
        for table in (CDHDR, CDPOS, TCDOB, BDCP2):
            self.define(table)
        for function, body in (*information.functions(), *readers.functions(release)):
            self.install(function, body)
        catalog.install(self)
        metadata.install(self)

    def define(self, table: Table, rows: Rows | None = None) -> Table:
        """A new table; with `rows` it has none of its own, and shows what they make at every look."""
        with self._lock:
            self._relations[table.name] = Relation(table)
            self._declare_all(table.row)
            if rows is not None:
                self._made[table.name] = rows
        return table

    def install(self, function: Function, body: Body) -> None:
        """A function module, with the structures its parameters name."""
        with self._lock:
            self._modules[function.name] = Module(function, body)
            for parameter in function.parameters:
                self._declare_all(parameter.type)

    def function(self, name: str) -> Function | None:
        module = self._modules.get(name)
        return None if module is None else module.function

    @property
    def functions(self) -> list[Function]:
        with self._lock:
            return [module.function for module in self._modules.values()]

    @property
    def tables(self) -> list[Table]:
        with self._lock:
            return [relation.table for relation in self._relations.values()]

    def table(self, name: str) -> Table | None:
        relation = self._relations.get(name)
        return None if relation is None else relation.table

    def type(self, name: str) -> Structure | TableType | None:
        """What the dictionary knows by this name: a table's row, a structure, a table type."""
        return self._types.get(name)

    def element(self, name: str) -> Type | None:
        """The data element of this name, as the fields and parameters have it that are known."""
        return self._elements.get(name)

    @property
    def types(self) -> list[Structure | TableType]:
        with self._lock:
            return list(self._types.values())

    def object_class(self, name: str) -> ObjectClass:
        return self.classes.get(name, ObjectClass(name))

    def transaction(
        self, *, user: str = "MILLER", tcode: str = "", client: str | None = None, server: int | None = None
    ) -> Transaction:
        """A new unit of work, on the next application server in turn; several may be open at a time."""
        chosen = next(self._turn) % self.servers if server is None else server
        return Transaction(self, client=client or self.client, user=user, tcode=tcode, server=chosen)

    def load(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Many committed rows at once, without locks and documents."""
        relation = self.relation(table)
        client = {relation.table.client: self.client} if relation.table.client else {}
        with self._lock:
            relation.load(row_of(relation.table.row, {**client, **row}) for row in rows)

    def rows(self, table: str, client: str | None = None) -> list[dict[str, Any]]:
        """What is committed, in the order of the key; of one client where the table has clients."""
        relation, found = self.select(table, client=client or self.client)
        return [dict(zip(relation.names, row, strict=True)) for row in found]

    def select(
        self, table: str, low: Key = (), high: Key = (), client: str = ""
    ) -> tuple[Relation, list[Row]]:
        """Committed rows, those keys alone that begin from `low` to `high`, after the client."""
        with self._lock:
            relation = self.relation(table)
            self._refresh(relation)
            if relation.table.client is None:
                return relation, relation.scan(low, high)
            return relation, relation.scan((client, *low), (client, *high))

    def disordered(self, rows: list[Row]) -> list[Row]:
        """As a database may give them that nobody asked for an order: another one every time."""
        with self._lock:
            chance = self.disorder
            if chance is None or len(rows) < 2:
                return rows
            if len(rows) <= _SHUFFLED:
                return chance.sample(rows, len(rows))
            start = chance.randrange(len(rows))
            return rows[start:] + rows[:start]

    def relation(self, name: str) -> Relation:
        try:
            return self._relations[name]
        except KeyError:
            raise Misuse(f"no table {name}") from None

    def invoke(
        self, function: str, parameters: Mapping[str, Any] | None = None, session: Session | None = None
    ) -> dict[str, Any]:
        """Runs a function module: what it exports, changes and has in its tables.

        Raises AbapException and ShortDump. ABAP Keyword Documentation, "RFC - Exceptions"; SAP Help,
        "Authorization Object S_RFC".
        """
        sent, caller = parameters or {}, session or Session(client=self.client)
        with self._lock:
            self.calls[function] += 1
        for watch in tuple(self.before):
            watch(function, sent)
        answer = self._allowed(function, caller).run(self, caller, sent)
        for watch in tuple(self.after):
            watch(function, sent)
        return answer

    def lock(self, holder: Transaction, place: tuple[str, Key]) -> None:
        with self._lock:
            self._locks.take(holder, place)

    def apply(self, holder: Transaction, rows: Mapping[tuple[str, Key], Row | None]) -> None:
        """The end of a transaction: its rows are there for all at one moment, and its locks are gone."""
        with self._lock:
            for (table, key), row in rows.items():
                relation = self._relations[table]
                if row is not None:
                    relation.put(row)
                elif relation.get(key) is not None:
                    relation.remove(key)
            self._locks.release(holder)

    def _allowed(self, name: str, session: Session) -> Module:
        module = self._modules.get(name)
        if module is None:
            raise ShortDump("CALL_FUNCTION_NOT_FOUND", f'Function module "{name}" not found.')
        if not module.function.remote:
            raise ShortDump(
                "CALL_FUNCTION_NOT_REMOTE", f'Function module "{name}" cannot be used for "remote" calls.'
            )
        if not self.grants.may_call(module.function):
            text = f"User {session.user} has no RFC authorization for function module {name}."
            raise ShortDump("RFC_NO_AUTHORITY", text)
        return module

    def _refresh(self, relation: Relation) -> None:
        make = self._made.get(relation.table.name)
        if make is not None:
            relation.clear()
            relation.load(row_of(relation.table.row, row) for row in make(self))

    def _declare_all(self, type_: AnyType) -> None:
        if isinstance(type_, Type):
            self._elements.setdefault(type_.name, type_)
            return
        if type_.name:
            self._types[type_.name] = type_
        for each in (type_.row,) if isinstance(type_, TableType) else [each.type for each in type_.fields]:
            self._declare_all(each)
