"""Answers of a Java connector as rows: the text of a screen, a record's bytes, or maps, lists and beans."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import pyarrow as pa

from bridge.contract import Reject, Table
from bridge.errors import BridgeError, ConfigError, CredentialsError, PermanentError, TransientError
from connectors.mainframe import columns, recognise, scans
from connectors.mainframe.fitted import Problem, Row
from connectors.mainframe.maps import ErrorClass, Maps
from connectors.mainframe.records.java_fields import field_of, value_of
from connectors.mainframe.records.java_options import JavaStream
from connectors.mainframe.records.java_values import python_of, walk
from connectors.mainframe.records.rows import decoder, judged
from connectors.mainframe.screen import Screen
from connectors.mainframe.values import reader

_ROWS, _COLUMNS = 24, 80
_LINE_END = re.compile(r"\r\n|\n|\r")
_SHOWN = {
    **dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {ord("\r"), ord("\n")}, " "),
    0x1C: "*",  # DUP
    0x1E: ";",  # FM
}
"""Control characters as a terminal shows them, a cell each."""

type Asked = Mapping[str, str | int]
type Found = tuple[list[Mapping[str, Any]], list[Reject]]


class Rejected(Exception):
    """The host refuses this key alone."""


class Relogin(Exception):
    """The host wants a new log-on."""


class Missing(Exception):
    """There is no such key."""


class Answers(Protocol):
    """One stream's: `schema` is declared."""

    schema: pa.Schema

    def key(self, asked: Asked) -> Mapping[str, Any]:
        """As rows and rejects have it, however an answer shows it. Errors: Rejected, when none could."""

    def rows(self, answer: Any, asked: Asked, table: Table) -> Found:
        """Errors: Missing, Rejected, Relogin, Unreadable, those of the bridge."""


def answers(name: str, options: JavaStream, maps: Maps) -> Answers:
    """Errors: ConfigError."""
    made: Answers
    if options.screen:
        made = ScreenAnswers(options, maps)
    elif options.record:
        made = RecordAnswers(options)
    else:
        made = FieldAnswers(options)
    for column in options.key:
        if column not in made.schema.names:
            made.schema = made.schema.insert(0, pa.field(column, pa.string(), nullable=False))
    keys = options.keys if isinstance(options.keys, tuple) else ()
    for key in keys:
        if lacking := [column for column in options.key if column not in key]:
            raise ConfigError(f"stream {name}: a key lacks {lacking[0]}", remedy="`keys` name all of `key`")
    return made


def judge(kind: ErrorClass, text: str) -> BridgeError | Rejected | Relogin:
    """What an error of this class is, with its message."""
    match kind:
        case "reject":
            return Rejected(text)
        case "relogin":
            return Relogin(text)
        case "fatal":
            return PermanentError(text, remedy="mend it at the host, then `resume`")
        case "credentials":
            return CredentialsError(text, remedy="see to the account at the host, then `resume`")
    return TransientError(text, remedy="it is tried again")


class ScreenAnswers:
    """Lines of text, recognised and read by a screen's map."""

    def __init__(self, options: JavaStream, maps: Maps) -> None:
        self._options, self._maps, self._name = options, maps, str(options.screen)
        if self._name not in maps.screens:
            raise ConfigError(
                f"there is no map of a screen {self._name}", remedy="add it to `maps` or `screens`"
            )
        fields = {name: each for name, each in maps.screens[self._name].fields.items() if not each.hidden}
        self.schema = columns.schema(fields, options.key)

    def rows(self, answer: Any, asked: Asked, table: Table) -> Found:
        screen = screen_of(python_of(answer))
        found = recognise.identify(self._maps, screen)
        if error := recognise.host_error(self._maps, screen, found.name):
            raise judge(error.kind, error.text)
        if found.name in self._options.missing:
            raise Missing
        if found.name != self._name:
            title = recognise.bare(self._maps, screen).title
            raise TransientError(
                f"expected the screen {self._name}, seen '{title}' ({found.name or found.told})",
                remedy="compare it with its map",
            )
        return _row(recognise.record(self._maps.screens[self._name], screen), self.key(asked), table)

    def key(self, asked: Asked) -> Mapping[str, Any]:
        fields = self._maps.screens[self._name].fields
        shown = {name: each for name, each in fields.items() if not each.hidden}
        try:
            return {
                name: reader(shown[name], "both")(str(value)) if name in shown else str(value)
                for name, value in asked.items()
            }
        except ValueError as error:
            raise Rejected(f"no screen shows this key: it {error}") from None


def screen_of(answer: Any) -> Screen:
    """Lines, or cells without line ends, as a screen. Errors: TransientError, when it is no text."""
    if isinstance(answer, list) and all(isinstance(line, str) for line in answer):
        answer = "\n".join(answer)
    if not isinstance(answer, str):
        raise TransientError(f"the answer is no text but {type(answer).__name__}", remedy="check `answer`")
    lines = _LINE_END.split(answer.translate(_SHOWN))
    if not lines[-1]:
        del lines[-1]
    if len(lines) == 1 and len(lines[0]) > _COLUMNS:
        lines = [lines[0][at : at + _COLUMNS] for at in range(0, len(lines[0]), _COLUMNS)]
    width = max([_COLUMNS, *map(len, lines)])
    height = max(_ROWS, len(lines))
    text = "".join(line.ljust(width) for line in lines)
    return Screen(height, width, text.ljust(height * width), (), 0, locked=False)


