"""Durations, sizes and shares as operators write them: `1h30m`, `64 MiB`, `10%`. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST_S = 366 * 86400
"""A longer duration is a mistake, and clocks overflow at some."""
MOST_BYTES = 2**50
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d) ?)+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmg]i?b|b|)", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")


def seconds(value: Any) -> float:
    """Seconds of `1h30m`, `100ms` or a number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(min(value, 2 * LONGEST_S))  # a whole number can be too large for a float
    if not isinstance(value, str) or not _DURATION.fullmatch(value.strip()):
        raise ValueError("is not a duration; write it like 100ms, 5s, 15m or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(value))


def octets(value: Any) -> int:
    """Bytes of `64 MiB`, `500kB` or a number of bytes."""
    match = (
        _SIZE.fullmatch(str(value).strip())
        if isinstance(value, int | str) and not isinstance(value, bool)
        else None
    )
    if not match:
        raise ValueError("is not a size; write it like 64 MiB, 500 kB or 1000000")
    size = float(match[1]) * _BYTES[match[2].lower()]
    if size > MOST_BYTES:
        raise ValueError(f"must be at most {MOST_BYTES // 2**40} TiB")
    return round(size)


def share(value: Any) -> float:
    """A share between 0 and 1 of `10%` or 0.1."""
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    part = float(match[1]) / 100 if match else value
    if isinstance(part, bool) or not isinstance(part, int | float) or not 0 <= part <= 1:
        raise ValueError("is not a share; write it like 10% or 0.1")
    return float(part)


def _positive[T: (int, float)](value: T) -> T:
    if not 0 < value < float("inf"):
        raise ValueError("must be more than 0")
    return value


def _bounded(value: float) -> float:
    if not value <= LONGEST_S:  # nor is it a number at all
        raise ValueError(f"must be at most {LONGEST_S // _SECONDS['d']:.0f}d")
    return value


def _either(number: dict[str, Any], pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"anyOf": [number, {"type": "string", "pattern": pattern}], "examples": list(examples)}
    )


_WRITTEN = (r"^([0-9.]+(ms|[smhd]) ?)+$", "5s", "100ms", "1h30m")
Seconds = Annotated[
    float,
    BeforeValidator(seconds),
    AfterValidator(_bounded),
    _either({"type": "number", "maximum": LONGEST_S}, *_WRITTEN),
]
"""A duration of up to a year; a `Field` says which will do."""
Duration = Annotated[
    float,
    BeforeValidator(seconds),
    AfterValidator(_positive),
    AfterValidator(_bounded),
    _either({"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_S}, *_WRITTEN),
]
Size = Annotated[
    int,
    BeforeValidator(octets),
    AfterValidator(_positive),
    _either({"type": "integer", "minimum": 1}, "^[0-9.]+ ?([kKmMgG]i?)?[bB]$", "64 MiB", "500 kB"),
]
Share = Annotated[
    float,
    BeforeValidator(share),
    _either({"type": "number", "minimum": 0, "maximum": 1}, "^[0-9.]+ ?%$", "10%", "0.1"),
]
