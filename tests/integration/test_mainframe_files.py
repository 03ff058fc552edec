"""Extract files as they arrive: complete, half-written, replaced, broken."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bridge.config.options import ConnectorSettings
from bridge.contract import Ask, Batch, Connector, Level, Position, Scan, Table
from bridge.errors import ConfigError, PermanentError, TransientError
from bridge.testing.fakes import FakeKafka
from bridge.testing.simulation import BRISK, Clock, Engine
from connectors.mainframe import MainframeConnector
from connectors.mainframe.records import FileOptions, FileSource, files
from connectors.mainframe.records.copybook import grammar
from connectors.mainframe.records.copybook.encode import Encoder
from connectors.mainframe.records.copybook.layout import layout
from connectors.mainframe.records.doubled import doubled
from connectors.mainframe.records.options import RecordOptions

COPYBOOK = """\
       01  CUSTOMER.
           05  KIND     PIC X.
           05  CUST-ID  PIC 9(6).
           05  NAME     PIC X(12).
           05  BALANCE  PIC S9(5)V99 COMP-3.
       01  TRAILER.
           05  KIND     PIC X.
           05  ROW-COUNT PIC 9(6).
           05  FILLER   PIC X(16).
"""
WIDTH = 23


class Drop:
    """A folder into which another system drops its file."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.path, self.copybook = folder / "CUST.DAT", folder / "CUST.cpy"
        self.copybook.write_text(COPYBOOK)
        known = RecordOptions.model_validate({"copybook": str(self.copybook), **_of_records(options)})
        records = grammar.parse(self.copybook)
        self._encoders = {
            name: Encoder(layout(records, known, name), known) for name in ("CUSTOMER", "TRAILER")
        }
        stream = {"path": str(self.path), "copybook": str(self.copybook), "record": "CUSTOMER", "settle": 0}
        stream |= {"key": ["cust_id"], **options}
        self.options: dict[str, Any] = {"transport": "file", "streams": {"customers": stream}}
        self.source: FileSource | None = None
        self.open()

    def open(self) -> None:
        """Anew, with the options and copybooks of now."""
        self.close()
        self.source = FileSource(FileOptions.model_validate(self.options))
        self.source.open()

    def close(self) -> None:
        if self.source:
            self.source.close()

    @property
    def stream(self) -> dict[str, Any]:
        """Options."""
        stream: dict[str, Any] = self.options["streams"]["customers"]
        return stream

    def customer(self, number: int, name: str = "MEIER", balance: str = "12.50") -> bytes:
        values = {"kind": "D", "cust_id": number, "name": name, "balance": balance}
        return self._encoders["CUSTOMER"].encode(values)

    def trailer(self, count: int) -> bytes:
        return self._encoders["TRAILER"].encode({"kind": "T", "row_count": count})

    def write(self, *records: bytes, path: Path | None = None) -> None:
        """As a whole, by its name: what a careful sender does."""
        path = path or self.path
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(b"".join(records))
        part.rename(path)

    def poll(self, position: Position | None = None, rows: int = 100) -> Batch:
        """As the engine does."""
        assert self.source
        (stream,) = self.source.discover()
        return self.source.poll(stream, position, Ask(rows=rows, changed=_all))

    def scan(self, position: Position | None = None, rows: int = 100) -> list[Batch]:
        batches = [self.poll(position, rows)]
        while batches[-1].more:
            batches.append(self.poll(batches[-1].position, rows))
        return batches


def _all(_table: Table, _keys: pa.RecordBatch, marks: pa.Array) -> pa.BooleanArray:
    return pa.array([True] * len(marks))


type Drops = Callable[..., Drop]


@pytest.fixture
def drops(tmp_path: Path) -> Iterator[Drops]:
    with ExitStack() as stack:

        def made(**options: Any) -> Drop:
            return stack.enter_context(closing(Drop(tmp_path, **options)))

        yield made


def _of_records(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in RecordOptions.model_fields}


def ids(batches: list[Batch]) -> list[int]:
    return [row["cust_id"] for batch in batches for each in batch.changes for row in each.rows.to_pylist()]


