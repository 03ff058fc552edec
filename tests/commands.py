"""`legacy-bridge`, each time in a process of its own: a fork of one that has loaded all it can need.

To load it anew takes half a second of processor time, which with hundreds of commands is minutes of a suite.
That a command loads what it needs, and no more, is for tests/unit/test_cli.py.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NoReturn

type Done = subprocess.CompletedProcess[str]


def command(*words: str | Path, environment: Mapping[str, str] | None = None, timeout: float = 60) -> Done:
    """`legacy-bridge` with these words. Errors: subprocess.TimeoutExpired."""
    told = [str(word) for word in words]
    around = dict(os.environ if environment is None else environment)
    ours, theirs = socket.socketpair()
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err, ours:
        with theirs:
            socket.send_fds(_loaded(), [b"."], [theirs.fileno(), out.fileno(), err.fileno()])
        request = {"words": told, "environment": around, "folder": str(Path.cwd())}
        ours.sendall(json.dumps(request).encode() + b"\n")
        return subprocess.CompletedProcess(told, _code(ours, timeout, told), _text(out), _text(err))


def _code(line: socket.socket, timeout: float, told: Sequence[str]) -> int:
    line.settimeout(timeout)
    with line.makefile() as answers:
        pid = int(answers.readline())
        try:
            return int(answers.readline())
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(told, timeout) from None


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


@functools.cache
def _loaded() -> socket.socket:
    """The process that forks; it ends when our end of the socket does."""
    ours, theirs = socket.socketpair()
    program = [sys.executable, "-P", __file__, str(theirs.fileno())]
    around = {
        **os.environ,
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
    }  # a thread does not survive a fork
    around.pop("COVERAGE_PROCESS_CONFIG", None)
    with theirs:
        process = subprocess.Popen(program, env=around, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    atexit.register(_end, process, ours)
    return ours


def _end(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    process.wait()


def serve(control: socket.socket) -> None:
    """Fork for each request, until nobody can make one any more."""
    import bridge
    import connectors

    for package in (bridge, connectors):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith("bridge.testing") and not module.name.endswith("__main__"):
                import_module(module.name)
    assert len(os.listdir("/proc/self/task")) == 1, "a process with threads cannot be forked"  # noqa: PTH208
    gc.freeze()  # else each fork's collector would write to all of it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who attend
    while True:
        _, (line, *output), _, _ = _received(control)
        if os.fork() == 0:
            control.close()
            attend(socket.socket(fileno=line), output)
        for number in (line, *output):
            os.close(number)


def _received(control: socket.socket) -> Any:
    got = socket.recv_fds(control, 1, 3)
    if not got[1]:
        sys.exit(0)
    return got


def attend(line: socket.socket, output: Sequence[int]) -> NoReturn:
    """One request: the process number, and the exit code when it has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with line.makefile() as requests:
        request = json.loads(requests.readline())
    pid = os.fork()
    if pid == 0:
        line.close()
        become(request, output)
    line.sendall(f"{pid}\n".encode())
    line.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())
    os._exit(0)


def become(request: Mapping[str, Any], output: Sequence[int]) -> NoReturn:
    """The command, as if it had been started with these words in this environment."""
    from bridge.cli import main

    for number, place in zip(output, (1, 2), strict=True):
        os.dup2(number, place)
        os.close(number)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = ["legacy-bridge", *request["words"]]
    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        import coverage

        coverage.process_startup()
    sys.exit(main())


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
