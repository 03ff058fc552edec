"""The options of an SAP connector; read without Arrow and without any client."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from bridge.contract import ConnectorConfig, Seconds, Secret, StreamConfig
from connectors.heap import Heap

type ModeName = Literal["table", "change_documents", "function", "change_pointers"]
type Library = Literal["auto", "pyrfc", "saprfclib", "jco"]

MODES: tuple[str, ...] = ("table", "change_documents", "function", "change_pointers")
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "change_documents": ("classes",),
    "function": ("function", "rows", "key"),
    "change_pointers": ("message_type",),
}
_TABLE = frozenset({"table"})
_FUNCTION = frozenset({"function"})
_POINTERS = frozenset({"change_pointers"})
_MEANS: Mapping[str, frozenset[str]] = {
    "table": _TABLE,
    "columns": _TABLE,
    "images": _TABLE,
    "fields": _TABLE,
    "where": _TABLE,
    "key": _TABLE | _FUNCTION,
    "currencies": _TABLE,
    "alpha": frozenset({"table", "change_documents"}),
    "classes": frozenset({"change_documents"}),
    "tables": frozenset({"change_documents"}),
    "since": frozenset({"change_documents", "change_pointers"}),
    "missing": _FUNCTION | _POINTERS | frozenset({"change_documents"}),
    "process_function": _POINTERS,
    "enrich": frozenset({"change_documents"}),
    "function": _FUNCTION,
    "parameters": _FUNCTION,
    "rows": _FUNCTION,
    "cap": _FUNCTION,
    "mark": _FUNCTION,
    "pages": _FUNCTION,
    "detail": _FUNCTION | _POINTERS,
    "message_type": _POINTERS,
    "process": _POINTERS,
}
_ODP = (
    "is not built: SAP Note 3255746 forbids customers and third parties the RFC modules of ODP, and since"
    " June 2026 systems reject the call; use table, change_documents, function or change_pointers"
)
_NAME = re.compile(r"[A-Z_/][A-Z0-9_/]*")
_PASSWORD_IN_ROUTE = re.compile(r"/[PW]/", re.IGNORECASE)
_MESSAGE = re.compile(r"\S{1,20} \d{3}")
_WILD = re.compile(r"[*?\[]")
_MOST_CHARACTERS = {"table": 30, "function": 30, "reader": 30, "message_type": 30}


class Part(BaseModel):
    """A group of options that belong together."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True
    )


class Cap(Part):
    """What limits a function's answer: an answer of so many rows may not be all of them."""

    parameter: str = Field(description="the import parameter that limits the rows, like MAXROWS")
    value: int = Field(ge=1, description="how many rows are asked for at most")


class Pages(Part):
    """How a function is asked for the rows after a key: by a table of ranges."""

    parameter: str = Field(description="the table of ranges, like IDRANGE")
    low: str = Field("LOW", description="its field for the last key that was read")
    fixed: Mapping[str, Any] = Field(
        default={"SIGN": "I", "OPTION": "GT"}, description="the other fields of its one row"
    )


class Detail(Part):
    """A function that is called for each row, or a table that is read, by the row's key."""

    function: str | None = Field(None, description="a remote-enabled function, like BAPI_CUSTOMER_GETDETAIL2")
    table: str | None = Field(None, description="or a table whose key the row's key is")
    parameters: Mapping[str, Any] = Field(
        default={},
        description="parameter of the function, or column of the table, -> the column of the row (or, as"
        " {value: ...}, a constant)",
    )
    rows: tuple[str, ...] = Field(
        default=(), description="export parameters and tables of the answer that are published; default: all"
    )

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.function is None) == (self.table is None):
            raise ValueError("names either a `function` or a `table`")
        return self


