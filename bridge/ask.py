"""Asking a running daemon over its unix sockets. Standard library only, so that `health` starts at once."""

from __future__ import annotations

import json
import socket
import stat
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bridge import paths
from bridge.errors import BridgeError, ConfigError

STATUS, ADMIN = "status.sock", "admin.sock"
CHUNK = 256 * 1024
SHOWN = 60
"""Bytes of an answer that is none."""
START = "start it, or see its log (journalctl -u legacy-bridge)"


class Down(BridgeError):
    """Nobody listens at the socket."""


class Silent(BridgeError):
    """Somebody listens, and does not answer in time."""


class Garbled(BridgeError):
    """Something else listens, or a daemon that answers what nobody understands."""


class Denied(BridgeError):
    """This user may not open the socket."""


def ask(path: Path, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    """One request, one answer, within `timeout_s` altogether. Errors: Down, Silent, Garbled, Denied."""
    deadline = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        _connect(sock, path, timeout_s)
        try:
            sock.sendall(json.dumps(request).encode() + b"\n")
            received = _answer(sock, deadline)
        except TimeoutError:
            raise _silent(path, timeout_s) from None
        except OSError as error:
            raise Down(
                f"the daemon hung up ({error.strerror})", remedy=f"see its log; socket {path}"
            ) from None
    return _read(received, path)


def _connect(sock: socket.socket, path: Path, timeout_s: float) -> None:
    sock.settimeout(timeout_s)
    try:
        sock.connect(str(path))
    except PermissionError:
        raise Denied(f"this user may not open {path}", remedy=_remedy(path)) from None
    except (TimeoutError, BlockingIOError):  # the latter: so many wait already that no more are let in
        raise _silent(path, timeout_s) from None
    except FileNotFoundError:
        raise Down(f"the daemon is down: there is no {path}", remedy=START) from None
    except OSError as error:
        raise Down(f"the daemon is down: {error.strerror or error} at {path}", remedy=START) from None


def _answer(sock: socket.socket, deadline: float) -> bytearray:
    received = bytearray()
    while not received.endswith(b"\n"):
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        chunk = sock.recv(CHUNK)
        if not chunk:
            raise Down("the daemon hung up without an answer", remedy="see its log")
        received += chunk
    return received


def _read(received: bytearray, path: Path) -> dict[str, Any]:
    answer = None
    if received.startswith(b"{"):  # nothing else is parsed: nests can be deeper than the interpreter's stack
        with suppress(ValueError, RecursionError):
            answer = json.loads(received)
    if not isinstance(answer, dict):
        said = received[:SHOWN].decode(errors="replace").strip()
        raise Garbled(f"what listens at {path} answers {said!r}", remedy="is that a legacy-bridge's socket?")
    return answer


def _silent(path: Path, timeout_s: float) -> Silent:
    return Silent(
        f"the daemon is there but did not answer within {timeout_s * 1000:.0f} ms",
        remedy=f"it is stopped, or overloaded; asked at {path}",
    )


def _remedy(path: Path) -> str:
    if path.name == ADMIN:
        return "it is the service user's alone; run this as that user, or as root"
    return "add this user to the group of the service" + _group(path)


def _group(path: Path) -> str:
    """` (bridge)`, or nothing where not even that may be seen."""
    try:
        return f" ({path.parent.group()})"
    except (OSError, KeyError, NotImplementedError):
        return ""


def where(name: str, config: Path | None, given: Path | None) -> Path:
    """The socket `name`: as given, else in the configuration's run_dir, else where daemons usually run.

    Errors: ConfigError when something else was given.
    """
    if given is not None:
        return _socket(given, name)
    configured = configured_run_dir(config) if config is not None else None
    folders = [configured] if configured else _usual_folders()
    return next((folder / name for folder in folders if _present(folder / name)), folders[0] / name)


def _socket(given: Path, name: str) -> Path:
    """`given`, or the socket in it when it is a folder; one that is not there goes by its name."""
    try:
        mode = given.stat().st_mode
    except (OSError, ValueError):
        return given if given.suffix == ".sock" else given / name
    if stat.S_ISSOCK(mode):
        return given
    if not stat.S_ISDIR(mode):
        raise ConfigError(f"{given} is no socket", remedy=f"give the daemon's {name}, or its folder")
    return given / name


def _usual_folders() -> Sequence[Path]:
    """A monitoring user's own run_dir is not the service's: look there, too."""
    return [paths.run_dir(), Path("/run") / paths.NAME]


def _present(path: Path) -> bool:
    try:
        path.lstat()
    except PermissionError:
        return True  # something is there; connecting will tell that it is closed to us
    except OSError:
        return False
    return True


def configured_run_dir(config: Path) -> Path | None:
    """`daemon.run_dir` of a file and nothing else of it. Errors: ConfigError when it cannot be read."""
    import yaml

    from bridge.nesting import must_be_shallow

    try:
        text, loader = config.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        must_be_shallow(text, loader)
        document = yaml.load(text, loader)  # noqa: S506
    except OSError as error:
        reason = f"{config}: cannot read the file: {error.strerror}"
        raise ConfigError(reason, remedy="check the path and its permissions") from None
    except yaml.YAMLError:
        raise ConfigError(
            f"{config} is no YAML", remedy=f"see `legacy-bridge config check {config}`"
        ) from None
    daemon = document.get("daemon") if isinstance(document, dict) else None
    found = daemon.get("run_dir") if isinstance(daemon, dict) else None
    return Path(found) if isinstance(found, str) else None
