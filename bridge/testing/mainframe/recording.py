"""3270 data streams as text files that can be read, written by hand and compared.

    # the sign-on screen, in two writes
    write F5C3 11 4040 1D F0 E2C9C7D5
    pause 20
    write F1C3 11 C150 1D F0 D6D5
    key

`write` is one record without telnet or TN3270E around it, in hexadecimal; lines that begin with blanks go
on with it. `pause` counts milliseconds. `key` waits until the client has sent something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

WIDTH = 40
"""Bytes a line."""


class RecordingError(ValueError):
    """A line that is none of a recording's, with its number."""


@dataclass(frozen=True, slots=True)
class Write:
    record: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    ms: float


@dataclass(frozen=True, slots=True)
class Key:
    """The client's turn."""


Step = Write | Pause | Key


@dataclass(frozen=True, slots=True)
class Recording:
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, *records: bytes) -> Self:
        """All at once."""
        return cls(tuple(map(Write, records)))

    @classmethod
    def load(cls, file: Path) -> Self:
        try:
            return cls.parse(file.read_text(encoding="utf-8"))
        except RecordingError as error:
            raise RecordingError(f"{file}: {error}") from None

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(tuple(_step(number, line) for number, line in _joined(text)))

    @property
    def records(self) -> tuple[bytes, ...]:
        return tuple(step.record for step in self.steps if isinstance(step, Write))

    def __str__(self) -> str:
        return "".join(f"{line}\n" for step in self.steps for line in _lines(step))


class Recorder:
    """What `Host.wire` may be: keeps what one LU has been sent."""

    def __init__(self) -> None:
        self._steps: dict[str, list[Step]] = {}

    def __call__(self, lu: str, record: bytes | None) -> None:
        self._steps.setdefault(lu, []).append(Key() if record is None else Write(record))

    def recording(self, lu: str) -> Recording:
        return Recording(tuple(self._steps.get(lu, ())))


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Statements, each with the number of its first line."""
    number, statement = 0, ""
    for at, line in enumerate(text.splitlines(), 1):
        bare = line.partition("#")[0].rstrip()
        if bare[:1].isspace() and statement:
            statement += bare
        elif bare:
            if statement:
                yield number, statement
            number, statement = at, bare.strip()
    if statement:
        yield number, statement


def _step(number: int, line: str) -> Step:
    match line.split(maxsplit=1):
        case ["write", data]:
            return Write(_read(number, data, bytes.fromhex))
        case ["pause", ms]:
            return Pause(_read(number, ms, float))
        case ["key"]:
            return Key()
    raise RecordingError(f"line {number}: expected write, pause or key, found {line[:40]!r}")


def _read[T](number: int, text: str, as_what: Callable[[str], T]) -> T:
    try:
        return as_what(text)
    except ValueError as error:
        raise RecordingError(f"line {number}: {error}") from None


def _lines(step: Step) -> Iterator[str]:
    match step:
        case Write(record):
            for at in range(0, len(record) or 1, WIDTH):
                yield f"{'      ' if at else 'write '}{record[at : at + WIDTH].hex(' ', -2).upper()}"
        case Pause(ms):
            yield f"pause {ms:g}"
        case Key():
            yield "key"
