"""A changed secret is noticed without being read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.contract import Secret
from bridge.credentials import stamp


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("old")
    return path


def test_what_no_path_can_be_is_a_file_that_is_not_there() -> None:
    assert stamp(["file:/x\0y"]) == stamp(["file:/x\0y"])


def test_the_stamp_stays_while_nothing_changes(password: Path) -> None:
    options = {"password": Secret(f"file:{password}")}
    assert stamp(options) == stamp(options)


@pytest.mark.parametrize("wrap", [lambda each: {"a": [each]}, lambda each: [{"b": (each,)}]])
def test_the_stamp_changes_with_a_file_wherever_it_is_referred_to(password: Path, wrap: object) -> None:
    assert callable(wrap)
    options = wrap(f"file:{password}")
    before = stamp(options)
    password.write_text("newer")
    assert stamp(options) != before


def test_a_file_replaced_by_another_of_the_same_size_and_time_is_a_change(password: Path) -> None:
    before, times = stamp([f"file:{password}"]), password.stat()
    other = password.with_name("other")
    other.write_text("new")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(password)
    assert stamp([f"file:{password}"]) != before


def test_a_file_that_appears_is_a_change(tmp_path: Path) -> None:
    options = [f"file:{tmp_path / 'late'}"]
    before = stamp(options)
    (tmp_path / "late").write_text("secret")
    assert stamp(options) != before


def test_credentials_of_the_service_manager_are_found_in_its_folder(
    password: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(password.parent))
    before = stamp([Secret("cred:password")])
    password.write_text("newer")
    assert stamp([Secret("cred:password")]) != before


def test_a_file_nobody_may_read_is_watched_all_the_same(password: Path) -> None:
    password.chmod(0)
    before = stamp([f"file:{password}"])
    os.utime(password, ns=(1, 1))
    assert stamp([f"file:{password}"]) != before
