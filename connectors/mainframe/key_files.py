"""Keys out of a CSV file. Read while it is written it would lack keys, whose rows would count as deleted."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bridge.contract import Finding, Level
from bridge.errors import BridgeError, ConfigError, TransientError

REST_S = 2.0
"""A file that was written to since may not be whole yet."""


def read(path: Path, names: Sequence[str]) -> Sequence[Mapping[str, str]]:
    """The key in each of its lines. Errors: ConfigError with file and line; TransientError: not whole yet."""
    try:
        return _keys(path, _whole(path), names)
    except OSError as error:
        raise _not_yet(path, f"cannot read the keys: {error.strerror}", "check the path") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: cannot read the keys: {error}", remedy="write CSV in UTF-8") from None


def doubts(path: Path, names: Sequence[str], stream: str) -> Iterator[Finding]:
    """What keeps a stream from its keys now."""
    try:
        read(path, names)
    except BridgeError as error:
        yield Finding(Level.WARNING, error.text, error.remedy, stream)


def _whole(path: Path) -> str:
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        content = file.read()
        after = os.fstat(file.fileno())
    changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
    # A sender may give it any time of writing, one ahead even; that of its change is the file system's.
    rested = time.time() - min(after.st_mtime, after.st_ctime)
    if rested < -REST_S:
        told = f"its times are {-rested:,.0f} s ahead of this host's clock"
        raise _not_yet(path, told, "synchronise the clocks; it is read when this one is past them")
    if changed or rested < REST_S:
        raise _not_yet(path, "it was written to just now", "write it under another name, then rename it")
    if not content.endswith((b"\n", b"\r")):
        raise _not_yet(path, "its last line is not complete", "end it with a newline")
    return content.decode("utf-8-sig")


def _keys(path: Path, text: str, names: Sequence[str]) -> Sequence[Mapping[str, str]]:
    lines = _lines(path, text)
    _, heads = next(lines, (1, []))
    for name in names:
        if heads.count(name) != 1:
            told = "two columns" if name in heads else "no column"
            raise ConfigError(f"{path}:1: {told} {name}", remedy="name the key's columns there, each once")
    keys = [_key(f"{path}:{line}", dict(zip(heads, row, strict=False)), names) for line, row in lines]
    if not keys:
        raise _not_yet(path, "it has no keys", "without any, all rows would count as deleted")
    return keys


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line. A field over several lines may be a quote that lacks its end.

    Errors: ConfigError.
    """
    rows, line, columns = csv.reader(io.StringIO(text, newline=""), strict=True), 1, 0
    try:
        for row in rows:
            columns = columns or len(row)
            _must_be_whole(row, columns)
            if row:
                yield line, row
            line = rows.line_num + 1
    except csv.Error as error:
        raise ConfigError(f"{path}:{line}: cannot read the keys: {error}", remedy="mend that line") from None


def _must_be_whole(row: Sequence[str], columns: int) -> None:
    """Errors: csv.Error."""
    if any("\0" in each for each in row):
        raise csv.Error("it has a NUL in it")
    if any(mark in each for each in row for mark in "\r\n"):
        raise csv.Error("a text goes on in the next line: does a quote lack its end?")
    if any(each.strip() for each in row[columns:]):
        raise csv.Error("it has more fields than the first line: does a comma lack its quotes?")


def _key(place: str, row: Mapping[str, str], names: Sequence[str]) -> Mapping[str, str]:
    """Without the blanks around it. Errors: ConfigError."""
    key = {name: row.get(name, "").strip() for name in names}
    if not all(key.values()):
        raise ConfigError(f"{place}: a key is empty", remedy="fill it in")
    return key


def _not_yet(path: Path, why: str, remedy: str) -> TransientError:
    return TransientError(f"{path}: {why}", remedy=remedy, retry_after=REST_S)
