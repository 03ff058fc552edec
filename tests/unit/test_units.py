"""Durations, sizes and shares as operators write them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bridge.units import Duration, Seconds, Share, Size


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        (Duration, "5s", 5.0),
        (Duration, "100ms", 0.1),
        (Duration, "15m", 900.0),
        (Duration, "1h30m", 5400.0),
        (Duration, "1h 30m", 5400.0),
        (Duration, "2d", 172800.0),
        (Duration, 0.5, 0.5),
        (Size, "64 MiB", 64 * 2**20),
        (Size, "64mib", 64 * 2**20),
        (Size, "500kB", 500_000),
        (Size, 1000, 1000),
        (Size, "1000", 1000),
        (Share, "10%", 0.1),
        (Share, "0.5 %", 0.005),
        (Share, 0.25, 0.25),
        (Share, 0, 0.0),
    ],
)
def test_what_is_written_means(kind: Any, written: Any, value: float) -> None:
    assert TypeAdapter(kind).validate_python(written) == pytest.approx(value)


@pytest.mark.parametrize(
    ("kind", "written", "why"),
    [
        (Duration, "5", "not a duration"),
        (Duration, "5 parsecs", "not a duration"),
        (Duration, True, "not a duration"),
        (Duration, "", "not a duration"),
        (Duration, 0, "more than 0"),
        (Duration, -1, "more than 0"),
        (Duration, float("nan"), "more than 0"),
        (Duration, float("inf"), "at most 366d"),
        (Duration, "367d", "at most 366d"),
        (Duration, 1e300, "at most 366d"),
        (Duration, 10**400, "at most 366d"),
        (Seconds, float("inf"), "at most 366d"),
        (Seconds, float("nan"), "at most 366d"),
        (Size, 10**400, "at most 1024 TiB"),
        (Size, "64 MiX", "not a size"),
        (Size, 1.5, "not a size"),
        (Size, -1, "not a size"),
        (Size, 0, "more than 0"),
        (Share, "110%", "not a share"),
        (Share, 10, "not a share"),
        (Share, "10", "not a share"),
        (Share, True, "not a share"),
        (Share, float("nan"), "not a share"),
    ],
)
def test_what_means_nothing_is_refused(kind: Any, written: Any, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        TypeAdapter(kind).validate_python(written)
