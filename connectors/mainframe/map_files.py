"""YAML files of screen maps: their values, where each stands, and what a model has against them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.errors import ConfigError

type Keys = tuple[str | int, ...]

_LARGEST = 1_000_000
_DEEPEST = 16
_MOST_VALUES = 100_000
_LONGEST_SHOWN = 60
_TYPES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "null": (r"~|null|Null|NULL|", lambda _: None),
    "bool": (r"true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
    "int": (r"[-+]?[0-9]+", int),
    "float": (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", float),
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """With the types of YAML 1.2: `no` and `12:30` are text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML reads it like this)


for _name, (_pattern, _) in _TYPES.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), None)


@dataclass(slots=True)
class MapFile:
    """A file's values, and line and column (from 1) of every key and value."""

    path: Path
    data: Any = None
    keys: dict[Keys, tuple[int, int]] = field(default_factory=dict)
    values: dict[Keys, tuple[int, int]] = field(default_factory=dict)
    found: list[tuple[tuple[int, ...], str]] = field(default_factory=list)

    def place(self, path: Keys = (), *, key: bool = False) -> str:
        """`file:line:column` of what is at a path, or of what is around it."""
        return ":".join(map(str, (self.path, *self._line(path, key=key))))

    def _line(self, path: Keys, *, key: bool) -> tuple[int, ...]:
        places = {**self.values, **self.keys} if key else self.values  # an entry of a list has no key
        inside = (path[:end] for end in range(len(path), -1, -1))
        return next((places[each] for each in inside if each in places), ())

    def wrong(self, path: Keys, text: str, *, key: bool = False, at: tuple[int, ...] = ()) -> None:
        """Keep a problem with what is at a path, or else at a line and column."""
        where = ".".join(map(str, path))
        self.found.append((at or self._line(path, key=key), f"{f'{where}: ' if where else ''}{text}"))

    @property
    def problems(self) -> list[str]:
        """A line each, from the top of the file."""
        return [f"{':'.join(map(str, (self.path, *at)))}: {text}" for at, text in sorted(self.found)]

    def read[M: BaseModel](self, model: type[M]) -> M | None:
        """The model of what is in the file; None when there is a problem with it."""
        if not isinstance(self.data, Mapping):
            self.wrong((), f"must be a mapping with `screens`, not {shown(self.data)}")
            return None
        try:
            return None if self.found else model.model_validate(self.data)
        except ValidationError as error:
            for path, text, about_key in faults(error, model):
                self.wrong(path, text, key=about_key)
            return None


