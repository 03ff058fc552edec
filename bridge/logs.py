"""The log on standard error: JSON or a form for people, redacted after exceptions have become text."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bridge.redact import Redactor

type Format = Literal["json", "console", "auto"]


def configure(format: Format, level: str, redactor: Redactor) -> None:  # noqa: A002 (the option's name)
    """Sends structlog's and the standard library's lines of at least `level` through one redacting chain."""
    least = logging.getLevelNamesMapping()[level.upper()]
    rendered = _chain(format, redactor)
    structlog.configure(
        processors=[*_facts(), *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
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
