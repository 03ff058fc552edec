"""`legacy-bridge connectors`: the installed kinds, their versions, and every option with its description."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from bridge.cli import FAILED, OK, arguments

SCHEMA = 1
"""Of the JSON form; a change that could break a reader makes it larger."""
WIDTH = 100
"""Of the text where the terminal is not narrower."""
TYPES = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "mapping",
    "null": "nothing",
}


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "List the installed kinds of connectors, and every option with its meaning."
    parser.add_argument("kind", nargs="?", help="only this kind")
    arguments.machines(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0, or 1 when a listed kind cannot be imported."""
    from bridge import plugins

    if args.kind:
        plugins.load(args.kind)
    found = [describe(kind) for kind in plugins.kinds() if args.kind in (None, kind)]
    if args.json:
        print(json.dumps({"schema": SCHEMA, "connectors": found, "engine": engine()}, indent=2))
    else:
        width = min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns)
        print("\n\n".join("\n".join(_lines(kind, width)) for kind in [*found, engine()]))
    return FAILED if any("error" in kind for kind in found) else OK


def describe(kind: str) -> dict[str, Any]:
    """One installed kind; `error` instead of its options when it cannot be imported."""
    from bridge import plugins
    from bridge.errors import ConfigError

    distribution = plugins.kinds()[kind].dist
    head = {
        "kind": kind,
        "version": distribution.version if distribution else None,
        "distribution": distribution.name if distribution else None,
    }
    try:
        connector = plugins.load(kind)
    except ConfigError as error:
        return head | {"error": str(error)}
    return head | {
        "description": " ".join((connector.__doc__ or "").split("\n\n")[0].split()),
        "drivers": _drivers(connector),
        "options": options(connector.Config, without=("streams",)),
        "stream_options": [
            option for model in plugins.stream_models(connector.Config) for option in options(model)
        ],
    }


def _drivers(connector: Any) -> list[str]:
    from bridge.errors import ConfigError

    try:
        return list(connector.drivers())
    except ConfigError as error:
        return [str(error)]


def engine() -> dict[str, Any]:
    """What the engine lets one configure for every connector, whatever its kind."""
    from bridge.config.options import ConnectorOptions, StreamOptions

    return {
        "description": "Every connector takes these, too; its streams inherit theirs, also from `defaults`.",
        "options": options(ConnectorOptions),
        "stream_options": options(StreamOptions),
    }


def options(model: Any, without: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Name, type, whether required, default, description and inner options of a model's options."""
    from bridge.config.schema import whole_of

    whole = whole_of(model)
    return [each for each in _options(whole, whole.get("$defs", {})) if each["name"] not in without]


def _options(schema: dict[str, Any], models: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "type": _type(each, models),
            "required": name in schema.get("required", ()),
            "default": each.get("default"),
            "description": " ".join(each.get("description", "").split()),
            "options": _options(models.get(each.get("$ref", "").rpartition("/")[2], {}), models),
        }
        for name, each in schema.get("properties", {}).items()
    ]


def _type(schema: dict[str, Any], models: dict[str, Any]) -> str:  # noqa: PLR0911 (one a form)
    """A schema's type in an operator's words."""
    match schema:
        case {"$ref": reference}:
            return _type(models[reference.rpartition("/")[2]], models)
        case {"examples": [example, *_]}:
            return f"like {example}"
        case {"const": value}:
            return str(value)
        case {"enum": values}:
            return " | ".join(map(str, values))
        case {"anyOf": choices} | {"oneOf": choices}:
            names = (_type(choice, models) for choice in choices if choice.get("type") != "null")
            return " or ".join(dict.fromkeys(names))
        case {"type": "string", "pattern": "^(env|file|cred):.+"}:
            return "reference to a secret"
        case {"type": "array", "items": dict(items)}:
            return f"list of {_type(items, models)}"
        case {"type": str(name)}:
            return TYPES.get(name, name)
    return "anything"


def _lines(kind: dict[str, Any], width: int) -> Iterator[str]:
    yield f"{kind['kind']} {kind['version']} ({kind['distribution']})" if "kind" in kind else "engine"
    if "error" in kind:
        yield f"  cannot be used: {kind['error']}"
        return
    yield from textwrap.wrap(kind["description"], width, initial_indent="  ", subsequent_indent="  ")
    for driver in kind.get("drivers", ()):
        line = f"reads with: {driver}"
        yield from textwrap.wrap(line, width, initial_indent="  ", subsequent_indent="    ")
    for title, listed in (("options", kind["options"]), ("options of a stream", kind["stream_options"])):
        if listed:
            yield f"  {title}:"
            yield from (line for option in listed for line in _option(option, width, " " * 4))


def _option(option: dict[str, Any], width: int, indent: str) -> Iterator[str]:
    yield f"{indent}{option['name']}  ({', '.join(filter(None, (option['type'], _need(option))))})"
    margin = indent + " " * 4
    yield from textwrap.wrap(option["description"], width, initial_indent=margin, subsequent_indent=margin)
    for inner in option["options"]:
        yield from _option(inner, width, margin)


def _need(option: dict[str, Any]) -> str | None:
    """Whether it must be given, or what it is without; inner options say so themselves."""
    if option["required"]:
        return "required"
    if option["options"] or option["default"] in (None, [], {}):
        return None
    return f"default {json.dumps(option['default'])}"
