"""What the doctor says of one connector's streams."""

from __future__ import annotations

from bridge.admission import Lane
from bridge.config.options import Settings, StreamOptions
from bridge.contract import Finding, Level, Stream
from bridge.doctor.examination import Examination
from bridge.policy import Policy
from bridge.positions import Ledger
from bridge.progress import Progress

SETTINGS = Settings.model_validate(
    {
        "name": "test",
        "kafka": {"bootstrap.servers": "127.0.0.1:9"},
        "connectors": {"erp": {"name": "erp", "kind": "fake"}},
    }
)


def test_of_a_stream_that_cannot_be_read_nothing_is_said_to_be_well() -> None:
    stream, options = Stream("orders", "db", ()), StreamOptions()
    missing = Finding(Level.CRITICAL, "no table orders", "make it", "orders")
    examination = Examination(SETTINGS, "erp")
    for found in ([], [missing]):
        examination.findings = list(found)
        lane = Lane(stream, Policy(options), {}, "fake", 1)
        examination._stream(Progress(stream, options), lane, Ledger())
        texts = [each.text for each in examination.findings]
        assert texts == ([missing.text] if found else ["starts from the beginning"])
