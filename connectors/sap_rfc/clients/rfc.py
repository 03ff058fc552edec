"""The PyRFC API: SAP's own pyrfc, pyrfcx, and whoever else provides a package of that name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyrfc

from connectors.sap_rfc.clients import Found, Logon
from connectors.sap_rfc.clients.client import (
    Attributes,
    CallError,
    Direction,
    Field,
    Function,
    Kind,
    Parameter,
    Unread,
)
from connectors.sap_rfc.clients.interface import Interfaces, Told, UnknownTypeError, left_out
from connectors.sap_rfc.clients.shapes import Convert, converter

_DIRECTIONS = {
    "RFC_IMPORT": Direction.IMPORT,
    "RFC_EXPORT": Direction.EXPORT,
    "RFC_CHANGING": Direction.CHANGING,
    "RFC_TABLES": Direction.TABLES,
}
_TEXTS = frozenset({"UTCSECOND", "UTCMINUTE", "DTDAY", "DTWEEK", "DTMONTH", "TSECOND", "TMINUTE", "CDAY"})
"""Which PyRFC passes as text."""
_ELEMENTARY = Field("", Kind.STRING)
"""PyRFC tells no field of such rows, for theirs has no name: what they are is not known, and mostly texts."""
_STRINGS = (Kind.STRING, Kind.XSTRING)
_OURS: Mapping[Kind, Convert] = {Kind.UTCLONG: lambda moment: moment.replace(" ", "T")}


class Rfc:
    """A connection of PyRFC."""

    def __init__(self, found: Found, connection: Any) -> None:
        self.name, self.version, self.licence = found.library, found.version, found.licence
        self._connection = connection
        self._interfaces = Interfaces(connection.call)
        self._functions: dict[str, Function] = {}
        self._converts: dict[str, Mapping[str, Convert]] = {}

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        self.describe(function)
        try:
            answer: dict[str, Any] = self._connection.call(function, **parameters)
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise CallError(f"{type(error).__name__}: {error}") from error
        converts = self._converts[function]
        return answer | {name: convert(answer[name]) for name, convert in converts.items() if name in answer}

    def describe(self, function: str) -> Function:
        known = self._functions.get(function)
        if known is None:
            known = self._functions[function] = self._described(function)
            each = ((name, converter(parameter.field, _OURS)) for name, parameter in known.parameters.items())
            self._converts[function] = {name: convert for name, convert in each if convert}
        return known

    def _described(self, name: str) -> Function:
        told = self._connection.get_function_description(name)
        if isinstance(told, Mapping):  # erpl-pyrfc: without the fields of structures and rows
            return self._interfaces.read(name).without(name, _is_deep).function(name)
        found = dict(_parameters(name, told.parameters))
        unread = {name: each for name, each in found.items() if isinstance(each, Unread)}
        return Function(
            name, {name: each for name, each in found.items() if isinstance(each, Parameter)}, unread
        )

    def attributes(self) -> Attributes:
        told: Mapping[str, Any] = self._connection.get_connection_attributes()
        text = {name: str(value or "").strip("\0 ") for name, value in told.items()}
        return Attributes(
            sysid=text.get("sysId", ""),
            client=text.get("client", ""),
            user=text.get("user", ""),
            release=text.get("partnerRel", ""),
            host=text.get("partnerHost", ""),
            codepage=text.get("partnerCodepage", ""),
            unicode=text.get("partnerBytesPerChar", "2") != "1",
        )

    def ping(self) -> None:
        self._connection.ping()

    def cancel(self) -> None:
        """Older releases of PyRFC cannot."""
        if hasattr(self._connection, "cancel"):
            self._connection.cancel()

    def close(self) -> None:
        self._connection.close()


def connect(found: Found, logon: Logon) -> Rfc:
    """Errors: PyRFC's; SdkNotFoundError of pyrfcx."""
    return Rfc(found, pyrfc.Connection(**logon.parameters))


def _is_deep(told: Told) -> str:
    """erpl-pyrfc drops deep ones from its answers, and puts fields of inner structures beside the others."""
    other = next((leaf.path for leaf in told.leaves if leaf.field.kind in _STRINGS or "-" in leaf.path), None)
    return f"its field {other} is in a structure, or deep" if other else ""


def _parameters(function: str, told: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Parameter | Unread]]:
    for each in told:
        name, direction = each["name"], _DIRECTIONS[each["direction"]]
        try:
            field = _field(each, each["parameter_type"])
        except UnknownTypeError as error:
            left_out(function, name, str(error))
            inner = each.get("type_description")
            names = tuple(each["name"] for each in inner.fields) if inner else ()
            yield name, Unread(direction, names, str(error))
        else:
            yield name, Parameter(field, direction, bool(each.get("optional")))


def _field(told: Mapping[str, Any], sort: str) -> Field:
    kind, inner = _kind(sort.removeprefix("RFCTYPE_")), told.get("type_description")
    fields = tuple(_field(each, each["field_type"]) for each in inner.fields) if inner else ()
    if kind is Kind.TABLE:
        fields = fields or (_ELEMENTARY,)
    length, decimals = _length(kind, int(told["nuc_length"])), int(told["decimals"] or 0)
    return Field(told["name"], kind, length, decimals, fields)


def _kind(sort: str) -> Kind:
    if sort in _TEXTS:
        return Kind.STRING
    try:
        return Kind(sort)
    except ValueError:
        raise UnknownTypeError(f"it is of type {sort}") from None


def _length(kind: Kind, size: int) -> int:
    if kind in (Kind.CHAR, Kind.NUM, Kind.BYTE):
        return size
    return size * 2 - 1 if kind is Kind.BCD else 0
