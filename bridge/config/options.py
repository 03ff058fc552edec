"""The options of the engine, as models. They survive JSON: the supervisor sends a worker its part. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from bridge import paths
from bridge.config.cron import Cron
from bridge.config.kafka_settings import KafkaSettings
from bridge.config.quiet import QuietHours
from bridge.contract import pick
from bridge.encode import EncoderOptions
from bridge.units import Duration, Share, Size

VERSION: Literal[1] = 1
PORT = re.compile("[0-9]{1,5}")
HIGHEST_PORT = 65535
HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
LONGEST_TOPIC = 249
RESERVED = ("_bridge.", "_bridge_", "__")
"""Kafka takes the first two for one."""
RESERVED_RULE = "the names of the bridge's own topics (_bridge.) or of Kafka's (__) do"
LONGEST_SOCKET_PATH = 107
"""Linux's `sun_path` without its NUL."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
NAME_RULE = "is not a name; use letters, digits, _ and -, at most 100 of them"


def _identifier(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError(NAME_RULE)
    return text


Name = Annotated[str, AfterValidator(_identifier)]
"""Of a daemon or connector: it becomes part of topic names, transactional.id and metrics labels."""


def _count(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is no number")  # noqa: TRY004 - pydantic wants it so
    return value


Count = Annotated[int, BeforeValidator(_count)]
"""A yes is not 1."""


def _fields(text: str) -> set[str]:
    """What stands in braces; a brace of another kind is a field, too."""
    try:
        parts = [part[1:] for part in Formatter().parse(text) if part[1] is not None]
    except ValueError:
        return {"{"}
    return {name if not (form or conversion) else "{" for name, form, conversion in parts if name is not None}


def is_reserved(topic: str) -> bool:
    """Whether the topic would be one of the bridge's own records, or of Kafka's."""
    return topic.startswith(RESERVED)


def _not_reserved(text: str) -> str:
    if is_reserved(text):
        raise ValueError(f"begins as {RESERVED_RULE}")
    return text


def _template(text: str) -> str:
    fields = _fields(text)
    if "table" not in fields or not fields <= {"connector", "table"}:
        raise ValueError("must contain {table}, and may contain {connector}, and no other braces")
    return _not_reserved(text)


def _topic(text: str) -> str:
    fields = _fields(text)
    if not fields <= {"connector", "table"}:
        raise ValueError("may contain {connector} and {table}, and no other braces")
    if not fields and (text in ("", ".", "..") or len(text) > LONGEST_TOPIC):
        raise ValueError(f"is no topic name: Kafka takes 1 to {LONGEST_TOPIC} characters, and not . or ..")
    return _not_reserved(text)


class OnGap(StrEnum):
    PARK = "park"
    RESCAN = "rescan"


class OnSchemaChange(StrEnum):
    PUBLISH = "publish"
    PARK = "park"


class OnMissing(StrEnum):
    CREATE = "create"
    REQUIRE = "require"


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class StreamOptions(_Options):
    """What the engine does with one stream; durations in seconds."""

    interval: Duration = Field(default=5.0, description="time between the starts of two polls")
    cron: Cron | None = Field(
        default=None,
        description="times of polls instead of an interval, as in `30 2 * * 1-5 Europe/Berlin`; one that "
        "passes while the bridge is down is not made up for",
    )
    deadline: Duration = Field(
        default=30.0, description="a poll that takes longer, and twice the interval, counts as stalled"
    )
    topic: Annotated[str, AfterValidator(_topic)] | None = Field(
        default=None, description="Kafka topic, instead of the one the template gives"
    )
    on_gap: OnGap = Field(
        default=OnGap.PARK,
        description="when the source no longer holds the changes since the position; rescan: what is known "
        "of the rows is kept, all are read anew, and what was missed is published",
    )
    on_schema_change: OnSchemaChange = Field(
        default=OnSchemaChange.PUBLISH,
        description="when a table has other columns, types or another key than before; publish: events have "
        "them from then on; park: the stream waits for `positions accept`, through restarts and `resume`",
    )
    quiet_hours: QuietHours | None = Field(
        default=None, description="daily hours without polls, as in `22:00-02:00 Europe/Berlin`"
    )
    max_rows_per_s: Count | None = Field(
        default=None, ge=1, description="most rows read a second, on average"
    )
    exclude: tuple[str, ...] = Field(default=(), description="columns that are never published")
    max_delete: Share = Field(
        default=0.3,
        description="when a larger share of a table's rows is missing from a scan, and more than 10 are, "
        "the stream parks and publishes no delete",
    )
    confirm_deletes: Count | None = Field(
        default=None,
        ge=1,
        le=100,
        description="a row counts as deleted once so many scans in a row missed it; default: what its source"
        " needs, which is 1 where pages cannot shift while they are read",
    )


class TransactionOptions(_Options):
    """When the publisher commits: whichever bound is reached first."""

    rows: Count = Field(default=200_000, ge=1, description="most events in one Kafka transaction")
    bytes: Size = Field(default=64 * 2**20, description="most encoded bytes in one Kafka transaction")
    age: Duration = Field(
        default=2.0, description="a transaction is committed at the latest this long after its first event"
    )


class PrefetchOptions(_Options):
    """How far the reader may run ahead of Kafka, so that a stalled broker costs little memory."""

    rows: Count = Field(default=50_000, ge=1, description="most rows read ahead")
    bytes: Size = Field(default=8 * 2**20, description="most bytes read ahead")


class ConnectorOptions(_Options):
    """What the engine does with one connector as a whole."""

    discover_every: Duration = Field(default=60.0, description="time between looks for new streams")
    max_rejects: Share = Field(
        default=0.01,
        description="a larger share of rejected records within 5 minutes parks the stream, "
        "if they are more than 10; 0: the first one does",
    )
    max_sessions: Count | None = Field(
        default=None,
        ge=1,
        description="most sessions that the connector's account may have at its source, over all connectors "
        "of this daemon that log on with it: who would have one more waits until another has ended",
    )
    transaction: TransactionOptions = Field(default=TransactionOptions(), description="when to commit")
    prefetch: PrefetchOptions = Field(default=PrefetchOptions(), description="how far to read ahead")
    encoder: EncoderOptions = Field(
        default=EncoderOptions.model_validate({}), description="how events are written"
    )


class ConnectorSettings(ConnectorOptions):
    """One configured connector, the engine's part checked, the connector's own part still to be."""

    name: Name
    kind: str
    options: dict[str, Any] = {}
    """The connector's own options as written; under `streams` a mapping for every pattern."""
    inherited: dict[str, Any] = {}
    """Keys of the file's `defaults` that the engine does not know: for streams whose model has them."""
    streams: dict[str, StreamOptions] = {}
    defaults: StreamOptions = StreamOptions()

    def stream(self, name: str) -> StreamOptions:
        """The options of stream `name`: its own entry, else the first fitting pattern, else the defaults."""
        return pick(self.streams, name) or self.defaults

    def entry(self, name: str) -> str | None:
        """Which one it is that the options of stream `name` come from; None: the defaults."""
        return pick({pattern: pattern for pattern in self.streams}, name)

    def unfit(self, names: Collection[str]) -> list[str]:
        """Entries of `streams` that mean none of these streams."""
        return [
            entry
            for entry in self.streams
            if entry not in names and not any(fnmatchcase(name, entry) for name in names)
        ]

    def excluded(self, name: str) -> tuple[str, ...]:
        """The columns of stream `name` that are never published."""
        return self.stream(name).exclude

    def rest_s(self, wall: datetime) -> float:
        """For how many seconds whatever it asks for still has quiet hours."""
        hours = [each.quiet_hours for each in self.streams.values() or [self.defaults]]
        return min(each.remaining(wall) if each else 0.0 for each in hours)

    def asks_for(self, name: str) -> bool:
        """Whether the file means stream `name`, as far as `streams` and `exclude_tables` tell."""
        excluded = self.options.get("exclude_tables") or ()
        named = not self.streams or pick(self.streams, name) is not None
        return named and not any(fnmatchcase(name, str(pattern)) for pattern in excluded)


class Topics(_Options):
    """How topics get their names and come to be."""

    on_missing: OnMissing = Field(
        default=OnMissing.CREATE, description="create missing topics, or require that they are there"
    )
    template: Annotated[str, AfterValidator(_template)] = Field(
        default="{connector}.{table}", description="name of an event topic"
    )
    partitions: Count = Field(
        default=1, ge=1, le=100_000, description="partitions of an event topic the bridge creates"
    )
    replication: Count | None = Field(
        default=None,
        ge=1,
        le=1_000,
        description="replicas of a topic the bridge creates; default: the broker's",
    )


class LogOptions(_Options):
    format: Literal["json", "console", "auto"] = Field(
        default="auto", description="auto: console on a terminal, else JSON"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least severe lines to write"
    )


def _http(value: Any) -> Any:
    if value in ("off", False):
        return None
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if host == "*":
        raise ValueError(f"names no address; all of this machine's are 0.0.0.0:{port}")
    fits = HOST.fullmatch(host) and PORT.fullmatch(port) and int(port) <= HIGHEST_PORT
    if value is not None and not fits:
        raise ValueError("is not an address; write it like 127.0.0.1:8778, or off")
    return value


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("is relative, and commands start elsewhere than the daemon; write the whole path")
    return path


def _for_sockets(path: Path) -> Path:
    path = _absolute(path)
    if len(str(path / "status.sock").encode()) > LONGEST_SOCKET_PATH:
        raise ValueError("is too long for the path of a socket; choose a shorter one")
    return path


class Daemon(_Options):
    """The supervisor: where it lives, how it answers, when it gives up."""

    run_dir: Annotated[Path, AfterValidator(_for_sockets)] = Field(
        default_factory=paths.run_dir, description="admin.sock and status.sock", validate_default=True
    )
    state_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        default_factory=paths.state_dir,
        description="caches of the state of streams that are read as images; they can be thrown away",
        validate_default=True,
    )
    http: Annotated[str | None, BeforeValidator(_http)] = Field(
        default="127.0.0.1:8778", description="address of /livez, /readyz, /status and /metrics, or off"
    )
    log: LogOptions = Field(default=LogOptions(), description="the log, on standard error")
    restarts: Count = Field(
        default=5, ge=0, description="crashes of a worker in restart_window before its connector is parked"
    )
    restart_window: Duration = Field(default=300.0, description="see restarts")
    critical_after: Duration = Field(default=300.0, description="a stream backing off this long is CRITICAL")
    stop_within: Duration = Field(default=10.0, description="a stop that takes longer is forced")
    lease: Duration = Field(default=90.0, description="a standby takes over from an owner silent this long")


def _topics(value: Any) -> Any:
    return {"on_missing": value} if isinstance(value, str) else value


class Settings(_Options):
    """A whole configuration file."""

    version: Literal[1] = VERSION
    name: Name = Field(description="this daemon's name, unique in the company")
    kafka: KafkaSettings = Field(description="librdkafka's settings; secrets by reference")
    topics: Annotated[Topics, BeforeValidator(_topics)] = Field(
        default=Topics(), description="create, require, or a mapping"
    )
    daemon: Daemon = Field(default_factory=Daemon, description="the supervisor")
    connectors: dict[Name, ConnectorSettings] = Field(description="connector name -> its options")
    _places: dict[str, str] = PrivateAttr(default_factory=dict)

    def remember(self, places: Mapping[str, str]) -> None:
        """Where in the file the `defaults` stand that only a connector can judge: its worker tells it."""
        self._places.update(places)

    @property
    def places(self) -> Mapping[str, str]:
        return self._places


STREAM_KEYS = frozenset(StreamOptions.model_fields)
CONNECTOR_KEYS = frozenset(ConnectorOptions.model_fields)
ENGINE_KEYS = STREAM_KEYS | CONNECTOR_KEYS
"""Option names that belong to the engine wherever they stand; a connector's models cannot have them."""
