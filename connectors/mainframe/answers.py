"""Answers: what a screen that was asked for says of one row, or that there is no such row."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from connectors.mainframe import recognise
from connectors.mainframe.errors import Kind, Looked, Trouble, Unanswered
from connectors.mainframe.fitted import Row
from connectors.mainframe.maps import Rule, ScreenMap
from connectors.mainframe.rules import View, told_by
from connectors.mainframe.sights import AS_BEFORE, Sight
from connectors.mainframe.walk import Walk, is_as

# Values of an answer of which one may be all that is new.
_FEW = 2
BUT_ONE = "it tells but one value, or none, that the question did not"


@dataclass(frozen=True, slots=True)
class Missing:
    """How the host says that there is no such row: by screens, and by markers on `screens` alone.

    An error is no answer: a program that is "not found" is not a customer who is.
    """

    signs: Collection[str | Rule]
    screens: Collection[str | None]
    lacks: Callable[[Looked], str] = lambda _: ""
    """What it lacks for being about the row that was asked for."""
    keys: Collection[str] = ()
    """As they were asked for: a marker that names them is about that row, whatever else shows."""

    def shows(self, seen: Looked) -> bool:
        if seen.name is None or seen.kind is not None:
            return False
        here = seen.name in self.screens
        return any(
            seen.name == sign if isinstance(sign, str) else here and recognise.shows(sign, seen.screen)
            for sign in self.signs
        )

    def told(self, seen: Looked) -> list[str] | None:
        """What the markers that say so have found; None: it is not said."""
        if not self.shows(seen):
            return None
        view = View(seen.screen)
        return [found for sign in self.signs if isinstance(sign, Rule) and (found := told_by(sign, view))]

    def doubt(self, seen: Looked) -> str:
        """Why what says so may be about another row."""
        found = self.told(seen) or ()
        named = self.keys and any(all(_names(each, key) for key in self.keys) for each in found)
        return "" if named else self.lacks(seen)


def _names(told: str, key: str) -> bool:
    """A host may fill up a number."""
    zeros = "0*" if key.isdecimal() else ""
    return re.search(rf"(?<!\w){zeros}{re.escape(key)}(?!\w)", told) is not None


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked for, and how its answer is known."""

    told: str
    screen: str
    missing: Missing
    lacks: Callable[[Row], str]
    """What a row lacks for being the one that was asked for."""
    typed: Collection[str]
    """Fields that show what was asked."""
    echoes: bool
    """The key shows where it was typed alone, and so proves nothing."""
    anew: bool
    """It was asked where no former answer stood."""


def read(walk: Walk, question: Question) -> Row | None:
    """The row of the answer, whole and at rest; None: the host says that there is none.

    Errors: Unanswered, as `Walk.await_screen`.
    """
    each, missing = walk.map_of(question.screen), question.missing
    judged = _Judged(question, each, walk.asked, walk.left)
    try:
        seen = walk.await_screen(
            (question.screen,), question.told, rest=walk.pace.rest(1), judge=judged.sight, also=missing.shows
        )
    except Trouble as trouble:
        if why := judged.unanswered(trouble):
            raise Unanswered(Kind.UNKNOWN, question.told, question.screen, trouble.seen, why) from None
        raise
    return None if missing.shows(seen) else recognise.record(each, seen.screen)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What may be an answer, beside what stood there when the keys were pressed."""

    question: Question
    map: ScreenMap
    asked: Looked | None
    """The screen that it was typed on."""
    left: Looked | None
    """The screen that the last key was pressed on."""

    def sight(self, seen: Looked) -> Sight:
        question, missing = self.question, self.question.missing
        if self._tells_the_same(seen):
            return Sight(AS_BEFORE)
        if missing.shows(seen):
            return Sight(missing.doubt(seen), doubtful=True)
        row = recognise.record(self.map, seen.screen)
        echo = self._is_mostly_as_asked(seen, row) if question.echoes else ""
        doubtful = bool(row.problems) or self._may_lack_some(row)
        return Sight(echo or question.lacks(row), doubtful)

    def unanswered(self, trouble: Trouble) -> str:
        """Why what has ended the wait is no answer; empty where it is more than that."""
        seen, missing = trouble.seen, self.question.missing
        if trouble.kind is Kind.REJECT and is_as(self.asked, seen):
            return AS_BEFORE
        fits = seen.name == self.question.screen or missing.shows(seen)
        return self.sight(seen).lacks if trouble.kind is Kind.UNKNOWN and fits else ""

    def _tells_the_same(self, seen: Looked) -> bool:
        """As when the key was pressed, markers included: one that stood there is about another row."""
        missing = self.question.missing
        if self.asked is None or (told := missing.told(self.asked)) != missing.told(seen):
            return False
        return bool(told) or is_as(self.asked, seen)

    def _is_mostly_as_asked(self, seen: Looked, row: Row) -> str:
        """At least half of what shows stood there when the key was pressed, or but one value is new.

        A clock alone is no answer, nor is PROCESSING, over a former one or over a question of the same map.
        What stood there is no former answer where it was asked anew.
        """
        if self.asked is None or self.asked.name != seen.name:
            return ""
        anew, now = self.question.anew, row.values
        before = recognise.record(self.map, self.asked.screen).values
        wanted = {name for name, field in self.map.fields.items() if not field.hidden} - {
            *self.question.typed
        }
        shown = [name for name in wanted if now.get(name) not in (None, "")]
        same = sum(now[name] == before.get(name) for name in shown)
        if len(wanted) > _FEW and len(shown) - same <= 1:
            return BUT_ONE if anew else AS_BEFORE
        return AS_BEFORE if not anew and 0 < len(shown) <= 2 * same else ""

    def _may_lack_some(self, row: Row) -> bool:
        """A value that is blank, or stood there when a key was pressed, need not be this row's."""
        former = [recognise.record(self.map, at.screen).values for at in (self.asked, self.left) if at]
        shown = {name: value for name, value in row.values.items() if name not in self.question.typed}
        return any(value in (None, "", *(each.get(name) for each in former)) for name, value in shown.items())
