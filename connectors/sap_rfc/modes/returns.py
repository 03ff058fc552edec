"""What a BAPI says of its own success: parameters of BAPIRET2 and its predecessors, found by their shape.

BAPIs raise no exceptions (SAP Help, "BAPI Programming Guide: Return Parameter"); message type E is an error,
A and X are terminations. What the listed messages mean: SAP's documentation of BAPI_CUSTOMER_GETLIST and
BAPI_CUSTOMER_EXISTENCECHECK, and T100.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from enum import Enum, auto
from typing import Any, NamedTuple

from bridge.errors import BridgeError, ConfigError, PermanentError, TransientError
from connectors.sap_rfc.errors import UnauthorisedError

_FATAL = "EAX"
_CODE = re.compile(r"(.{2,20}?)[ /]?(\d{3})")


class Meaning(Enum):
    """What follows from a message."""

    NOTHING = auto()
    """What was asked for is not there."""
    BUSY = auto()
    FORBIDDEN = auto()
    WRONG = auto()
    """The parameters are."""
    FAILED = auto()


_MEANINGS: Mapping[str, Meaning] = {
    "F2 153": Meaning.NOTHING,  # Customer & has not been created
    "F2 502": Meaning.NOTHING,  # Customer & does not exist
    "F2 503": Meaning.NOTHING,  # Customer & exists but has not been created in company code &
    "F2 718": Meaning.NOTHING,  # No customers were found for the selection criteria
    "F2 500": Meaning.FORBIDDEN,  # No authorization to display customers
    "F2 501": Meaning.FORBIDDEN,  # ... in company code &
    "F2 543": Meaning.FORBIDDEN,  # ... their general data
    "S& 026": Meaning.WRONG,  # Ranges: value & in field SIGN is invalid
    "S& 027": Meaning.WRONG,  # Ranges: value & in field OPTION is invalid
    "MC 601": Meaning.BUSY,  # Object requested is currently locked by user &
}
_REMEDIES: Mapping[Meaning, str] = {
    Meaning.NOTHING: "",
    Meaning.BUSY: "it is tried again",
    Meaning.FORBIDDEN: "look with SU53 or STAUTHTRACE which authorisation the account lacks",
    Meaning.WRONG: "check `parameters` and `pages` against the function's documentation in SE37",
    Meaning.FAILED: "look the message up in SE91; if it says that nothing was found, name it under `missing`",
}


class Message(NamedTuple):
    """`key`: class and number, like F2 718."""

    type: str
    key: str
    text: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.type, f"{self.key}:" if self.key else "", self.text)))

    def meaning(self, missing: Collection[str] = ()) -> Meaning:
        """`missing`: messages that, by the operator's word, say that there is nothing."""
        if self.key in missing:
            return Meaning.NOTHING
        return _MEANINGS.get(self.key, Meaning.FAILED)


def is_return(names: Collection[str]) -> bool:
    """Whether a structure, or a table's row, of these fields tells messages."""
    return {"TYPE", "MESSAGE"} <= {*names} and bool({"NUMBER", "CODE"} & {*names})


def failure(
    answer: Mapping[str, Any], published: Collection[str] = (), missing: Collection[str] = ()
) -> Message | None:
    """The message of type E, A or X in an answer that counts; parameters that are `published` are data.

    It is the first one, but one that there is nothing hides no other.
    """
    told = {name: value for name, value in answer.items() if name not in published}
    errors = [each for each in _messages(told) if each.type and each.type in _FATAL]
    other = (each for each in errors if each.meaning(missing) is not Meaning.NOTHING)
    return next(other, errors[0] if errors else None)


def has_rows(value: Any, asked: Collection[Any] = ()) -> bool:
    """Whether a table or a structure tells anything: more than initial values and what it was asked with."""
    return isinstance(value, Mapping | list) and _tells(value, asked)


def _tells(value: Any, asked: Collection[Any]) -> bool:
    match value:
        case Mapping():
            return any(_tells(each, asked) for each in value.values())
        case list():
            return any(_tells(row, ()) for row in value)
        case str():
            return bool(value.strip(" 0")) and value not in asked
        case bytes():
            return any(value)
    return bool(value) and value not in asked


def error(function: str, message: Message, meaning: Meaning) -> BridgeError:
    """What to raise for a message where nobody can go on after it."""
    text, remedy = f"{function} answers {message}", _REMEDIES[meaning]
    match meaning:
        case Meaning.BUSY:
            return TransientError(text, remedy=remedy)
        case Meaning.FORBIDDEN:
            return UnauthorisedError(text, remedy=remedy, key=message.key)
        case Meaning.WRONG:
            return ConfigError(text, remedy=remedy)
    return PermanentError(text, remedy=remedy)


def _messages(answer: Mapping[str, Any]) -> Iterator[Message]:
    for value in answer.values():
        for row in value if isinstance(value, list) else [value]:
            if isinstance(row, Mapping) and is_return(row.keys()):
                yield _message(row)


def _message(row: Mapping[str, Any]) -> Message:
    text = " ".join(str(row["MESSAGE"] or "").split())
    kind = str(row["TYPE"] or "").strip().upper()
    if "NUMBER" in row:
        number = str(row["NUMBER"] or "0").strip().zfill(3)
        name = str(row.get("ID") or "").strip()
        return Message(kind, f"{name} {number}" if name else "", text)
    code = _CODE.fullmatch(str(row["CODE"] or "").strip())
    return Message(kind, f"{code[1].strip()} {code[2]}" if code else str(row["CODE"] or "").strip(), text)
