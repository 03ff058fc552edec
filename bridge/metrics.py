"""Prometheus metrics, rendered from the status: one truth, two views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bridge.states import State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LABELS = ["connector", "stream"]
COUNTERS = {
    "events": ("bridge_events_published", "events committed to Kafka"),
    "bytes": ("bridge_event_bytes_published", "bytes of event values committed to Kafka"),
    "rows": ("bridge_source_rows_read", "rows read from the source and committed"),
    "polls": ("bridge_source_polls", "polls that ended well"),
    "scans": ("bridge_source_scans", "complete scans of a source of images, published"),
    "rejects": ("bridge_dead_letters", "records that went to the dead-letter topic"),
    "reread": ("bridge_source_rows_reread", "rows that resnapshots published again"),
    "resnapshots": ("bridge_resnapshots", "resnapshots that ended with their last row"),
}


class StatusCollector(Collector):
    """The families of one status document (supervisor.Supervisor.status)."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        self._connectors: Mapping[str, Any] = status["connectors"]
        self._daemon = status["daemon"]

    def collect(self) -> Iterable[Metric]:
        """All families; names end in their unit."""
        uptime = GaugeMetricFamily("bridge_uptime_seconds", "since the daemon started")
        uptime.add_metric([], self._daemon["uptime_s"])
        yield uptime
        yield from self._connector_families()
        for field, (name, text) in COUNTERS.items():
            family = CounterMetricFamily(name, text, labels=LABELS)
            for labels, stream in self._streams():
                family.add_metric(labels, stream[field])
            yield family
        yield self._lag()
        yield self._states("bridge_stream_state", LABELS, self._streams())

    def _streams(self) -> Iterator[tuple[list[str], Mapping[str, Any]]]:
        for name, connector in self._connectors.items():
            for stream, progress in connector["streams"].items():
                yield [name, stream], progress

    def _connector_families(self) -> Iterator[Metric]:
        restarts = CounterMetricFamily(
            "bridge_worker_restarts", "workers started again", labels=["connector"]
        )
        for name, connector in self._connectors.items():
            restarts.add_metric([name], connector["restarts"])
        yield restarts
        pairs = (([name], connector) for name, connector in self._connectors.items())
        yield self._states("bridge_connector_state", ["connector"], pairs)

    def _lag(self) -> Metric:
        family = GaugeMetricFamily(
            "bridge_source_lag_seconds", "since all the source held was published", labels=LABELS
        )
        for labels, stream in self._streams():
            if stream["lag_s"] is not None:
                family.add_metric(labels, stream["lag_s"])
        return family

    def _states(
        self, name: str, labels: list[str], items: Iterable[tuple[list[str], Mapping[str, Any]]]
    ) -> Metric:
        family = GaugeMetricFamily(name, "1 for the state it is in", labels=[*labels, "state"])
        for values, item in items:
            for state in State:
                family.add_metric([*values, state.value], float(item["state"] == state))
        return family


def render(status: Mapping[str, Any]) -> bytes:
    """The text exposition format of one status."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(status))
    return bytes(generate_latest(registry))
