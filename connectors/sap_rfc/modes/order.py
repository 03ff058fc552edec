"""The order of change documents of one row within one second, of which neither time nor number tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, permutations
from typing import Any

from bridge.contract import Op
from connectors.sap_rfc.modes.late import Stamped
from connectors.sap_rfc.modes.lines import RowChange

MOST = 6
"""Documents of a row within a second whose order is looked for; more stay in that of their numbers."""
_WRONG, _UNLIKELY = 4, 3

type IsThere = Callable[[RowChange], bool]
"""Whether the table has a row now."""


def ordered[T: Stamped](found: Sequence[tuple[T, RowChange]], is_there: IsThere) -> list[tuple[T, RowChange]]:
    """By stamp and number, but for what happened to a row within a second: that follows from its values."""
    rows: dict[tuple[str, str], list[tuple[T, RowChange]]] = {}
    for each in found:
        rows.setdefault((each[1].table, each[1].key), []).append(each)
    turns = {place: iter(_of_row(some, is_there)) for place, some in rows.items()}
    return [next(turns[row.table, row.key]) for _, row in found]


def _of_row[T: Stamped](
    found: Sequence[tuple[T, RowChange]], is_there: IsThere
) -> Sequence[tuple[T, RowChange]]:
    if len(found) == 1:
        return found
    seconds = [list(some) for _, some in groupby(found, lambda each: each[0].stamp)]
    result: list[tuple[T, RowChange]] = []
    for at, some in enumerate(seconds):
        following = seconds[at + 1] if at + 1 < len(seconds) else ()
        was = None if not result else result[-1][1].op is not Op.DELETE
        result += _of_second(some, [row for _, row in following], is_there, was=was)
    return result


def _of_second[T: Stamped](
    some: Sequence[tuple[T, RowChange]],
    following: Sequence[RowChange],
    is_there: IsThere,
    *,
    was: bool | None,
) -> Sequence[tuple[T, RowChange]]:
    """`was`: whether the row was there before, if that is known."""
    documents = [list(each) for _, each in groupby(some, lambda each: each[0].number)]
    if not 1 < len(documents) <= MOST:
        return some
    then = _after(some[0][1], [row.op for _, row in some], following, is_there)

    def cost(order: Sequence[Sequence[tuple[T, RowChange]]]) -> tuple[int, int]:
        return _contradictions([row for document in order for _, row in document], was=was, then=then)

    best = min(permutations(documents), key=cost)  # of equal ones the first, by number
    return [each for document in best for each in document]


def _after(
    row: RowChange, ops: Sequence[Op], following: Sequence[RowChange], is_there: IsThere
) -> bool | None:
    """Whether the row is there after a second in which it was both created and deleted."""
    if not {Op.CREATE, Op.DELETE} <= {*ops}:
        return None
    if then := {each.op for each in following}:
        return None if {Op.CREATE, Op.DELETE} <= then else Op.CREATE not in then
    return is_there(row)


def _contradictions(rows: Sequence[RowChange], *, was: bool | None, then: bool | None) -> tuple[int, int]:
    """How much of what these rows tell cannot be, one after another; and, less than nothing, what fits."""
    wrong = fits = 0
    there, values = was, dict[str, Any]()
    for row in rows:
        wrong += _WRONG * (there is not None and there is (row.op is Op.CREATE))
        known = [values[name] == value for name, value in row.old.items() if name in values]
        wrong, fits = wrong + known.count(False), fits + known.count(True)
        values = {**({} if row.op is Op.CREATE else values), **row.new} if row.op is not Op.DELETE else {}
        there = row.op is not Op.DELETE
    return wrong + _UNLIKELY * (then is not None and there is not then), -fits
