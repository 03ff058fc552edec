"""YAML read into plain values, with the line and column of every key and value kept for error messages.

YAML 1.2's core types: `no`, `off`, `22:00` and `2024-01-01` are text. Tags make no objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bridge.config.problems import ConfigErrors, Keys, Problem, dotted
from bridge.nesting import DEEPEST, endless, must_be_shallow, too_deep

LARGEST = 100_000
"""Values a file may have once its aliases are written out; a few lines of aliases can mean billions."""

_STR = "tag:yaml.org,2002:str"
_SCALARS: dict[str, tuple[str | None, Callable[[str], Any]]] = {
    "tag:yaml.org,2002:null": (r"~|null|Null|NULL|", lambda _: None),
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
    "tag:yaml.org,2002:int": (r"[-+]?[0-9]+", int),
    "tag:yaml.org,2002:float": (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", float),
    _STR: (None, str),
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's parser with the types of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML reads it like this)


for _tag, (_pattern, _) in _SCALARS.items():
    if _pattern is not None:
        _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), None)


@dataclass(slots=True)
class Document:
    """A file's values, where they stand (line and column from 1), and what was wrong with them as YAML."""

    file: str
    data: Any = None
    keys: dict[Keys, tuple[int, int]] = field(default_factory=dict)
    values: dict[Keys, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def at_key(self, path: Keys, text: str, remedy: str = "") -> Problem:
        """A problem with the key at `path`, or with the nearest thing around it that is in the file."""
        return self._problem(self.keys, path, text, remedy)

    def at_value(self, path: Keys, text: str, remedy: str = "") -> Problem:
        """A problem with the value at `path`, or with the nearest thing around it that is in the file."""
        return self._problem(self.values, path, text, remedy)

    def _problem(self, places: dict[Keys, tuple[int, int]], path: Keys, text: str, remedy: str) -> Problem:
        for end in range(len(path), -1, -1):
            if path[:end] in places:
                return Problem(self.file, *places[path[:end]], dotted(path), text, remedy)
        return Problem(self.file, None, None, dotted(path), text, remedy)


def read(path: Path) -> Document:
    """The document in a file. Errors: ConfigErrors when it cannot be read or is no YAML."""
    text = _text(path)
    document = Document(str(path))
    loader = _Loader(text)
    try:
        must_be_shallow(text, _Loader)
        node = loader.get_single_node()
        if node is not None:
            document.data = _plain(document, node, (), ())
    except yaml.YAMLError as error:
        raise ConfigErrors([_not_yaml(path, text, error)]) from None
    finally:
        loader.dispose()
    return document


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problem = Problem(
            str(path),
            None,
            None,
            "",
            f"cannot read the file: {error.strerror}",
            "check the path and its permissions",
        )
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problem = Problem(str(path), line, None, "", "the file is not UTF-8", "save it as UTF-8")
    raise ConfigErrors([problem])


def _plain(document: Document, node: yaml.Node, path: Keys, outer: tuple[yaml.Node, ...]) -> Any:
    """A node's value. `outer`: the nodes around it, to see an alias that contains itself."""
    document.count += 1
    document.values.setdefault(path, _place(node))
    document.keys.setdefault(path, _place(node))
    if node in outer or document.count > LARGEST:
        raise endless(node.start_mark)
    if len(outer) > DEEPEST:
        raise too_deep(node.start_mark)
    match node:
        case yaml.MappingNode():
            return _mapping(document, node, path, (*outer, node))
        case yaml.SequenceNode():
            return [
                _plain(document, inner, (*path, at), (*outer, node)) for at, inner in enumerate(node.value)
            ]
        case yaml.ScalarNode():
            return _scalar(document, node, path)


def _mapping(
    document: Document, node: yaml.MappingNode, path: Keys, outer: tuple[yaml.Node, ...]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            document.problems.append(
                Problem(
                    document.file, *_place(key_node), dotted(path), "a key must be text", "put it in quotes"
                )
            )
            continue
        inner = (*path, key_node.value)
        if key_node.value in values:
            first, _ = document.keys[inner]
            twice = f"appears twice, first in line {first}"
            document.problems.append(
                Problem(document.file, *_place(key_node), dotted(inner), twice, "rename or remove one")
            )
            continue
        document.keys[inner] = _place(key_node)
        values[key_node.value] = _plain(document, value_node, inner, outer)
    return values


def _scalar(document: Document, node: yaml.ScalarNode, path: Keys) -> Any:
    if node.tag not in _SCALARS:
        document.problems.append(
            document.at_value(path, "tags (!name) have no meaning here", "put the value in quotes")
        )
        return None
    try:
        return _SCALARS[node.tag][1](node.value)
    except ValueError:
        document.problems.append(
            document.at_value(path, "the tag (!!type) does not fit the value", "remove it")
        )
        return None


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _not_yaml(path: Path, text: str, error: yaml.YAMLError) -> Problem:
    """PyYAML's own message quotes the line, which may hold a password; this one does not."""
    mark = getattr(error, "problem_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    written = "".join(text.splitlines()[line - 1 : line]) if line else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return Problem(
            str(path),
            line,
            column,
            "",
            "a tab in the indentation",
            "YAML wants spaces: use two for each level",
        )
    said = re.sub(
        r"""['"](?!<)[^'"]{2,}['"]""", "...", str(getattr(error, "problem", None) or "unreadable characters")
    )
    usual = "check quotes, colons and indentation; quote a value that begins with * & ! @ % or `"
    remedy = getattr(error, "note", None) or usual
    return Problem(str(path), line, column, "", f"not YAML: {said}", remedy)
