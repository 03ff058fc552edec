"""The options of a mainframe connector; read without Arrow and without a 3270 client."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bridge.contract import ConnectorConfig, Seconds, Secret, StreamConfig
from connectors.mainframe.maps import ErrorRule, Rule, ScreenMap
from connectors.mainframe.terminal import KEYS

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")
"""`{name}` in a text that is typed; a brace itself is written twice."""


def _some(value: Any) -> Any:
    """One name may stand for a list of one."""
    return (value,) if isinstance(value, str) else value


def _key(value: str) -> str:
    if value.lower() not in KEYS:
        raise ValueError(f"is no key; there are {', '.join(KEYS[:7])} and pf1 to pf24")
    return value.lower()


def _template(value: str) -> str:
    if brace := re.search("[{}]", PLACEHOLDER.sub("", value)):
        raise ValueError(f"has a '{brace[0]}' that is of no {{placeholder}}: write it twice to have it typed")
    return value


def _host(value: str) -> str:
    if not re.fullmatch(r"[^\s,\[\]]+", value):
        raise ValueError("is no name or address of a host")
    return value


def _host_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:-]+", value):  # no pattern that every certificate fits
        raise ValueError("is no name of a host")
    return value


Template = Annotated[str, AfterValidator(_template)]
"""A text that is typed, with {placeholders}."""
Names = Annotated[tuple[str, ...], BeforeValidator(_some, json_schema_input_type=str | tuple[str, ...])]
Key = Annotated[str, AfterValidator(_key)]


class _Options(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True
    )


class Step(_Options):
    """One exchange with the host: what is expected, what is typed, the key, and what shall come."""

    when: Names = Field(default=(), description="the step is passed over unless one of these screens shows")
    on: Names = Field(default=(), description="one of these screens must show before anything is typed")
    type: Template | None = Field(
        default=None, description="text typed where the cursor is, with {placeholders}, as a transaction code"
    )
    fill: Mapping[str, Template] = Field(
        default={}, description="field of the screen's map -> text typed into it, with {placeholders}"
    )
    press: Key | None = Field(default=None, description="the key: enter, clear, pf1 to pf24, pa1 to pa3")
    expect: Names = Field(
        default=(), description="one of these screens must come; `any`: whatever comes; default: any answer"
    )
    timeout: Seconds | None = Field(
        default=None, gt=0, description="how long to wait for it; default: the connector's `timeout`"
    )

    @property
    def texts(self) -> Iterator[str]:
        if self.type is not None:
            yield self.type
        yield from self.fill.values()

    def __str__(self) -> str:
        """For messages: what is typed is not in it."""
        fields = f"fill {', '.join(self.fill)}" if self.fill else ""
        typed = "type" if self.type is not None else ""
        return ", ".join(filter(None, (typed, fields, f"press {self.press}" if self.press else ""))) or "wait"


def _steps(value: Any) -> Any:
    """`pf3` is short for a single step that presses it."""
    return ({"press": value},) if isinstance(value, str) else value


Steps = Annotated[tuple[Step, ...], BeforeValidator(_steps, json_schema_input_type=str | tuple[Step, ...])]


class TlsOptions(_Options):
    """The host's certificate is always verified, its chain and its name."""

    ca_file: Path | None = Field(default=None, description="PEM of the authorities; default: the system's")
    certificate: Path | None = Field(default=None, description="PEM of our own certificate")
    key: Path | None = Field(
        default=None, description="PEM of its key; default: it is in the certificate's file"
    )
    key_password: Secret | None = Field(default=None, description="of an encrypted key")
    host_name: Annotated[str, AfterValidator(_host_name)] | None = Field(
        default=None, description="the name in the host's certificate, if not `host`"
    )
    minimum: Literal["1.2", "1.3"] = Field(default="1.2", description="the oldest version of TLS")

    @model_validator(mode="after")
    def _shown(self) -> TlsOptions:
        if self.certificate is None and (self.key or self.key_password):
            raise ValueError("`key` and `key_password` are of a `certificate`, and none is named")
        return self


