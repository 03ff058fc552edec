"""Commands of other packages: listed, run, and harmless when they are broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bridge import cli
from bridge.cli import plugged
from bridge.errors import ConfigError
from tests.unit.installed import install

SHELF = """
    from pathlib import Path

    HELP = "say what is on the shelf, 100% of it"

    def add(parser, find):
        parser.add_argument("config", type=Path)
        parser.add_argument("connector", nargs="?")
        parser.set_defaults(run=lambda args: run(args, find))

    def run(args, find):
        connector = find(args.config, args.connector)
        print(type(connector).__name__, connector.config.url)
        return 7
"""
CONFIG = """
version: 1
name: plant
kafka: {bootstrap.servers: "localhost:9092"}
connectors:
"""


def shelf(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str = SHELF, name: str = "shop") -> None:
    package = f"{name}-shelf"
    install(folder, monkeypatch, source, kind=name, name=package, points_to="", group=plugged.GROUP)


def configured(folder: Path, *names: str) -> str:
    file = folder / "bridge.yaml"
    file.write_text(CONFIG + "".join(f"  {name}: {{kind: shop, url: 'shop://{name}'}}\n" for name in names))
    return str(file)


def test_the_command_of_a_package_runs_and_its_exit_code_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch)
    shelf(tmp_path, monkeypatch)

    assert cli.main(["shop", configured(tmp_path, "erp", "web"), "web"]) == 7
    assert capsys.readouterr().out == "Shop shop://web\n"


def test_the_only_connector_of_the_command_s_kind_need_not_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch)
    shelf(tmp_path, monkeypatch)

    assert cli.main(["shop", configured(tmp_path, "erp")]) == 7
    capsys.readouterr()

    assert cli.main(["shop", configured(tmp_path, "erp", "web")]) == 3
    assert capsys.readouterr().err == "2 connectors are of the kind 'shop'; name one of them: erp, web\n"

    assert cli.main(["shop", configured(tmp_path, "erp"), "epr"]) == 3
    assert capsys.readouterr().err == "no connector 'epr' in this file; there are: erp\n"


def test_a_wrong_configuration_is_told_as_config_check_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch)
    shelf(tmp_path, monkeypatch)
    file = Path(configured(tmp_path, "erp"))
    file.write_text(file.read_text().replace("url:", "ulr:"))
    assert cli.main(["config", "check", str(file)]) == 3
    checked = capsys.readouterr().out

    assert cli.main(["shop", str(file)]) == 3
    assert capsys.readouterr().err == checked


def test_commands_of_packages_are_in_the_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf(tmp_path, monkeypatch)

    assert cli.main(["--help"]) == 0
    assert "    shop          say what is on the shelf, 100% of it\n" in capsys.readouterr().out

    assert cli.main(["shop", "--help"]) == 0
    assert "Say what is on the shelf, 100% of it." in capsys.readouterr().out


def test_a_slip_is_told_with_the_command_of_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf(tmp_path, monkeypatch)

    assert cli.main(["shp"]) == 3
    assert capsys.readouterr().err.startswith("legacy-bridge: no command 'shp'; did you mean 'shop'?")


BROKEN = [
    ("import no_such_driver", "ModuleNotFoundError: No module named 'no_such_driver'"),
    ("import sys; sys.exit(1)", "SystemExit: 1"),
    ("1 / 0", "ZeroDivisionError: division by zero"),
    ("HELP = 'x'", "shop_shelf lacks HELP or add()"),
    ("HELP = ''\ndef add(parser, find): ...", "shop_shelf lacks HELP or add()"),
]


@pytest.mark.parametrize(("source", "why"), BROKEN)
def test_a_broken_command_harms_no_other(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    source: str,
    why: str,
) -> None:
    shelf(tmp_path, monkeypatch, source)
    shelf(tmp_path, monkeypatch, name="store")

    assert cli.main(["shop"]) == 3
    assert capsys.readouterr().err == f"the command 'shop' is broken: {why}; reinstall its package\n"

    monkeypatch.setenv("COLUMNS", "200")
    assert cli.main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert f"shop          cannot be used: the command 'shop' is broken: {why}" in printed
    assert "store         say what is on the shelf" in printed

    assert cli.main(["store"]) == 3
    assert "the following arguments are required: config" in capsys.readouterr().err


def test_a_command_that_fails_while_it_is_added_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf(tmp_path, monkeypatch, "HELP = 'x'\ndef add(parser, find): parser.no_such_thing()")

    assert cli.main(["shop"]) == 3
    said = capsys.readouterr().err
    assert said.startswith("the command 'shop' is broken: AttributeError: ")
    assert said.count("\n") == 1


def test_two_packages_with_one_command_are_told_apart_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf(tmp_path, monkeypatch)
    install(tmp_path, monkeypatch, SHELF, kind="shop", name="other", points_to="", group=plugged.GROUP)

    assert cli.main(["shop"]) == 3
    assert capsys.readouterr().err == (
        "several packages provide the command 'shop': other, shop-shelf; uninstall all but one\n"
    )


def test_no_package_takes_a_command_of_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf(tmp_path, monkeypatch, "1 / 0", name="health")

    assert cli.main(["health", "--help"]) == 0
    assert "patience with the daemon" in capsys.readouterr().out
    assert cli.main(["--help"]) == 0
    assert "cannot be used" not in capsys.readouterr().out


@pytest.mark.parametrize("words", [["health", "--help"], ["--version"], []])
def test_nobody_looks_for_commands_of_packages_when_our_own_is_asked(words: list[str]) -> None:
    code = "import atexit, sys; atexit.register(lambda: print('bridge.cli.plugged' in sys.modules)); "
    code += f"from bridge.cli import main; main({words})"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.endswith("False\n")


def test_a_connector_for_a_command_is_not_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)

    connector = plugged.find("shop", Path(configured(tmp_path, "erp")), None)
    assert connector.config.url == "shop://erp"

    with pytest.raises(ConfigError, match="no connector of the kind 'store' in this file"):
        plugged.find("store", Path(configured(tmp_path, "erp")), None)
