"""The host of the mainframe's tests, driven by the real s3270: what the connector's proofs stand on."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.testing import need
from bridge.testing.mainframe import (
    Host,
    Recorder,
    Recording,
    Replay,
    Spoiling,
    TwoWrites,
    by_chance,
    customer,
    pieces,
    spoilt,
)
from bridge.testing.mainframe.authority import Authority, AuthorityError
from bridge.testing.mainframe.emulator import Emulator, EmulatorError
from bridge.testing.mainframe.recording import Key, Pause, RecordingError, Write
from bridge.testing.mainframe.replay import Segments, whole
from bridge.testing.mainframe.switches import DEVICE_IN_USE

IDS = range(5, 20)  # the list's lines on the screen


@pytest.fixture(scope="module", autouse=True)
def s3270() -> None:
    if shutil.which("s3270") is None:
        need("s3270 is not installed: apt-get install s3270")


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as started:
        yield started


@pytest.fixture
def screen(host: Host) -> Iterator[Emulator]:
    """Connected: it shows SIGNON."""
    with Emulator() as emulator:
        yield emulator.connect(host.port)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    try:
        return Authority.make(tmp_path)
    except AuthorityError as error:
        need(str(error))


def sign_on(host: Host, screen: Emulator, *, password: str = "") -> None:
    screen.type(host.user, (5, 16))
    screen.type(password or host.password, (6, 16))
    screen.press("Enter()")


def start(host: Host, screen: Emulator, code: str) -> None:
    """Signed on, and this transaction's first screen is there."""
    sign_on(host, screen)
    run(screen, code)


def run(screen: Emulator, code: str) -> None:
    screen.press("Clear()")
    screen.type(code)
    screen.press("Enter()")


def listed(screen: Emulator) -> list[str]:
    """The ids on this page."""
    lines = screen.lines
    return [line[5:13] for line in lines[4:19] if line.strip()]


def seen(screen: Emulator) -> list[str]:
    """The ids on all pages, from this one to the end marker."""
    ids = listed(screen)
    while screen.row(21) != " END OF LIST":
        screen.press("PF(8)")
        ids += listed(screen)
    return ids


def test_the_right_password_leads_to_the_menu(host: Host, screen: Emulator) -> None:
    assert screen.row(1).split() == ["SIGNON", "LU", "LU001"]
    sign_on(host, screen)
    assert screen.row(1) == " MAIN MENU"
    assert [(told.field, told.text) for told in host.told] == [
        ("user", host.user),
        ("password", host.password),
    ]


def test_three_wrong_passwords_lock_the_account(host: Host, screen: Emulator) -> None:
    for _ in range(2):
        sign_on(host, screen, password="wrong")
        assert "PASSWORD NOT VALID" in screen.row(23)
    sign_on(host, screen, password="wrong")
    assert screen.row(1) == " ACCOUNT LOCKED"
    screen.press("PF(3)")
    sign_on(host, screen)
    assert screen.row(1) == " ACCOUNT LOCKED"
    assert host.counts["wrong passwords"] == 3


def test_a_password_may_have_expired(host: Host, screen: Emulator) -> None:
    host.switches.expired = True
    sign_on(host, screen)
    assert screen.row(1) == " PASSWORD EXPIRED"


def test_a_password_is_shown_by_no_screen(host: Host, screen: Emulator) -> None:
    screen.type(host.user, (5, 16))
    screen.type(host.password, (6, 16))
    assert host.password not in "".join(screen.lines)


def test_no_transaction_starts_before_the_sign_on(screen: Emulator) -> None:
    run(screen, "CUSTLIST")
    assert "NOT AUTHORIZED" in screen.row(1)


