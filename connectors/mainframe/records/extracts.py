"""Files of records, page by page: of one length, behind record descriptor words, or in lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from bridge.errors import TransientError
from connectors.mainframe.records.copybook.nodes import Row
from connectors.mainframe.records.options import FileStream, marker_of

_CHUNK = 4 * 1024 * 1024
_DESCRIPTOR = 4
_LONGEST_RECORD = 0xFFFF
_LONGEST_LINE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Version:
    """One content of a file: another size, time or number is another one.

    Senders give a file what time of writing they like; that of its change is the file system's own.
    """

    path: Path
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    touched_s: float = field(compare=False)
    """When anything was done to the file, by the clock of whoever keeps it."""

    @classmethod
    def of(cls, path: Path, found: os.stat_result) -> Version:
        touched = max(found.st_mtime, found.st_ctime)
        return cls(path, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, touched)


def must_be_mounted(stream: FileStream) -> None:
    """Errors: TransientError, when the file's folder is not there."""
    folder = Path(stream.path).parent
    if not folder.is_dir():
        raise TransientError(f"there is no folder {folder}", remedy="mount or create it")


def newest(stream: FileStream) -> Version | None:
    """The file that counts now. Errors: TransientError, when its folder is not there."""
    path = Path(stream.path)
    is_pattern = any(mark in path.name for mark in "*?[")
    found = sorted(path.parent.glob(path.name)) if is_pattern else [path]
    must_be_mounted(stream)
    if stream.done:
        markers = {marker_of(each, stream.done) for each in found}
        found = [each for each in found if each not in markers]
    versions = [version for each in found if (version := _version(each))]
    return max(versions, key=lambda version: (version.mtime_ns, version.path.name), default=None)


def _version(path: Path) -> Version | None:
    try:
        return Version.of(path, path.stat()) if path.is_file() else None
    except FileNotFoundError:  # gone meanwhile
        return None


def undone(version: Version, done: str) -> str:
    """Why nothing says yet that this version, and not one before it, is complete; or nothing."""
    marker = marker_of(version.path, done)
    try:
        is_older = marker.stat().st_mtime_ns < version.mtime_ns
    except FileNotFoundError:
        return f"{marker} is not there, which would say that {version.path} is complete"
    return f"{marker} is older than the data of {version.path}, and so another version's" if is_older else ""


type Pause = Callable[[], None]
"""Called between two pieces of a long reading; raises when it shall end."""


class Extract(Protocol):
    """How records stand in a file. Errors: TransientError, when it is no whole file."""

    def page(self, file: BinaryIO, at: int, size: int, rows: int) -> tuple[Sequence[bytes], int]:
        """About `rows` records or `size` bytes from `at` on, at least one, and where the next begins."""

    def last(self, file: BinaryIO, size: int, pause: Pause) -> bytes | None:
        """The last record of a file of `size` bytes."""


class Fixed:
    def __init__(self, width: int) -> None:
        self.width = width

    def block(self, file: BinaryIO, at: int, size: int, rows: int) -> tuple[bytes, int]:
        file.seek(at)
        wanted = max(1, min(rows, size // self.width)) * self.width
        data = file.read(wanted)
        if len(data) % self.width:
            self._torn(file, at + len(data))
        return data, at + len(data)

    def page(self, file: BinaryIO, at: int, size: int, rows: int) -> tuple[Sequence[bytes], int]:
        data, end = self.block(file, at, size, rows)
        return [data[begin : begin + self.width] for begin in range(0, len(data), self.width)], end

    def last(self, file: BinaryIO, size: int, _pause: Pause) -> bytes | None:
        if size % self.width:
            self._torn(file, size)
        file.seek(max(0, size - self.width))
        return file.read(self.width) or None

    def _torn(self, file: BinaryIO, size: int) -> None:
        raise TransientError(
            f"{file.name} has {size} bytes, which are no whole records of {self.width}",
            remedy="is it complete? else check the copybook, `record_length` and `format`",
        )


class Described:
    """Each record behind four bytes: its length with them, and zeros (RECFM=V, DFSMS Using Data Sets)."""

    def page(self, file: BinaryIO, at: int, size: int, rows: int) -> tuple[Sequence[bytes], int]:
        file.seek(at)
        data = file.read(size + _LONGEST_RECORD)
        records, end = self._records(file, data, at, size, rows)
        if not records and data:
            raise TransientError(
                f"{file.name} ends within the record at offset {at}", remedy="is it complete?"
            )
        return records, at + end

    def _records(
        self, file: BinaryIO, data: bytes, base: int, size: int, rows: int
    ) -> tuple[list[bytes], int]:
        records: list[bytes] = []
        at = 0
        while len(records) < rows and at + _DESCRIPTOR <= len(data) and at < size:
            length = data[at] << 8 | data[at + 1]
            if length < _DESCRIPTOR or data[at + 2 : at + 4] != b"\0\0":
                raise TransientError(
                    f"{file.name} has no record descriptor word at offset {base + at}"
                    f" (hex {data[at : at + 4].hex()})",
                    remedy="was it transferred with them, in binary? spanned records are not supported",
                )
            if at + length > len(data):
                break
            records.append(data[at + _DESCRIPTOR : at + length])
            at += length
        return records, at

    def last(self, file: BinaryIO, size: int, pause: Pause) -> bytes | None:
        at, record = 0, None
        while at < size:
            pause()
            records, at = self.page(file, at, _CHUNK, _CHUNK)
            record = records[-1]
        return record


class Lines:
    """Of text, whose blanks at the end a transfer may have dropped: a line is filled up to `width` bytes.

    A last line without an end may be torn, and stays as it is.
    """

    def __init__(self, width: int) -> None:
        self._width = width

    def page(self, file: BinaryIO, at: int, size: int, rows: int) -> tuple[Sequence[bytes], int]:
        file.seek(at)
        records: list[bytes] = []
        end = at
        while len(records) < rows and end - at < size and (line := file.readline(_LONGEST_LINE)):
            if len(line) == _LONGEST_LINE:
                raise TransientError(
                    f"{file.name} has no end of line at offset {end}", remedy="check `format`"
                )
            records.append(self._record(line))
            end += len(line)
        return records, end

    def last(self, file: BinaryIO, size: int, _pause: Pause) -> bytes | None:
        file.seek(max(0, size - _LONGEST_LINE))
        lines = file.readlines()
        return self._record(lines[-1]) if lines else None

    def _record(self, line: bytes) -> bytes:
        text = line.rstrip(b"\r\n")
        return text.ljust(self._width) if line.endswith(b"\n") else text


def extract(stream: FileStream, row: Row) -> Extract:
    """`row`: a record, as the copybook describes it."""
    if stream.format == "fixed":
        return Fixed(stream.record_length or row.width)
    return Described() if stream.format == "rdw" else Lines(0 if row.varies else row.width)
