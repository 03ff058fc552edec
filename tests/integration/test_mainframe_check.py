"""`config check` reads the maps that a mainframe's options name, where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import cli

MAPS = """\
screens:
  menu: {identify: [{row: 1, text: MENU}]}
  list:
    identify: [{row: 1, text: CUSTOMERS}]
    table:
      rows: 3-20
      columns: {id: {column: 2, length: 8}}
      key: [id]
      next: pf8
      end: [{row: 22, text: END}]
"""
CONFIGURATION = """\
version: 1
name: here
kafka: {bootstrap.servers: "127.0.0.1:9"}
connectors:
  host:
    kind: mainframe
    host: 127.0.0.1
    port: 23
    maps: [MAPS]
    streams:
      customers: {mode: list, goto: [{type: CUST, press: enter, expect: list}], screen: list}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(maps: str, configuration: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    Path("maps.yaml").write_text(maps)
    Path("bridge.yaml").write_text(configuration.replace("MAPS", "maps.yaml"))
    code = cli.main(["config", "check", "bridge.yaml"])
    return code, capsys.readouterr().out


def test_maps_that_fit_are_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(MAPS, CONFIGURATION, capsys) == (0, "bridge.yaml: no problems found\n")


def test_every_mistake_in_a_map_has_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = checked(MAPS.replace("pf8", "pf88").replace("length: 8", "lenght: 8"), CONFIGURATION, capsys)
    assert code == 3
    assert told.startswith("bridge.yaml:5:3: connectors.host: maps.yaml:7:")
    assert "pf88" in told
    assert "lenght" in told


def test_a_screen_that_no_map_knows_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = checked(MAPS, CONFIGURATION.replace("screen: list", "screen: lists"), capsys)
    assert code == 3
    assert "stream customers: screen 'lists' is not known; did you mean 'list'?" in told


@pytest.mark.parametrize("elsewhere", ["/nowhere/maps.yaml", "/nowhere/*.yaml"])
def test_maps_may_be_where_the_daemon_runs(elsewhere: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = checked(MAPS, CONFIGURATION.replace("MAPS", f'"{elsewhere}"'), capsys)
    assert code == 0
