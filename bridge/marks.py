"""Which rows of a source of images must be read at all: answers `Ask.changed`, on the reader's thread.

The answer is of what the task's thread has put into the state so far, committed or not. That is safe: when a
transaction is aborted, whatever was read before is stale and never published (bridge.schedule), and as long
as a whole scan waits to be compared, every row must be read.
"""

from __future__ import annotations

import pyarrow as pa

from bridge.contract import Table
from bridge.diff import Entry
from bridge.diff.canonical import marked, texts
from bridge.policy import Policy
from bridge.progress import Turn
from bridge.state import KeyedState, head


class Marks:
    def __init__(self, state: KeyedState) -> None:
        self._state = state

    def changed(self, turn: Turn, table: Table, keys: pa.RecordBatch, marks: pa.Array) -> pa.BooleanArray:
        """A mask of the rows that must be read; what has a dead letter must, lest it stay one for ever.

        Errors: PermanentError for keys or marks that have no JSON form.
        """
        progress = turn.progress
        if progress.scans_ahead or not table.key:
            return pa.array([True] * keys.num_rows, pa.bool_())
        forms = texts(keys.select(list(table.key)))
        wanted = marked(marks, Policy(progress.options).form(table))
        place = head(progress.stream.name, table.name)
        known = self._state.cache.glance(place, [form for form in forms if form is not None])
        answers = [
            form not in known or not _is(known[form], mark) for form, mark in zip(forms, wanted, strict=True)
        ]
        return pa.array(answers, pa.bool_())


def _is(value: bytes, mark: bytes) -> bool:
    """Whether an entry was published with this very mark."""
    entry = Entry.parse(value)
    return bool(mark) and entry.mark == mark and not entry.refused
