"""The frame of the command line: exit codes, one line for an error, nothing imported that is not needed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

import pytest

from bridge import ask, cli
from bridge.cli import orders, positions
from bridge.positions import Ledger, Resnapshot, Stored
from tests.unit.installed import SHOP, install

MINIMAL = Path(__file__).parents[2] / "config" / "minimal.yaml"


def legacy_bridge(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bridge", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=os.environ | environment
    )


@pytest.mark.parametrize(
    "words", [[], ["no-such-command"], ["config"], ["config", "check"], ["connectors", "--x"]]
)
def test_a_usage_error_is_one_line_and_exit_code_3(words: list[str]) -> None:
    done = legacy_bridge(*words)

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("legacy-bridge")
    assert done.stderr.count("\n") == 1


def test_help_lists_every_command_without_importing_one() -> None:
    code = "import atexit, sys; atexit.register(lambda: print('bridge.cli.run' in sys.modules)); "
    code += "from bridge.cli import main; main(['--help'])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert all(name in done.stdout for name, _, _ in cli.COMMANDS)
    assert done.stdout.endswith("False\n")


def test_the_version_is_the_distribution_s() -> None:
    from importlib.metadata import version

    assert legacy_bridge("--version").stdout == f"legacy-bridge {version('legacy-bridge')}\n"


def test_an_error_of_configuration_is_told_without_a_traceback_and_exit_code_3(tmp_path: Path) -> None:
    done = legacy_bridge("run", str(tmp_path / "none.yaml"))

    assert done.returncode == 3
    assert done.stderr.startswith(f"{tmp_path}/none.yaml: cannot read the file: No such file or directory; ")
    assert done.stderr.count("\n") == 1


def test_a_bug_is_one_line_and_its_traceback_is_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken: dict[str, str] = {}
    monkeypatch.setattr("bridge.plugins.kinds", lambda: broken["x://bob:hunter2@db"])

    assert cli.main(["connectors"]) == 3
    assert capsys.readouterr().err == (
        "legacy-bridge: internal error: KeyError: 'x://***@db'; LEGACY_BRIDGE_TRACEBACK=1 shows where\n"
    )

    monkeypatch.setenv("LEGACY_BRIDGE_TRACEBACK", "1")
    with pytest.raises(KeyError):
        cli.main(["connectors"])


def test_a_bug_in_the_daemon_is_no_wrong_configuration_and_the_service_manager_tries_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bridge.cli.run.daemon", lambda _path: 1 // 0)

    assert cli.main(["run", "bridge.yaml"]) == 1
    assert capsys.readouterr().err.startswith("internal error: ZeroDivisionError: ")


@pytest.mark.parametrize("words", [["config", "schema"], ["--version"]])
def test_a_reader_that_goes_away_is_no_error_message(words: list[str]) -> None:
    command = [sys.executable, "-m", "bridge", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141, "as a shell says it of SIGPIPE"


def in_a_shell(line: str) -> subprocess.CompletedProcess[str]:
    """`line` with $LB for the command."""
    environment = os.environ | {"LB": f"{sys.executable} -m bridge"}
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, check=False, timeout=60, env=environment
    )


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    done = in_a_shell(f"$LB config check {MINIMAL} {closed}")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_errors_do_not_stray_to_the_output_when_standard_error_is_closed() -> None:
    done = in_a_shell("$LB config check /nowhere.yaml --nonsense 2>&-")

    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a Linux device")
def test_a_full_disk_is_one_line() -> None:
    done = in_a_shell("$LB config schema >/dev/full")

    assert (done.returncode, done.stderr) == (3, "legacy-bridge: No space left on device\n")


def test_what_the_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    done = legacy_bridge("config", "check", str(tmp_path / "Öl.yaml"), PYTHONIOENCODING="ascii")

    assert done.stdout.startswith(f"{tmp_path}/\\xd6l.yaml: cannot read the file")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["health", "--interval", "x"], "--interval: 'x' is no duration; write seconds, as in 0.5"),
        (["health", "--timeout", "-1"], "--timeout: '-1' is no duration; write seconds, as in 0.5"),
        (["doctor", "f", "--timeout", "nan"], "--timeout: 'nan' is no duration; write seconds, as in 0.5"),
        (
            ["health", "--timeout", "1e300"],
            "--timeout: '1e300' is no duration; write seconds, as in 0.5, up to",
        ),
        (["peek", "f", "c", "-n", "many"], "-n: 'many' is no such number; write 1 or more"),
        (["verify", "f", "c", "--keys", "0"], "--keys: '0' is no such number; write 1 or more"),
        (["dead-letters", "show", "f", "c", "x"], "N: 'x' is no number of a dead letter"),
        (["positions", "set", "f", "c", "s", "{"], "JSON: '{' is no JSON"),
        (["positions", "set", "f", "c", "s", "[1e400]"], "JSON: '[1e400]' is no JSON: 1e400 is too large"),
        (["positions", "rewind", "f", "c", "s", "--to", "strat"], "--to: 'strat' is no JSON"),
    ],
)
def test_a_wrong_argument_is_told_in_human_words(
    capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert cli.main(words) == 3

    said = capsys.readouterr().err
    assert f"argument {complaint}" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["peek"], ["verify"], ["positions", "set"], ["positions", "rewind", "--to", "start"]]
)
def test_a_wrong_option_is_told_as_config_check_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(
        MINIMAL.read_text().replace("user:", "usr:").replace("{bootstrap.", "{linger.mss: 1, bootstrap.")
    )
    assert cli.main(["config", "check", str(file)]) == 3
    checked = capsys.readouterr().out
    assert f"{file}:4:9: kafka.'linger.mss': " in checked
    assert "unknown option 'usr'; did you mean 'user'?" in checked

    stream = ["public.orders", "1"] if "set" in words else ["public.orders"] if "rewind" in words else []
    assert cli.main([*words, str(file), "shop", *stream]) == 3
    assert capsys.readouterr().err == checked


def test_config_check_says_everything_and_connects_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(
        MINIMAL.read_text()
        .replace("kind: jdbc", "kind: jdcb")
        .replace("{bootstrap.", "{linger.ms: x, bootstrap.")
    )

    assert cli.main(["config", "check", str(file)]) == 3
    first, second = capsys.readouterr().out.splitlines()
    assert first == (f"{file}:4:20: kafka.'linger.ms': 'x' does not fit; see librdkafka's CONFIGURATION.md")
    assert "no connector of kind 'jdcb'" in second

    assert cli.main(["config", "check", str(MINIMAL)]) == 0
    assert capsys.readouterr().out == f"{MINIMAL}: no problems found\n"


@pytest.mark.parametrize(
    ("setting", "column", "problem"),
    [
        ("linger.mss: 5", 3, "librdkafka has no setting 'linger.mss'; did you mean 'linger.ms'?"),
        ("sasl.jaas.config: x", 3, "a setting of Java's clients; use sasl.username and sasl.password"),
        ("security.protocol: SLL", 22, "'SLL' does not fit; see librdkafka's CONFIGURATION.md"),
        ("socket.timeout.ms: 1", 22, "1 does not fit; allowed: 10..300000"),
        (
            "security.protocol: env:X",
            22,
            "'env:X' is a reference, which only free text can be; write the value",
        ),
        ("retries: 0", 3, "does not fit: `retries` must be set >= 1 when `enable.idempotence` is true"),
        (
            "message.send.max.retries: 0",
            3,
            "does not fit: `message.send.max.retries` must be set >= 1 when `enable.idempotence` is true",
        ),
        ("linger.ms: 900000", 3, "does not fit: `message.timeout.ms` must be greater than `linger.ms`"),
        ("fetch.max.bytes: 10", 3, "does not fit: `fetch.max.bytes` must be >= `message.max.bytes`"),
    ],
)
def test_config_check_asks_librdkafka(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str, column: int, problem: str
) -> None:
    file = tmp_path / "bridge.yaml"
    kafka = f"kafka:\n  {setting}\n  sasl.password: env:NOT_SET_HERE\n  ssl.ca.location: {__file__}\n"
    file.write_text(
        MINIMAL.read_text().replace("kafka: {", f"{kafka}  ").replace('"localhost:9092"}', '"localhost:9092"')
    )

    assert cli.main(["config", "check", str(file)]) == 3
    name = setting.partition(":")[0]
    name = f"'{name}'" if "." in name else name
    assert capsys.readouterr().out == f"{file}:5:{column}: kafka.{name}: {problem}\n"


def test_a_setting_that_makes_librdkafka_talk_leaves_the_check_silent(tmp_path: Path) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(MINIMAL.read_text().replace("kafka: {", "kafka: {debug: all, "))
    command = [sys.executable, "-m", "bridge", "config", "check", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}: no problems found\n", "")


def test_connectors_prints_kinds_versions_and_every_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch)

    assert cli.main(["connectors", "shop"]) == 0

    printed = capsys.readouterr().out
    head, engine = printed.split("\n\n")
    assert (
        head
        == """\
