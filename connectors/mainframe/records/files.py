"""`transport: file`: each complete version of an extract file is one scan. Arrow is loaded by `open()`."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, BinaryIO

from bridge.contract import Ask, Batch, Caveat, Changes, Emits, Finding, Level, Position, Scan, Stream
from bridge.errors import BridgeError, ConfigError, PermanentError, TransientError
from connectors.mainframe.records.options import FileOptions, FileStream

if TYPE_CHECKING:
    import pyarrow as pa

    from connectors.mainframe.records.extracts import Version
    from connectors.mainframe.records.reading import Reading
    from connectors.mainframe.records.rows import Rows

_SAMPLE = 100
_CLOCKS_S = 60.0
"""How far the clock of a file server may be behind: a file that seems as old as this need not be watched."""
_READ = {"file", "size", "mtime_ns", "ctime_ns", "reading"}
_FORMERLY = _READ - {"ctime_ns"}
"""Of a position from before; its file is read once more."""
_WITHIN = {"at", "rows", "records"}
_MARKED_S = 60.0
"""How long a file may be there without its marker before that is told."""
_ONE_KEY = "only the last one is kept: name columns under `key` that tell them apart"
_MARK_LAST = "have the sender write the marker after the data; `done` says which file it is"
_READ_SINCE = "was read and is gone: it is not read; `resnapshot` would have it read all the same"
_log = logging.getLogger(__name__)
_BEGINNING = dict.fromkeys(sorted(_WITHIN), 0)


class FileSource:
    """The streams of a configuration; its methods are a connector's, with their errors."""

    def __init__(self, options: FileOptions) -> None:
        self._options = options
        self._interrupted = Event()
        self._files: dict[str, _File] = {}

    def open(self) -> None:
        """Read the copybooks. Errors: ConfigError; TransientError, where a folder is not mounted."""
        from connectors.mainframe.records.extracts import must_be_mounted

        self._files = {
            name: _File(name, options, self._options.identity or options.path, self._pause)
            for name, options in self._options.streams.items()
        }
        for options in self._options.streams.values():
            try:
                must_be_mounted(options)
            except OSError as error:
                raise _translated(error, options) from None

    def discover(self) -> Sequence[Stream]:
        return [file.stream for file in self._files.values()]

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        self._interrupted.clear()
        file = self._files.get(stream.name)
        if file is None:
            raise PermanentError(f"there is no stream {stream.name}", remedy="configure it under `streams`")
        try:
            check_position(position)
            return file.poll(position, ask)
        except ConfigError as error:
            raise PermanentError(error.text, remedy=error.remedy) from None  # of this stream alone
        except OSError as error:
            file.close()
            raise _translated(error, file.options) from None
        except BridgeError:
            file.close()
            raise

    def check(self) -> Sequence[Finding]:
        return [file.check() for file in self._files.values()]

    def interrupt(self) -> None:
        self._interrupted.set()

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _pause(self) -> None:
        if self._interrupted.is_set():
            raise TransientError("interrupted")


def check_position(position: Position | None) -> None:
    """Errors: ConfigError, when it is none of a file."""
    form = set(position) if isinstance(position, dict) else set()
    is_known = form - _WITHIN in (_READ, _FORMERLY) and form & _WITHIN in (set(), _WITHIN)
    if position is not None and not is_known:
        raise ConfigError(
            "the position is none of a file",
            remedy="`positions rewind --to start` has the file read from its beginning",
        )


