"""The daemon's sockets: what no command of ours would send is answered in words, or hung up on."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
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


@pytest.mark.parametrize("line", [b"[" * 8_000, b"[" * 60_000, b"\xff", b"{}{}", b"[]", b"null"])
@pytest.mark.parametrize("name", ["status.sock", "admin.sock"])
def test_what_is_no_request_is_hung_up_on(daemon: Daemon, name: str, line: bytes) -> None:
    assert said(daemon, name, line + b"\n") == b""


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
