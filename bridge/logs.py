"""The log on standard error: JSON or a form for people, redacted after exceptions have become text."""

from __future__ import annotations

import logging
import os
import sys
from io import UnsupportedOperation
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bridge.redact import Redactor

type Format = Literal["json", "console", "auto"]


class Lossy:
    """Lines that cannot be written, to a full disk or into a pipe that nobody reads, are lost and counted.

    Nothing else may come of it: a daemon does not end for its log.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.lost = 0
        """Lines since the last that was written."""

    def write(self, text: str) -> int:
        """All of it, and at once: what a buffer kept back would keep back whatever comes later, too."""
        try:
            self._write(text)
        except (OSError, ValueError):
            self.lost += 1
            return 0
        self.lost = 0
        return len(text)

    def tell(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """A processor: the next line that is written says how many were not."""
        return {**event, "lines_lost": self.lost} if self.lost else event

    def _write(self, text: str) -> None:
        try:
            number = self._file.fileno()
        except (AttributeError, UnsupportedOperation):  # in memory
            self._file.write(text)
            return
        data = memoryview(text.encode(errors="backslashreplace"))
        while data:
            data = data[os.write(number, data) :]

    def flush(self) -> None:
        return


def configure(format: Format, level: str, redactor: Redactor) -> None:  # noqa: A002 (the option's name)
    """Sends structlog's and the standard library's lines of at least `level` through one redacting chain."""
    least = logging.getLevelNamesMapping()[level.upper()]
    stream = Lossy(sys.stderr)
    rendered = [stream.tell, *_chain(format, redactor)]
    structlog.configure(
        processors=[*_facts(), *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", stream)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_facts(), structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(handlers=[handler], level=least, force=True)


def _facts() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _chain(format: Format, redactor: Redactor) -> list[Processor]:  # noqa: A002 (the option's name)
    def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {
            name: value if name == "timestamp" else redactor.clean({name: value})[name]
            for name, value in event.items()
        }

    console = format == "console" or (format == "auto" and sys.stderr.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return [structlog.processors.format_exc_info, redact, renderer]
