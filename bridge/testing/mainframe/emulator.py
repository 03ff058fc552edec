"""The bare s3270: the client that tests drive the host with, and benchmarks compare with."""

from __future__ import annotations

import shutil
import subprocess
from typing import Self


class EmulatorError(Exception):
    """What s3270 answered to an action that failed; or that there is none."""


class Emulator:
    """One s3270. It does not wait after keys: `wait` does."""

    def __init__(self, *arguments: str, model: int = 2) -> None:
        if shutil.which("s3270") is None:
            raise EmulatorError("s3270 is not installed: apt-get install s3270")
        command = ["s3270", "-utf8", "-model", f"3279-{model}", "-clear", "aidWait", *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.status: list[str] = []
        """Of the last action: s3270's status line."""

    def run(self, action: str) -> list[str]:
        """The lines of its answer. Errors: EmulatorError."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(action.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise EmulatorError("s3270 has ended") from None
        return self._answer()

    def connect(self, port: int, *, host: str = "127.0.0.1", prefix: str = "", lu: str = "") -> Self:
        """`prefix`: `L:` is TLS, `N:` no TN3270E."""
        wanted = f"{lu}@" if lu else ""
        self.run(f'Connect("{prefix}{wanted}{host}:{port}")')
        self.wait("InputField")
        return self

    def wait(self, what: str, seconds: float = 5) -> None:
        """For `Unlock`, `InputField`, `Output` or `Disconnect`. Errors: EmulatorError."""
        self.run(f"Wait({seconds:g},{what})")

    @property
    def lines(self) -> list[str]:
        return self.run("Ascii()")

    def row(self, number: int) -> str:
        return self.lines[number - 1].rstrip()

    @property
    def locked(self) -> bool:
        self.run("Query(Cursor)")
        return self.status[0] == "L"

    @property
    def connected(self) -> bool:
        self.run("Query(Cursor)")
        return self.status[3].startswith("C(")

    def type(self, text: str, at: tuple[int, int] | None = None) -> None:
        """At the cursor, or in this row and column, whose field is emptied."""
        if at is not None:
            self.run(f"MoveCursor1({at[0]},{at[1]})")
            self.run("EraseEOF()")
        self.run(f'String("{text}")')

    def press(self, key: str) -> None:
        """`Enter()`, `Clear()`, `PF(8)`: until the keyboard is free again. Errors: EmulatorError."""
        self.run(key)
        self.wait("Unlock")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self) -> list[str]:
        assert self._process.stdout is not None
        told: list[str] = []
        while line := self._process.stdout.readline().decode(errors="replace"):
            if line == "ok\n":
                return told
            if line == "error\n":
                raise EmulatorError("; ".join(told))
            if line.startswith("data:"):
                told.append(line.removeprefix("data:").removeprefix(" ").rstrip("\n"))
            else:
                self.status = line.split()
        raise EmulatorError(f"s3270 has ended: {'; '.join(told)}")
