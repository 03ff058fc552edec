"""A system of SAP's kind, on a wire or without, a table and functions that tell of it, and connectors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self
from unittest.mock import patch

from bridge.testing.fakes import Crash
from bridge.testing.sap import ranges
from bridge.testing.sap.abap import Direction, Field, Function, Parameter, Structure, Table, Type, char, numc
from bridge.testing.sap.abap import structure as structured
from bridge.testing.sap.change_documents import ObjectClass
from bridge.testing.sap.modules import Call
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.pointers import Message
from bridge.testing.sap.returns import BAPIRETURN1, message
from bridge.testing.sap.system import System
from connectors.sap_rfc import line
from connectors.sap_rfc.clients.pure import Pure
from connectors.sap_rfc.connector import SapConnector
from connectors.sap_rfc.system import System as Session
from tests.property.sap_direct import near

TABLE, CLASS, MESSAGE = "ZLIFE", "ZLIFE", "ZLIFE"
PASSWORD_VARIABLE = "SAP_LIFE_PASSWORD"
SHAPES: Mapping[str, tuple[str, ...]] = {"keyed": ("ID",), "pair": ("SITE", "ID")}
"""The keys of tables."""
LISTED, DETAILED = ("X", "A"), ("B", "C")
"""What the list of rows tells, and what the function about one of them does."""
VALUES = LISTED + DETAILED
NARROW, WIDE = 20, 300
PATIENCE_S = 1.0
"""How long a call may take here."""
NOBODY = "ZL 001"

type Key = tuple[Any, ...]
type Row = dict[str, Any]


@dataclass
class House:
    """Of one life. `width`: of the texts, three of them; rows of 512 characters take two of the wide ones.

    `wired`: whether it listens, or is called in this process.
    """

    shape: str
    width: int
    release: str
    wired: bool

    def __post_init__(self) -> None:
        self.system = system = System(release=self.release)
        self.table = system.define(_table(self.shape, self.width))
        system.load("TCDOB", [{"OBJECT": CLASS, "TABNAME": TABLE, "MULTCASE": ""}])
        system.messages.append(Message(MESSAGE, CLASS))
        for function, body in _functions(self):
            system.install(function, body)
        self.peer = SapPeer(system)
        self.calls_to_death = 0
        """After so many steps of calls the process ends, if any."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(patch.dict(os.environ, {PASSWORD_VARIABLE: SapPeer.password}))
        if self.wired:
            self._stack.enter_context(patch.object(line, "PATIENCE_S", PATIENCE_S))
            self._stack.enter_context(self.peer)
        else:
            self._stack.enter_context(near(self.peer))
        return self

    def __exit__(self, *_: object) -> None:
        self.calm()
        self._stack.close()

    @property
    def key(self) -> tuple[str, ...]:
        return SHAPES[self.shape]

    def grants(self, *, fields: bool) -> None:
        """Whether documents tell each field of a row that is deleted."""
        self.system.classes[CLASS] = ObjectClass(CLASS, insert_fields=True, delete_fields=fields)

    def calm(self) -> None:
        self.calls_to_death = 0
        self.peer.switches.clear()

    def connector(self, library: str, options: Mapping[str, Any]) -> SapConnector:
        config = {
            "ashost": self.peer.ashost or "localhost",
            "sysnr": self.peer.sysnr,
            "client": self.peer.client,
            "user": self.peer.user,
            "password": f"env:{PASSWORD_VARIABLE}",
            "library": library,
            "streams": {TABLE: dict(options)},
        }
        told = SapConnector.Config.model_validate(config)
        return SapConnector(told.model_copy(update={"call_timeout": PATIENCE_S}))

    def rows(self) -> dict[Key, Row]:
        """From the store itself."""
        found = self.system.rows(TABLE)
        return {self.key_of(row): {name: row[name] for name in VALUES} for row in found}

    def key_of(self, row: Mapping[str, Any]) -> Key:
        return tuple(row[name] for name in self.key)

    @contextmanager
    def deadly(self) -> Iterator[None]:
        """Within it, the process may end before any call of the client, and after it."""
        with patch.object(Session, "_run", self._dying(Session._run)):
            yield

    def _dying[**P, R](self, call: Callable[P, R]) -> Callable[P, R]:
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            self._heed()
            result = call(*args, **kwargs)
            try:
                self._heed()
            except Crash:
                for opened in result if isinstance(result, tuple) else ():
                    if isinstance(opened, Pure):
                        opened.close()  # nobody has it yet: the end of a process closes it
                raise
            return result

        return called

    def _heed(self) -> None:
        if self.calls_to_death:
            self.calls_to_death -= 1
            if not self.calls_to_death:
                raise Crash


