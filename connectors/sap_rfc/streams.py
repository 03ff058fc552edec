"""The options of one stream of an SAP system; read without Arrow and without any client."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import chain
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.contract import Seconds, StreamConfig

type ModeName = Literal["table", "change_documents", "function", "change_pointers"]

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
    "unordered": _FUNCTION,
    "pages": _FUNCTION,
    "detail": _FUNCTION | _POINTERS,
    "message_type": _POINTERS,
    "process": _POINTERS,
}
_ODP = (
    "is not built: SAP Note 3255746 forbids customers and third parties the RFC modules of ODP, and since"
    " June 2026 systems reject the call; use table, change_documents, function or change_pointers"
)
NAME = re.compile(r"[A-Z_/][A-Z0-9_/]*")
_MESSAGE = re.compile(r"\S{1,20} \d{3}")
_MOST_CHARACTERS = 30


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

    @field_validator("parameters")
    @classmethod
    def _are_columns_or_constants(cls, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        for name, each in parameters.items():
            if not isinstance(each, str) and not (isinstance(each, Mapping) and each.keys() == {"value"}):
                raise ValueError(f"{name} needs the name of a column, or {{value: ...}}")
        return parameters

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
        description="function: columns that change when details do: they are only asked where the row did",
    )
    unordered: tuple[str, ...] = Field(
        default=(),
        description="function: columns that are tables whose order means nothing: they are published sorted;"
        " within others by their path, like ITEMS.PARTS",
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

    @field_validator("columns", "key", "fields", "classes", "tables", "mark", "unordered")
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
    def _is_a_name(cls, names: Any) -> Any:
        _must_be_names((names,) if isinstance(names, str) else names or ())
        return names

    @field_validator("unordered")
    @classmethod
    def _are_paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        _must_be_names(name for path in paths for name in path.split("."))
        return paths

    @model_validator(mode="after")
    def _fits(self) -> Self:
        problem = next(chain(self._strangers(), self._problems()), None)
        if problem:
            raise ValueError(problem)
        return self

    def _strangers(self) -> Iterator[str]:
        """What the mode has no use for, or lacks."""
        for name in sorted(self.model_fields_set & _MEANS.keys()):
            if self.mode not in _MEANS[name]:
                yield f"`{name}` has no meaning in {self.mode} mode"
        for name in _NEEDS.get(self.mode, ()):
            if not getattr(self, name):
                yield f"{self.mode} mode needs `{name}`"

    def _problems(self) -> Iterator[str]:
        if self.mode == "table" and bool(self.columns) == self.images:
            yield "table mode needs either `columns`, with the time of a row's last change, or `images: true`"
        if self.mark and not self.detail:
            yield "`mark` is of no use without `detail`"
        if self.detail and self.detail.table:
            yield "`detail` needs a `function`; to read a table is for `enrich`"
        if self.enrich and self.enrich.table and (self.enrich.parameters or self.enrich.rows):
            yield "`enrich` of a table takes no `parameters` and no `rows`: its key is known"
        if self.pages and not self.cap:
            yield "`pages` is of no use without `cap`"
        if self.process and self.since:
            yield "`since` is of no use with `process`: all that is not processed is read"
        if "process_function" in self.model_fields_set and not self.process:
            yield "`process_function` is of no use without `process: true`"


def _must_be_names(names: Iterable[str]) -> None:
    """Errors: ValueError."""
    for name in names:
        if not NAME.fullmatch(name):
            better = f"; write {name.strip().upper()}" if NAME.fullmatch(name.strip().upper()) else ""
            raise ValueError(f"{name!r} is no name of SAP's dictionary{better}")
        if len(name) > _MOST_CHARACTERS:
            raise ValueError(f"{name!r} is longer than names of SAP's dictionary are")
