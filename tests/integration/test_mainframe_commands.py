"""`legacy-bridge mainframe`: from a host nobody has mapped to maps that `check` accepts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge import cli
from bridge.testing import need
from bridge.testing.mainframe import Host
from bridge.testing.mainframe.options import DETAILS, INQUIRY, LIST, MAPS
from connectors.mainframe import captured

SOURCES = Path(__file__).parents[1] / "bms"
LOGON = [
    {"on": "signon", "fill": {"user": "{user}", "password": "{password}"}, "press": "enter", "expect": "menu"}
]
STREAMS: dict[str, Any] = {
    "customers": DETAILS,
    "balances": INQUIRY | {"keys": [{"customer_id": "00000010"}]},
}


@pytest.fixture(params=["s3270", "tnz"])
def transport(request: pytest.FixtureRequest) -> str:
    if request.param == "s3270" and shutil.which("s3270") is None:
        need("s3270 is not installed: apt-get install s3270")
    return str(request.param)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Host]:
    monkeypatch.chdir(tmp_path)
    with Host() as host:
        monkeypatch.setenv("HOST_PASSWORD", host.password)
        yield host


def written(host: Host, transport: str = "tnz", **options: Any) -> str:
    """A configuration file in the working directory."""
    connector = {
        "kind": "mainframe",
        "transport": transport,
        "host": "127.0.0.1",
        "port": host.port,
        "timeout": "1s",
        "user": host.user,
        "password": "env:HOST_PASSWORD",
    }
    whole = {
        "version": 1,
        "name": "plant",
        "kafka": {"bootstrap.servers": "localhost:1"},
        "connectors": {"mvs": connector | options},
    }
    Path("bridge.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    return "bridge.yaml"


def whole(host: Host, transport: str = "tnz", **options: Any) -> str:
    return written(host, transport, maps=[str(MAPS)], logon=LOGON, streams=STREAMS, **options)


# -- capture


def test_capture_saves_each_screen_on_the_way(
    host: Host, transport: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["mainframe", "capture", whole(host, transport), "--to", "seen"]) == 0

    said = capsys.readouterr()
    names = [
        "01-signon",
        "02-menu",
        "03-cleared",
        "04-custlist",
        "05-custdet",
        "06-custlist",
        "07-custinq",
        "08-balance",
    ]
    assert sorted(path.stem for path in Path("seen").iterdir()) == names
    assert "seen/08-balance.screen  CUSTOMER BALANCE\n" in said.out
    assert said.err == ""
    assert cli.main(["mainframe", "check", str(MAPS), *(f"seen/{name}.screen" for name in names)]) == 0
    assert "row 5: id 10, name 'BERGER, BRAM', balance -9208.07" in capsys.readouterr().out


def test_what_is_captured_is_for_its_owner_and_has_nothing_hidden(host: Host, transport: str) -> None:
    assert cli.main(["mainframe", "capture", whole(host, transport)]) == 0

    pin = next(iter(host.customers.values())).pin
    assert host.told[1].text == host.password
    for path in Path("screens").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        assert host.password not in path.read_text()
        assert pin not in path.read_text()
    assert Path("screens").stat().st_mode & 0o777 == 0o700


def test_what_a_map_calls_hidden_is_not_captured_even_where_the_host_shows_it(host: Host) -> None:
    text = MAPS.read_text().replace('name: {label: "NAME:"}', 'name: {label: "NAME:", hidden: true}')
    Path("maps.yaml").write_text(text)
    config = written(host, maps=["maps.yaml"], logon=LOGON, streams={"balances": STREAMS["balances"]})

    assert cli.main(["mainframe", "capture", config]) == 0

    (balance,) = Path("screens").glob("*balance*")
    assert "BERGER" not in balance.read_text()
    assert "9,208.07" in balance.read_text()


def test_neither_the_title_nor_the_comment_of_a_captured_screen_has_what_is_hidden(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    text = MAPS.read_text()
    hidden = "    fields:\n      lu: {row: 1, column: 60, length: 20, hidden: true}\n      user:"
    Path("maps.yaml").write_text(text.replace("    fields:\n      user:", hidden, 1))
    config = written(host, maps=["maps.yaml"], logon=LOGON, streams={})

    assert cli.main(["mainframe", "capture", config]) == 0

    assert "LU0" not in Path("screens/01-signon.screen").read_text()
    shown = capsys.readouterr().out
    assert "01-signon.screen  SIGNON" in shown
    assert "LU0" not in shown


def test_capture_can_be_told_which_stream_and_how_many_pages(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["mainframe", "capture", whole(host), "--stream", "customers", "--pages", "3"]
    assert cli.main(words) == 0
    found = capsys.readouterr().out
    assert found.count("CUSTOMER LIST") == 3
    assert "CUSTOMER BALANCE" not in found

    assert cli.main([*words[:3], "--stream", "customer"]) == 3
    assert "no stream 'customer'; there are: customers, balances" in capsys.readouterr().err
    assert cli.main([*words[:3], "--pages", "0"]) == 3
    assert "argument --pages: '0' is no such number" in capsys.readouterr().err


def test_an_inquiry_with_keys_from_a_list_is_made_for_the_first_of_them(host: Host) -> None:
    steps = [
        {"fill": {"customer_id": "{id}", "request_type": "BALANCE"}, "press": "enter", "expect": "balance"}
    ]
    asked = STREAMS["balances"] | {"key": ["id"], "keys": {"stream": "customers"}, "steps": steps}
    streams = {"customers": LIST, "balances": asked}
    config = written(host, maps=[str(MAPS)], logon=LOGON, streams=streams)

    assert cli.main(["mainframe", "capture", config, "--stream", "balances"]) == 0
    assert host.counts["inquiries"] == 1
    assert sorted(path.stem for path in Path("screens").glob("0[4-9]*")) == [
        "04-custlist",
        "05-custinq",
        "06-balance",
    ]


def test_the_screen_that_was_not_expected_is_captured_last(
    host: Host, transport: str, capsys: pytest.CaptureFixture[str]
) -> None:
    host.switches.expired = True
    assert cli.main(["mainframe", "capture", whole(host, transport, refused=["expired"])]) == 1

    said = capsys.readouterr()
    assert sorted(path.stem for path in Path("screens").iterdir()) == ["01-signon", "02-expired"]
    assert "PASSWORD EXPIRED" in said.err
    assert said.err.count("\n") == 1
    assert host.password not in said.err


def test_nobody_there_is_one_line(host: Host, transport: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Host() as other:
        pass
    host.port = other.port
    assert cli.main(["mainframe", "capture", whole(host, transport)]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_a_connector_without_screens_is_refused(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(whole(host))
    other = "{kind: jdbc, url: 'jdbc:h2:mem:x', streams: {'*': {mode: images}}}"
    file.write_text(file.read_text().replace("connectors:\n", f"connectors:\n  erp: {other}\n"))

    assert cli.main(["mainframe", "capture", "bridge.yaml", "--connector", "erp"]) == 3
    assert "erp has no screens" in capsys.readouterr().err


# -- from nothing to a map


def test_maps_grow_screen_by_screen(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    """Capture, draft, add a step, capture again: nothing is known of the host at the beginning."""
    drafts = []

    def draft(path: str, name: str) -> None:
        capsys.readouterr()
        assert cli.main(["mainframe", "draft", path, "--name", name]) == 0
        Path(f"{name}.yaml").write_text(capsys.readouterr().out)
        drafts.append(f"{name}.yaml")

    assert cli.main(["mainframe", "capture", written(host)]) == 0
    draft("screens/01-unknown.screen", "signon")

    step = {"on": "signon", "fill": {"userid": "{user}", "password": "{password}"}, "press": "enter"}
    assert cli.main(["mainframe", "capture", written(host, maps=drafts, logon=[step])]) == 0
    draft("screens/03-unknown.screen", "menu")

    streams = {
        "customers": {"mode": "list", "goto": [{"type": "CUSTLIST", "press": "enter"}], "screen": "custlist"}
    }
    config = written(host, maps=drafts, logon=[step | {"expect": "menu"}], streams=streams)
    assert cli.main(["mainframe", "capture", config, "--to", "more"]) == 3
    assert "stream customers: screen 'custlist' is not known" in capsys.readouterr().err
    assert captured.load(Path("more/03-unknown.screen")).title.startswith("CUSTOMER LIST")
    draft("more/03-unknown.screen", "custlist")

    config = written(host, maps=drafts, logon=[step | {"expect": "menu"}], streams=streams)
    assert cli.main(["mainframe", "capture", config, "--to", "known"]) == 0
    assert "known/04-custlist.screen" in capsys.readouterr().out
    assert cli.main(["mainframe", "check", "custlist.yaml", "known/03-custlist.screen"]) == 0
    assert "row 5: sel '', id '00000010', name 'BERGER, BRAM'" in capsys.readouterr().out


def test_capture_overwrites_nothing_and_says_where_it_cannot_write(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("screens").mkdir()
    Path("screens/07-mine.screen").write_text("x")
    Path("screens/notes.txt").write_text("x")
    assert cli.main(["mainframe", "capture", written(host)]) == 0
    assert "screens/08-unknown.screen  SIGNON" in capsys.readouterr().out

    assert cli.main(["mainframe", "capture", written(host), "--to", "screens/notes.txt"]) == 3
    assert capsys.readouterr().err == "screens/notes.txt: no folder: File exists; check --to\n"


def test_the_reference_transaction_is_drafted_in_ten_lines(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["mainframe", "capture", whole(host), "--stream", "balances"]) == 0
    capsys.readouterr()
    (balance,) = Path("screens").glob("*balance*")
    assert cli.main(["mainframe", "draft", str(balance)]) == 0
    text = capsys.readouterr().out

    made = yaml.safe_load(text)["screens"]["balance"]
    assert made["identify"] == [{"row": 1, "column": 2, "text": "CUSTOMER BALANCE"}]
    assert list(made["fields"]) == ["customer_id", "request_type", "name", "balance", "limit", "status"]
    assert len([line for line in text.splitlines() if not line.startswith("#")]) <= 11


def test_the_password_s_field_is_drafted_as_hidden(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["mainframe", "capture", written(host)]) == 0
    capsys.readouterr()
    assert cli.main(["mainframe", "draft", "screens/01-unknown.screen"]) == 0
    assert '      password: {label: "PASSWORD:", hidden: true}\n' in capsys.readouterr().out


# -- check, show, from-bms


def test_check_tells_what_does_not_fit_and_where_the_map_is(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.switches.drift = 2
    assert cli.main(["mainframe", "capture", whole(host), "--stream", "customers"]) == 1
    capsys.readouterr()
    (drifted,) = Path("screens").glob("04-*")
    assert cli.main(["mainframe", "check", str(MAPS), str(drifted)]) == 1

    said = capsys.readouterr().out
    assert said.startswith(
        f"{drifted}: not recognised\n  no map knows it\n  not custlist, 1 of 3 rules fail:\n"
    )
    assert "    row 3 column 2: not 'SEL ID        NAME   " in said


def test_check_takes_further_maps_and_says_which_match_too(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["mainframe", "capture", written(host)]) == 0
    Path("other.yaml").write_text("screens: {other: {identify: [{row: 1, text: SIGNON}]}}")
    capsys.readouterr()
    words = ["mainframe", "check", str(MAPS), "screens/01-unknown.screen"]
    assert cli.main(words) == 0
    assert f"signon ({MAPS}:3:3)" in capsys.readouterr().out

    assert cli.main([*words, "--map", "other.yaml"]) == 1
    assert "the maps signon, other all know it: tell them apart by `identify`" in capsys.readouterr().out


def test_a_wrong_map_is_told_with_its_line(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    Path("wrong.yaml").write_text("screens:\n  a:\n    identfy: []\n")
    Path("a.screen").write_text("x")
    assert cli.main(["mainframe", "check", "wrong.yaml", "a.screen"]) == 3
    assert re.match(r"wrong\.yaml:2:3: .*'identify' is missing\n", capsys.readouterr().err)


def test_show_draws_in_a_pipe_without_colours_and_in_a_terminal_with(host: Host) -> None:
    assert cli.main(["mainframe", "capture", whole(host), "--stream", "balances"]) == 0
    (balance,) = Path("screens").glob("*balance*")
    command = [sys.executable, "-m", "bridge", "mainframe", "show", str(balance), "--map", str(MAPS)]

    def shown(**environment: str) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=60, env=os.environ | environment
        )
        return done.stdout

    plain = shown()
    assert f"{balance}: balance\n" in plain
    assert "  3  |CUSTOMER_ID:   >00000010|\n" in plain
    assert re.search(r"\n  balance +row 7, column 18, length 63  '9,208\.07-'\n", plain)
    assert "\x1b[" not in plain
    assert "\x1b[" in shown(FORCE_COLOR="1", TERM="xterm-256color")


def test_show_draws_what_is_there_now(host: Host, transport: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["mainframe", "show", "--live", whole(host, transport), "--stream", "balances"]) == 0

    said = capsys.readouterr().out
    assert f"127.0.0.1:{host.port}: balance\n" in said
    assert "'BERGER, BRAM'" in said
    assert host.password not in said


def test_show_wants_either_files_or_a_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["mainframe", "show"]) == 3
    assert "either a captured screen or --live CONFIG" in capsys.readouterr().err


def test_from_bms_prints_maps_that_can_be_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, host: Host
) -> None:
    assert cli.main(["mainframe", "from-bms", str(SOURCES / "custset.bms")]) == 0
    Path("bms.yaml").write_text(capsys.readouterr().out)
    assert cli.main(["mainframe", "capture", written(host)]) == 0

    assert cli.main(["mainframe", "check", "bms.yaml", "screens/01-unknown.screen"]) == 1
    assert "not custinq, 11 of 11 rules fail:" in capsys.readouterr().out

    Path("wrong.bms").write_text("A        DFHMDF POS=(1,1)\n")
    assert cli.main(["mainframe", "from-bms", "wrong.bms"]) == 3
    assert capsys.readouterr().err.startswith("wrong.bms:1: a field before the first DFHMDI")
