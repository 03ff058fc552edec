"""Data descriptions: from the words of a copybook to a tree of items (Enterprise COBOL, data division)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bridge.errors import ConfigError
from connectors.mainframe.records.copybook import picture
from connectors.mainframe.records.copybook.item import WITHOUT_PICTURE, Item, Occurs, Sign, Usage
from connectors.mainframe.records.copybook.picture import Kind, Picture
from connectors.mainframe.records.copybook.source import Library, Word, words

_DEEPEST_LEVEL = 49
_STANDALONE = 77
_IGNORED_LEVELS = (66, 78, 88)
_MOST_BINARY_DIGITS = 18
_NO_FULL_STOP = "is a full stop missing?"
_OTHER_LANGUAGES = ("EXEC", "EXECUTE")
"""DCLGEN puts the table's SQL before the record."""


_USAGES: Mapping[str, Usage] = {
    "DISPLAY": Usage.DISPLAY,
    "NATIONAL": Usage.NATIONAL,
    "BINARY": Usage.BINARY,
    "PACKED-DECIMAL": Usage.PACKED,
    "POINTER": Usage.POINTER,
    "INDEX": Usage.POINTER,
    **{
        prefix + suffix: usage
        for prefix in ("COMP", "COMPUTATIONAL")
        for suffix, usage in {
            "": Usage.BINARY,
            "-1": Usage.FLOAT,
            "-2": Usage.DOUBLE,
            "-3": Usage.PACKED,
            "-4": Usage.BINARY,
            "-5": Usage.NATIVE,
        }.items()
    },
}


def parse(path: Path, library: Library | None = None) -> list[Item]:
    """The records (levels 01 and 77) of a copybook; one that begins lower is a record without a name.

    Errors: ConfigError with file and line.
    """
    library = library or Library()
    entries = [entry for sentence in _sentences(path, library) if (entry := _entry(sentence))]
    if not entries:
        raise ConfigError(f"{path}: describes no data", remedy="name a copybook")
    records = _tree(entries)
    for record in records:
        _inherit(record, None, None)
    return records


def _sentences(path: Path, library: Library) -> Iterator[list[Word]]:
    sentence: list[Word] = []
    for word in words(path, library):
        if word.text == ".":
            if sentence:
                yield sentence
            sentence = []
        else:
            sentence.append(word)
    if sentence:
        raise sentence[0].error("the entry has no full stop")


# -- one entry


class _Clauses:
    """The words of an entry, one after the other."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._words, self._at = words, 0
        self.last = words[0]

    def __bool__(self) -> bool:
        return self._at < len(self._words)

    @property
    def ahead(self) -> str:
        return self._words[self._at].upper if self else ""

    def take(self) -> Word:
        if not self:
            raise self.last.error(f"something is missing behind {self.last.text}")
        self.last = self._words[self._at]
        self._at += 1
        return self.last

    def skip(self, *optional: str) -> bool:
        """Over words that may be there; whether one was."""
        skipped = False
        while self and self.ahead in optional:
            self.take()
            skipped = True
        return skipped

    def number(self) -> int:
        word = self.take()
        if not word.text.isdecimal():
            raise word.error(f"{word.text} is no number")
        return int(word.text)


def _entry(sentence: Sequence[Word]) -> Item | None:
    clauses = _Clauses(sentence)
    first = clauses.take()
    if first.upper in _OTHER_LANGUAGES:
        return None
    if not first.text.isdecimal():
        raise first.error(
            f"{first.text} is no level number", "a copybook holds data descriptions alone, without code"
        )
    level = int(first.text)
    if level in _IGNORED_LEVELS:
        _must_be_alone(sentence)
        return None
    if not (1 <= level <= _DEEPEST_LEVEL or level == _STANDALONE):
        raise first.error(f"there is no level {first.text}")
    item = Item(first, level, None)
    if clauses and clauses.ahead not in _CLAUSES and clauses.ahead not in _USAGES:
        name = clauses.take()
        if not re.fullmatch(r"[\w-]+", name.text) or name.text.isdecimal():
            raise name.error(
                f"{name.text} is no name", "is a COPY … REPLACING missing?" if ":" in name.text else ""
            )
        item.name = None if name.upper == "FILLER" else name.upper
    known = set[Callable[[Item, _Clauses], None]]()
    while clauses:
        word = clauses.take()
        clause = _usage if word.upper in _USAGES else _CLAUSES.get(word.upper)
        if clause is None:
            raise word.error(f"{word.text} is not understood", _NO_FULL_STOP if word.text.isdecimal() else "")
        if clause in known:
            raise word.error(f"{item.told}: a second {word.text}", _NO_FULL_STOP)
        known.add(clause)
        clause(item, clauses)
    return item


def _must_be_alone(sentence: Sequence[Word]) -> None:
    """A name for values or for other items: an entry behind it would be lost with it."""
    for word in sentence:
        if _CLAUSES.get(word.upper) is _picture:
            raise word.error(f"{word.text} does not belong to level {sentence[0].text}", _NO_FULL_STOP)


def _picture(item: Item, clauses: _Clauses) -> None:
    clauses.skip("IS")
    word = clauses.take()
    try:
        item.picture = picture.parse(word.text)
    except ValueError as error:
        raise word.error(f"the picture {word.text} of {item.told}: {error}") from None


def _usage(item: Item, clauses: _Clauses) -> None:
    word = clauses.last
    if word.upper == "USAGE":
        clauses.skip("IS")
        word = clauses.take()
    if word.upper not in _USAGES:
        raise word.error(f"USAGE {word.text} is not supported", f"it can be {', '.join(_USAGES)}")
    item.usage = _USAGES[word.upper]


def _sign(item: Item, clauses: _Clauses) -> None:
    clauses.skip("IS")
    word = clauses.last if clauses.last.upper in ("LEADING", "TRAILING") else clauses.take()
    if word.upper not in ("LEADING", "TRAILING"):
        raise word.error("SIGN is LEADING or TRAILING")
    separate = clauses.skip("SEPARATE")
    clauses.skip("CHARACTER")
    item.sign = Sign(word.upper == "LEADING", separate)


def _occurs(item: Item, clauses: _Clauses) -> None:
    word = clauses.last
    least, most = 1, clauses.number()
    if clauses.skip("TO"):
        least, most = most, clauses.number()
    clauses.skip("TIMES")
    counter: list[str] = []
    if clauses.skip("DEPENDING"):
        clauses.skip("ON")
        counter.append(clauses.take().upper)
        while clauses.skip("OF", "IN"):
            counter.append(clauses.take().upper)
    while clauses.skip("ASCENDING", "DESCENDING", "KEY", "IS", "INDEXED", "BY"):
        while clauses and clauses.ahead not in _CLAUSES and clauses.ahead not in _USAGES:
            clauses.take()
    if not counter:
        least = most
    if not 0 <= least <= most or not most:
        raise word.error(f"OCCURS {least} TO {most} is impossible")
    item.occurs = Occurs(least, most, tuple(counter))


def _redefines(item: Item, clauses: _Clauses) -> None:
    item.redefines = clauses.take().upper


def _value(_item: Item, clauses: _Clauses) -> None:
    """Literals; what a program begins with says nothing about records. A number may be the next level's."""
    clauses.skip("IS", "ARE", "ALL")
    clauses.take()
    while clauses.ahead.endswith(("'", '"')):
        clauses.take()


