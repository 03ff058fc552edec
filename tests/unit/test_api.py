"""The daemon's sockets: what no command of ours would send is answered in words, or hung up on."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from bridge import api, config
from bridge.errors import BridgeError, ConfigError
from bridge.spawner import Spawner
from bridge.supervisor import Supervisor

type Daemon = tuple[Path, Supervisor, config.Daemon]


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """One that has started no worker yet."""
    file, run_dir = tmp_path / "bridge.yaml", tmp_path / "run"
    file.write_text(
        "version: 1\nname: plant\nkafka: {bootstrap.servers: k}\nconnectors: {erp: {kind: shop}}\n"
        f"daemon: {{run_dir: {run_dir}, http: off}}\n"
    )
    settings = config.load(file)
    return run_dir, Supervisor(file, settings, Spawner()), settings.daemon


def said(daemon: Daemon, name: str, line: bytes) -> bytes:
    """The daemon's answer to one line; nothing when it hangs up. No error escapes into the loop."""
    return asyncio.run(_said(daemon, name, line))


async def conversations_end() -> None:
    if others := [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]:
        await asyncio.wait(others)
    await asyncio.sleep(0.01)  # their sockets close a turn of the loop later


async def _said(daemon: Daemon, name: str, line: bytes) -> bytes:
    run_dir, supervisor, options = daemon
    wrong: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: wrong.append(context))
    async with api.serving(supervisor, options):
        reader, writer = await asyncio.open_unix_connection(run_dir / name)
        writer.write(line)
        try:
            return await asyncio.wait_for(reader.readline(), 30)
        except ConnectionError:
            return b""
        finally:
            writer.close()
            await conversations_end()
            assert wrong == []


@pytest.mark.parametrize("name", ["connector", "stream"])
@pytest.mark.parametrize("wrong", [{"a": 1}, ["a"], 1, True])
def test_an_order_for_what_is_no_name_is_answered_and_reaches_no_worker(
    daemon: Daemon, name: str, wrong: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon[1], "command", None)
    order = {"command": "pause", "connector": "erp", "stream": "orders", name: wrong}
    answer = json.loads(said(daemon, "admin.sock", json.dumps(order).encode() + b"\n"))
    assert answer == {"error": "`connector` must be a name, `stream` a name or absent"}


@pytest.mark.parametrize("line", [b"[" * 8_000, b"\xff", b"{}{}", b"[]", b"null"])
@pytest.mark.parametrize("name", ["status.sock", "admin.sock"])
def test_what_is_no_request_is_hung_up_on(daemon: Daemon, name: str, line: bytes) -> None:
    assert said(daemon, name, line + b"\n") == b""


@pytest.mark.parametrize("name", ["status.sock", "admin.sock"])
def test_a_request_that_is_too_long_is_told_so(daemon: Daemon, name: str) -> None:
    answer = json.loads(said(daemon, name, b"[" * 60_000 + b"\n"))
    assert answer == {"error": "a request may have 8,192 bytes; ask for fewer ranges at a time"}


@pytest.mark.parametrize("line", [b"", b'{"command": "st'])
def test_a_client_that_does_not_go_on_is_hung_up_on(
    daemon: Daemon, line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "IDLE_S", 0.05)
    assert said(daemon, "status.sock", line) == b""


def test_a_client_that_writes_its_request_and_hangs_up_its_half_is_answered(daemon: Daemon) -> None:
    async def half() -> bytes:
        run_dir, supervisor, options = daemon
        async with api.serving(supervisor, options):
            reader, writer = await asyncio.open_unix_connection(run_dir / "status.sock")
            writer.write(b'{"command": "status"}\n')
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            await conversations_end()
            return answer

    assert json.loads(asyncio.run(half()))["daemon"]["name"] == "plant"


type Reply = tuple[int, Mapping[str, str], str]
"""Status, headers and body."""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@asynccontextmanager
async def serving_http(daemon: Daemon) -> AsyncIterator[Callable[[str, str], Reply]]:
    """What asks it, from another thread."""
    port = free_port()

    def ask(method: str, path: str) -> Reply:
        with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as client:
            client.request(method, path)
            response = client.getresponse()
            return response.status, dict(response.headers), response.read().decode()

    async with api.serving(daemon[1], daemon[2].model_copy(update={"http": f"127.0.0.1:{port}"})):
        yield ask


async def over_http(daemon: Daemon, *requests: tuple[str, str]) -> list[Reply]:
    async with serving_http(daemon) as ask:
        return [await asyncio.to_thread(ask, *each) for each in requests]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/status", "/metrics", "/nowhere"])
def test_head_is_answered_as_get_but_for_the_body(daemon: Daemon, path: str) -> None:
    get, head = asyncio.run(over_http(daemon, ("GET", path), ("HEAD", path)))
    assert get[0] == head[0]
    assert get[1]["Content-Type"] == head[1]["Content-Type"]
    assert get[2]
    assert not head[2]


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS", "NONSENSE"])
def test_any_other_method_is_not_allowed_and_told_so_in_words(daemon: Daemon, method: str) -> None:
    ((code, headers, body),) = asyncio.run(over_http(daemon, (method, "/livez")))
    assert (code, headers["Allow"], body) == (405, "GET, HEAD", "Method Not Allowed\n")
    assert headers["Content-Type"] == "text/plain"


