"""A function whose answers are capped is asked by ranges until nothing can be missing; else it says so."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import PermanentError
from connectors.sap_rfc.modes.answers import Answers, Range, Row

keys = st.sets(st.integers(0, 10**6).map(lambda number: f"{number:010}"), max_size=120)


def collected(answers: Answers) -> list[str]:
    found: list[str] = []
    while not answers.ended:
        found += [str(row["CUSTOMER"]) for row in answers.next()]
    return found


@given(keys, st.integers(2, 20), st.randoms(use_true_random=False))
def test_all_rows_come_once_in_whatever_order_the_source_has_them(
    store: set[str], cap: int, chance: object
) -> None:
    scattered = sorted(store)
    chance.shuffle(scattered)  # type: ignore[attr-defined]

    def call(within: Range) -> Sequence[Row]:
        low, high = within
        fitting = [
            each for each in scattered if (low is None or each > low) and (high is None or each <= high)
        ]
        return [{"CUSTOMER": each} for each in fitting[:cap]]

    answers = Answers(call, cap, "CUSTOMER")
    assert sorted(collected(answers)) == sorted(store)
    assert not answers.capped


@given(keys, st.integers(1, 20))
def test_without_ranges_a_full_answer_may_lack_rows(store: set[str], cap: int) -> None:
    answers = Answers(lambda _: [{"CUSTOMER": each} for each in sorted(store)[:cap]], cap, None)
    found = collected(answers)
    assert answers.capped == (len(store) >= cap)
    assert answers.capped or sorted(found) == sorted(store)


def test_without_a_cap_an_answer_is_all_there_is() -> None:
    answers = Answers(lambda _: [{"CUSTOMER": "1"}] * 3, None, None)
    assert (len(collected(answers)), answers.capped) == (3, False)


def test_pages_in_order_are_asked_for_twice_and_not_more() -> None:
    store, calls = [f"{number:010}" for number in range(100)], list[Range]()

    def call(within: Range) -> Sequence[Row]:
        calls.append(within)
        low, high = within
        fitting = [each for each in store if (low is None or each > low) and (high is None or each <= high)]
        return [{"CUSTOMER": each} for each in fitting[:11]]

    assert collected(Answers(call, 11, "CUSTOMER")) == store
    assert len(calls) <= 2 * 10 + 1


def test_there_is_one_call_at_a_time_however_often_a_range_is_divided() -> None:
    """A poll looks at the clock in between."""
    store, calls = [f"{(7 * number) % 100:010}" for number in range(100)], list[Range]()

    def call(within: Range) -> Sequence[Row]:
        calls.append(within)
        low, high = within
        fitting = [each for each in store if (low is None or each > low) and (high is None or each <= high)]
        return [{"CUSTOMER": each} for each in fitting[:5]]

    answers = Answers(call, 5, "CUSTOMER")
    for turn in range(1, 1000):
        answers.next()
        assert len(calls) == turn
        if answers.ended:
            break
    assert answers.ended


def test_what_was_answered_last_can_be_asked_for_once_more_and_another_may_begin_behind_it() -> None:
    store = [f"{number:010}" for number in range(30)]

    def call(within: Range) -> Sequence[Row]:
        low, high = within
        fitting = [each for each in store if (low is None or each > low) and (high is None or each <= high)]
        return [{"CUSTOMER": each} for each in fitting[:8]]

    answers = Answers(call, 8, "CUSTOMER")
    within = answers.within
    while not (rows := answers.next()):
        within = answers.within
    answers.put_back(within)
    assert (answers.within, answers.next()) == (within, rows)
    rest = Answers(call, 8, "CUSTOMER", within[1])
    assert [*(row["CUSTOMER"] for row in rows), *collected(rest)] == store


def test_a_function_that_does_not_heed_ranges_is_found_out() -> None:
    answers = Answers(lambda _: [{"CUSTOMER": f"{number}"} for number in range(5)], 5, "CUSTOMER")
    with pytest.raises(PermanentError, match="answers with 0 to 4"):
        collected(answers)


def test_more_rows_of_one_key_than_the_cap_cannot_be_divided() -> None:
    answers = Answers(lambda _: [{"CUSTOMER": "1"}] * 5, 5, "CUSTOMER")
    collected(answers)
    assert answers.capped
