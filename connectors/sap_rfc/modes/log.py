"""The tables of change documents, read page by page; lines (CDPOS) by their documents."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import batched

from bridge.contract import Reject
from connectors.sap_rfc import conditions
from connectors.sap_rfc.conditions import Condition
from connectors.sap_rfc.modes.lines import Line
from connectors.sap_rfc.modes.look import MOST_AT_ONCE
from connectors.sap_rfc.tables import Choice, Page, TableReader

type Key = tuple[str, str, str]
"""Of a document: OBJECTCLAS, OBJECTID, CHANGENR."""

_KEY = ("OBJECTCLAS", "OBJECTID", "CHANGENR")
_AT_ONCE = 20
"""Documents whose lines are asked for in one call: each takes three lines of OPTIONS or four."""


def pages(reader: TableReader, choice: Choice) -> Iterator[Page]:
    """All of them. Errors: the reader's."""
    after = None
    while True:
        page = reader.page(choice, after, MOST_AT_ONCE)
        page.settled(choice.relation.name)
        yield page
        if page.after is None:
            return
        after = page.after


class Lines:
    """What documents say."""

    def __init__(self, choice: Choice, reader: TableReader) -> None:
        self._choice, self._reader = choice, reader
        self._columns = [choice.relation.column(name) for name in _KEY]

    def of(self, documents: Iterable[Key]) -> tuple[Mapping[Key, list[Line]], list[Reject]]:
        """By their documents; and those that cannot be read, by the names of their tables."""
        wanted = dict.fromkeys(documents)
        found: dict[Key, list[Line]] = defaultdict(list)
        refused: list[Reject] = []
        for some in batched(wanted, _AT_ONCE):
            where = conditions.either(*map(self._of_document, some))
            for page in pages(self._reader, replace(self._choice, where=where)):
                for row in page.rows.to_pylist():
                    found[_key(row)].append(row)
                refused += _named(page.rejects, wanted)
        return found, refused

    def _of_document(self, key: Key) -> Condition:
        return conditions.both(*map(conditions.equal, self._columns, key))


def _named(rejects: Iterable[Reject], wanted: Collection[Key]) -> Iterator[Reject]:
    for each in rejects:
        line = json.loads(each.raw)
        if _key(line) in wanted:
            yield Reject(line["TABNAME"], each.reason, each.raw)


def _key(line: Line) -> Key:
    return line["OBJECTCLAS"], line["OBJECTID"], line["CHANGENR"]
