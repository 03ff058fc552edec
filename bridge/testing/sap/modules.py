"""How the system runs a function module: who calls, with what, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.testing.sap.abap import Direction, Function, Kind, Parameter, Type, initial
from bridge.testing.sap.errors import ShortDump

if TYPE_CHECKING:
    from bridge.testing.sap.system import System


@dataclass
class Session:
    """Who is logged on: one connection of one user. `memory` is what function groups keep in it."""

    user: str = "BRIDGE"
    client: str = "100"
    language: str = "E"
    memory: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: every parameter has a value, the default's or the initial one where the caller gave none."""

    system: System
    session: Session
    parameters: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]

    def table(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.parameters[name]
        return rows


Body = Callable[[Call], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Module:
    """Its interface, and what it does: `body` returns what it exports, changes and has put into tables."""

    function: Function
    body: Body

    def run(self, system: System, session: Session, sent: Mapping[str, Any]) -> dict[str, Any]:
        """All that goes back to the caller: exports, changed parameters and tables."""
        call = Call(system, session, self._values(sent))
        answer = dict(self.body(call))
        for parameter in self.function.parameters:
            name, direction = parameter.name, parameter.direction
            if name not in answer and direction is not Direction.IMPORT:
                is_export = direction is Direction.EXPORT
                answer[name] = initial(parameter.type) if is_export else call.parameters[name]
        return answer

    def _values(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Runtime errors of CALL FUNCTION: ABAP Keyword Documentation, "CALL FUNCTION - parameter_list"."""
        name = self.function.name
        unknown = sent.keys() - self.function.by_name.keys()
        if unknown:
            raise ShortDump("CALL_FUNCTION_PARM_UNKNOWN", f"Parameter {min(unknown)} is not known to {name}")
        return {each.name: self._value(each, sent) for each in self.function.parameters}

    def _value(self, parameter: Parameter, sent: Mapping[str, Any]) -> Any:
        value = sent.get(parameter.name)
        if value is not None:
            return value
        obligatory = parameter.direction in {Direction.IMPORT, Direction.CHANGING} and not parameter.optional
        if obligatory and parameter.name not in sent:
            text = f"Parameter {parameter.name} is missing in the call of {self.function.name}"
            raise ShortDump("CALL_FUNCTION_PARM_MISSING", text)
        if parameter.direction is Direction.TABLES:
            return []
        return _default(parameter)


def _default(parameter: Parameter) -> Any:
    text = parameter.default.strip("'")
    if text in {"", "SPACE"} or not isinstance(parameter.type, Type):
        return initial(parameter.type)
    whole = {Kind.INT, Kind.INT1, Kind.INT2, Kind.INT8}
    return int(text) if parameter.type.kind in whole else text
