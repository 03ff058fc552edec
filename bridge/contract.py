"""Everything a connector's author needs: derive from `Connector`, yield Arrow batches, raise `bridge.errors`.

The engine calls a connector from one thread, `interrupt()` excepted. This module never imports pyarrow
at run time, so that the supervisor can read a connector's configuration model without paying for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from bridge.errors import PermanentError
from bridge.secrets import Secret as Secret  # noqa: PLC0414 -- connectors import it from here
from bridge.units import Seconds as Seconds  # noqa: PLC0414 -- and this
from bridge.units import Size as Size  # noqa: PLC0414 -- and this

if TYPE_CHECKING:
    import pyarrow as pa

CONTRACT_VERSION = 1

type Position = Any
"""JSON of the connector's own making, at most 256 KiB; the engine stores it and never looks inside."""

MAX_POSITION_BYTES = 256 * 1024

NUMBER_TEXT: Mapping[str, str] = {"bridge": "number"}
"""Metadata of a field of strings that are numbers too long for Arrow's decimals; `encoder.decimal` counts."""

_DIGITS, _UNITS = "bridge.digits", (0, 3, 6, 9)


def declared(digits: int) -> Mapping[str, str] | None:
    """Metadata of a field of times whose type declares so many digits of a second.

    None where a unit of Arrow has just these. The unit is the next that holds them.
    """
    return None if digits in _UNITS else {_DIGITS: str(digits)}


def digits_of(field: pa.Field) -> int | None:
    """What `declared` says of it."""
    told = (field.metadata or {}).get(_DIGITS.encode())
    return None if told is None else int(told)


type Ranges = Mapping[str, tuple[Any, Any]]
"""Column of a key -> its least and its greatest value, both included; None where there is no such end.

Whole numbers and truth values are themselves, all else is text: times as in ISO 8601, bytes in hexadecimal.
"""


class StreamConfig(BaseModel):
    """Base of the options a connector has for one stream, or for a pattern of streams."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class ConnectorConfig(BaseModel):
    """Base of a connector's options. Give every field a description: the CLI and the schema print it.

    The engine takes its own options (interval, topic, ...) out of the file first; what is left must fit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    streams: Mapping[str, Any] = {}
    """Stream name or pattern -> its options; a connector narrows this to `Mapping[str, ItsStreamConfig]`."""


def pick[T](options: Mapping[str, T], name: str) -> T | None:
    """The options of stream `name`: its own entry, else the first pattern (`public.cust_*`) that fits it."""
    if name in options:
        return options[name]
    return next((value for pattern, value in options.items() if fnmatchcase(name, pattern)), None)


class Emits(StrEnum):
    """CHANGES say what happened to a row; IMAGES say what is there, and the engine finds the changes."""

    CHANGES = "changes"
    IMAGES = "images"


class Caveat(StrEnum):
    """What a stream cannot promise; shown by `health` and `doctor`."""

    NO_DELETES = "no_deletes"
    MAY_MISS = "may_miss"
    COLLAPSES = "collapses"


class Op(StrEnum):
    """The operation of a change, with Debezium's letters."""

    CREATE = "c"
    UPDATE = "u"
    DELETE = "d"
    READ = "r"


