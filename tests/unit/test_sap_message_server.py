"""The message server's answer by HTTP: one that comes too slowly, or names what is no instance."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from time import monotonic, sleep

import pytest

from connectors.sap_rfc.clients import ways

TOLD = {"mshost": "127.0.0.1", "group": "PUBLIC"}


def _drip(listener: socket.socket, answer: bytes, pause_s: float) -> None:
    line, _ = listener.accept()
    with line, suppress(OSError):
        line.recv(4096)
        for at in range(len(answer) if pause_s else 1):
            line.sendall(answer[at : at + 1] if pause_s else answer)
            sleep(pause_s)


@pytest.mark.parametrize(
    ("port", "pause_s", "named"),
    [(3307, 0.0, ("sap1", "07")), (64999, 0.0, None), (3299, 0.0, None), (3307, 0.05, None)],
)
def test_what_comes_late_or_is_no_instance_leaves_it_to_the_other_protocol(
    port: int, pause_s: float, named: tuple[str, str] | None
) -> None:
    answer = f"HTTP/1.1 200 OK\r\n\r\nversion 1.2\nhost_SIM_00\nRFC\tsap1\t{port}\t\n".encode()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_drip, args=(listener, answer, pause_s), daemon=True).start()
        began = monotonic()
        assert ways._named_by_http(TOLD, listener.getsockname()[1], 1.0) == named
        assert monotonic() - began < 1
