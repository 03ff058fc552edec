"""The systemd unit is hardened, valid, and fits the command it starts."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge import cli, paths
from bridge.cli.parser import UNKNOWN

UNIT = Path(__file__).parents[2] / "config" / "legacy-bridge.service"


@pytest.fixture
def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    return found or pytest.skip("systemd-analyze is not installed here")


def setting(name: str) -> str:
    (value,) = (
        line.split("=", 1)[1] for line in UNIT.read_text().splitlines() if line.startswith(f"{name}=")
    )
    return value


def exposure(systemd_analyze: str, unit: Path, tenths: int) -> subprocess.CompletedProcess[str]:
    """Fails when systemd finds the unit more exposed than that; 100 is no protection at all."""
    command = [systemd_analyze, "security", "--offline=true", f"--threshold={tenths}", str(unit)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_exposure_is_at_most_one(systemd_analyze: str) -> None:
    done = exposure(systemd_analyze, UNIT, 10)
    assert done.returncode == 0, done.stdout


def test_the_measure_would_notice_a_weaker_unit(systemd_analyze: str, tmp_path: Path) -> None:
    weaker = tmp_path / UNIT.name
    weaker.write_text(
        UNIT.read_text().replace("ProtectSystem=strict\n", "").replace("PrivateUsers=yes\n", "")
    )
    assert exposure(systemd_analyze, weaker, 10).returncode != 0


def test_systemd_understands_every_line(systemd_analyze: str, tmp_path: Path) -> None:
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace("/opt/legacy-bridge/bin/legacy-bridge", "/bin/true"))
    done = subprocess.run([systemd_analyze, "verify", str(here)], capture_output=True, text=True, check=False)
    assert done.stderr.replace("\n", "") == ""


def test_it_starts_a_command_that_exists() -> None:
    _, command, configuration = setting("ExecStart").split()
    assert command in {name for name, *_ in cli.COMMANDS}
    assert configuration == "%E/legacy-bridge/bridge.yaml"


def test_a_wrong_configuration_is_not_tried_again() -> None:
    assert setting("RestartPreventExitStatus") == str(UNKNOWN)


def test_the_bridge_has_longer_than_its_ten_seconds_to_drain() -> None:
    assert int(setting("TimeoutStopSec")) > 10


def test_a_jvm_may_write_the_code_that_it_runs() -> None:
    assert "\nMemoryDenyWriteExecute" not in UNIT.read_text()


@pytest.mark.parametrize("where", ["config/legacy-bridge.service", "docs/health.md", "docs/operators.md"])
def test_who_shall_monitor_is_told_how_to_join_the_group_of_a_dynamic_user(where: str) -> None:
    assert setting("DynamicUser") == "yes"
    text = (UNIT.parents[1] / where).read_text()
    assert f"useradd --system --user-group {setting('User')}" in text
    assert f"usermod -aG {setting('User')} nagios" in text


def test_caches_and_sockets_go_where_systemd_and_the_image_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ProtectSystem=strict` and a user without rights leave no other place."""
    assert (setting("StateDirectory"), setting("RuntimeDirectory")) == ("legacy-bridge", "legacy-bridge")
    dockerfile = UNIT.parents[1].joinpath("Dockerfile").read_text()
    for variable, folder, place in (
        ("STATE_DIRECTORY", "/var/lib/legacy-bridge", paths.state_dir),
        ("RUNTIME_DIRECTORY", "/run/legacy-bridge", paths.run_dir),
    ):
        monkeypatch.setenv(variable, folder)  # as systemd does
        assert place() == Path(folder)
        assert f"{variable}={folder}" in dockerfile
        assert re.search(rf"install -d -o legacy-bridge -g legacy-bridge -m 07\d0 {folder}\b", dockerfile)