shop 1.2 (shop-bridge)
  Reads a shop.
  options:
    url  (text, required)
        where the shop is
    user  (text, default "bridge")
        the account
    password  (reference to a secret)
        its password
    pages  (whole number, default 10)
        pages read ahead
  options of a stream:
    mode  (incrementing | images, default "images")
        how it is read
    late_window  (text, default "10s")
        how late a row may come
    columns  (list of text)
        the columns that grow"""
    )
    assert "    interval  (like 5s, default 5.0)\n" in engine


def test_connectors_shows_the_options_inside_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["connectors", "jdbc"]) == 0

    printed = capsys.readouterr().out
    assert (
        "    transaction  (mapping)\n        when to commit\n        rows  (whole number, default" in printed
    )


def test_an_option_of_a_type_without_a_schema_is_shown_as_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch, SHOP.replace("pages: int", "pages: Connector | int"))

    assert cli.main(["connectors", "shop"]) == 0
    assert "pages  (anything or whole number, default 10)" in capsys.readouterr().out
    assert cli.main(["config", "schema"]) == 0


def test_connectors_fits_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch)
    monkeypatch.setenv("COLUMNS", "40")

    assert cli.main(["connectors", "shop"]) == 0

    text = [line for line in capsys.readouterr().out.splitlines() if "  (" not in line]
    assert max(map(len, text)) <= 40


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["posit"], "no command 'posit'; did you mean 'positions'?; `legacy-bridge --help` tells more"),
        (["x"], "no command 'x'; there are: run, health, doctor, peek, connectors, pause, resume"),
        (["config", "chek"], "legacy-bridge config: no action 'chek'; did you mean 'check'?"),
        (
            ["health", "--connectr", "x"],
            "legacy-bridge health: unrecognized: --connectr; did you mean '--conn",
        ),
        (["peek", "f", "c", "d"], "legacy-bridge peek: unrecognized: d; `legacy-bridge peek --help`"),
        (["health", ""], "argument config: the name of the file is empty"),
        (["pause", "erp", "--stream", ""], "argument --stream: the name is empty"),
        (["health", "--connector", ""], "argument --connector: the name is empty"),
        (["pause", "erp", "/nowhere.yaml"], "/nowhere.yaml: cannot read the file: No such file or directory"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(
    capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert cli.main(words) == 3

    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("order", ["pause", "resume", "resnapshot"])
def test_connector_and_file_may_come_in_either_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], order: str
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"daemon: {{run_dir: {tmp_path}}}\n")
    for words in (["erp", str(file)], [str(file), "erp"]):
        assert cli.main([order, *words]) == 1
        assert f"the daemon is down: there is no {tmp_path}/admin.sock" in capsys.readouterr().err


@pytest.mark.parametrize("order", ["pause", "resume", "resnapshot"])
def test_options_of_an_order_may_stand_between_connector_and_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], order: str
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"daemon: {{run_dir: {tmp_path}}}\n")
    assert cli.main([order, "erp", "--stream", "orders", str(file)]) == 1
    assert f"the daemon is down: there is no {tmp_path}/admin.sock" in capsys.readouterr().err


def given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], order: str, *states: tuple[str, str]
) -> tuple[int, str]:
    """The exit code and output of an order to a connector whose states follow each other."""
    left = [
        {"state": state, "error": None, "streams": {"orders": {"state": of, "error": "why"}}}
        for state, of in states
    ]

    def answer(_path: Path, request: dict[str, Any], _timeout: float) -> dict[str, Any]:
        if request["command"] != "status":
            del left[:-1]
            return {"error": None}
        return {"connectors": {"erp": left[0]}}

    monkeypatch.setattr(ask, "ask", answer)
    monkeypatch.setattr(orders, "BEAT_S", 0.0)
    monkeypatch.setattr(orders, "SETTLE_S", 0.01)
    code = cli.main([order, "erp", "--socket", "/nowhere"])
    return code, capsys.readouterr().out


def test_a_pause_of_what_is_parked_is_said_to_be_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parked = ("RUNNING", "FAILED")
    code, said = given(monkeypatch, capsys, "pause", parked, parked)
    assert (code, said) == (0, f"erp/orders is FAILED ({orders.KEPT}): why\n")
    code, said = given(monkeypatch, capsys, "resume", parked, parked)
    assert (code, said) == (1, "erp/orders is FAILED: why\n")


def test_a_standby_that_takes_over_says_that_pauses_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = given(monkeypatch, capsys, "resume", ("STANDBY", "STANDBY"), ("RUNNING", "PAUSED"))
    assert code == 0
    assert said.splitlines() == ["erp/orders was STANDBY, is PAUSED: why", f"erp: {orders.TAKEN_OVER}"]


def test_connectors_shows_a_kind_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch, "import no_such_driver")

    assert cli.main(["connectors"]) == 1

    printed = capsys.readouterr().out
    assert (
        "cannot be used: the connector 'shop' cannot be imported: No module named 'no_such_driver'" in printed
    )
    assert "jdbc" in printed


def test_the_commands_about_configuration_load_no_arrow() -> None:
    script = f"""
