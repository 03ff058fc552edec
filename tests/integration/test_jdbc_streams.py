"""Streams come and go with their tables, under the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.config.options import ConnectorSettings
from bridge.stream_health import Moment, describe
from bridge.testing.fakes import FakeKafka
from bridge.testing.simulation import BRISK, Clock, Engine
from tests.integration.jdbc_tables import Corner, configured
from tests.property.living import Source

LOOKS_S = 65
"""Until the next look for new streams is over."""


@contextmanager
def engine(corner: Corner, folder: Path, streams: dict[str, Any]) -> Iterator[Engine]:
    source = Source(partial(configured, corner.server, streams))
    settings = ConnectorSettings(name="erp", kind="jdbc", defaults=BRISK)
    with Clock() as clock:
        found = Engine(FakeKafka(), source, clock, settings, cache=folder / "erp.state")
        try:
            found.run(3)
            yield found
        finally:
            source.close()
            found.restart()


def health(engine: Engine, stream: str) -> dict[str, Any]:
    moment = Moment(engine.clock.now, datetime.now(UTC), 300.0, None, None, None)
    return describe(engine.schedule.streams[stream], moment)


def count(engine: Engine, stream: str) -> int:
    """Its committed events."""
    return len(engine.kafka.committed(f"erp.{stream}"))


@pytest.fixture(params=["h2_corner", "postgres_corner"])
def shop(request: pytest.FixtureRequest) -> Corner:
    corner: Corner = request.getfixturevalue(request.param)
    corner.execute("CREATE TABLE $.orders (id int PRIMARY KEY);\nINSERT INTO $.orders VALUES (1);")
    return corner


@pytest.mark.parametrize("mode", ["incrementing", "images"])
def test_a_table_that_comes_later_is_read_and_one_that_goes_alarms_and_keeps_its_position(
    shop: Corner, tmp_path: Path, mode: str
) -> None:
    orders, order_lines = shop.name("orders"), shop.name("order_lines")
    with engine(shop, tmp_path, {shop.name("order") + "*": {"mode": mode}}) as running:
        assert count(running, orders) == 1
        assert health(running, orders)["health"] == "ok"

        shop.execute(
            "CREATE TABLE $.order_lines (id int PRIMARY KEY);\nINSERT INTO $.order_lines VALUES (7);"
        )
        running.run(LOOKS_S)
        assert count(running, order_lines) == 1

        position = list(running.stored(orders))[-1]
        shop.execute("DROP TABLE $.orders;")
        running.run(LOOKS_S)
        found = health(running, orders)
        assert (found["state"], found["health"]) == ("FAILED", "critical")
        assert found["error"]
        assert list(running.stored(orders))[-1] == position
        assert health(running, order_lines)["health"] == "ok"

        shop.execute("CREATE TABLE $.orders (id int PRIMARY KEY);\nINSERT INTO $.orders VALUES (1), (2);")
        running.run(LOOKS_S)
        running.resume()
        running.run(3)
        assert health(running, orders)["health"] == "ok"
        assert count(running, orders) == 2, "it went on where it was"


@pytest.mark.parametrize(
    ("mode", "caveats"), [("incrementing", ["may_miss", "no_deletes"]), ("images", ["collapses"])]
)
def test_what_a_mode_cannot_promise_is_in_the_streams_health(
    shop: Corner, tmp_path: Path, mode: str, caveats: list[str]
) -> None:
    with engine(shop, tmp_path, {shop.name("orders"): {"mode": mode}}) as running:
        assert health(running, shop.name("orders"))["caveats"] == caveats
