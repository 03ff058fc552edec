"""Where the fields of a map are on a screen: by position, by label, by number. Pure.

A value that the map cuts in two, as when a column has moved, is no value: what touches its cells from outside
counts as part of it, unless the map names those cells, too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from connectors.mainframe.maps import FieldMap
from connectors.mainframe.rules import View
from connectors.mainframe.screen import Field

# These end a text without being part of what is beside it.
OPENING, CLOSING = ":=|<[({", "|>])}"
BEGINS_BEFORE, GOES_ON = "begins before its first cell", "goes on after its last cell"
_LABEL = re.compile(r"\s*[A-Z][\w .#/-]*:(?: |$)")


class Misplaced(Exception):
    """Why there are no cells to read: `str(error)`; `raw`: what is there."""

    def __init__(self, reason: str, raw: str = "") -> None:
        super().__init__(reason)
        self.raw = raw


@dataclass(frozen=True, slots=True)
class Cells:
    """From one address up to another; `left` and `right`: whether what touches there is part of the value."""

    start: int
    end: int
    left: bool = True
    right: bool = True

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end


def fixed(start: int, end: int, width: int, others: Collection[tuple[int, int]]) -> Cells:
    """Cells at a fixed place; `width`: of a line, `others`: from and up to, of what else the map names."""

    def is_named(address: int) -> bool:
        return any(first <= address < last for first, last in others)

    return Cells(
        start, end, bool(start % width) and not is_named(start - 1), bool(end % width) and not is_named(end)
    )


def must_be_whole(cells: Cells, view: View, raw: str) -> None:
    """Errors: ValueError when the cells hold a part of something, or parts of two fields of the screen."""
    start, end, text = cells.start, cells.end, view.text
    if cells.left and raw[:1].strip(" ") and text[start - 1] not in OPENING + " ":
        raise ValueError(BEGINS_BEFORE)
    if cells.right and end < len(text) and raw[-1:].strip(" ") and text[end] not in CLOSING + " ":
        raise ValueError(GOES_ON)
    if view.screen.fields:
        at = view.attributes.find(1, start, end)
        if at >= 0 and text[at + 1 : end].strip(" "):
            raise ValueError(f"has a field in it that begins in column {(at + 1) % view.screen.columns + 1}")


def locate(each: FieldMap, view: View, labels: Sequence[str]) -> Cells:
    """The cells of a field by label or number. Errors: Misplaced."""
    if each.label is None:
        return _by_number(each, view)
    return _by_label(each, view, [label for label in labels if label != each.label])


def _by_number(each: FieldMap, view: View) -> Cells:
    found = numbered(each, view)
    if found is None:
        raise Misplaced(
            "the screen has not so many fields" if view.screen.fields else "the screen has no fields"
        )
    return Cells(found.start, found.start + min(each.length or found.length, found.length), left=False)


def numbered(each: FieldMap, view: View) -> Field | None:
    """Fields without a cell do not count."""
    wanted = [(name, getattr(each, name)) for name in ("protected", "numeric", "intensified")]
    wanted = [(name, value) for name, value in wanted if value is not None]
    fits = (
        field for field in view.shown_fields if all(getattr(field, name) is value for name, value in wanted)
    )
    return next((field for number, field in enumerate(fits, 1) if number == each.field), None)


def _by_label(each: FieldMap, view: View, others: Sequence[str]) -> Cells:
    after = label_end(each, view, others)
    width = view.screen.columns
    end = (after - 1) // width * width + width
    field = view.screen.field_at(after - 1)
    if field is not None:
        own_end = min(field.start + field.length, end)
        if not view.text[after:own_end].strip(" "):
            return _beside(each, view, others, after, own_end, end)
        end = own_end
    start = after + 1 if after < end and view.text[after] == " " else after
    return _up_to(each, view, others, start, end)


def _up_to(each: FieldMap, view: View, others: Sequence[str], start: int, end: int) -> Cells:
    """A value behind its label in the same field, or on a screen without fields."""
    line_end = (start // view.screen.columns + 1) * view.screen.columns
    following = [at for label in others for at in _hits(view, label, start, min(end, line_end))]
    limit = min(following, default=end)
    if each.length is not None:
        limit = min(limit, start + each.length)
    return Cells(start, max(limit, start), left=False, right=limit not in following)


def _beside(
    each: FieldMap, view: View, others: Sequence[str], after: int, own_end: int, line_end: int
) -> Cells:
    """The field that follows in the line, when the label's own has nothing more.

    Errors: Misplaced when that might be the next label rather than the value.
    """
    at = bisect_right(view.starts, after - 1)
    following = next((field for field in view.screen.fields[at:] if field.length), None)
    nothing = Cells(after, own_end, left=False, right=False)
    if following is None or following.start >= line_end:
        return nothing
    text = view.cut(following.start, following.start + following.length)
    if text.lstrip(" ").startswith(tuple(others)):
        return nothing
    if following.protected and _LABEL.match(text):
        raise Misplaced("may be the next label: give row and column instead of the label", text)
    length = min(each.length or following.length, following.length)
    return Cells(following.start, following.start + length, left=False)


def label_end(each: FieldMap, view: View, others: Iterable[str]) -> int:
    """The cell after a field's label. Errors: Misplaced when there is not exactly one."""
    label, width = each.label or "", view.screen.columns
    start, end = (0, len(view.text)) if each.row is None else ((each.row - 1) * width, each.row * width)
    longer = [other for other in others if label in other]
    inside = [(at, at + len(other)) for other in longer for at in _hits(view, other, start, end)]
    hits = [
        at for at in _hits(view, label, start, end) if not any(first <= at < last for first, last in inside)
    ]
    if len(hits) != 1:
        often = f"is {len(hits)} times on the screen: give its `row`, too" if hits else "is not on the screen"
        raise Misplaced(f"the label {label!r} {often}")
    return hits[0] + len(label)


def _hits(view: View, label: str, start: int, end: int) -> list[int]:
    """Where a label stands as a word of its own, inside one line."""
    hits, text, width = [], view.text, view.screen.columns
    at = text.find(label, start, end)
    while at >= 0:
        after = at + len(label)
        inside_a_line = at // width == (after - 1) // width
        before_it, after_it = text[at - 1] if at % width else " ", text[after] if after % width else " "
        joined = (before_it.isalnum() and label[0].isalnum()) or (after_it.isalnum() and label[-1].isalnum())
        if inside_a_line and not joined:
            hits.append(at)
        at = text.find(label, at + 1, end)
    return hits
