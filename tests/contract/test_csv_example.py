"""The example of a third party's connector: small, installed as a package of its own, and conforming."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "csv_drop"


def python(*arguments: str, path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    done = python(
        "-m", "pip", "install", *options, "--target", str(target), str(EXAMPLE), path=target, cwd=target
    )
    assert done.returncode == 0, done.stderr
    return target


def test_the_example_has_at_most_40_lines_of_code() -> None:
    lines = (EXAMPLE / "csv_drop.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 40


def test_the_installed_package_brings_its_kind(installed: Path, tmp_path: Path) -> None:
    told = python(
        "-c", "from bridge import plugins; print(plugins.load('csv_drop'))", path=installed, cwd=tmp_path
    )
    assert told.stdout.strip() == "<class 'csv_drop.CsvDrop'>", told.stderr


def test_the_installed_package_passes_the_conformance_suite(installed: Path, tmp_path: Path) -> None:
    suite = tmp_path / "test_csv_drop.py"
    suite.write_text((EXAMPLE / "test_csv_drop.py").read_text())
    done = python(
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        str(suite),
        path=installed,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
