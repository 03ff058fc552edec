"""The size of a JVM's heap, as an option."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

LEAST, MOST = 48, 1024 * 1024
"""In MiB: what Java is started with, and more than any machine of today would give it."""
_MIB = {"m": 1, "g": 1024}


def _heap(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*[mg]", text):
        raise ValueError("is not the size of a heap; write it like 256m or 2g")
    if not LEAST <= int(text[:-1]) * _MIB[text[-1]] <= MOST:
        raise ValueError(f"must be {LEAST}m to {MOST // 1024}g")
    return text


type Heap = Annotated[str, AfterValidator(_heap)]
