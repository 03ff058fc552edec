"""Whether a position can be one of a stream's, as far as that shows without the system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.contract import Position
from connectors.sap_rfc.modes.late import Overlap
from connectors.sap_rfc.streams import SapStream
from connectors.sap_rfc.window import Mark, Window

_COMPLETE = '"scan": "complete"'
_FLOOR = '"floor": "YYYYMMDDHHMMSS"'


def form(options: SapStream) -> str:
    """What would do."""
    if options.images:
        return f'{{"mode": "images", {_COMPLETE}}}'
    if options.process:
        return '{"mode": "change_pointers", "done": []}'
    columns = ", ".join(f'"{name}"' for name in options.columns)
    rest = {"table": f'"columns": [{columns}], "high": "YYYY-MM-DDTHH:MM:SSZ"', "function": _COMPLETE}
    return f'{{"mode": "{options.mode}", {rest.get(options.mode, _FLOOR)}}}'


def check(options: SapStream, position: Position) -> None:
    """Errors: ValueError."""
    named: object = position.get("mode") if isinstance(position, dict) else None
    if named != ("images" if options.images else options.mode):
        raise ValueError(position)
    match position:
        case {"scan": "complete", **rest} if options.images and rest.keys() == {"mode"}:
            pass
        case {"after": list()} if options.images:
            _page({str(name): value for name, value in position.items() if name != "mode"})
        case {"mode": "table", "columns": list(by), **rest} if by == [*options.columns]:
            _times({str(name): value for name, value in rest.items()})
        case {"mode": "function", "scan": str(), **rest} if rest.keys() <= {"rows"}:
            pass
        case {"mode": "change_pointers", "done": list(), **rest} if options.process and not rest:
            pass
        case {"mode": "change_documents" | "change_pointers"} if not options.process:
            Overlap.parsed(position, options.mode)
        case _:
            raise ValueError(position)


def _page(place: Mapping[str, Any]) -> None:
    for key in place.values():
        if not isinstance(key, list) or not key or not all(isinstance(text, str) for text in key):
            raise ValueError(place)
    if not {"after"} <= place.keys() <= {"after", "to"}:
        raise ValueError(place)


def left(found: object) -> list[list[str]]:
    """The keys of rows that are to be read again. Errors: ValueError."""
    if not isinstance(found, list) or not all(
        isinstance(key, list) and all(isinstance(text, str) for text in key) for key in found
    ):
        raise ValueError(found)
    return found


def _times(rest: Mapping[str, Any]) -> None:
    """`of` and `alpha` are there in those that a stream has written."""
    rest = dict(rest)
    if not isinstance(rest.pop("of", ""), str) or not isinstance(rest.pop("alpha", ""), str):
        raise ValueError(rest)  # noqa: TRY004 -- as for all else
    left(rest.pop("left", []))
    place: Mapping[str, Any] = {name: rest[name] for name in ("after", "to") if name in rest}
    times = {name: value for name, value in rest.items() if name not in place}
    if not place:
        Mark.parsed(times)
        return
    _page(place)
    Window.parsed(times)
