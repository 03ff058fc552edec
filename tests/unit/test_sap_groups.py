"""Groups of columns: what fits, and rows that are put together from several readings."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sap_rfc.groups import Part, TooWideError, divided, joined, stacked

WIDTHS = st.dictionaries(st.sampled_from([f"C{at}" for at in range(20)]), st.integers(1, 60), min_size=1)


@given(WIDTHS, st.integers(0, 3), st.integers(1, 200))
def test_each_group_holds_the_key_and_fits_and_no_column_is_missing(
    widths: dict[str, int], key: int, most: int
) -> None:
    names = list(widths)
    head = names[:key]
    widest = max((widths[name] for name in names[key:]), default=0)
    if sum(widths[name] for name in head) + widest > most:
        with pytest.raises(TooWideError) as error:
            divided(widths, head, names, most)
        assert sum(widths[name] for name in error.value.columns) == error.value.width > most
        return
    groups = divided(widths, head, names, most)
    assert all(list(group[: len(head)]) == head for group in groups)
    assert all(sum(widths[name] for name in group) <= most for group in groups)
    assert sorted([*head, *(name for group in groups for name in group[len(head) :])]) == sorted(names)


def test_as_few_groups_as_needed() -> None:
    assert divided({"K": 10, "A": 200, "B": 200, "C": 200}, ["K"], ["K", "A", "B", "C"], 512) == (
        ("K", "A", "B"),
        ("K", "C"),
    )


@dataclass
class Store:
    """Rows of three groups; a value tells which change of the row it is from."""

    rows: dict[str, tuple[int, ...]] = field(default_factory=dict)
    changes: int = 0

    def change(self, key: str, groups: frozenset[int]) -> None:
        self.changes += 1
        if not groups:
            self.rows.pop(key, None)
            return
        before = self.rows.get(key, (0, 0, 0, 0))
        after = [self.changes if at in groups else value for at, value in enumerate(before[:3])]
        self.rows[key] = (*after, self.changes)

    def read(self, group: int, order: int, proof: int | None) -> Part:
        keys = sorted(self.rows, key=lambda key: (ord(key) * order) % 11)
        values = [str(self.rows[key][group]) for key in keys]
        proofs = values if proof is None else [str(self.rows[key][proof]) for key in keys]
        texts = {"K": pa.array(keys, pa.string()), f"G{group}": pa.array(values, pa.string())}
        return Part(texts["K"], pa.array(proofs, pa.string()), texts)


Changes = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.frozensets(st.integers(0, 2), max_size=3)), max_size=6
)


def _rows(part: Part) -> dict[str, tuple[int, ...]]:
    columns = [part.texts[f"G{at}"].to_pylist() for at in range(3)]
    return {key: tuple(map(int, row)) for key, *row in zip(part.keys.to_pylist(), *columns, strict=True)}


@given(
    Changes, st.lists(Changes, min_size=4, max_size=4), st.lists(st.integers(1, 5), min_size=5, max_size=5)
)
def test_rows_read_twice_are_as_they_were_when_the_last_group_was_read(
    before: list[tuple[str, frozenset[int]]],
    between: list[list[tuple[str, frozenset[int]]]],
    orders: list[int],
) -> None:
    store, parts, last = Store(), [], {}
    for key, groups in before:
        store.change(key, groups)
    for at, group in enumerate((0, 1, 2, 0, 1)):
        parts.append(store.read(group, orders[at], None))
        if at == 2:
            last = {key: row[:3] for key, row in store.rows.items()}
        for key, groups in between[at] if at < 4 else ():
            store.change(key, groups)

    whole, doubtful = joined(parts, [(0, 3), (1, 4)])

    rows = _rows(whole)
    assert all(last[key] == row for key, row in rows.items())
    assert last.keys() | set(parts[4].keys.to_pylist()) <= rows.keys() | set(doubtful.to_pylist())
    assert not rows.keys() & set(doubtful.to_pylist())


@given(
    Changes, st.lists(Changes, min_size=2, max_size=2), st.lists(st.integers(1, 5), min_size=3, max_size=3)
)
def test_rows_whose_change_is_in_each_group_are_never_torn(
    before: list[tuple[str, frozenset[int]]],
    between: list[list[tuple[str, frozenset[int]]]],
    orders: list[int],
) -> None:
    store, parts, states = Store(), [], set[tuple[str, tuple[int, ...]]]()
    for key, groups in before:
        store.change(key, groups)
    for group in range(3):
        parts.append(store.read(group, orders[group], 3))
        states |= {(key, row[:3]) for key, row in store.rows.items()}
        for key, groups in between[group] if group < 2 else ():
            store.change(key, groups)

    whole, doubtful = joined(parts, [(0, 1), (0, 2)])

    assert set(_rows(whole).items()) <= states
    found = {key for part in parts for key in part.keys.to_pylist()}
    assert found == _rows(whole).keys() | set(doubtful.to_pylist())


def test_two_rows_of_one_key_cannot_be_put_together() -> None:
    twice = Part(pa.array(["a", "a"]), pa.array(["1", "2"]), {})

    with pytest.raises(ValueError, match="one key"):
        joined([twice, twice], [(0, 1)])


def test_parts_are_put_one_below_the_other() -> None:
    one = Part(pa.array(["a"]), pa.array(["1"]), {"C": pa.array(["x"])})
    two = Part(pa.array(["b"]), pa.array(["2"]), {"C": pa.array(["y"])})

    assert stacked([one, two]).texts["C"].to_pylist() == ["x", "y"]
