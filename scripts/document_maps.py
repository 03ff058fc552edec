"""Write the reference of docs/connectors/mainframe-maps.md anew: python scripts/document_maps.py."""

from __future__ import annotations

from pathlib import Path

from connectors.mainframe.reference import reference

PAGE = Path(__file__).resolve().parent.parent / "docs" / "connectors" / "mainframe-maps.md"
MARK = "<!-- the rest is written by scripts/document_maps.py -->\n"


def written(page: str) -> str:
    """The page with the reference as the models have it."""
    before, mark, _ = page.partition(MARK)
    return f"{before}{mark}\n{reference().rstrip()}\n"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
