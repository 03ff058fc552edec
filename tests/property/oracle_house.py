"""A database of Oracle's kind, with a table for each life, and connectors that read it over its wire."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Self
from unittest.mock import patch

from bridge.testing.fakes import Crash
from bridge.testing.oracle.near import Connection
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.store import Columns
from bridge.testing.oracle.tables import Table
from connectors.oracle import session
from connectors.oracle.config import OracleConfig
from connectors.oracle.connector import OracleConnector
from connectors.oracle.session import Session
from connectors.oracle.watch import Watch
from tests.property.living import Process

OWNER, PASSWORD_VARIABLE = "APP", "ORACLE_TEST_PASSWORD"
COLUMNS = (
    ("SITE", "VARCHAR2(9) NOT NULL"),
    ("ID", "NUMBER(10) NOT NULL"),
    ("X", "NUMBER(10) NOT NULL"),
    ("WORD", "VARCHAR2(40)"),
)
SHAPES: Mapping[str, tuple[str, ...]] = {"keyed": ("ID",), "pair": ("SITE", "ID")}
"""The keys of tables."""
TICK_S = 0.01
ON_THE_WIRE = 0.05
"""This share of lives; the others ask the same database without one, at a tenth of the cost."""

type Key = tuple[Any, ...]
type Row = dict[str, Any]


class House:
    """One peer for all lives of a process, one after the other."""

    def __init__(self) -> None:
        self.peer = OraclePeer()
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

    def table(self, name: str, columns: Columns, key: Sequence[str]) -> Table:
        """Empty; made once, so that statements need not be prepared in each life."""
        store = self.peer.store
        if (OWNER, name) in store.relations:
            store.truncate(f"{OWNER}.{name}")
        else:
            store.create(OWNER, name, columns, key=key, row_movement=True)
        return store.table(f"{OWNER}.{name}")

    def calm(self) -> None:
        self.calls_to_death = 0
        self.peer.switches.clear()
        self.peer.bury()

    def reached(self, seed: int) -> AbstractContextManager[object]:
        """How connectors of a life reach it."""
        if random.Random(f"wire {seed}").random() < ON_THE_WIRE:
            return nullcontext()
        return patch.multiple(session, Connecting=partial(Near, self.peer), Watch=Unwatched)

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


class Near:
    """Stands where the connector's `Connecting` does."""

    def __init__(self, peer: OraclePeer, config: OracleConfig) -> None:
        self._peer, self._user = peer, config.account
        self.secrets: list[str] = []
        self.sockets = self

    def connect(self) -> Connection:
        return Connection(self._peer, self._user)

    def shut(self) -> None: ...


class Unwatched(Watch):
    """Nothing takes long, so it needs no thread."""

    def _set(self, until: float) -> None:
        self._until = until


def is_whole(process: Process, stream: str) -> bool:
    """Whether a pass has brought all that there was before it, or the stream is parked for good."""
    process.engine.clock.now += TICK_S
    return process.caught_up(stream, process.passes() - TICK_S / 2)


def key_of(shape: str, row: Row) -> Key:
    return tuple(row[name] for name in SHAPES[shape])
