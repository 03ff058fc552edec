"""How deep YAML and JSON may nest: C reads them by recursion, and a file of brackets ends the process."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

import yaml

DEEPEST = 64
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def must_be_shallow_json(text: str) -> None:
    """Errors: ValueError when it nests deeper than anything of ours."""
    steps = (_STEPS[each] for each in _STRING.sub("", text) if each in _STEPS)
    if max(accumulate(steps), default=0) > DEEPEST:
        raise ValueError(f"it nests more than {DEEPEST} deep")


def must_be_shallow(text: str | bytes, loader: Any) -> None:
    """Errors: MarkedYAMLError with the place where the text nests deeper; YAMLError where it is none."""
    depth = 0
    for event in yaml.parse(text, loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise too_deep(event.start_mark)


def too_deep(mark: Any) -> yaml.MarkedYAMLError:
    return _refused(
        mark, f"it nests more than {DEEPEST} deep", "no option needs that: look for lost brackets"
    )


def endless(mark: Any) -> yaml.MarkedYAMLError:
    return _refused(mark, "aliases make it endless", "write out what the aliases (*name) stand for")


def _refused(mark: Any, text: str, remedy: str) -> yaml.MarkedYAMLError:
    """PyYAML's own errors have no note."""
    return yaml.MarkedYAMLError(problem=text, problem_mark=mark, note=remedy)
