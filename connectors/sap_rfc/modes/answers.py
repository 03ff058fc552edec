"""All that a function has to say: in one answer, or in answers to ranges of a key none of which was capped.

What limits an answer is mostly an UP TO n ROWS without an order: its rows need not be the first ones. So
only an answer with fewer rows than the cap is all of its range; else the range is divided, and both parts are
asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.errors import PermanentError

type Row = Mapping[str, Any]
type Range = tuple[Any, Any]
"""Behind the first, up to the second; None where there is no such end."""
type Call = Callable[[Range], Sequence[Row]]


class Answers:
    """Of one scan. `capped`: some answer was, and could not be divided, so that rows may be missing."""

    def __init__(self, call: Call, cap: int | None, column: str | None, behind: Any = None) -> None:
        """`column`: by which the answers are divided, if they can be; `behind`: where they begin."""
        self._call, self._cap, self._column = call, cap, column
        self._ranges: list[Range] = [(behind, None)]
        self.capped = False

    @property
    def ended(self) -> bool:
        return not self._ranges

    @property
    def within(self) -> Range:
        """The next range."""
        return self._ranges[-1]

    def put_back(self, within: Range) -> None:
        """To be asked for once more: it was the last that was answered."""
        self._ranges.append(within)

    def next(self) -> Sequence[Row]:
        """The rows of the next range: none of one that has too many, which is divided, and by one call.

        Errors: PermanentError when the function does not heed ranges.
        """
        within = self._ranges.pop()
        rows = self._call(within)
        if self._cap is None or len(rows) < self._cap:
            return rows
        middle = self._middle(rows, within)
        if middle is None:
            self.capped = True
            return rows
        self._ranges += [(middle, within[1]), (within[0], middle)]
        return ()

    def _middle(self, rows: Sequence[Row], within: Range) -> Any:
        """Where to divide: a whole page, when they come in order; None: there is but one key."""
        if self._column is None:
            return None
        told = [row[self._column] for row in rows]
        keys = sorted({*told})
        if len(keys) == 1:
            return None
        middle = keys[-2] if told == sorted(told) else keys[(len(keys) - 1) // 2]
        if middle in within:
            raise PermanentError(
                f"asked for what is behind {within[0] or 'nothing'} and up to {within[1] or 'no end'}, the"
                f" function answers with {keys[0]} to {keys[-1]}",
                remedy="check `pages`: the function must take ranges, and the key must be what they are of",
            )
        return middle
