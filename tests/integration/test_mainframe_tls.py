"""TLS towards the host, and the process that holds a session: what must not be let in, or left over."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.errors import ConfigError, TransientError
from bridge.testing import need
from bridge.testing.mainframe import Host
from bridge.testing.mainframe.authority import Authority, AuthorityError
from connectors.mainframe.terminal import Tls
from tests.integration.mainframe_terminals import (
    TRANSPORTS,
    Transport,
    appeared,
    at,
    chatting,
    children,
    issued,
    need_clients,
    refused,
    running,
    session,
    signed_on,
    titled,
    told_to,
)

DO_START_TLS, WONT_START_TLS = bytes.fromhex("fffd2e"), bytes.fromhex("fffc2e")


@pytest.fixture(scope="module", autouse=True)
def clients() -> None:
    need_clients()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Transport:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def shared() -> Iterator[Host]:
    """Of tests that set no switches."""
    with Host() as started:
        try:
            assert started.authority.file.exists()
        except AuthorityError as error:
            need(str(error))
        yield started


class TestTls:
    def test_the_right_host_is_accepted(self, shared: Host, transport: Transport) -> None:
        with session(transport, at(shared.tls_port, tls=Tls(ca_file=shared.authority.file))) as held:
            signed_on(shared, held)

    def test_a_wrong_host_name_is_refused(self, shared: Host, transport: Transport) -> None:
        port = shared.listen(shared.authority.context(issued(shared, "other", "DNS:other.example")))
        error = refused(transport, at(port, tls=Tls(ca_file=shared.authority.file)))
        assert isinstance(error, ConfigError)
        assert "localhost" in error.text
        assert "tls.host_name" in error.remedy

    def test_a_host_name_that_is_not_in_the_certificate_is_refused(
        self, shared: Host, transport: Transport
    ) -> None:
        tls = Tls(ca_file=shared.authority.file, host_name="other.example")
        assert "other.example" in refused(transport, at(shared.tls_port, tls=tls)).text

    def test_another_name_is_accepted_where_it_is_configured(
        self, shared: Host, transport: Transport
    ) -> None:
        port = shared.listen(shared.authority.context(issued(shared, "vipa", "DNS:vipa.example")))
        tls = Tls(ca_file=shared.authority.file, host_name="vipa.example")
        with session(transport, at(port, host="127.0.0.1", tls=tls)) as held:
            titled(held, "SIGNON")

    @pytest.mark.parametrize("name", ["any", "*", ""])
    def test_no_host_name_lets_every_certificate_pass(
        self, shared: Host, transport: Transport, name: str
    ) -> None:
        port = shared.listen(shared.authority.context(issued(shared, "other", "DNS:other.example")))
        error = refused(transport, at(port, tls=Tls(ca_file=shared.authority.file, host_name=name)))
        assert isinstance(error, ConfigError)

    @pytest.mark.parametrize("system", [True, False], ids=["the system's", "another"])
    def test_an_unknown_authority_is_refused(
        self, shared: Host, transport: Transport, tmp_path: Path, *, system: bool
    ) -> None:
        ca_file = None if system else Authority.make(tmp_path).file
        error = refused(transport, at(shared.tls_port, tls=Tls(ca_file=ca_file)))
        assert isinstance(error, ConfigError)
        assert "certificate" in error.text
        assert "tls.ca_file" in error.remedy

    def test_a_session_in_clear_is_not_made_one_with_tls(self, transport: Transport) -> None:
        """By whoever answers in the host's place: nothing says whose certificate to expect."""
        heard: list[bytes] = []

        def ask(peer: socket.socket) -> None:
            peer.sendall(DO_START_TLS)
            heard.append(peer.recv(3))

        with chatting(ask) as port:
            refused(transport, at(port, connect_timeout=2))
        assert {*heard} - {b""} == {WONT_START_TLS}  # it may connect once more, and leave

    def test_a_client_certificate_is_shown(self, shared: Host, transport: Transport) -> None:
        mine = shared.authority.issue("bridge", names="DNS:bridge")
        port = shared.listen(shared.authority.asking(issued(shared, "strict")))
        tls = Tls(ca_file=shared.authority.file)
        assert isinstance(refused(transport, at(port, tls=tls)), TransientError)
        with session(transport, at(port, tls=replace(tls, certificate=mine.file, key=mine.key))) as held:
            titled(held, "SIGNON")

    def test_the_password_of_its_key_is_in_no_argument(
        self, shared: Host, transport: Transport, tmp_path: Path
    ) -> None:
        mine = shared.authority.issue("locked", names="DNS:bridge")
        key = tmp_path / "key.pem"
        encrypt = [
            "openssl",
            "pkcs8",
            "-topk8",
            "-in",
            str(mine.key),
            "-out",
            str(key),
            "-passout",
            "pass:c4n4ry",
        ]
        subprocess.run(encrypt, check=True, capture_output=True)
        port = shared.listen(shared.authority.asking(issued(shared, "stricter")))
        tls = Tls(ca_file=shared.authority.file, certificate=mine.file, key=key, key_password="c4n4ry")
        with session(transport, at(port, tls=tls)) as held:
            titled(held, "SIGNON")
            for child in children():
                assert "c4n4ry" not in told_to(child)
        error = refused(transport, at(port, tls=replace(tls, key_password="wr0ng")))
        assert isinstance(error, ConfigError)
        assert "tls.certificate" in error.text
        assert "wr0ng" not in str(error)

    @pytest.mark.parametrize("file", ["ca_file", "certificate"])
    def test_a_file_that_cannot_be_used_is_named(self, shared: Host, transport: Transport, file: str) -> None:
        error = refused(transport, at(shared.tls_port, tls=Tls(**{file: Path("/nowhere.pem")})))  # type: ignore[arg-type]
        assert isinstance(error, ConfigError)
        assert "/nowhere.pem" in error.text

    def test_an_older_version_than_configured_is_refused(self, shared: Host, transport: Transport) -> None:
        certificate = issued(shared, "old")
        port = shared.listen(shared.authority.context(certificate, newest=ssl.TLSVersion.TLSv1_2))
        tls = Tls(ca_file=shared.authority.file)
        with session(transport, at(port, tls=tls)) as held:
            titled(held, "SIGNON")
        assert "TLS" in refused(transport, at(port, tls=replace(tls, minimum="1.3"))).text

    def test_a_version_before_1_2_is_refused(self, shared: Host, transport: Transport) -> None:
        context = shared.authority.context(issued(shared, "ancient"))
        context.options &= ~ssl.OP_NO_TLSv1_1
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        error = refused(transport, at(shared.listen(context), tls=Tls(ca_file=shared.authority.file)))
        assert "TLS" in error.text

    def test_an_address_needs_a_name_to_verify_where_s3270_does_it(self, shared: Host) -> None:
        """It compares names only; tnz compares addresses too."""
        endpoint = at(shared.tls_port, host="127.0.0.1", tls=Tls(ca_file=shared.authority.file))
        error = refused("s3270", endpoint)
        assert isinstance(error, ConfigError)
        assert "tls.host_name" in error.remedy
        with session("tnz", endpoint) as held:
            titled(held, "SIGNON")

    def test_a_plain_port_is_no_tls_port(self, shared: Host, transport: Transport) -> None:
        tls = Tls(ca_file=shared.authority.file)
        assert isinstance(refused(transport, at(shared.port, tls=tls, connect_timeout=1)), TransientError)
        assert isinstance(refused(transport, at(shared.tls_port, connect_timeout=1)), TransientError)


