"""Tagged records: what calls, answers and log-ons consist of.

A record is tag (2 bytes), length (2, or 0xffff and 4 more), value, and the tag again; a stream ends with tag
0xffff. Source: docs/protocol/framing.md of the project saprfclib, which took it from captures.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

_HEAD = struct.Struct(">HH")
_LONG = struct.Struct(">I")


class Tag(IntEnum):
    """The tags this peer reads or writes."""

    CLIENT_LANGUAGE = 0x0011
    RELEASE = 0x0012
    KERNEL = 0x0013
    INSTANCE = 0x0008
    FUNCTION = 0x0102
    USER = 0x0111
    CLIENT = 0x0114
    LANGUAGE = 0x0115
    PASSWORD = 0x0117
    PROGRAM = 0x0130
    LOGGED_ON_USER = 0x0150
    LOGGED_ON_CLIENT = 0x0151
    LOGGED_ON_LANGUAGE = 0x0152
    NAME = 0x0201
    VALUE = 0x0203
    WANTED = 0x0205
    TABLE = 0x0301
    TABLE_SHAPE = 0x0302
    ROW = 0x0303
    ROW_OF_ANSWER = 0x0304
    COMPRESSED_ROWS = 0x0305
    TABLE_END = 0x0306
    TABLE_NUMBER = 0x0330
    TABLE_RETURNED = 0x0335
    TABLE_RETURNED_END = 0x0336
    EXCEPTION = 0x0401
    TEXT = 0x0402
    ABORT = 0x0403
    VARIABLE_1 = 0x0411
    VARIABLE_2 = 0x0412
    VARIABLE_3 = 0x0413
    VARIABLE_4 = 0x0414
    MESSAGE_CLASS = 0x0415
    MESSAGE_TYPE = 0x0416
    MESSAGE_NUMBER = 0x0417
    RETURN_CODE = 0x0420
    SYSTEM = 0x0450
    SYSTEM_TEXT = 0x0451
    SYSTEM_NUMBER = 0x0452
    HOST = 0x0453
    ANSWER = 0x0500
    CALL = 0x0502
    ANSWERED = 0x0503
    PARAMETERS = 0x0512
    TOKEN = 0x0514
    DURATION = 0x0667
    XML = 0x3C02
    XML_TEXT = 0x3C05
    END = 0xFFFF


class Unfinished(Exception):
    """The stream stops before its end: another frame follows."""


def record(tag: Tag, value: bytes = b"") -> bytes:
    """One record with its closing tag."""
    mark, size = tag.to_bytes(2), len(value)
    if size < 0xFFFF:
        return b"%b%b%b%b" % (mark, size.to_bytes(2), value, mark)
    return b"%b\xff\xff%b%b%b" % (mark, _LONG.pack(size), value, mark)


def text(tag: Tag, value: str) -> bytes:
    """A record of text, UTF-16LE as everything of a Unicode system."""
    return record(tag, value.encode("utf-16-le"))


def records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, value) up to the end of the stream. Raises Unfinished where it is cut."""
    at, end = 0, len(stream)
    while at + 4 <= end:
        tag, size = _HEAD.unpack_from(stream, at)
        at += 4
        if tag == Tag.END:
            return
        if size == 0xFFFF:
            if at + 4 > end:
                break
            (size,) = _LONG.unpack_from(stream, at)
            at += 4
        if at + size > end:
            break
        yield tag, stream[at : at + size]
        at += size
        if stream[at : at + 2] == tag.to_bytes(2):
            at += 2
    raise Unfinished