def test_the_list_has_300_customers_on_20_pages(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTLIST")
    assert screen.row(1).split() == ["CUSTOMER", "LIST", "PAGE", "1"]
    assert seen(screen) == list(host.customers)
    assert host.counts["pages"] == 20


def test_the_last_page_stays_and_so_does_the_first(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTLIST")
    first = listed(screen)
    screen.press("PF(7)")
    assert listed(screen) == first
    seen(screen)
    last = listed(screen)
    screen.press("PF(8)")
    assert (listed(screen), screen.row(23)) == (last, " NO MORE PAGES")
    screen.press("PF(7)")
    assert listed(screen) == list(host.customers)[-30:-15]


def test_enter_turns_pages_too(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTLIST")
    screen.press("Enter()")
    assert listed(screen)[0] == "00000160"


def test_a_list_may_have_no_end_marker(host: Host, screen: Emulator) -> None:
    host.switches.end_marker = False
    start(host, screen, "CUSTLIST")
    assert not screen.row(21)


def test_a_selected_row_leads_to_its_detail_and_back(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTLIST")
    screen.press("PF(8)")
    screen.type("S", (7, 3))
    screen.press("Enter()")
    assert screen.row(1) == " CUSTOMER DETAIL"
    assert screen.row(3).split() == ["CUSTOMER_ID:", "00000180"]
    screen.press("PF(3)")
    assert listed(screen)[2] == "00000180"


def test_the_detail_hides_a_field_that_has_data(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTDET 120")
    pin = host.customers["00000120"].pin
    assert pin not in "".join(screen.lines)
    buffer = "".join(screen.run("ReadBuffer(Ascii)"))
    assert pin.encode().hex(" ") in buffer


def test_a_change_is_marked_in_the_list(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTLIST")
    host.change("00000020", city="ULM")
    run(screen, "CUSTLIST")
    assert [line[65:71] for line in screen.lines[4:7]] == ["000001", "000002", "000001"]


def test_custinq_answers_one_inquiry_after_the_other(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTINQ")
    assert screen.row(1) == " CUSTOMER INQUIRY"
    for identity, request in (("10", "BALANCE"), ("20", "ADDRESS"), ("30", "ALL")):
        screen.type(identity, (3, 18))
        screen.type(request, (4, 18))
        screen.press("Enter()")
        assert screen.row(1) == f" CUSTOMER {request}"
        assert screen.row(6) == f" NAME:           {host.customers[identity.zfill(8)].name}"


@pytest.mark.parametrize(
    ("identity", "request_type", "note"),
    [
        ("77", "BALANCE", "CUSTOMER 77 NOT FOUND"),
        ("10", "SECRETS", "REQUEST_TYPE SECRETS NOT KNOWN"),
        ("20", "BALANCE", "ACCESS DENIED"),
    ],
)
def test_custinq_says_why_it_does_not_answer(
    host: Host, screen: Emulator, identity: str, request_type: str, note: str
) -> None:
    host.switches.denied["00000020"] = "ACCESS DENIED"
    start(host, screen, "CUSTINQ")
    screen.type(identity, (3, 18))
    screen.type(request_type, (4, 18))
    screen.press("Enter()")
    assert (screen.row(1), screen.row(23)) == (" CUSTOMER INQUIRY", f" {note}")


def test_cesf_signs_off_and_cesf_logoff_ends_the_session(host: Host, screen: Emulator) -> None:
    start(host, screen, "CESF")
    assert screen.row(1) == "DFHCE3590 SIGN-OFF IS COMPLETE."
    screen.press("Enter()")
    assert screen.row(1).split()[0] == "SIGNON"
    screen.press("Clear()")
    screen.type("CESF LOGOFF")
    screen.run("Enter()")
    screen.wait("Disconnect")
    host.until(lambda: not host.sessions)


def test_an_abend_ends_the_transaction_and_not_the_session(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTLIST")
    host.switches.abend = 2
    screen.press("PF(8)")
    assert screen.row(1).startswith(" CUSTOMER LIST")
    screen.press("PF(8)")
    assert screen.row(1).startswith("DFHAC2206")
    assert "CUSTLIST" in screen.row(1)
    run(screen, "CUSTLIST")
    assert screen.row(1).split()[-1] == "1"


def test_a_session_is_dropped(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTLIST")
    host.switches.drop = 1
    screen.run("PF(8)")
    screen.wait("Disconnect")
    host.until(lambda: not host.sessions)
    assert not screen.connected


def test_a_screen_never_comes_and_the_keyboard_stays_locked(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTLIST")
    host.switches.mute = 1
    screen.run("PF(8)")
    with pytest.raises(EmulatorError):
        screen.wait("Unlock", 0.2)
    assert screen.locked
    screen.run("Reset()")
    screen.press("Clear()")
    assert not any(screen.lines[1].strip())


def test_garbage_stays_until_clear(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTLIST")
    host.switches.garbage = 1
    screen.press("PF(8)")
    noise = screen.lines
    screen.press("Enter()")
    assert screen.lines == noise != []
    run(screen, "CUSTLIST")
    assert screen.row(1).startswith(" CUSTOMER LIST")


@pytest.mark.parametrize("key", ["Enter()", "Clear()"])
def test_a_broadcast_covers_line_12_until_enter_or_clear(host: Host, screen: Emulator, key: str) -> None:
    start(host, screen, "CUSTLIST")
    host.switches.broadcast = 1
    screen.press("PF(8)")
    host.until(lambda: "OPERATOR" in screen.row(12))
    screen.press("PF(8)")
    assert screen.row(1).endswith("PAGE    2")
    screen.press(key)
    assert screen.row(12)[5:13] == "00000230"
    assert screen.row(1).endswith("PAGE    2")


def test_columns_drift_with_their_headings(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTLIST")
    before = screen.lines
    host.switches.drift = 2
    run(screen, "CUSTLIST")
    for old, new in zip(before[2:6], screen.lines[2:6], strict=True):
        assert new[:14] == old[:14]
        assert new[17:] == old[15:-2]


def test_a_screen_in_two_writes_is_half_there_in_between(host: Host, screen: Emulator) -> None:
    release = threading.Event()
    start(host, screen, "CUSTLIST")
    host.switches.two_writes = TwoWrites(release=release)
    screen.press("PF(8)")
    assert listed(screen) == [f"{number:08}" for number in range(160, 230, 10)]
    assert not screen.row(21)
    release.set()
    host.until(lambda: screen.row(21) == " MORE")
    assert len(listed(screen)) == 15


def test_a_page_painted_over_the_last_one_is_half_of_each(host: Host, screen: Emulator) -> None:
    release = threading.Event()
    start(host, screen, "CUSTLIST")
    host.switches.two_writes = TwoWrites(release=release, overwrite=True, unlock=False)
    screen.run("PF(8)")
    host.until(lambda: listed(screen)[6:8] == ["00000220", "00000080"])
    assert screen.locked
    release.set()
    screen.wait("Unlock")
    assert listed(screen) == [f"{number:08}" for number in range(160, 310, 10)]


def test_a_session_is_dropped_in_the_middle_of_a_screen(host: Host, screen: Emulator) -> None:
    start(host, screen, "CUSTLIST")
    host.switches.two_writes, host.switches.drop_between = TwoWrites(after_ms=0), 1
    screen.run("PF(8)")
    screen.wait("Disconnect")
    host.until(lambda: not host.sessions)


def test_the_host_speaks_other_code_pages() -> None:
    with Host(code_page="cp1140") as host, Emulator("-codepage", "cp1140") as client:
        host.change("00000010", name="10 € für Ærø [!]")
        client.connect(host.port)
        start(host, client, "CUSTLIST")
        assert client.lines[4][15:31] == "10 € für Ærø [!]"


def test_an_insert_between_two_pages_shows_a_row_twice(host: Host, screen: Emulator) -> None:
    host.switches.insert_between_pages = lambda page: [customer(11)] if page == 2 else []
    start(host, screen, "CUSTLIST")
    ids = seen(screen)
    assert ids.count("00000150") == 2
    assert "00000011" not in ids


def test_a_list_that_goes_on_by_key_shows_every_row_once(host: Host, screen: Emulator) -> None:
    host.switches.by_key = True
    host.switches.insert_between_pages = lambda page: [customer(11)] if page == 2 else []
    host.switches.delete_between_pages = lambda page: ["00000030"] if page == 4 else []
    start(host, screen, "CUSTLIST")
    assert seen(screen) == [f"{number:08}" for number in range(10, 3010, 10)]


def test_a_delete_between_two_pages_skips_a_row(host: Host, screen: Emulator) -> None:
    host.switches.delete_between_pages = lambda page: ["00000020"] if page == 2 else []
    start(host, screen, "CUSTLIST")
    ids = seen(screen)
    assert "00000160" not in ids
    assert "00000020" in ids


def test_the_list_may_come_in_another_order(host: Host, screen: Emulator) -> None:
    host.switches.reorder = lambda row: (row.name, row.id)
    start(host, screen, "CUSTLIST")
    assert listed(screen)[0] == min(host.customers.values(), key=lambda row: (row.name, row.id)).id


def test_a_value_may_be_shown_that_is_no_number(host: Host, screen: Emulator) -> None:
    host.switches.shown["00000010", "balance"] = "     12.4X"
    start(host, screen, "CUSTLIST")
    assert screen.lines[4][41:53] == "     12.4X  "


@pytest.mark.parametrize("prefix", ["", "N:"])
def test_a_client_gets_the_lu_that_it_asks_for_once(host: Host, prefix: str) -> None:
    with Emulator() as first, Emulator() as second:
        first.connect(host.port, lu="LU007", prefix=prefix)
        assert set(host.sessions) == {"LU007"}
        with pytest.raises(EmulatorError):
            second.connect(host.port, lu="LU007", prefix=prefix)
        second.connect(host.port, lu="LU007,LU009", prefix=prefix)
        assert set(host.sessions) == {"LU007", "LU009"}
    host.until(lambda: not host.sessions)


@pytest.mark.parametrize("prefix", ["", "N:"])
def test_an_lu_is_refused(host: Host, prefix: str) -> None:
    with Emulator() as client:
        with pytest.raises(EmulatorError):
            client.connect(host.port, lu="NOSUCH", prefix=prefix)
        host.switches.busy = {"LU007"}
        with pytest.raises(EmulatorError):
            client.connect(host.port, lu="LU007", prefix=prefix)
        host.switches.refuse_lu = DEVICE_IN_USE
        with pytest.raises(EmulatorError):
            client.connect(host.port, prefix=prefix)
        host.switches.refuse_lu = None
        client.connect(host.port, lu="CUSTPOOL", prefix=prefix)
        assert host.sessions == ("CUST01",)


def test_a_session_over_the_limit_is_told_so_and_ended(host: Host, screen: Emulator) -> None:
    host.switches.session_limit = 1
    with Emulator() as second:
        second.run(f"Connect(127.0.0.1:{host.port})")
        second.wait("Disconnect")
        assert second.row(1) == "SESSION LIMIT EXCEEDED - TRY AGAIN LATER"
    assert host.sessions == ("LU001",)


@pytest.mark.parametrize(("model", "size"), [(2, (24, 80)), (3, (32, 80)), (4, (43, 80)), (5, (27, 132))])
def test_every_model_sees_the_list(host: Host, model: int, size: tuple[int, int]) -> None:
    with Emulator(model=model) as client:
        client.connect(host.port)
        start(host, client, "CUSTLIST")
        lines = client.lines
        assert (len(lines), len(lines[0])) == size
        assert seen(client) == list(host.customers)


def test_eight_sessions_read_at_once(host: Host) -> None:
    found: list[list[str]] = []

    def read() -> None:
        with Emulator() as client:
            client.connect(host.port)
            start(host, client, "CUSTLIST")
            found.append(seen(client))

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert found == [list(host.customers)] * 8
    host.until(lambda: not host.sessions)


def test_plain_tn3270_is_all_a_host_may_speak() -> None:
    with Host(tn3270e=False) as host, Emulator() as client:
        client.connect(host.port)
        start(host, client, "MENU")
        assert client.row(1) == " MAIN MENU"


def test_tls_is_accepted_by_who_trusts_the_authority(host: Host) -> None:
    with Emulator("-cafile", str(host.authority.file)) as client:
        client.connect(host.tls_port, host="localhost", prefix="L:")
        start(host, client, "MENU")
        assert client.row(1) == " MAIN MENU"


def test_tls_is_refused_for_a_wrong_host_name_and_an_unknown_authority(
    host: Host, authority: Authority
) -> None:
    wrong = host.listen(authority.context(authority.issue("elsewhere", names="DNS:mvs1.example")))
    with Emulator("-cafile", str(authority.file)) as client:
        with pytest.raises(EmulatorError):
            client.connect(wrong, host="localhost", prefix="L:")
        with pytest.raises(EmulatorError):
            client.connect(host.tls_port, host="localhost", prefix="L:")
    assert not host.counts["screens"]


def test_a_host_may_ask_for_the_clients_certificate(host: Host, authority: Authority) -> None:
    port = host.listen(authority.asking(authority.issue("host")))
    own = authority.issue("client")
    shown = ("-certfile", str(own.file), "-keyfile", str(own.key))
    trusting = ("-cafile", str(authority.file))
    with Emulator(*trusting) as stranger, pytest.raises(EmulatorError):
        stranger.connect(port, host="localhost", prefix="L:")
    with Emulator(*trusting, *shown) as known:
        known.connect(port, host="localhost", prefix="L:")
        assert known.row(1).split()[0] == "SIGNON"


def test_a_host_may_be_too_old_for_tls_1_2(host: Host, authority: Authority) -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old = authority.context(authority.issue("host"), newest=ssl.TLSVersion.TLSv1_1)
    port = host.listen(old)
    client = ssl.create_default_context(cafile=authority.file)
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        pytest.raises(OSError, match=r"alert|EOF|reset"),
    ):
        client.wrap_socket(raw, server_hostname="localhost")


@pytest.mark.parametrize("seed", range(10))
def test_a_client_that_talks_nonsense_does_the_host_no_harm(host: Host, screen: Emulator, seed: int) -> None:
    with socket.create_connection(("127.0.0.1", host.port)) as client:
        for asked, answer in (
            ("fffd28", "fffc28"),  # TN3270E: no
            ("fffd18", "fffb18"),  # terminal type
            ("fffa1801fff0", f"fffa1800{b'IBM-3278-2'.hex()}fff0"),
            ("fffb00", "fffb19 fffd19 fffb00 fffd00"),  # EOR and BINARY, both ways
        ):
            heard = b""
            while bytes.fromhex(asked) not in heard:
                heard += client.recv(4096)
            client.sendall(bytes.fromhex(answer))
        host.until(lambda: len(host.sessions) == 2)
        for record in (customer(10).name.encode(), bytes(range(250)), b"", b"\x7d", b"\x88\x00\x01"):
            client.sendall(spoilt(record, seed).replace(b"\xff", b"\xff\xff") + b"\xff\xef")
    sign_on(host, screen)
    assert screen.row(1) == " MAIN MENU"


def test_a_host_that_stops_leaves_neither_port_nor_thread() -> None:
    with Host() as host, Emulator() as client:
        client.connect(host.port)
        port = host.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert "mainframe" not in {thread.name for thread in threading.enumerate()}


def test_a_host_whose_port_is_taken_says_so(host: Host) -> None:
    with pytest.raises(OSError, match="in use"), Host(port=host.port):
        pass


@pytest.fixture(scope="module")
def journey() -> tuple[Recording, list[list[str]]]:
    """A session as recorded, and the screens that it showed."""
    with Host() as host, Emulator() as client:
        host.wire = recorder = Recorder()
        client.connect(host.port)
        shown = [client.lines]
        for act in (sign_on, lambda *_: run(client, "CUSTLIST"), lambda *_: client.press("PF(8)")):
            act(host, client)
            shown.append(client.lines)
    return recorder.recording("LU001"), shown


@pytest.mark.parametrize("cut", [whole, pieces(1), pieces(7), by_chance(1), by_chance(2)])
@pytest.mark.parametrize("prefix", ["", "N:"])
def test_a_recording_shows_the_same_screens_however_tcp_cuts_it(
    journey: tuple[Recording, list[list[str]]], cut: Segments, prefix: str
) -> None:
    recording, shown = journey
    with Replay(recording, segments=cut) as replay, Emulator() as client:
        client.connect(replay.port, prefix=prefix)
        seen = [client.lines]
        for key in ("Enter()", "Clear()", "Enter()", "PF(8)"):
            client.press(key)
            seen.append(client.lines)
        assert [seen[at] for at in (0, 1, 3, 4)] == shown
        replay.until(lambda: replay.played)


def spoiling(seed: int) -> Spoiling:
    return Spoiling(record=lambda number, record: spoilt(record, seed + number))


def test_spoilt_recordings_end_no_session_of_the_host(journey: tuple[Recording, list[list[str]]]) -> None:
    only = Recording.of(*journey[0].records)
    with Replay(only) as replay, Emulator() as client:
        replay.stays = False
        for seed in range(40):
            replay.spoiling = spoiling(seed)
            client.run(f"Connect(127.0.0.1:{replay.port})")
            client.wait("Disconnect")
        assert replay.played == 40


def test_the_same_seed_spoils_the_same_way() -> None:
    record = bytes(range(200))
    assert spoilt(record, 5) == spoilt(record, 5) != record


steps = st.one_of(
    st.binary(min_size=1, max_size=200).map(Write),
    st.integers(0, 5000).map(lambda ms: Pause(float(ms))),
    st.just(Key()),
)


@given(st.lists(steps).map(tuple).map(Recording))
def test_a_recording_survives_its_text(recording: Recording) -> None:
    assert Recording.parse(str(recording)) == recording


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("write F5C", "line 1"),
        ("key\n\n# nothing\npause soon", "line 4"),
        ("key\nwrote F5", "line 2: expected write, pause or key, found 'wrote F5'"),
    ],
)
def test_a_wrong_line_of_a_recording_is_named(text: str, told: str) -> None:
    with pytest.raises(RecordingError, match=told):
        Recording.parse(text)