def _synchronized(item: Item, clauses: _Clauses) -> None:
    clauses.skip("LEFT", "RIGHT")
    item.synchronized = True


def _justified(item: Item, clauses: _Clauses) -> None:
    clauses.skip("RIGHT")
    item.justified = True


def _blank(item: Item, clauses: _Clauses) -> None:
    clauses.skip("WHEN")
    clauses.take()
    item.blank_when_zero = True


def _nothing(_item: Item, _clauses: _Clauses) -> None:
    """A clause that changes no byte."""


_CLAUSES: Mapping[str, Callable[[Item, _Clauses], None]] = {
    **dict.fromkeys(("PIC", "PICTURE"), _picture),
    "USAGE": _usage,
    **dict.fromkeys(("SIGN", "LEADING", "TRAILING"), _sign),
    "OCCURS": _occurs,
    "REDEFINES": _redefines,
    **dict.fromkeys(("VALUE", "VALUES"), _value),
    **dict.fromkeys(("SYNC", "SYNCHRONIZED"), _synchronized),
    **dict.fromkeys(("JUST", "JUSTIFIED"), _justified),
    "BLANK": _blank,
    **dict.fromkeys(("EXTERNAL", "GLOBAL"), _nothing),
}


# -- the tree


def _tree(entries: Sequence[Item]) -> list[Item]:
    records: list[Item] = []
    around: list[Item] = []
    for item in entries:
        if item.level == _STANDALONE:
            around = []
        while around and around[-1].level >= item.level:
            around.pop()
        if item.level in (1, _STANDALONE):
            records.append(item)
        else:
            if not around:
                around = [Item(item.word, 1, None)]
                records.append(around[0])
            _attach(item, around[-1])
        around.append(item)
    return records


def _attach(item: Item, group: Item) -> None:
    if group.picture is not None:
        raise item.word.error(
            f"{item.told} (level {item.level:02}) stands in {group.told}, which has a picture",
            f"see {group.word.file}:{group.word.line}",
        )
    if group.items and group.items[0].level != item.level and item.level < group.items[0].level:
        raise item.word.error(f"{item.told}: no group has level {item.level:02}")
    group.items.append(item)


def _inherit(item: Item, usage: Usage | None, sign: Sign | None) -> None:
    item.usage, item.sign = item.usage or usage, item.sign or sign
    if item.blank_when_zero and item.picture and item.picture.kind is Kind.NUMBER:
        item.picture = Picture(Kind.TEXT, item.picture.length)
    if not item.items:
        _check(item)
    for each in item.items:
        _inherit(each, item.usage, item.sign)


def _check(item: Item) -> None:
    """Is an elementary item one that has bytes?"""
    pictured, usage = item.picture, item.usage or Usage.DISPLAY
    if pictured is None:
        if usage not in WITHOUT_PICTURE:
            raise item.word.error(f"{item.told} has neither a picture nor items in it")
        return
    if usage in WITHOUT_PICTURE:
        raise item.word.error(f"{item.told}: USAGE {usage.value} has no picture")
    if (usage is Usage.NATIONAL) != (pictured.kind is Kind.NATIONAL) and usage is not Usage.DISPLAY:
        raise item.word.error(f"{item.told}: only PIC N has USAGE NATIONAL")
    if usage in (Usage.DISPLAY, Usage.NATIONAL):
        return
    if pictured.kind is not Kind.NUMBER:
        raise item.word.error(f"{item.told}: USAGE {usage.value} needs a picture of a number")
    if usage in (Usage.BINARY, Usage.NATIVE) and pictured.digits > _MOST_BINARY_DIGITS:
        raise item.word.error(f"{item.told}: USAGE {usage.value} has at most {_MOST_BINARY_DIGITS} digits")
