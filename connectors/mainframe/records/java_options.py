"""Options of `transport: java`; read without pyarrow and without a JVM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bridge.contract import ConnectorConfig, Seconds, Secret, StreamConfig
from connectors.heap import Heap
from connectors.mainframe.maps import ErrorRule, Expression, Name, ScreenMap, Value
from connectors.mainframe.records.options import RecordOptions

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\w+)\}")
"""`{name}` in an argument; a brace itself is written twice."""

JAVA_TYPES = ("boolean", "short", "int", "long", "float", "double", "decimal", "string", "bytes", "chars")


@dataclass(frozen=True, slots=True)
class Typed:
    """An argument of a Java type that Python's do not tell."""

    type: str
    value: Any


class Request(RecordOptions):
    """An argument that is a record: byte[] by a copybook."""

    copybook: Path = Field(description="the file that describes the record in COBOL")
    values: Mapping[str, Any] = Field(
        {}, description="item -> value, with {placeholders}; others: blanks, zeros"
    )


def _argument(value: Any) -> Any:
    """Text, numbers, lists, maps; {as: TYPE, value: …}, {as: record, copybook: …, values: …}."""
    if isinstance(value, Mapping) and "as" in value:
        return _as(dict(value))
    if isinstance(value, Mapping):
        return {str(name): _argument(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(map(_argument, value))
    if value is None or isinstance(value, str | int | float | Typed | Request):
        return value
    raise ValueError("must be text, a number, a list or a map")


def _as(value: dict[str, Any]) -> Typed | Request:
    kind = value.pop("as")
    if kind == "record":
        return Request.model_validate(value)
    if kind not in JAVA_TYPES or value.keys() != {"value"}:
        raise ValueError(
            f"is not of the form {{as: TYPE, value: …}}; types are {', '.join(JAVA_TYPES)}, record"
        )
    return Typed(str(kind), _argument(value["value"]))


Argument = Annotated[Any, BeforeValidator(_argument)]


def _call(value: Any) -> Any:
    """A method's name is short for a call without arguments."""
    return {"method": value} if isinstance(value, str) else value


class _Call(StreamConfig):
    method: str = Field(pattern=r"^\w+$", description="the method's name")
    arguments: tuple[Argument, ...] = Field(
        (),
        description="text with {placeholders}, numbers, lists and maps (java.util); {as: long, value: …} for"
        " other types; {as: record, copybook: …, values: …} for byte[]",
    )


Call = Annotated[_Call, BeforeValidator(_call, json_schema_input_type=str | _Call)]

_TYPE = r"text|integer|double|boolean|date|time|timestamp|binary|decimal\((\d+), *(\d+)\)"


def _known_type(text: str) -> str:
    if not (match := re.fullmatch(_TYPE, text)):
        raise ValueError(
            "is no type; there are " + _TYPE.replace("|", ", ").replace(r"\((\d+), *(\d+)\)", "(9,2)")
        )
    if match[1] and not 0 < int(match[1]) <= 38 >= int(match[2]):  # noqa: PLR2004 -- of Arrow's decimal128
        raise ValueError("has too many digits; decimals have at most 38")
    return text


class JavaField(Value):
    """A column out of a Java map, list or bean."""

    path: str | None = Field(
        None, description="keys or properties that lead to it, as a.b; default: its name"
    )
    type: Annotated[str, AfterValidator(_known_type)] | None = Field(
        None, description="text, integer, decimal(9,2), double, boolean, date, time, timestamp or binary"
    )
    fields: Mapping[str, JavaField] = Field({}, description="of a struct: its fields")
    items: JavaField | None = Field(None, description="of a list: what its elements are")

    @model_validator(mode="after")
    def _is_one(self) -> JavaField:
        meant = (
            self.type,
            self.fields or None,
            self.items,
            self.picture,
            self.date or self.time or self.timestamp,
        )
        if sum(each is not None for each in meant) > 1:
            raise ValueError("needs one of `type`, `fields`, `items`, `picture` and a date")
        return self


class KeyFile(StreamConfig):
    """Keys out of a file, which is read anew for each scan."""

    file: Path = Field(description="CSV in UTF-8, with the key's columns in its first line")


class JavaStream(StreamConfig):
    """What one call answers, for each of many keys or once."""

    execute: Call = Field(description="the method that is called for each key")
    answer: Annotated[
        tuple[str, ...],
        BeforeValidator(
            lambda value: (value,) if isinstance(value, str) else value,
            json_schema_input_type=str | tuple[str, ...],
        ),
    ] = Field((), description="methods that lead from what it returns to the answer, as getScreenData")
    screen: str | None = Field(
        None, description="the answer is the text of this screen, whose map is in `maps`"
    )
    record: RecordOptions | None = Field(None, description="the answer is a record: bytes, by a copybook")
    fields: Mapping[Name, JavaField] = Field(
        {}, description="the answer is a Java map, list or bean: column -> where it is, and its type"
    )
    rows: str | None = Field(
        None,
        description="with `fields`: keys or properties that lead to a list, each of whose elements is a row",
    )
    key: tuple[str, ...] = Field(min_length=1, description="columns that tell the rows apart")
    keys: Annotated[tuple[Mapping[str, str | int], ...], Field(min_length=1)] | KeyFile | None = Field(
        None,
        description="what is asked for: a list of keys, or {file: PATH.csv}; default: one call answers all",
    )
    missing: tuple[Expression, ...] = Field(
        (), description="names of screens, or patterns of a message, that say there is no such key"
    )
    missing_null: bool = Field(False, description="an answer of null, or without rows, says that, too")

    @model_validator(mode="after")
    def _is_one(self) -> JavaStream:
        if sum(map(bool, (self.screen, self.record, self.fields))) != 1:
            raise ValueError("needs one of `screen`, `record` and `fields`: what is the answer?")
        if self.record and self.record.copybook is None:
            raise ValueError("`record` needs a `copybook`")
        if self.rows is not None and not self.fields:
            raise ValueError("`rows` goes with `fields`")
        return self


class JavaOptions(ConnectorConfig):
    """A Java connector, of a vendor's or in-house, in a jar."""

    transport: Literal["java"] = Field(description="a Java connector")
    jars: tuple[str, ...] = Field(min_length=1, description="its jars, patterns allowed")
    class_: str = Field(alias="class", description="the class that is made, or has the factory method")
    factory: str | None = Field(None, description="a static method that makes it; default: the constructor")
    arguments: tuple[Argument, ...] = Field(
        (), description="of the constructor or the factory; see `execute`"
    )
    connect: Call | None = Field(None, description="the method that connects, called once")
    disconnect: Call | None = Field(None, description="the method that ends it")
    host: str | None = Field(None, description="{host} in arguments")
    port: int | None = Field(None, ge=1, le=65535, description="{port}, which stays a number")
    user: Secret | str | None = Field(None, description="{user}")
    password: Secret | None = Field(None, description="{password}")
    secrets: Mapping[str, Secret] = Field({}, description="further secrets, for placeholders by name")
    identity: str | None = Field(
        None, description="the system behind it; default: host and port, or the class"
    )
    maps: tuple[str, ...] = Field((), description="files with screen maps; * and ? stand for others")
    screens: Mapping[str, ScreenMap] = Field({}, description="screen maps, instead of files or beside them")
    errors: tuple[ErrorRule, ...] = Field(
        (), description="messages on a screen, or of an exception (`class: message`), that mean an error"
    )
    timeout: Seconds = Field(20.0, gt=0, description="how long a call may take")
    heap: Heap = Field("256m", description="the JVM's largest heap, 48m to 1024g")
    streams: Mapping[str, JavaStream] = Field(
        min_length=1, description="stream name -> the call and its answer"
    )

    @property
    def account(self) -> str:
        """Who logs on, as messages tell it; a user by reference is not revealed for that."""
        user = self.user.reference if isinstance(self.user, Secret) else self.user or "nobody"
        return f"{user} at {self.place}"

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.host}:{self.port}" if self.host else self.class_
