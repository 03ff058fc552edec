"""The brokers' settings held against what exactly once needs (KIP-98; Kafka's broker configuration). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.config.options import OnMissing, Settings
from bridge.contract import Finding, Level

RECOMMENDED = 3
"""Replicas, so that one broker may be down for maintenance and another may fail."""
TRANSACTION_TIMEOUT_MS = 60_000
"""`transaction.timeout.ms` of bridge.kafka.producer where the configuration sets none."""

type Configs = Mapping[int, Mapping[str, str]]


def judge_settings(brokers: int, configs: Configs, settings: Settings) -> Iterator[Finding]:
    """`configs`: broker id -> its settings; what a broker does not tell is not judged."""
    if brokers == 1:
        yield Finding(
            Level.WARNING,
            "a stand-alone broker, replication 1: exactly once holds, but one disk has the only copy",
            "for production, three brokers or more, and replication 3",
        )
    yield from _transaction_log(brokers, configs)
    yield from _new_topics(brokers, configs, settings)
    yield from _timeout(configs, settings)
    yield from _elections(brokers, configs)
    yield from _unproven(settings)


def _transaction_log(brokers: int, configs: Configs) -> Iterator[Finding]:
    factor = _least(configs, "transaction.state.log.replication.factor")
    in_sync = _least(configs, "transaction.state.log.min.isr")
    if factor is None or in_sync is None:
        return
    name = "transaction.state.log.replication.factor"
    if factor > brokers:
        yield _wrong(Level.CRITICAL, name, factor, f"{_there(brokers)}: no transaction can begin", brokers)
    elif factor == 1 < brokers:
        yield _wrong(
            Level.CRITICAL, name, 1, "with its broker, the outcome of transactions is lost", RECOMMENDED
        )
    elif factor < min(RECOMMENDED, brokers):
        yield _wrong(Level.WARNING, name, factor, "one more failure loses transactions", RECOMMENDED)
    name = "transaction.state.log.min.isr"
    if in_sync > factor:
        yield _wrong(Level.CRITICAL, name, in_sync, f"it has {factor} replicas: no transaction can begin", 1)
    elif in_sync == factor > 1:
        yield _wrong(Level.WARNING, name, in_sync, "one broker down stops all transactions", factor - 1)
    elif in_sync == 1 < factor:
        yield _wrong(Level.WARNING, name, 1, "one broker's failure can lose a committed transaction", 2)
    elif factor >= RECOMMENDED:
        yield Finding(Level.OK, f"transaction log: {factor} replicas, {in_sync} in sync to commit")


def _new_topics(brokers: int, configs: Configs, settings: Settings) -> Iterator[Finding]:
    factor = settings.topics.replication or _least(configs, "default.replication.factor")
    where = "topics.replication" if settings.topics.replication else "default.replication.factor"
    if factor is None or settings.topics.on_missing is not OnMissing.CREATE:
        return
    if factor > brokers:
        own = f"set it to {brokers} under `topics:`, or write nothing: then the brokers' default holds"
        remedy = own if settings.topics.replication else _on_brokers(where, brokers)
        text = f"{where}={factor}: {_there(brokers)}: no topic can be created"
        yield Finding(Level.CRITICAL, text, remedy)
    elif factor == 1 < brokers:
        text = "topics the bridge creates, positions included, live on one broker"
        yield Finding(Level.WARNING, f"{where}=1: {text}", "write `topics: {replication: 3}`")
    in_sync = _least(configs, "min.insync.replicas")
    name = "min.insync.replicas"
    if in_sync == 1 < factor:
        yield _wrong(Level.WARNING, name, 1, "one broker's failure can lose what it acknowledged", 2)
    elif in_sync is not None and in_sync > factor:
        so = f"topics the bridge creates have replication {factor} and would take no writes"
        yield _wrong(Level.CRITICAL, name, in_sync, so, max(1, factor - 1))


def _timeout(configs: Configs, settings: Settings) -> Iterator[Finding]:
    wanted = int(str(settings.kafka.get("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS)))
    most = _least(configs, "transaction.max.timeout.ms")
    if most is not None and wanted > most:
        yield Finding(
            Level.CRITICAL,
            f"transaction.timeout.ms={wanted} is refused: the broker's transaction.max.timeout.ms is {most}",
            f"set transaction.timeout.ms under `kafka:` to {most} or less",
        )


def _elections(brokers: int, configs: Configs) -> Iterator[Finding]:
    name = "unclean.leader.election.enable"
    unclean = any(config.get(name) == "true" for config in configs.values())
    if unclean and brokers > 1:
        yield Finding(
            Level.WARNING, f"{name}=true: a replica that is behind can become leader and lose records",
            f"set {name}=false on the brokers",
        )  # fmt: skip


def _unproven(settings: Settings) -> Iterator[Finding]:
    """What leaves TLS encrypting for whoever answers."""
    for name, off, so in (
        ("enable.ssl.certificate.verification", "false", "any certificate is taken for a broker's"),
        ("ssl.endpoint.identification.algorithm", "none", "a certificate of another host is taken, too"),
    ):
        if str(settings.kafka.get(name, "")).lower() == off:
            text = f"{name}: {off}: {so}, and who sits in between reads the password and the events"
            yield Finding(
                Level.WARNING, text, "remove it from `kafka:`; set ssl.ca.location to the brokers' authority"
            )


def _there(brokers: int) -> str:
    return "there is 1 broker" if brokers == 1 else f"there are {brokers} brokers"


def _least(configs: Configs, name: str) -> int | None:
    """The worst of the brokers' values."""
    return min((int(config[name]) for config in configs.values() if name in config), default=None)


def _wrong(level: Level, name: str, value: int, so: str, better: int) -> Finding:
    return Finding(level, f"{name}={value}: {so}", _on_brokers(name, better))


def _on_brokers(name: str, better: int) -> str:
    return f"set {name}={better} on the brokers"
