"""What `doctor` says of an SAP system, the account, and what the streams read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bridge.contract import Ask, Finding, Level
from bridge.errors import BridgeError, PermanentError, TransientError
from connectors.sap_rfc.catalog import Catalog
from connectors.sap_rfc.config import SapConfig
from connectors.sap_rfc.dictionary import Dictionary, Relation
from connectors.sap_rfc.modes import Mode
from connectors.sap_rfc.modes.table import TableMode
from connectors.sap_rfc.reading import of
from connectors.sap_rfc.readings import Readings
from connectors.sap_rfc.rights import Rights
from connectors.sap_rfc.streams import SapStream
from connectors.sap_rfc.system import System

_CLOCK_S = 2.0
_CLOCK = "RFC_SYSTEM_INFO"
_HEAVY_BYTES = 1024**3
_LINE = 512
"""Characters of a row of RFC_READ_TABLE, of two bytes each, however few are used."""
_HEADERS = ("OBJECTCLAS", "UDATE")
_EVALUATION = "evaluation"
_LIMIT = re.compile(
    r"(?:[IE]V?_)?(?:MAX|NUM(?:BER)?(?:_OF)?)_?(?:ROWS?|HITS?|RECORDS?|ENTRIES|LINES?)|ROWCOUNT"
)
"""How functions call what limits the rows of their answer."""


def findings(config: SapConfig, system: System, readings: Readings) -> Sequence[Finding]:
    """Errors: the system's, where it cannot be reached."""
    return tuple(Doctor(config, system, readings).findings())


