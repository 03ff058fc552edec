"""What is wrong with a configuration, so that it can be mended: the place, the value, what would fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAliasType, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.contract import Level, Secret
from bridge.errors import ConfigError, HiddenError
from bridge.redact import names_a_secret, redact_patterns

type Keys = tuple[str | int, ...]
"""Keys and list indexes from the top of the file to a value."""

LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend. `where` is the dotted path in the file; line and column count from 1."""

    file: str
    line: int | None
    column: int | None
    where: str
    text: str
    remedy: str = ""
    level: Level = Level.CRITICAL

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        where = f"{self.where}: " if self.where else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{place}: {where}{self.text}{remedy}"


class ConfigErrors(ConfigError):
    """Everything that is wrong with a configuration file; its text has one line a problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem before its place in the file is known; `about_key` when the key itself is wrong."""

    path: Keys
    text: str
    remedy: str = ""
    about_key: bool = False
    level: Level = Level.CRITICAL


def faults(
    error: ValidationError,
    model: type[BaseModel],
    data: Any,
    besides: Callable[[Keys], Iterable[str]] = lambda _: (),
) -> list[Fault]:
    """The faults pydantic found when `model` met `data`, each place named once, no secret in any text.

    `besides` names the keys allowed at a place in addition to the model's own, for the nearest spelling.
    """
    found: dict[Keys, Fault] = {}
    for details in error.errors(include_url=False):
        path = _path_in(data, details)
        if details["type"] == "extra_forbidden":
            fault = _unknown(path, _options_at(model, path[:-1]) | set(besides(path[:-1])))
        else:
            fault = _fault(details, model, path)
        found.setdefault(fault.path, fault)
    return list(found.values())


def nearest(wrong: str, known: Iterable[str]) -> str:
    """A remedy: the nearest spelling when there is one, and what is known."""
    names = sorted(known)
    close = get_close_matches(wrong.lower(), names, n=1, cutoff=0.6)
    guess = f"did you mean '{close[0]}'? " if close else ""
    return f"{guess}allowed: {', '.join(names)}" if names else f"{guess}nothing is allowed here"


def dotted(path: Keys) -> str:
    """The path as text; a key such as `password:hunter2`, for want of a space, loses its secret."""
    parts = (redact_patterns(str(part)) for part in path)
    return ".".join(f"'{part}'" if "." in part else part for part in parts)


def shown(value: Any) -> str:
    """A wrong value as the operator wrote it, shortened; never the inside of a mapping or list."""
    match value.reference if isinstance(value, Secret) else value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str(written):
            text = redact_patterns(written)
            return repr(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "...")
        case int() | float():
            return repr(value)
        case Mapping():
            return "a mapping"
        case _:
            return "a list"


def _unknown(path: Keys, known: Iterable[str]) -> Fault:
    return Fault(
        path, f"unknown option {shown(str(path[-1]))}", nearest(str(path[-1]), known), about_key=True
    )


def _fault(details: ErrorDetails, model: type[BaseModel], path: Keys) -> Fault:
    kind, context = details["type"], details.get("ctx", {})
    annotations = _annotations_at(model, path)
    if kind == "missing":
        return Fault(path[:-1], f"'{path[-1]}' is missing", about_key=True)
    if is_secret(path, annotations):
        return Fault(
            path,
            "must be a reference to a secret (its value is not shown)",
            "write env:NAME, file:PATH or cred:NAME",
        )
    if kind in ("literal_error", "enum"):
        allowed = _listed(str(context.get("expected", "")))
        return Fault(
            path, f"{shown(details['input'])} is not allowed", nearest(str(details["input"]), allowed)
        )
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _untagged(context, path)
    if kind in ("dict_type", "model_type", "mapping_type", "model_attributes_type"):
        return Fault(path, f"must be a mapping of options, not {form_of(details['input'])}")
    return Fault(path, *_said(details))


def _untagged(context: Mapping[str, Any], path: Keys) -> Fault:
    """Without the option that says what the others are, or with a wrong one."""
    (name,) = _listed(context["discriminator"])
    if "tag" not in context:
        return Fault(path, f"'{name}' is missing", about_key=True)
    tags = _listed(context["expected_tags"])
    return Fault((*path, name), f"{shown(context['tag'])} is not allowed", nearest(context["tag"], tags))


