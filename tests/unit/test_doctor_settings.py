"""What the doctor says about brokers' settings."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from bridge import reach
from bridge.config.options import Settings
from bridge.contract import Level
from bridge.doctor import cluster
from bridge.doctor.settings import judge_settings
from bridge.errors import TransientError

SOUND = {
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "transaction.max.timeout.ms": "900000",
    "unclean.leader.election.enable": "false",
}
ALONE = {**SOUND, "transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1"} | {
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
}


def settings(kafka: dict[str, Any] | None = None, **topics: Any) -> Settings:
    document = {"name": "test", "kafka": {"bootstrap.servers": "x:1", **(kafka or {})}, "connectors": {}}
    return Settings.model_validate({**document, "topics": topics})


def said(brokers: int, *configs: dict[str, str], of: Settings | None = None) -> dict[Level, str]:
    """Level -> all its findings."""
    found: dict[Level, str] = {}
    for each in judge_settings(brokers, dict(enumerate(configs)), of or settings()):
        assert each.level is Level.OK or each.remedy
        found[each.level] = f"{found.get(each.level, '')}{each.text}\n"
    return found


def test_three_brokers_with_three_replicas_and_two_in_sync_are_sound() -> None:
    assert said(3, SOUND, SOUND, SOUND) == {Level.OK: "transaction log: 3 replicas, 2 in sync to commit\n"}


def test_a_stand_alone_broker_is_a_warning_and_nothing_more() -> None:
    found = said(1, ALONE)

    assert set(found) == {Level.WARNING}
    assert "stand-alone broker, replication 1" in found[Level.WARNING]
    assert len(found[Level.WARNING].splitlines()) == 1


class Silent:
    """An administrator's client of a cluster that was reached, and says no more."""

    def describe_cluster(self, **_: object) -> Future[Any]:
        return Future()


def test_a_cluster_that_says_no_more_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CALL_S", -1.0)
    monkeypatch.setattr(reach, "cluster", lambda _: Silent())
    with pytest.raises(TransientError, match="the cluster cannot be described: no answer"):
        cluster.Cluster.reach(settings())


def test_topics_that_would_take_no_writes_are_told_before_they_are_made() -> None:
    found = said(3, SOUND | {"default.replication.factor": "1"})
    assert "min.insync.replicas=2: topics the bridge creates have replication 1 and" in found[Level.CRITICAL]


@pytest.mark.parametrize(
    ("name", "off", "on"),
    [
        ("enable.ssl.certificate.verification", False, True),
        ("enable.ssl.certificate.verification", "false", "true"),
        ("ssl.endpoint.identification.algorithm", "none", "https"),
    ],
)
def test_brokers_that_need_not_prove_who_they_are_are_a_warning(name: str, off: object, on: object) -> None:
    found = said(3, SOUND, of=settings({name: off}))
    assert f"{name}: {str(off).lower()}: " in found[Level.WARNING]
    assert Level.WARNING not in said(3, SOUND, of=settings({name: on}))


def test_settings_that_may_not_be_read_are_not_guessed() -> None:
    assert said(3) == {}


@pytest.mark.parametrize(
    ("changed", "level", "text"),
    [
        (
            {"transaction.state.log.replication.factor": "1"},
            Level.CRITICAL,
            "outcome of transactions is lost",
        ),
        ({"transaction.state.log.replication.factor": "5"}, Level.CRITICAL, "no transaction can begin"),
        ({"transaction.state.log.replication.factor": "2"}, Level.WARNING, "one more failure"),
        ({"transaction.state.log.min.isr": "4"}, Level.CRITICAL, "no transaction can begin"),
        ({"transaction.state.log.min.isr": "3"}, Level.WARNING, "one broker down stops all transactions"),
        ({"transaction.state.log.min.isr": "1"}, Level.WARNING, "can lose a committed transaction"),
        ({"default.replication.factor": "1"}, Level.WARNING, "live on one broker"),
        ({"default.replication.factor": "4"}, Level.CRITICAL, "no topic can be created"),
        ({"min.insync.replicas": "1"}, Level.WARNING, "lose what it acknowledged"),
        ({"transaction.max.timeout.ms": "30000"}, Level.CRITICAL, "transaction.timeout.ms=60000 is refused"),
        ({"unclean.leader.election.enable": "true"}, Level.WARNING, "lose records"),
    ],
)
def test_each_setting_that_endangers_exactly_once_is_named(
    changed: dict[str, str], level: Level, text: str
) -> None:
    assert text in said(3, {**SOUND, **changed})[level]


def test_the_worst_of_several_brokers_counts() -> None:
    assert "min.insync.replicas=1" in said(3, SOUND, {**SOUND, "min.insync.replicas": "1"})[Level.WARNING]


def test_the_configured_replication_is_judged_in_place_of_the_brokers_default() -> None:
    weak = {**SOUND, "default.replication.factor": "1"}

    assert Level.WARNING not in said(3, weak, of=settings(replication=3))
    found = judge_settings(1, {1: ALONE}, settings(replication=9))
    (critical,) = [each for each in found if each.level is Level.CRITICAL]
    assert critical.text == "topics.replication=9: there is 1 broker: no topic can be created"
    assert critical.remedy.startswith("set it to 1 under `topics:`")


def test_where_topics_are_not_created_their_defaults_do_not_matter() -> None:
    weak = {**SOUND, "default.replication.factor": "1"}

    assert Level.WARNING not in said(3, weak, of=settings(on_missing="require"))


def test_a_transaction_may_last_as_long_as_the_broker_allows() -> None:
    long = settings({"transaction.timeout.ms": 900_000})

    assert Level.CRITICAL not in said(3, SOUND, of=long)
