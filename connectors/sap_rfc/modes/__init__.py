"""The ways to read a stream: tables, change documents, functions, change pointers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.sap_rfc.modes.mode import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.sap_rfc.dictionary import Dictionary
    from connectors.sap_rfc.streams import SapStream
    from connectors.sap_rfc.system import System

__all__ = ["Mode", "mode_of"]


def _modes() -> Mapping[str, Callable[[str, SapStream, System, Dictionary, frozenset[str]], Mode]]:
    """Read here, for they need Arrow, which who only looks at the configuration does not load."""
    from connectors.sap_rfc.modes import documents, function, pointers, table

    return {
        "table": table.mode,
        "change_documents": documents.mode,
        "function": function.mode,
        "change_pointers": pointers.mode,
    }


def mode_of(
    name: str,
    options: SapStream,
    system: System,
    dictionary: Dictionary,
    excluded: frozenset[str] = frozenset(),
) -> Mode:
    """The mode of a stream. Errors: PermanentError when it cannot be read so; the system's."""
    return _modes()[options.mode](name, options, system, dictionary, excluded)
