"""Commands that installed packages bring along: the entry-point group `bridge.commands`.

An entry point names a module with `HELP`, its line in the listing, and `add(parser, find)`, which says what
the command takes and sets `run`, as the modules of this package do. A command of our own is not looked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.parser import Parser
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from bridge.contract import Connector

GROUP = "bridge.commands"

type Commands = argparse._SubParsersAction[Parser]  # noqa: SLF001 - it has no public name
type Find = Callable[[Path, str | None], Connector]
"""What a command is given, to get at a connector of a configuration file."""


def add(commands: Commands, asked: str | None, taken: Collection[str]) -> None:
    """The installed commands whose name is not `taken`. Errors: ConfigError when the one asked is broken."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    for name in dict.fromkeys(point.name for point in points if point.name not in taken):
        found = [point for point in points if point.name == name]
        if name == asked:
            _add(commands, found)
        elif asked:
            commands.add_parser(name)
        else:
            commands.add_parser(name, help=_line(found).replace("%", "%%"))


def find(kind: str, path: Path, name: str | None) -> Connector:
    """A connector, configured and not open; None: the only one of this kind. What is logged is redacted.

    Errors: ConfigErrors as `config check` prints them; ConfigError for a connector that is not in the file.
    """
    from bridge import config, plugins, sources

    if name is None:
        name = _only(kind, [each.name for each in config.load(path).connectors.values() if each.kind == kind])
    settings = sources.load(path, name)
    connector = sources.configured(settings, name)
    sources.quiet(settings).watch(plugins.secrets(connector.config))
    return connector


def _only(kind: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    if names:
        text = f"{len(names)} connectors are of the kind '{kind}'"
        raise ConfigError(text, remedy=f"name one of them: {', '.join(names)}")
    raise ConfigError(f"no connector of the kind '{kind}' in this file", remedy="name the connector")


def _add(commands: Commands, found: Sequence[EntryPoint]) -> None:
    module = _loaded(found)
    name, line = found[0].name, module.HELP
    parser = commands.add_parser(name, description=f"{line[0].upper()}{line[1:]}.")
    try:
        module.add(parser, partial(find, name))
    except Exception as error:
        raise _broken(name, error) from error


def _line(found: Sequence[EntryPoint]) -> str:
    """Its line in the listing; one that is broken harms no other."""
    try:
        return str(_loaded(found).HELP)
    except ConfigError as error:
        return f"cannot be used: {error}"


def _loaded(found: Sequence[EntryPoint]) -> Any:
    """The module of a command. Errors: ConfigError."""
    point = found[0]
    if len({each.value for each in found}) > 1:
        names = ", ".join(sorted(each.dist.name for each in found if each.dist))
        raise ConfigError(
            f"several packages provide the command '{point.name}': {names}", remedy="uninstall all but one"
        )
    try:
        module = point.load()
    except (Exception, SystemExit) as error:  # a third party's module may fail in any way
        raise _broken(point.name, error) from error
    if not (getattr(module, "HELP", "") and callable(getattr(module, "add", None))):
        raise ConfigError(
            f"the command '{point.name}' is broken: {point.value} lacks HELP or add()",
            remedy="reinstall its package",
        )
    return module


def _broken(name: str, error: BaseException) -> ConfigError:
    said = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return ConfigError(f"the command '{name}' is broken: {said}", remedy="reinstall its package")
