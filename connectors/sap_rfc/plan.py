"""How a choice of rows is read: in which groups of columns, and by which conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from decimal import Decimal

import pyarrow as pa

from bridge.errors import PermanentError
from connectors.sap_rfc import conditions
from connectors.sap_rfc.conditions import Condition
from connectors.sap_rfc.groups import SEPARATOR, TooWideError, divided
from connectors.sap_rfc.ranges import Key, Ranges
from connectors.sap_rfc.readers import Reader
from connectors.sap_rfc.reading import Choice, Reading, of

_MOST_KEPT = 4
NOTHING = "\x00"
"""ABAP fields may hold it; what a database makes of it in a condition nobody promises."""


class Plan:
    """`order`: the groups as they are read; `twins`: which of the parts must be the same (see groups.joined).

    `proof`: columns that are another with each change; without them, all but the last group are read twice.
    Errors: PermanentError when a column has no place in a row of the reader's, or cannot be compared.
    """

    def __init__(self, choice: Choice, reading: Reading, widths: Mapping[str, int], reader: Reader) -> None:
        self.choice, self.reading, self.widths = choice, reading, widths
        self.key = choice.relation.key
        self._columns = [of(choice.relation, name) for name in self.key]
        self._dated = [at for at, column in enumerate(self._columns) if column.inttype in "DT"]
        self.where, self.ranges = choice.where, Ranges(self._dated)
        self._others: dict[Condition, Plan] = {self.where: self}
        self._tellable = conditions.harmless if reader.is_wary else conditions.shortened
        self._check(reader.name)
        try:
            groups, self.proof = _grouped(choice, reading, widths, reader.most)
        except TooWideError as error:
            raise PermanentError(
                f"{choice.relation.name}: {error} together, and a row of {reader.name} has {reader.most}: the"
                " key is read with every other column",
                remedy="`exclude` columns, or name a `reader` with longer rows, such as"
                " /BODS/RFC_READ_TABLE2",
            ) from None
        count = len(groups)
        self.widest = max(sum(widths[name] for name in group) for group in groups)
        if self.proof:
            self.order, self.twins = groups, tuple((0, at) for at in range(1, count))
        else:
            self.order = (*groups, *groups[:-1])
            self.twins = tuple((at, count + at) for at in range(count - 1))

    def of(self, where: Condition) -> Plan:
        """The same of other rows of the table. Of a few such conditions the ranges are remembered."""
        found = self._others.get(where)
        if found is None:
            found = copy(self)
            found.where, found.ranges = where, Ranges(self._dated)
            if len(self._others) >= _MOST_KEPT:
                del self._others[next(iter(self._others))]
            self._others[where] = found
        return found

    def _check(self, reader: str) -> None:
        table = self.choice.relation.name
        if not self.key:
            raise PermanentError(
                f"{table} has no key in the dictionary",
                remedy="name the columns that tell its rows apart under `key`",
            )
        for column in self._columns:
            if not conditions.comparable(column):
                raise PermanentError(
                    f"column {column.name} of {table} is {column.abap}, by which rows cannot be told apart",
                    remedy="name other columns under `key`",
                )
        for column in (of(self.choice.relation, name) for name in self.reading.names):
            lost = column.lost(self.widths[column.name])
            if lost:
                raise PermanentError(
                    f"{reader} cannot read {column.name} of {table}: it {lost}",
                    remedy="`exclude` it, or name another `reader`",
                )

    def between(self, after: Key | None, end: Key | None) -> Condition:
        """Of the rows behind a place, up to another one."""
        found = [self.where]
        if after is not None:
            found.append(conditions.after(self.key, self._literals(after)))
        if end is not None:
            found.append(conditions.upto(self.key, self._literals(end)))
        return conditions.both(*found)

    def among(self, keys: Sequence[str]) -> Condition:
        """Of the rows with these keys, and perhaps of some others. Errors: PermanentError."""
        self.must_tell(pa.array(keys, pa.string()))
        same = [conditions.both(*map(conditions.equal, self._columns, split(key))) for key in keys]
        return conditions.both(self.where, conditions.either(*same))

    def must_tell(self, keys: pa.StringArray) -> None:
        """Errors: PermanentError when one of them cannot be told in a condition."""
        for key in self.untold(keys):
            raise self._untold(key)

    def untold(self, keys: pa.StringArray) -> list[str]:
        """Those that cannot."""
        return [key for key in keys.to_pylist() if not self._is_told(key)]

    def ordered(self, keys: pa.StringArray) -> list[str]:
        """Those that can be told in a condition. Errors: PermanentError when there is none."""
        found = sorted(filter(self._is_told, keys.to_pylist()), key=self._place)
        if len(keys) and not found:
            raise self._untold(keys[0].as_py())
        return found

    def _is_told(self, key: str) -> bool:
        try:
            return NOTHING not in key and bool(self._literals(split(key)))
        except ValueError:
            return False

    def _untold(self, key: str) -> PermanentError:
        told = " ".join(map(repr, split(key)))
        return PermanentError(
            f"{self.choice.relation.name}: {told} is no key that a condition can tell",
            remedy="correct it in SAP, or name a `reader` that gives its columns more room",
        )

    def bound(self, key: str) -> Key:
        """A place in the order: the key, or as much of its beginning as conditions can tell."""
        found: list[str] = []
        for text in split(key):
            found.append(self._tellable(text))
            if found[-1] != text:
                break
        return tuple(found)

    def check(self, place: Sequence[object]) -> Key:
        """Errors: ValueError when it is no place in this order."""
        found = tuple(str(text) for text in place)
        if not 0 < len(found) <= len(self.key) or not all(isinstance(text, str) for text in place):
            raise ValueError(f"{place} is no value of {', '.join(self.key)}")
        self._literals(found)
        return self.bound(SEPARATOR.join(found))

    def _literals(self, key: Key) -> list[str]:
        return [conditions.literal(*each) for each in zip(self._columns, key, strict=False)]

    def _place(self, key: str) -> tuple[str | Decimal, ...]:
        return tuple(map(conditions.ordinal, self._columns, split(key)))


def split(key: str) -> Key:
    return tuple(key.split(SEPARATOR))


def _grouped(
    choice: Choice, reading: Reading, widths: Mapping[str, int], most: int
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Groups, and what proves that they are of one row; where there is no room for that, nothing does."""
    names = tuple(dict.fromkeys((*choice.relation.key, *reading.names)))
    if sum(widths[name] for name in names) <= most:
        return (names,), ()
    if choice.changed:
        try:
            head = dict.fromkeys((*choice.relation.key, *choice.changed))
            return divided(widths, tuple(head), names, most), choice.changed
        except TooWideError:
            pass
    return divided(widths, choice.relation.key, names, most), ()
