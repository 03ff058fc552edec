"""The screen behind a row of a list: opened from the page that shows the row, read, and left again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bridge.contract import Reject
from connectors.mainframe import answers, recognise
from connectors.mainframe.answers import Missing, Question
from connectors.mainframe.config import Detail, Select, Step
from connectors.mainframe.errors import Kind, Trouble
from connectors.mainframe.fitted import Row
from connectors.mainframe.pages import Shown
from connectors.mainframe.readings import ListReading
from connectors.mainframe.scans import Key, judged
from connectors.mainframe.walk import Walk, stands


def read(
    walk: Walk, reading: ListReading, detail: Detail, shown: Shown, key: Key, *, again: bool = False
) -> Row | Reject | None:
    """What the screen says of the row; None when it is gone. The way back is not gone yet.

    `again`: no former answer can stand there; one that has little in it is one.
    """
    told, names = f"row {written(key)}", reading.table.key
    try:
        _open(walk, reading, detail, shown, key)
        lacks = partial(another, names=names, key=key)
        missing = _missing(reading, detail)
        echoes = not (again or reading.shows_the_key)
        row = answers.read(walk, Question(told, detail.screen, missing, lacks, names, echoes, anew=again))
    except Trouble as trouble:
        if trouble.kind is not Kind.REJECT:
            raise
        name = reading.table.name
        return Reject(name, f"{told}: {trouble.seen.error}", trouble.seen.error, _named(reading, key))
    if row is None:
        return None
    _, reject = judged(row, reading.table, _named(reading, key))
    return reject or row


def _open(walk: Walk, reading: ListReading, detail: Detail, shown: Shown, key: Key) -> None:
    told, row = f"row {written(key)}, to {detail.screen}", shown.page.rows[shown.keys.index(key)]
    if detail.select is None:
        texts = shown.texts(reading, row, reading.table.key)
        walk.perform(detail.goto, told, walk.texts.with_key(texts))
        return
    walk.type_into(_place(reading, detail.select, shown, key), detail.select.text, shown.seen, told)
    walk.press(detail.select.press, told, (detail.screen,))


def take_back(walk: Walk, reading: ListReading, detail: Detail, shown: Shown, key: Key) -> None:
    """The selection, where the host has left it beside the row: the next key would send it once more."""
    if detail.select is None:
        return
    at, told = _place(reading, detail.select, shown, key), f"row {written(key)}, taken back"
    seen, field = walk.look(), walk.look().screen.field_at(at)
    takes = seen.name == reading.options.screen and field is not None and not field.protected
    if takes and stands(seen.screen, at, detail.select.text):
        walk.type_into(at, "", walk.unlock(told), told)


def _place(reading: ListReading, select: Select, shown: Shown, key: Key) -> int:
    row = shown.page.rows[shown.keys.index(key)]
    return recognise.address(reading.map, select.field, shown.seen.screen, row.line) or 0


def _missing(reading: ListReading, detail: Detail) -> Missing:
    """Markers count on the list, on the row's screen, and on those that the last steps to it name."""
    *_, led, last = Step(), Step(), *detail.goto
    named = {*led.expect, *last.on, *last.expect}
    return Missing(detail.missing, {reading.options.screen, detail.screen, *named})


def written(key: Key) -> str:
    return ", ".join(map(str, key))


def another(row: Row, names: Sequence[str], key: Key) -> str:
    """What a screen lacks that shows another row's key."""
    shown = {name: row.values[name] for name in names if name in row.values}
    wanted = dict(zip(names, key, strict=True))
    wrong = [f"{name} {value}" for name, value in shown.items() if value != wanted[name]]
    return f"it shows {', '.join(wrong)}, not {written(key)}" if wrong else ""


def _named(reading: ListReading, key: Key) -> dict[str, object]:
    return dict(zip(reading.table.key, key, strict=True))
