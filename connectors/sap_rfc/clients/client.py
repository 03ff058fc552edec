"""What every client of SAP's RFC looks like from here, and the values it takes and gives.

In and out, whichever client: CHAR and NUM str (CHAR without trailing blanks), DATE 'YYYYMMDD' and TIME
'HHMMSS' str, BCD and DECF* Decimal, FLOAT float, INT* int, BYTE and XSTRING bytes, STRING and UTCLONG str,
STRUCTURE dict, TABLE list of dicts. An initial date or time is what the client makes of it:
'00000000', '' or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Kind(StrEnum):
    """Types of the RFC interface, by the names of the NW RFC SDK without RFCTYPE_."""

    CHAR = "CHAR"
    NUM = "NUM"
    DATE = "DATE"
    TIME = "TIME"
    BCD = "BCD"
    FLOAT = "FLOAT"
    INT = "INT"
    INT1 = "INT1"
    INT2 = "INT2"
    INT8 = "INT8"
    DECF16 = "DECF16"
    DECF34 = "DECF34"
    BYTE = "BYTE"
    STRING = "STRING"
    XSTRING = "XSTRING"
    UTCLONG = "UTCLONG"
    STRUCTURE = "STRUCTURE"
    TABLE = "TABLE"


@dataclass(frozen=True, slots=True)
class Field:
    """`length`: characters, bytes of BYTE, digits of BCD; `fields`: of a structure, or of a table's row.

    A table whose rows are of an elementary type has one field, named "".
    """

    name: str
    kind: Kind
    length: int = 0
    decimals: int = 0
    fields: tuple[Field, ...] = ()


class Direction(StrEnum):
    """As the function sees it: what it imports is what we send."""

    IMPORT = "import"
    EXPORT = "export"
    CHANGING = "changing"
    TABLES = "tables"


@dataclass(frozen=True, slots=True)
class Parameter:
    field: Field
    direction: Direction
    optional: bool


@dataclass(frozen=True, slots=True)
class Unread:
    """A parameter that the client cannot pass. `fields`: what is known of their names."""

    direction: Direction
    fields: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Function:
    """The interface of a function module. `unread`: what is not among its parameters."""

    name: str
    parameters: Mapping[str, Parameter]
    unread: Mapping[str, Unread] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Of a connection, as the system told them; what it did not is empty."""

    sysid: str
    client: str
    user: str
    release: str = ""
    host: str = ""
    codepage: str = ""
    unicode: bool = True


class CallError(Exception):
    """A client raised one of Python's own: a value that does not fit, or an answer it cannot read."""


class Client(Protocol):
    """One open connection. Its errors are its own; `connectors.sap_rfc.errors` translates them."""

    name: str
    version: str
    licence: str

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        """Its exports, changing parameters and tables."""
        ...

    def describe(self, function: str) -> Function: ...

    def attributes(self) -> Attributes: ...

    def ping(self) -> None: ...

    def cancel(self) -> None:
        """From another thread: a running call raises soon. The connection is of no use after that."""
        ...

    def close(self) -> None:
        """Safe to call twice, and on a connection that is broken."""
        ...