def described(*records: bytes) -> list[bytes]:
    """Behind record descriptor words."""
    return [(len(record) + 4).to_bytes(2, "big") + b"\0\0" + record for record in records]


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ({}, lambda records: records),
        ({"format": "rdw"}, lambda records: described(*records)),
        ({"code_page": "cp1141"}, lambda records: records),
    ],
    ids=["fixed", "rdw", "german"],
)
def test_a_file_is_one_scan_in_pages(drops: Drops, options: dict[str, Any], form: Any) -> None:
    drop = drops(**options)
    drop.write(*form([drop.customer(number, "MÜLLER") for number in range(5)]))
    batches = drop.scan(rows=2)
    assert [batch.scan for batch in batches] == [Scan.FIRST, Scan.MORE, Scan.LAST]
    assert ids(batches) == list(range(5))
    row = batches[0].changes[0].rows.to_pylist()[0]
    assert (row["name"], str(row["balance"])) == ("MÜLLER", "12.50")


def test_lines_of_text_are_records(drops: Drops) -> None:
    drop = drops(code_page="latin-1", format="lines", record="CUSTOMER")
    drop.copybook.write_text(COPYBOOK.replace("COMP-3", ""))
    drop.open()
    drop.write(b"D000001M\xfcller      000125}\r\n", b"D000002Meier       0001250\n", b"D000003too short\n")
    (batch,) = drop.scan()
    assert [(row["name"], str(row["balance"])) for row in batch.changes[0].rows.to_pylist()] == [
        ("Müller", "-12.50"),
        ("Meier", "12.50"),
    ]
    (reject,) = batch.rejects
    assert "record 3: balance at offset 19: holds spaces" in reject.reason
    assert reject.key == {"cust_id": 3}


def test_lines_may_lack_the_blanks_at_their_end_but_not_the_end_itself(drops: Drops) -> None:
    trailer = {"record": "TRAILER", "when": {"KIND": "T"}, "count": "ROW-COUNT"}
    drop = drops(code_page="ascii", format="lines", where={"KIND": "D"}, trailer=trailer)
    lines = COPYBOOK.replace("NAME     PIC X(12)", "BALANCE  PIC 9(2)")
    drop.copybook.write_text(lines.replace("BALANCE  PIC S9(5)V99 COMP-3", "NAME     PIC X(12)"))
    drop.open()
    drop.write(b"D00000112Meier\n", b"D00000212\r\n", b"T000002\n")
    rows = [row for batch in drop.scan() for each in batch.changes for row in each.rows.to_pylist()]
    assert [row["name"] for row in rows] == ["Meier", ""]
    del drop.stream["trailer"]
    drop.open()
    drop.write(b"D00000112Meier\n", b"D00000212Mei")
    (batch,) = drop.scan()
    assert ids([batch]) == [1]
    (reject,) = batch.rejects
    assert (reject.key, reject.raw) == (None, b"D00000212Mei")
    assert "the record ends after 12 bytes" in reject.reason


def test_a_version_is_read_once(drops: Drops) -> None:
    drop = drops()
    drop.write(drop.customer(1), drop.customer(2))
    position = drop.scan()[-1].position
    again = drop.poll(position)
    assert (again.position, again.scan, again.rows, again.more) == (position, None, 0, False)
    drop.write(drop.customer(1), drop.customer(3))
    os.utime(drop.path, ns=(1, 1))  # the same size; and older, as a restored file is
    assert ids(drop.scan(position)) == [1, 3]


def test_another_content_of_the_same_size_and_time_is_read(drops: Drops) -> None:
    drop = drops()
    drop.write(drop.customer(1))
    os.utime(drop.path, ns=(1, 1))
    position = drop.scan()[-1].position
    drop.write(drop.customer(2))
    os.utime(drop.path, ns=(1, 1))  # as the sender gives all that it sends
    assert ids(drop.scan(position)) == [2]


def test_a_position_from_before_is_read_anew_and_no_fault(drops: Drops) -> None:
    drop = drops()
    drop.write(drop.customer(1))
    position = drop.scan()[-1].position
    assert isinstance(position, dict)
    before = {name: value for name, value in position.items() if name != "ctime_ns"}
    files.check_position(before)
    (batch,) = drop.scan(before)
    assert (batch.scan, ids([batch]), batch.position) == (Scan.ONLY, [1], position)


def test_another_copybook_reads_the_same_version_anew(drops: Drops) -> None:
    drop = drops()
    drop.write(drop.customer(1))
    position = drop.scan()[-1].position
    drop.copybook.write_text(COPYBOOK.replace("S9(5)V99", "S9(3)V9(4)"))
    drop.open()
    (batch,) = drop.scan(position)
    assert [str(row["balance"]) for row in batch.changes[0].rows.to_pylist()] == ["0.1250"]


