"""Whatever a screen shows, a map neither fails on it nor tells what is hidden, and bad cells are problems."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.mainframe import columns, recognise
from connectors.mainframe.fitted import Row, compiled
from connectors.mainframe.maps import Maps, ScreenMap
from connectors.mainframe.screen import FILLER, Field, Screen

SECRET = "HUNTER2"
VALUES: list[dict[str, Any]] = [
    {"length": 6},
    {"length": 6, "trim": "none", "null": [""]},
    {"length": 8, "pattern": "[A-Z]+"},
    {"picture": "9(4)"},
    {"picture": "ZZ9.99-", "null": ["N/A"]},
    {"picture": "S9(3)"},
    {"date": "DD.MM.YY", "window": 1950},
    {"time": "HHMM"},
    {"length": 1, "true": ["Y"], "false": ["N"]},
]
LABELS = ("NAME:", "LAST NAME:", "A", "12")
texts = st.text(st.sampled_from("0123456789. -:ANMELSTYZ}" + FILLER + "\u3000顧"), max_size=30)


@st.composite
def maps(draw: st.DrawFn) -> ScreenMap:
    values = st.sampled_from(VALUES)
    row, column = st.integers(1, 14), st.integers(1, 40)
    place = st.one_of(
        st.fixed_dictionaries({"row": row, "column": column}),
        st.fixed_dictionaries({"label": st.sampled_from(LABELS)}),
        st.fixed_dictionaries({"field": st.integers(1, 4), "protected": st.booleans()}),
    )
    fields = {f"f{at}": draw(place) | draw(values) for at in range(draw(st.integers(0, 4)))}
    shape = {f"c{at}": {"column": draw(column)} | draw(values) for at in range(draw(st.integers(1, 4)))}
    table = {"rows": "2-6", "columns": shape, "key": ["c0"], "blank": draw(st.sampled_from(["end", "skip"]))}
    return ScreenMap.model_validate({"identify": [{"text": "NAME"}], "fields": fields, "table": table})


@st.composite
def screens(draw: st.DrawFn) -> Screen:
    """Of twelve lines of forty cells, with or without fields, which may wrap."""
    text = "".join(draw(texts).ljust(draw(st.integers(0, 40)))[:40].ljust(40) for _ in range(12))
    starts = draw(st.lists(st.integers(0, 479), unique=True, max_size=12).map(sorted))
    cells = list(text)
    for start in starts:
        cells[start - 1] = " "
    ends = [*starts[1:], starts[0] + 480] if starts else []
    fields = [
        Field(start, end - start - 1, draw(st.booleans()), False, False, False, False)
        for start, end in zip(starts, ends, strict=True)
    ]
    return Screen(12, 40, "".join(cells), tuple(fields), 0, False)


def is_whole(row: Row, names: set[str]) -> bool:
    """Each field is a value or a problem, not both, or the row is none."""
    told = {problem.field for problem in row.problems}
    return not (told & row.values.keys()) and (told == {""} or told | row.values.keys() == names)


@settings(max_examples=300)
@given(maps(), screens())
def test_every_cell_a_map_names_is_a_value_or_a_problem(screen_map: ScreenMap, screen: Screen) -> None:
    assert screen_map.table is not None
    recognise.identify(Maps({"it": screen_map}), screen)
    fits = not compiled(screen_map, screen).misfit
    assert is_whole(recognise.record(screen_map, screen), set(screen_map.fields))
    assert all(place.start < len(screen.text) for place in recognise.places_of(screen_map, screen) if fits)
    if fits:
        page = recognise.page(screen_map, screen)
        assert all(is_whole(row, set(screen_map.table.columns)) for row in page.rows)
        whole = [row.values for row in page.rows if not row.problems]
        schema = columns.schema(screen_map.table.columns, screen_map.table.key)
        assert columns.batch(schema, whole).to_pylist() == whole


@given(maps(), screens(), st.integers(1, 33))
def test_what_a_map_hides_is_nowhere(screen_map: ScreenMap, screen: Screen, column: int) -> None:
    hidden = {"column": column, "length": len(SECRET), "hidden": True}
    options = screen_map.model_dump(by_alias=True, exclude={"fields"})
    options["table"]["columns"]["secret"] = hidden
    try:
        it = ScreenMap.model_validate(options)
    except ValidationError:  # another column tells it
        return
    cells = list(screen.text.replace(FILLER, " "))
    for line in range(1, 6):
        at = line * 40 + column - 1
        cells[at : at + len(SECRET)] = SECRET
    shown = replace(screen, text="".join(cells))
    if not compiled(it, shown).misfit:
        assert SECRET not in str(recognise.page(it, shown))
    assert SECRET not in recognise.without_hidden(it, shown).text
