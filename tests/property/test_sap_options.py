"""Any condition of Open SQL, written in lines of OPTIONS, selects what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.testing.sap import conditions, options
from bridge.testing.sap.abap import Field, Structure, Table, Type, char, numc
from bridge.testing.sap.errors import ShortDump
from bridge.testing.sap.relations import Relation
from bridge.testing.sap.values import Row, row_of

ROW = Structure(
    "ZT",
    (
        Field("K", char(3), key=True),
        Field("N", numc(2), key=True),
        Field("D", Type("DATS")),
        Field("P", Type("DEC", 5, 2)),
        Field("I", Type("INT4")),
    ),
)
PLACES = {each.name: place for place, each in enumerate(ROW.fields)}
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": eq,
    "<>": ne,
    "<": lt,
    ">": gt,
    "<=": le,
    ">=": ge,
    "EQ": eq,
    "NE": ne,
    "LT": lt,
}
VALUES = {
    "K": st.text("ab'% ", max_size=3).map(lambda text: text.rstrip(" ")),
    "N": st.integers(0, 20).map(lambda number: f"{number:02}"),
    "D": st.sampled_from(["00000000", "20260131", "20260228", "20261231"]),
    "P": st.integers(-99_999, 99_999).map(lambda number: Decimal(number).scaleb(-2)),
    "I": st.integers(-3, 3),
}


@dataclass(frozen=True)
class Made:
    """A condition as its words, and what it means."""

    words: tuple[str, ...]
    holds: Callable[[Row], bool]

    def __repr__(self) -> str:
        return " ".join(self.words)


def literal(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


@st.composite
def comparisons(draw: st.DrawFn) -> Made:
    name, sign = draw(st.sampled_from(sorted(PLACES))), draw(st.sampled_from(sorted(SIGNS)))
    value, place, compare = draw(VALUES[name]), PLACES[name], SIGNS[sign]
    return Made((name, sign, literal(value)), lambda row: compare(row[place], value))


@st.composite
def betweens(draw: st.DrawFn) -> Made:
    name = draw(st.sampled_from(sorted(PLACES)))
    low, high, place = draw(VALUES[name]), draw(VALUES[name]), PLACES[name]
    words = (name, "BETWEEN", literal(low), "AND", literal(high))
    return Made(words, lambda row: low <= row[place] <= high)


@st.composite
def lists(draw: st.DrawFn) -> Made:
    name = draw(st.sampled_from(sorted(PLACES)))
    values, place = draw(st.lists(VALUES[name], min_size=1, max_size=4)), PLACES[name]
    words = [word for value in values for word in (literal(value), ",")][:-1]
    return Made((name, "IN", "(", *words, ")"), lambda row: row[place] in values)


def negated(inner: Made) -> Made:
    return Made(("NOT", "(", *inner.words, ")"), lambda row: not inner.holds(row))


def joined(word: str, left: Made, right: Made) -> Made:
    words = ("(", *left.words, ")", word, "(", *right.words, ")")
    if word == "AND":
        return Made(words, lambda row: left.holds(row) and right.holds(row))
    return Made(words, lambda row: left.holds(row) or right.holds(row))


CONDITIONS = st.recursive(
    st.one_of(comparisons(), betweens(), lists()),
    lambda inner: st.one_of(
        inner.map(negated), st.builds(joined, st.sampled_from(["AND", "OR"]), inner, inner)
    ),
    max_leaves=12,
)
ROWS = st.lists(st.fixed_dictionaries(VALUES), max_size=20).map(
    lambda rows: [row_of(ROW, row) for row in rows]
)


def in_lines(words: Sequence[str]) -> list[str]:
    """As many words as fit, with a blank at the end of a line."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) + 1 > options.WIDTH:
            lines.append("")
        lines[-1] += word + " "
    return lines


@given(CONDITIONS, ROWS)
def test_a_condition_selects_what_it_says(condition: Made, rows: list[Row]) -> None:
    parsed = options.parse(in_lines(condition.words), ROW)
    assert list(filter(conditions.predicate(parsed), rows)) == list(filter(condition.holds, rows))


@given(CONDITIONS, ROWS)
def test_its_range_of_keys_has_every_row_it_selects(condition: Made, rows: list[Row]) -> None:
    relation = Relation(Table(ROW))
    relation.load(rows)
    parsed = options.parse(in_lines(condition.words), ROW)
    holds = conditions.predicate(parsed)
    ranged = relation.scan(*conditions.bounds(parsed, [PLACES["K"], PLACES["N"]]))
    assert list(filter(holds, ranged)) == list(filter(holds, relation.scan()))


@given(CONDITIONS, st.data())
def test_a_word_that_goes_on_in_the_next_line_is_refused(condition: Made, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([at for at, word in enumerate(condition.words) if len(word) > 1]))
    word = condition.words[place]
    cut = data.draw(st.integers(1, len(word) - 1))
    lines = [*in_lines([*condition.words[:place], word[:cut]])]
    lines += in_lines([word[cut:], *condition.words[place + 1 :]])
    with pytest.raises((options.BadOption, ShortDump)):
        options.parse(lines, ROW)


@given(st.lists(st.text("KNDPI='()<>,. ANDORLIKEINBTW|%1-", max_size=80), max_size=4))
def test_no_text_is_more_than_refused(lines: list[str]) -> None:
    with suppress(options.BadOption, ShortDump):
        conditions.predicate(options.parse(lines, ROW))
