"""A session: who is connected, its open transaction, its settings; and what a statement answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from bridge.testing.oracle.datatypes import Type
from bridge.testing.oracle.values import Row

if TYPE_CHECKING:
    from bridge.testing.oracle.store import Store
    from bridge.testing.oracle.transactions import Transaction

Binds = Mapping[str, Any] | Sequence[Any]
"""By name without the colon, in upper case; or in the order of their first appearance in the text."""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of an answer, as a describe shows it."""

    name: str
    type: Type
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave: a query its columns and rows, DML the count of rows and the last ROWID."""

    columns: tuple[ResultColumn, ...] = ()
    rows: Sequence[Row] = ()
    rowcount: int = 0
    rowid: str | None = None
    outs: Mapping[str, Any] = field(default_factory=dict)
    """Binds that a PL/SQL block or a RETURNING clause assigned."""


class Grants(Protocol):
    """What accounts may do. `action` is SELECT, FLASHBACK, INSERT, UPDATE, DELETE or EXECUTE."""

    def allows(self, user: str, action: str, owner: str, name: str) -> bool: ...


class Everything:
    """Every grant."""

    def allows(self, user: str, action: str, owner: str, name: str) -> bool:  # noqa: ARG002
        return True


_EVERYTHING = Everything()
_sids = count(101)

ARCHIVAL = "ROW ARCHIVAL VISIBILITY"
"""Among the settings; ACTIVE at first (VLDB and Partitioning Guide, In-Database Archiving)."""


@dataclass
class Session:
    """One connection's state. `tx` is its open transaction, None until it changes a row."""

    store: Store
    user: str
    schema: str = ""
    sid: int = field(default_factory=lambda: next(_sids))
    serial: int = 1
    offset: int = 0
    """SESSIONTIMEZONE in minutes."""
    context: dict[str, str] = field(default_factory=dict)
    """USERENV: MODULE, ACTION, CLIENT_IDENTIFIER and the like, for SYS_CONTEXT."""
    settings: dict[str, str] = field(default_factory=dict)
    """NLS and other parameters set by ALTER SESSION, in upper case."""
    grants: Grants = _EVERYTHING
    exempt: bool = False
    """From row-level policies."""
    release: int = 23
    role: Callable[[], str] = lambda: "PRIMARY"
    """The database's, which changes under open sessions."""
    tx: Transaction | None = None
    read_only_at: int | None = None
    """The SCN that SET TRANSACTION READ ONLY fixed, until commit or rollback."""

    def __post_init__(self) -> None:
        self.schema = self.schema or self.user

    def commit(self) -> None:
        self.read_only_at = None
        if self.tx is not None:
            tx, self.tx = self.tx, None
            tx.commit()

    def rollback(self) -> None:
        self.read_only_at = None
        if self.tx is not None:
            tx, self.tx = self.tx, None
            tx.rollback()

    def close(self) -> None:
        """End it as a lost connection does: what is not committed is undone."""
        self.rollback()