STARTER = """
import threading
from connectors.mainframe.terminal import Endpoint
from connectors.mainframe.transports import terminal
held = terminal("s3270", Endpoint("localhost", {port}, connect_timeout=60))
connecting = threading.Thread(target=held.connect)
connecting.start()
{after}
print("started", flush=True)
while held.wait(60):
    pass
"""


class TestChild:
    def test_it_is_gone_after_close_and_leaves_no_zombie(self, shared: Host) -> None:
        before = children()
        with session("s3270", at(shared.port)):
            (child,) = children() - before
        assert not Path(f"/proc/{child}").exists()

    def test_one_that_cannot_connect_is_gone_too(self) -> None:
        before = children()
        refused("s3270", at(1, connect_timeout=1))
        assert children() == before

    def test_one_that_ends_by_itself_is_an_error(self, shared: Host) -> None:
        before = children()
        with session("s3270", at(shared.port)) as held:
            (child,) = children() - before
            os.kill(child, signal.SIGKILL)
            with pytest.raises(TransientError, match="s3270 ended by itself"):
                held.screen()

    def test_one_that_hangs_is_given_up(self, shared: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("connectors.mainframe.transports.s3270._ANSWER_S", 2.0)
        before = children()
        with session("s3270", at(shared.port)) as held:
            (child,) = children() - before
            os.kill(child, signal.SIGSTOP)
            with pytest.raises(TransientError, match="does not answer"):
                held.screen()
            began = time.monotonic()
            with pytest.raises(TransientError, match="does not answer"):
                held.screen()
            held.close()
            assert time.monotonic() - began < 2.0
        assert children() == before

    @pytest.mark.parametrize("doing", ["connect", "wait"])
    def test_it_dies_with_its_parent_whatever_it_does(self, shared: Host, doing: str) -> None:
        """And not with the thread that has started it."""
        with chatting(lambda peer: peer.recv(1)) as silent:
            port = silent if doing == "connect" else shared.port
            script = STARTER.format(port=port, after="connecting.join()" if doing == "wait" else "")
            parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
            assert parent.stdout is not None
            parent.stdout.readline()
            child = appeared(parent.pid)
            parent.kill()
            parent.wait()
            parent.stdout.close()
            shared.until(lambda: not running(child), deadline_s=3)

    def test_it_is_told_no_secret_of_the_environment(
        self, shared: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MF_PASSWORD", "c4n4ry")
        before = children()
        with session("s3270", at(shared.port)):
            (child,) = children() - before
            assert "c4n4ry" not in told_to(child)