def shape_mark(shape: str, width: int) -> str:
    """In the names of what looks otherwise in other lives: a client may keep what it learned of a name."""
    return f"{shape[0].upper()}{width}"


def _table(shape: str, width: int) -> Table:
    key = [Field("ID", char(4), key=True)]
    if shape == "pair":
        key.insert(0, Field("SITE", numc(2), key=True))
    texts = [Field(name, char(width)) for name in VALUES if name != "X"]
    times = [Field("UPDAT", Type("DATS"), logged=False), Field("UPTIM", Type("TIMS"), logged=False)]
    columns = (Field("MANDT", Type("CLNT"), key=True), *key, Field("X", Type("INT4")), *texts, *times)
    return Table(Structure(TABLE, columns))


def _functions(house: House) -> Iterator[tuple[Function, Callable[[Call], Mapping[str, Any]]]]:
    mark = shape_mark(house.shape, house.width)
    types: dict[str, Type] = {each.name: each.type for each in house.table.row.fields}  # type: ignore[misc]
    listed = structured(f"ZLISTED_{mark}", **{name: types[name] for name in (*house.key, *LISTED)})
    detailed = structured(f"ZDETAILED_{mark}", **{name: types[name] for name in DETAILED})
    whole = structured(f"ZWHOLE_{mark}", **{name: types[name] for name in VALUES})
    range_ = structured("ZRANGE", SIGN=char(1), OPTION=char(2), LOW=char(4), HIGH=char(4))

    def rows(call: Call) -> Mapping[str, Any]:
        """The first ones that come, if there are more than may."""
        wanted = call.table("IT_RANGE")
        some = [row for row in call.system.rows(TABLE) if ranges.selects(row["ID"], wanted)]
        some = [dict(zip(types, row, strict=True)) for row in call.system.disordered([*map(_values, some)])]
        told = [{each.name: row[each.name] for each in listed.fields} for row in some]
        return {"ET_ROWS": told[: call["IV_MAX"] or None]}

    def detail(of: Structure) -> Callable[[Call], Mapping[str, Any]]:
        def body(call: Call) -> Mapping[str, Any]:
            named = call["IV_SITE"] + call["IV_ID"]
            some = [row for row in call.system.rows(TABLE) if "".join(house.key_of(row)) == named]
            if not some:
                return {"RETURN": message("E", "ZL", 1, "There is nobody of that name")}
            return {"ES_ROW": {each.name: some[0][each.name] for each in of.fields}}

        return body

    by_max = Parameter("IV_MAX", Direction.IMPORT, Type("INT4"), True, "0")
    by_range = Parameter("IT_RANGE", Direction.TABLES, range_, True)
    found = Parameter("ET_ROWS", Direction.TABLES, listed)
    yield Function(f"Z_LIFE_LIST_{mark}", (by_max, by_range, found)), rows
    by_key = (
        Parameter("IV_SITE", Direction.IMPORT, char(2), True),
        Parameter("IV_ID", Direction.IMPORT, char(6)),
        Parameter("RETURN", Direction.EXPORT, BAPIRETURN1),
    )
    for name, shape in ((f"Z_LIFE_DETAIL_{mark}", detailed), (f"Z_LIFE_WHOLE_{mark}", whole)):
        yield Function(name, (*by_key, Parameter("ES_ROW", Direction.EXPORT, shape))), detail(shape)
    idents = structured("BDICPIDENT", CPIDENT=numc(10))
    marked = (
        Parameter("MESSAGE_TYPE", Direction.IMPORT, char(30)),
        Parameter("CHANGE_POINTERS_IDENTS", Direction.TABLES, idents),
    )
    yield Function("Z_LIFE_DONE", marked), _done


def _values(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.values())


def _done(call: Call) -> Mapping[str, Any]:
    """What a customer writes around CHANGE_POINTERS_STATUS_WRITE."""
    with call.system.transaction(user=call.session.user) as tx:
        for row in call.table("CHANGE_POINTERS_IDENTS"):
            named = {"MESTYPE": call["MESSAGE_TYPE"], "CPIDENT": row["CPIDENT"]}
            tx.update("BDCP2", {**named, "PROCESS": "X"})
    return {}