class _File:
    """One stream: the newest file of its path."""

    def __init__(self, name: str, options: FileStream, identity: str, pause: Callable[[], None]) -> None:
        from connectors.mainframe.records.extracts import extract
        from connectors.mainframe.records.reading import reading

        self.options, self._pause = options, pause
        self._reading: Reading = reading(name, options)
        self._extract = extract(options, self._reading.decoder.layout.row)
        caveats = frozenset({Caveat.COLLAPSES})
        self.stream = Stream(name, identity, (self._reading.table,), Emits.IMAGES, caveats=caveats)
        self._seen: tuple[Version, float] | None = None
        """What was there when last looked at, and since when."""
        self._waited_for: Version | None = None
        """Of which it was told that it waits for its marker."""
        self._past: Version | None = None
        """Of which it was told that it is older than what was read."""
        self._opened: _Opened | None = None

    def poll(self, position: Position | None, ask: Ask) -> Batch:
        page = position if position is not None and "at" in position else None
        opened = self._opened
        if page and opened and self._is_of(page, opened.version):
            return self._page(opened, page, ask)
        version, waits = self._complete()
        if version and position and self._is_past(position, version):
            version = None
        if version is None and page:
            raise TransientError(
                f"{self.options.path} was replaced while it was read", remedy="it is read once it rests"
            )
        if version is None and position is None and ask.changed is None:
            # Who asks for all that there is now (verify, peek) must not take nothing for an answer.
            raise TransientError(waits, remedy="try again when it is complete")
        if version is None or (position is not None and page is None and self._is_of(position, version)):
            return Batch(position)
        opened = self._begin(version)
        return self._page(opened, page if page and self._is_of(page, version) else None, ask)

    def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened:
            opened.file.close()

    # -- versions

    def _complete(self) -> tuple[Version | None, str]:
        """The newest version, once it is whole, or what it waits for."""
        from connectors.mainframe.records.extracts import newest, undone

        version, now = newest(self.options), time.monotonic()
        if version is None:
            return None, f"there is no file {self.options.path}"
        if self._seen is None or self._seen[0] != version:
            self._seen = version, now
        if self.options.done:
            waits = undone(version, self.options.done)
            self._tell(waits, version, now - self._seen[1])
            return (None, waits) if waits else (version, "")
        age = time.time() - version.touched_s - _CLOCKS_S
        rests = now - self._seen[1] >= self.options.settle or age >= self.options.settle
        return (version, "") if rests else (None, f"{version.path} was written to just now")

    def _tell(self, waits: str, version: Version, since: float) -> None:
        """Once for each version whose marker was given the time to come."""
        if waits and since >= _MARKED_S and self._waited_for != version:
            self._waited_for = version
            _log.warning("%s waits: %s", self.stream.name, waits)

    def _begin(self, version: Version) -> _Opened:
        """Errors: TransientError, when it is not whole after all."""
        self.close()
        self._opened = opened = _Opened(version, version.path.open("rb"))
        opened.must_rest()
        if not version.size and not self.options.done and not self._reading.trailer:
            raise TransientError(
                f"{version.path} is empty, and nothing says that it is complete",
                remedy="it is read once it has records; where none may be all, configure `done` or `trailer`",
            )
        if self.options.format == "fixed" or self._reading.trailer:
            opened.last = self._extract.last(opened.file, version.size, self._pause)
        if not self._reading.ends_with(opened.last):
            raise TransientError(f"{version.path} lacks its trailer", remedy="it is read once it is complete")
        return opened

    def _is_of(self, position: Mapping[str, Any], version: Version) -> bool:
        told = self._told(version)
        return all(position.get(name) == told[name] for name in _READ)

    def _is_past(self, position: Mapping[str, Any], version: Version) -> bool:
        """Whether another file was read since, which is gone: what is left then would undo its changes."""
        name, own = position["file"], version.path.name
        if not fnmatchcase(name, Path(self.options.path).name) or name == own:
            return False
        is_past: bool = (version.mtime_ns, own) < (position["mtime_ns"], name)
        if is_past and self._past != version:
            self._past = version
            _log.warning("%s: %s is older than %s, which " + _READ_SINCE, self.stream.name, own, name)
        return is_past

    def _told(self, version: Version) -> Mapping[str, Any]:
        return {
            "file": version.path.name,
            "size": version.size,
            "mtime_ns": version.mtime_ns,
            "ctime_ns": version.ctime_ns,
            "reading": self._reading.digest,
        }

    # -- pages

    def _page(self, opened: _Opened, page: Mapping[str, Any] | None, ask: Ask) -> Batch:
        version, before = opened.version, page or _BEGINNING
        found, records, end = self._read(opened.file, before, ask)
        opened.must_rest()
        self._doubt(opened, found.rows)
        rows = before["rows"] + found.rows.num_rows + len(found.rejects)
        last = end >= version.size
        if last:
            self._must_count(opened, rows)
            self.close()
        within = {} if last else {"at": end, "rows": rows, "records": before["records"] + records}
        changes = (Changes(self._reading.table, found.rows),) if found.rows.num_rows else ()
        mark = _mark(first=page is None, last=last)
        return Batch({**self._told(version), **within}, changes, found.rejects, scan=mark, more=not last)

    def _read(self, file: BinaryIO, before: Mapping[str, Any], ask: Ask) -> tuple[Rows, int, int]:
        """Rows of a page, how many records it has, and where the next one begins."""
        from connectors.mainframe.records.extracts import Fixed

        how, first, at = self._extract, before["records"] + 1, before["at"]
        if isinstance(how, Fixed) and self._reading.takes_all:
            data, end = how.block(file, at, ask.bytes, ask.rows)
            return self._reading.block(data, how.width, first), len(data) // how.width, end
        records, end = how.page(file, at, ask.bytes, ask.rows)
        width = how.width if isinstance(how, Fixed) else None
        return self._reading.chosen(records, first, width), len(records), end

    def _doubt(self, opened: _Opened, rows: pa.RecordBatch) -> None:
        """Two rows with one key, in a page or next to each other, are told once for each version."""
        key = () if opened.is_doubted else opened.doubled(rows, self._reading.table.key)
        if key:
            opened.is_doubted = True
            told = self.stream.name, opened.version.path, _told_key(key)
            _log.warning("%s: two records of %s have the key %s and are not alike; " + _ONE_KEY, *told)

    def _must_count(self, opened: _Opened, rows: int) -> None:
        try:
            counted = self._reading.counted(opened.last or b"")
        except ValueError as error:
            raise TransientError(
                f"{opened.version.path}: its trailer counts no rows: {error}",
                remedy="it is read again; compare the trailer with its description",
            ) from None
        if counted is not None and counted != rows:
            raise TransientError(
                f"{opened.version.path} has {rows} rows, its trailer counts {counted}",
                remedy="it is read again; was it cut on its way?",
            )

    # -- doctor

    def check(self) -> Finding:
        from connectors.mainframe.records.extracts import newest, undone

        name, done = self.stream.name, self.options.done
        try:
            version = newest(self.options)
            if version is None:
                return Finding(
                    Level.WARNING, f"there is no file {self.options.path} yet", "check `path`", name
                )
            if done and (waits := undone(version, done)):
                return Finding(Level.WARNING, f"nothing is read: {waits}", _MARK_LAST, name)
            opened = self._begin(version)
            found, records, _ = self._read(opened.file, _BEGINNING, Ask(rows=_SAMPLE))
            key = opened.doubled(found.rows, self._reading.table.key)
        except (BridgeError, OSError) as error:
            told = _translated(error, self.options) if isinstance(error, OSError) else error
            return Finding(Level.WARNING, told.text, told.remedy, name)
        finally:
            self.close()
        told_ = f"of the first {records} records of {version.path}"
        if found.rejects:
            text = f"{len(found.rejects)} {told_} are no rows: {found.rejects[0].reason}"
            return Finding(Level.WARNING, text, "compare the copybook with the file", name)
        if key:
            text = f"two {told_} have the key {_told_key(key)} and are not alike"
            return Finding(Level.WARNING, text, _ONE_KEY, name)
        return Finding(Level.OK, f"{found.rows.num_rows} {told_} are rows", stream=name)


