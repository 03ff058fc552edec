"""Asking a daemon: every way in which it can fail to answer has a name, and takes no longer than allowed."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from bridge import ask, paths
from bridge.errors import BridgeError, ConfigError

type Behaviour = Callable[[socket.socket], object]


@contextmanager
def serving(path: Path, behaviour: Behaviour) -> Iterator[None]:
    """One conversation at the socket `path`."""

    def converse() -> None:
        with listener.accept()[0] as peer:
            behaviour(peer)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = Thread(target=converse)
        thread.start()
        try:
            yield
        finally:
            thread.join(10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "status.sock"


def test_an_answer_comes_back_whole_however_it_is_cut(path: Path) -> None:
    answer = {"connectors": ["x" * 1000] * 1000}

    def in_pieces(peer: socket.socket) -> None:
        assert json.loads(peer.recv(1000)) == {"command": "status"}
        body = json.dumps(answer).encode() + b"\n"
        peer.sendall(body[:100])
        time.sleep(0.05)
        peer.sendall(body[100:])

    with serving(path, in_pieces):
        assert ask.ask(path, {"command": "status"}, 10.0) == answer


def test_no_socket_means_the_daemon_is_down(path: Path) -> None:
    with pytest.raises(ask.Down, match="daemon is down"):
        ask.ask(path, {}, 1.0)


def test_a_socket_left_behind_means_the_daemon_is_down(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    with pytest.raises(ask.Down, match="daemon is down: Connection refused"):
        ask.ask(path, {}, 1.0)


def test_a_daemon_that_accepts_and_says_nothing_is_given_up_in_time(path: Path) -> None:
    with serving(path, lambda peer: peer.recv(1000) and peer.recv(1)):
        began = time.monotonic()
        with pytest.raises(ask.Silent, match="within 100 ms"):
            ask.ask(path, {}, 0.1)
        assert time.monotonic() - began < 10


def test_a_daemon_that_dribbles_is_given_up_in_time(path: Path) -> None:
    def dribble(peer: socket.socket) -> None:
        with suppress(BrokenPipeError):
            while True:
                peer.sendall(b" ")
                time.sleep(0.02)

    with serving(path, dribble):
        began = time.monotonic()
        with pytest.raises(ask.Silent):
            ask.ask(path, {}, 0.2)
        assert time.monotonic() - began < 10


def test_a_stopped_daemon_with_a_full_queue_is_silent_not_down(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as waiting:
        listener.bind(str(path))
        listener.listen(0)
        for _ in range(2):
            other = waiting.enter_context(socket.socket(socket.AF_UNIX))
            other.setblocking(False)
            other.connect_ex(str(path))

        with pytest.raises(ask.Silent):
            ask.ask(path, {}, 0.1)


def test_a_daemon_that_hangs_up_is_told_as_such(path: Path) -> None:
    with serving(path, lambda peer: peer.recv(1000)), pytest.raises(ask.Down, match="hung up"):
        ask.ask(path, {}, 1.0)


@pytest.mark.parametrize("answer", [b"{\n", b"HTTP/1.1 400\r\n", b"\xff\n", b"7\n"])
def test_an_answer_that_is_no_document_is_told_as_such(path: Path, answer: bytes) -> None:
    def say_it(peer: socket.socket) -> None:
        peer.recv(1000)
        peer.sendall(answer)

    with serving(path, say_it), pytest.raises(ask.Garbled, match=r"status\.sock answers '.*'; is that"):
        ask.ask(path, {}, 10.0)


@contextmanager
def nobody() -> Iterator[None]:
    """Root may open everything: be somebody else for a moment."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("status.sock", "the group of the service"), ("admin.sock", "as that user, or as root")],
)
def test_a_closed_socket_is_denied_with_its_remedy(tmp_path: Path, name: str, remedy: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / name))
        (tmp_path / name).chmod(0)
        with nobody(), pytest.raises(ask.Denied, match=remedy):
            ask.ask(ask.where(name, None, tmp_path), {}, 1.0)


@pytest.mark.parametrize("name", ["passwd", "file.sock"])
def test_a_file_given_for_a_socket_is_a_mistake_and_no_daemon_that_is_down(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("root")
    with pytest.raises(ConfigError, match=r"is no socket; give the daemon's status\.sock, or its folder"):
        ask.where(ask.STATUS, None, tmp_path / name)


def test_a_socket_or_its_folder_may_be_given(path: Path) -> None:
    assert ask.where(ask.STATUS, None, path) == ask.where(ask.STATUS, None, path.parent) == path
    other = path.with_name("other")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(other))
        assert ask.where(ask.STATUS, None, other) == other


def test_the_socket_is_where_the_configuration_says(tmp_path: Path) -> None:
    config = tmp_path / "bridge.yaml"
    config.write_text("daemon: {run_dir: /srv/here}\nconnectors: {}\n")

    assert ask.where(ask.STATUS, config, None) == Path("/srv/here/status.sock")


def test_what_is_given_counts_more_than_the_configuration() -> None:
    assert ask.where(ask.STATUS, Path("/missing"), Path("/a/x.sock")) == Path("/a/x.sock")
    assert ask.where(ask.ADMIN, None, Path("/a/run")) == Path("/a/run/admin.sock")


def test_a_file_that_nests_too_deep_is_refused_before_it_can_end_the_process(tmp_path: Path) -> None:
    config = tmp_path / "bridge.yaml"
    config.write_text("daemon: " + "[" * 100_000)
    with pytest.raises(ConfigError, match="is no YAML"):
        ask.configured_run_dir(config)


def test_without_a_run_dir_it_is_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    (tmp_path / "status.sock").touch()
    config = tmp_path / "bridge.yaml"
    config.write_text("version: 1\n")

    assert ask.where(ask.STATUS, config, None) == paths.run_dir() / "status.sock" == tmp_path / "status.sock"


@pytest.mark.parametrize("text", ["a: [", "\t- x", "{"])
def test_a_file_that_is_no_yaml_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    config = tmp_path / "bridge.yaml"
    config.write_text(text)

    with pytest.raises(BridgeError, match="is no YAML"):
        ask.where(ask.STATUS, config, None)