class RecordAnswers:
    """A record's bytes, by a copybook."""

    def __init__(self, options: JavaStream) -> None:
        assert options.record is not None  # noqa: S101 -- who asks has one
        self._decoder = decoder(options.record)
        key = set(options.key)
        self.schema = pa.schema([each.with_nullable(each.name not in key) for each in self._decoder.schema])

    def rows(self, answer: Any, asked: Asked, table: Table) -> Found:
        raw = python_of(answer)
        if not isinstance(raw, bytes):
            raise TransientError(f"the answer is no bytes but {type(raw).__name__}", remedy="check `answer`")
        shown = self._decoder.schema.names
        own = Table(table.name, self._decoder.schema, tuple(name for name in table.key if name in shown))
        told, key = ", ".join(map(str, asked.values())), self.key(asked)
        found = judged(self._decoder.area(raw), own, raw=lambda _: raw, told=lambda _: f"key {told}")
        rejects = [replace(each, key=key or each.key) for each in found.rejects]
        return [_as_asked(row, key, table) for row in found.rows.to_pylist()], rejects

    def key(self, asked: Asked) -> Mapping[str, Any]:
        return _cast(asked, self.schema)


class FieldAnswers:
    """Java maps, lists and beans."""

    def __init__(self, options: JavaStream) -> None:
        self._fields = options.fields
        self._rows = options.rows.split(".") if options.rows else None
        self.schema = pa.schema(
            [field_of(name, each, nullable=name not in options.key) for name, each in options.fields.items()]
        )

    def rows(self, answer: Any, asked: Asked, table: Table) -> Found:
        whole = python_of(answer)
        rows = walk(whole, self._rows) if self._rows else whole
        if rows is None and self._rows:
            raise TransientError(f"the answer has no {'.'.join(self._rows)}", remedy="check `rows`")
        if not isinstance(rows, list):
            rows = [rows]
        good: list[Mapping[str, Any]] = []
        rejects: list[Reject] = []
        key = self.key(asked)
        for each in rows:
            found, wrong = _row(self._row(each), key, table)
            good += found
            rejects += wrong
        if key and any(row != good[0] for row in good):
            told = f"the answer to one key has {len(good)} rows, which are not alike"
            return [], [Reject(table.name, told, _told(rows), key)]
        good, unlike = _told_apart(good, table)
        return good, [*rejects, *unlike]

    def key(self, asked: Asked) -> Mapping[str, Any]:
        return _cast(asked, self.schema)

    def _row(self, source: Any) -> Row:
        row = Row({}, [])
        for name, each in self._fields.items():
            value = walk(source, (each.path or name).split("."))
            try:
                row.values[name] = value_of(each, value)
            except ValueError as error:
                row.problems.append(Problem(name, _told(value), str(error)))
        if not any(_leads(source, (each.path or name)) for name, each in self._fields.items()):
            row.problems.append(Problem("", _told(source), "it has none of the columns"))
        return row


def _told_apart(rows: Sequence[Mapping[str, Any]], table: Table) -> Found:
    """Of rows with one key that are not alike nothing tells which is right."""
    named: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        named.setdefault(repr([row[name] for name in table.key]), []).append(row)
    unlike = [each for each in named.values() if any(row != each[0] for row in each)]
    return [each[0] for each in named.values() if each not in unlike], [
        Reject(
            table.name,
            f"the answer has {len(each)} rows with this key, which are not alike",
            _told(each),
            {name: each[0][name] for name in table.key},
        )
        for each in unlike
    ]


def _row(row: Row, key: Mapping[str, Any], table: Table) -> Found:
    values = _as_asked(row.values, key, table)
    _, reject = scans.judged(Row(dict(values), row.problems), table)
    return ([], [reject]) if reject else ([values], [])


def _as_asked(values: Mapping[str, Any], key: Mapping[str, Any], table: Table) -> Mapping[str, Any]:
    """Under the key that was asked for; a host may show it filled up. Errors: TransientError: another's."""
    for name, value in key.items():
        if values.get(name) is not None and not _same(values[name], value):
            raise TransientError(
                f"the answer shows another {name}: {values[name]}", remedy="it is asked again"
            )
    return {**values, **{name: key[name] for name in table.key if name in key}}


def _cast(asked: Asked, schema: pa.Schema) -> Mapping[str, Any]:
    """What is asked with, and is no column, stays text. Errors: Rejected."""
    kinds = {name: schema.field(name).type for name in asked if name in schema.names}
    try:
        return {
            name: pa.scalar(str(value)).cast(kinds.get(name, pa.string())).as_py()
            for name, value in asked.items()
        }
    except pa.ArrowException:
        raise Rejected(f"the key {', '.join(map(str, asked.values()))} is none of its type") from None


def _leads(source: Any, path: str) -> bool:
    """Whether there is something, a null maybe, where a path begins."""
    first = path.partition(".")[0]
    return first in source if isinstance(source, Mapping) else walk(source, [first]) is not None


def _same(shown: Any, asked: Any) -> bool:
    if str(shown).strip() == str(asked).strip():
        return True
    try:
        return Decimal(str(shown)) == Decimal(str(asked))
    except InvalidOperation:
        return False


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
