"""What every way to read a stream out of SAP has to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bridge.contract import Ask, Batch, Caveat, Emits, Finding, Position, Ranges, Table
from bridge.errors import ANOTHER_MODE, PermanentError

if TYPE_CHECKING:
    from connectors.sap_rfc.dictionary import Dictionary
    from connectors.sap_rfc.streams import SapStream
    from connectors.sap_rfc.system import System


@dataclass(frozen=True, slots=True)
class Basis:
    """What a mode is made of. `name`: of the stream; `excluded`: its columns that nobody will see."""

    name: str
    options: SapStream
    system: System
    dictionary: Dictionary
    excluded: frozenset[str]


class Mode(ABC):
    """One stream, read in one way. All that a new process must know is in the position.

    What a mode keeps from one poll to the next only makes it faster. Positions are JSON objects that say
    their `mode`. Errors: the client's, too: the connector translates.
    """

    emits: Emits = Emits.CHANGES
    caveats: frozenset[Caveat] = frozenset()
    confirms: int = 1
    settles: ClassVar[bool] = False

    def __init__(self, name: str) -> None:
        """Errors: PermanentError when it cannot be read so."""
        self.name = name

    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """What it publishes."""

    @property
    def rests_on(self) -> object:
        """Where that is another one now, it is made anew."""
        return self.tables()

    @abstractmethod
    def poll(self, system: System, position: Position | None, ask: Ask) -> Batch:
        """As `Connector.poll`."""

    def reread(
        self,
        system: System,  # noqa: ARG002 -- for modes that can
        position: Position | None,  # noqa: ARG002
        place: Position | None,  # noqa: ARG002
        within: Ranges,  # noqa: ARG002
        ask: Ask,  # noqa: ARG002
    ) -> Batch:
        """As `Connector.reread`."""
        raise PermanentError(f"{self.name} cannot be read once more", remedy="cancel the resnapshot")

    def commit(self, system: System, position: Position) -> None:  # noqa: ARG002 -- for modes that settle
        """Kafka has everything up to `position`: modes that settle let go of it in SAP."""
        return

    @abstractmethod
    def check(self, position: Position) -> None:
        """Errors: PermanentError, saying what would do, when `position` cannot be one of this mode."""

    def probe(self, system: System) -> Iterable[Finding]:  # noqa: ARG002 -- most have nothing to say
        """What `doctor` prints of it: rights, indexes, sizes."""
        return ()

    def release(self) -> None:
        """Forget what is kept between polls. Never raises."""
        return

    def must_be_known(self, unread: Sequence[str]) -> None:
        """Errors: PermanentError for what a stream was not read by, or in which form, up to its position."""
        if unread:
            raise PermanentError(
                f"{self.name} was read without {', '.join(unread)} up to its position",
                remedy="restore what it was, and name another stream for what is new; or `positions rewind"
                " --to start`, which tells all once more; or, to go on without that past, `positions set` the"
                " same position without `of` and `alpha`",
            )

    def stranger(self, form: str) -> PermanentError:
        """For a position that this mode has not written."""
        return PermanentError(
            f"the position of {self.name} is not one of {form}",
            remedy=ANOTHER_MODE,
        )
