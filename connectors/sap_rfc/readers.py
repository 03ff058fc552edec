"""Functions that read tables: RFC_READ_TABLE, its successors, a customer's own with such an interface."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from bridge.errors import PermanentError, TransientError
from connectors.sap_rfc import conditions
from connectors.sap_rfc.clients.client import Function
from connectors.sap_rfc.conditions import Condition
from connectors.sap_rfc.dictionary import Calls, Relation
from connectors.sap_rfc.errors import AbapError
from connectors.sap_rfc.reading import Texts, of
from connectors.sap_rfc.texts import lines, slices
from connectors.sap_rfc.types import row_of

TOO_MUCH = "DATA_BUFFER_EXCEEDED"
_LATER = "USE_ET_DATA_4_RETURN"
"""A parameter of the releases that look through OPTIONS for what may be an attack."""
_NEEDED = ("QUERY_TABLE", "ROWCOUNT", "OPTIONS", "FIELDS")
_OUTPUT = re.compile(r"DATA|TBLOUT\d+")
_STRINGS = "ASSIGN_CASTING_ILLEGAL_CAST"
"""The short dump of older releases for any table with such columns, whichever are asked for."""
_ALTERED = ("FIELD_NOT_VALID", "TABLE_WITHOUT_DATA")
"""What older and newer releases say of a column that is not there."""


class Reads(Calls, Protocol):
    """What is taken of a System."""

    def describe(self, function: str) -> Function: ...


class Interface(NamedTuple):
    """`outputs`: table of the answer -> the field that holds a row; `tells`: places without rows, too.

    `wary`: it refuses literals that look like an attack.
    """

    outputs: Mapping[str, str]
    most: int
    tells: bool
    wary: bool


class Reader:
    """Errors: the system's; AbapError TOO_MUCH; TransientError when the table has other columns now."""

    def __init__(self, system: Reads, name: str) -> None:
        self._system, self.name = system, name

    @property
    def most(self) -> int:
        """Characters of a row. Errors: PermanentError when it is no such function."""
        return self._interface.most

    @property
    def is_wary(self) -> bool:
        return self._interface.wary

    @cached_property
    def _interface(self) -> Interface:
        return interface(self._system.describe(self.name))

    def widths(self, relation: Relation, names: Sequence[str]) -> dict[str, int]:
        """By the function itself, which may give a column more room than the dictionary says."""
        columns = {name: of(relation, name) for name in names}
        told = {name: column.length for name, column in columns.items()}
        if not self._interface.tells:
            return told
        readable = [name for name, column in columns.items() if not column.is_deep]
        try:
            answer = self._call(relation, readable, (), 0, NO_DATA="X")
        except AbapError as error:
            if error.key != TOO_MUCH:
                raise
            return told
        return told | {name: length for name, (_, length) in _places(answer).items() if name in told}

    def read(
        self, relation: Relation, names: Sequence[str], condition: Condition, count: int
    ) -> tuple[pa.StringArray, Texts]:
        """Whole rows, and their columns, cut out. `count`: of rows, at most; 0: all."""
        try:
            answer = self._call(relation, names, condition, count)
        except TransientError as error:
            if _STRINGS not in error.text:
                raise
            raise PermanentError(
                f"{self.name} reads no table with columns of strings, and {relation.name} has some",
                remedy="name another `reader`, or read a view of the table's other columns",
            ) from None
        except PermanentError as error:
            if not any(word in error.text for word in _ALTERED):
                raise
            raise TransientError(f"{relation.name} has other columns now: {error.text}") from None
        places = _places(answer)
        if not places.keys() >= set(names):
            raise TransientError(f"{self.name} does not tell where {', '.join(names)} are in a row")
        texts = self._rows(answer)
        ordered = sorted(names, key=places.__getitem__)
        cut = slices(texts, [places[name] for name in ordered])
        return texts, dict(zip(ordered, cut, strict=True))

    def _rows(self, answer: Mapping[str, Any]) -> pa.StringArray:
        """Only one of several tables is filled."""
        for name, field in self._interface.outputs.items():
            if answer.get(name):
                return lines(answer[name], field)
        return lines(())

    def _call(
        self, relation: Relation, names: Sequence[str], condition: Condition, count: int, **more: Any
    ) -> dict[str, Any]:
        return self._system.call(
            self.name,
            QUERY_TABLE=relation.name,
            ROWCOUNT=count,
            FIELDS=[{"FIELDNAME": name} for name in names],
            OPTIONS=[{"TEXT": line} for line in conditions.lines(condition)],
            **more,
        )


def interface(function: Function) -> Interface:
    """Errors: PermanentError when it is none that reads tables."""
    parameters = function.parameters
    rows = {
        name: row_of(parameter.field).fields[0]
        for name, parameter in parameters.items()
        if _OUTPUT.fullmatch(name) and row_of(parameter.field).fields
    }
    missing = [name for name in _NEEDED if name not in parameters] or ([] if rows else ["DATA"])
    if missing:
        raise PermanentError(
            f"{function.name} has no {', '.join(missing)}",
            remedy="a `reader` has the interface of RFC_READ_TABLE or of /BODS/RFC_READ_TABLE2",
        )
    most = max(field.length for field in rows.values())
    outputs = {name: field.name for name, field in rows.items()}
    return Interface(outputs, most, "NO_DATA" in parameters, _LATER in parameters)


def _places(answer: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Column -> its offset and length in a row. Errors: TransientError for what is no number."""
    try:
        return {
            str(line["FIELDNAME"]).strip(): (int(line["OFFSET"] or 0), int(line["LENGTH"] or 0))
            for line in answer["FIELDS"]
        }
    except ValueError as error:
        raise TransientError(f"the answer cannot be read: {error}") from None
