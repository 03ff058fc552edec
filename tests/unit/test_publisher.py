"""The producer's rules, on librdkafka's own mock cluster; what a mock cannot prove is proved in tests/e2e."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from threading import Event, Timer
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from bridge import kafka, publisher
from bridge.errors import ConfigError, CredentialsError, Stopped
from bridge.native import library, sender
from bridge.native.packed import Packed
from bridge.publisher import Aborted, Broken, Fenced, Publisher

NOBODY = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}


@contextmanager
def mock_cluster() -> Iterator[dict[str, Any]]:
    admin = AdminClient({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
    brokers = admin.list_topics(timeout=10).brokers.values()
    yield {"bootstrap.servers": ",".join(f"{each.host}:{each.port}" for each in brokers), "log_level": 0}
    del admin


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, Any]]:
    with mock_cluster() as started:
        yield started


@pytest.fixture
def stop() -> Event:
    return Event()


@pytest.fixture
def producer(cluster: dict[str, Any], stop: Event, request: pytest.FixtureRequest) -> Iterator[Publisher]:
    made = Publisher(cluster, request.node.name, stop)
    made.open()
    yield made
    made.close()


def arrived(cluster: dict[str, Any], topic: str, count: int) -> list[bytes]:
    """Values of a topic, in the order of its partitions."""
    consumer = Consumer({**cluster, "group.id": "t", "auto.offset.reset": "earliest"})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, each, 0) for each in partitions])
    found: list[bytes] = []
    deadline = time.monotonic() + 10
    while len(found) < count and time.monotonic() < deadline:
        found += [message.value() or b"" for message in consumer.consume(count, 0.2) if not message.error()]
    consumer.close()
    return found


def by_partition(cluster: dict[str, Any], topic: str, count: int) -> dict[int, set[bytes]]:
    consumer = Consumer({**cluster, "group.id": "t", "auto.offset.reset": "earliest"})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, each, 0) for each in partitions])
    found: dict[int, set[bytes]] = {}
    deadline = time.monotonic() + 10
    while sum(map(len, found.values())) < count and time.monotonic() < deadline:
        for message in consumer.consume(count, 0.2):
            if not message.error():
                found.setdefault(message.partition() or 0, set()).add(message.value() or b"")
    consumer.close()
    return found


def test_what_is_committed_arrives_in_order(cluster: dict[str, Any], producer: Publisher) -> None:
    values = [str(at).encode() for at in range(500)]
    producer.begin()
    producer.send("in-order", [b"k"] * 500, values)
    producer.commit()
    assert arrived(cluster, "in-order", 500) == values


def test_more_records_than_the_queue_holds_wait_for_room(cluster: dict[str, Any], stop: Event) -> None:
    small = Publisher({**cluster, "queue.buffering.max.messages": 50}, "small", stop)
    small.open()
    small.begin()
    small.send("small", [None] * 1000, [b"v"] * 1000)
    small.commit()
    assert small.trouble is None
    small.close()


def packed(texts: Sequence[bytes]) -> Packed:
    ends = array("q", accumulate(map(len, texts), initial=0))
    return Packed(pa.py_buffer(b"".join(texts)), pa.py_buffer(ends.tobytes()), max(map(len, texts)))


in_c = pytest.mark.skipif(library() is None, reason="bridge/native is not compiled: there is no C compiler")
FORMS = [pytest.param(list, id="one by one"), pytest.param(packed, id="packed", marks=in_c)]
type Form = Callable[[Sequence[bytes]], Sequence[bytes]]


@in_c
def test_packed_records_that_the_queue_has_no_room_for_arrive_in_order(
    cluster: dict[str, Any], stop: Event
) -> None:
    small = Publisher({**cluster, "queue.buffering.max.messages": 50}, "packed", stop)
    small.open()
    small.begin()
    values = [str(at).encode() for at in range(5000)]
    small.send("packed", packed([b"k"] * 5000), packed(values))
    small.commit()
    assert small._sender is not None, "else they went one by one"
    assert arrived(cluster, "packed", 5000) == values
    small.close()


@in_c
def test_a_key_has_its_partition_however_its_record_is_sent(
    cluster: dict[str, Any], producer: Publisher
) -> None:
    keys = [b'{"id":%d}' % at for at in range(200)]
    producer.begin()
    producer.send("keys-in-turn", keys, keys)
    producer.send("keys-packed", packed(keys), packed(keys))
    producer.commit()
    places = [by_partition(cluster, topic, 200) for topic in ("keys-in-turn", "keys-packed")]
    assert len(places[0]) > 1
    assert places[0] == places[1]


@pytest.mark.parametrize("form", FORMS)
def test_a_record_that_is_not_delivered_is_told_with_its_topic_and_asks_for_a_new_producer(
    stop: Event, form: Form
) -> None:
    with mock_cluster() as cluster:
        made = Publisher(
            {**cluster, "message.timeout.ms": 1000, "transaction.timeout.ms": 1000}, "late", stop
        )
        made.open()
        made.begin()
    made.send("late", form([b"k"]), form([b"v"]))
    with pytest.raises(Broken, match=r"^topic late: .*_MSG_TIMED_OUT"):
        made.commit()
    made.close()


@pytest.mark.parametrize("form", FORMS)
def test_a_record_that_the_producer_does_not_take_asks_for_a_new_one(
    cluster: dict[str, Any], stop: Event, form: Form
) -> None:
    made = Publisher({**cluster, "message.max.bytes": 2000}, "large", stop)
    made.open()
    made.begin()
    with pytest.raises(Broken, match="MSG_SIZE_TOO_LARGE"):
        made.send("large", form([b"k"] * 3), form([b"v", b"v" * 3000, b"v"]))
    made.close()


@in_c
def test_without_plugins_records_go_one_by_one(
    cluster: dict[str, Any], stop: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "LIBRARY", "no;plugin")
    sender._ready.cache_clear()
    made = Publisher(cluster, "alone", stop)
    made.open()
    made.begin()
    made.send("alone", packed([b"k"] * 3), packed([b"a", b"b", b"c"]))
    made.commit()
    assert made._sender is None
    assert arrived(cluster, "alone", 3) == [b"a", b"b", b"c"]
    made.close()
    sender._ready.cache_clear()


def test_a_transaction_is_open_from_begin_to_commit_or_abort(producer: Publisher) -> None:
    seen = [producer.open_since is None]
    for end in (producer.commit, producer.abort):
        producer.begin()
        producer.send("open", [b"k"], [b"v"])
        seen.append(producer.open_since is None)
        end()
        seen.append(producer.open_since is None)
    assert seen == [True, False, True, False, True]


def test_an_abort_outside_a_transaction_does_nothing(producer: Publisher) -> None:
    producer.abort()
    producer.begin()
    producer.commit()


@pytest.mark.parametrize("use", ["begin", "commit"])
def test_a_closed_producer_is_broken_and_not_a_bug(stop: Event, use: str) -> None:
    made = Publisher(NOBODY, "closed", stop)
    with pytest.raises(Broken, match="closed"):
        getattr(made, use)()
    made.close()
    made.close()


@pytest.mark.parametrize("wrong", ["commit", "begin"])
def test_a_call_in_the_wrong_state_asks_for_a_new_producer(producer: Publisher, wrong: str) -> None:
    if wrong == "begin":
        producer.begin()
    with pytest.raises(Broken):
        getattr(producer, wrong)()


def test_a_stop_ends_a_call_that_kafka_does_not_answer(stop: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "CALL_S", 0.05)
    monkeypatch.setattr(publisher, "SLOW_S", 0.0)
    made = Publisher(NOBODY, "nobody", stop)
    Timer(0.3, stop.set).start()
    with pytest.raises(Stopped):
        made.open()
    assert "Kafka" in (made.trouble or ""), "what is slow shows before it has failed"
    made.close()


def test_a_commit_that_was_given_up_leaves_a_producer_that_takes_no_abort(
    stop: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "CALL_S", 0.1)
    with mock_cluster() as cluster:
        made = Publisher(cluster, "given-up", stop)
        made.open()
        made.begin()
        made.send("given-up", [b"k"], [b"v"])
    stop.set()
    with pytest.raises(Stopped):
        made.commit()
    with pytest.raises(Broken, match="commit_transaction"):
        made.abort()
    made.close()


def test_a_record_that_finds_no_room_waits_until_the_stop(
    cluster: dict[str, Any], stop: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "SLOW_S", 0.0)
    monkeypatch.setattr(publisher, "CALL_S", 0.1)
    slow = {
        **cluster,
        "queue.buffering.max.messages": 10,
        "linger.ms": 50_000,
        "batch.num.messages": 1_000_000,
    }
    made = Publisher({**slow, "message.timeout.ms": 60_000}, "no-room", stop)
    made.open()
    made.begin()
    Timer(0.3, stop.set).start()
    with pytest.raises(Stopped):
        made.send("no-room", [b"k"] * 100, [b"v"] * 100)
    assert "takes no more records" in (made.trouble or "")
    made.abort()
    made.begin()
    made.send("no-room", [b"k"], [b"after"])
    made.commit()
    assert arrived(cluster, "no-room", 1) == [b"after"]
    made.close()


def test_a_stop_lets_what_kafka_takes_be_sent_and_committed(cluster: dict[str, Any], stop: Event) -> None:
    small = Publisher({**cluster, "queue.buffering.max.messages": 50}, "draining", stop)
    small.open()
    small.begin()
    stop.set()
    values = [str(at).encode() for at in range(5000)]
    small.send("draining", [b"k"] * 5000, values)
    small.commit()
    assert arrived(cluster, "draining", 5000) == values
    small.close()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KafkaError(KafkaError._FENCED, fatal=True), Fenced),
        (KafkaError(KafkaError.PRODUCER_FENCED, fatal=True), Fenced),
        (KafkaError(KafkaError.INVALID_PRODUCER_EPOCH, txn_requires_abort=True), Fenced),
        (KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, fatal=True), Broken),
        (KafkaError(KafkaError._STATE), Broken),
        (KafkaError(KafkaError.INVALID_TRANSACTION_TIMEOUT), ConfigError),
        (KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, txn_requires_abort=True), Aborted),
    ],
)
def test_what_a_failure_means_is_decided_by_what_can_be_done_about_it(
    stop: Event, error: KafkaError, kind: type[Exception]
) -> None:
    judged = Publisher(NOBODY, "judge", stop)._classify(KafkaException(error))
    assert type(judged) is kind
    assert error.name() in str(judged)


def test_a_retriable_failure_calls_the_same_operation_again(stop: Event) -> None:
    outcomes = [KafkaException(KafkaError(KafkaError._TIMED_OUT, retriable=True)) for _ in range(3)]
    calls: list[float] = []

    def operation(timeout: float) -> None:
        calls.append(timeout)
        if outcomes:
            raise outcomes.pop()

    Publisher(NOBODY, "again", stop)._call(operation)
    assert len(calls) == 4


class Unheard:
    """A producer that has lost Kafka, with records it has not sent."""

    def __init__(self, records: int = 0) -> None:
        self._records = records

    def __len__(self) -> int:
        return self._records

    def poll(self, _timeout: float) -> int:
        return 0

    def purge(self) -> None:
        return

    def _unheard(self, _timeout: float) -> None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, retriable=True))

    init_transactions = commit_transaction = abort_transaction = _unheard


@pytest.mark.parametrize(("end", "records"), [("commit", 0), ("abort", 0), ("abort", 7)])
def test_a_transaction_that_kafka_does_not_end_asks_for_a_new_producer(
    stop: Event, monkeypatch: pytest.MonkeyPatch, end: str, records: int
) -> None:
    monkeypatch.setattr(publisher, "STUCK_S", 0.1)
    made = Publisher(NOBODY, "unheard", stop)
    made._producer = Unheard(records)  # type: ignore[assignment]
    made.open_since = 0.0
    Timer(5, stop.set).start()
    with pytest.raises(Broken, match="new producer"):
        getattr(made, end)()


def test_a_commit_waits_for_the_records_as_long_as_librdkafka_does(
    stop: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "STUCK_S", 0.1)
    made = Publisher(NOBODY, "patient", stop)
    made._producer = Unheard(7)  # type: ignore[assignment]
    Timer(0.5, stop.set).start()
    with pytest.raises(Stopped):
        made.commit()


class FullAndFenced:
    """A producer without room, which hears only then that it was fenced."""

    def produce(self, *_: Any) -> None:
        raise BufferError

    def poll(self, _timeout: float) -> int:
        raise KafkaException(KafkaError(KafkaError._FENCED, fatal=True))

    def purge(self) -> None:
        return


def test_a_fence_that_is_heard_while_there_is_no_room_is_told_as_what_it_is(stop: Event) -> None:
    made = Publisher(NOBODY, "full", stop)
    made._producer = FullAndFenced()  # type: ignore[assignment]
    with pytest.raises(Fenced):
        made.send("erp.orders", [b"k"], [b"v"])


class Refused(FullAndFenced):
    """A producer in a transaction that has failed, as a broker's refusal leaves it."""

    def __len__(self) -> int:
        return 0

    def produce(self, *_: Any) -> None:
        raise KafkaException(KafkaError(KafkaError._STATE))

    def begin_transaction(self) -> None:
        raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, txn_requires_abort=True))

    def commit_transaction(self, _timeout: float) -> None:
        self.begin_transaction()

    def abort_transaction(self, _timeout: float) -> None:
        raise KafkaException(KafkaError(KafkaError.INVALID_TXN_STATE, fatal=True))

    def poll(self, _timeout: float) -> int:
        return 0