import sys
from pathlib import Path
from bridge.inspection import inspected
assert inspected(Path({str(MINIMAL)!r})) == []
print(*[name for name in ("pyarrow", "jpype", "confluent_kafka") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == ""


@contextmanager
def answering(path: Path, answer: bytes) -> Iterator[None]:
    """Somebody at the socket `path`, for one conversation."""

    def converse() -> None:
        with listener.accept()[0] as peer:
            peer.recv(1000)
            peer.sendall(answer)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = Thread(target=converse)
        thread.start()
        yield
        thread.join(10)


DAEMON = b'{"schema": 1, "daemon": {"name": "plant", "uptime_s": 1}, "connectors": {}}\n'


def health(path: Path, answer: bytes, *words: str) -> int:
    with answering(path / "status.sock", answer):
        return cli.main(["health", "--socket", str(path), "--timeout", "10", *words])


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "status.sock answers 'HTTP/1.1 400 Bad Request'; is that a "),
        (b"\xff\xfe\x00\n", "is that a legacy-bridge's socket?"),
        (b"[1]\n", "answers '[1]'"),
        (b"[" * 100_000 + b"\n", "answers '[[["),
        (b'{"schema": 2, "future": 1}\n', "status has schema 2, this command reads 1; use the daemon's own"),
        (b'{"error": "no"}\n', "status has schema None, this command reads 1"),
        (b'{"schema": 1}\n', "cannot be understood: KeyError('connectors'); use the daemon's own version"),
        (DAEMON.replace(b"{}", b"[]"), "cannot be understood: AttributeError("),
    ],
)
def test_an_answer_that_is_no_status_is_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: bytes, complaint: str
) -> None:
    assert health(tmp_path, answer) == 3

    said = capsys.readouterr()
    assert said.out.startswith("BRIDGE UNKNOWN - ")
    assert complaint in said.out
    assert (said.out.count("\n"), said.err) == (1, "")


