"""A real S/370's console: Hercules shows its logo to whoever connects. Runs where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.testing.daemon import wait_until
from bridge.testing.kafka import free_ports
from tests.integration.mainframe_terminals import Transport, at, need_clients, session, until

CONFIGURATION = """\
ARCHMODE S/390
MAINSIZE 4
NUMCPU 1
CNSLPORT 127.0.0.1:{port}
0700 3270
"""
ENDS_WITHIN_S = 20


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    program = shutil.which("hercules")
    if program is None:
        pytest.skip("opt-in: apt-get install hercules")
    need_clients()
    (port,) = free_ports(1)
    configuration, log = tmp_path / "hercules.cnf", tmp_path / "hercules.log"
    configuration.write_text(CONFIGURATION.format(port=port))
    with log.open("wb") as told:
        process = subprocess.Popen(
            [program, "-d", "-f", str(configuration)], stdin=subprocess.DEVNULL, stdout=told, stderr=told
        )
    try:
        wait_until(lambda: "Waiting for console connection" in log.read_text("latin-1"), what=str(log))
        yield port
    finally:
        process.kill()
        process.wait(ENDS_WITHIN_S)


@pytest.mark.parametrize("transport", ["s3270", "tnz"])
def test_a_real_emulator_s_logo_is_read(port: int, transport: Transport) -> None:
    with session(transport, at(port)) as held:
        shown = until(held, lambda screen: "Hercules" in screen.text)
    assert (shown.rows, shown.columns) == (24, 80)
    assert "Hercules Version" in shown.text
    assert any("0700" in line for line in shown.lines), "\n".join(shown.lines)
