"""Random copybooks: what is encoded is decoded, what is corrupted is told, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.contract import Table
from bridge.errors import ConfigError
from connectors.mainframe.records.copybook import grammar
from connectors.mainframe.records.copybook.decode import Decoder
from connectors.mainframe.records.copybook.encode import Encoder
from connectors.mainframe.records.copybook.layout import layout
from connectors.mainframe.records.options import RecordOptions
from connectors.mainframe.records.rows import judged

_TEXT = "ABCXYZ abcxyz0189.-/"
_FOREIGN = {"cp037": "äÖ¢", "cp1141": "äÖ€", "ascii": "", "latin-1": "äÖ¢", "utf-8": ""}


@dataclass
class Entry:
    """An item: the lines that describe it, and a strategy of its values."""

    name: str
    clauses: str
    values: st.SearchStrategy[Any] | None
    items: list[Entry] = field(default_factory=list)
    selector: str = ""
    """The item that tells whether the entry is there, or the one that redefines it."""
    redefined_by: Entry | None = None
    most: int = 0
    varies: bool = False

    def lines(self, level: int) -> Iterator[str]:
        if self.selector:
            yield f"{level:02} {self.selector} PIC X."
        yield f"{level:02} {self.name} {self.clauses}".rstrip() + "."
        for item in self.items:
            yield from item.lines(level + 5)
        if self.redefined_by:
            yield from self.redefined_by.lines(level)


@dataclass
class Grower:
    """Makes entries of unique names."""

    draw: Callable[..., Any]
    code_page: str
    names: Iterator[int] = field(default_factory=count)
    redefines: dict[str, Any] = field(default_factory=dict)

    def name(self) -> str:
        return f"F-{next(self.names)}"

    def leaf(self) -> Entry:
        make = self.draw(st.sampled_from([self.text, self.number, self.number, self.number, self.floating]))
        entry: Entry = make()
        return entry

    def text(self) -> Entry:
        size = self.draw(st.integers(1, 12))
        letters = _TEXT + _FOREIGN[self.code_page]
        values = st.text(letters, max_size=size).map(lambda text: text.rstrip(" "))
        return Entry(self.name(), f"PIC X({size})", values)

    def number(self) -> Entry:
        usage = self.draw(st.sampled_from(["", "COMP", "COMP-3", "COMP-5", "BINARY"]))
        most = 18 if usage in ("COMP", "COMP-5", "BINARY") else 34
        some = st.integers(0, most // 2)
        before, after = self.draw(st.tuples(some, some) | st.just((18, 0)))
        before = before or (1 if not after else 0)
        signed = self.draw(st.booleans())
        where = self.draw(
            st.sampled_from(["", "SIGN LEADING", "TRAILING SEPARATE", "SIGN IS LEADING SEPARATE"])
        )
        sign = where if signed and not usage else ""
        shape = self.draw(st.sampled_from(["plain", "plain", "plain", "right", "left"]))
        if shape == "right" and before:
            digits, scale, picture = before, -2, f"9({before})PP"
        elif shape == "left" and after:
            digits, scale, picture = after, after + 2, f"VPP9({after})"
        else:
            digits, scale = before + after, after
            picture = (f"9({before})" if before else "") + (f"V9({after})" if after else "")
        most_value = 10**digits - 1
        if usage == "COMP-5" and not signed:
            most_value = min(most_value, 2**63 - 1)
        values = st.integers(-most_value if signed else 0, most_value)
        return Entry(
            self.name(),
            f"PIC {'S' * signed}{picture} {usage} {sign}",
            values.map(lambda whole: _scaled(whole, scale)),
        )

    def floating(self) -> Entry:
        """Of few bits, so that each form of float holds it exactly."""
        single = self.draw(st.booleans())
        whole = st.integers(-(2**20), 2**20)
        return Entry(self.name(), "COMP-1" if single else "COMP-2", whole.map(lambda number: number / 64))

    def entry(self, depth: int) -> Entry:
        kinds = ["leaf", "leaf", "leaf"] + (["group", "table", "choice"] if depth else [])
        match self.draw(st.sampled_from(kinds)):
            case "group":
                return Entry(self.name(), "", None, self.entries(depth - 1))
            case "table":
                return self.table(depth)
            case "choice":
                group = Entry(self.name(), "", None, self.entries(0))
                other = Entry(self.name(), f"REDEFINES {group.name}", None, self.entries(0))
                group.redefined_by, group.selector = other, self.name()
                self.redefines[group.name] = {group.name: {group.selector: "A"}, other.name: {}}
                return group
        return self.leaf()

    def table(self, depth: int) -> Entry:
        inner = (
            self.leaf() if self.draw(st.booleans()) else Entry(self.name(), "", None, self.entries(depth - 1))
        )
        inner.most = self.draw(st.integers(1, 4))
        inner.clauses += f" OCCURS {inner.most} TIMES"
        return inner

    def entries(self, depth: int) -> list[Entry]:
        return [self.entry(depth) for _ in range(self.draw(st.integers(1, 4)))]


def _scaled(whole: int, scale: int) -> int | Decimal:
    return whole * 10**-scale if scale <= 0 else Decimal(f"{whole}e-{scale}")


def _row(entries: list[Entry]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*map(_part, entries)).map(
        lambda parts: {k: v for part in parts for k, v in part.items()}
    )


def _part(entry: Entry) -> st.SearchStrategy[dict[str, Any]]:
    """The columns of one entry: of groups those of their items."""
    name = _column(entry.name)
    if entry.most:
        element = entry.values if entry.values is not None else _row(entry.items)
        least = 0 if entry.varies else entry.most
        return st.fixed_dictionaries({name: st.lists(element, min_size=least, max_size=entry.most)})
    if entry.values is not None:
        return st.fixed_dictionaries({name: entry.values})
    if entry.redefined_by is None:
        return _row(entry.items)
    selector = _column(entry.selector)
    return _row(entry.items).map(lambda row: {selector: "A", **row}) | _row(entry.redefined_by.items).map(
        lambda row: {selector: "B", **row}
    )


def _column(name: str) -> str:
    return name.lower().replace("-", "_")


@dataclass
class Record:
    """A copybook with two tables of varying length, or none, and rows for it."""

    text: str
    options: Mapping[str, Any]
    rows: list[dict[str, Any]]


@st.composite
def records(draw: Callable[..., Any]) -> Record:
    code_page = draw(st.sampled_from(sorted(_FOREIGN)))
    grower = Grower(draw, code_page)
    entries = grower.entries(2)
    if draw(st.booleans()):
        counter = Entry("COUNTED", "PIC 9(2) COMP-3", None)
        varying = grower.table(1)
        varying.varies = True
        varying.clauses = varying.clauses.replace(
            f"OCCURS {varying.most} TIMES", f"OCCURS 0 TO {varying.most} DEPENDING ON COUNTED"
        )
        entries += [counter, varying, *grower.entries(1)]
    lines = ["01 R."]
    for entry in entries:
        lines += entry.lines(5)
    known = [each for each in entries if each.name != "COUNTED"]
    rows = draw(st.lists(_row(known), min_size=1, max_size=5))
    options = {
        "code_page": code_page,
        "floats": draw(st.sampled_from(["ibm", "ieee"])),
        "byte_order": draw(st.sampled_from(["big", "little"])),
        "redefines": grower.redefines,
    }
    return Record("\n".join(lines) + "\n", options, rows)


def _book(folder: Path, record: Record, **options: Any) -> tuple[Decoder, Encoder]:
    path = folder / "book.cpy"
    path.write_text(record.text)
    known = RecordOptions.model_validate({"copybook": str(path), **record.options, **options})
    found = layout(grammar.parse(path), known)
    return Decoder(found, known), Encoder(found, known)


def _shown(value: Any, like: Any) -> Any:
    """Without the columns that `like` has not: items that redefine those that were chosen."""
    if isinstance(like, dict):
        return {name: _shown(value[name], each) for name, each in like.items()}
    if isinstance(like, list):
        return [_shown(one, each) for one, each in zip(value, like, strict=True)]
    return value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(record=records())
def test_what_is_encoded_is_decoded(tmp_path: Path, record: Record) -> None:
    decoder, encoder = _book(tmp_path, record)
    raw = [encoder.encode(row) for row in record.rows]
    decoded = decoder.records(raw)
    assert not decoded.problems
    assert _shown(decoded.rows.to_pylist(), record.rows) == record.rows
    assert [encoder.encode(row) for row in decoded.rows.to_pylist()] == raw
    assert decoded.rows.schema == decoder.schema


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(record=records(), data=st.data())
def test_whatever_the_bytes_are_they_are_values_or_problems(
    tmp_path: Path, record: Record, data: st.DataObject
) -> None:
    """No exception; others do not matter to a record; a problem shows the bytes that are there."""
    decoder, encoder = _book(tmp_path, record)
    raw = [bytearray(encoder.encode(row)) for row in record.rows]
    for each in raw:
        for _ in range(data.draw(st.integers(0, 3))):
            each[data.draw(st.integers(0, len(each) - 1))] = data.draw(st.integers(0, 255))
        if data.draw(st.integers(0, 9)) == 0:
            del each[data.draw(st.integers(0, len(each))) :]
    decoded = decoder.records([bytes(each) for each in raw])
    for problem in decoded.problems:
        if not problem.whole:
            assert raw[problem.row][problem.offset : problem.offset + len(problem.raw)] == problem.raw
    wrong = {problem.row for problem in decoded.problems}
    for number, each in enumerate(raw):
        alone = decoder.records([bytes(each)])
        assert bool(alone.problems) == (number in wrong)
        if number not in wrong:
            assert str(alone.rows.to_pylist()) == str(decoded.rows.slice(number, 1).to_pylist())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_whatever_a_copybook_says_it_is_a_layout_or_a_mistake(tmp_path: Path, data: st.DataObject) -> None:
    lines = SPOILT.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        words = lines[at].split(" ")
        word = data.draw(st.integers(0, len(words) - 1))
        words[word] = data.draw(
            st.sampled_from([*_WORDS, ""]) | st.text("X9SVP()0.,'=*:-AZ \x00é", max_size=6)
        )
        lines[at] = " ".join(words)
    path = tmp_path / "spoilt.cpy"
    path.write_text("\n".join(lines))
    options = RecordOptions.model_validate({"copybook": str(path), "redefines": {"*": "first"}})
    try:
        found = layout(grammar.parse(path), options)
    except ConfigError:
        return
    if found.row.width < 10_000:
        Decoder(found, options).records([b"\x40" * found.row.width, b""])


_WORDS = (
    *(
        "01",
        "05",
        "10",
        "77",
        "88",
        "A",
        "PIC",
        "X(2)",
        "S9(3)V9",
        "USAGE",
        "COMP-3",
        "COMP-1",
        "SIGN",
        "LEADING",
    ),
    *(
        "SEPARATE",
        "OCCURS",
        "3",
        "TIMES",
        "TO",
        "DEPENDING",
        "ON",
        "REDEFINES",
        "B",
        "VALUE",
        "'x'",
        ".",
        "COPY",
    ),
    *("REPLACING", "==X==", "BY", "SYNC", "FILLER", "EXEC", "BLANK", "ZERO", ""),
)
SPOILT = """       01 R.
           05 A PIC 9(2).
           05 B.
             10 C PIC X(3) OCCURS 2 TIMES.
             10 D PIC S9(3)V9 COMP-3.
           05 E REDEFINES B.
             10 F PIC S9(3) SIGN LEADING SEPARATE.
           05 G COMP-1 SYNC.
           05 H OCCURS 1 TO 3 TIMES DEPENDING ON A.
             10 I PIC X VALUE 'a'.
           05 FILLER PIC X.
