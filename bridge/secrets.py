"""References to secrets, as the configuration holds them; what is behind them is read as late as can be."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from bridge.errors import ConfigError


class Secret:
    """A reference to a secret: `env:NAME`, `file:PATH` or `cred:NAME` (systemd's credentials directory).

    The configuration holds the reference; `reveal()` reads the secret anew each time, so that a rotated
    one is found at the next `open()`. What was revealed is kept for the log redaction alone.
    """

    def __init__(self, reference: str) -> None:
        scheme, _, name = reference.partition(":")
        if scheme not in ("env", "file", "cred") or not name or "\0" in name:
            raise ValueError("not a reference to a secret; write env:NAME, file:PATH or cred:NAME")
        self.reference = reference
        self.revealed: set[str] = set()

    def reveal(self) -> str:
        """The secret's value, without line ends after it. Errors: ConfigError naming the reference."""
        value = self._read()
        if not value:
            raise ConfigError(f"the secret {self.reference} is empty", remedy="give it a value")
        if "\0" in value:
            raise ConfigError(f"the secret {self.reference} holds a NUL", remedy="write it as plain text")
        self.revealed.add(value)
        return value

    def _read(self) -> str:
        scheme, _, name = self.reference.partition(":")
        if scheme == "env":
            if name not in os.environ:
                raise ConfigError(
                    f"the environment has no variable {name}", remedy=f"set it, {self.reference} reads it"
                )
            return self._text(os.environb[os.fsencode(name)])
        if scheme == "cred":
            folder = os.environ.get("CREDENTIALS_DIRECTORY")
            if not folder:
                raise ConfigError(
                    f"no credentials directory for {self.reference}",
                    remedy=f"run under systemd with LoadCredential={name}:PATH, or use file:",
                )
            name = str(Path(folder) / name)
        try:
            value = _content(name)
        except OSError as error:
            raise ConfigError(
                f"cannot read the secret {self.reference}: {error.strerror}",
                remedy="check the path and its permissions",
            ) from None
        return self._text(value).rstrip("\r\n")

    def _text(self, value: bytes) -> str:
        """Editors of one system begin a file with a byte order mark."""
        try:
            return value.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ConfigError(
                f"cannot read the secret {self.reference}: not UTF-8", remedy="write it in UTF-8"
            ) from None

    def __repr__(self) -> str:
        return f"Secret({self.reference})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reference == other.reference

    def __hash__(self) -> int:
        return hash(self.reference)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            cls._from_text,
            core_schema.is_instance_schema(cls),
            json_schema_input_schema=core_schema.str_schema(pattern="^(env|file|cred):.+"),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda secret: secret.reference),
        )

    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return cls(value) if isinstance(value, str) else value


def _content(path: str) -> bytes:
    """Of a regular file: whoever opens a pipe waits for its writer. Errors: OSError."""
    with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return file.read()
