"""Keys out of a CSV file. Read while it is written it would lack keys, whose rows would count as deleted."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge.errors import ConfigError, TransientError

REST_S = 2.0
"""A file that was written to since may not be whole yet."""


def read(path: Path, names: Sequence[str]) -> Sequence[Mapping[str, str]]:
    """The key in each of its lines. Errors: ConfigError with file and line; TransientError: not whole yet."""
    try:
        return _keys(path, _whole(path), names)
    except OSError as error:
        raise _not_yet(path, f"cannot read the keys: {error.strerror}", "check the path") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot read the keys: {error}", remedy="write CSV in UTF-8") from None


def _whole(path: Path) -> str:
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        content = file.read()
        after = os.fstat(file.fileno())
    changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
    if changed or time.time() - after.st_mtime < REST_S:
        raise _not_yet(path, "it was written to just now", "write it under another name, then rename it")
    if not content.endswith((b"\n", b"\r")):
        raise _not_yet(path, "its last line is not complete", "end it with a newline")
    return content.decode("utf-8-sig")


def _keys(path: Path, text: str, names: Sequence[str]) -> Sequence[Mapping[str, str]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if missing := [name for name in names if name not in (rows.fieldnames or ())]:
        raise ConfigError(f"{path}:1: no column {missing[0]}", remedy="name the key's columns there")
    keys = list[Mapping[str, str]]()
    for row in rows:
        if any(not (row[name] or "").strip() for name in names):
            raise ConfigError(f"{path}:{rows.line_num}: a key is empty", remedy="fill it in")
        keys.append({name: row[name] for name in names})
    if not keys:
        raise _not_yet(path, "it has no keys", "without any, all rows would count as deleted")
    return keys


def _not_yet(path: Path, why: str, remedy: str) -> TransientError:
    return TransientError(f"{path}: {why}", remedy=remedy, retry_after=REST_S)
