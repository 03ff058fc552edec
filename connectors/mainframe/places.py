"""Where the fields of a map are on a screen: by position, by label, by number. Pure.

A value that the map cuts in two, as when a column has moved, is no value: what touches its cells from outside
counts as part of it, unless the map names those cells, too.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from connectors.mainframe.maps import FieldMap
from connectors.mainframe.rules import View
from connectors.mainframe.screen import FILLER, Field

# These end a text without being part of what is beside it.
OPENING, CLOSING = "|<[({", "|>])}"
BEGINS_BEFORE, GOES_ON = "begins before its first cell", "goes on after its last cell"
_JOINED = re.compile(r"[^\W_][_-][^\W_]")
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


@dataclass(frozen=True, slots=True)
class Label:
    """`longer`: labels that contain it; `rows`: where it counts, None: in any."""

    longer: tuple[str, ...]
    rows: frozenset[int] | None


class Labels:
    """Where the labels of a map stand on a screen. Elsewhere they are words of a value."""

    def __init__(self, view: View, known: Mapping[str, Label]) -> None:
        hits = {text: _hits(view, text) for text in known}
        inside = {text: [hit for other in each.longer for hit in hits[other]] for text, each in known.items()}
        self._hits = {
            text: [
                (at, end)
                for at, end in hits[text]
                if (each.rows is None or at // view.screen.columns + 1 in each.rows)
                and not any(a <= at < b for a, b in inside[text])
            ]
            for text, each in known.items()
        }
        self.starts = sorted(at for found in self._hits.values() for at, _ in found)

    def end(self, each: FieldMap, width: int) -> int:
        """The cell after a field's label. Errors: Misplaced when there is not exactly one."""
        ends = [end for at, end in self._hits[each.label or ""] if each.row in (None, at // width + 1)]
        if len(ends) != 1:
            often = f"is {len(ends)} times on the screen: give its `row`, too" if ends else "is not there"
            raise Misplaced(f"the label {each.label!r} {often}")
        return ends[0]

    def next(self, start: int, end: int) -> int | None:
        """Where the next label begins between two addresses."""
        at = bisect_left(self.starts, start)
        return self.starts[at] if at < len(self.starts) and self.starts[at] < end else None


def labels_of(fields: Iterable[FieldMap]) -> Mapping[str, Label]:
    rows: dict[str, set[int | None]] = {}
    for each in fields:
        if each.label:
            rows.setdefault(each.label, set()).add(each.row)
    return {
        text: Label(
            tuple(other for other in rows if text in other and text != other),
            None if None in found else frozenset(filter(None, found)),
        )
        for text, found in rows.items()
    }


def locate(each: FieldMap, view: View, labels: Labels) -> Cells:
    """The cells of a field by label or number. Errors: Misplaced."""
    return _by_number(each, view) if each.label is None else _by_label(each, view, labels)


def _by_number(each: FieldMap, view: View) -> Cells:
    found = numbered(each, view)
    if found is None:
        has = "not so many such fields" if view.screen.fields else "no fields"
        raise Misplaced(f"the screen has {has}")
    return Cells(found.start, found.start + min(each.length or found.length, found.length), left=False)


def numbered(each: FieldMap, view: View) -> Field | None:
    """Fields without a cell do not count."""
    wanted = [(name, getattr(each, name)) for name in ("protected", "numeric", "intensified")]
    wanted = [(name, value) for name, value in wanted if value is not None]
    fits = (
        field for field in view.shown_fields if all(getattr(field, name) is value for name, value in wanted)
    )
    return next((field for number, field in enumerate(fits, 1) if number == each.field), None)


def _by_label(each: FieldMap, view: View, labels: Labels) -> Cells:
    width = view.screen.columns
    after = labels.end(each, width)
    line_end = end = (after - 1) // width * width + width
    field = view.screen.field_at(after - 1)
    if field is not None:
        end = min(field.start + field.length, line_end)
        if not view.text[after:end].strip(" "):
            return _beside(each, view, labels, Cells(after, end, left=False, right=False), line_end)
    start = after + 1 if after < end and view.text[after] == " " else after
    following = labels.next(start, end)
    limit = end if following is None else following
    if each.length is not None and start + each.length < limit:
        return Cells(start, start + each.length, left=False)
    return Cells(start, limit, left=False, right=False)


def _beside(each: FieldMap, view: View, labels: Labels, nothing: Cells, line_end: int) -> Cells:
    """The field that follows in the line, when the label's own has nothing more.

    Errors: Misplaced when that might be the next label rather than the value.
    """
    at = bisect_right(view.starts, nothing.start - 1)
    following = next((field for field in view.screen.fields[at:] if field.length), None)
    if following is None or following.start >= line_end:
        return nothing
    text = view.cut(following.start, following.start + following.length)
    if labels.next(following.start, following.start + len(text) - len(text.lstrip(" ")) + 1) is not None:
        return nothing
    if following.protected and _LABEL.match(text):
        raise Misplaced("may be the next label: give row and column instead of the label", text)
    length = min(each.length or following.length, following.length)
    return Cells(following.start, following.start + length, left=False)


def _hits(view: View, label: str) -> list[tuple[int, int]]:
    """Where a label stands as a word of its own, inside one line: from and up to."""
    text, width = view.text, view.screen.columns
    hits = []
    for start, end in _finds(text, label) if not view.wide else _finds_wide(text, label):
        before, after = text[start - 1] if start % width else " ", text[end] if end % width else " "
        joined = (before.isalnum() and label[0].isalnum()) or (after.isalnum() and label[-1].isalnum())
        if not joined and start // width == (end - 1) // width and not _is_in_a_name(text, start, end, width):
            hits.append((start, end))
    return hits


def _is_in_a_name(text: str, start: int, end: int, width: int) -> bool:
    """As ID is in CUSTOMER_ID or ID-CARD."""
    line = start // width * width
    before, after = text[max(start - 2, line) : start + 1], text[end - 1 : min(end + 2, line + width)]
    return bool(_JOINED.fullmatch(before) or _JOINED.fullmatch(after))


def _finds(text: str, label: str) -> Iterator[tuple[int, int]]:
    at = text.find(label)
    while at >= 0:
        yield at, at + len(label)
        at = text.find(label, at + 1)


def _finds_wide(text: str, label: str) -> Iterator[tuple[int, int]]:
    """Where double-byte characters may have a filler behind them."""
    pattern = "".join(f"{re.escape(character)}{FILLER}?" for character in label)
    return (found.span() for found in re.finditer(pattern, text))