class Doctor:
    def __init__(self, config: SapConfig, system: System, readings: Readings) -> None:
        self._config, self._system = config, system
        self._readings = readings
        self._refused = dict(readings.refused)
        self._modes = {mode.name: mode for mode in readings.modes}
        self._dictionary = Dictionary(system)
        readers = [each.reader for each in config.streams.values() if each.mode != "function"]
        self._catalog = Catalog(system, self._dictionary, readers[0] if readers else "RFC_READ_TABLE")
        self._rights = Rights(system, self._dictionary, self._catalog)

    def findings(self) -> Iterator[Finding]:
        yield from self._client()
        yield from self._itself()
        yield from self._times()
        for name, options in self._config.streams.items():
            try:
                yield from self._stream(name, options)
            except TransientError as error:
                yield Finding(Level.WARNING, f"not examined: {error.text}", error.remedy, name)
        yield from self._unseen()

    def _client(self) -> Iterator[Finding]:
        found = self._system.found
        if _EVALUATION in found.licence:
            yield Finding(
                Level.WARNING,
                f"the client is {found}",
                remedy="for production install SAP's NW RFC SDK with pyrfcx, or legacy-bridge[sap]",
            )
        else:
            yield Finding(Level.OK, f"the client is {found}")

    def _itself(self) -> Iterator[Finding]:
        system = self._system
        told = f", release {system.release}" if system.release else ""  # not every client says it
        yield Finding(Level.OK, f"{system.identity} at {self._config.place}{told}, as {system.user}")
        if not system.unicode:
            yield Finding(
                Level.WARNING,
                "the system is not a Unicode system: texts have but the characters of its code page",
                remedy="log on in the `language` whose code page the texts have",
            )

    def _times(self) -> Iterator[Finding]:
        if self._system.allowed(_CLOCK) is None:
            yield Finding(
                Level.WARNING,
                f"the account may not call {_CLOCK}: how far SAP's time is from UTC is guessed",
                remedy=self._rights.to_call(_CLOCK),
            )
        moment = self._system.moment()
        if abs(moment.ahead_s) > _CLOCK_S:
            yield Finding(
                Level.WARNING,
                f"SAP's clock differs from this host's by {moment.ahead_s:+.1f} s",
                remedy="synchronise both with NTP: times in events are SAP's",
            )
        else:
            zone = moment.offset_s / 3600
            yield Finding(Level.OK, f"the clocks agree; SAP's local time is UTC{zone:+g} h")

    def _stream(self, name: str, options: SapStream) -> Iterator[Finding]:
        missing = list(self._rights.missing(name, options))
        yield from missing
        refused = self._refused.get(name)
        if refused and not missing:
            yield Finding(Level.CRITICAL, refused.text, refused.remedy, name)
        mode = self._modes.get(name)
        if mode is None or missing:
            return
        if options.mode == "function":
            tried = self._tried(name, options)
            if isinstance(tried, Finding):
                yield tried
                return
            mode = tried
        keys = {table.key for table in mode.tables()}
        told = f", key {', '.join(next(iter(keys)))}" if len(keys) == 1 and all(keys) else ""
        yield Finding(Level.OK, f"can be read, by {options.mode}{told}", stream=name)
        yield from self._limited(name, options)
        yield from self._load(name, options, mode)
        yield from mode.probe(self._system)

    def _tried(self, name: str, options: SapStream) -> Mode | Finding:
        """Whether the account may call it, and all is told, shows by doing so, as each poll does."""
        try:
            mode = self._readings.made(name, options, self._system, self._dictionary)
            mode.poll(self._system, None, Ask(rows=1))
        except PermanentError as error:
            return Finding(Level.CRITICAL, error.text, error.remedy, name)
        except BridgeError as error:
            return Finding(Level.WARNING, error.text, error.remedy, name)
        return mode

    def _limited(self, name: str, options: SapStream) -> Iterator[Finding]:
        for parameter, value in options.parameters.items():
            if _LIMIT.fullmatch(parameter) and value not in (0, "", "0"):
                yield Finding(
                    Level.WARNING,
                    f"{parameter} limits the rows of the answer: those beyond it count as deleted",
                    f"write `cap: {{parameter: {parameter}, value: ...}}` instead",
                    name,
                )

    # -- what reading costs

    def _load(self, name: str, options: SapStream, mode: Mode) -> Iterator[Finding]:
        if options.mode == "change_documents":
            yield from self._index(name, self._dictionary.relation("CDHDR"), _HEADERS)
        if not isinstance(mode, TableMode):
            return
        relation = mode.plan.choice.relation
        for column in options.columns:
            if of(relation, column).inttype != "T":
                yield from self._index(name, relation, (column,))
        yield self._size(name, options, mode)

    def _index(self, name: str, relation: Relation, columns: tuple[str, ...]) -> Iterator[Finding]:
        indexes = self._catalog.indexes(relation)
        if indexes is None or any(each[: len(columns)] == columns for each in indexes):
            return
        client = (relation.client,) if relation.client else ()
        yield Finding(
            Level.WARNING,
            f"no index of {relation.name} begins with {', '.join(columns)}: every poll reads the whole table",
            remedy=f"create one in SE11 on {relation.name} ({', '.join((*client, *columns))}), or give the"
            " stream a longer `interval`",
            stream=name,
        )

    def _size(self, name: str, options: SapStream, mode: TableMode) -> Finding:
        """Rows, and what a page of them takes in SAP's memory while it is read."""
        plan, ask = mode.plan, Ask()
        relation = plan.choice.relation
        width = sum(of(relation, column).length for column in plan.reading.names)
        rows = self._catalog.count(relation.name)
        page = min(rows or ask.rows, ask.rows, max(1, ask.bytes // max(1, width)))
        size = 2 * max(_LINE, width // len(plan.order))
        calls = f"{len(plan.order)} calls of {options.reader} (a row that changes within them is read again)"
        calls = calls if len(plan.order) > 1 else f"1 call of {options.reader}"
        told = (
            f"{'a number of rows not known' if rows is None else f'{rows:,} rows'} of {width:,} characters,"
            f" in {calls}, with about"
            f" {max(1, round(page * size / 1024**2)):,} MiB of the work process's memory for {page:,} rows"
        )
        if options.images and (rows or 0) * width * 2 > _HEAVY_BYTES:
            return Finding(
                Level.WARNING,
                f"each scan reads the whole table: {told}",
                remedy="give it an `interval` that SAP can bear, fewer `fields`, or a `where`; with a date of"
                " the last change and an index on it, `columns` read less",
                stream=name,
            )
        return Finding(Level.OK, told, stream=name)

    def _unseen(self) -> Iterator[Finding]:
        """What only this examination would have read."""
        for name, error in self._catalog.unseen.items():
            is_call = error.key.startswith("RFC_")
            yield Finding(
                Level.WARNING,
                f"the account may not {'call' if is_call else 'read'} {name}, which doctor looks at and polls"
                " do not: indexes, groups of tables, remote-enabled functions and sizes may be unknown",
                remedy=self._rights.to_call(name) if is_call else self._rights.to_read(name),
            )
