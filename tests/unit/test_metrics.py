"""The metrics are the status in another dress."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bridge import metrics
from bridge.states import State

STREAM = {
    "state": "RUNNING",
    "events": 7,
    "bytes": 700,
    "rows": 8,
    "polls": 9,
    "scans": 0,
    "rejects": 1,
    "reread": 12,
    "resnapshots": 2,
    "lag_s": 0.5,
}
STATUS: dict[str, Any] = {
    "daemon": {"uptime_s": 12.5},
    "connectors": {
        "erp": {"state": "RUNNING", "restarts": 2, "streams": {'odd "name"\n': STREAM}},
        "new": {"state": "STARTING", "restarts": 0, "streams": {"late": {**STREAM, "lag_s": None}}},
    },
}


def samples(name: str) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(metrics.render(STATUS).decode())
    return {
        tuple(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def test_each_counter_of_the_status_is_a_counter_with_its_labels() -> None:
    odd = ("erp", 'odd "name"\n')
    assert samples("bridge_events_published_total")[odd] == 7
    assert samples("bridge_event_bytes_published_total")[odd] == 700
    assert samples("bridge_source_rows_read_total")[odd] == 8
    assert samples("bridge_source_polls_total")[odd] == 9
    assert samples("bridge_dead_letters_total")[odd] == 1
    assert samples("bridge_worker_restarts_total") == {("erp",): 2, ("new",): 0}


def test_exactly_one_state_of_each_connector_is_1() -> None:
    found = samples("bridge_connector_state")
    assert {labels for labels, value in found.items() if value} == {("erp", "RUNNING"), ("new", "STARTING")}
    assert len(found) == 2 * len(State)


def test_a_lag_nobody_knows_is_left_out_rather_than_zero() -> None:
    assert samples("bridge_source_lag_seconds") == {("erp", 'odd "name"\n'): 0.5}