def test_nothing_is_read_where_there_is_no_file(drops: Drops, tmp_path: Path) -> None:
    drop = drops()
    batch = drop.poll()
    assert (batch.position, batch.scan, batch.more) == (None, None, False)
    drop.stream["path"] = str(tmp_path / "not mounted" / "X")
    with pytest.raises(TransientError, match="there is no folder"):
        drop.open()


def test_a_file_that_goes_deletes_nothing(drops: Drops) -> None:
    drop = drops()
    drop.write(drop.customer(1))
    position = drop.scan()[-1].position
    drop.path.unlink()
    assert drop.poll(position) == Batch(position)


def test_a_file_that_is_being_written_is_not_read(drops: Drops, monkeypatch: pytest.MonkeyPatch) -> None:
    drop, now = drops(settle="10s"), [0.0]
    monkeypatch.setattr("connectors.mainframe.records.files.time.monotonic", lambda: now[0])
    for size in (1, 2, 3):
        drop.path.write_bytes(b"".join(drop.customer(number) for number in range(size)))
        assert drop.poll() == Batch(None)
        now[0] += 9
        assert drop.poll() == Batch(None)
    now[0] += 1
    assert ids(drop.scan()) == [0, 1, 2]


def test_a_file_that_is_old_need_not_be_watched(drops: Drops, monkeypatch: pytest.MonkeyPatch) -> None:
    drop, today = drops(settle="10s"), time.time()
    drop.write(drop.customer(1))
    os.utime(drop.path, ns=(1, 1))  # says the sender; but it came just now
    assert drop.poll() == Batch(None)
    monkeypatch.setattr("connectors.mainframe.records.files.time.time", lambda: today + 100)
    assert ids(drop.scan()) == [1]


def test_who_asks_for_all_there_is_gets_it_or_an_error(drops: Drops) -> None:
    drop = drops(settle="1h")
    source = drop.source
    assert source
    (stream,) = source.discover()
    with pytest.raises(TransientError, match="there is no file"):
        source.poll(stream, None, Ask())
    drop.write(drop.customer(1))
    with pytest.raises(TransientError, match="was written to just now"):
        source.poll(stream, None, Ask())


@pytest.mark.parametrize("form", ["fixed", "rdw", "lines"])
def test_an_empty_file_holds_nothing_only_where_something_says_so(drops: Drops, form: str) -> None:
    drop = drops(format=form)
    drop.write()
    with pytest.raises(TransientError, match=r"CUST\.DAT is empty, and nothing says that it is complete"):
        drop.poll()
    drop = drops(format=form, done="{path}.done")
    drop.path.with_name("CUST.DAT.done").touch()
    (batch,) = drop.scan()
    assert (batch.scan, ids([batch])) == (Scan.ONLY, [])


def test_a_done_marker_that_is_older_is_of_another_version(drops: Drops, tmp_path: Path) -> None:
    drop = drops(done="{stem}.done", settle="1h")
    drop.write(drop.customer(1))
    assert drop.poll() == Batch(None)
    done = tmp_path / "CUST.done"
    done.touch()
    os.utime(done, ns=(1, 1))
    assert drop.poll() == Batch(None)
    os.utime(done)
    assert ids(drop.scan()) == [1]