@dataclass(slots=True)
class _Opened:
    """A version that is being read; it stays the same file when another one takes its name."""

    version: Version
    file: BinaryIO
    last: bytes | None = None
    is_doubted: bool = False
    _before: pa.RecordBatch | None = None
    """The last row of the page before."""

    def doubled(self, rows: pa.RecordBatch, key: Sequence[str]) -> tuple[Any, ...] | None:
        """A key that two rows have, of this page and the last one of the page before."""
        import pyarrow as pa

        from connectors.mainframe.records.doubled import doubled

        pieces = [each for each in (self._before, rows) if each is not None and each.num_rows]
        self._before = rows.slice(rows.num_rows - 1) if rows.num_rows else self._before
        return doubled(pa.Table.from_batches(pieces), key) if pieces and key else None

    def must_rest(self) -> None:
        """Errors: TransientError, when something was written to it."""
        found, begun = os.fstat(self.file.fileno()), self.version
        written = (found.st_size, found.st_mtime_ns) != (begun.size, begun.mtime_ns)
        # Its time may have been set back; but taking its name away, for another file, changes no byte.
        if written or (found.st_nlink and found.st_ctime_ns != begun.ctime_ns):
            raise TransientError(
                f"{self.version.path} was changed while it was read", remedy="it is read anew once it rests"
            )


def _translated(error: OSError, options: FileStream) -> BridgeError:
    return TransientError(
        f"{error.filename or options.path}: {error.strerror}",
        remedy="check the file, its permissions and where it is mounted",
    )


def _told_key(key: Sequence[Any]) -> str:
    return ", ".join(map(str, key))


def _mark(*, first: bool, last: bool) -> Scan:
    if first:
        return Scan.ONLY if last else Scan.FIRST
    return Scan.LAST if last else Scan.MORE