class Select(_Options):
    """How a row of a list is opened: something is typed beside it."""

    field: str = Field(description="column of the list that is typed into, in the row")
    text: Template = Field(alias="with", description="what is typed there")
    press: Key = Field(default="enter", description="the key")


class Detail(_Options):
    """The screen behind a row of a list."""

    select: Select | None = Field(default=None, description="how to open it from its row")
    goto: Steps = Field(default=(), description="steps that open it instead, with the key's {columns}")
    screen: str = Field(description="the screen that shows the row")
    back: Steps = Field(default=(Step(press="pf3"),), description="steps back to the same page; default: pf3")
    missing: tuple[str | Rule, ...] = Field(
        default=(), description="screens, or markers on them, that say the row is gone"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Detail:
        if (self.select is None) == (not self.goto):
            raise ValueError("needs either `select` or `goto`: how is the row opened?")
        return self


class ListStream(StreamConfig):
    """A list of many pages."""

    mode: Literal["list"] = Field(description="a list that is read page by page, from its first to its last")
    goto: Steps = Field(default=(), description="steps from `home` to the list's first page")
    screen: str = Field(description="the screen with the list; its map has a `table`")
    key: tuple[str, ...] = Field(
        default=(), description="columns that tell the rows apart; default: the map's"
    )
    mark: str | None = Field(
        default=None,
        description="column that changes whenever its row does: only then is `detail` read again",
    )
    detail: Detail | None = Field(default=None, description="the screen behind each row")
    paging: Literal["position", "key"] = Field(
        default="position",
        description="key: the host goes on behind the last key shown, so that no row is missed when others"
        " come or go meanwhile; position: it counts lines, and what seems gone is looked for again",
    )

    @model_validator(mode="after")
    def _marks_need_details(self) -> ListStream:
        if self.mark and not self.detail:
            raise ValueError("`mark` is for lists with `detail`: without it every row is read anyway")
        return self


class KeyFile(_Options):
    """Keys out of a file; read anew for each scan."""

    file: Path = Field(description="CSV in UTF-8, with the key's columns in its first line")


class KeyStream(_Options):
    """Keys out of a list."""

    stream: str = Field(description="a list of this connector, read for its keys before each scan")


class KeyTopic(_Options):
    """Keys out of a topic of events, as another connector publishes them; read anew for each scan."""

    topic: str = Field(
        min_length=1, description="a topic of this bridge's events: rows deleted there are not asked for"
    )
    columns: Mapping[str, str] = Field(
        default={}, description="column of the key here -> its name in the topic's keys; default: the same"
    )


type Keys = Annotated[tuple[Mapping[str, str | int], ...], Field(min_length=1)]


class InquiryStream(StreamConfig):
    """A screen for each of many keys."""

    mode: Literal["inquiry"] = Field(description="one screen for each key")
    goto: Steps = Field(default=(), description="steps from `home`, once; default: `steps` begin at `home`")
    steps: Steps = Field(min_length=1, description="steps from there to the answer, with the key's {columns}")
    back: Steps = Field(default=(), description="steps from the answer to where `steps` begin")
    screen: str = Field(description="the screen with the answer")
    key: tuple[str, ...] = Field(min_length=1, description="columns that tell the rows apart")
    keys: Keys | KeyFile | KeyStream | KeyTopic = Field(
        description="what is asked for: a list of keys, {file: PATH.csv}, {stream: LIST}, or {topic: NAME}"
    )
    missing: tuple[str | Rule, ...] = Field(
        default=(), description="screens, or markers on the answer, that say there is no such key"
    )

    @field_validator("keys")
    @classmethod
    def _are_whole(cls, keys: Any, info: ValidationInfo) -> Any:
        for number, each in enumerate(keys if isinstance(keys, tuple) else (), 1):
            if missing := [name for name in info.data.get("key", ()) if not str(each.get(name, "")).strip()]:
                raise ValueError(f"entry {number} lacks '{missing[0]}', which is in `key`")
        return keys


Stream = Annotated[ListStream | InquiryStream, Field(discriminator="mode")]


class MainframeConfig(ConnectorConfig):
    """One host, one account, and the screens that are read there."""

    transport: Literal["s3270", "tnz"] = Field(
        default="s3270", description="the 3270 client: s3270 of the system, or tnz, which is all Python"
    )
    host: Annotated[str, AfterValidator(_host)] = Field(description="name or address of the TN3270 server")
    port: int = Field(default=23, ge=1, le=65535, description="its port; mostly 992 with TLS")
    identity: str | None = Field(
        default=None, description="the system behind it, where several hosts lead to one; default: host:port"
    )
    tls: bool | TlsOptions = Field(default=False, description="true, or its options; always verified")
    tn3270e: bool = Field(default=True, description="offer TN3270E; false: some old servers choke on it")
    model: Literal[2, 3, 4, 5] = Field(default=2, description="of the terminal: 24x80, 32x80, 43x80, 27x132")
    code_page: str = Field(default="cp037", description="EBCDIC code page of the host, as cp1141")
    lu: Names = Field(
        default=(),
        description="LU names, of which a session takes one that is free; one alone may be a pool of the"
        " host; default: the host's choice",
    )
    sessions: int = Field(
        default=1,
        ge=1,
        le=64,
        description="most sessions at a time, each with its own log-on; inquiries use all",
    )
    connect_timeout: Seconds = Field(default=10.0, gt=0, description="how long to wait for a connection")
    timeout: Seconds = Field(default=10.0, gt=0, description="how long to wait for a screen")
    settle: Seconds = Field(
        default=0.05,
        ge=0,
        le=10,
        description="a screen that is read must rest for so long: hosts write one in several pieces",
    )
    user: Secret | str | None = Field(default=None, description="who logs on: {user} in `logon`")
    password: Secret | None = Field(default=None, description="{password} in `logon`")
    secrets: Mapping[str, Secret] = Field(default={}, description="further secrets, for placeholders by name")
    maps: Names = Field(default=(), description="files with screen maps; * and ? stand for others")
    screens: Mapping[str, ScreenMap] = Field(
        default={}, description="screen maps, instead of files or beside them"
    )
    errors: tuple[ErrorRule, ...] = Field(
        default=(), description="errors on any screen, beside those of the maps"
    )
    logon: Steps = Field(default=(), description="steps of the log-on")
    logoff: Steps = Field(default=(), description="steps of the log-off, from `home`")
    refused: Names = Field(
        default=(), description="screens that refuse the account (expired, locked): it is not tried again"
    )
    home: str | None = Field(
        default=None, description="the screen at which streams begin; default: a cleared one"
    )
    home_by: Steps = Field(default=(), description="steps to `home` from a cleared screen")
    streams: Mapping[str, Stream] = Field(default={}, description="stream name -> its options")

    @model_validator(mode="after")
    def _fits_together(self) -> MainframeConfig:
        if len(set(self.lu)) < len(self.lu):
            raise ValueError("`lu` names one twice: each session takes one of its own")
        if 1 < len(self.lu) < self.sessions:
            raise ValueError(f"`sessions` is {self.sessions}, and `lu` names {len(self.lu)}")
        if taken := {"user", "password"} & self.secrets.keys():
            raise ValueError(f"`secrets` has {', '.join(taken)}, which has a place of its own")
        for name in self.streams:
            if any(mark in name for mark in "*?["):
                raise ValueError(f"stream {name}: a list or inquiry has a name of its own, not a pattern")
        return self

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def account(self) -> str:
        """Who logs on, as messages tell it; a user by reference is not revealed for that."""
        user = self.user.reference if isinstance(self.user, Secret) else self.user or "nobody"
        return f"{user} at {self.address}"
