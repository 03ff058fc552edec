"""The simulated system called in this process: what `System` is to the modes, without a wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bridge.errors import GoneError, TransientError
from bridge.testing.sap import abap
from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.modules import Session
from bridge.testing.sap.system import System as Store
from connectors.sap_rfc.clients.client import Direction, Field, Function, Kind, Parameter
from connectors.sap_rfc.errors import AbapError
from connectors.sap_rfc.system import Moment

_GONE = ("TABLE_NOT_AVAILABLE", "NOT_FOUND")
_DIRECTIONS = {
    abap.Direction.IMPORT: Direction.IMPORT,
    abap.Direction.EXPORT: Direction.EXPORT,
    abap.Direction.CHANGING: Direction.CHANGING,
    abap.Direction.TABLES: Direction.TABLES,
}


class Inside:
    """`ours`: this machine's clock, which a test may set."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.ours: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._session = Session(client=store.client)

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        self.calls.append((function, parameters))
        try:
            return self.store.invoke(function, parameters, self._session)
        except AbapException as error:
            if error.key in _GONE:
                raise GoneError(f"{function}: {error.key}") from None
            raise AbapError(f"{function}: {error.key}", key=error.key) from None
        except ShortDump as error:
            raise TransientError(f"{function}: {error}") from None

    def allowed(self, function: str, /, **parameters: Any) -> dict[str, Any] | None:
        return self.call(function, **parameters)

    def describe(self, function: str) -> Function:
        found = self.store.function(function)
        assert found is not None
        parameters = {
            each.name: Parameter(_parameter(each), _DIRECTIONS[each.direction], each.optional)
            for each in found.parameters
        }
        return Function(function, parameters)

    def moment(self) -> Moment:
        now = self.store.clock.now()
        offset = now.utcoffset()
        assert offset is not None
        local = now.replace(tzinfo=None, microsecond=0)
        return Moment(local, round(offset.total_seconds()), (now - self.ours()).total_seconds())


def _parameter(parameter: abap.Parameter) -> Field:
    row = _field(parameter.name, parameter.type)
    if parameter.direction is not abap.Direction.TABLES:
        return row
    return Field(parameter.name, Kind.TABLE, fields=row.fields or (Field("", row.kind, row.length),))


def _field(name: str, type_: abap.AnyType) -> Field:
    match type_:
        case abap.Structure():
            return Field(
                name, Kind.STRUCTURE, fields=tuple(_field(each.name, each.type) for each in type_.fields)
            )
        case abap.TableType():
            row = _field("", type_.row)
            return Field(name, Kind.TABLE, fields=row.fields or (row,))
    return Field(name, Kind(str(type_.kind)), type_.leng, type_.decimals)
