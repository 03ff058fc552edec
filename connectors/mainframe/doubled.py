"""Keys that do not tell rows apart: of two rows with one key, a scan would keep the last one alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.mainframe.fitted import Row
from connectors.mainframe.scans import Key

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Doubled:
    """Of one scan; it is told once.

    A row that the host shows on two pages, since others came in between, is no doubt of the key: what it says
    is the same, or nearly. Two rows of one page are two, and so are most of a page that was there otherwise.
    """

    stream: str
    key: tuple[str, ...]
    _number: int = 0
    _is_told: bool = False
    _met: dict[Key, tuple[int, Row]] = field(default_factory=dict)
    """Page and row, of one pass."""

    def note(self, page: int, rows: Sequence[tuple[Key, Row]]) -> None:
        """The rows that can be read, as they were painted at once; pages are noted in their order."""
        if self._is_told:
            return
        if page < self._number:
            self._met.clear()  # another pass: what is otherwise now has changed
        self._number = page
        self._on_one_page(page, rows)
        again = [(key, row) for key, row in rows if self._is_otherwise(page, key, row)]
        if 1 < len(again) > len(rows) // 2:
            key, row = again[0]
            self._tell(key, *self._met[key], page, row)
        self._met |= {key: (page, row) for key, row in rows}

    def _on_one_page(self, page: int, rows: Sequence[tuple[Key, Row]]) -> None:
        here: dict[Key, Row] = {}
        for key, row in rows:
            if here.setdefault(key, row).values != row.values:
                self._tell(key, page, here[key], page, row)

    def _is_otherwise(self, page: int, key: Key, row: Row) -> bool:
        before, known = self._met.get(key, (page, row))
        return before != page and known.values != row.values

    def _tell(self, key: Key, page: int, row: Row, other_page: int, other: Row) -> None:
        if self._is_told:
            return
        self._is_told = True
        _log.warning(
            "%s: two rows have the key %s (%s): line %s of page %d and line %s of page %d; only the last one"
            " is kept: name columns under `key` that tell them apart",
            *(self.stream, ", ".join(map(str, key)), ", ".join(self.key)),
            *(row.line, page, other.line, other_page),
        )
