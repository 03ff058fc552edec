"""The options of a JDBC connector; read without pyarrow and without a JVM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from bridge.contract import ConnectorConfig, Seconds, Secret, Size, StreamConfig
from connectors.heap import Heap
from connectors.tables import is_pattern, must_leave_something_out

# As a parameter, before the host, or as Oracle has it before the place.
_USER_IN_URL = r"[?&;:](user|username|userid|uid)=|//[^/?;@]+@|^jdbc:oracle:\w+:[^@(/][^@(]*@"
_CONFIDENTIAL = r"password|passwd|pwd|secret|token|passphrase|crypt_key|^pass$"
# As H2's INIT may have it.
_IN_SQL = r"\bpassword\s+'"


@dataclass(frozen=True, slots=True)
class _InClear:
    """Stands for a value that must not be there, so that it is refused in its own place."""

    name: str


def _is_reference(value: Any) -> bool:
    return isinstance(value, Secret) or bool(re.match(r"(env|file|cred):.", str(value)))


def _is_in_clear(name: str, value: Any) -> bool:
    named = re.search(_CONFIDENTIAL, name, re.IGNORECASE) and not _is_reference(value)
    return bool(named or re.search(_IN_SQL, str(value), re.IGNORECASE))


def _setting(value: Any) -> Any:
    if isinstance(value, _InClear):
        raise ValueError(f"{value.name} is a secret in clear; write env:NAME, file:PATH or cred:NAME")  # noqa: TRY004
    if not isinstance(value, Secret | str | int | float | bool):
        raise ValueError("must be text, a number, true or false")  # noqa: TRY004 -- pydantic wants it
    return Secret(value) if isinstance(value, str) and _is_reference(value) else value


Setting = Annotated[Secret | str | int | float | bool, BeforeValidator(_setting)]


# As long as the kernel lets a connection rest at most.
_LONGEST_REST_S = 32_767
_LONGEST_STATEMENT_S = 7 * 86400
"""In milliseconds, drivers count it with 31 bits."""
_LARGEST_VALUE = 32 * 2**20
"""Of `Varying` in jars/src, too."""
_MOST_COLUMNS = {"incrementing": 1, "timestamp": 1, "timestamp+incrementing": 2, "images": 0}


class JdbcStream(StreamConfig):
    """How the tables of one name or pattern are read."""

    mode: Literal["incrementing", "timestamp", "timestamp+incrementing", "images"] = Field(
        description="incrementing: rows are only ever added, and one column grows with each of them;"
        " timestamp: a column has the time of a row's last change; images: whole tables are compared"
    )
    query: str | None = Field(
        default=None,
        description="a SELECT that is read as if it were a table; the stream's name is the table's",
    )
    columns: tuple[str, ...] = Field(
        default=(),
        validate_default=True,
        description="incrementing: the column that grows; default: the primary key, when it is one number."
        " timestamp: the column with the time; timestamp+incrementing: that, and one that grows",
    )
    key: tuple[str, ...] = Field(
        default=(),
        validate_default=True,
        description="columns that tell the rows apart; default: the primary key, or a unique index over"
        " columns that are NOT NULL",
    )
    snapshot: bool | None = Field(
        default=None,
        description="first read what is there, as operation r; default: true for timestamp modes, false for"
        " incrementing, where all that is there counts as added",
    )
    unique: bool = Field(
        default=False,
        description="no two rows have the same number, although no primary key or unique index says so: "
        "a view, or a database that hides its indexes from the account",
    )
    late_window: Seconds = Field(
        default=60.0,
        ge=0,
        description="for how long a transaction may take to commit: for that long a number that was passed"
        " over is asked for again, and changes are read again",
    )
    time_zone: str | None = Field(
        default=None,
        description="timestamp modes: the zone of times that do not say theirs, like Europe/Berlin;"
        " default: the database's own where it tells, else UTC",
    )

    trim: bool = Field(
        default=False,
        description="publish values of CHAR columns without the spaces that fill them up; keys, too",
    )
    max_value_bytes: Size | None = Field(
        default=None,
        le=_LARGEST_VALUE,
        description="most bytes of a text or binary value, or digits of a number that is text; default and"
        " most: 32 MiB, or a sixth of the heap if that is less",
    )
    oversize: Literal["reject", "truncate"] = Field(
        default="reject",
        description="a value that is longer: its row is a reject, or it is cut; a key and a number never are",
    )
    unknown_types: Literal["string", "reject", "fail"] = Field(
        default="string",
        description="a column of a type that is not known: its values as the driver writes them, or rows with"
        " one are rejects, or the stream parks",
    )

    @field_validator("query")
    @classmethod
    def _is_a_select(cls, query: str | None) -> str | None:
        if query is not None and not re.match(
            r"\s*(--.*\n\s*|/\*.*?\*/\s*)*(select|with)\b", query, re.IGNORECASE | re.DOTALL
        ):
            raise ValueError("is no SELECT")
        return query

    @field_validator("columns")
    @classmethod
    def _fit_the_mode(cls, columns: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        mode = info.data.get("mode", "incrementing")
        most = _MOST_COLUMNS[mode]
        if len(columns) > most or len(set(columns)) < len(columns):
            raise ValueError(
                f"does not fit: {mode} mode is told {('no columns', 'one column', 'two columns')[most]}"
            )
        if mode.startswith("timestamp") and len(columns) < most:
            raise ValueError(
                "must name the column with the time" + (", and one that grows" if most > 1 else "")
            )
        return columns

    @field_validator("key")
    @classmethod
    def _is_there_for_a_query(cls, key: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if len(set(key)) < len(key):
            raise ValueError("names a column twice")
        if info.data.get("query") and not key:
            raise ValueError("must name the columns that tell the query's rows apart")
        return key

    @field_validator("snapshot", "unique", "time_zone")
    @classmethod
    def _has_a_meaning(cls, value: Any, info: ValidationInfo) -> Any:
        mode = info.data.get("mode", "")
        means = {
            "snapshot": mode != "images",
            "unique": mode in ("", "incrementing"),
            "time_zone": mode.startswith("timestamp"),
        }
        if value and mode and not means[str(info.field_name)]:
            raise ValueError(f"has no meaning in {mode} mode")
        return value

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError(
                    "is no time zone that this machine knows; write it like Europe/Berlin"
                ) from None
        return name

    @property
    def zone(self) -> ZoneInfo | None:
        return ZoneInfo(self.time_zone) if self.time_zone else None

    @property
    def reads_snapshot(self) -> bool:
        return self.mode.startswith("timestamp") if self.snapshot is None else self.snapshot


class JdbcConfig(ConnectorConfig):
    """One database."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = Field(description="JDBC URL without user and password, as the driver's manual writes it")
    user: str | None = Field(None, description="the account; it needs SELECT and nothing else")
    password: Secret | None = Field(None, description="its password: env:NAME, file:PATH or cred:NAME")
    driver: str | None = Field(
        None, description="the driver's class; needed only for drivers that do not register"
    )
    jars: tuple[str, ...] = Field(
        (), description="the driver's jars, patterns allowed; default: the jars folder"
    )
    properties: Mapping[str, Setting] = Field(
        {}, description="settings for the driver, over the bridge's own; secrets as env:, file: or cred:"
    )
    streams: Mapping[str, JdbcStream] = Field(
        min_length=1,
        description="table (schema.table, in the database's own spelling) or pattern: how it is read",
    )
    exclude_tables: tuple[str, ...] = Field((), description="tables or patterns that are not read after all")
    login_timeout: Seconds = Field(10.0, ge=1, le=3600, description="how long connecting may take")
    statement_timeout: Seconds = Field(
        20.0,
        ge=1,
        le=_LONGEST_STATEMENT_S,
        description="how long the database may take to answer; keep it below the stream's deadline",
    )
    keep_alive: Seconds = Field(
        60.0,
        ge=1,
        le=_LONGEST_REST_S,
        description="an idle connection shows a sign of life this often, so that no firewall forgets it",
    )
    sessions: int = Field(
        2,
        ge=1,
        le=2,
        description="most sessions at a time: the second is for tables without a key; 1: those are not read",
    )
    isolation: (
        Literal["read_uncommitted", "read_committed", "repeatable_read", "serializable", "snapshot"] | None
    ) = Field(
        default=None,
        description="how far read transactions see others; default: as the database does;"
        " snapshot is SQL Server's",
    )
    heap: Heap = Field("256m", description="the JVM's largest heap, 48m to 1024g")

    @property
    def account(self) -> str:
        """Who logs on; few databases tell two users apart by case alone."""
        told = (str(value) for name, value in self.properties.items() if name.lower() == "user")
        return (self.user or next(told, "nobody")).lower()

    @property
    def most_sessions(self) -> int:
        """Only images without a declared key may be of a table that has none."""
        unkeyed = any(each.mode == "images" and not each.key for each in self.streams.values())
        return self.sessions if unkeyed else 1

    @field_validator("url")
    @classmethod
    def _is_a_jdbc_url(cls, url: str) -> str:
        if not re.match(r"jdbc:[\w+.-]+:", url):
            raise ValueError("is not a JDBC URL; they begin like jdbc:postgresql://host/database")
        if re.search(_USER_IN_URL, url, re.IGNORECASE):
            raise ValueError("names a user; write that under `user`: sessions are counted by it")
        return url

    @field_validator("streams")
    @classmethod
    def _queries_have_names(cls, streams: Mapping[str, JdbcStream]) -> Mapping[str, JdbcStream]:
        for name, options in streams.items():
            if options.query and is_pattern(name):
                raise ValueError(f"{name}: a query has a name of its own, not a pattern")
        return streams

    @field_validator("exclude_tables")
    @classmethod
    def _leave_something_out(cls, excluded: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        patterns = [name for name, each in info.data.get("streams", {}).items() if not each.query]
        must_leave_something_out(excluded, patterns, "schema.table")
        return excluded

    @field_validator("properties", mode="before")
    @classmethod
    def _secrets_by_reference(cls, properties: Any) -> Any:
        if not isinstance(properties, Mapping):
            return properties
        return {
            name: _InClear(name) if _is_in_clear(str(name), value) else value
            for name, value in properties.items()
        }
