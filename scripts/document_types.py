"""Write the tables of docs/connectors/*-types.md anew: python -m scripts.document_types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.integration import jdbc_types, oracle_types, sap_types
from tests.integration.jdbc_types import Rejected, Type

DOCS = Path(__file__).resolve().parent.parent / "docs" / "connectors"
PAGES: dict[Path, Mapping[str, tuple[Type, ...]]] = {
    DOCS / "jdbc-types.md": jdbc_types.TYPES,
    DOCS / "oracle-types.md": oracle_types.TYPES,
    DOCS / "sap-types.md": sap_types.TYPES,
}
TYPES: dict[str, tuple[Type, ...]] = {name: types for page in PAGES.values() for name, types in page.items()}
TABLE = re.compile(r"(<!-- types of (\w+) -->\n)(?:\|.*\n)*")

QUOTES = "''"
"""Of a text with nothing in it."""


def written(page: str) -> str:
    """The page with every table as the tests have it."""
    return TABLE.sub(lambda found: found[1] + "".join(f"{row}\n" for row in rows(TYPES[found[2]])), page)


def rows(types: tuple[Type, ...]) -> Iterator[str]:
    yield "| type | Arrow | value | in the event |"
    yield "|---|---|---|---|"
    for one in types:
        name = one.ddl.replace("$.", "")
        arrow = str(one.arrow)
        for literal, value in one.values.items():
            yield f"| {code(name)} | {arrow} | {code(literal or QUOTES)} | {shown(value)} |"
            name = arrow = ""


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def shown(value: Any) -> str:
    if isinstance(value, Rejected):
        return f"dead letter: {value.reason}"
    return code(json.dumps(value, ensure_ascii=False))


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(written(page.read_text()))
