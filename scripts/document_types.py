"""Write the tables of docs/connectors/jdbc-types.md anew: python -m scripts.document_types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.integration.jdbc_types import TYPES, Rejected, Type

PAGE = Path(__file__).resolve().parent.parent / "docs" / "connectors" / "jdbc-types.md"
TABLE = re.compile(r"(<!-- types of (\w+) -->\n)(?:\|.*\n)*")


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
            yield f"| {code(name)} | {arrow} | {code(literal)} | {shown(value)} |"
            name = arrow = ""


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def shown(value: Any) -> str:
    if isinstance(value, Rejected):
        return f"dead letter: {value.reason}"
    return code(json.dumps(value, ensure_ascii=False))


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
