"""Real database servers on loopback, to be started and ill-treated: H2, PostgreSQL, MariaDB."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, ClassVar, Self

from bridge.testing.kafka import FAST_START, free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["DatabaseError", "DatabaseServer", "H2Server", "MariaServer", "PostgresServer"]

DRIVERS_VARIABLE = "LEGACY_BRIDGE_JARS"


class DatabaseError(Exception):
    """The server cannot be started or refused a statement, with the reason in one message."""


class DatabaseServer(ABC):
    """One server with one database; port and data survive `stop`, `kill` and `restart`.

    What was committed survives the end of the process, not that of the machine: nothing is synced to disk.

    Start it from a thread that lives as long as the server shall: the kernel kills the server when that
    thread ends, so that a crashed test leaves nothing behind.
    """

    kind: ClassVar[str]
    account: ClassVar[str | None] = None
    """The system account that runs it where this process is root, which most servers refuse."""
    user = "bridge"
    password = "s3cret-of-the-tests"  # noqa: S105 -- of a server that lives as long as a test

    def __init__(self, database: str = "erp") -> None:
        self.database = database
        (self.port,) = free_ports(1)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.kind}-"))
        self.log = self.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._made = False

    @property
    @abstractmethod
    def url(self) -> str:
        """The JDBC URL, without user and password."""

    @abstractmethod
    def execute(self, sql: str) -> str:
        """Run statements, separated by semicolons; returns what the database's own client prints."""

    @abstractmethod
    def _make(self) -> None:
        """Prepare the data folder."""

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    def _first_start(self) -> None:
        """Make user and database, where that needs a server that runs."""
        return

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self, *, deadline_s: float = 60) -> Self:
        if not self._made:
            self.folder.chmod(0o755)
            self._own()
            self._make()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._as_account(self._command()), stdout=log, stderr=log)
        try:
            self._until_ready(time.monotonic() + deadline_s)
        except BaseException:
            self.kill()
            raise
        self._made = True
        return self

    def stop(self, *, deadline_s: float = 10) -> None:
        """Shut down cleanly; killed when that takes longer than the deadline."""
        self._end(signal.SIGTERM, deadline_s)

    def kill(self) -> None:
        """What a power cut does."""
        self._end(signal.SIGKILL, 10)

    def restart(self) -> Self:
        self.stop()
        return self.start()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise DatabaseError(f"{self.kind} does not run")
        return self._process

    def _end(self, how: signal.Signals, deadline_s: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _until_ready(self, deadline: float) -> None:
        pause = Event()
        while self._running().poll() is None and time.monotonic() < deadline:
            if self._answers():
                return
            pause.wait(0.05)
        raise DatabaseError(f"{self.kind} did not start: {self.log.read_text(errors='replace')[-800:]}")

    def _answers(self) -> bool:
        try:
            if not self._made:
                self._first_start()
            self.execute("SELECT 1;")
        except DatabaseError:
            return False
        return True

    def _own(self) -> None:
        if os.geteuid() == 0 and self.account:
            shutil.chown(self.folder, self.account, self.account)

    def _as_account(self, command: Sequence[str]) -> list[str]:
        as_user = ("--reuid", self.account, "--regid", self.account, "--clear-groups")
        switch = as_user if os.geteuid() == 0 and self.account else ()
        return ["setpriv", *switch, "--pdeathsig", "KILL", "--", *command]

    def _run(self, command: Sequence[str], *, text: str = "", env: dict[str, str] | None = None) -> str:
        around = {**os.environ, **(env or {})}
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=around,
            timeout=120,
            check=False,
        )
        if done.returncode:
            told = (done.stderr or done.stdout).strip()[-800:]
            raise DatabaseError(f"{self.kind}: {told}{self._end_of_it()}")
        return done.stdout

    def _end_of_it(self) -> str:
        """What is left of a server that nobody has stopped."""
        status = self._process.poll() if self._process else None
        if status is None:
            return ""
        return f"; the server has ended (status {status}): {self.log.read_text(errors='replace')[-4000:]}"


