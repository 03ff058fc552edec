"""The simulated SAP system called in-process: what a connection to it answers, without one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

from bridge.testing.sap import abap
from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.modules import Session
from bridge.testing.sap.system import System as Simulated
from connectors.sap_rfc import errors
from connectors.sap_rfc.clients.client import Direction, Field, Function, Kind, Parameter
from connectors.sap_rfc.system import Moment, System

_DIRECTIONS = {
    abap.Direction.IMPORT: Direction.IMPORT,
    abap.Direction.EXPORT: Direction.EXPORT,
    abap.Direction.CHANGING: Direction.CHANGING,
    abap.Direction.TABLES: Direction.TABLES,
}


class ABAPApplicationError(Exception):
    """As the clients raise it: known by its class and its key."""

    def __init__(self, text: str, key: str) -> None:
        super().__init__(text)
        self.key = key


class ABAPRuntimeError(ABAPApplicationError):
    pass


class Invoked:
    """What a `System` of the connector is to its modes."""

    def __init__(self, simulated: Simulated) -> None:
        self._simulated = simulated
        self._session = Session(client=simulated.client)
        self.calls: list[str] = []

    @property
    def it(self) -> System:
        return cast(System, self)

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        self.calls.append(function)
        try:
            answer = self._simulated.invoke(function, copy.deepcopy(parameters), self._session)
        except AbapException as error:
            raise self._translated(
                ABAPApplicationError(error.text or error.key, error.key), function
            ) from None
        except ShortDump as error:
            raise self._translated(ABAPRuntimeError(error.text, error.key), function) from None
        return trimmed(answer)

    def _translated(self, error: Exception, function: str) -> Exception:
        return errors.translate(error, errors.Asked(f"calling {function}", function))

    def allowed(self, function: str, /, **parameters: Any) -> dict[str, Any] | None:
        try:
            return self.call(function, **parameters)
        except errors.UnauthorisedError:
            return None

    def describe(self, function: str, *, watched: bool = False) -> Function:
        found = self._simulated.function(function)
        if found is None:
            raise self._translated(ABAPApplicationError(f"no {function}", "FU_NOT_FOUND"), function)
        return described(found)

    def moment(self) -> Moment:
        now = self._simulated.clock.now()
        offset = now.utcoffset()
        return Moment(
            now.replace(tzinfo=None, microsecond=0), int(offset.total_seconds()) if offset else 0, 0.0
        )


def described(function: abap.Function) -> Function:
    """Its interface, as a client tells it."""
    return Function(
        function.name,
        {
            each.name: Parameter(
                _field(each.name, each.type, table=each.direction is abap.Direction.TABLES),
                _DIRECTIONS[each.direction],
                each.optional,
            )
            for each in function.parameters
        },
    )


def _field(name: str, kind: abap.AnyType, *, table: bool = False) -> Field:
    if isinstance(kind, abap.TableType):
        return _field(name, kind.row, table=True)
    if isinstance(kind, abap.Structure):
        fields = tuple(_field(each.name, each.type) for each in kind.fields)
        return Field(name, Kind.TABLE if table else Kind.STRUCTURE, fields=fields)
    one = Field("" if table else name, Kind(kind.kind.value), kind.leng, kind.decimals)
    return Field(name, Kind.TABLE, fields=(one,)) if table else one


def trimmed(answer: Mapping[str, Any]) -> dict[str, Any]:
    """CHAR comes without trailing blanks."""
    return {
        name: value.rstrip(" ") if type(value) is str else _trimmed(value) for name, value in answer.items()
    }


def _trimmed(value: Any) -> Any:
    """By the very type: most of what is answered are lists of rows, and random lives wait for this."""
    kind = type(value)
    if kind is str:
        return value.rstrip(" ")
    if kind is list:
        return [trimmed(each) if type(each) is dict else _trimmed(each) for each in value]
    return trimmed(value) if kind is dict else value
