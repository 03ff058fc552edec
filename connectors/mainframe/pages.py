"""Pages of a list: what a screen says of the one that is waited for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.mainframe import recognise
from connectors.mainframe.errors import Kind, Looked, Trouble
from connectors.mainframe.fitted import Row
from connectors.mainframe.readings import ListReading
from connectors.mainframe.recognise import Page
from connectors.mainframe.scans import Key, judged
from connectors.mainframe.sights import AS_BEFORE, Sight
from connectors.mainframe.values import is_blank


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of the list, whole and at rest."""

    seen: Looked
    page: Page
    keys: tuple[Key | None, ...]
    """Of its rows; None where it cannot be read."""

    @classmethod
    def of(cls, reading: ListReading, seen: Looked) -> Shown:
        page = recognise.page(reading.map, seen.screen)
        return cls(seen, page, tuple(judged(row, reading.table)[0] for row in page.rows))

    def texts(self, reading: ListReading, row: Row, names: Sequence[str]) -> Mapping[str, str]:
        """Columns of a line as the host writes them."""
        columns = reading.list.columns
        places = {name: (row.line or 1, columns[name].column, columns[name].cells) for name in names}
        return {name: self.seen.screen.cut(*place).strip() for name, place in places.items()}


@dataclass(frozen=True, slots=True)
class Awaited:
    """A page that is waited for, and what it is told by."""

    reading: ListReading
    longest: int
    """Rows of the longest page so far that goes on."""
    waited: bool
    """Whether it, which is not full, has been waited for as long as may be."""
    turned: Shown | None = None
    """The page that it was turned to from: it is another one."""
    left: Shown | None = None
    """What it was when it was left for the screen behind a row."""
    number: int | None = None
    """That it must show; None: whichever."""
    overdue: bool = False
    """Whether rows of its own have been waited for as long as may be."""

    def sight(self, seen: Looked) -> Sight:
        shown = Shown.of(self.reading, seen)
        if self._is_former(shown.page):
            return Sight(AS_BEFORE)
        lacks = self._lacks(shown.page) or self._lacks_rows(shown.page) or _misfit(shown.page)
        return Sight(lacks, self._may_be_half(shown))

    def after(self, trouble: Trouble) -> Awaited | None:
        """What is believed of it once the time is over; None: nothing more.

        A frame that tells of another page may be painted long before its rows; and there are hosts that say
        that a page was the last one once the key for the next one was pressed on it.
        """
        seen = trouble.seen
        if trouble.kind is not Kind.UNKNOWN or seen.name != self.reading.options.screen:
            return None
        page = recognise.page(self.reading.map, seen.screen)
        if self._is_former(page) or self._contradicts(page):
            return None
        if self._lacks_rows(page):
            return replace(self, overdue=True)
        return replace(self, waited=True) if page.rows and self._is_open(page) else None

    def _is_former(self, page: Page) -> bool:
        return self.turned is not None and page == self.turned.page

    def _lacks_rows(self, page: Page) -> str:
        """A frame is painted before what is in it."""
        if self.overdue:
            return ""
        if not page.rows:
            return "it shows a sign of more, and no line" if page.more else ""
        return AS_BEFORE if self.turned and page.rows == self.turned.page.rows else ""

    def _lacks(self, page: Page) -> str:
        """A page says where the list goes on or ends, or is full; all else is painted in part."""
        silent = self._is_open(page) or (page.more is False and not page.ended)
        told = f"{len(page.rows)} lines and neither its end nor a sign of more"
        return self._contradicts(page) or (told if silent else "")

    def _contradicts(self, page: Page) -> str:
        if page.ended and page.more:  # or the map is wrong
            return recognise.CONTRADICTION
        if self.reading.list.page and page.number is None:
            return "it shows no number of its page"
        if page.rows and page.last is not None and (page.number or 0) > page.last:
            return f"it is page {page.number} of {page.last}"
        if self.number in (None, page.number) or self._has_come_to_its_end(page):
            return ""
        return f"it is page {page.number}, not {self.number}"

    def _has_come_to_its_end(self, page: Page) -> bool:
        """The same page, which says only now that it is the last."""
        return page.ended and self.turned is not None and page.rows == self.turned.page.rows

    def _is_open(self, page: Page) -> bool:
        """Whether it might go on, for all that it says."""
        if page.ended or page.more is not None or not self.reading.list.tells_its_end:
            return False
        return len(page.rows) < self.reading.lines and not (page.rows and self.waited)

    def _may_be_half(self, shown: Shown) -> bool:
        if self._may_lack_values(shown.page):
            return True
        if self.left:
            return self._lacks_some_of(self.left, shown)
        return self._may_go_on(shown.page) or bool(self.turned and self._has_some_of(self.turned, shown))

    @staticmethod
    def _may_lack_values(page: Page) -> bool:
        """One that cannot be read, or is blank, may be still to come."""
        return any(row.problems or any(map(is_blank, row.values.values())) for row in page.rows)

    def _may_go_on(self, page: Page) -> bool:
        """It ends, or is not full: more may be on its way, whatever shows below. Frames are painted first.

        So may the sign that it is the first one.
        """
        is_another = page.first is False and self.number is None
        return page.ended or is_another or len(page.rows) < (self.longest or self.reading.lines)

    @staticmethod
    def _lacks_some_of(before: Shown, after: Shown) -> bool:
        """A row, or the sign of more, may not be painted yet."""
        ends = after.page.ended and not before.page.ended
        gone, come = {*before.keys} - {*after.keys}, {*after.keys} - {*before.keys}
        return ends or bool(gone) or None in come

    def _has_some_of(self, before: Shown, after: Shown) -> bool:
        """A page with a line that stood there before may be half of the old one and half of the new.

        So may one with a line that is no row: of the old one's rows, below fewer new ones; and one
        with columns that are the old ones beside new keys.
        """
        stood = (key == old for key, old in zip(after.keys, before.keys, strict=False))
        return None in after.keys or any(stood) or self._has_old_values(before, after)

    def _has_old_values(self, before: Shown, after: Shown) -> bool:
        """Whether columns of a row, but for its key's, are all those that stood in its line."""
        names = [each for each in self.reading.list.columns if each not in self.reading.table.key]
        rows, new = before.page.rows, {row.line: row for row in after.page.rows}
        beside = [[*rows[max(0, at - 1) : at], *rows[at + 1 : at + 2]] for at in range(len(rows))]
        return any(
            row.line in new and _has_values_of(row, new[row.line], others, names)
            for row, others in zip(rows, beside, strict=True)
        )


def _has_values_of(before: Row, row: Row, beside: Sequence[Row], names: Sequence[str]) -> bool:
    """As far as they were others in the lines beside it: what all rows share, the next one may, too."""
    told = False
    for name in names:
        value = before.values.get(name)
        if beside and all(each.values.get(name) == value for each in beside):
            continue
        if row.values.get(name) != value:
            return False
        told = True
    return told


def _misfit(page: Page) -> str:
    """One bad line is a bad line; when most of them are, this is no page of the list as it is mapped."""
    bad = [row for row in page.rows if row.problems]
    if len(bad) <= 1 or 2 * len(bad) <= len(page.rows):
        return ""
    first = bad[0].problems[0]
    return f"{len(bad)} of {len(page.rows)} lines do not fit the map: {first.field} {first.reason}"