@pytest.mark.parametrize(
    ("marker", "told"),
    [(None, "CUST.done is not there"), (1, "CUST.done is older than the data")],
    ids=["none", "older"],
)
def test_a_file_that_waits_for_its_marker_says_why(
    drops: Drops,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    marker: int | None,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drop, now = drops(done="{stem}.done"), [0.0]
    monkeypatch.setattr("connectors.mainframe.records.files.time.monotonic", lambda: now[0])
    drop.write(drop.customer(1))
    if marker is not None:
        (tmp_path / "CUST.done").touch()
        os.utime(tmp_path / "CUST.done", ns=(marker, marker))
    (finding,) = drop.source.check() if drop.source else ()
    assert (finding.level, told in finding.text) == (Level.WARNING, True)
    assert "done" in finding.remedy
    for _ in range(3):
        assert drop.poll() == Batch(None)
        now[0] += 50
    (line,) = caplog.messages  # once, and not before it was given the time to come
    assert told in line


def test_an_older_file_is_no_news_when_the_newest_is_moved_away(
    drops: Drops, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drop = drops(path=str(tmp_path / "CUST.D*"), copybook=str(tmp_path / "CUST.cpy"))
    old, new, anew = (tmp_path / f"CUST.D{day}" for day in (1122, 1123, 1124))
    drop.write(drop.customer(1, "OLD"), path=old)
    os.utime(old, (1, 1))
    drop.write(drop.customer(1, "NEW"), drop.customer(2), path=new)
    (batch,) = drop.scan()
    assert batch.rows == 2
    new.rename(tmp_path / "archived")
    for _ in range(2):
        (later,) = drop.scan(batch.position)
        assert (later.position, later.rows, later.scan) == (batch.position, 0, None)
    assert caplog.text.count("CUST.D1122 is older than CUST.D1123") == 1
    drop.write(drop.customer(3), path=anew)
    (batch,) = drop.scan(batch.position)
    assert (batch.rows, batch.scan) == (1, Scan.ONLY)
    anew.unlink()
    (whole,) = drop.scan()  # for whoever asks for what there is
    assert whole.rows == 1


def test_of_several_files_the_newest_counts(drops: Drops, tmp_path: Path) -> None:
    drop = drops(path=str(tmp_path / "CUST.*"), done="{path}.done", copybook=str(tmp_path / "CUST.cpy"))
    drop.copybook = drop.copybook.rename(tmp_path / "record.cpy")
    drop.stream["copybook"] = str(drop.copybook)
    drop.open()
    for number in (1, 2):
        path = tmp_path / f"CUST.D2611{number:02}"
        drop.write(drop.customer(number), path=path)
        os.utime(path, ns=(number, number))
        Path(f"{path}.done").touch()
    assert ids(drop.scan()) == [2]


def test_the_trailer_says_that_a_file_is_complete(drops: Drops) -> None:
    trailer = {"record": "TRAILER", "when": {"KIND": "T"}, "count": "ROW-COUNT"}
    drop = drops(trailer=trailer, where={"KIND": "D"})
    drop.write(drop.customer(1), drop.customer(2))
    with pytest.raises(TransientError, match="lacks its trailer"):
        drop.poll()
    drop.write(drop.customer(1), drop.customer(2), drop.trailer(3))
    with pytest.raises(TransientError, match="has 2 rows, its trailer counts 3"):
        drop.scan()
    drop.write(drop.customer(1), drop.customer(2), drop.trailer(2))
    batches = drop.scan(rows=1)
    assert ids(batches) == [1, 2]
    assert batches[-1].scan is Scan.LAST


def test_a_trailer_whose_count_cannot_be_read_counts_nothing(drops: Drops) -> None:
    trailer = {"record": "TRAILER", "when": {"KIND": "T"}, "count": "ROW-COUNT"}
    drop = drops(trailer=trailer, where={"KIND": "D"})
    drop.write("T".encode("cp037") + b"\x40" * 22)
    told = "CUST.DAT: its trailer counts no rows: row_count at offset 1: holds spaces"
    with pytest.raises(TransientError, match=told):
        drop.scan()
    drop = drops(trailer=trailer, where={"KIND": "D"}, nulls={"ROW-COUNT": ["spaces"]})
    with pytest.raises(TransientError, match="its trailer counts no rows: row_count is NULL"):
        drop.scan()


def test_a_record_that_is_neither_row_nor_known_is_a_reject(drops: Drops) -> None:
    drop = drops(where={"KIND": "D"}, skip=[{"KIND": ["H", "T"]}])
    header = b"\xc8" + bytes(22)
    strange = b"\xe7" + drop.customer(2)[1:]
    drop.write(header, drop.customer(1), strange, drop.customer(3), drop.trailer(2))
    (batch,) = drop.scan()
    assert ids([batch]) == [1, 3]
    (reject,) = batch.rejects
    assert reject.reason == "record 3: it is neither what `where` nor what `skip` says"
    assert (reject.raw, reject.key) == (strange, None)


def test_a_corrupted_record_is_a_reject_with_field_offset_and_bytes(drops: Drops) -> None:
    drop = drops()
    balance, number = bytearray(drop.customer(2)), bytearray(drop.customer(3))
    balance[-2] = 0xFA
    number[1] = 0x40
    drop.write(drop.customer(1), bytes(balance), bytes(number), drop.customer(4))
    (batch,) = drop.scan()
    assert ids([batch]) == [1, 4]
    with_key, without = batch.rejects
    assert with_key.reason == "record 2: balance at offset 19: is no packed number (hex 0001fa0c)"
    assert (with_key.key, with_key.raw) == ({"cust_id": 2}, bytes(balance))
    assert without.reason.startswith("record 3: cust_id at offset 1: is no zoned number (hex 40f0f0f0f0f3)")
    assert without.key is None


@pytest.mark.parametrize(
    ("options", "content", "told"),
    [
        ({}, b"\x40" * (WIDTH + 1), "24 bytes, which are no whole records of 23"),
        ({"format": "rdw"}, b"\0\x1b\0\0" + b"\x40" * 5, "ends within the record at offset 0"),
        ({"format": "rdw"}, b"\x40" * 30, "no record descriptor word at offset 0"),
        ({"format": "rdw"}, b"\0\x1b\1\0" + b"\x40" * 23, "no record descriptor word"),
        ({"format": "rdw"}, b"\0\x1b", "ends within the record"),
    ],
)
def test_a_file_that_is_torn_or_of_another_form_is_no_scan(
    drops: Drops, options: dict[str, Any], content: bytes, told: str
) -> None:
    drop = drops(**options)
    drop.write(content)
    with pytest.raises(TransientError, match=told):
        drop.scan()


def test_a_record_of_another_length_is_a_reject(drops: Drops) -> None:
    drop = drops(format="rdw")
    drop.write(*described(drop.customer(1), drop.customer(2) + b"\x40", drop.customer(3)[:-1]))
    (batch,) = drop.scan()
    assert ids([batch]) == [1]
    assert ["has 24 bytes, the copybook describes 23" in batch.rejects[0].reason, len(batch.rejects)] == [
        True,
        2,
    ]
    assert [reject.key for reject in batch.rejects] == [None, None]


def test_a_file_that_is_replaced_meanwhile_is_read_to_its_end(drops: Drops) -> None:
    drop = drops()
    drop.write(*(drop.customer(number) for number in range(4)))
    first = drop.poll(rows=2)
    drop.write(drop.customer(9))
    rest = drop.scan(first.position, rows=2)
    assert ids([first, *rest]) == [0, 1, 2, 3]
    assert ids(drop.scan(rest[-1].position)) == [9]


def test_a_file_that_is_overwritten_meanwhile_and_keeps_its_time_is_no_scan(drops: Drops) -> None:
    drop = drops()
    drop.write(*(drop.customer(number) for number in range(4)))
    first, found = drop.poll(rows=2), drop.path.stat()
    with drop.path.open("r+b") as file:
        file.write(b"".join(drop.customer(number) for number in range(4, 8)))
    os.utime(drop.path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert drop.path.stat().st_size == found.st_size
    with pytest.raises(TransientError, match="changed while it was read"):
        drop.poll(first.position, rows=2)


def test_a_file_that_is_overwritten_meanwhile_is_no_scan(drops: Drops) -> None:
    drop = drops()
    drop.write(*(drop.customer(number) for number in range(4)))
    first = drop.poll(rows=2)
    with drop.path.open("ab") as file:
        file.write(drop.customer(9))
    with pytest.raises(TransientError, match="changed while it was read"):
        drop.poll(first.position, rows=2)
    drop.open()
    assert drop.poll(first.position, rows=2).scan is Scan.FIRST


@pytest.mark.parametrize("rows", [100, 2], ids=["on one page", "on two"])
def test_two_records_with_one_key_are_told_once_for_each_version(
    drops: Drops, caplog: pytest.LogCaptureFixture, rows: int
) -> None:
    drop = drops()
    drop.write(drop.customer(1), drop.customer(2), drop.customer(2, "SMITH"), drop.customer(2, "JONES"))
    drop.scan(rows=rows)
    (told,) = caplog.messages
    assert "two records of" in told
    assert "have the key 2 and are not alike; only the last one is kept" in told
    (finding,) = drop.source.check() if drop.source else ()
    assert (finding.level, "two of the first 4" in finding.text) == (Level.WARNING, True)


def test_a_key_that_is_a_group_is_not_looked_into() -> None:
    assert doubled(pa.table({"id": [{"a": 1}, {"a": 1}], "name": ["X", "Y"]}), ["id"]) is None


def test_a_record_that_comes_twice_is_no_doubt_of_the_key(
    drops: Drops, caplog: pytest.LogCaptureFixture
) -> None:
    drop = drops()
    drop.write(drop.customer(1), drop.customer(2), drop.customer(2), drop.customer(3))
    drop.scan()
    assert caplog.messages == []
    (finding,) = drop.source.check() if drop.source else ()
    assert finding.level is Level.OK


def test_doctor_reads_the_first_records(drops: Drops) -> None:
    drop = drops()
    (finding,) = drop.source.check() if drop.source else ()
    assert (finding.level, finding.remedy) == (Level.WARNING, "check `path`")
    drop.write(drop.customer(1), drop.customer(2))
    (finding,) = drop.source.check() if drop.source else ()
    assert (finding.level, "2 of the first 2 records" in finding.text) == (Level.OK, True)
    drop.write(drop.customer(1), b"\0" * WIDTH)
    (finding,) = drop.source.check() if drop.source else ()
    assert (finding.level, "1 of the first 2 records" in finding.text) == (Level.WARNING, True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"record": "NOTHING"}, "has no record NOTHING; it has CUSTOMER, TRAILER"),
        ({"record": None}, "describes several records"),
        ({"key": ["id"]}, "CUSTOMER has no column id; it has kind, cust_id, name, balance"),
        ({"record_length": 10}, "record_length is 10, CUSTOMER has 23 bytes"),
        ({"where": {"SORT": "D"}}, "no item SORT"),
        ({"where": {"CUST-ID": "D"}}, "cust_id never holds D"),
        ({"copybook": "/nowhere.cpy"}, "/nowhere.cpy: No such file"),
    ],
)
def test_options_that_do_not_fit_the_copybook_are_mistakes(
    drops: Drops, options: dict[str, Any], told: str
) -> None:
    drop = drops()
    drop.stream.update(options)
    with pytest.raises(ConfigError, match=told):
        drop.open()


