"""What an account must be allowed: asked by doing, and told as PFCG takes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bridge.contract import Finding, Level
from bridge.errors import PermanentError
from connectors.sap_rfc import conditions
from connectors.sap_rfc.catalog import Catalog
from connectors.sap_rfc.conditions import compare
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.errors import UnauthorisedError, UnknownFunctionError
from connectors.sap_rfc.streams import Detail, SapStream
from connectors.sap_rfc.system import System
from connectors.sap_rfc.types import Column

_TABLES = {"change_documents": ("CDHDR", "CDPOS"), "change_pointers": ("BDCP2",)}


class Rights:
    def __init__(self, system: System, dictionary: Dictionary, catalog: Catalog) -> None:
        self._system, self._dictionary, self._catalog = system, dictionary, catalog
        self._readable: dict[tuple[str, str], Finding | None] = {}

    def missing(self, name: str, options: SapStream) -> Iterator[Finding]:
        """Of a stream: functions that cannot be called, tables that may not be read."""
        yield from self._of_functions(name, options)
        yield from self._of_tables(name, options)

    def _of_functions(self, name: str, options: SapStream) -> Iterator[Finding]:
        """Those that there are not, or not for callers from outside."""
        for function in _functions(options):
            try:
                self._system.describe(function)
            except UnknownFunctionError:
                yield self._unknown(name, function)
            except UnauthorisedError as error:
                yield Finding(Level.CRITICAL, error.text, error.remedy, name)

    def _unknown(self, stream: str, function: str) -> Finding:
        if self._catalog.is_inside(function):
            return Finding(
                Level.CRITICAL,
                f"function {function} is not remote-enabled",
                "name one that is (SE37: Remote-Enabled Module); one of your own can be made so",
                stream,
            )
        return Finding(Level.CRITICAL, f"there is no function {function}", "check its name in SE37", stream)

    def _of_tables(self, name: str, options: SapStream) -> Iterator[Finding]:
        for table in self._tables(name, options):
            place = (options.reader, table)
            if place not in self._readable:
                self._readable[place] = self._readable_by(options.reader, table)
            lacks = self._readable[place]
            if lacks:
                yield Finding(lacks.level, lacks.text, lacks.remedy, name)
        if options.where and self._columns(options.table or name):
            yield from self._of_condition(name, options)

    def _of_condition(self, name: str, options: SapStream) -> Iterator[Finding]:
        """Of `where`: asked with it, as polls do, for a row without a key where keys are texts."""
        table = options.table or name
        columns = [each for each in self._columns(table) if not each.is_deep and each.abap != "CLNT"]
        none = [compare(each.name, "=", "' '") for each in columns if each.key and each.inttype == "C"]
        try:
            lines = conditions.lines(conditions.both(conditions.parsed(options.where), *none[:1]))
        except ValueError:  # which its mode says
            return
        asked = {"QUERY_TABLE": table, "ROWCOUNT": 1, "OPTIONS": [{"TEXT": line} for line in lines]}
        try:
            self._system.call(
                options.reader, **asked, FIELDS=[{"FIELDNAME": each.name} for each in columns[:1]]
            )
        except (UnauthorisedError, UnknownFunctionError):  # told of its own accord
            return
        except PermanentError as error:
            yield Finding(
                Level.CRITICAL, f"`where` cannot be used: {error.text}", "write it as Open SQL has it", name
            )

    def _tables(self, name: str, options: SapStream) -> Iterator[str]:
        for detail in (options.enrich, options.detail):
            if detail and detail.table:
                yield detail.table
        yield from _TABLES.get(options.mode, ())
        if options.mode == "table":
            table = options.table or name
            yield table
            if any(column.is_amount for column in self._columns(table)):
                yield "TCURX"

    def _columns(self, table: str) -> Sequence[Column]:
        try:
            return self._dictionary.relation(table).columns
        except PermanentError:  # which its mode says
            return ()

    def _readable_by(self, reader: str, table: str) -> Finding | None:
        """Asked by doing, without a row: authority is checked before."""
        columns = self._columns(table)
        if not columns:
            return None
        asked = {
            "QUERY_TABLE": table,
            "NO_DATA": "X",
            "ROWCOUNT": 1,
            "FIELDS": [{"FIELDNAME": columns[0].name}],
        }
        try:
            known = self._system.describe(reader).parameters
            self._system.call(reader, **{name: each for name, each in asked.items() if name in known})
        except UnauthorisedError as error:
            if error.key.startswith("RFC_"):
                return Finding(Level.CRITICAL, f"the account may not call {reader}", self.to_call(reader))
            return Finding(Level.CRITICAL, f"the account may not read {table}", self.to_read(table))
        except PermanentError:  # which its mode says
            pass
        return None

    def to_call(self, function: str) -> str:
        return (
            f"grant {self._system.user} S_RFC with RFC_TYPE FUNC, RFC_NAME {function} and ACTVT 16"
            " (transaction PFCG)"
        )

    def to_read(self, table: str) -> str:
        group = self._catalog.group(table)
        of_group = f" or S_TABU_DIS with ACTVT 03 and DICBERCLS {group}" if group else ""
        return f"grant {self._system.user} S_TABU_NAM with ACTVT 03 and TABLE {table}{of_group} (PFCG)"


def _functions(options: SapStream) -> Iterator[str]:
    if options.mode != "function":
        yield options.reader
    if options.function:
        yield options.function
    if options.process:
        yield options.process_function
    details: tuple[Detail | None, ...] = (options.enrich, options.detail)
    yield from (detail.function for detail in details if detail and detail.function)
