"""A database of Oracle's kind, with a table for each life, and connectors that read it over its wire."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any, Self
from unittest.mock import patch

from bridge.testing.fakes import Crash
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.tables import Table
from connectors.oracle.connector import OracleConnector
from connectors.oracle.session import Session

OWNER, PASSWORD_VARIABLE = "APP", "ORACLE_TEST_PASSWORD"
COLUMNS = (
    ("SITE", "VARCHAR2(9) NOT NULL"),
    ("ID", "NUMBER(10) NOT NULL"),
    ("X", "NUMBER(10) NOT NULL"),
    ("WORD", "VARCHAR2(40)"),
)
SHAPES: Mapping[str, tuple[str, ...]] = {"keyed": ("ID",), "pair": ("SITE", "ID")}
"""The keys of tables."""

type Key = tuple[Any, ...]
type Row = dict[str, Any]


class House:
    """One peer for all lives of a process, one after the other."""

    def __init__(self) -> None:
        self.peer = OraclePeer()
        self._number = count()
        self.calls_to_death = 0
        """After so many calls of the driver the process ends, if any."""
        self._patches = patch.dict(os.environ, {PASSWORD_VARIABLE: OraclePeer.password})

    def __enter__(self) -> Self:
        self._patches.start()
        self.peer.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.peer.close()
        self._patches.stop()

    def table(self, shape: str) -> Table:
        name = f"T{next(self._number)}"
        return self.peer.store.create(OWNER, name, COLUMNS, key=SHAPES[shape], row_movement=True)

    def drop(self, table: Table) -> None:
        self.calm()
        self.peer.store.drop(table.owner, table.name)

    def calm(self) -> None:
        self.calls_to_death = 0
        self.peer.switches.clear()

    def connector(self, stream: str, options: Mapping[str, Any]) -> OracleConnector:
        config = {
            "dsn": self.peer.dsn,
            "user": self.peer.user,
            "password": f"env:{PASSWORD_VARIABLE}",
            "streams": {stream: options},
        }
        return OracleConnector(OracleConnector.Config.model_validate(config))

    @contextmanager
    def deadly(self) -> Iterator[None]:
        """Within it, the process may end before any call of the driver."""
        executed, frames = Session._executed, Session.frames
        with (
            patch.object(Session, "_executed", self._dying(executed)),
            patch.object(Session, "frames", self._dying(frames)),
        ):
            yield

    def _dying[**P, R](self, call: Callable[P, R]) -> Callable[P, R]:
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            if self.calls_to_death:
                self.calls_to_death -= 1
                if not self.calls_to_death:
                    raise Crash
            return call(*args, **kwargs)

        return called


def key_of(shape: str, row: Row) -> Key:
    return tuple(row[name] for name in SHAPES[shape])
