"""Compressed tables are expanded by zlib as saprfclib expands them."""

from __future__ import annotations

import zlib
from contextlib import suppress
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saprfclib.compress import DecompressError, sapcompress_compress_lzc, sapcompress_decompress

from bridge.testing.sap import lzh as peers
from connectors.sap_rfc.clients.lzh import expanded, quicken


def compressed(data: bytes, level: int, strategy: int, noise: int) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -14, 8, strategy)
    deflated = packer.compress(data) + packer.flush()
    bits = (int.from_bytes(deflated, "little") << (2 + noise)) | noise
    return len(data).to_bytes(4, "little") + b"\x12\x1f\x9d\x02" + bits.to_bytes(len(deflated) + 1, "little")


@given(
    st.lists(st.binary(max_size=40), max_size=30).map(lambda parts: b"".join(parts * 3) + b"end of it"),
    st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY]),
    st.integers(0, 3),
)
def test_as_the_library_expands_them(data: bytes, strategy: int, noise: int) -> None:
    table = compressed(data, 9, strategy, noise)
    assert expanded(table, len(data)) == data
    with suppress(DecompressError):  # of blocks that are not compressed, which it does not know
        assert sapcompress_decompress(table, len(data)) == data


def test_what_the_peer_sends() -> None:
    data = "Müller    ".encode("utf-16-le") * 1000
    assert expanded(peers.stream(data)[8:], len(data)) == data


@pytest.mark.parametrize(
    ("table", "size"),
    [
        (b"", 0),
        (compressed(b"abc" * 9, 9, 0, 1)[:-2], 27),
        (compressed(b"abc" * 9, 9, 0, 1), 26),
        (b"\x1b\0\0\0\x12\x1f\x9d\x02\xff\xff\xff", 27),
        (sapcompress_compress_lzc(b"abc" * 9), 27),
    ],
)
def test_what_is_no_such_table_is_left_to_the_library(table: bytes, size: int) -> None:
    assert expanded(table, size) is None


def test_a_library_expands_by_zlib_what_that_can_and_the_rest_by_itself() -> None:
    library = ModuleType("library")
    library.sapcompress_decompress = lambda *_: b"by itself"  # type: ignore[attr-defined]
    quicken(library)
    assert library.sapcompress_decompress(compressed(b"abc" * 9, 9, 0, 2), 27) == b"abc" * 9
    assert library.sapcompress_decompress(b"other", 27) == b"by itself"


def test_a_library_without_that_function_is_left_alone() -> None:
    library = ModuleType("library")
    quicken(library)
    assert not hasattr(library, "sapcompress_decompress")
