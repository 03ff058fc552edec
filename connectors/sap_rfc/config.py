"""The options of an SAP connector; read without Arrow and without any client."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from bridge.contract import ConnectorConfig, Seconds, Secret
from bridge.errors import HiddenError
from connectors.heap import Heap
from connectors.sap_rfc.streams import NAME, Part, SapStream

type Library = Literal["auto", "pyrfc", "saprfclib", "jco"]

_PASSWORD_IN_ROUTE = re.compile(r"/[PW]/", re.IGNORECASE)
_WILD = re.compile(r"[*?\[]")


def _no_route(host: str) -> str:
    """It may have the password of a SAProuter, and messages tell hosts."""
    if "/" in host:
        raise HiddenError("is a route; write all before the last host under `saprouter`, and that host here")
    return host


Host = Annotated[str, AfterValidator(_no_route)]


class Snc(Part):
    """Secure network communication; all of it is for the client library."""

    partner: str = Field(description="the application server's name, like p:CN=ERP, O=ACME, C=DE")
    myname: str | None = Field(None, description="our own name; default: of the environment's credentials")
    lib: str | None = Field(None, description="path of the security library; default: SNC_LIB")
    qop: Literal[1, 2, 3, 8, 9] = Field(3, description="1 authentication, 2 integrity, 3 privacy, 8, 9")


class Gateway(Part):
    """A gateway apart from the application server."""

    host: Host = Field(description="its host")
    service: str | None = Field(None, description="its service or port; default: sapgw and the number")


class SapConfig(ConnectorConfig):
    """One client (mandant) of one SAP system."""

    model_config = ConfigDict(hide_input_in_errors=True)

    ashost: Host | None = Field(None, description="the application server's host; or `mshost` and `group`")
    sysnr: str = Field("00", pattern=r"^\d\d$", description="its instance number, in quotes: two digits")
    mshost: Host | None = Field(None, description="the message server's host")
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
    heap: Heap = Field("512m", description="jco: the JVM's largest heap, 48m to 1024g")
    streams: Mapping[str, SapStream] = Field(
        min_length=1, description="name (in table mode the table's): how it is read"
    )
    login_timeout: Seconds = Field(15.0, ge=1, le=3600, description="how long connecting may take")
    call_timeout: Seconds = Field(
        20.0,
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
            if options.mode == "table" and not options.table and not NAME.fullmatch(name):
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
