"""Options of `transport: file` and `transport: java`; read without pyarrow and without a JVM."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from bridge.contract import StreamConfig
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