def read(path: Path) -> MapFile:
    """Errors: ConfigError when it cannot be read or is no YAML."""
    file = MapFile(path)
    try:
        text = path.read_bytes()
        if len(text) > _LARGEST:
            raise ConfigError(f"{path}: larger than {_LARGEST} bytes", remedy="divide it into several files")
        _must_be_shallow(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
        file.data = _plain(file, node, ()) if node is not None else None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the file: {error.strerror}", remedy="check the path"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(_not_yaml(path, error), remedy="check quotes, colons and indentation") from None
    return file


def _must_be_shallow(text: bytes) -> None:
    """C composes by recursion: a file of brackets would end the process."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST or isinstance(event, yaml.AliasEvent):
            what = "aliases (*name) are not for maps" if depth <= _DEEPEST else "it nests too deep"
            mark: Any = event.start_mark  # of C's parser
            raise yaml.MarkedYAMLError(problem=what, problem_mark=mark)


def _not_yaml(path: Path, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
    return f"{path}{place}: not YAML: {getattr(error, 'problem', None) or 'unreadable characters'}"


def _plain(file: MapFile, node: yaml.Node, path: Keys) -> Any:
    file.values[path] = _place(node)
    match node:
        case yaml.MappingNode():
            return _mapping(file, node, path)
        case yaml.SequenceNode():
            return [_plain(file, inner, (*path, at)) for at, inner in enumerate(node.value)]
        case _:
            return _scalar(file, node, path)


def _mapping(file: MapFile, node: yaml.MappingNode, path: Keys) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in node.value:
        inner = (*path, str(key.value))
        if not isinstance(key, yaml.ScalarNode):
            file.wrong(path, "a key must be text", key=True)
        elif key.value in values:
            file.wrong(inner, f"appears twice, first in line {file.keys[inner][0]}", at=_place(key))
        else:
            file.keys[inner] = _place(key)
            values[key.value] = _plain(file, value, inner)
    return values


def _scalar(file: MapFile, node: yaml.Node, path: Keys) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind != "str" and kind not in _TYPES:
        file.wrong(path, "tags (!name) have no meaning here; put the value in quotes")
        return None
    try:
        return node.value if kind == "str" else _TYPES[kind][1](node.value)
    except ValueError:
        file.wrong(path, "the tag (!!type) does not fit the value")
        return None


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


# -- what a model has against the values


def faults(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Keys, str, bool]]:
    """Path, text, and whether it is about the key there rather than its value; each place once."""
    seen: set[Keys] = set()
    for details in error.errors(include_url=False):
        path, text, about_key = _fault(details, model)
        if path not in seen:
            seen.add(path)
            yield path, text, about_key


_WORDS = {
    "string_type": "is not text; put it in quotes",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "tuple_type": "is not a list; write [a, b]",
    "model_type": "is not a mapping of options",
    "model_attributes_type": "is not a mapping of options",
    "mapping_type": "is not a mapping",
    "dict_type": "is not a mapping",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "does not have the form {pattern}",
    "too_short": "has too few entries, at least {min_length} are needed",
    "string_too_short": "is empty",
}
"""Pydantic's types of errors in plain words."""


def _fault(details: ErrorDetails, model: type[BaseModel]) -> tuple[Keys, str, bool]:
    path, kind, wrong = tuple(details["loc"]), details["type"], details["input"]
    context = details.get("ctx", {})
    if kind == "missing":
        return path[:-1], f"'{path[-1]}' is missing", True
    if kind == "extra_forbidden":
        known = _options_at(model, path[:-1])
        return path, f"unknown option {shown(str(path[-1]))}; {nearest(str(path[-1]), known)}", True
    if kind in ("literal_error", "enum"):
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return path, f"{shown(wrong)} is not allowed; {nearest(str(wrong), allowed)}", False
    about_key = path[-1:] == ("[key]",)
    own = context.get("error")
    words = str(own) if isinstance(own, Exception) else _WORDS.get(kind, details["msg"]).format(**context)
    return (
        path[: len(path) - about_key],
        words if isinstance(wrong, Mapping) and own else f"{shown(wrong)} {words}",
        about_key,
    )


def nearest(wrong: str, known: Iterable[str]) -> str:
    """The nearest spelling when there is one, and what is allowed."""
    names = sorted(known)
    close = get_close_matches(wrong.lower(), names, n=1, cutoff=0.6)
    guess = f"did you mean '{close[0]}'? " if close else ""
    return f"{guess}allowed: {', '.join(names) or 'nothing'}"


def shown(value: Any) -> str:
    """A wrong value as it was written, shortened."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return repr(value if len(value) <= _LONGEST_SHOWN else value[: _LONGEST_SHOWN - 3] + "...")
        case int() | float():
            return repr(value)
        case _:
            return "a mapping" if isinstance(value, Mapping) else "a list"


def _options_at(model: type[BaseModel], path: Keys) -> set[str]:
    annotations: list[Any] = [model]
    for part in path:
        annotations = [each for outer in annotations for each in _members(_inside(outer, part))]
    models = [each for each in annotations if isinstance(each, type) and issubclass(each, BaseModel)]
    return {field.alias or name for each in models for name, field in each.model_fields.items()}


def _inside(annotation: Any, part: str | int) -> Any:
    """The type of what is at a key, or an index, of a value of this type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        options = annotation.model_fields.items()
        return next((field.annotation for name, field in options if part in (name, field.alias)), None)
    arguments = get_args(annotation)
    return arguments[0 if get_origin(annotation) is tuple else 1] if arguments else None


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is UnionType else (annotation,)
