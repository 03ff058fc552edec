"""The reference of the map files, as Markdown, from the models themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from connectors.mainframe.maps import (
    ColumnMap,
    ErrorRule,
    FieldMap,
    FileOfMaps,
    Rule,
    ScreenMap,
    Table,
    Value,
)
from connectors.mainframe.page_numbers import PageRule

_SECTIONS: Mapping[str, tuple[type[BaseModel], type[Rule | Value] | None]] = {
    "A file": (FileOfMaps, None),
    "A screen": (ScreenMap, None),
    "A rule: what a screen shows": (Rule, None),
    "An error": (ErrorRule, Rule),
    "A field: where it is": (FieldMap, Value),
    "A list": (Table, None),
    "The number of a page: where it is": (PageRule, None),
    "A column of a list: where it is": (ColumnMap, Value),
    "What a field or a column means": (Value, None),
}
"""Title -> a model, and the one whose options it has besides, which have a section of their own."""
_NAMES = {
    FileOfMaps: "file",
    ScreenMap: "screen",
    Rule: "rule",
    ErrorRule: "error",
    FieldMap: "field",
    Table: "list",
    PageRule: "page's number",
    ColumnMap: "column",
}
_BESIDES = {Rule: "the options of a rule", Value: "what it means, the last section"}
_PLAIN = {str: "text", int: "number", bool: "true or false"}


def reference() -> str:
    """A section for each model: option, what it takes, default, meaning."""
    return "\n".join(line for title, models in _SECTIONS.items() for line in _section(title, *models))


def _section(title: str, model: type[BaseModel], besides: type[Rule | Value] | None) -> Iterator[str]:
    doc = " ".join((model.__doc__ or "").split())
    also = f" Besides: {_BESIDES[besides]}." if besides else ""
    yield from (f"### {title}", "", doc + also, "")
    yield from ("| option | takes | default | meaning |", "|---|---|---|---|")
    inherited = besides.model_fields if besides else {}
    for name, option in model.model_fields.items():
        if name not in inherited:
            meaning = " ".join((option.description or "").split())
            cells = f"`{option.alias or name}`", _takes(option.annotation), _default(option), meaning
            yield f"| {' | '.join(each.replace('|', '&#124;') for each in cells)} |"
    yield ""


def _takes(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _takes(next(each for each in arguments if each is not NoneType))
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin is tuple:
        return f"list of {_takes(arguments[0])}s"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"name -> {_takes(arguments[1])}"
    if origin is not None:
        return _takes(arguments[0])
    return _NAMES.get(annotation) or _PLAIN[annotation]


def _default(option: FieldInfo) -> str:
    if option.is_required():
        return "needed"
    if isinstance(option.default, bool):
        return "false" if not option.default else "true"
    return f"`{option.default}`" if option.default not in (None, (), {}) else ""
