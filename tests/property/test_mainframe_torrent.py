"""Whatever a host sends: no transport crashes, hangs or keeps anything of it on the next screen."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import pytest

from bridge.testing import need
from bridge.testing.mainframe import Recording
from bridge.testing.mainframe.torrent import pour
from connectors.mainframe.terminal import Endpoint, Terminal
from connectors.mainframe.transports import terminal

STREAMS = Path(__file__).parents[1] / "streams"
RECORDS = [record for file in sorted(STREAMS.glob("*.3270")) for record in Recording.load(file).records]
SPOILT = 400
"""`make soak ONLY=mainframe` pours for longer."""


@pytest.mark.parametrize("transport", ["s3270", "tnz"])
def test_spoilt_records_leave_nothing_behind(transport: Literal["s3270", "tnz"]) -> None:
    if transport == "s3270" and shutil.which("s3270") is None:
        need("s3270 is not installed: apt-get install s3270")

    def connect(port: int) -> Terminal:
        made = terminal(transport, Endpoint("127.0.0.1", port))
        made.connect()
        return made

    result = pour(connect, RECORDS, range(1, SPOILT + 1), until=lambda: False)
    assert (result.streams, result.wrong) == (SPOILT, [])
