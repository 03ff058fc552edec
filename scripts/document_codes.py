"""Write the table of docs/connectors/oracle.md anew from the codes: python scripts/document_codes.py."""

from __future__ import annotations

import re
from pathlib import Path

from connectors.oracle.codes import CODES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "connectors" / "oracle.md"
TABLE = re.compile(r"(<!-- codes -->\n)(?:\|.*\n)*")


def table() -> str:
    head = "| code | what it is | it says | what happens, what to do |\n|---|---|---|---|\n"
    rows = (
        f"| {code} | {meaning.kind} | {meaning.says} | {meaning.remedy.replace('{user}', 'BRIDGE')} |\n"
        for code, meaning in sorted(CODES.items())
    )
    return head + "".join(rows)


def written(page: str) -> str:
    return TABLE.sub(lambda found: found[1] + table(), page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