def _listed(told: str) -> list[str]:
    """Of pydantic's "'a', 'b' or 'c'", and "1, 2 or 3"."""
    return re.findall(r"'([^']*)'", told) or re.findall(r"\b(?!or\b)[\w.-]+", told)


_WORDS = {
    "string_type": "is not text",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_type": "is not a number",
    "float_parsing": "is not a number",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "list_type": "is not a list",
    "tuple_type": "is not a list",
    "set_type": "is not a list",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "has too few entries, at least {min_length} are needed",
    "too_long": "has too many entries, at most {max_length} are allowed",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "does not have the form {pattern}",
}
"""Pydantic's types of errors in plain words."""
_REMEDIES = {"string_type": "put it in quotes", "list_type": "write [a, b]", "tuple_type": "write [a, b]"}


def _said(details: ErrorDetails) -> tuple[str, str]:
    """Text and remedy of an error in plain words, or else in a validator's own."""
    value, kind, context = details["input"], details["type"], details.get("ctx", {})
    if kind in _WORDS:
        return f"{shown(value)} {_WORDS[kind].format(**context)}", _REMEDIES.get(kind, "")
    words = str(context["error"]) if isinstance(context.get("error"), Exception) else details["msg"]
    words = redact_patterns(words).removeprefix("Input ")
    tells_all = isinstance(value, Mapping | list | tuple) or isinstance(context.get("error"), HiddenError)
    return (words if tells_all else f"{shown(value)} {words}"), ""


def is_secret(path: Keys, annotations: Iterable[Any]) -> bool:
    """Whether a value must not be shown: by the type of the field or by its name."""
    names = [part for part in path if isinstance(part, str)]
    return any(_mentions(annotation, Secret) for annotation in annotations) or bool(
        names and names_a_secret(names[-1])
    )


def form_of(value: Any) -> str:
    """What stands where a mapping should, without its value, which might be a secret in the wrong place."""
    if isinstance(value, bool) or value is None or isinstance(value, Mapping | list):
        return shown(value)
    return "text" if isinstance(value, str) else "a number"


def _path_in(data: Any, details: ErrorDetails) -> Keys:
    """Pydantic's location without the names of validators and union members, which are in no file."""
    path: list[str | int] = []
    *inner, last = details["loc"] or ("",)
    for part in inner:
        inside = _inside(data, part)
        if inside is not _NOTHING:
            path.append(part)
            data = inside
    if details["type"] == "missing" or _inside(data, last) is not _NOTHING:
        path.append(last)
    return tuple(path)


_NOTHING = object()


def _inside(data: Any, part: str | int) -> Any:
    if isinstance(data, Mapping):
        return data.get(part, _NOTHING)
    if isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
        return data[part]
    return _NOTHING


def _annotations_at(model: Any, path: Keys) -> list[Any]:
    """The types a value at `path` may have, unions taken apart."""
    annotations = [model]
    for part in path:
        annotations = [inner for outer in annotations for inner in _step(outer, part)]
    return annotations


def _step(annotation: Any, part: str | int) -> Iterator[Any]:
    if isinstance(annotation, TypeAliasType):
        annotation = annotation.__value__
    origin = get_origin(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if part in (name, field.alias):
                yield field.annotation
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield get_args(annotation)[1]
    elif isinstance(origin, type) and issubclass(origin, list | tuple):
        yield get_args(annotation)[0]
    else:
        for member in get_args(annotation):
            yield from _step(member, part)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models an annotation names, containers and unions taken apart."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in _parts(annotation):
        yield from models_in(inner)


def _options_at(model: type[BaseModel], path: Keys) -> set[str]:
    models = (inner for annotation in _annotations_at(model, path) for inner in models_in(annotation))
    return {field.alias or name for inner in models for name, field in inner.model_fields.items()}


def _mentions(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or any(_mentions(inner, wanted) for inner in _parts(annotation))


def _parts(annotation: Any) -> tuple[Any, ...]:
    return (annotation.__value__,) if isinstance(annotation, TypeAliasType) else get_args(annotation)
