"""What doctor says of an SAP system: missing rights with object and values, and what reading costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.contract import Ask, Finding, Level
from bridge.errors import PermanentError
from bridge.testing.sap.abap import Field, Structure, Table, Type, char
from bridge.testing.sap.company import Company
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.switches import Cut
from connectors.sap_rfc import SapConnector
from connectors.sap_rfc import findings as findings_module
from connectors.sap_rfc.system import System

BY_TIME = {"mode": "table", "columns": ["UPDAT", "UPTIM"], "fields": ["NAME1", "UPDAT", "UPTIM"]}
IMAGES = {"mode": "table", "images": True, "fields": ["NAME1", "LAND1"]}
GETLIST = {
    "mode": "function",
    "function": "BAPI_CUSTOMER_GETLIST",
    "parameters": {"IDRANGE": [{"SIGN": "I", "OPTION": "CP", "LOW": "*"}]},
    "rows": "ADDRESSDATA",
    "key": ["CUSTOMER"],
    "cap": {"parameter": "MAXROWS", "value": 10_000},
}
DETAILED = {
    **GETLIST,
    "detail": {"function": "BAPI_CUSTOMER_GETDETAIL2", "parameters": {"CUSTOMERNO": "CUSTOMER"}},
}


TO_READ = (
    "grant BRIDGE S_TABU_NAM with ACTVT 03 and TABLE KNA1 or S_TABU_DIS with ACTVT 03 and DICBERCLS {} (PFCG)"
)


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(customers=30)


@pytest.fixture
def peer(company: Company, monkeypatch: pytest.MonkeyPatch) -> Iterator[SapPeer]:
    with SapPeer(company.system) as peer:
        monkeypatch.setenv("SAP_PASSWORD", peer.password)
        yield peer
    grants = company.system.grants
    grants.denied_functions.clear()
    grants.denied_tables.clear()
    company.system.clock.set(datetime.now(UTC))


@pytest.fixture(params=["saprfclib", "pyrfc"])
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def examined(peer: SapPeer, library: str, streams: dict[str, Any]) -> Sequence[Finding]:
    with connected(peer, library, streams) as connector:
        connector.discover()
        return connector.check()


@contextmanager
def connected(peer: SapPeer, library: str, streams: dict[str, Any]) -> Iterator[SapConnector]:
    told = {
        "ashost": peer.ashost,
        "sysnr": peer.sysnr,
        "client": peer.client,
        "user": peer.user,
        "password": "env:SAP_PASSWORD",
        "library": library,
        "streams": streams,
    }
    connector = SapConnector(SapConnector.Config.model_validate(told))
    try:
        connector.open()
        yield connector
    finally:
        connector.close()


def troubles(peer: SapPeer, library: str, **streams: Any) -> list[tuple[Level, str | None, str, str]]:
    found = examined(peer, library, streams)
    return [
        (each.level, each.stream, each.text, each.remedy)
        for each in found
        if each.level is not Level.OK and "evaluation" not in each.text
    ]


def texts(found: Sequence[Finding]) -> str:
    return "\n".join(each.text for each in found)


def test_a_sound_system_has_nothing_to_complain_of(peer: SapPeer, library: str) -> None:
    found = examined(peer, library, {"KNA1": BY_TIME, "list": GETLIST, "detailed": DETAILED})
    bad = [each for each in found if each.level is not Level.OK and "evaluation" not in each.text]
    assert bad == []
    said = texts(found)
    assert "the client is" in said
    assert f"SIM/{peer.client} at {peer.ashost}:{peer.sysnr}" in said
    assert f"as {peer.user}" in said
    assert "the clocks agree; SAP's local time is UTC" in said
    streams = {each.stream: each.text for each in found if each.text.startswith("can be read")}
    assert streams == {
        "KNA1": "can be read, by table, key KUNNR",
        "list": "can be read, by function, key CUSTOMER",
        "detailed": "can be read, by function, key CUSTOMER",
    }


def test_it_names_the_client_with_its_version_and_licence(peer: SapPeer) -> None:
    ours, theirs = (examined(peer, library, {"KNA1": BY_TIME})[0] for library in ("saprfclib", "pyrfc"))
    assert ours.level is Level.OK
    assert "saprfclib 0." in ours.text
    assert "MPL-2.0" in ours.text
    assert theirs.level is Level.WARNING
    assert "for evaluation and tests only" in theirs.text
    assert "install SAP's NW RFC SDK" in theirs.remedy


# -- rights


def test_a_table_that_may_not_be_read_is_told_with_object_and_values(peer: SapPeer, library: str) -> None:
    peer.system.grants.denied_tables.add("KNA1")
    assert troubles(peer, library, KNA1=BY_TIME) == [
        (
            Level.CRITICAL,
            "KNA1",
            "the account may not read KNA1",
            TO_READ.format(group_of(peer, "KNA1")),
        )
    ]


def group_of(peer: SapPeer, table: str) -> str:
    found = peer.system.table(table)
    assert found is not None
    return found.group


def test_without_the_tables_of_groups_the_group_is_not_guessed(peer: SapPeer, library: str) -> None:
    peer.system.grants.denied_tables.update({"KNA1", "TDDAT"})
    first, second = troubles(peer, library, KNA1=BY_TIME)
    assert first[3] == "grant BRIDGE S_TABU_NAM with ACTVT 03 and TABLE KNA1 (PFCG)"
    assert second[:2] == (Level.WARNING, None)
    assert second[2].startswith("the account may not read TDDAT, which doctor looks at and polls do not")


def test_currencies_are_a_table_to_be_read_too(peer: SapPeer, library: str) -> None:
    peer.system.grants.denied_tables.add("TCURX")
    found = troubles(peer, library, ZBRIDGE_TYPES={"mode": "table", "images": True})
    assert [(level, text) for level, _, text, _ in found] == [
        (Level.CRITICAL, "the account may not read TCURX")
    ]


@pytest.mark.parametrize("reader", ["RFC_READ_TABLE", "BBP_RFC_READ_TABLE"])
@pytest.mark.parametrize("where", ["LAND1 = 'DE' AND", "LAND1 = 'GERMANY'", "LAND9 = 'DE'"])
def test_a_condition_that_no_poll_can_use_is_told(
    peer: SapPeer, library: str, where: str, reader: str
) -> None:
    """Older functions, and all of them of a value that is too long, say so by a short dump."""
    by = {**BY_TIME, "reader": reader}
    assert not troubles(peer, library, KNA1={**by, "where": "LAND1 = 'DE'"})
    (level, stream, text, _) = troubles(peer, library, KNA1={**by, "where": where})[0]
    assert (level, stream) == (Level.CRITICAL, "KNA1")
    assert text.startswith("`where` cannot be used: ")


def test_a_condition_that_no_poll_can_use_parks_its_stream(peer: SapPeer, library: str) -> None:
    wrong = {"PARSE_ERROR": "LAND1 = AND", "INVALID_FIELDNAME": "LAND9 = 'DE'"}
    by = {**BY_TIME, "table": "KNA1", "reader": "BBP_RFC_READ_TABLE"}
    streams = {why: {**by, "where": where} for why, where in wrong.items()}
    with connected(peer, library, streams) as connector:
        for stream in connector.discover():
            with pytest.raises(PermanentError, match=rf"SAPSQL_{stream.name}.*check `where`"):
                connector.poll(stream, None, Ask())


def test_a_reader_that_may_not_be_called_is_told_with_object_and_values(peer: SapPeer, library: str) -> None:
    peer.system.grants.denied_functions.add("BBP_RFC_READ_TABLE")
    assert troubles(peer, library, KNA1={**BY_TIME, "reader": "BBP_RFC_READ_TABLE"})[0] == (
        Level.CRITICAL,
        "KNA1",
        "the account may not call BBP_RFC_READ_TABLE",
        "grant BRIDGE S_RFC with RFC_TYPE FUNC, RFC_NAME BBP_RFC_READ_TABLE and ACTVT 16 (transaction PFCG)",
    )


@pytest.mark.parametrize("function", ["BAPI_CUSTOMER_GETLIST", "BAPI_CUSTOMER_GETDETAIL2"])
def test_a_function_that_may_not_be_called_is_told_with_object_and_values(
    peer: SapPeer, library: str, function: str
) -> None:
    peer.system.grants.denied_functions.add(function)
    ((level, stream, text, remedy),) = troubles(peer, library, customers=DETAILED)
    assert (level, stream) == (Level.CRITICAL, "customers")
    assert function in text
    assert f"S_RFC for {function} (RFC_TYPE FUNC, RFC_NAME {function}, ACTVT 16)" in remedy


def test_what_change_documents_and_pointers_read_is_asked_for(peer: SapPeer, library: str) -> None:
    peer.system.grants.denied_tables.update({"CDPOS", "BDCP2"})
    streams = {
        "documents": {"mode": "change_documents", "classes": ["DEBI"], "tables": ["KNA1"]},
        "pointers": {"mode": "change_pointers", "message_type": "DEBMAS"},
    }
    found = troubles(peer, library, **streams)
    assert [(level, stream, text) for level, stream, text, _ in found if level is Level.CRITICAL] == [
        (Level.CRITICAL, "documents", "the account may not read CDPOS"),
        (Level.CRITICAL, "pointers", "the account may not read BDCP2"),
    ]


def test_a_message_type_without_pointers_is_told(peer: SapPeer, company: Company, library: str) -> None:
    company.customers.change(7, NAME1="New")
    pointers = {"mode": "change_pointers"}
    good, bad = ({**pointers, "message_type": name} for name in ("DEBMAS", "DEBNAS"))
    found = troubles(peer, library, good=good, bad=bad)
    assert [(level, stream, text) for level, stream, text, _ in found] == [
        (Level.WARNING, "bad", "BDCP2 has no change pointer of message type DEBNAS"),
    ]
    assert "BD50" in found[0][3]


def test_a_class_that_is_not_known_or_does_not_log_a_table_is_told(peer: SapPeer, library: str) -> None:
    by = {"mode": "change_documents"}
    found = troubles(
        peer,
        library,
        good={**by, "classes": ["DEBI"], "tables": ["KNA1"]},
        bad={**by, "classes": ["DEBIT"], "tables": ["KNA1"]},
        stray={**by, "classes": ["DEBI"], "tables": ["KNA1", "T000"]},
    )
    told = [(level, stream, text) for level, stream, text, _ in found if "no index" not in text]
    assert told == [
        (Level.WARNING, "bad", "there is no object class DEBIT in TCDOB: it has no change documents"),
        (Level.WARNING, "stray", "DEBI does not log T000, as TCDOB has it: its changes are not seen"),
    ]


@pytest.mark.parametrize(("most", "told"), [(20, True), (0, False)])
def test_rows_that_a_parameter_limits_in_silence_are_warned_of(
    peer: SapPeer,
    library: str,
    most: int,
    told: bool,  # noqa: FBT001
) -> None:
    limited = {name: value for name, value in GETLIST.items() if name != "cap"}
    limited["parameters"] = {**GETLIST["parameters"], "MAXROWS": most}  # type: ignore[dict-item]
    found = troubles(peer, library, customers=limited)
    assert any("MAXROWS limits the rows" in text for _, _, text, _ in found) is told


@pytest.mark.parametrize(("most", "told"), [(30, True), (31, False)])
def test_an_answer_that_is_as_long_as_its_cap_is_warned_of(
    peer: SapPeer,
    library: str,
    most: int,
    told: bool,  # noqa: FBT001
) -> None:
    found = troubles(peer, library, customers={**GETLIST, "cap": {"parameter": "MAXROWS", "value": most}})
    text = (
        "the answer has 30 rows, which MAXROWS allows at most: some may be missing, so none counts as deleted"
    )
    remedy = "raise `cap`, or ask in `pages`"
    assert found == ([(Level.WARNING, "customers", text, remedy)] if told else [])


def test_one_stream_without_rights_does_not_hide_the_others(peer: SapPeer, library: str) -> None:
    peer.system.grants.denied_tables.add("KNA1")
    found = examined(peer, library, {"KNA1": BY_TIME, "list": GETLIST})
    assert "can be read, by function, key CUSTOMER" in [each.text for each in found if each.stream == "list"]


def test_a_stream_whose_examination_is_cut_does_not_hide_the_others(peer: SapPeer, library: str) -> None:
    with connected(peer, library, {"KNA1": IMAGES, "list": GETLIST}) as connector:
        connector.discover()
        peer.switches.fault("RFC_READ_TABLE", Cut())
        found = connector.check()
    (cut,) = [each for each in found if each.stream == "KNA1"]
    assert cut.level is Level.WARNING
    assert cut.text.startswith("not examined: calling RFC_READ_TABLE for KNA1: ")
    assert "can be read, by function, key CUSTOMER" in [each.text for each in found if each.stream == "list"]


# -- functions


def test_a_function_that_is_not_remote_enabled_is_told_from_one_that_is_not_there(
    peer: SapPeer, library: str
) -> None:
    inside, nowhere = ({**GETLIST, "function": name} for name in ("Z_BRIDGE_LOCAL", "Z_NOWHERE"))
    found = troubles(peer, library, inside=inside, nowhere=nowhere)
    assert [(level, stream, text) for level, stream, text, _ in found] == [
        (Level.CRITICAL, "inside", "function Z_BRIDGE_LOCAL is not remote-enabled"),
        (Level.CRITICAL, "nowhere", "there is no function Z_NOWHERE"),
    ]
    assert "SE37" in found[0][3]


def test_what_marks_pointers_has_to_be_remote_enabled(peer: SapPeer, library: str) -> None:
    marked = {"mode": "change_pointers", "message_type": "DEBMAS", "process": True}
    ((level, stream, text, remedy),) = troubles(peer, library, pointers=marked)
    assert (level, stream) == (Level.CRITICAL, "pointers")
    assert "CHANGE_POINTERS_STATUS_WRITE" in text
    assert remedy


def test_a_function_that_refuses_its_parameters_is_told_as_it_says(peer: SapPeer, library: str) -> None:
    wrong = {**GETLIST, "parameters": {"NOSUCH": "1"}}
    ((level, stream, text, _),) = troubles(peer, library, customers=wrong)
    assert (level, stream) == (Level.CRITICAL, "customers")
    assert "NOSUCH" in text


def test_a_table_that_is_not_there_is_told_by_its_stream(peer: SapPeer, library: str) -> None:
    ((level, stream, text, _),) = troubles(peer, library, ZNOWHERE={"mode": "table", "images": True})
    assert (level, stream) == (Level.CRITICAL, "ZNOWHERE")
    assert "ZNOWHERE" in text


# -- time


def test_a_clock_that_is_wrong_is_told(peer: SapPeer, library: str) -> None:
    peer.system.clock.set(datetime.now(UTC) + timedelta(seconds=90))
    ((level, stream, text, remedy),) = troubles(peer, library, KNA1=BY_TIME)
    assert (level, stream) == (Level.WARNING, None)
    assert "SAP's clock differs from this host's by +" in text
    assert "NTP" in remedy


def test_a_zone_that_may_not_be_asked_is_told(peer: SapPeer, library: str) -> None:
    peer.system.grants.denied_functions.add("RFC_SYSTEM_INFO")
    assert (
        Level.WARNING,
        None,
        "the account may not call RFC_SYSTEM_INFO: how far SAP's time is from UTC is guessed",
        "grant BRIDGE S_RFC with RFC_TYPE FUNC, RFC_NAME RFC_SYSTEM_INFO and ACTVT 16 (transaction PFCG)",
    ) in troubles(peer, library, KNA1=BY_TIME)


def test_a_system_without_unicode_is_told(peer: SapPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    before = System._introduce

    def introduce(system: System, told: Any) -> None:
        before(system, told)
        system.unicode = False

    monkeypatch.setattr(System, "_introduce", introduce)
    found = troubles(peer, "saprfclib", KNA1=BY_TIME)
    assert any("is not a Unicode system" in text for _, _, text, _ in found)


# -- what reading costs


def test_a_watermark_without_an_index_is_told_with_the_one_to_create(peer: SapPeer, library: str) -> None:
    by_creation = {"mode": "table", "columns": ["ERDAT"], "fields": ["NAME1"]}
    ((level, stream, text, remedy),) = troubles(peer, library, KNA1=by_creation)
    assert (level, stream) == (Level.WARNING, "KNA1")
    assert text == "no index of KNA1 begins with ERDAT: every poll reads the whole table"
    assert remedy.startswith("create one in SE11 on KNA1 (MANDT, ERDAT)")


def test_the_primary_key_is_an_index_too(peer: SapPeer, library: str) -> None:
    fields = (
        Field("MANDT", Type("CLNT"), key=True),
        Field("BUDAT", Type("DATS"), key=True),
        Field("BELNR", char(10), key=True),
    )
    peer.system.define(Table(Structure("ZJOURNAL", fields)))
    assert troubles(peer, library, ZJOURNAL={"mode": "table", "columns": ["BUDAT"]}) == []


def test_headers_of_documents_are_wanted_by_their_time(peer: SapPeer, library: str) -> None:
    found = troubles(peer, library, documents={"mode": "change_documents", "classes": ["DEBI"]})
    assert [text for _, _, text, _ in found] == [
        "no index of CDHDR begins with OBJECTCLAS, UDATE: every poll reads the whole table"
    ]


def test_indexes_that_may_not_be_looked_at_are_not_called_missing(peer: SapPeer, library: str) -> None:
    peer.system.grants.denied_tables.add("DD17S")
    ((level, stream, text, remedy),) = troubles(peer, library, KNA1=BY_TIME)
    assert (level, stream) == (Level.WARNING, None)
    assert text.startswith("the account may not read DD17S")
    assert "TABLE DD17S" in remedy


def test_size_and_buffer_of_a_table_are_told(peer: SapPeer, library: str) -> None:
    found = examined(peer, library, {"KNA1": IMAGES})
    (size,) = [each.text for each in found if "rows of" in each.text]
    assert size.startswith("30 rows of ")
    assert "in 1 call of RFC_READ_TABLE, with about 1 MiB of the work process's memory for 30 rows" in size


def test_a_table_wider_than_a_row_of_the_reader_takes_more_calls(peer: SapPeer, library: str) -> None:
    found = examined(peer, library, {"KNA1": {"mode": "table", "images": True}})
    (size,) = [each.text for each in found if "rows of" in each.text]
    assert "in 3 calls of RFC_READ_TABLE (a row that changes within them is read again)" in size


def test_a_scan_of_much_is_warned_of(peer: SapPeer, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings_module, "_HEAVY_BYTES", 1000)
    ((level, stream, text, remedy),) = troubles(peer, library, KNA1=IMAGES)
    assert (level, stream) == (Level.WARNING, "KNA1")
    assert text.startswith("each scan reads the whole table: 30 rows of")
    assert "`interval`" in remedy


def test_a_size_that_cannot_be_counted_is_not_known(peer: SapPeer, library: str) -> None:
    peer.system.grants.denied_functions.add("EM_GET_NUMBER_OF_ENTRIES")
    found = examined(peer, library, {"KNA1": IMAGES})
    assert any("a number of rows not known" in each.text for each in found)
    (unseen,) = [each for each in found if each.text.startswith("the account may not call EM_GET_NUMBER")]
    assert "RFC_NAME EM_GET_NUMBER_OF_ENTRIES" in unseen.remedy


ONE_CLASS = {"mode": "change_documents", "classes": ["DEBI"], "tables": ["KNA1"]}
ALL = ["class DEBI", "table KNA1", "alpha keep"]
POINTERS = {"mode": "change_pointers", "message_type": "DEBMAS"}


@pytest.mark.parametrize(
    ("options", "position", "new"),
    [
        ({**ONE_CLASS, "classes": ["DEBI", "KRED"]}, {"of": ALL}, "class KRED"),
        ({**ONE_CLASS, "alpha": "strip"}, {"of": ALL}, "alpha strip"),
        (ONE_CLASS, {"of": ALL}, None),
        ({**POINTERS, "message_type": "CREMAS"}, {"of": ["type DEBMAS"]}, "type CREMAS"),
        (POINTERS, {"of": ["type DEBMAS"]}, None),
        (
            {**BY_TIME, "table": "KNA1", "alpha": "strip"},
            {"columns": ["UPDAT", "UPTIM"], "high": "2026-01-01T00:00:00+00:00", "alpha": "keep"},
            "alpha strip",
        ),
    ],
)
def test_a_position_that_the_next_poll_will_not_go_on_from_is_told_in_its_words(
    peer: SapPeer, options: dict[str, Any], position: dict[str, Any], new: str | None
) -> None:
    if options["mode"] != "table":
        position = {"floor": "20260101000000", **position}
    position = {"mode": options["mode"], **position}
    with connected(peer, "saprfclib", {"it": options}) as it:
        (stream,) = it.discover()
        if new is None:
            it.check_position("it", position)
            return
        with pytest.raises(PermanentError, match=f"without {new}") as said:
            it.check_position("it", position)
        with pytest.raises(PermanentError) as parked:
            it.poll(stream, position, Ask())
        assert (said.value.text, said.value.remedy) == (parked.value.text, parked.value.remedy)


def test_odp_is_said_to_be_none_of_it_and_why() -> None:
    options = {"ashost": "erp1", "client": "100", "user": "U", "password": "env:SAP_PASSWORD"}
    with pytest.raises(ValueError, match=r"SAP Note 3255746 .* since June\s2026"):
        SapConnector.Config.model_validate({**options, "streams": {"0CUSTOMER_ATTR": {"mode": "odp"}}})


def test_nothing_is_changed_by_looking(peer: SapPeer, library: str) -> None:
    before = {name: peer.system.rows(name) for name in ("KNA1", "BDCP2", "CDHDR")}
    peer.calls.clear()
    examined(peer, library, {"KNA1": BY_TIME, "list": DETAILED})
    assert {name: peer.system.rows(name) for name in before} == before
    assert not [name for name in peer.calls if "WRITE" in name or "COMMIT" in name]
