"""Functions as they are configured: their parameters checked, what they answer as columns."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any
from zlib import crc32

import pyarrow as pa

from bridge.contract import Reject, Table
from bridge.errors import ConfigError, GoneError, PermanentError
from connectors.sap_rfc.clients.client import Direction, Field, Function, Kind, Parameter, Unread
from connectors.sap_rfc.conditions import units
from connectors.sap_rfc.errors import AbapError, UnauthorisedError, UnknownFunctionError
from connectors.sap_rfc.modes import returns
from connectors.sap_rfc.modes.returns import Meaning
from connectors.sap_rfc.parameters import parameter
from connectors.sap_rfc.streams import Cap, Detail, Pages
from connectors.sap_rfc.system import System
from connectors.sap_rfc.types import arrow_field
from connectors.sap_rfc.values import values_to_array

SENT = (Direction.IMPORT, Direction.CHANGING, Direction.TABLES)
TOLD = (Direction.EXPORT, Direction.CHANGING, Direction.TABLES)

_INITIAL: Mapping[Kind, str] = {Kind.DATE: "00000000", Kind.TIME: "000000"}
"""What clients tell in several ways, and some would send as blanks."""

_MESSAGES = re.compile("RETURN|MESSAGE|MSG")
"""In names of parameters of whose fields nothing is known."""

type Row = Mapping[str, Any]
"""As the client answers it."""


def sent(function: Function, given: Mapping[str, Any], also: Collection[str] = ()) -> dict[str, Any]:
    """The configured parameters as the client takes them. `also`: those that are filled in at each call.

    Errors: ConfigError names the one that cannot be.
    """
    for name in (*given, *also):
        _must_be_sent(function, name)
    for name, each in function.parameters.items():
        missing = each.direction in (Direction.IMPORT, Direction.CHANGING) and not each.optional
        if missing and name not in given and name not in also:
            raise ConfigError(
                f"{function.name} needs its parameter {name}",
                remedy=f"give it a value: `parameters: {{{name}: ...}}`",
            )
    return {
        name: parameter(function.parameters[name].field, value, f"{function.name}.{name}")
        for name, value in given.items()
    }


def _must_be_sent(function: Function, name: str) -> None:
    able = [each for each, told in function.parameters.items() if told.direction in SENT]
    if name in able:
        return
    what = "takes no value" if name in function.parameters else "is none of its parameters"
    near = get_close_matches(name.upper(), able, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"it takes {', '.join(able) or 'none'}"
    raise ConfigError(f"{name} {what}: {function.name}", remedy=remedy)


def limit(function: Function, cap: Cap) -> Any:
    """What limits the rows, as its parameter takes it: some are structures. Errors: ConfigError."""
    field = function.parameters[cap.parameter].field
    inner = field.fields[0] if len(field.fields) == 1 else field
    value = str(cap.value) if inner.kind in (Kind.CHAR, Kind.NUM) else cap.value
    whole = value if inner is field else {inner.name: value}
    return parameter(field, whole, f"{function.name}.{cap.parameter}")


def must_have_fields(function: Function, pages: Pages) -> None:
    """Errors: ConfigError where the ranges have other ones."""
    field = function.parameters[pages.parameter].field
    known = [each.name for each in field.fields]
    if field.kind is not Kind.TABLE:
        raise ConfigError(f"`pages.parameter`: {pages.parameter} is no table", remedy="name one of ranges")
    for name in (pages.low, *pages.fixed):
        if name not in known:
            raise ConfigError(
                f"`pages`: {pages.parameter} has no field {name}", remedy=f"it has {', '.join(known)}"
            )
    for name, value in pages.fixed.items():
        parameter(field.fields[known.index(name)], value, f"pages.fixed.{name}")


def told(function: Function, name: str, option: str) -> Parameter:
    """A parameter of the answer. Errors: ConfigError."""
    found = function.parameters.get(name)
    if found is not None and found.direction in TOLD:
        return found
    if unread := function.unread.get(name):
        raise _unreadable(function, name, unread)
    able = [each for each, some in function.parameters.items() if some.direction in TOLD]
    near = get_close_matches(name.upper(), able, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"it answers {', '.join(able) or 'nothing'}"
    raise ConfigError(f"`{option}`: {function.name} answers no {name}", remedy=remedy)


def must_tell_messages(function: Function) -> None:
    """Errors: ConfigError where the client leaves out what may tell an error: all would look well."""
    for name, each in function.unread.items():
        tells = returns.is_return(each.fields) if each.fields else _MESSAGES.search(name)
        if tells and each.direction in TOLD:
            raise _unreadable(function, name, each)


def _unreadable(function: Function, name: str, unread: Unread) -> ConfigError:
    return ConfigError(
        f"this client cannot read {name} of {function.name}: {unread.why}",
        remedy="use one that can: SAP's NW RFC SDK with `library: pyrfc`, or `library: jco`",
    )


def is_return(field: Field) -> bool:
    return returns.is_return([each.name for each in field.fields])


def answered(function: Function, names: Sequence[str], sent: Collection[str]) -> dict[str, Field]:
    """What is published of an answer: `names`, or all that is neither sent nor a message."""
    if names:
        return {name: told(function, name, "detail.rows").field for name in names}
    return {
        name: each.field
        for name, each in function.parameters.items()
        if each.direction in TOLD and name not in sent and not is_return(each.field)
    }


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row's details cannot be had."""

    reason: str


