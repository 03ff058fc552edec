"""Those who change what a source of the demo has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from threading import Event, Thread


class Staff(ABC):
    """A thread that takes so many steps a second, from `work` to `go_home`."""

    def __init__(self, name: str, rate: float) -> None:
        self._name, self._rate = name, rate
        self._closed = Event()
        self._thread: Thread | None = None

    @abstractmethod
    def step(self) -> None: ...

    def work(self) -> None:
        self._closed.clear()
        self._thread = Thread(target=self._work, name=self._name, daemon=True)
        self._thread.start()

    def go_home(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while not self._closed.wait(1 / self._rate):
            self.step()


def secret(folder: Path, name: str, password: str) -> Path:
    """A file that nobody else may read."""
    file = folder / name
    file.write_text(password)
    file.chmod(0o600)
    return file
