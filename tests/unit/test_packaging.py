"""What a user installs is the wheel, somewhere that knows nothing of the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from bridge.testing import need

CHECKOUT = Path(__file__).parents[2]
HELPERS = ("connectors/jdbc/reader.jar", "connectors/sap_rfc/clients/jco.jar")
JAVA_11 = 55

POLL = """
import json, sys
import bridge, connectors.jdbc
from bridge.contract import Ask
from connectors.jdbc import JdbcConnector

connector = JdbcConnector(JdbcConnector.Config(**json.loads(sys.argv[1])))
connector.open()
(stream,) = connector.discover()
batch = connector.poll(stream, None, Ask())
rows = [row for changes in batch.changes for row in changes.rows.to_pylist()]
print(json.dumps({"from": [bridge.__file__, connectors.jdbc.__file__], "rows": rows}))
connector.close()
"""

SENDS = "from bridge.native.sender import plugged; print(plugged())"

pytestmark = pytest.mark.slow


def test_make_alone_installs_nothing_and_says_what_there_is() -> None:
    apart = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "-C", str(CHECKOUT)]
    done = subprocess.run(command, env=apart, capture_output=True, text=True, check=True)
    for target in ("setup", "demo", "test", "lint", "soak", "bench", "clean"):
        assert f"  make {target}\t" in done.stdout
    assert done.stderr == ""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, as a packager would."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel, and of the checkout only third-party packages."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "env", symlinks=True)
    python = home / "env" / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "-q",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*install, str(wheel)], check=True)
    third_party = home / "third-party"
    third_party.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if "legacy_bridge" not in package.name and package.suffix != ".pth":
            (third_party / package.name).symlink_to(package)
    (site,) = home.glob("env/lib/python*/site-packages")
    (site / "third-party.pth").write_text(f"{third_party}\n")
    return python.parent


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    clean["LEGACY_BRIDGE_JARS"] = str(CHECKOUT / "jars" / "lib")
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("helper", HELPERS)
def test_the_wheel_contains_the_java_helpers_for_java_11_and_no_class_of_others(
    wheel: Path, helper: str
) -> None:
    with zipfile.ZipFile(wheel) as packed, packed.open(helper) as reader, zipfile.ZipFile(reader) as jar:
        classes = [name for name in jar.namelist() if name.endswith(".class")]
        versions = {jar.read(name)[7] for name in classes}
    assert versions == {JAVA_11}
    assert all(name.startswith("bridge/") for name in classes)


def test_the_wheel_holds_the_two_packages_and_runs_on_any_platform(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        tops = {name.split("/")[0] for name in packed.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bridge", "connectors"}
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_wheel_brings_no_machine_code_and_compiles_it_where_it_is_installed(
    wheel: Path, installed: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as packed:
        assert [name for name in packed.namelist() if name.endswith((".lib", ".so", ".tmp"))] == []
    if shutil.which("cc") is None:
        need("there is no C compiler")
    told = [run(tmp_path, str(installed / "python"), "-c", SENDS).stdout]
    done = run(tmp_path, str(installed / "python"), "-m", "bridge.native.compile")
    assert done.returncode == 0, done.stderr
    told.append(run(tmp_path, str(installed / "python"), "-c", SENDS).stdout)
    assert told == ["{}\n", f"{{'plugin.library.paths': '{native(installed)}'}}\n"]


def native(installed: Path) -> Path:
    (found,) = installed.parent.glob("lib/python*/site-packages/bridge/native/native.lib")
    return found


def test_the_wheel_carries_its_licence_and_no_path_of_the_machine_that_built_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        assert any(name.endswith("licenses/LICENSE") for name in packed.namelist())
        assert [n for n in packed.namelist() if str(CHECKOUT).encode() in packed.read(n)] == []


@pytest.mark.parametrize("command", [("legacy-bridge",), ("python", "-m", "bridge")])
def test_the_command_runs_outside_the_checkout(
    installed: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    program, *arguments = command
    done = run(tmp_path, str(installed / program), *arguments, "--help")
    assert done.returncode == 0, done.stderr
    assert "legacy-bridge" in done.stdout
    assert "health" in done.stdout


def test_an_installed_wheel_polls_a_table(installed: Path, tmp_path: Path) -> None:
    if not any((CHECKOUT / "jars" / "lib").glob("h2-*.jar")):
        need("the H2 driver is not in jars/lib: run `make setup`")
    create = "create table if not exists orders(id bigint primary key, what varchar(20))"
    fill = "merge into orders key(id) values (1, 'bolt'), (2, 'nut')"
    config = {
        "url": rf"jdbc:h2:mem:orders;DB_CLOSE_DELAY=-1;INIT={create}\;{fill}",
        "user": "sa",
        "streams": {"PUBLIC.ORDERS": {"mode": "incrementing", "columns": ["ID"]}},
    }
    done = run(tmp_path, str(installed / "python"), "-c", POLL, json.dumps(config))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert [row["WHAT"] for row in answer["rows"]] == ["bolt", "nut"]
    assert all(Path(file).is_relative_to(installed.parent) for file in answer["from"])
