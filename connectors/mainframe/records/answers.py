"""Answers of a Java connector as rows: the text of a screen, a record's bytes, or maps, lists and beans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import pyarrow as pa

from bridge.contract import Reject, Table
from bridge.errors import BridgeError, ConfigError, CredentialsError, PermanentError, TransientError
from connectors.mainframe import columns, recognise, scans
from connectors.mainframe.fitted import Problem, Row
from connectors.mainframe.maps import ErrorClass, Maps
from connectors.mainframe.records.java_fields import type_of, value_of
from connectors.mainframe.records.java_options import JavaStream
from connectors.mainframe.records.java_values import python_of, walk
from connectors.mainframe.records.rows import decoder, judged
from connectors.mainframe.screen import Screen
from connectors.mainframe.values import reader

_ROWS, _COLUMNS = 24, 80

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
        if found.name in self._options.missing:
            raise Missing
        if error := recognise.host_error(self._maps, screen, found.name):
            raise judge(error.kind, error.text)
        if found.name != self._name:
            title = recognise.bare(self._maps, screen).title
            raise TransientError(
                f"expected the screen {self._name}, seen '{title}' ({found.name or found.told})",
                remedy="compare it with its map",
            )
        row = recognise.record(self._maps.screens[self._name], screen)
        return _row(row, self._asked(asked), table)

    def _asked(self, asked: Asked) -> Mapping[str, Any]:
        """The key as the screen shows it. Errors: Rejected, when it never could."""
        fields = self._maps.screens[self._name].fields
        try:
            return {
                name: reader(fields[name], "both")(str(value)) if name in fields else str(value)
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
    lines = answer.splitlines()
    if len(lines) == 1 and len(answer) > _COLUMNS:
        lines = [answer[at : at + _COLUMNS] for at in range(0, len(answer), _COLUMNS)]
    width = max([_COLUMNS, *map(len, lines)])
    height = max(_ROWS, len(lines))
    text = "".join(line.replace("\0", " ").replace("\t", " ").ljust(width) for line in lines)
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
        own = Table(table.name, self.schema, tuple(name for name in table.key if name in self.schema.names))
        told = ", ".join(map(str, asked.values()))
        found = judged(self._decoder.area(raw), own, raw=lambda _: raw, told=lambda _: f"key {told}")
        rejects = [
            Reject(
                each.table,
                each.reason,
                each.raw,
                {**asked, **(each.key or {})} if each.key or asked else None,
            )
            for each in found.rejects
        ]
        rows = [_with_key(row, asked, table) for row in found.rows.to_pylist()]
        for row in rows:
            _must_be(row, asked)
        return rows, rejects


class FieldAnswers:
    """Java maps, lists and beans."""

    def __init__(self, options: JavaStream) -> None:
        self._fields = options.fields
        self._rows = options.rows.split(".") if options.rows else None
        self.schema = pa.schema(
            [pa.field(name, type_of(each), name not in options.key) for name, each in options.fields.items()]
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
        for each in rows:
            found, wrong = _row(self._row(each), {}, table, asked)
            good += found
            rejects += wrong
        for row in good:
            _must_be(row, asked)
        return good, rejects

    def _row(self, source: Any) -> Row:
        row = Row({}, [])
        for name, each in self._fields.items():
            value = walk(source, (each.path or name).split("."))
            try:
                row.values[name] = value_of(each, value)
            except ValueError as error:
                row.problems.append(Problem(name, _told(value), str(error)))
        return row


def _row(row: Row, typed: Mapping[str, Any], table: Table, asked: Asked | None = None) -> Found:
    wrong = [name for name, value in typed.items() if row.values.get(name, value) != value]
    if wrong:
        raise TransientError(
            f"the answer shows another {wrong[0]}: {row.values[wrong[0]]}", remedy="it is asked again"
        )
    values = _with_key(row.values, asked or typed, table)
    _, reject = scans.judged(Row(dict(values), row.problems), table)
    if reject:
        return [], [reject]
    return [values], []


def _with_key(values: Mapping[str, Any], asked: Mapping[str, Any], table: Table) -> Mapping[str, Any]:
    """With the parts of the key that the answer does not repeat."""
    kinds = {name: table.schema.field(name).type for name in table.key}
    parts = {name: _cast(value, kinds[name]) for name, value in asked.items() if name in kinds}
    return {
        **parts,
        **{name: value for name, value in values.items() if value is not None or name not in parts},
    }


def _cast(value: Any, kind: pa.DataType) -> Any:
    try:
        return pa.scalar(str(value)).cast(kind).as_py() if isinstance(value, str | int) else value
    except pa.ArrowException:
        raise Rejected(f"the key {value} is no {kind}") from None


def _must_be(row: Mapping[str, Any], asked: Asked) -> None:
    for name, value in asked.items():
        if name in row and not _same(row[name], value):
            raise TransientError(f"the answer shows another {name}: {row[name]}", remedy="it is asked again")


def _same(shown: Any, asked: str | int) -> bool:
    if str(shown).strip() == str(asked).strip():
        return True
    try:
        return Decimal(str(shown)) == Decimal(str(asked))
    except InvalidOperation:
        return False


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