def test_a_loop_that_does_not_answer_is_told_as_such(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "STATUS_S", 0.05)

    async def blocked() -> Reply:
        async with serving_http(daemon) as ask:
            with ThreadPoolExecutor() as pool:
                return pool.submit(ask, "GET", "/status").result()

    code, _, body = asyncio.run(blocked())
    assert (code, body) == (503, "the loop does not answer\n")


def test_a_client_that_is_gone_before_its_answer_says_nothing_in_the_log(
    daemon: Daemon, capfd: pytest.CaptureFixture[str]
) -> None:
    server = api._Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    for gone in (ConnectionResetError(104, "reset"), BrokenPipeError(32, "broken"), TimeoutError("write")):
        with suppress(OSError):
            try:
                raise gone
            finally:
                server.handle_error(None, ("127.0.0.1", 1))
    server.server_close()
    assert capfd.readouterr() == ("", "")


def test_a_client_that_does_not_read_its_answer_is_hung_up_on_without_alarm(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(api._Handler, "timeout", 0.2)
    monkeypatch.setattr(Supervisor, "status", lambda _self: {"much": "x" * 50_000_000})
    finish, hung_up = api._Handler.finish, Event()

    def finishing(handler: api._Handler) -> None:
        finish(handler)
        hung_up.set()

    monkeypatch.setattr(api._Handler, "finish", finishing)

    async def patient() -> bytes:
        options = daemon[2].model_copy(update={"http": f"127.0.0.1:{free_port()}"})
        async with api.serving(daemon[1], options):
            with socket.create_connection(("127.0.0.1", int(str(options.http).rpartition(":")[2]))) as client:
                client.sendall(b"GET /status HTTP/1.0\r\n\r\n")
                await asyncio.to_thread(hung_up.wait, 30)
                client.settimeout(5.0)
                return await asyncio.to_thread(_all_of, client)

    answer = asyncio.run(patient())
    assert answer.startswith(b"HTTP/1.0 200")
    assert len(answer) < 50_000_000
    assert b"the loop does not answer" not in answer
    assert "a bug" not in capfd.readouterr().out


def _all_of(client: socket.socket) -> bytes:
    with suppress(ConnectionError):
        return b"".join(iter(lambda: client.recv(1 << 20), b""))
    return b""


def test_a_socket_that_cannot_be_made_is_told_in_words(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(asyncio, "start_unix_server", full)
    with pytest.raises(ConfigError, match=r"cannot make the socket .*status\.sock: No space left on device"):
        failing(daemon, daemon[2])


def failing(daemon: Daemon, options: config.Daemon) -> None:
    async def serve() -> None:
        async with api.serving(daemon[1], options):
            raise AssertionError("it serves")

    asyncio.run(serve())


def test_a_daemon_that_cannot_have_its_port_leaves_no_socket_behind_and_may_try_again(
    daemon: Daemon,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = daemon[2].model_copy(update={"http": f"127.0.0.1:{taken.getsockname()[1]}"})
        with pytest.raises(BridgeError, match=r"cannot listen on 127\.0\.0\.1:") as caught:
            failing(daemon, options)
    assert not isinstance(caught.value, ConfigError)
    assert list(daemon[0].iterdir()) == []


def test_a_daemon_that_finds_another_leaves_its_sockets_alone(daemon: Daemon) -> None:
    run_dir, supervisor, options = daemon

    async def twice() -> None:
        async with api.serving(supervisor, options):
            with pytest.raises(ConfigError, match="another daemon answers"):
                async with api.serving(supervisor, options):
                    raise AssertionError("it serves")
            assert {path.name for path in run_dir.iterdir()} == {"status.sock", "admin.sock"}
            await conversations_end()

    asyncio.run(twice())


def test_of_two_daemons_that_start_at_once_one_is_refused(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither answers yet when the other looks."""
    _, supervisor, options = daemon

    async def nobody(_: Path) -> bool:
        return False

    async def twice() -> None:
        async with api.serving(supervisor, options):
            with pytest.raises(ConfigError, match="another daemon answers"):
                async with api.serving(supervisor, options):
                    raise AssertionError("it serves")
        async with api.serving(supervisor, options):
            await conversations_end()

    monkeypatch.setattr(api, "_answers", nobody)
    asyncio.run(twice())


def test_a_host_whose_name_nobody_tells_holds_up_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda *_: 1 / 0)
    api._Server(("0.0.0.0", 0), BaseHTTPRequestHandler).server_close()


def test_a_file_in_the_place_of_a_socket_is_not_removed(daemon: Daemon) -> None:
    daemon[0].mkdir()
    (daemon[0] / "status.sock").write_text("mine")
    with pytest.raises(ConfigError, match="which is no socket; move it away"):
        said(daemon, "status.sock", b"")
    assert (daemon[0] / "status.sock").read_text() == "mine"
