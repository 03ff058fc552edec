"""The options of an Oracle connector; read without Arrow and without the driver."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from bridge.contract import ConnectorConfig, Seconds, Secret, Size, StreamConfig
from bridge.errors import HiddenError
from connectors.tables import is_pattern, must_leave_something_out

type ModeName = Literal["flashback", "snapshot", "timestamp", "rowscn", "images", "outbox", "mview_log", "aq"]
CHANGES: frozenset[str] = frozenset({"flashback", "timestamp", "rowscn"})
"""Modes that read what changed: `snapshot` says whether what is there is read before that."""
_OF_TABLES = CHANGES | {"snapshot", "images", "outbox", "mview_log"}
_MEANS: Mapping[str, frozenset[str]] = {
    "columns": frozenset({"timestamp"}),
    "before": frozenset({"flashback"}),
    "overlap": frozenset({"flashback"}),
    "time_zone": frozenset({"timestamp"}),
    "consumer": frozenset({"aq"}),
    "key": _OF_TABLES - {"mview_log"},  # whose notes tell the primary key alone
    **dict.fromkeys(("max_value_bytes", "oversize", "trim", "unknown_types"), _OF_TABLES),
}
_LONGEST_REST_S = 32_767
_LONGEST_STATEMENT_S = 7 * 86400.0
_LONGEST_PLACE = 100
_LONGEST_LABEL = 48
"""V$SESSION.MODULE has room for so many bytes."""
# user/password@place, or as a parameter: of a descriptor, or after a question mark.
_ACCOUNT_IN_DSN = (
    r"^[^(?]*@|^[^=]*@"
    r"|[(?&]\s*(pyo\.)?((proxy_)?user|\w*password|\w*pwd|\w*secret|\w*passphrase|access_token)\s*="
)
_WALLET_IN_DSN = r"[(?&]\s*(pyo\.)?wallet_(password|pwd)\s*="
_TELLING = r"\(\s*(HOST|PORT|SERVICE_NAME|SID)\s*=\s*([\w.:$#-]+)\s*\)"
_SHORT_FORM = r"(\w+:)?(//)?[\w.,:;$#\[\]-]+(/[\w.:$#-]*){0,2}"
"""host:port/service of one or several hosts, or a name of tnsnames.ora."""

_UNCHECKED = r"SSL_SERVER_DN_MATCH\s*=\s*(no|off|false|0)\b"


class OracleStream(StreamConfig):
    """How the tables of one name or pattern are read."""

    mode: ModeName = Field(
        default="flashback",
        description="flashback: inserts, updates and deletes in commit order, by versions queries;"
        " snapshot: what is there, once; timestamp: a column has the time of a row's last change; rowscn: by"
        " ORA_ROWSCN; images: whole tables are compared; outbox, mview_log: rows are read, published, then"
        " deleted; aq: a queue",
    )
    snapshot: bool = Field(
        default=True,
        description="flashback, timestamp, rowscn: first read what is there, as operation r",
    )
    columns: tuple[str, ...] = Field(
        default=(),
        validate_default=True,
        description="timestamp: the column with the time of a row's last change, and others by which equal"
        " times are told apart",
    )
    key: tuple[str, ...] = Field(
        default=(),
        description="columns that tell the rows apart; default: the primary key, or a unique index over"
        " columns that are NOT NULL",
    )
    before: bool = Field(
        default=False,
        description="flashback: updates and deletes bring the whole row as it was, not just its key",
    )
    overlap: Seconds = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="flashback: changes of that long ago are read once more, and known transactions dropped:"
        " for RAC, where an instance may show a commit later than another",
    )
    late_window: Seconds = Field(
        default=60.0,
        ge=0,
        description="timestamp: for how long a transaction may take to commit: for that long changes are"
        " read again",
    )
    time_zone: str | None = Field(
        default=None,
        description="timestamp: the zone of times that do not say theirs, like Europe/Berlin; default: the"
        " database's own",
    )
    consumer: str | None = Field(
        default=None, description="aq: our name among the subscribers of a queue that has several"
    )
    max_value_bytes: Size = Field(default=8 * 2**20, description="most bytes of a text or binary value")
    oversize: Literal["reject", "truncate"] = Field(
        default="reject",
        description="a value that is longer: its row is a reject (an outbox parks), or it is cut; a key is"
        " never cut",
    )
    trim: bool = Field(
        default=False,
        description="publish values of CHAR columns without the spaces that fill them up; keys, too",
    )
    unknown_types: Literal["string", "reject", "fail"] = Field(
        default="string",
        description="a column of a type that has no place in an event: its values as Oracle makes them XML,"
        " or rows with one are rejects, or the stream parks",
    )

    @field_validator("columns", "key")
    @classmethod
    def _named_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("names a column twice")
        return names

    @field_validator("columns")
    @classmethod
    def _fit_the_mode(cls, columns: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("mode") == "timestamp" and not columns:
            raise ValueError("must name the column with the time")
        return columns

    @field_validator(*_MEANS)
    @classmethod
    def _has_a_meaning(cls, value: Any, info: ValidationInfo) -> Any:
        mode = info.data.get("mode")
        if value and mode and mode not in _MEANS[str(info.field_name)]:
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


class OracleTls(BaseModel):
    """The server's certificate is always verified, its chain and its name."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    wallet: Path | None = Field(
        default=None, description="folder of the wallet: ewallet.pem, or cwallet.sso with `client: thick`"
    )
    wallet_password: Secret | None = Field(default=None, description="of the wallet's key")
    ca_file: Path | None = Field(default=None, description="PEM of the authorities; default: the system's")
    certificate: Path | None = Field(default=None, description="PEM of our own certificate")
    key: Path | None = Field(
        default=None, description="PEM of its key; default: it is in the certificate's file"
    )
    server_dn: str | None = Field(
        default=None,
        description="the distinguished name in the server's certificate, if not the host's name",
    )

    @field_validator("key")
    @classmethod
    def _has_a_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if key and not info.data.get("certificate"):
            raise ValueError("is of no use without `certificate`")
        return key