def test_a_strange_position_parks_its_stream_alone(drops: Drops) -> None:
    drop = drops()
    with pytest.raises(PermanentError, match="none of a file") as told:
        drop.poll({"offset": 3})
    assert not isinstance(told.value, ConfigError)
    with pytest.raises(ConfigError, match="none of a file"):
        MainframeConnector(MainframeConnector.Config.model_validate(drop.options)).check_position("x", [3])


@dataclass
class Extracts:
    """What outlives connectors: the options."""

    options: dict[str, Any]
    polls: tuple[()] = ()

    def connector(self) -> Connector:
        return MainframeConnector(MainframeConnector.Config.model_validate(self.options))


def test_versions_of_a_file_become_inserts_updates_and_deletes(drops: Drops, tmp_path: Path) -> None:
    drop, kafka = drops(), FakeKafka()
    settings = ConnectorSettings(name="erp", kind="mainframe", defaults=BRISK)

    def events(count: int) -> list[tuple[str, int]]:
        """The newest."""
        found = [json.loads(record.value) for record in kafka.committed("erp.customers") if record.value]
        assert len(found) == count
        return [(event["op"], (event["after"] or event["before"])["cust_id"]) for event in found]

    with Clock() as clock:
        engine = Engine(kafka, Extracts(drop.options), clock, settings, cache=tmp_path / "erp.state")
        drop.write(*(drop.customer(number) for number in range(1, 6)))
        engine.settle()
        assert events(5) == [("r", number) for number in range(1, 6)]
        drop.write(*(drop.customer(number) for number in (1, 2, 3, 4)), drop.customer(7))
        engine.restart()
        engine.settle()
        assert events(7)[5:] == [("c", 7), ("d", 5)]
        drop.write(drop.customer(1), drop.customer(2, "SCHULZ"), b"\0" * WIDTH, drop.customer(7))
        engine.settle()
        assert events(8)[7:] == [("u", 2)]  # what cannot be read may have been 3 or 4
        drop.write(drop.customer(1), drop.customer(2, "SCHULZ"), drop.customer(4), drop.customer(7))
        engine.settle()
        assert events(9)[8:] == [("d", 3)]
        assert len(list(kafka.committed(engine.positions.letters))) == 1
        engine.restart()
