"""The conformance suite: what the engine relies on, as tests that any connector must pass.

    from bridge.testing.conformance import Conformance, Subject

    class Drops(Subject): ...                       # how to make the connector and to change its source

    class TestCsvDrop(Conformance):
        @pytest.fixture
        def subject(self, tmp_path): return Drops(tmp_path)

A subject is made anew for every test and starts with an empty source.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from bridge.contract import (
    MAX_POSITION_BYTES,
    Ask,
    Connector,
    Emits,
    Finding,
    Level,
    Scan,
)
from bridge.errors import CredentialsError, GapError, PermanentError, TransientError
from bridge.testing.conforming import (
    MOST_POLLS,
    Answers,
    Read,
    Subject,
    assert_clean,
    begins,
    check_changes,
    drain,
    drain_added,
    expect_failure,
    failure_of,
    first_stream,
    interrupted_poll,
    opened,
    read_before,
    reread,
    rows_of,
    scanned,
    told,
)

__all__ = ["Conformance", "Subject"]

UNBLOCKED_WITHIN_S = 2.0
THREADS_GONE_WITHIN_S = 2.0
ABOUT = 4
"""A poll may bring some more than asked, a whole transaction say, but not everything."""


class Conformance:
    """Derive from it and give it the fixture `subject`."""

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError("give the suite a fixture `subject`")

    # options

    def test_unknown_options_are_refused(self, subject: Subject) -> None:
        model = type(subject.connector()).Config.model_config
        assert model.get("extra") == "forbid", (
            "Config must forbid unknown options: a typing error would be ignored"
        )
        assert model.get("frozen"), "Config must be frozen"

    def test_every_option_says_what_it_is(self, subject: Subject) -> None:
        fields = type(subject.connector()).Config.model_fields
        mute = [name for name, field in fields.items() if not field.description and name != "streams"]
        assert not mute, f"options without a description: {mute}"

    # life

    def test_close_is_safe_at_any_time(self, subject: Subject) -> None:
        connector = subject.connector()
        connector.close()
        connector.open()
        connector.close()
        connector.close()

    def test_an_instance_after_another_finds_the_source_free(self, subject: Subject) -> None:
        for _ in range(3):
            with opened(subject) as connector:
                first_stream(connector)

    def test_close_is_safe_after_a_failed_open(self, subject: Subject) -> None:
        failing = [
            made for made in (subject.unreachable(), subject.refused(), subject.misconfigured()) if made
        ]
        if not failing:
            pytest.skip("the subject has no instance that fails")
        for connector in failing:
            failure_of(connector)
            connector.close()

    def test_no_thread_outlives_close(self, subject: Subject) -> None:
        before = set(threading.enumerate())
        subject.add(3)
        with opened(subject) as connector:
            drain(connector, first_stream(connector), None)
        deadline = time.monotonic() + THREADS_GONE_WITHIN_S
        while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        assert not left, f"threads left after close(): {[thread.name for thread in left]}"

    def test_it_works_in_any_one_thread(self, subject: Subject) -> None:
        subject.add(3)
        told: list[Any] = []
        settling: list[bool] = []

        def read() -> None:
            try:
                with opened(subject) as connector:
                    stream = first_stream(connector)
                    settling.append(stream.settles)
                    told.append(len(drain(connector, stream, None).rows))
            except Exception as error:  # noqa: BLE001 -- brought to the test's thread
                told.append(error)

        for _ in range(2):
            thread = threading.Thread(target=read)
            thread.start()
            thread.join()
            if True in settling:
                subject.add(3)
        assert told == [3, 3]

    # streams

    def test_discover_is_stable(self, subject: Subject) -> None:
        with opened(subject) as connector:
            first, second = connector.discover(), connector.discover()
        with opened(subject) as connector:
            third = connector.discover()
        assert list(first) == list(second), "discover() changed its mind within an instance"
        assert list(first) == list(third), "another instance discovers something else"

    def test_streams_are_well_formed(self, subject: Subject) -> None:
        with opened(subject) as connector:
            streams = connector.discover()
        assert streams, "discover() finds no stream"
        names = [stream.name for stream in streams]
        assert len(set(names)) == len(names), f"stream names repeat: {names}"
        for stream in streams:
            assert stream.name, "a stream's name is empty"
            assert stream.identity, f"stream {stream.name} has no identity"
            for table in stream.tables:
                unknown = set(table.key) - set(table.schema.names)
                assert table.key or stream.emits is Emits.IMAGES, f"table {table.name} has no key"
                assert not unknown, f"table {table.name}: key columns that are not in its schema: {unknown}"

    # reading

    def test_without_a_position_reading_begins_at_the_start(self, subject: Subject) -> None:
        subject.add(5)
        with opened(subject) as connector:
            stream = first_stream(connector)
            once, again = (drain(connector, stream, None).rows for _ in range(2))
        assert len(once) == 5, f"5 rows are there, {len(once)} were read"
        if stream.settles:
            assert not again, "what the source was told to let go of is read again"
            return
        assert once == again, "reading from the start gives something else the second time"

    def test_batches_fit_their_table(self, subject: Subject) -> None:
        subject.add(5)
        with opened(subject) as connector:
            stream = first_stream(connector)
            read = drain(connector, stream, None)
        assert read.batches, "nothing was read"
        for batch in read.batches:
            for changes in batch.changes:
                check_changes(changes, stream)

    def test_no_row_is_lost_or_read_twice(self, subject: Subject) -> None:
        subject.add(7)
        with opened(subject) as connector:
            stream = first_stream(connector)
            first = drain(connector, stream, None, Ask(rows=2))
            subject.add(4)
            second = drain_added(connector, stream, first.position, 4, Ask(rows=3))
        keys = [key for read in (first, second) for key in read.keys]
        if stream.emits is Emits.IMAGES:
            assert len(set(second.keys)) == 11 or not second.scans, "a scan must bring every row"
            keys = list(dict.fromkeys(keys))  # what was read before may come again
        assert len(keys) == len(set(keys)), "a row was read twice"
        assert len(keys) == 11, f"11 rows are there, {len(keys)} were read"

    def test_a_position_is_small_json(self, subject: Subject) -> None:
        subject.add(5)
        with opened(subject) as connector:
            for position in drain(connector, first_stream(connector), None, Ask(rows=2)).positions:
                text = json.dumps(position, allow_nan=False)
                assert json.loads(text) == position, f"the position changes on its way through JSON: {text}"
                assert len(text.encode()) <= MAX_POSITION_BYTES, f"the position has {len(text)} bytes"

    def test_its_own_positions_pass_its_check(self, subject: Subject) -> None:
        subject.add(5)
        with opened(subject) as connector:
            stream = first_stream(connector)
            read = drain(connector, stream, None, Ask(rows=2))
        with opened(subject) as connector:
            idle = drain(connector, stream, None)
        for position in (*read.positions, idle.position):
            subject.connector().check_position(stream.name, json.loads(json.dumps(position)))

    def test_the_same_position_reads_the_same_place(self, subject: Subject) -> None:
        subject.add(6)
        with opened(subject) as connector:
            stream = first_stream(connector)
            if stream.settles:
                pytest.skip("what was read is gone")
            read = drain(connector, stream, None, Ask(rows=2))
        starts = [None, *read.positions[:-1]]
        with opened(subject) as connector:
            connector.discover()
            for start, batch in reversed(list(zip(starts, read.batches, strict=True))):
                again = connector.poll(stream, json.loads(json.dumps(start)), Ask(rows=2))
                if begins(again) and not begins(batch):  # a cursor that was lost: the whole scan anew
                    continue
                assert rows_of(again) == rows_of(batch), f"position {start} reads another place"
                # Positions may differ in what they know of time, as long as they lead to the same rows.
                ahead = [connector.poll(stream, each.position, Ask(rows=2)) for each in (again, batch)]
                if begins(ahead[1]) and not begins(ahead[0]):
                    continue
                assert rows_of(ahead[0]) == rows_of(ahead[1]), f"position {start} leads elsewhere"

    def test_what_has_not_settled_is_read_again(self, subject: Subject) -> None:
        """By another instance as well: a worker may die before Kafka has it."""
        subject.add(6)
        with opened(subject) as connector:
            stream = first_stream(connector)
            if not stream.settles:
                pytest.skip("the source lets go of nothing")
            first = [rows_of(connector.poll(stream, None, Ask(rows=4))) for _ in range(2)]
        with opened(subject) as connector:
            connector.discover()
            batch = connector.poll(stream, None, Ask(rows=4))
            assert [*first, rows_of(batch)] == [first[0]] * 3, "rows that were not settled come otherwise"
            assert first[0], "there are rows, and none was read"
        with opened(subject) as connector:  # which finds that Kafka has it
            connector.discover()
            connector.commit(stream, json.loads(json.dumps(batch.position)))
            rest = drain(connector, stream, batch.position)
        assert len(rest.rows) == 6 - len(first[0]), (
            "rows are lost, or read twice, when another instance settles"
        )

    def test_an_idle_source_gives_an_empty_batch(self, subject: Subject) -> None:
        subject.add(2)
        with opened(subject) as connector:
            stream = first_stream(connector)
            read = drain(connector, stream, None)
            if stream.emits is Emits.IMAGES:
                pytest.skip("a source of images is read again")
            for _ in range(2):
                batch = connector.poll(stream, read.position, Ask())
                assert batch.rows == 0, "rows without a change"
                assert not batch.more, "`more` without rows: the engine would poll without end"
                assert batch.position == read.position, "the position moves without a change"

    def test_an_empty_source_gives_an_empty_batch(self, subject: Subject) -> None:
        with opened(subject) as connector:
            stream = first_stream(connector)
            batch = connector.poll(stream, None, Ask())
            assert batch.rows == 0
            assert not batch.more, "`more` without rows: the engine would poll without end"
            subject.add(1)
            assert len(drain_added(connector, stream, batch.position, 1).rows) == 1

    def test_polls_bring_about_as_many_rows_as_asked(self, subject: Subject) -> None:
        subject.add(200)
        with opened(subject) as connector:
            stream = first_stream(connector)
            batch = connector.poll(stream, None, Ask(rows=10))
            assert batch.rows <= 10 * ABOUT, f"10 rows were asked, {batch.rows} came"
            assert batch.more, "there are further rows now, and `more` says no"

    def test_polls_bring_about_as_many_bytes_as_asked(self, subject: Subject) -> None:
        subject.add(200)
        with opened(subject) as connector:
            stream = first_stream(connector)
            whole = drain(connector, stream, None)
            size = sum(changes.rows.nbytes for batch in whole.batches for changes in batch.changes)
            if stream.settles:
                subject.add(200)
            batch = connector.poll(stream, None, Ask(bytes=max(1, size // 20)))
            assert batch.rows < 200, f"a twentieth of the bytes was asked, {batch.rows} of 200 rows came"
            assert len(drain(connector, stream, None, Ask(bytes=1)).rows) == 200, (
                "the smallest ask must progress"
            )

    def test_a_poll_waits_no_longer_than_asked(self, subject: Subject) -> None:
        with opened(subject) as connector:
            stream = first_stream(connector)
            start = drain(connector, stream, None).position
            began = time.monotonic()
            connector.poll(stream, start, Ask(wait_s=0.2))
            assert time.monotonic() - began < 0.2 + 1, "a poll outlasted `wait_s`"

    # rows read once more, for a resnapshot

    def test_a_reread_brings_every_row_once_and_ends(self, subject: Subject) -> None:
        with opened(subject) as connector:
            stream, position = read_before(subject, connector, 7)
            for ask in (Ask(rows=2), Ask()):
                read = reread(connector, stream, position, ask)
                assert len(read.keys) == len(set(read.keys)), "a row was read twice"
                assert len(read.keys) == 7, f"7 rows are there, {len(read.keys)} were read"

    def test_the_same_place_rereads_the_same_rows(self, subject: Subject) -> None:
        with opened(subject) as connector:
            stream, position = read_before(subject, connector, 6)
            read = reread(connector, stream, position, Ask(rows=2))
        places = [None, *read.positions[:-1]]
        with opened(subject) as connector:
            connector.discover()
            for place, batch in reversed(list(zip(places, read.batches, strict=True))):
                again = connector.reread(stream, position, json.loads(json.dumps(place)), {}, Ask(rows=2))
                assert rows_of(again) == rows_of(batch), f"place {place} reads other rows"

    def test_rereads_and_polls_do_not_disturb_each_other(self, subject: Subject) -> None:
        with opened(subject) as connector:
            stream, position = read_before(subject, connector, 5)
            subject.add(4)
            images = stream.emits is Emits.IMAGES
            polls, rereads = Read(position, images=images), Read(None, images=False)
            for reads in range(MOST_POLLS):
                if reads == 0 or polls.batches[-1].more:
                    polls.take(connector.poll(stream, polls.position, Ask(rows=2)))
                if reads and not rereads.batches[-1].more:
                    break
                read = connector.reread(stream, polls.position, rereads.position, {}, Ask(rows=2))
                rereads.take(read)
            left = 4 - len(polls.keys)
            polls.batches += drain_added(connector, stream, polls.position, left, Ask(rows=2)).batches
        assert len(rereads.keys) == len(set(rereads.keys)), "a row was read twice"
        assert len(rereads.keys) >= 5, f"5 rows were there, {len(rereads.keys)} were read"
        if stream.emits is not Emits.IMAGES:
            assert len(polls.keys) == len(set(polls.keys)) == 4, "polls repeat or miss rows beside a reread"

    def test_a_reread_leaves_new_rows_to_the_polls_that_tell_changes(self, subject: Subject) -> None:
        with opened(subject) as connector:
            stream, position = read_before(subject, connector, 3)
            if stream.emits is Emits.IMAGES:
                pytest.skip("the connector's images are compared")
            subject.add(4)
            assert len(reread(connector, stream, position, Ask()).rows) == 3

    def test_a_reread_keeps_within_ranges_of_the_key(self, subject: Subject) -> None:
        with opened(subject) as connector:
            stream, position = read_before(subject, connector, 9)
            if type(connector).reread is Connector.reread:
                pytest.skip("the connector reads no ranges of keys")
            (column, *_), rows = stream.tables[0].key, reread(connector, stream, position, Ask()).rows
            values = sorted(row[column] for row in rows)
            low, high = values[2], values[6]
            if not isinstance(low, int | str):
                pytest.skip("the key is no number and no text")
            for ends in ((low, high), (low, None), (None, high), (low, low)):
                read = reread(connector, stream, position, Ask(rows=2), {column: ends})
                first, last = ends[0] or values[0], ends[1] or values[-1]
                expected = [each for each in values if first <= each <= last]
                assert sorted(row[column] for row in read.rows) == expected, f"not the rows within {ends}"

    # scans, of sources that can only be read as a whole

    def test_a_scan_has_a_beginning_and_an_end(self, subject: Subject) -> None:
        """FIRST MORE* LAST, or ONLY; `more` in the middle, and not at the end: the engine waits there."""
        with opened(subject) as connector:
            _, few = scanned(subject, connector, Ask(rows=2))
            _, many = scanned(subject, connector, Ask(rows=100))
        for read in (few, many):
            marks = [batch.scan for batch in read.batches if batch.scan is not None]
            assert marks[0] in (Scan.FIRST, Scan.ONLY), f"a scan begins with {marks[0]}"
            assert marks[-1] in (Scan.LAST, Scan.ONLY), f"a scan ends with {marks[-1]}"
            assert all(mark is Scan.MORE for mark in marks[1:-1]), f"more than one scan was read: {marks}"

    def test_the_position_of_a_whole_scan_begins_the_next(self, subject: Subject) -> None:
        with opened(subject) as connector:
            stream, read = scanned(subject, connector, Ask(rows=2))
            again = drain(connector, stream, json.loads(json.dumps(read.position)))
        if not again.scans:
            pytest.skip("after a first scan the connector has positions")
        assert again.rows == read.rows, "the next scan of the same rows brings others"
        assert again.position == read.position, "the position differs from scan to scan"

    def test_a_scan_begun_anew_brings_the_same_rows(self, subject: Subject) -> None:
        with opened(subject) as connector:
            stream, read = scanned(subject, connector, Ask(rows=2))
            connector.poll(stream, None, Ask(rows=2))  # and no more of this one
            again = drain(connector, stream, None, Ask(rows=3))
        assert again.rows == read.rows, "a scan that was left leaves traces in the next"

    def test_no_key_comes_twice_in_a_scan(self, subject: Subject) -> None:
        with opened(subject) as connector:
            stream, read = scanned(subject, connector, Ask(rows=2))
        keyless = [table.name for table in stream.tables if not table.key]
        keys = [key for key in read.keys if key[0] not in keyless]
        assert len(keys) == len(set(keys)), f"a scan brings a key twice: {keys}"

    def test_rows_known_to_be_unchanged_are_seen_and_not_read(self, subject: Subject) -> None:
        with opened(subject) as connector:
            answers = Answers()
            stream, read = scanned(subject, connector, Ask(rows=2, changed=answers))
            if not answers.asked:
                pytest.skip("the connector does not ask")
            start, known = json.loads(json.dumps(read.position)), read.keys[1:]
            again = drain(connector, stream, start, Ask(rows=2, changed=Answers(known)))
        for changes in (changes for batch in read.batches for changes in batch.changes):
            assert changes.marks is not None, f"{changes.table.name}: rows without the marks it asked about"
            assert len(changes.marks) == changes.rows.num_rows, "not as many marks as rows"
        assert again.keys == read.keys[:1], "what is known unchanged is read, or what is not is left out"
        assert again.seen == known, "rows that are not read must be in `seen`: else they count as deleted"

    # around reading

    def test_commit_can_be_repeated(self, subject: Subject) -> None:
        subject.add(2)
        with opened(subject) as connector:
            stream = first_stream(connector)
            position = drain(connector, stream, None).position
            connector.commit(stream, position)
            connector.commit(stream, position)
            connector.poll(stream, position, Ask())

    def test_interrupt_without_a_poll_does_nothing(self, subject: Subject) -> None:
        connector = subject.connector()
        connector.interrupt()
        subject.add(3)
        with opened(subject) as connector:
            stream = first_stream(connector)
            connector.interrupt()
            assert len(drain(connector, stream, None).rows) == 3
        connector.interrupt()

    def test_interrupt_unblocks_a_poll(self, subject: Subject) -> None:
        subject.add(3)
        with opened(subject) as connector:
            stream = first_stream(connector)
            hold = subject.holding()
            if hold is None:
                pytest.skip("nothing keeps a poll of this source waiting")
            with hold:
                took, error = interrupted_poll(connector, stream)
        assert took < UNBLOCKED_WITHIN_S, f"the poll went on for {took:.1f} s after interrupt()"
        assert error is None or isinstance(error, TransientError), f"an interrupted poll raised {error!r}"
        with opened(subject) as connector:
            assert len(drain(connector, first_stream(connector), None).rows) == 3

    def test_check_tells_what_to_do(self, subject: Subject) -> None:
        with opened(subject) as connector:
            for finding in connector.check():
                assert isinstance(finding, Finding)
                assert finding.text
                assert "\n" not in finding.text + finding.remedy, f"a finding is one line: {finding}"
                assert finding.level is Level.OK or finding.remedy, (
                    f"a finding without a remedy: {finding.text}"
                )
                assert_clean(finding.text + finding.remedy, subject.secrets)

    # errors

    def test_a_source_that_is_down_is_tried_again(self, subject: Subject) -> None:
        expect_failure(subject.unreachable(), TransientError, subject.secrets)

    def test_wrong_credentials_are_not_tried_again(self, subject: Subject) -> None:
        expect_failure(subject.refused(), CredentialsError, subject.secrets)

    def test_what_cannot_work_is_not_tried_again(self, subject: Subject) -> None:
        expect_failure(subject.misconfigured(), PermanentError, subject.secrets)

    def test_a_position_that_makes_no_sense_is_refused(self, subject: Subject) -> None:
        subject.add(1)
        with opened(subject) as connector:
            stream = first_stream(connector)
            with pytest.raises((PermanentError, GapError)) as refusal:
                connector.poll(stream, {"no connector": ["writes", "this"]}, Ask())
            assert_clean(told(refusal.value), subject.secrets)
            assert len(drain(connector, stream, None).rows) == 1, (
                "after PermanentError the instance must stay usable"
            )
