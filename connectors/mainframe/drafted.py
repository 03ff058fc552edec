"""A map under way: what `from-bms` and `draft` know of a screen, printed with what is left to decide."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import yaml

DECIDE = "decide: "
_NEXT = re.compile(r"\bP?F(\d{1,2})\s*[=\-:)]?\s*(?:FWD|FORW\w*|NEXT|DOWN)\b", re.IGNORECASE)
_PAGE = re.compile(r"\bPAGE(?: *[:.]| ) *\d+(?: *(?:\bOF\b|/) *\d+)?(?=[\s),;]|$)", re.IGNORECASE)
_ENDS = re.compile(r"\b(?:END OF|BOTTOM OF|LAST PAGE|NO MORE)\b.*", re.IGNORECASE)
_LEGEND = re.compile(r"\bP?F\d{1,2}\s*[=\-:)].*?(?=\s{2,}|\s+P?F\d{1,2}\s*[=\-:)]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Item:
    """A field or a column: its options in the map, and what is to say about it."""

    name: str
    options: Mapping[str, object]
    note: str = ""


@dataclass(slots=True)
class Rows:
    """The table of a screen."""

    first: int
    last: int
    columns: list[Item]
    key: str
    next: str | None = None
    page: Mapping[str, object] | None = None
    end: list[Mapping[str, object]] = field(default_factory=list)
    more: list[Mapping[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Draft:
    """One screen."""

    name: str
    size: str | None = None
    identify: list[Mapping[str, object]] = field(default_factory=list)
    fields: list[Item] = field(default_factory=list)
    table: Rows | None = None
    notes: list[str] = field(default_factory=list)


def printed(drafts: Iterable[Draft], heading: str) -> str:
    """A map file. What `decide` says in it is for people."""
    lines = [_comment(0, heading), "screens:"]
    for draft in drafts:
        lines += _screen(draft)
    return "\n".join(lines) + "\n"


def named(text: str, taken: Collection[str], otherwise: str = "field") -> str:
    """A name for a field: small letters, digits and underscores, and none that is taken."""
    name = re.sub(r"\W+", "_", text.lower(), flags=re.ASCII).strip("_") or otherwise
    if name[0].isdigit():
        name = f"{otherwise}_{name}"
    if name not in taken:
        return name
    return next(other for number in range(2, 10_000) if (other := f"{name}_{number}") not in taken)


def next_key(texts: Iterable[str]) -> str | None:
    """The key that a line like `PF8=NEXT` names for the following page."""
    found = next(filter(None, map(_NEXT.search, texts)), None)
    return f"pf{int(found[1])}" if found and 0 < int(found[1]) <= 24 else None  # noqa: PLR2004 - PF24 is the last


def page_number(row: int, line: str) -> Mapping[str, object] | None:
    """Where a line has the number of a page, as a map says it."""
    found = _PAGE.search(line)
    if found is None:
        return None
    numbers = iter("NM")
    text = re.sub(r"\d+", lambda _: next(numbers), found[0])
    return {"row": row, "text": " ".join(text.split())}


def end_marker(text: str) -> str | None:
    """What in a text says that the list is over, and does not name a key."""
    found = _ENDS.search(_LEGEND.sub("", text))
    return found[0].strip() if found else None


def flow(value: object) -> str:
    """A value on one line of YAML."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str() if re.fullmatch(r"[A-Za-z_]\w*", value, re.ASCII) and _plain(value):
            return value
        case str():
            quoted = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=10_000)
            return quoted.strip("\n")
        case Mapping():
            return "{" + ", ".join(f"{flow(key)}: {flow(each)}" for key, each in value.items()) + "}"
        case Iterable():
            return "[" + ", ".join(map(flow, value)) + "]"
    raise TypeError(value)


def _plain(word: str) -> bool:
    """Whether YAML takes the word for text: `no` and `null` it does not."""
    return bool(yaml.safe_load(word) == word)


def _screen(draft: Draft) -> Iterator[str]:
    yield f"  {flow(draft.name)}:"
    yield from (_comment(4, note) for note in draft.notes)
    if draft.size:
        yield f"    size: {draft.size}"
    if len(draft.identify) == 1:
        yield f"    identify: {flow(draft.identify)}"
    elif draft.identify:
        yield "    identify:"
        yield from (f"      - {flow(each)}" for each in draft.identify)
    if draft.fields:
        yield "    fields:"
        yield from (_item(6, each) for each in draft.fields)
    if draft.table:
        yield "    table:"
        yield from _table(draft.table)


def _table(table: Rows) -> Iterator[str]:
    yield from (_comment(6, note) for note in table.notes)
    yield f"      rows: {table.first}-{table.last}"
    yield "      columns:"
    yield from (_item(8, each) for each in table.columns)
    yield f"      key: [{flow(table.key)}]  # {DECIDE}is this what a row is known by?"
    if table.page:
        yield f"      page: {flow(table.page)}"
    if table.next:
        yield f"      next: {table.next}"
    else:
        yield _comment(6, f"{DECIDE}next: pf8, if the list has further pages")
    if table.more:
        yield f"      more: {flow(table.more)}"
    if table.end:
        yield f"      end: {flow(table.end)}"
    else:
        yield _comment(6, f'{DECIDE}end: [{{row: ..., text: "..."}}], what the last page shows')


def _item(indent: int, item: Item) -> str:
    note = f"  # {' '.join(item.note.split())}" if item.note else ""
    return f"{' ' * indent}{flow(item.name)}: {flow(item.options)}{note}"


def _comment(indent: int, text: str) -> str:
    return f"{' ' * indent}# {' '.join(text.split())}"
