"""A source opened by hand, outside any worker: what the commands that look at one share."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread

from bridge import config, logs, plugins, reach
from bridge.config import Reading, client_check
from bridge.config.options import ConnectorSettings, Settings
from bridge.contract import Connector, Secret, Stream
from bridge.errors import ConfigError
from bridge.live_keys import live_keys
from bridge.redact import Redactor


def load(path: Path, connector: str) -> Settings:
    """The settings of a file, `connector` examined by its own model, too.

    Errors: ConfigErrors as `config check` prints them; ConfigError for a connector that is not in the file.
    """

    def examine(reading: Reading) -> None:
        if connector in reading.connectors:
            plugins.examine_one(reading, connector)

    return without_plugin(path, connector, examine)


def without_plugin(path: Path, connector: str | None, *examiners: Callable[[Reading], None]) -> Settings:
    """As `load`, for commands that look at Kafka alone and do with what the engine knows."""
    settings = config.load(path, *examiners, client_check.examine)
    if connector is not None:
        named(settings, connector)
    return settings


def reached(settings: Settings) -> Settings:
    """The settings, once their Kafka has answered. Errors: TransientError, CredentialsError."""
    quiet(settings)
    reach.cluster(settings.kafka)
    return settings


def named(settings: Settings, connector: str) -> ConnectorSettings:
    """The settings of a connector. Errors: ConfigError lists those there are."""
    if connector not in settings.connectors:
        raise ConfigError(
            f"no connector {connector!r} in this file", remedy=f"there are: {', '.join(settings.connectors)}"
        )
    return settings.connectors[connector]


def chosen(streams: Sequence[Stream], wanted: Sequence[str]) -> list[Stream]:
    """The streams named, or all. Errors: ConfigError lists those there are."""
    names = [stream.name for stream in streams]
    if unknown := [name for name in wanted if name not in names]:
        raise ConfigError(f"no stream '{unknown[0]}'", remedy=f"there are: {', '.join(names) or 'none'}")
    return [stream for stream in streams if not wanted or stream.name in wanted]


def quiet(settings: Settings) -> Redactor:
    """Warnings only, redacted; what is wrong with Kafka the command itself tells, in one line."""
    redactor = Redactor(value for value in settings.kafka.values() if isinstance(value, Secret))
    logs.configure("auto", "warning", redactor)
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)
    return redactor


def configured(settings: Settings, name: str) -> Connector:
    """The connector, not open. Errors: those of `plugins.configure`."""
    source = plugins.configure(named(settings, name))
    source.keys_in = partial(live_keys, settings.kafka)
    return source


@contextmanager
def opened(settings: Settings, connector: str) -> Iterator[tuple[Connector, Redactor]]:
    """The connector, open until the block ends, and the redactor for whatever is printed about it.

    Ctrl-C interrupts its running call. Errors: those of `plugins.configure` and `Connector.open`.
    """
    source = configured(settings, connector)
    redactor = quiet(settings)
    redactor.watch(plugins.secrets(source.config))
    with _interrupted_by_signals(source):
        try:
            source.open()
            yield source, redactor
        finally:
            source.close()


@contextmanager
def _interrupted_by_signals(source: Connector) -> Iterator[None]:
    """Python's own signal handlers wait for a native call to return; this thread does not."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        previous = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        watch = Thread(target=_interrupt_on_signal, args=(ours, source), name="interrupt", daemon=True)
        watch.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)
            theirs.shutdown(socket.SHUT_WR)
            watch.join()


def _interrupt_on_signal(wakeups: socket.socket, source: Connector) -> None:
    if wakeups.recv(1):
        source.interrupt()
