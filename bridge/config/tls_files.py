"""Certificates and keys under `kafka:` that cannot be read: librdkafka would name neither file nor reason."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.problems import Fault, shown

if TYPE_CHECKING:
    from bridge.config.reading import Reading

PROBE = "probe"
"""librdkafka looks for the system's certificates itself."""
REMEDY = "check the path, and that the user of the daemon may read it"


def examine(reading: Reading) -> None:
    """Adds the files that are not there, or closed to this user."""
    for name, value in (reading.kafka or {}).items():
        named = name.endswith(".location") and isinstance(value, str) and value != PROBE
        if named and (reason := _unreadable(Path(value), name)):
            reading.wrong(Fault(("kafka", name), f"cannot read {shown(value)}: {reason}", REMEDY))


def _unreadable(path: Path, name: str) -> str | None:
    try:
        if name.endswith(".ca.location") and path.is_dir():
            next(path.iterdir(), None)  # of certificates
            return None
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:  # a path with a NUL
        return str(error)
    return None
