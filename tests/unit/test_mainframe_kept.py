"""Screens kept for the operator: which go when there are too many."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.mainframe import kept
from tests.unit.mainframe_screens import typed


@pytest.mark.parametrize("year", [2020, 2099], ids=["before", "after the clock was set back"])
def test_the_ones_kept_last_stay(tmp_path: Path, year: int) -> None:
    for second in range(kept.MOST):
        (tmp_path / f"{year}0101T0000{second:02}.000000.screen").touch()
    last = [kept.keep(tmp_path, typed(["WHAT IS THIS"]), "a note") for _ in range(3)]
    left = set(tmp_path.iterdir())
    assert left >= set(last)
    assert len(left) == kept.MOST
