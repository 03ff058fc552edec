"""What is yet to be done to the driver's values, a column of a batch at a time. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

type Finish = Callable[[pa.Array], pa.Array]

_YEARS = re.compile(r"([+-])(\d+)-(\d+)")
_DAYS = re.compile(r"([+-])(\d+) (\d+):(\d+):(\d+)(?:\.(\d+))?")
NO_TEXT = "holds bytes that are no text in the database's character set"


def plain_numbers(texts: pa.Array) -> pa.Array:
    """Oracle leaves out the zero before a point, and writes what is very long with an exponent."""
    texts = pc.replace_substring_regex(texts, pattern=r"^(-?)\.", replacement=r"\10.")
    if not pc.any(pc.match_substring(texts, "E")).as_py():
        return texts
    return _each(texts, lambda text: format(Decimal(text), "f"))


def with_z(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, pattern=r"\+00:00$", replacement="Z")


def to(kind: pa.DataType) -> Finish:
    """Errors: ArrowInvalid when something would be lost."""
    return lambda values: values if values.type == kind else values.cast(kind)


whole = to(pa.int64())
"""The driver itself cuts off what is behind the point when it is asked for whole numbers."""


def trimmed(texts: pa.Array) -> pa.Array:
    return pc.utf8_rtrim(texts, characters=" ")


def years_and_months(texts: pa.Array) -> pa.Array:
    """+01-02 is P1Y2M, as ISO 8601 writes it."""
    return _each(texts, lambda text: _duration(_YEARS, "YM", text))


def days_and_seconds(texts: pa.Array) -> pa.Array:
    """+01 02:00:04.500000 is P1DT2H4.5S."""
    return _each(texts, lambda text: _duration(_DAYS, "DHMS", text))


def _duration(form: re.Pattern[str], units: str, text: str) -> str:
    found = form.fullmatch(text)
    if not found:
        return text
    sign, *numbers = found.groups(default="")
    seconds = [f"{int(numbers[3])}.{numbers[4]}".rstrip("0").rstrip(".")] if units == "DHMS" else []
    told = [*(str(int(number)) for number in numbers[: len(units) - len(seconds)]), *seconds]
    fields = [f"{sign.strip('+')}{n}{unit}" for n, unit in zip(told, units, strict=True) if n != "0"]
    if units == "YM":
        return f"P{''.join(fields) or '0M'}"
    days = [each for each in fields if each.endswith("D")]
    times = [each for each in fields if not each.endswith("D")]
    clock = f"T{''.join(times)}" if times or not days else ""
    return f"P{''.join(days)}{clock}" if fields else "PT0S"


def _each(texts: pa.Array, change: Callable[[Any], Any]) -> pa.Array:
    """For values that are few, or seldom."""
    told = [None if text is None else change(text) for text in texts.to_pylist()]
    return pa.array(told, texts.type)


def too_long(limit: int) -> str:
    return f"is longer than {limit} bytes"


def cut(values: pa.Array, limit: int) -> pa.Array:
    """To so many bytes, and to whole characters."""
    return _each(values, lambda value: _cut(value, limit))


def _cut(value: str | bytes, limit: int) -> str | bytes:
    if isinstance(value, bytes):
        return value[:limit]
    return value.encode()[:limit].decode(errors="ignore")


def no_texts(texts: pa.Array) -> pa.Array | None:
    """Where bytes that the database took for text are none; None if nowhere, which is as good as always."""
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([not _is_text(value) for value in texts.cast(pa.binary())])
    return None


def _is_text(value: pa.BinaryScalar) -> bool:
    try:
        str(value.as_py() or b"", "utf-8")
    except UnicodeDecodeError:
        return False
    return True