class SapStream(StreamConfig):
    """How one table, function or kind of change is read."""

    model_config = ConfigDict(hide_input_in_errors=True)

    mode: ModeName = Field(
        description="table: rows of a table, by the time of their last change or all of them;"
        " change_documents: inserts, updates and deletes as CDHDR and CDPOS log them; function: what a"
        " remote-enabled function answers; change_pointers: what BDCP2 points at",
    )
    table: str | None = Field(None, description="table: its name in the dictionary; default: the stream's")
    columns: tuple[str, ...] = Field(
        default=(),
        description="table: the columns that say when a row was changed: a date (DATS), with the time of day"
        " (TIMS) behind it if there is one, or a time stamp (DEC 15 or 21); of several, such as those of the"
        " change and of the creation, one must be new",
    )
    images: bool = Field(default=False, description="table: the whole table is compared, which finds deletes")
    key: tuple[str, ...] = Field(
        default=(),
        description="columns that tell the rows apart; default of tables: the dictionary's key",
    )
    fields: tuple[str, ...] = Field(default=(), description="table: the columns that are read; default: all")
    where: str = Field(default="", description="table: a condition of Open SQL, like LAND1 = 'DE'")
    reader: str = Field(
        default="RFC_READ_TABLE",
        description="the function that reads tables: RFC_READ_TABLE, /BODS/RFC_READ_TABLE2,"
        " BBP_RFC_READ_TABLE or one of your own with the same interface",
    )
    currencies: Mapping[str, str] = Field(
        default={},
        description="amount -> the column with its currency, or a currency, where the dictionary's reference"
        " is in another table",
    )
    alpha: Literal["keep", "strip"] = Field(
        default="keep", description="leading zeros of columns with conversion exit ALPHA"
    )
    safety_interval: Seconds = Field(
        default=5.0, ge=0, description="changes younger than this, by SAP's clock, are left for the next poll"
    )
    late_window: Seconds = Field(
        default=300.0,
        ge=0,
        description="how long a transaction may take to commit: for that long changes are read again",
    )
    classes: tuple[str, ...] = Field(
        default=(), description="change_documents: object classes of CDHDR, like DEBI"
    )
    tables: tuple[str, ...] = Field(
        default=(),
        description="change_documents: the tables whose rows are published; default: all of the classes, as"
        " TCDOB names them",
    )
    since: date | None = Field(
        default=None,
        description="change_documents, change_pointers: the day to begin with; default: all that there is",
    )
    enrich: Detail | None = Field(
        default=None, description="change_documents: what is read of an object beside the logged fields"
    )
    function: str | None = Field(default=None, description="function: its name, like BAPI_CUSTOMER_GETLIST")
    parameters: Mapping[str, Any] = Field(
        default={}, description="function: what it is called with, by the names of its parameters"
    )
    rows: str | None = Field(
        default=None, description="function: the table or the structure of the answer with the rows"
    )
    cap: Cap | None = Field(default=None, description="function: what limits the answer")
    pages: Pages | None = Field(default=None, description="function: how to ask for the rows after a key")
    detail: Detail | None = Field(
        default=None, description="function, change_pointers: what is asked about each row"
    )
    mark: tuple[str, ...] = Field(
        default=(),
        description="function: columns that change with the row: details are only asked where they did",
    )
    missing: tuple[str, ...] = Field(
        default=(),
        description="messages of a function, by class and number (F2 718), that say that there is nothing",
    )
    message_type: str | None = Field(default=None, description="change_pointers: of BDCP2, like DEBMAS")
    process: bool = Field(
        default=False,
        description="change_pointers: mark them as processed once published (nobody else may need them)",
    )
    process_function: str = Field(
        default="CHANGE_POINTERS_STATUS_WRITE",
        description="change_pointers: what marks them; SAP's own is not remote-enabled, so that it takes a"
        " function of yours with the same interface",
    )

    @field_validator("mode", mode="before")
    @classmethod
    def _is_built(cls, mode: Any) -> Any:
        if isinstance(mode, str) and mode.strip().lower() in ("odp", "odata_odp", "odp_rfc"):
            raise ValueError(_ODP)
        return mode

    @field_validator("columns", "key", "fields", "classes", "tables", "mark")
    @classmethod
    def _named_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("names one twice")
        return names

    @field_validator("missing")
    @classmethod
    def _are_messages(cls, messages: tuple[str, ...]) -> tuple[str, ...]:
        for each in messages:
            if not _MESSAGE.fullmatch(each):
                raise ValueError(f"{each!r} is no message; write class and number, like F2 718")
        return messages

    @field_validator(
        "columns",
        "key",
        "fields",
        "mark",
        "table",
        "tables",
        "function",
        "reader",
        "rows",
        "message_type",
        "process_function",
    )
    @classmethod
    def _is_a_name(cls, names: Any, info: ValidationInfo) -> Any:
        for name in (names,) if isinstance(names, str) else names or ():
            if not _NAME.fullmatch(name):
                better = f"; write {name.strip().upper()}" if _NAME.fullmatch(name.strip().upper()) else ""
                raise ValueError(f"{name!r} is no name of SAP's dictionary{better}")
            if len(name) > _MOST_CHARACTERS.get(str(info.field_name), 30):
                raise ValueError(f"{name!r} is longer than names of SAP's dictionary are")
        return names

    @model_validator(mode="after")
    def _fits_the_mode(self) -> Self:
        for name in sorted(self.model_fields_set & _MEANS.keys()):
            if self.mode not in _MEANS[name]:
                raise ValueError(f"`{name}` has no meaning in {self.mode} mode")
        for name in _NEEDS.get(self.mode, ()):
            if not getattr(self, name):
                raise ValueError(f"{self.mode} mode needs `{name}`")
        if self.mode == "table" and bool(self.columns) == self.images:
            raise ValueError(
                "table mode needs either `columns`, with the time of a row's last change, or `images: true`"
            )
        if self.mark and not self.detail:
            raise ValueError("`mark` is of no use without `detail`")
        if self.detail and self.detail.table:
            raise ValueError("`detail` needs a `function`; to read a table is for `enrich`")
        if self.enrich and self.enrich.table and (self.enrich.parameters or self.enrich.rows):
            raise ValueError("`enrich` of a table takes no `parameters` and no `rows`: its key is known")
        if self.pages and not self.cap:
            raise ValueError("`pages` is of no use without `cap`")
        return self


