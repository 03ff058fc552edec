"""The library in C: its callers take the one that was compiled from what stands beside them, and no other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bridge import native
from bridge.native import compile as compiling
from bridge.testing import need


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sources, with their library."""
    if shutil.which("cc") is None:
        need("there is no C compiler")
    for source in native.LIBRARY.parent.glob("*.c"):
        shutil.copy(source, tmp_path)
    for module in (native, compiling):
        monkeypatch.setattr(module, "LIBRARY", tmp_path / "native.lib")
    compiling.main()
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_a_library_of_these_sources_is_used() -> None:
    assert native.library.__wrapped__()


@pytest.mark.parametrize("source", ["rows.c", "sender.c"])
def test_a_library_of_other_sources_is_none(folder: Path, source: str) -> None:
    """A structure that both sides share may be another one: an upgrade leaves the former library there."""
    with (folder / source).open("a") as text:
        text.write("/* another version */\n")
    assert native.library.__wrapped__() is None
