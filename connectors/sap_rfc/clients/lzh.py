"""Compressed tables of saprfclib, expanded by zlib: in Python it takes a second for a megabyte.

SAP's LZH is Deflate (RFC 1951) behind eight bytes, and some bits that mean nothing: the first two say how
many more follow. Source: compress.py of the project saprfclib, after pysap. What zlib does not take is left
to the library.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from types import ModuleType

type Expand = Callable[[bytes, int], bytes]

_HEADER, _LZH, _DEFLATE = 8, 2, -15
_NAME = "sapcompress_decompress"


def quicken(library: ModuleType) -> None:
    """Have a module that expands tables by that function's name do so by zlib, if it still has one."""
    theirs = getattr(library, _NAME, None)
    if theirs is not None:
        setattr(library, _NAME, _by_zlib(theirs))


def _by_zlib(otherwise: Expand) -> Expand:
    def expand(data: bytes, size: int) -> bytes:
        found = expanded(data, size)
        return otherwise(data, size) if found is None else found

    return expand


def expanded(data: bytes, size: int) -> bytes | None:
    """None for what is not LZH, or does not expand to `size` bytes."""
    if len(data) <= _HEADER or data[4] & 0x0F != _LZH or int.from_bytes(data[:4], "little") != size:
        return None
    noise = 2 + (data[_HEADER] & 3)
    body = (int.from_bytes(data[_HEADER:], "little") >> noise).to_bytes(len(data) - _HEADER, "little")
    inflate = zlib.decompressobj(_DEFLATE)
    try:
        found = inflate.decompress(body, size + 1)
    except zlib.error:
        return None
    return found if inflate.eof and len(found) == size else None
