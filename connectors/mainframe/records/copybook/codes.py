"""Code pages of records: EBCDIC's as of screens, and Python's own for what a transfer translated."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from connectors.mainframe import code_pages

_UNDEFINED = "\ufffe"
"""As codecs.charmap_decode wants it."""
_NO_ASCII = 0xFF


@dataclass(frozen=True, slots=True)
class CodePage:
    """`ascii` translates bytes to ASCII; what is none, or is not one byte, becomes 0xFF."""

    decode: Callable[[bytes], str]
    """Errors: UnicodeDecodeError."""
    encode: Callable[[str], bytes]
    """Errors: UnicodeEncodeError."""
    ascii: bytes

    @property
    def is_ebcdic(self) -> bool:
        return self.encode("0") == b"\xf0"


@cache
def code_page(name: str) -> CodePage:
    """Errors: LookupError."""
    if name.lower() in code_pages.NAMES:
        characters = code_pages.table(name.lower()).replace(code_pages.NONE, _UNDEFINED)
        codes = codecs.charmap_build(characters)
        return CodePage(
            lambda raw: codecs.charmap_decode(raw, "strict", characters)[0],
            lambda text: codecs.charmap_encode(text, "strict", codes)[0],
            bytes(ord(char) if char.isascii() else _NO_ASCII for char in characters),
        )
    single = (bytes([code]).decode(name, "replace") for code in range(256))
    translation = bytes(ord(char) if len(char) == 1 and char.isascii() else _NO_ASCII for char in single)
    return CodePage(lambda raw: raw.decode(name), lambda text: text.encode(name), translation)