"""
FIELDS = """
01 R.
  05 ID PIC 9(7).
  05 NAME PIC X(5).
  05 AMOUNT PIC S9(7)V99 COMP-3.
  05 RATE PIC S9(3)V99.
  05 STOCK PIC S9(4) COMP.
"""


def test_of_a_million_records_a_thousand_corrupted_ones_are_rejects(tmp_path: Path) -> None:
    total, blocks, rejects, rows = 1_000_000, 100, 0, 0
    decoder, encoder = _book(tmp_path, Record(FIELDS, {}, []))
    chance = random.Random(4711)
    width, size = decoder.width, total // blocks
    values = {"name": "ABC", "amount": "-1.25", "rate": "9.75", "stock": -7}
    block = b"".join(encoder.encode({"id": number, **values}) for number in range(size))
    table = Table("t", decoder.schema, ("id",))
    for _ in range(blocks):
        spoilt = bytearray(block)
        wrong = {}
        for row in chance.sample(range(size), 1000 // blocks):
            # A digit or a sign, anywhere in the numbers that have one.
            offset, byte = chance.choice([(3, 0x40), (12, 0xFA), (16, 0x51), (17, 0xF5 & 0x0F), (21, 0x95)])
            spoilt[row * width + offset] = byte
            wrong[row] = offset
        data = bytes(spoilt)
        found = judged(
            decoder.fixed(data), table,
            raw=lambda row, data=data: data[row * width : (row + 1) * width],  # type: ignore[misc]
            told=str,
        )  # fmt: skip
        assert [int(reject.reason.partition(":")[0]) for reject in found.rejects] == sorted(wrong)
        assert all("hex" in reject.reason and "offset" in reject.reason for reject in found.rejects)
        assert [reject.key is None for reject in found.rejects] == [wrong[row] == 3 for row in sorted(wrong)]
        rejects, rows = rejects + len(found.rejects), rows + found.rows.num_rows
    assert (rejects, rows) == (1000, total - 1000)


@pytest.mark.parametrize("floats", ["ibm", "ieee"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.floats(-1e60, 1e60).filter(lambda number: number == 0 or abs(number) > 1e-60))
def test_long_floats_come_back_to_the_last_bit(tmp_path: Path, floats: str, number: float) -> None:
    decoder, encoder = _book(tmp_path, Record("01 R.\n  05 F COMP-2.\n", {"floats": floats}, []))
    assert decoder.records([encoder.encode({"f": number})]).rows.to_pylist() == [{"f": number}]