@pytest.mark.parametrize("use", ["send", "commit"])
def test_what_a_transaction_failed_of_is_told_for_all_that_follows(stop: Event, use: str) -> None:
    made = Publisher(NOBODY, "refused", stop)
    made._producer = Refused()  # type: ignore[assignment]
    made._topics.add("erp.orders")
    made.open_since = 0.0
    with pytest.raises(Aborted, match="TOPIC_AUTH") as failed:
        made.send("erp.orders", [b"k"], [b"v"]) if use == "send" else made.commit()
    assert str(failed.value).endswith("; grant Write on erp.orders")
    with pytest.raises(Broken) as broken:
        made.abort()
    assert str(broken.value) == str(failed.value)


def test_what_no_report_tells_of_refused_records_is_in_the_brokers_log(
    stop: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a batch whose records are refused one by one, librdkafka tells the interceptors of C nothing."""
    reason = "2 message(s) failed delivery (see individual delivery reports)"
    failure = KafkaError(KafkaError._INCONSISTENT, reason, txn_requires_abort=True)
    monkeypatch.setattr(Refused, "begin_transaction", lambda _: _raise(KafkaException(failure)))
    made = Publisher(NOBODY, "refused", stop)
    made._producer = Refused()  # type: ignore[assignment]
    made._topics.update(("erp.orders", "erp.items"))
    made.open_since = 0.0
    with pytest.raises(Aborted, match=r"\); the brokers' logs say why: erp.items, erp.orders$"):
        made.commit()


def _raise(error: Exception) -> None:
    raise error


def test_what_a_transaction_failed_of_is_not_told_of_the_next_one(producer: Publisher) -> None:
    producer.begin()
    producer._classify(KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, txn_requires_abort=True)))
    producer.abort()
    producer.begin()
    assert "_STATE" in str(producer._classify(KafkaException(KafkaError(KafkaError._STATE))))


AWAY = (
    "Could not resolve host: idp.example",
    "Failed to connect to 127.0.0.1:9 after 0 ms: Could not connect to server",
    "Operation timed out after 20003 milliseconds with 0 bytes received",
    "Empty reply from server",
    "OpenSSL SSL_connect: Connection reset by peer in connection to idp.example:443 ",
    "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<hr>nginx</html>",
    "upstream connect error or disconnect/reset before headers",
    '{"error":"temporarily_unavailable","error_description":"try again"}',
    '{"error": "slow_down"}{"error": "slow_down"}',
)
REFUSALS = (
    '{"error":"invalid_client"}',
    '{"error": "invalid_client", "error_description": "503 days ago that secret ran out"}',
    "<html><head><title>403 Forbidden</title></head></html>",
    "Unauthorized",
    "Server did not provide an error string",
)
RUN_OUT = (
    'sasl_ssl://broker:9093/1: SASL authentication error: {"status":"invalid_token"} (after 3ms)',
    "SASL OAUTHBEARER mechanism handshake failed: Broker: Request not valid in current SASL state: broker's",
)


def test_an_identity_provider_that_does_not_answer_has_refused_nobody() -> None:
    """In the words of librdkafka, which has one code for both."""
    told = "Failed to acquire SASL OAUTHBEARER token: {}"
    errors = {said: KafkaError(KafkaError._AUTHENTICATION, told.format(said)) for said in AWAY + REFUSALS}
    assert tuple(said for said, error in errors.items() if kafka.refuses(error)) == REFUSALS


@pytest.mark.parametrize("said", RUN_OUT)
def test_a_token_that_has_run_out_while_the_identity_provider_was_away_is_no_refused_password(
    said: str,
) -> None:
    assert not kafka.refuses(KafkaError(KafkaError._AUTHENTICATION, said))


@pytest.mark.parametrize("use", ["hear", "call"])
def test_refused_credentials_are_told_and_never_tried_again(
    cluster: dict[str, Any], stop: Event, use: str
) -> None:
    made = Publisher(cluster, "denied", stop)
    made.open()
    made._on_error(KafkaError(KafkaError._AUTHENTICATION, "who?"))
    with pytest.raises(CredentialsError, match="refuses the credentials"):
        made._call(_away) if use == "call" else made.hear()
    assert made._producer is None


def _away(_timeout: float) -> None:
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT, retriable=True))


def test_trouble_ends_when_kafka_answers_a_probe(producer: Publisher) -> None:
    producer.trouble = "Kafka: away"
    producer.probe()
    assert producer.trouble is None


def test_trouble_stays_while_a_probe_finds_nobody(stop: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "CALL_S", 0.1)
    made = Publisher(NOBODY, "nobody", stop)
    made._producer = kafka.producer(NOBODY, "bridge.nobody", lambda _error: None)
    made.trouble = "Kafka: away"
    made.probe()
    assert "Kafka" in made.trouble
    made.close()


def test_batches_shrink_below_the_smallest_limit_once(stop: Event) -> None:
    made = Publisher(NOBODY, "small", stop)
    assert not made.shrink(10_000_000)
    assert made.shrink(100_000)
    assert not made.shrink(100_000)
    assert made.shrink(50_000)


def test_what_no_client_can_be_made_of_is_one_line_for_an_operator(stop: Event) -> None:
    absent = {"security.protocol": "ssl", "ssl.ca.location": "/absent.pem"}
    with pytest.raises(ConfigError, match=r"ssl\.ca\.location.*check `kafka:`"):
        Publisher({**NOBODY, **absent}, "tls", stop).open()
    with pytest.raises(ConfigError, match=r"ssl\.ca\.location.*check `kafka:`"):
        kafka.admin({**NOBODY, **absent})