class Scan(Enum):
    """Where a batch stands in one complete pass over a source of images."""

    FIRST = "first"
    MORE = "more"
    LAST = "last"
    ONLY = "only"


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Table:
    """A declared shape of rows; the name gives the topic, the key columns give the message key."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stream:
    """A part of a source with a position of its own. `name` is permanent: it is in the position's key.

    `identity` says which database, system or client the position is valid in; another one parks the
    stream. A stream that `settles` is consumed by `commit()` and so is never polled ahead. `confirms`: so
    many complete scans in a row must miss a row before it counts as deleted, unless the operator says.
    """

    name: str
    identity: str
    tables: tuple[Table, ...]
    emits: Emits = Emits.CHANGES
    settles: bool = False
    caveats: frozenset[Caveat] = frozenset()
    confirms: int = 1


@dataclass(frozen=True, slots=True)
class Ask:
    """What the engine asks of one poll: about `rows` rows and `bytes` bytes, waiting at most `wait_s`.

    `changed(table, keys, marks)` (images only) tells which rows must be read: those that are not known, or
    were known with another mark; the others are for `Batch.seen`. Where it is None, all must.
    """

    rows: int = 10_000
    bytes: int = 8 * 1024 * 1024
    wait_s: float = 0.0
    changed: Callable[[Table, pa.RecordBatch, pa.Array], pa.BooleanArray] | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows of one table in source order.

    `rows`: after images (a delete needs only its key, other columns null); `op`: one for all, or a string
    array of c/u/d/r; `before`: a struct array, a null slot means unknown; `absent`: column -> boolean mask of
    values not read, which is not NULL; `source`: the connector's own public columns (scn, xid);
    `ts`: time of the change at the source in ms since the epoch (int64 array), where known; `marks` (images
    only): what shows each row's next change, for `Ask.changed`.
    """

    table: Table
    rows: pa.RecordBatch
    op: Op | pa.Array = Op.CREATE
    before: pa.StructArray | None = None
    absent: Mapping[str, pa.BooleanArray] = field(default_factory=dict)
    source: pa.RecordBatch | None = None
    ts: pa.Array | None = None
    marks: pa.Array | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A source record that is no row; `raw` must already be free of hidden fields.

    `key`: the values of the table's key columns, as Arrow's scalars of the columns' types or in Python's own;
    text for dates, times, decimals and bytes (base64) as events have it. What is not surely that key is none.
    """

    table: str
    reason: str
    raw: bytes | str
    key: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one poll returns. `position` is where the stream stands once all of this is published.

    `more`: poll again at once, the source has further rows now. `seen`: (table name, keys) known unchanged.
    Of a stream that tells changes, those that delete rows which the scan has met are published as they are.
    """

    position: Position
    changes: tuple[Changes, ...] = ()
    rejects: tuple[Reject, ...] = ()
    seen: tuple[tuple[str, pa.RecordBatch], ...] = ()
    scan: Scan | None = None
    more: bool = False

    @property
    def ends(self) -> bool:
        """Whether the position is one to start from: in the middle of a scan it is not."""
        return self.scan not in (Scan.FIRST, Scan.MORE)

    @property
    def completes(self) -> bool:
        """Whether a whole scan ends with it."""
        return self.scan in (Scan.LAST, Scan.ONLY)

    @property
    def rows(self) -> int:
        return sum(changes.rows.num_rows for changes in self.changes)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`."""

    level: Level
    text: str
    remedy: str = ""
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class Sessions:
    """What a connector takes of the sessions (conversations, LUs) that its account may have: `max_sessions`.

    `account`: who logs on where, as messages tell it; connectors that tell the same are counted together.
    """

    account: str
    most: int = 1
    """So many are open at a time at most."""


class Connector(ABC):
    """Reads one kind of source. Raise `TransientError`, `PermanentError` or `GapError` (bridge.errors).

    After PermanentError, GapError and BusyError from `poll` the instance stays open for its other streams;
    after another TransientError the engine calls `close()`, and makes a new instance when the back-off has
    passed. What is no error of bridge.errors is a bug: it ends the worker process, and another is started.
    """

    Config: ClassVar[type[ConnectorConfig]] = ConnectorConfig
    position_version: ClassVar[int] = 1
    answers_within_s: float | None = None
    """By its own time-out for the source, if it has one; `doctor` compares that with `deadline`."""
    keeps: Mapping[str, float] = {}
    """Stream -> for how many seconds the source keeps changes, as `check()` found; `doctor` looks at it."""
    sessions: Sessions | None = None
    """Set by `__init__` where an account's sessions are few: nobody has to connect to know it."""
    folder: Path | None = None
    """A folder of its own for what operators may want to see; the engine sets it, `open()` may make it."""
    keys_in: Callable[[str], Sequence[Mapping[str, Any]]] | None = None
    """Set by the engine: the keys of the rows that a topic of events has now. Errors: as `poll`."""
    excluded: Callable[[str], Collection[str]] = staticmethod(lambda _: ())
    """Set by the engine: the columns of a stream that are never published: no value of one spoils a row."""
    goes_on: Callable[[], None] | None = None
    """Set by the engine: a long `discover()` says so after each stream, and its deadline begins anew."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @classmethod
    def drivers(cls) -> Sequence[str]:
        """Libraries it reads the source with that users choose and install: name, version and licence.

        `connectors` prints them. Errors: ConfigError when one that is installed cannot be used.
        """
        return ()

    def prepare(self) -> None:  # noqa: B027 -- most have nothing to do
        """What takes its time and asks nobody: load libraries, start a JVM. `open()` must work without.

        Called while it is not yet known whether the source may be opened. Its errors are told by `open()`.
        """

    @abstractmethod
    def open(self) -> None:
        """Reveal secrets and connect."""

    @abstractmethod
    def discover(self) -> Sequence[Stream]:
        """The streams there are now; called after `open()` and again at intervals."""

    @abstractmethod
    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        """The changes after `position` (None: from the start); the same position reads the same place."""

    def reread(
        self, stream: Stream, position: Position | None, place: Position | None, within: Ranges, ask: Ask
    ) -> Batch:
        """All rows that are there now, once each, beside the polls; `more` is False with the last of them.

        They come in an order of the connector's own, after `place` (None: from the beginning), which is JSON
        as a position is; those alone whose keys are `within`. `position` is how far the polls have read: of
        changes, leave out what they are yet to bring. Errors: as `poll`; PermanentError stops nothing else.
        """
        if stream.emits is not Emits.IMAGES or stream.settles or within:
            raise PermanentError(
                f"{type(self).__name__} cannot read {stream.name} once more"
                + (" by ranges of keys" if within and stream.emits is Emits.IMAGES else ""),
                remedy="cancel the resnapshot; `positions rewind --to start` reads what the source still has",
            )
        batch = self.poll(stream, place, ask)
        anew = place is not None and batch.scan in (Scan.FIRST, Scan.ONLY)  # its cursor was gone
        more = batch.more and batch.scan not in (Scan.LAST, Scan.ONLY)
        return replace(batch, scan=batch.scan if anew else None, more=more)

    def commit(self, stream: Stream, position: Position) -> None:
        """Kafka has everything up to `position`. For streams that settle: called again after `open()`."""
        return

    def migrate(self, position: Position, version: int) -> Position:
        """Today's form of a position, or place, from when `position_version` was `version` (an older one)."""
        return position

    def check_position(self, stream: str, position: Position) -> None:
        """Raise ConfigError, saying what would do, when an operator's `position` cannot be right.

        Called without `open()`, before anybody is fenced.
        """
        return

    def check_options(self) -> None:
        """Raise ConfigError, a line for each thing, where options do not fit together, or a file they name.

        Called without `open()`, by `config check`, and so perhaps where such files are not: that is no error.
        """
        return

    def check(self) -> Sequence[Finding]:
        """What `doctor` prints: grants, retention, indexes, clock."""
        return ()

    def interrupt(self) -> None:
        """Called from another thread: make a running `poll` return or raise soon."""
        return

    @abstractmethod
    def close(self) -> None:
        """Let go of everything; safe to call twice and after a failed `open()`."""