def test_a_bug_in_health_is_unknown_and_not_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> NoReturn:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("bridge.health.judge", broken)

    assert health(tmp_path, DAEMON) == 3
    assert capsys.readouterr().out == (
        "BRIDGE UNKNOWN - internal error: ZeroDivisionError: oh; LEGACY_BRIDGE_TRACEBACK=1 shows where\n"
    )


def test_a_health_that_cannot_even_be_imported_is_unknown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "bridge.cli.health", None)

    assert cli.main(["health"]) == 3
    assert "internal error: ModuleNotFoundError" in capsys.readouterr().err


def test_health_in_json_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert health(tmp_path, b'{"schema": 2}\n', "--json") == 3

    document = json.loads(capsys.readouterr().out)
    assert (document["health"], document["code"], document["daemon"]) == ("unknown", 3, None)
    assert "schema 2" in document["reasons"][0]["text"]


def test_a_resnapshot_s_range_is_shown_as_it_was_given() -> None:
    order = Resnapshot("me", "now", within={"id": (0, 5), "done": (False, None)})
    ledger = Ledger(streams={"orders": Stored(None, "jdbc", 1, "db")}, resnapshots={"orders": order})
    assert any(line.endswith(", where id 0..5 and done false..") for line in positions._lines("erp", ledger))


def test_a_hang_up_before_the_daemon_has_read_its_file_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bridge.cli import run

    def daemon(_: Path) -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        return 0

    monkeypatch.setattr(run, "daemon", daemon)
    before = signal.getsignal(signal.SIGHUP)
    try:
        assert cli.main(["run", str(MINIMAL)]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
