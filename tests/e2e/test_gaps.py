"""A source that tells changes and loses some, with `on_gap: rescan`: the topic becomes the table."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from bridge.testing.daemon import consume, wait_until
from bridge.testing.folding import folded
from bridge.testing.kafka import Broker
from bridge.testing.killing import deaths
from tests.e2e.evidence import doomed, meanwhile, source, sqlite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_workers_killed_at_every_step_find_what_was_lost(broker: Broker, tmp_path: Path, name: str) -> None:
    legacy, chance = source(tmp_path / "erp.db"), random.Random(5)
    legacy.keep_log()
    legacy.insert(1000)
    topic, letters = f"{name}.orders", f"_bridge.dead-letters.{name}"
    stream = {"log": True, "on_gap": "rescan", "max_delete": "100%"}
    connector = sqlite(legacy.path, max_rejects="100%", streams={"orders": stream})

    def change() -> None:
        legacy.change(10, chance)
        if chance.random() < 0.1:
            legacy.lose_log()

    def is_the_table() -> bool:
        rows = folded((each.event for each in consume(broker.address, topic) if each.value), "id").rows
        return {key: row["payload"] for key, row in rows.items()} == {
            (each,): payload for each, payload in legacy.rows().items()
        }

    dying = deaths(1, chance, passages=3, latest_ms=1500)
    never_parked = {"restarts": len(dying) + 1}
    daemon, plan = doomed(tmp_path / "daemon", broker.address, {name: connector}, dying, daemon=never_parked)
    with daemon:
        with meanwhile(change, 0.05):
            wait_until(lambda: daemon.killed() == len(dying), 100, "deaths", 0.2)
        legacy.change(10, chance)
        legacy.lose_log()
        wait_until(is_the_table, 60, "the topic to be the table", 0.5)
    assert plan.left == 0
    reasons = [json.loads(each.value or b"")["reason"] for each in consume(broker.address, letters)]
    assert any(reason.startswith("gap: the log of orders begins with") for reason in reasons)
