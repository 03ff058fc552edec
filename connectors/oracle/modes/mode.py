"""What every way to read a table has to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from bridge.contract import Ask, Batch, Caveat, Emits, Position, Ranges, Table
from bridge.errors import ANOTHER_MODE, PermanentError, TransientError

if TYPE_CHECKING:
    from connectors.oracle.catalog import Relation
    from connectors.oracle.config import OracleStream
    from connectors.oracle.session import Moment, Session


class Beginning(NamedTuple):
    """When a table begins to be read: the moment was read first, so it knows what was open at the SCN."""

    moment: Moment
    scn: int


class Mode(ABC):
    """One table, read in one way. All that a new process must know is in the position.

    A cursor may stay open in it from one poll to the next, for a few seconds and the position that follows.
    Positions are JSON objects that say their `mode`. Errors: the driver's, too: the connector translates.
    """

    emits: Emits = Emits.CHANGES
    caveats: frozenset[Caveat] = frozenset()
    settles: ClassVar[bool] = False
    own_session: ClassVar[bool] = False

    def __init__(self, relation: Relation, options: OracleStream) -> None:
        """Errors: PermanentError when the table cannot be read so."""
        self.relation, self.options = relation, options

    @property
    def name(self) -> str:
        """Of the stream and its table: OWNER.NAME."""
        return str(self.relation.name)

    @property
    def key(self) -> tuple[str, ...]:
        """What the operator names counts more than what the dictionary has."""
        return tuple(self.options.key) or self.relation.key

    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """What it publishes."""

    def start(self, beginning: Beginning) -> Position:
        """Its position after a snapshot as of that SCN, or without one: what was committed since follows."""
        raise NotImplementedError(f"mode {self.options.mode} does not follow a snapshot")

    @abstractmethod
    def poll(self, session: Session, position: Position | None, ask: Ask) -> Batch:
        """As `Connector.poll`."""

    def reread(
        self,
        session: Session,  # noqa: ARG002 -- for modes that can
        position: Position | None,  # noqa: ARG002
        place: Position | None,  # noqa: ARG002
        within: Ranges,  # noqa: ARG002
        ask: Ask,  # noqa: ARG002
    ) -> Batch:
        """As `Connector.reread`."""
        raise PermanentError(
            f"{self.name} cannot be read once more in mode {self.options.mode}",
            remedy="cancel the resnapshot",
        )

    def commit(self, session: Session, position: Position) -> None:  # noqa: ARG002 -- for modes that settle
        """Kafka has everything up to `position`: modes that settle let go of it in the source."""
        return

    @abstractmethod
    def check(self, position: Position) -> None:
        """Errors: PermanentError, saying what would do, when `position` cannot be one of this mode."""

    def begins(self, session: Session, scn: int) -> None:  # noqa: ARG002 -- for modes that tell changes
        """Errors: TransientError as long as what follows `scn` cannot be told."""
        return

    def fits(self, position: Position) -> None:  # noqa: ARG002
        """Errors: GapError when `position` is of another table, which had the name before."""
        return

    def release(self) -> None:
        """Close what is open between polls. Never raises."""
        return

    def just_altered(self) -> TransientError:
        """SCNs are known by times that are some seconds apart, and so is what came before the definition."""
        return TransientError(
            f"table {self.name} was made or altered a moment ago (ORA-01466)",
            remedy="it can be read in some seconds; if that goes on, the server's clock was put back",
        )

    def stranger(self, form: str) -> PermanentError:
        """For a position that this mode has not written."""
        return PermanentError(
            f"the position of {self.name} is not one of {form}",
            remedy=ANOTHER_MODE,
        )


def is_object(position: Any, names: Collection[str], others: Collection[str] = ()) -> bool:
    """Is it a JSON object with these members, and none but these and `others`?"""
    if not isinstance(position, dict):
        return False
    return set(names) <= position.keys() <= {*names, *others}