class OracleConfig(ConnectorConfig):
    """One database, or one pluggable database."""

    model_config = ConfigDict(hide_input_in_errors=True)

    dsn: str = Field(
        description="where it is: host:port/service, tcps://..., a connect descriptor with one or several"
        " addresses, or a name of `config_dir`'s tnsnames.ora"
    )
    config_dir: Path | None = Field(None, description="the folder with tnsnames.ora")
    user: str = Field(description="the account; it needs SELECT and FLASHBACK on the tables, and no more")
    password: Secret = Field(description="its password: env:NAME, file:PATH or cred:NAME")
    proxy_for: str | None = Field(
        None, description="the account on whose behalf `user` connects (ALTER USER ... GRANT CONNECT THROUGH)"
    )
    client: Literal["thin", "thick"] = Field(
        "thin", description="thin needs nothing; thick: Oracle's client libraries (native encryption)"
    )
    client_lib: Path | None = Field(None, description="folder of Oracle's client libraries")
    edition: str | None = Field(None, description="the edition whose views are read")
    session_label: str = Field(
        "legacy-bridge",
        min_length=1,
        description="what V$SESSION.MODULE shows; ACTION is the stream that is read",
    )
    tls: OracleTls | None = Field(None, description="wallet or certificates, for tcps")
    streams: Mapping[str, OracleStream] = Field(
        min_length=1,
        description="table (OWNER.NAME, as the dictionary has it), queue, or pattern: how it is read",
    )
    exclude_tables: tuple[str, ...] = Field((), description="tables or patterns that are not read after all")
    login_timeout: Seconds = Field(
        15.0, ge=1, le=3600, description="how long connecting may take, over all addresses and to the end"
    )
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

    @field_validator("dsn")
    @classmethod
    def _is_a_place_alone(cls, dsn: str) -> str:
        if not dsn.strip():
            raise ValueError("is empty; write host:port/service, a descriptor, or a name of tnsnames.ora")
        if re.search(_WALLET_IN_DSN, dsn, re.IGNORECASE):
            raise HiddenError("has the wallet's password; write that under `tls.wallet_password`")
        if re.search(_ACCOUNT_IN_DSN, dsn, re.IGNORECASE):
            raise HiddenError("names an account; write that under `user` and `password`")
        if re.search(_UNCHECKED, dsn, re.IGNORECASE):
            raise ValueError(
                "switches off the check of the server's name; leave it out, or set `tls.server_dn`"
            )
        return dsn.strip()

    @field_validator("streams")
    @classmethod
    def _names_its_queues(cls, streams: Mapping[str, OracleStream]) -> Mapping[str, OracleStream]:
        for name, each in streams.items():
            if each.mode == "aq" and is_pattern(name):
                raise ValueError(f"{name} is a pattern; name each queue, for each takes a session of its own")
        return streams

    @field_validator("exclude_tables")
    @classmethod
    def _leave_something_out(cls, excluded: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        must_leave_something_out(excluded, info.data.get("streams", {}), "OWNER.NAME")
        return excluded

    @field_validator("user")
    @classmethod
    def _is_one_account(cls, user: str) -> str:
        if "/" in user:
            raise HiddenError("is no name of an account; write what follows it under `password`")
        if "[" in user:
            name, _, proxied = user.partition("[")
            raise ValueError(f"is two accounts; write user: {name}, and proxy_for: {proxied.rstrip(']')}")
        if not user.strip():
            raise ValueError("is no name of an account")
        return user

    @field_validator("client_lib")
    @classmethod
    def _is_for_thick(cls, folder: Path | None, info: ValidationInfo) -> Path | None:
        if folder and info.data.get("client") == "thin":
            raise ValueError("has no meaning with client: thin")
        return folder

    @field_validator("session_label")
    @classmethod
    def _fits_the_view(cls, label: str) -> str:
        if len(label.encode()) > _LONGEST_LABEL:
            raise ValueError(f"must be at most {_LONGEST_LABEL} bytes")
        return label

    @property
    def account(self) -> str:
        """Who logs on where; Oracle tells names apart without regard to case."""
        return self.user.upper() if not self.user.startswith('"') else self.user

    @property
    def place(self) -> str:
        """Where it is, as messages tell it: hosts, ports and service, whatever else `dsn` says."""
        return (_of_descriptor(self.dsn) or _of_short_form(self.dsn))[:_LONGEST_PLACE]

    @property
    def most_sessions(self) -> int:
        """One that reads; one for all that settle; each queue has its own."""
        modes = [each.mode for each in self.streams.values()]
        return 1 + any(mode in ("outbox", "mview_log") for mode in modes) + modes.count("aq")


def _of_descriptor(dsn: str) -> str:
    told: dict[str, list[str]] = {"HOST": [], "PORT": [], "SERVICE_NAME": [], "SID": []}
    for name, value in re.findall(_TELLING, dsn, re.IGNORECASE):
        told[name.upper()].append(value)
    ports = told["PORT"] if len(told["PORT"]) == len(told["HOST"]) else [""] * len(told["HOST"])
    places = [f"{host}:{port}".rstrip(":") for host, port in zip(told["HOST"], ports, strict=True)]
    return "/".join([",".join(places), *(told["SERVICE_NAME"] or told["SID"])[:1]]) if places else ""


def _of_short_form(dsn: str) -> str:
    found = re.fullmatch(_SHORT_FORM, dsn.partition("?")[0].strip())
    return found[0] if found else "the database of `dsn`"
