"""From changes to the bytes of events: one small interface, so that another format is another module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from bridge.contract import Changes


class EncoderOptions(BaseModel):
    """How values look, and keys: changing one of these moves keys to other partitions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["json"] = Field(default="json", description="the encoding of keys and values")
    decimal: Literal["string", "number", "double"] = Field(
        default="string",
        description="string and number keep every digit; double rounds, but for keys, which are numbers then",
    )
    binary: Literal["base64", "hex"] = Field(default="base64", description="how bytes become text")
    time: Literal["iso", "epoch"] = Field(
        default="iso",
        description="ISO 8601, or the count of days, ms, us (the column's unit) since 1970 or midnight",
    )


@dataclass(frozen=True, slots=True)
class Origin:
    """Who read the changes: the connector's name and kind, and the version of its code."""

    connector: str
    kind: str
    version: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Row `row` of the changes has no encoding. `raw` shows its values and is not yet redacted."""

    row: int
    reason: str
    key: bytes | None
    raw: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """Keys and values in the order to publish. A value None is a tombstone; key None: the table has none."""

    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    failures: tuple[Failure, ...] = ()


class Encoder(Protocol):
    """Pure: the same arguments give the same bytes."""

    def encode(self, changes: Changes, origin: Origin, now_ms: int) -> Encoded:
        """A row that cannot be encoded is a Failure. Errors: PermanentError when the table cannot."""
        ...


def encoder(options: EncoderOptions) -> Encoder:
    """The encoder for these options; only now is pyarrow loaded."""
    from bridge.encode.envelope import JsonEncoder

    return JsonEncoder(options)
