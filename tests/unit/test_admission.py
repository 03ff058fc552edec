"""A stream never starts from scratch in silence: what lets it start, and what makes it wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from bridge.admission import Admission, Lane
from bridge.config.options import ConnectorSettings, OnGap, StreamOptions, Topics
from bridge.contract import CONTRACT_VERSION, NUMBER_TEXT, Batch, Changes, Emits, Stream, Table
from bridge.errors import ConfigError, CredentialsError, TransientError
from bridge.positions import Ledger, Paused, Stored
from bridge.progress import Progress
from bridge.testing.fakes import FakeKafka, FakeTopics, Fault, Record, Transaction

SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string())])
TOPIC = "erp.orders"
STORED = Stored({"id": 7}, "jdbc", 2, "db one", {TOPIC: 1})
VERSION = 2
DEFAULT = {"decimal": "string", "binary": "base64", "time": "iso"}


def stream(name: str = "orders", *tables: str) -> Stream:
    return Stream(name, "db one", tuple(Table(table, SCHEMA, ("id",)) for table in tables or (name,)))


@pytest.fixture
def kafka() -> FakeKafka:
    return FakeKafka()


def admitted(
    kafka: FakeKafka,
    *streams: Stream,
    stored: dict[str, Stored] | None = None,
    paused: dict[str, Paused] | None = None,
    **options: Any,
) -> list[tuple[Progress, Lane | None]]:
    settings = ConnectorSettings(name="erp", kind="jdbc", **options)
    admission = Admission(settings, FakeTopics(kafka), Topics(), VERSION)
    return admission.admit(streams or (stream(),), Ledger(streams=stored or {}, pauses=paused or {}))


def reason(kafka: FakeKafka, stored: Stored | None) -> str:
    """Why the stream `orders` waits; empty when it starts."""
    ((progress, lane),) = admitted(kafka, stored={"orders": stored} if stored else {})
    assert (lane is None) == bool(progress.parked)
    return progress.parked or ""


def used(kafka: FakeKafka, topic: str = TOPIC) -> FakeKafka:
    """With a record in the topic."""
    kafka.topics[topic] = [Record(b"k", b"v", Transaction())]
    return kafka


def test_a_stream_whose_topic_is_new_starts_from_scratch(kafka: FakeKafka) -> None:
    ((progress, lane),) = admitted(kafka)
    assert lane is not None
    assert (progress.fresh, progress.committed, progress.ahead) == (True, None, None)
    wanted = Stored({"id": 1}, "jdbc", VERSION, "db one", {TOPIC: 1}, encoder=DEFAULT)
    assert lane.stored({"id": 1}) == wanted


def test_a_stream_goes_on_from_its_position(kafka: FakeKafka) -> None:
    ((progress, lane),) = admitted(used(kafka), stored={"orders": replace(STORED, version=1)})
    assert lane is not None
    assert (progress.fresh, progress.committed, progress.ahead) == (False, {"id": 7}, {"id": 7})
    assert progress.version == 1, "which the connector will migrate"


def test_events_without_a_position_wait_for_an_operator(kafka: FakeKafka) -> None:
    told = reason(used(kafka), None)
    assert "a start would repeat them, or mix with another connector's; if another connector writes" in told


STRANGE = {
    "another database": (replace(STORED, identity="db two"), "db two"),
    "another kind": (replace(STORED, kind="oracle"), "oracle"),
    "a newer connector": (replace(STORED, version=VERSION + 1), "newer version"),
    "a newer engine": (replace(STORED, contract=CONTRACT_VERSION + 1), "newer version"),
    "another partition count": (replace(STORED, partitions={TOPIC: 3}), "had 3 partitions and now has 1"),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_position_that_may_mean_something_else_waits_for_an_operator(kafka: FakeKafka, what: str) -> None:
    stored, text = STRANGE[what]
    assert text in reason(used(kafka), stored)
    assert "positions accept" in reason(used(kafka), stored)


@pytest.mark.parametrize("what", STRANGE)
def test_what_an_operator_accepted_starts_and_is_written_anew(kafka: FakeKafka, what: str) -> None:
    ((progress, lane),) = admitted(used(kafka), stored={"orders": replace(STRANGE[what][0], accept=True)})
    assert lane is not None
    assert progress.fresh
    assert progress.committed == {"id": 7}


def test_a_start_from_scratch_can_be_accepted(kafka: FakeKafka) -> None:
    accepted = Stored(None, "jdbc", VERSION, "", accept=True)
    assert not reason(used(kafka), accepted)


def test_a_topic_added_later_is_no_change_of_partitions(kafka: FakeKafka) -> None:
    ((progress, lane),) = admitted(used(kafka), stored={"orders": replace(STORED, partitions={})})
    assert lane is not None
    assert not progress.parked


def test_a_new_topic_of_a_known_stream_must_be_empty(kafka: FakeKafka) -> None:
    moved = replace(STORED, partitions={"erp.old": 1})
    told = reason(used(kafka), moved)
    assert "topic erp.orders is new to it, but has records" in told
    assert "positions accept" in told
    assert reason(kafka, replace(moved, accept=True)) == ""


def test_another_topic_which_lacks_what_was_published_waits_for_an_operator(kafka: FakeKafka) -> None:
    moved = replace(STORED, partitions={"erp.old": 1})
    told = reason(kafka, moved)
    assert "it published to erp.old, and topic erp.orders lacks that" in told
    assert "rewind ... --to start" in told
    for answer in (replace(moved, accept=True), replace(moved, position=None)):
        assert reason(kafka, answer) == ""


def test_the_topic_of_a_new_table_lacks_nothing(kafka: FakeKafka) -> None:
    log = stream("log", "orders", "items")
    ((progress, _),) = admitted(kafka, log, stored={"log": STORED})
    assert not progress.parked


@pytest.mark.parametrize("was", [{"ids": {TOPIC: "one"}}, {"partitions": {"erp.old": 1}}], ids=str)
def test_a_stream_sent_back_to_its_start_publishes_all_to_a_topic_that_lacks_it(
    kafka: FakeKafka, was: dict[str, Any]
) -> None:
    kafka.ids[TOPIC] = "two"
    images = replace(stream(), emits=Emits.IMAGES)
    for answer, refills in ((None, {"orders"}), ({"id": 7}, set())):
        stored = replace(STORED, position=answer, accept=answer is not None, **was)
        ((_, lane),) = admitted(kafka, images, stored={"orders": stored})
        assert lane is not None
        assert lane.refills == refills


def test_a_topic_that_was_made_anew_parks_its_stream_until_it_is_accepted(kafka: FakeKafka) -> None:
    stored = replace(STORED, ids={TOPIC: "one"})
    kafka.ids[TOPIC] = "two"
    for found in (reason(kafka, stored), reason(used(kafka), stored)):
        assert "topic erp.orders is not the one that its position was written beside" in found
        assert "rewind ... --to start" in found
    assert reason(kafka, replace(stored, accept=True)) == ""
    assert reason(kafka, replace(stored, position=None)) == ""


def test_a_topic_that_is_missing_and_was_there_is_not_made_anew_in_silence(kafka: FakeKafka) -> None:
    assert "was deleted" in reason(kafka, replace(STORED, ids={TOPIC: "one"}))


@pytest.mark.parametrize(("was", "now"), [("", "two"), ("one", ""), ("one", "one")])
def test_a_topic_whose_id_is_not_known_is_taken_for_the_same(kafka: FakeKafka, was: str, now: str) -> None:
    kafka.ids[TOPIC] = now
    assert reason(used(kafka), replace(STORED, ids={TOPIC: was} if was else {})) == ""


def test_a_stream_keeps_the_ids_of_its_topics_and_is_judged_anew_when_they_change(kafka: FakeKafka) -> None:
    kafka.ids[TOPIC] = "one"
    settings = ConnectorSettings(name="erp", kind="jdbc")
    admission = Admission(settings, FakeTopics(kafka), Topics(), VERSION)
    ((_, lane),) = admission.admit((stream(),), Ledger())
    assert lane is not None
    assert lane.stored(1).ids == {TOPIC: "one"}
    assert admission.holds()
    kafka.ids[TOPIC] = "two"
    assert not admission.holds()


def test_a_topic_that_is_refused_parks_its_stream_alone(kafka: FakeKafka) -> None:
    kafka.refusals["erp.secret"] = ConfigError("topic erp.secret: not authorized")
    both = {
        progress.stream.name: progress.parked for progress, _ in admitted(kafka, stream(), stream("secret"))
    }
    assert both == {"orders": None, "secret": "topic erp.secret: not authorized"}


def test_a_kafka_that_does_not_answer_parks_nothing(kafka: FakeKafka) -> None:
    kafka.fail(Fault.ABORTED)
    with pytest.raises(TransientError):
        admitted(kafka)


def test_an_excluded_key_column_parks_the_stream(kafka: FakeKafka) -> None:
    ((progress, lane),) = admitted(kafka, defaults=StreamOptions(exclude=("id",)))
    assert lane is None
    assert "key column" in (progress.parked or "")


REMARK = "exclude: no table of this stream has a column remark; spell it as the source does"


ALIKE, OTHERWISE = "", "tells the rows of table orders apart"
PRICE, HASH, DAY = pa.decimal128(9, 2), pa.binary(), pa.date32()
NUMBER = pa.field("c", pa.string(), metadata=NUMBER_TEXT)
NESTED = pa.struct([("at", pa.struct([("day", DAY)]))])


@pytest.mark.parametrize(
    ("column", "key", "encoder", "told"),
    [
        (pa.field("c", PRICE), ("c",), {"decimal": "number"}, OTHERWISE),
        (pa.field("c", PRICE), ("c",), {"decimal": "double"}, OTHERWISE),
        (pa.field("c", PRICE), ("id",), {"decimal": "number"}, ALIKE),
        (pa.field("c", PRICE), (), {"decimal": "number"}, OTHERWISE),
        (pa.field("c", PRICE), ("c",), {"time": "epoch", "binary": "hex"}, ALIKE),
        (NUMBER, ("id", "c"), {"decimal": "number"}, OTHERWISE),
        (pa.field("c", HASH), ("c",), {"binary": "hex"}, OTHERWISE),
        (pa.field("c", DAY), ("c",), {"time": "epoch"}, OTHERWISE),
        (pa.field("c", NESTED), (), {"time": "epoch"}, OTHERWISE),
        (pa.field("c", pa.list_(NESTED)), (), {"time": "epoch"}, OTHERWISE),
        (pa.field("c", pa.map_(pa.string(), HASH)), (), {"binary": "hex"}, OTHERWISE),
        (pa.field("c", pa.dictionary(pa.int8(), HASH)), (), {"binary": "hex"}, OTHERWISE),
    ],
)
def test_keys_that_are_written_otherwise_wait_for_an_operator(
    kafka: FakeKafka, column: pa.Field, key: tuple[str, ...], encoder: dict[str, str], told: str
) -> None:
    """Else the former ones stayed in the topic, and what is deleted would never be told by them."""
    known = Table("orders", pa.schema([pa.field("id", pa.int64()), column]), key)
    orders = Stream("orders", "db one", (known,))
    ((_, lane),) = admitted(used(kafka), orders, stored={"orders": STORED})
    assert lane is not None
    assert lane.is_judged_by_more_than(STORED)
    stored = {"orders": lane.stored({"id": 7})}
    ((progress, _),) = admitted(used(kafka), orders, stored=stored, encoder=encoder)
    assert told in (progress.parked or "")
    assert bool(progress.parked) == bool(told)
    accepted = {"orders": replace(stored["orders"], accept=True)}
    ((progress, lane),) = admitted(used(kafka), orders, stored=accepted, encoder=encoder)
    assert lane is not None
    assert lane.encoder == {**DEFAULT, **encoder}
    anew = {"orders": replace(stored["orders"], position=None)}
    elsewhere = {"orders": StreamOptions(topic="another")}
    ((_, lane),) = admitted(kafka, orders, stored=anew, encoder=encoder, streams=elsewhere)
    assert lane is not None, "that topic has no other keys"


def test_a_topic_that_was_made_anew_has_no_former_keys(kafka: FakeKafka) -> None:
    kafka.ids[TOPIC] = "two"
    known = Table("orders", pa.schema([pa.field("c", PRICE)]), ("c",))
    images = replace(Stream("orders", "db one", (known,)), emits=Emits.IMAGES)
    was = replace(STORED, position=None, ids={TOPIC: "one"}, encoder=DEFAULT)
    ((progress, lane),) = admitted(kafka, images, stored={"orders": was}, encoder={"decimal": "number"})
    assert not progress.parked
    assert lane is not None
    assert lane.refills == {"orders"}


def test_a_key_that_was_a_number_is_one_as_a_double(kafka: FakeKafka) -> None:
    known = Table("orders", pa.schema([pa.field("c", PRICE)]), ("c",))
    written = replace(STORED, encoder={**DEFAULT, "decimal": "number"})
    orders = Stream("orders", "db one", (known,))
    for decimal, is_parked in (("double", False), ("number", False), ("string", True)):
        stored, encoder = {"orders": written}, {"decimal": decimal}
        ((progress, _),) = admitted(used(kafka), orders, stored=stored, encoder=encoder)
        assert bool(progress.parked) == is_parked


def with_remark(name: str) -> Stream:
    schema = SCHEMA.append(pa.field("remark", pa.string()))
    return Stream(name, "db one", (Table(name, schema, ("id",)),))


def excludes(kafka: FakeKafka, *streams: Stream, **options: Any) -> list[str | None]:
    """Of an entry for all of them: why each waits."""
    entry = {"or*": StreamOptions(exclude=("remark",))}
    return [progress.parked for progress, _ in admitted(kafka, *streams, streams=entry, **options)]


def test_of_a_patterns_tables_not_all_need_have_the_excluded_column(kafka: FakeKafka) -> None:
    assert excludes(kafka, stream("orders"), with_remark("orchids")) == [None, None]
    assert excludes(kafka, stream("orders"), stream("orchids")) == [REMARK, REMARK]


def test_another_entrys_tables_do_not_make_up_for_a_misspelling(kafka: FakeKafka) -> None:
    options = StreamOptions(exclude=("remark",))
    found = admitted(kafka, stream(), with_remark("orchids"), streams={"orders": options, "orchids": options})
    assert [progress.parked for progress, _ in found] == [REMARK, None]


def test_an_excluded_column_that_was_dropped_stops_nobody(kafka: FakeKafka) -> None:
    entry = {"or*": StreamOptions(exclude=("remark",))}
    ((_, lane),) = admitted(kafka, with_remark("orders"), streams=entry)
    assert lane is not None
    stored = lane.stored({"id": 1})
    assert stored.excluded == ["remark"]
    again = {"orders": stored}
    assert excludes(kafka, stream(), stream("orchids"), stored=again) == [None, None]
    ((_, lane),) = admitted(kafka, stream(), stored=again, streams=entry)
    assert lane is not None
    assert lane.stored({"id": 2}).excluded == ["remark"]


def test_what_is_left_out_is_kept_even_where_nothing_happens(kafka: FakeKafka) -> None:
    ((_, lane),) = admitted(kafka, with_remark("orders"), defaults=StreamOptions(exclude=("remark",)))
    assert lane is not None
    assert lane.is_judged_by_more_than(replace(lane.stored(None), excluded=[]))
    assert not lane.is_judged_by_more_than(lane.stored(None))


def parks(kafka: FakeKafka, *names: str, stored: dict[str, Stored] | None = None) -> dict[str, str]:
    """Stream -> why it waits."""
    found = admitted(kafka, *map(stream, names), stored=stored)
    return {progress.stream.name: progress.parked for progress, _ in found if progress.parked}


def test_two_tables_of_one_topic_wait_and_nobody_else(kafka: FakeKafka) -> None:
    parked = parks(kafka, "a b", "a/b", "c")
    assert set(parked) == {"a b", "a/b"}
    assert parked["a b"] == ("the tables a/b and a b both go to topic erp.a_b; set `topic:` for the stream")


def test_names_that_kafka_takes_for_one_collide(kafka: FakeKafka) -> None:
    assert "erp.a_b and erp.a.b, which Kafka takes for one" in parks(kafka, "a.b", "a_b")["a.b"]


def test_a_newcomer_leaves_the_topic_to_the_stream_that_has_it(kafka: FakeKafka) -> None:
    stored = {"a_b": replace(STORED, partitions={"erp.a_b": 1})}
    assert set(parks(kafka, "a_b", "a b", "a.b", stored=stored)) == {"a b", "a.b"}


def test_two_streams_that_have_both_used_the_topic_wait(kafka: FakeKafka) -> None:
    used = replace(STORED, partitions={"erp.a_b": 1})
    assert set(parks(kafka, "a_b", "a b", stored={"a_b": used, "a b": used})) == {"a_b", "a b"}


def test_two_tables_of_one_stream_may_not_share_a_topic(kafka: FakeKafka) -> None:
    stored = {"redo": replace(STORED, partitions={"erp.a_b": 1})}
    ((progress, lane),) = admitted(kafka, stream("redo", "a_b", "a b"), stored=stored)
    assert lane is None
    assert "both go to topic erp.a_b" in (progress.parked or "")


def test_a_name_too_long_for_kafka_parks_its_stream_alone(kafka: FakeKafka) -> None:
    long = "x" * 300
    parked = parks(kafka, "orders", long)
    assert set(parked) == {long}
    assert len(parked[long]) < 200


def test_refused_credentials_are_no_single_streams(kafka: FakeKafka) -> None:
    kafka.refusals["erp.orders"] = CredentialsError("refused")
    with pytest.raises(CredentialsError):
        admitted(kafka)


def test_a_stream_can_have_a_topic_of_its_own(kafka: FakeKafka) -> None:
    options = {"orders": StreamOptions(topic="sales.orders")}
    ((_, lane),) = admitted(kafka, streams=options)
    assert lane is not None
    assert lane.routes["orders"].topic == "sales.orders"


def test_a_log_has_a_topic_for_every_table(kafka: FakeKafka) -> None:
    ((_, lane),) = admitted(kafka, stream("redo", "orders", "customers"))
    assert lane is not None
    assert {table: route.topic for table, route in lane.routes.items()} == {
        "orders": "erp.orders",
        "customers": "erp.customers",
    }


def test_a_stream_can_be_left_out_of_the_pause_of_its_connector(kafka: FakeKafka) -> None:
    whole = Paused("uid 0", "now")
    pauses = {"": whole, "orders": replace(whole, lifted=True)}
    found = admitted(kafka, stream("orders"), stream("items"), paused=pauses)
    assert [progress.paused for progress, _ in found] == [None, "uid 0"]


@pytest.mark.parametrize("key", ["orders", ""])
def test_a_pause_of_the_stream_or_of_the_connector_holds(kafka: FakeKafka, key: str) -> None:
    ((progress, lane),) = admitted(kafka, paused={key: Paused("uid 0", "now")})
    assert lane is not None
    assert progress.paused == "uid 0"


def test_a_source_without_streams_is_no_failure(kafka: FakeKafka) -> None:
    admission = Admission(ConnectorSettings(name="erp", kind="jdbc"), FakeTopics(kafka), Topics(), VERSION)
    assert admission.admit((), Ledger()) == []


def test_partitions_that_kafka_does_not_tell_change_nothing(kafka: FakeKafka) -> None:
    settings = ConnectorSettings(name="erp", kind="jdbc")
    admission = Admission(settings, FakeTopics(kafka), Topics(), VERSION)
    admission.admit((stream(),), Ledger())
    kafka.partitions[TOPIC] = 2
    kafka.fail(Fault.ABORTED)
    assert admission.holds()
    assert not admission.holds(), "the next time it is told"


# -- rescans


RESCAN = StreamOptions(on_gap=OnGap.RESCAN)


def test_a_table_without_a_key_cannot_be_rescanned(kafka: FakeKafka) -> None:
    keyless = Stream("orders", "db one", (Table("orders", SCHEMA, ()),))
    ((progress, lane),) = admitted(kafka, keyless, defaults=RESCAN)
    assert lane is None
    assert progress.parked == (
        "table orders has no key, so that a rescan could not find what it missed; "
        "set `on_gap: park` for the stream, or give the table a key"
    )


def test_images_need_no_key_whatever_is_to_be_done_after_a_gap(kafka: FakeKafka) -> None:
    keyless = Stream("orders", "db one", (Table("orders", SCHEMA, ()),), emits=Emits.IMAGES)
    ((_, lane),) = admitted(kafka, keyless, defaults=RESCAN)
    assert lane is not None
    assert lane.keyed
    assert not lane.follows


def test_what_a_rescan_cannot_compare_parks_its_stream(kafka: FakeKafka) -> None:
    ((_, lane),) = admitted(kafka, defaults=RESCAN)
    assert lane is not None
    table = lane.stream.tables[0]
    rows = pa.RecordBatch.from_pylist([{"id": 1, "name": "a"}], SCHEMA)
    lane.accept(Batch(None, (Changes(table, rows, pa.array(["d"])),)))
    with pytest.raises(ConfigError, match="table orders has no key"):
        lane.accept(Batch(None, (Changes(replace(table, key=()), rows),)))


@pytest.mark.parametrize("policy", ["compact", "compact,delete", "delete"])
def test_a_table_without_a_key_waits_where_its_topic_takes_none(kafka: FakeKafka, policy: str) -> None:
    """Alone: its broker would refuse the transaction, with all that others have in it."""
    kafka.configs = {topic: {"cleanup.policy": policy} for topic in ("erp.bare", TOPIC)}
    bare = Stream("bare", "db one", (Table("bare", SCHEMA, ()),), Emits.IMAGES)
    (waits, lane), (goes_on, _) = admitted(kafka, bare, stream())
    assert (lane is None) == ("compact" in policy)
    assert ("is compacted, and takes no event of table bare" in (waits.parked or "")) == (lane is None)
    assert not goes_on.parked
