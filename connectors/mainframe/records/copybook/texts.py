"""Text of a code page, a whole column at a time: raw bytes -> Arrow, and which rows are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from connectors.mainframe.records.copybook.codes import CodePage, code_page
from connectors.mainframe.records.copybook.item import Item
from connectors.mainframe.records.copybook.numbers import Read
from connectors.mainframe.records.options import RecordOptions

_NATIONAL = "utf-16-be"


def text(raw: bytes, count: int, item: Item, options: RecordOptions) -> Read:
    page = code_page(options.code_page)
    ascii_text = raw.translate(page.ascii)
    trim = _trimming(item, options)
    if ascii_text.isascii():
        return Read(trim(_strings(ascii_text, count, item.size)))
    values, bad = _decoded(raw, item.size, page)
    return Read(trim(pa.array(values, pa.string())), bad)


def national(raw: bytes, _count: int, item: Item, options: RecordOptions) -> Read:
    values, bad = _decoded(raw, item.size, code_page(_NATIONAL))
    return Read(_trimming(item, options)(pa.array(values, pa.string())), bad)


def octets(raw: bytes, count: int, item: Item, _options: RecordOptions) -> Read:
    return Read(_fixed(raw, count, item.size).cast(pa.binary()))


def _fixed(raw: bytes, count: int, width: int) -> pa.Array:
    return pa.Array.from_buffers(pa.binary(width), count, [None, pa.py_buffer(raw)])


def _strings(raw: bytes, count: int, width: int) -> pa.Array:
    values = _fixed(raw, count, width).cast(pa.binary())
    return pa.Array.from_buffers(pa.string(), count, values.buffers(), offset=values.offset)


def _decoded(raw: bytes, width: int, page: CodePage) -> tuple[list[str], list[int]]:
    try:
        whole = page.decode(raw)
    except UnicodeDecodeError:
        return _one_by_one(raw, width, page)
    if len(whole) == len(raw):
        return [whole[at : at + width] for at in range(0, len(whole), width)], []
    return _one_by_one(raw, width, page)


def _one_by_one(raw: bytes, width: int, page: CodePage) -> tuple[list[str], list[int]]:
    values, bad = [], []
    for row, at in enumerate(range(0, len(raw), width)):
        try:
            values.append(page.decode(raw[at : at + width]))
        except UnicodeDecodeError:
            values.append("")
            bad.append(row)
    return values, bad


_TRIMMED: Mapping[str, Callable[[pa.Array], pa.Array]] = {
    "right": lambda values: pc.utf8_rtrim(values, " "),
    "left": lambda values: pc.utf8_ltrim(values, " "),
    "both": lambda values: pc.utf8_trim(values, " "),
    "none": lambda values: values,
}


def _trimming(item: Item, options: RecordOptions) -> Callable[[pa.Array], pa.Array]:
    return _TRIMMED["left" if options.trim == "right" and item.justified else options.trim]
