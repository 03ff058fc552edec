"""The ways to read a stream: tables, change documents, functions, change pointers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.sap_rfc.modes.mode import Basis, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Basis", "Mode", "mode_of"]


def _modes() -> Mapping[str, Callable[[Basis], Mode]]:
    """Read here, for they need Arrow, which who only looks at the configuration does not load."""
    from connectors.sap_rfc.modes import documents, function, pointers, table

    return {
        "table": table.mode,
        "change_documents": documents.ChangeDocuments,
        "function": function.FunctionImages,
        "change_pointers": pointers.mode,
    }


def mode_of(basis: Basis) -> Mode:
    """The mode of a stream. Errors: PermanentError when it cannot be read so; the system's."""
    return _modes()[basis.options.mode](basis)
