"""Compressed tables: SAP's LZH, which is Deflate behind a header and two bits.

Header and bits: compress.py of the project saprfclib, and the captures it was tried with.
"""

from __future__ import annotations

import struct
import zlib

_HEADER = struct.Struct("<IB2sB")
_LZH, _MAGIC, _LEVEL = 0x12, b"\x1f\x9d", 2
_WINDOW = 14
_BITS = 2
"""They say how many bits of noise follow; none."""


def stream(data: bytes) -> bytes:
    """What the records of a compressed table hold, put together."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -_WINDOW)
    deflated = packer.compress(data) + packer.flush()
    shifted = int.from_bytes(deflated, "little") << _BITS
    packed = _HEADER.pack(len(data), _LZH, _MAGIC, _LEVEL) + shifted.to_bytes(len(deflated) + 1, "little")
    return bytes(4) + len(packed).to_bytes(4) + packed
