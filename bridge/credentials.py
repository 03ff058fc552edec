"""Whether a secret has changed, without reading it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.contract import Secret


def stamp(options: Any) -> str:
    """Changes when a file behind a `file:` or `cred:` reference in the options does."""
    found = hashlib.sha256()
    for path in sorted(_files(options)):
        try:
            status = Path(path).stat()
        except (OSError, ValueError):  # the latter: no path can be like that
            found.update(f"{path}:-".encode())
        else:
            found.update(f"{path}:{status.st_mtime_ns}:{status.st_size}:{status.st_ino}".encode())
    return found.hexdigest()


def _files(options: Any) -> Iterator[str]:
    if isinstance(options, dict):
        for value in options.values():
            yield from _files(value)
    elif isinstance(options, list | tuple):
        for value in options:
            yield from _files(value)
    elif isinstance(options, Secret):
        yield from _files(options.reference)
    elif isinstance(options, str) and options.startswith("file:"):
        yield options[5:]
    elif isinstance(options, str) and options.startswith("cred:"):
        yield str(Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / options[5:])