class Details:
    """A function that is asked about one row at a time."""

    def __init__(
        self, options: Detail, system: System, row: Mapping[str, Field], missing: Collection[str] = ()
    ) -> None:
        """`row`: the fields whose values can be asked with. Errors: ConfigError."""
        self._name, self._missing = options.function or "", missing
        self._function = system.describe(self._name, watched=True)
        must_tell_messages(self._function)
        given = {
            name: each["value"] for name, each in options.parameters.items() if isinstance(each, Mapping)
        }
        self._by = {name: str(each) for name, each in options.parameters.items() if name not in given}
        for name, column in self._by.items():
            if column not in row:
                raise ConfigError(
                    f"`detail.parameters.{name}`: there is no column {column}",
                    remedy=f"name one of {', '.join(row)}, or write {{value: ...}}",
                )
        self._fixed = sent(self._function, given, self._by)
        self._targets = {name: self._function.parameters[name].field for name in self._by}
        self._initial = {
            name: _INITIAL[kind]
            for name, column in self._by.items()
            for kind in (row[column].kind, self._targets[name].kind)
            if kind in _INITIAL
        }
        self.fields = answered(self._function, options.rows, {*given, *self._by})
        if not self.fields:
            raise ConfigError(
                f"{self._name} answers nothing but messages", remedy="name another `detail.function`"
            )
        for name, column in self._by.items():
            _must_be_single(self._targets[name], row[column], name)

    def read(self, system: System, row: Row) -> Row | Refusal | None:
        """What it answers; None when there is nothing of that row."""
        asked = {
            name: row[column] or self._initial.get(name, row[column]) for name, column in self._by.items()
        }
        for name, value in asked.items():
            if isinstance(value, str) and units(value) > (self._targets[name].length or units(value)):
                told = f"the value of {self._by[name]} is too long"  # which may be one that is not published
                return Refusal(f"{told} for {name} of {self._name}")
        try:
            answer = system.call(self._name, **self._fixed, **asked)
        except GoneError:
            return None
        except (UnauthorisedError, UnknownFunctionError):
            raise
        except AbapError as error:
            return Refusal(error.text)
        found = {name: answer.get(name) for name in self.fields}
        message = returns.failure(answer, self.fields, self._missing)
        if message is None:
            return found
        meaning = message.meaning(self._missing)
        if meaning is Meaning.NOTHING:
            echoed = [*self._fixed.values(), *asked.values()]
            there = any(returns.has_rows(each, echoed) for each in found.values())
            return found if there else None
        if meaning in (Meaning.BUSY, Meaning.WRONG):
            raise returns.error(self._name, message, meaning)
        return Refusal(f"{self._name} answers {message}")


def _must_be_single(target: Field, source: Field, name: str) -> None:
    if {target.kind, source.kind} & {Kind.STRUCTURE, Kind.TABLE}:
        raise ConfigError(
            f"`detail.parameters.{name}`: {source.name} is no single value for {name}", remedy="name another"
        )


def schema(fields: Mapping[str, Field], where: str, excluded: Collection[str]) -> pa.Schema:
    """Columns by their names. `excluded`: whatever is in them, there is none of it.

    Errors: ConfigError when there is nothing.
    """
    if not fields:
        raise ConfigError(f"{where} has no columns")
    return pa.schema(
        [
            pa.field(name, pa.null()) if name in excluded else arrow_field(each).with_name(name)
            for name, each in fields.items()
        ]
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """Rows as they are published; `kept`: their places among those that were given."""

    rows: pa.RecordBatch
    kept: Sequence[int]
    rejects: tuple[Reject, ...]


def shown(table: Table, fields: Mapping[str, Field], rows: Sequence[Row]) -> Shown:
    """Rows of a client as Arrow's; a value that cannot be had makes its row a reject."""
    arrays, refused = [], dict[int, str]()
    for name, kind in zip(table.schema.names, table.schema.types, strict=True):
        if pa.types.is_null(kind):
            arrays.append(pa.nulls(len(rows)))
            continue
        converted = values_to_array(fields[name], [row.get(name) for row in rows])
        arrays.append(converted.array)
        refused |= converted.refused
    batch = pa.RecordBatch.from_arrays(arrays, schema=table.schema)
    kept = [place for place in range(len(rows)) if place not in refused]
    rejects = [reject(table, batch, place, why) for place, why in sorted(refused.items())]
    return Shown(batch if not refused else batch.take(pa.array(kept, pa.int64())), kept, tuple(rejects))


def reject(table: Table, batch: pa.RecordBatch, place: int, why: str) -> Reject:
    """Only the key is told: other columns may be ones that shall not be published."""
    key = {name: batch.column(name)[place] for name in table.key}
    known = all(each.is_valid for each in key.values())
    raw = ", ".join(f"{name} {each.as_py()}" for name, each in key.items())
    return Reject(table.name, why, raw, key if known else None)


def asked(kind: str, options: Detail | None) -> str:
    """What is asked about objects, as positions name it: all of them are to be told by the same."""
    if options is None or options.function is None:
        return f"{kind} none"
    by = json.dumps(options.parameters, sort_keys=True, default=str)
    return f"{kind} {options.function} (parameters {crc32(by.encode()):08x})"


def parked(error: ConfigError, where: str) -> PermanentError:
    """A stream's wrong options park it alone."""
    return PermanentError(f"{where}: {error.text}", remedy=error.remedy)


def keyed(table: Table, batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.select(list(table.key))


def renamed(field: Field, name: str) -> Field:
    return replace(field, name=name)