class Snc(Part):
    """Secure network communication; all of it is for the client library."""

    partner: str = Field(description="the application server's name, like p:CN=ERP, O=ACME, C=DE")
    myname: str | None = Field(None, description="our own name; default: of the environment's credentials")
    lib: str | None = Field(None, description="path of the security library; default: SNC_LIB")
    qop: Literal[1, 2, 3, 8, 9] = Field(3, description="1 authentication, 2 integrity, 3 privacy, 8, 9")


class Gateway(Part):
    """A gateway apart from the application server."""

    host: str = Field(description="its host")
    service: str | None = Field(None, description="its service or port; default: sapgw and the number")


class SapConfig(ConnectorConfig):
    """One client (mandant) of one SAP system."""

    model_config = ConfigDict(hide_input_in_errors=True)

    ashost: str | None = Field(None, description="the application server's host; or `mshost` and `group`")
    sysnr: str = Field("00", pattern=r"^\d\d$", description="its instance number, in quotes: two digits")
    mshost: str | None = Field(None, description="the message server's host")
    msserv: str | None = Field(None, description="its service or port, like sapmsPRD or 3601")
    group: str | None = Field(None, description="the logon group; default: PUBLIC")
    sysid: str | None = Field(None, description="the system's ID, like PRD; needed with `mshost`")
    saprouter: str | Secret | None = Field(
        None, description="the way through SAProuters: /H/host/S/3299; with a password in it: file:PATH"
    )
    gateway: Gateway | None = Field(None, description="a gateway that is elsewhere")
    client: str = Field(pattern=r"^\d{3}$", description="the client (mandant), in quotes: three digits")
    user: str | None = Field(None, description="the account; of type system, with S_RFC for what it calls")
    password: Secret | None = Field(None, description="its password: env:NAME, file:PATH or cred:NAME")
    mysapsso2: Secret | None = Field(None, description="or a logon ticket")
    x509: Secret | None = Field(None, description="or a certificate for the logon over SNC")
    language: str = Field("EN", pattern=r"^[A-Za-z]{1,2}$", description="the logon language")
    snc: Snc | None = Field(None, description="secure network communication")
    library: Library = Field(
        "auto",
        description="the client: pyrfc (whoever provides it), saprfclib or jco; auto: the first of them that"
        " is installed",
    )
    heap: Heap = Field("512m", description="jco: the JVM's largest heap, 32m to 1024g")
    streams: Mapping[str, SapStream] = Field(
        min_length=1, description="name (in table mode the table's): how it is read"
    )
    login_timeout: Seconds = Field(15.0, ge=1, le=3600, description="how long connecting may take")
    call_timeout: Seconds = Field(
        60.0,
        ge=1,
        le=7 * 86400.0,
        description="how long a call may take; keep it below the stream's deadline",
    )

    @field_validator("sysnr", "client", mode="before")
    @classmethod
    def _is_text(cls, digits: Any, info: ValidationInfo) -> Any:
        if isinstance(digits, int):
            width = 2 if info.field_name == "sysnr" else 3
            raise ValueError(f'is a number; write it in quotes: "{digits:0{width}}"')  # noqa: TRY004 -- pydantic's
        return digits

    @field_validator("saprouter", mode="before")
    @classmethod
    def _has_no_password(cls, route: Any) -> Any:
        if isinstance(route, str) and route.startswith("/"):
            if _PASSWORD_IN_ROUTE.search(route):
                raise ValueError("has a password; write the whole route into a file, and here file:PATH")
            return route
        if isinstance(route, str):
            return Secret(route)
        return route

    @field_validator("streams")
    @classmethod
    def _are_names(cls, streams: Mapping[str, SapStream]) -> Mapping[str, SapStream]:
        for name, options in streams.items():
            if _WILD.search(name):
                raise ValueError(f"{name!r} is a pattern; name each stream")
            if options.mode == "table" and not options.table and not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a table; write it as `table`")
        return streams

    @model_validator(mode="after")
    def _fits(self) -> Self:
        problem = next(self._problems(), None)
        if problem:
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        if bool(self.ashost) == bool(self.mshost):
            yield "needs either `ashost` or `mshost`"
        if self.ashost and (self.msserv or self.group):
            yield "`msserv` and `group` have no meaning with `ashost`"
        if self.mshost and not (self.sysid or self.msserv):
            yield "`mshost` needs `sysid`, or the message server's `msserv`"
        ways = [name for name in ("password", "mysapsso2", "x509") if getattr(self, name)]
        if len(ways) > 1:
            yield f"`{ways[0]}` and `{ways[1]}` exclude each other"
        if not ways and not self.snc:
            yield "needs `password`, or `mysapsso2`, `x509` or `snc`"
        if self.password and not self.user:
            yield "needs the `user` whose `password` it is"
        if self.x509 and not self.snc:
            yield "`x509` needs `snc`"
        if "heap" in self.model_fields_set and self.library not in ("jco", "auto"):
            yield f"`heap` has no meaning with library: {self.library}, which needs no JVM"
        if self.library == "saprfclib" and (self.mysapsso2 or self.x509):
            yield f"`{ways[0]}` is not for saprfclib; use library: pyrfc or jco"

    @property
    def place(self) -> str:
        """Where it is, as messages tell it."""
        if self.mshost:
            return f"{self.mshost}/{self.group or 'PUBLIC'}"
        return f"{self.ashost}:{self.sysnr}"

    @property
    def account(self) -> str:
        return (self.user or "").upper()
