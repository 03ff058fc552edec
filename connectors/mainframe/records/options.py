"""Options of `transport: file` and `transport: java`; read without pyarrow and without a JVM."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from bridge.contract import ConnectorConfig, Seconds, StreamConfig
from connectors.mainframe import code_pages


def _value(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise ValueError(f"{value} is no text; put it into quotes")  # noqa: TRY004 -- pydantic wants it
    return value


def _is_translated(name: str) -> bool:
    """One of Python's own encodings, with a byte for each digit."""
    try:
        return len("0".encode(name)) == 1
    except LookupError:
        return False


type Value = Annotated[str | int, BeforeValidator(_value)]
type Conditions = Mapping[str, Value | tuple[Value, ...]]
"""Item -> its value, or any of several; all must hold."""

EVERY = "*"
FIRST = "first"
NONE = "none"


class RecordOptions(StreamConfig):
    """How the bytes of a record become values."""

    copybook: Path | None = Field(None, description="the file that describes the record in COBOL")
    copybook_folders: tuple[Path, ...] = Field(
        (), description="where COPY finds other copybooks; beside the first it looks anyhow"
    )
    copybook_format: Literal["auto", "fixed", "free"] = Field(
        "auto", description="fixed: code stands in columns 8 to 72; auto: as it looks"
    )
    record: str | None = Field(
        None, description="which record (level 01) of the copybook; default: the only one"
    )
    code_page: str = Field(
        "cp037", description="of text and digits: cp037, cp1141 and so on; of translated files ascii, latin-1"
    )
    floats: Literal["ibm", "ieee"] = Field("ibm", description="what COMP-1 and COMP-2 hold")
    byte_order: Literal["big", "little"] = Field("big", description="of COMP-5, and of IEEE floats")
    names: Literal["lower", "cobol"] = Field(
        "lower", description="column names: customer_id, or CUSTOMER-ID as the copybook has it"
    )
    groups: Literal["flat", "struct"] = Field(
        "flat", description="groups: their items are columns, or each group is one column with fields"
    )
    trim: Literal["right", "both", "none"] = Field(
        "right", description="at which end of text blanks are dropped"
    )
    binary: tuple[str, ...] = Field((), description="text items or patterns that are bytes, in no code page")
    nulls: Mapping[str, tuple[Literal["spaces", "low-values", "high-values", "zeros"], ...]] = Field(
        {}, description="item or pattern -> contents that mean NULL; a number of blanks is a reject otherwise"
    )
    redefines: Mapping[str, str | Mapping[str, Conditions]] = Field(
        {},
        description="item that is redefined -> the name of the one to read, or name -> conditions, as in"
        ' {PERSON: {KIND: P}, COMPANY: {KIND: [C, D]}, none: {}}; {"*": first} reads what stands first',
    )

    @field_validator("code_page")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name.lower() not in code_pages.NAMES and not _is_translated(name):
            raise ValueError(f"is no code page; there are {', '.join(code_pages.NAMES)}, ascii, latin-1")
        return name


class Trailer(StreamConfig):
    """The last record of a complete file."""

    when: Conditions = Field(description="item -> value, by which it is known")
    record: str | None = Field(None, description="its description in the copybook; default: that of the rows")
    count: str | None = Field(None, description="item of it that counts the rows of the file")


class FileStream(RecordOptions):
    """A file that another system replaces as a whole."""

    path: str = Field(description="the file, or a pattern, of which the newest file counts")
    copybook: Path = Field(description="the file that describes the record in COBOL")
    format: Literal["fixed", "rdw", "lines"] = Field(
        "fixed", description="records of one length; each behind its record descriptor word; or lines of text"
    )
    record_length: int | None = Field(
        None, ge=1, description="bytes of a fixed record; default: as many as the copybook describes"
    )
    key: tuple[str, ...] = Field(
        (), description="columns that tell the rows apart; without: equal rows are counted"
    )
    where: Conditions = Field(
        {}, description="item -> value, or any of several: what a record must have to be a row"
    )
    skip: tuple[Conditions, ...] = Field(
        (),
        description="conditions of records that are known to be no rows, as headers; any other is a reject",
    )
    trailer: Trailer | None = Field(None, description="the file is complete when its last record is this one")
    done: str | None = Field(
        None,
        description="a file that says it is complete, unless it is older: `{path}.done`; {name}, {stem}",
    )
    settle: Seconds = Field(
        10.0, ge=0, description="without `done`: the file is complete when it has not changed for so long"
    )

    @field_validator("done")
    @classmethod
    def _names_a_file(cls, done: str | None) -> str | None:
        try:
            if done is not None and marker_of(Path("a/b.c"), done) == marker_of(Path("d/e.f"), done):
                raise ValueError("is the same for every file; write it like {path}.done")
        except (KeyError, IndexError):
            raise ValueError("knows {path}, {name} and {stem} alone") from None
        return done

    @field_validator("key")
    @classmethod
    def _each_once(cls, key: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(key)) < len(key):
            raise ValueError("names a column twice")
        return key


def marker_of(path: Path, done: str) -> Path:
    """The file that says that `path` is complete; beside it, unless `done` says where."""
    told = Path(done.format(path=path, name=path.name, stem=path.stem))
    return told if "{path}" in done else path.parent / told


class FileOptions(ConnectorConfig):
    """Extract files of a mainframe, read by copybooks."""

    transport: Literal["file"] = Field(description="files, without a host")
    identity: str | None = Field(
        None, description="the system that writes the files; default: each stream's path"
    )
    streams: Mapping[str, FileStream] = Field(
        min_length=1, description="stream name -> the file and its records"
    )

    @field_validator("streams")
    @classmethod
    def _have_names(cls, streams: Mapping[str, FileStream]) -> Mapping[str, FileStream]:
        for name in streams:
            if any(mark in name for mark in "*?["):
                raise ValueError(f"{name}: a file's stream has a name of its own, not a pattern")
        return streams