class PostgresServer(DatabaseServer):
    kind = "postgresql"
    account = "postgres"

    def __init__(self, database: str = "erp", settings: Mapping[str, object] | None = None) -> None:
        super().__init__(database)
        self._settings = dict(settings or {})

    @property
    def url(self) -> str:
        return f"jdbc:postgresql://127.0.0.1:{self.port}/{self.database}"

    def execute(self, sql: str) -> str:
        return self._client(self.database, sql)

    def _client(self, database: str, sql: str) -> str:
        client = [
            *(_tool("psql", "PostgreSQL"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"),
            *("-p", str(self.port), "-U", self.user, "-d", database),
        ]
        return self._run(client, text=sql, env={"PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "5"})

    def _make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        options = ("--no-sync", "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8")
        initdb = [_tool("initdb", "PostgreSQL"), "-D", str(self.folder / "data"), "-U", self.user, *options]
        self._run(self._as_account([*initdb, "--pwfile", str(secret)]))

    def _first_start(self) -> None:
        if not self._client("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{self.database}'"):  # noqa: S608
            self._client("postgres", f'CREATE DATABASE "{self.database}"')

    def _command(self) -> Sequence[str]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "max_wal_size": "4GB",
            **self._settings,
        }
        told = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [_tool("postgres", "PostgreSQL"), "-D", str(self.folder / "data"), *told]

    def _end(self, how: signal.Signals, deadline_s: float) -> None:
        # SIGTERM waits for clients to leave; an administrator's `pg_ctl stop` sends SIGINT.
        super()._end(signal.SIGINT if how == signal.SIGTERM else how, deadline_s)


class MariaServer(DatabaseServer):
    kind = "mariadb"
    account = "mysql"

    @property
    def url(self) -> str:
        return f"jdbc:mariadb://127.0.0.1:{self.port}/{self.database}"

    def execute(self, sql: str) -> str:
        where = ("--protocol=tcp", "-h127.0.0.1", f"-P{self.port}", f"-u{self.user}", self.database)
        return self._client(where, sql)

    def _client(self, where: Sequence[str], sql: str) -> str:
        client = [_tool("mariadb", "MariaDB"), "--no-defaults", "-N", "-B", *where]
        return self._run(client, text=sql, env={"MYSQL_PWD": self.password})

    def _make(self) -> None:
        install = [
            *(_tool("mariadb-install-db", "MariaDB"), "--no-defaults", f"--datadir={self.folder / 'data'}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"),
        ]
        self._run(self._as_account(install))

    def _first_start(self) -> None:
        self._client(
            ("--protocol=socket", f"--socket={self.folder / 'socket'}", "-uroot", "--skip-password"),
            f"CREATE DATABASE IF NOT EXISTS `{self.database}`;"
            f" CREATE OR REPLACE USER '{self.user}'@'%' IDENTIFIED BY '{self.password}';"
            f" GRANT ALL ON *.* TO '{self.user}'@'%';",
        )

    def _command(self) -> Sequence[str]:
        return [
            *(_tool("mariadbd", "MariaDB"), "--no-defaults", f"--datadir={self.folder / 'data'}"),
            *(f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self.folder / 'socket'}"),
            *(
                "--innodb-flush-log-at-trx-commit=2",
                "--skip-name-resolve",
                f"--pid-file={self.folder / 'pid'}",
            ),
        ]


class H2Server(DatabaseServer):
    """H2's TCP server. `execute` keeps one Shell of H2 open, because a JVM a statement would be slow."""

    kind = "h2"
    prompt = b"sql> "

    def __init__(self, database: str = "erp", *, java: Sequence[str] = FAST_START) -> None:
        super().__init__(database)
        self._java = tuple(java)
        self._shell: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"jdbc:h2:tcp://127.0.0.1:{self.port}/./{self.database}"

    def execute(self, sql: str) -> str:
        if self._shell is None:
            self._shell = self._open_shell()
        assert self._shell.stdin is not None
        told = []
        for statement in filter(None, (part.strip() for part in sql.split(";\n"))):
            self._shell.stdin.write(" ".join(statement.rstrip(";").split("\n")).encode() + b";\n")
            self._shell.stdin.flush()
            told.append(self._answer(self._shell))
        return "".join(told)

    def _open_shell(self) -> subprocess.Popen[bytes]:
        account = ("-user", self.user, "-password", self.password)
        command = self._as_account([*self._h2("Shell", ("-Xmx64m",)), "-url", self.url, *account])
        shell = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder
        )
        self._answer(shell)
        return shell

    def _answer(self, shell: subprocess.Popen[bytes]) -> str:
        assert shell.stdout is not None
        told = b""
        while not told.endswith(self.prompt):
            part = os.read(shell.stdout.fileno(), 65536)
            if not part:
                self._leave_shell()
                raise DatabaseError(f"h2: {told.decode()[-800:].strip()}")
            told += part
        text = told.removesuffix(self.prompt).decode()
        if "Error: " in text:
            raise DatabaseError(f"h2: {text.partition('Error: ')[2].splitlines()[0]}")
        return text

    def _leave_shell(self) -> None:
        shell, self._shell = self._shell, None
        if shell:
            shell.kill()
            shell.communicate()

    def _make(self) -> None:
        return

    def _first_start(self) -> None:
        self.execute("SET WRITE_DELAY 0;")

    def _command(self) -> Sequence[str]:
        server = ("-tcp", "-tcpPort", str(self.port), "-ifNotExists", "-baseDir", str(self.folder))
        java = (*self._java, "-Dh2.bindAddress=127.0.0.1", f"-Djava.io.tmpdir={self.folder}")
        return [*self._h2("Server", java), *server]

    def _end(self, how: signal.Signals, deadline_s: float) -> None:
        self._leave_shell()
        super()._end(how, deadline_s)

    @staticmethod
    def _h2(tool: str, java: Sequence[str]) -> list[str]:
        return [_tool("java", "Java"), *java, "-cp", str(driver_jar("h2")), f"org.h2.tools.{tool}"]


def driver_jar(artifact: str) -> Path:
    """The newest jar of a driver in the jars folder."""
    folder = Path(os.environ.get(DRIVERS_VARIABLE) or Path(__file__).parents[2] / "jars" / "lib")
    found = sorted(folder.glob(f"{artifact}-*.jar"))
    if not found:
        raise DatabaseError(f"no {artifact}-*.jar in {folder}: run `make setup`")
    return found[-1]


def _tool(name: str, product: str) -> str:
    """A program's path; servers hide in places that are on nobody's PATH."""
    hidden = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    places = [*hidden, *map(Path, ("/usr/pgsql/bin", "/usr/sbin", "/usr/libexec"))]
    found = shutil.which(name, path=os.pathsep.join(map(str, places))) or shutil.which(name)
    if found is None:
        raise DatabaseError(f"{product} is not installed: there is no {name}")
    return found
