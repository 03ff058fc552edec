"""A supervised s3270: actions in, answers out. It never outlives this process."""

import fcntl
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bridge.errors import ConfigError, TransientError
from connectors.mainframe.transports.wire import Alarm

_GRACE_S = 1.0  # from the end of its stdin to the kill
_PIECE = 1 << 16
_LONGEST = 1 << 22  # bytes of an answer: the largest buffer is 30 KiB


class Silent(TransientError):
    def __init__(self) -> None:
        super().__init__("s3270 does not answer")


@dataclass(frozen=True, slots=True)
class Answer:
    ok: bool
    data: tuple[str, ...]
    status: str


class Child:
    """Used from one thread. An answer that was given up on is skipped when it comes."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], inherited: Sequence[int], alarm: Alarm
    ) -> None:
        heard, self._lifeline = os.pipe()
        try:
            self._process = _started(command, environment, [*inherited, heard])
            _die_with(heard, self._process.pid)
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            os.close(heard)
        self._lines: deque[str] = deque()
        self._rest = b""
        self._owed = 0
        self._hangs = False
        self._alarm = alarm

    def ask(self, *actions: str, seconds: float) -> list[Answer]:
        """The answers to these actions. No error names an action: it may hold a secret.

        Errors: TransientError (it ended), Silent (for so many seconds: then it is killed).
        """
        return self._ask(actions, time.monotonic() + seconds, alarmed=None)

    def ask_interruptibly(self, *actions: str, seconds: float) -> list[Answer]:
        """The same; and the alarm, rung before or meanwhile, raises Interrupted."""
        return self._ask(actions, time.monotonic() + seconds, alarmed=self._alarm)

    def close(self) -> None:
        """The process is gone and waited for afterwards. Once only."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._wait()

    def kill(self) -> None:
        """The same, of one that is in the middle of an action."""
        self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._wait()

    def _wait(self) -> None:
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        os.close(self._lifeline)

    def _ask(self, actions: Sequence[str], until: float, alarmed: Alarm | None) -> list[Answer]:
        if self._hangs:
            raise Silent
        self._send("".join(f"{action}\n" for action in actions))
        self._owed += len(actions)
        answers: deque[Answer] = deque(maxlen=len(actions))
        while self._owed:
            answers.append(self._answer(until, alarmed))
            self._owed -= 1
        return list(answers)

    def _send(self, text: str) -> None:
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(text.encode())
        except (OSError, ValueError):
            raise self._ended() from None

    def _answer(self, until: float, alarmed: Alarm | None) -> Answer:
        data: list[str] = []
        status = ""
        while True:
            line = self._line(until, alarmed)
            if line in ("ok", "error"):
                return Answer(line == "ok", tuple(data), status)
            if line.startswith("data:"):
                data.append(line[6:])
            else:
                status = line

    def _line(self, until: float, alarmed: Alarm | None) -> str:
        while not self._lines:
            *lines, self._rest = (self._rest + self._read(until, alarmed)).split(b"\n")
            # What it says of failed connections is freed memory: any bytes.
            self._lines.extend(line.decode(errors="replace") for line in lines)
            if len(self._rest) > _LONGEST:
                raise TransientError("s3270 answers without an end")
        return self._lines.popleft()

    def _read(self, until: float, alarmed: Alarm | None) -> bytes:
        out = self._process.stdout
        if out is None or out.closed:
            raise TransientError("the session is closed")
        left = until - time.monotonic()
        if alarmed is not None:
            readable = alarmed.select(out.fileno(), -1, left)
        else:
            readable = _readable(out.fileno(), left)
        if not readable:
            self._hangs = True
            self._process.kill()
            raise Silent
        piece = os.read(out.fileno(), _PIECE)
        if not piece:
            raise self._ended()
        return piece

    def _ended(self) -> TransientError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S)
        return TransientError(f"s3270 ended by itself, with status {self._process.returncode}")


def _readable(descriptor: int, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(max(0.0, seconds) * 1000))


def _started(
    command: Sequence[str], environment: Mapping[str, str], inherited: Sequence[int]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            pass_fds=inherited,
            bufsize=0,
        )
    except FileNotFoundError:
        raise ConfigError(
            "the program s3270 is not installed", remedy="install the package s3270, or use transport: tnz"
        ) from None


def _die_with(pipe: int, pid: int) -> None:
    """The kernel kills the process when the pipe's other end closes, even while it heeds no stdin.

    PR_SET_PDEATHSIG would do it as soon as the thread ends that has started the process.
    """
    fcntl.fcntl(pipe, fcntl.F_SETOWN, pid)
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
