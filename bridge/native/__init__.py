"""What is done in C where there was a compiler; elsewhere, and for all else, Python does the same, slower."""

from __future__ import annotations

import ctypes
from functools import cache
from hashlib import blake2b
from pathlib import Path

LIBRARY = Path(__file__).with_name("native.lib")


def digest_of_sources() -> str:
    """What a library says of itself that was compiled from them."""
    digest = blake2b(digest_size=16)
    for source in sorted(LIBRARY.parent.glob("*.c")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


@cache
def library() -> ctypes.CDLL | None:
    """The compiled library, if there is one, and of these sources: an upgrade leaves the former one there."""
    try:
        found = ctypes.CDLL(str(LIBRARY))
        found.bridge_sources.restype = ctypes.c_char_p
        return found if found.bridge_sources() == digest_of_sources().encode() else None
    except (OSError, AttributeError):
        return None
