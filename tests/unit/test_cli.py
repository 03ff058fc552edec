"""The frame of the command line: exit codes, one line for an error, nothing imported that is not needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import cli
from tests.unit.installed import install

MINIMAL = Path(__file__).parents[2] / "config" / "minimal.yaml"


def legacy_bridge(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bridge", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=os.environ | environment
    )


@pytest.mark.parametrize(
    "words", [[], ["no-such-command"], ["config"], ["config", "check"], ["connectors", "--x"]]
)
def test_a_usage_error_is_one_line_and_exit_code_3(words: list[str]) -> None:
    done = legacy_bridge(*words)

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("legacy-bridge")
    assert done.stderr.count("\n") == 1


def test_help_lists_every_command_without_importing_one() -> None:
    code = "import atexit, sys; atexit.register(lambda: print('bridge.cli.run' in sys.modules)); "
    code += "from bridge.cli import main; main(['--help'])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert all(name in done.stdout for name, _, _ in cli.COMMANDS)
    assert done.stdout.endswith("False\n")


def test_the_version_is_the_distribution_s() -> None:
    from importlib.metadata import version

    assert legacy_bridge("--version").stdout == f"legacy-bridge {version('legacy-bridge')}\n"


def test_an_error_of_configuration_is_told_without_a_traceback_and_exit_code_3(tmp_path: Path) -> None:
    done = legacy_bridge("run", str(tmp_path / "none.yaml"))

    assert done.returncode == 3
    assert done.stderr.startswith(f"{tmp_path}/none.yaml: cannot read the file: No such file or directory; ")
    assert done.stderr.count("\n") == 1


def test_a_bug_is_one_line_and_its_traceback_is_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken: dict[str, str] = {}
    monkeypatch.setattr("bridge.plugins.kinds", lambda: broken["x://bob:hunter2@db"])

    assert cli.main(["connectors"]) == 1
    assert capsys.readouterr().err == (
        "legacy-bridge: internal error: KeyError: 'x://***@db'; LEGACY_BRIDGE_TRACEBACK=1 shows where\n"
    )

    monkeypatch.setenv("LEGACY_BRIDGE_TRACEBACK", "1")
    with pytest.raises(KeyError):
        cli.main(["connectors"])


def test_a_reader_that_goes_away_is_no_error_message() -> None:
    command = [sys.executable, "-m", "bridge", "config", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""


def test_config_check_says_everything_and_connects_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(
        MINIMAL.read_text()
        .replace("kind: jdbc", "kind: jdcb")
        .replace("{bootstrap.", "{linger.ms: x, bootstrap.")
    )

    assert cli.main(["config", "check", str(file)]) == 3
    first, second = capsys.readouterr().out.splitlines()
    assert first == (f"{file}:4:20: kafka.'linger.ms': 'x' does not fit; see librdkafka's CONFIGURATION.md")
    assert "no connector of kind 'jdcb'" in second

    assert cli.main(["config", "check", str(MINIMAL)]) == 0
    assert capsys.readouterr().out == f"{MINIMAL}: no problems found\n"


@pytest.mark.parametrize(
    ("setting", "column", "problem"),
    [
        ("linger.mss: 5", 3, "librdkafka has no setting 'linger.mss'; did you mean 'linger.ms'?"),
        ("sasl.jaas.config: x", 3, "a setting of Java's clients; use sasl.username and sasl.password"),
        ("security.protocol: SLL", 22, "'SLL' does not fit; see librdkafka's CONFIGURATION.md"),
        ("socket.timeout.ms: 1", 22, "1 does not fit; allowed: 10..300000"),
    ],
)
def test_config_check_asks_librdkafka(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str, column: int, problem: str
) -> None:
    file = tmp_path / "bridge.yaml"
    kafka = f"kafka:\n  {setting}\n  sasl.password: env:NOT_SET_HERE\n  ssl.ca.location: /not/here\n"
    file.write_text(
        MINIMAL.read_text().replace("kafka: {", f"{kafka}  ").replace('"localhost:9092"}', '"localhost:9092"')
    )

    assert cli.main(["config", "check", str(file)]) == 3
    name = setting.partition(":")[0]
    assert capsys.readouterr().out == f"{file}:5:{column}: kafka.'{name}': {problem}\n"


def test_connectors_prints_kinds_versions_and_every_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch)

    assert cli.main(["connectors", "shop"]) == 0

    printed = capsys.readouterr().out
    head, engine = printed.split("\n\n")
    assert (
        head
        == """\
shop 1.2 (shop-bridge)
  Reads a shop.
  options:
    url  (text, required)
        where the shop is
    user  (text, default "bridge")
        the account
    password  (reference to a secret)
        its password
    pages  (whole number, default 10)
        pages read ahead
  options of a stream:
    mode  (incrementing | images, default "images")
        how it is read
    late_window  (text, default "10s")
        how late a row may come
    columns  (list of text)
        the columns that grow"""
    )
    assert "    interval  (like 5s, default 5.0)\n" in engine


def test_connectors_shows_a_kind_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch, "import no_such_driver")

    assert cli.main(["connectors"]) == 1

    printed = capsys.readouterr().out
    assert (
        "cannot be used: the connector 'shop' cannot be imported: No module named 'no_such_driver'" in printed
    )
    assert "jdbc" in printed


def test_the_commands_about_configuration_load_no_arrow() -> None:
    script = f"""
import sys
from pathlib import Path
from bridge import config
assert config.check(Path({str(MINIMAL)!r})) == []
print(*[name for name in ("pyarrow", "jpype", "confluent_kafka") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == ""
