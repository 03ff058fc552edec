"""What a function module ends with when it does not end well."""

from __future__ import annotations


class AbapException(Exception):
    """An exception of the function's interface, with a message (MESSAGE ... RAISING) or without (RAISE)."""

    def __init__(
        self, key: str, *, message_class: str = "", number: str = "000", values: tuple[str, ...] = ()
    ) -> None:
        self.key = key
        self.message_class = message_class
        self.number = number
        self.values = values
        super().__init__(self.text)

    @property
    def text(self) -> str:
        """As a system shows it that does not know the message in the caller's language."""
        if not self.message_class:
            return self.key
        return f"ID:{self.message_class} Type:E Number:{self.number} {' '.join(self.values)}".rstrip()


class ShortDump(Exception):
    """A runtime error: the work process gives up the call; SYSTEM_FAILURE at the caller. `key` as in ST22."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(f"{key}: {text}")
        self.key = key
        self.text = text


class Locked(Exception):
    """Another transaction holds the lock of this row (ENQUEUE: FOREIGN_LOCK)."""


class Misuse(Exception):
    """A test asks for what no ABAP program could do: an unknown table, a value that does not fit."""
