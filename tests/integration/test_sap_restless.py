"""A row that changes before each reading: the others are published, it is told, and comes when it rests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge import plugins
from bridge.config.options import ConnectorSettings
from bridge.contract import Connector
from bridge.testing.fakes import FakeKafka
from bridge.testing.sap.peer import SapPeer
from bridge.testing.simulation import BRISK, Clock, Engine
from bridge.testing.verifying import verified
from tests.integration.test_sap_table import HOT, WIDE, documents
from tests.property.living import Source


class Hot:
    """While `rests` is not set."""

    def __init__(self, peer: SapPeer) -> None:
        self._system, self.rests, self.text = peer.system, False, ""
        peer.system.before.append(self._change)

    def _change(self, function: str, parameters: Mapping[str, Any]) -> None:
        if self.rests or "READ_TABLE" not in function or parameters.get("NO_DATA"):
            return
        self.text = str(int(self.text or 0) + 1)
        with self._system.transaction() as tx:
            tx.update("ZWIDE", {**HOT, "TEXT0": self.text, "TEXT4": self.text})


@pytest.mark.parametrize(
    "way", [{"columns": ["UPDAT", "UPTIM"], "safety_interval": 0}, {"images": True}], ids=["times", "images"]
)
def test_a_row_that_never_rests_holds_up_no_stream_and_is_never_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Mapping[str, Any]
) -> None:
    with SapPeer() as peer, Clock() as clock:
        monkeypatch.setenv("SAP_PASSWORD", peer.password)
        peer.system.define(WIDE)
        peer.system.load("ZWIDE", documents(5))
        account = {"ashost": peer.ashost, "sysnr": peer.sysnr, "client": peer.client, "user": peer.user}
        reader = {"password": "env:SAP_PASSWORD", "library": "saprfclib"}
        streams = {"ZWIDE": {"mode": "table", **way}}
        options = {**account, **reader, "streams": streams}
        settings = ConnectorSettings(name="erp", kind="sap", defaults=BRISK, options=options)
        hot = Hot(peer)
        source, kafka = Source[Connector](partial(plugins.configure, settings)), FakeKafka()
        engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")

        def rows() -> dict[str, dict[str, Any]]:
            told = [json.loads(each.value)["after"] for each in kafka.committed("erp.ZWIDE") if each.value]
            return {row["BELNR"][-1]: row for row in told}

        engine.run(8)
        assert rows().keys() == {"0", "2", "3", "4"}
        engine.restart()
        engine.run(8)
        assert len(kafka.committed(engine.positions.letters)) == 1
        assert not engine.parked("ZWIDE")
        hot.rests = True
        engine.run(4)
        assert {rows()["1"]["TEXT0"], rows()["1"]["TEXT4"]} == {hot.text}
        assert source.open is not None
        assert verified(kafka, settings, source.open).sound
        engine.restart()
        source.close()
