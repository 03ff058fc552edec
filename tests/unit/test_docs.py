"""The documentation says what is so: options, configurations, links, and the tests it names."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import kafka, positions, state
from bridge.cli import COMMANDS
from bridge.config import tls_files
from bridge.inspection import inspected
from bridge.topics import dead_letters

CHECKOUT = Path(__file__).parents[2]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]*)(#[^)\s]+)?\)")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        found = [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]
        yield from ((f"{page.relative_to(CHECKOUT)}-{number}", text) for number, text in enumerate(found))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        if "://" in target:
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(there), f"{page.name}: {target}{anchor}"


SHORTENED = """
version: 1
name: shortened
connectors: {{erp: {{kind: jdbc, url: "jdbc:h2:mem:erp", streams: {{"*": {{mode: incrementing}}}}}}}}
{}
"""


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in blocks("yaml")])
def test_a_configuration_that_is_shown_is_right(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text(text if "version:" in text else SHORTENED.format(text))
    problems = [each for each in inspected(path) if each.remedy != tls_files.REMEDY]
    assert list(map(str, problems)) == []


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in blocks("python")])
def test_python_that_is_shown_runs(text: str, tmp_path: Path) -> None:
    path = tmp_path / "shown.py"
    path.write_text(text)
    runpy.run_path(str(path))


def test_the_tests_that_are_named_exist() -> None:
    named = {found for page in PAGES for found in NAMED_TEST.findall(page.read_text())}
    assert named
    for file, test in named:
        assert (CHECKOUT / file).exists(), file
        assert f"def {test}" in (CHECKOUT / file).read_text(), f"{file}::{test}"


def test_the_options_are_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["document_options.py"])
    script = runpy.run_path(str(CHECKOUT / "scripts" / "document_options.py"))
    page = (CHECKOUT / "docs" / "configuration.md").read_text()
    assert page == script["written"](page), "run: python scripts/document_options.py"
    assert set(re.findall(r"<!-- options of (\w+) -->", page)) == set(script["MODELS"])


def test_the_topics_and_the_producer_s_settings_are_those_of_the_code() -> None:
    docs = CHECKOUT / "docs"
    assert f"`queue.buffering.max.kbytes` {kafka.QUEUE_KBYTES}," in (docs / "configuration.md").read_text()
    rights = (docs / "security.md").read_text()
    for named in (positions, state):
        assert f"`{named.topic('CONNECTOR')}`" in rights
    assert f"`{dead_letters('CONNECTOR')}`" in rights


def test_the_types_are_those_that_the_tests_read() -> None:
    script = runpy.run_path(str(CHECKOUT / "scripts" / "document_types.py"))
    for place, types in script["PAGES"].items():
        page = place.read_text()
        assert page == script["written"](page), "run: python -m scripts.document_types"
        assert set(re.findall(r"<!-- types of (\w+) -->", page)) == set(types)


def test_the_reference_of_the_maps_is_the_models() -> None:
    script = runpy.run_path(str(CHECKOUT / "scripts" / "document_maps.py"))
    page = (CHECKOUT / "docs" / "connectors" / "mainframe-maps.md").read_text()
    assert script["MARK"] in page
    assert page == script["written"](page), "run: python scripts/document_maps.py"


def test_every_command_is_in_the_readme() -> None:
    readme = (CHECKOUT / "README.md").read_text()
    assert [name for name, _, _ in COMMANDS if f"`{name}" not in readme] == []
