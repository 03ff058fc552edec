"""Ranges of keys: guesses that are behind the last key, and what is remembered of a scan."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.sap_rfc.ranges import Ranges, beyond


@given(st.integers(0, 99_999), st.integers(0, 99_999), st.floats(0.01, 5))
def test_a_guess_is_behind_the_last_key_and_as_long(a: int, b: int, share: float) -> None:
    first, last = (f"{number:05}" for number in sorted((a, b)))

    found = beyond(("1000", first), ("1000", last), share)

    if found is not None:
        assert found[0] == "1000"
        assert len(found[1]) == 5
        assert found[1] > last


def test_keys_are_taken_as_numbers_where_they_are() -> None:
    assert beyond(("0000000001",), ("0000010001",), 1) == ("0000020001",)
    assert beyond(("00FF",), ("01FF",), 1) == ("02FF",)
    assert beyond(("1000", "05", "2020"), ("1000", "07", "2019"), 1) == ("1000", "09")


def test_nothing_is_guessed_of_names_or_behind_the_last_number() -> None:
    assert beyond(("ACME",), ("BMW",), 1) is None
    assert beyond(("ACME",), ("ACMX",), 1) is None
    assert beyond(("10",), ("90",), 1) is None
    assert beyond(("7",), ("7",), 1) is None


def test_the_next_scan_takes_the_same_ranges() -> None:
    ranges = Ranges()
    ranges.had(None, ("m",), ("a",), 100, 100)
    ranges.had(("m",), None, ("n",), 20, 100)

    assert ranges.end(None, 100) == ("m",)
    assert ranges.end(("m",), 100) is None


def test_ranges_that_have_become_small_are_taken_together() -> None:
    ranges = Ranges()
    for after, end, count in ((None, "d", 10), ("d", "h", 10), ("h", "m", 90), ("m", "p", 5)):
        ranges.had((after,) if after else None, (end,), ("a",), count, 100)

    assert ranges.end(None, 100) == ("h",)
    assert ranges.end(("h",), 100) == ("p",)


def test_an_empty_range_is_not_remembered() -> None:
    ranges = Ranges()
    ranges.had(("10",), ("20",), ("11",), 100, 100)
    assert ranges.end(("20",), 100) is not None

    ranges.had(("20",), ("29",), None, 0, 100)

    assert ranges.end(("20",), 100) is None


def test_an_answer_of_few_rows_is_no_measure_for_the_next() -> None:
    ranges = Ranges()
    ranges.had(("10",), ("20",), ("11",), 10, 100)

    assert ranges.end(("20",), 100) is None
