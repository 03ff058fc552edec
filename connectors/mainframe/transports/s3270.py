"""A session held by s3270, of the x3270 suite: a child process, told actions and asked for its buffer."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bridge.errors import ConfigError, TransientError
from connectors.mainframe import code_pages
from connectors.mainframe.screen import Screen
from connectors.mainframe.terminal import Endpoint, Tls
from connectors.mainframe.transports import cells, reach, readbuffer, tls
from connectors.mainframe.transports.child import Answer, Child, Silent
from connectors.mainframe.transports.wire import Alarm

# What s3270 knows besides: their text is read as it prints it.
_ITS_OWN_PAGES = (
    "cp275", "cp803", "cp870", "cp880", "cp930", "cp935", "cp937", "cp939", "cp1160", "cp1388"
)  # fmt: skip
# Two of its tables differ from IBM's in two letters each; the euro pages are right, and theirs otherwise.
_RIGHT_PAGE = {"cp278": "cp1143", "cp871": "cp1149"}
_ANSWER_S = 10.0  # for what needs no host
_COUNTED = ("Ascii(0,0,1)", "Query(StatsRx)")
_GLANCE_S = 0.001  # the least of a wait: what has come is found, however late it is
_SLICE_S = 0.5  # of a wait: after an interrupt, the next action waits so long at most
# In the last two states no application has the session yet: VTAM asks for one.
_CONNECTED = ("connected-3270", "connected-tn3270e", "connected-sscp", "connected-unbound")
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_LU = re.compile(r"[A-Za-z0-9#$_.-]+")
_NEVER_LOCKED = ("attn", "sysreq")
_PASSED = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF")  # of the environment; it may hold secrets


class _Closed(TransientError):
    pass


class S3270:
    def __init__(self, endpoint: Endpoint) -> None:
        """Errors: ConfigError, of what can be told without the host."""
        self._endpoint = endpoint
        self._alarm: Alarm | None = None
        self._child: Child | None = None
        self._seen = self._written = "0"
        self._locked = True
        self._shown: tuple[str, ...] = ()
        self.lu: str | None = None
        _check(endpoint)

    def connect(self) -> None:
        self.close()
        self._alarm = alarm = Alarm()
        with _key_password(self._endpoint.tls) as inherited:
            child = Child(_command(self._endpoint, inherited), _environment(), inherited, alarm)
            try:
                self._establish(child, alarm)
            except BaseException:
                child.kill()
                self.close()
                raise
        self._child = child

    def screen(self) -> Screen:
        """The state of the keyboard and the buffer, of one instant."""
        page = self._endpoint.code_page
        own = () if page in code_pages.NAMES else ("Snap()", "Snap(ReadBuffer,Ascii)")
        read = "Snap(ReadBuffer,Ebcdic)" if own else "ReadBuffer(Ebcdic)"
        asked = ("Query(StatsRx)", *own, read, "Query(StatsRx)")
        answers = self._living().ask(*asked, seconds=_ANSWER_S)
        before, *printed, buffer, after = answers
        try:
            self._alive(answers)
            self._seen, self._written, lost = _records(before), _records(after), False
        except _Closed:
            if buffer.data == self._shown or not buffer.ok:
                raise
            lost = True
        self._shown = buffer.data
        found = readbuffer.codes(buffer.data)
        if printed:
            text = readbuffer.characters(printed[-1].data, found)
        else:
            text = cells.decoded(found.codes, found.graphics, page)
        status = readbuffer.status(buffer.status)
        return readbuffer.screen(replace(status, locked=status.locked or lost), found, text)

    def type(self, address: int, text: str) -> None:
        screen = self.screen()
        cells.check_entry(screen, address, text, self._endpoint.code_page)
        row, column = divmod(address, screen.columns)
        actions = [
            f"MoveCursor({row},{column})",
            "EraseEOF()",
            *([_string(self._endpoint, text)] if text else ()),
        ]
        if all(answer.ok for answer in self._ask(*actions)) and self._typed(address, text):
            return
        # Never half of it: the next key would send it.
        self._ask("Reset()", *actions[:2])
        raise ConfigError(
            f"row {row + 1}, column {column + 1} of the screen does not take the text",
            remedy=f"s3270 cannot type some characters of {self._endpoint.code_page} there",
        )

    def _typed(self, address: int, text: str) -> bool:
        """Whether it typed these characters: for some that it lacks, it takes others of the graphic set."""
        (buffer,) = self._ask("ReadBuffer(Ebcdic)")
        found = readbuffer.codes(buffer.data)
        size = len(found.codes)
        places = [(address + at) % size for at in range(len(text))]
        if self._endpoint.code_page not in code_pages.NAMES:
            return not set(places) & set(found.graphics)
        codes = code_pages.encoding(self._endpoint.code_page)
        return [found.codes[place] for place in places] == [codes[character] for character in text]

    def press(self, key: str) -> None:
        # s3270 would keep a key for later, and press it on a screen nobody has seen. A keyboard that
        # was unlocked still is: only keys lock it.
        if key not in _NEVER_LOCKED and self._locked:
            self._ask("Query(StatsRx)")
            if self._locked:
                raise TransientError("the keyboard is locked: the host has not answered yet")
        if not self._ask(_action(key))[0].ok:
            raise TransientError(f"s3270 could not press {key}")

    def wait(self, seconds: float) -> bool:
        until, late = time.monotonic() + seconds, False
        while self._written == self._seen:
            if late:
                return False
            left = max(until - time.monotonic(), _GLANCE_S)
            # What came since the last reading ends a Wait: so a cell is read, then the records are counted.
            actions = (f"Wait({min(left, _SLICE_S):.3f},Output)", *_COUNTED)
            answers = self._living().ask_interruptibly(*actions, seconds=_ANSWER_S)
            self._written = _records(self._alive(answers)[-1])
            late = time.monotonic() >= until
        self._seen = self._written
        return True

    def reset(self) -> None:
        self._ask("Reset()")

    def interrupt(self) -> None:
        alarm = self._alarm
        if alarm is not None:
            alarm.ring()

    def close(self) -> None:
        child, self._child = self._child, None
        self.lu = None
        self._seen = self._written = "0"
        self._shown = ()
        if child is not None:
            child.close()
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.close()

    def _establish(self, child: Child, alarm: Alarm) -> None:
        try:
            (answer,) = child.ask_interruptibly(
                _connect(self._endpoint), seconds=self._endpoint.connect_timeout
            )
        except Silent:
            raise reach.without_answer(self._endpoint, alarm) from None
        if not answer.ok:
            raise reach.why_not(self._endpoint, alarm)
        asked = ("ConnectionState", "CodePage", "Tls", "TlsSessionInfo", "LuName", "StatsRx")
        state, page, secure, session, lu, stats = child.ask(
            *(f"Query({what})" for what in asked), seconds=_ANSWER_S
        )
        if state.data[0] not in _CONNECTED:
            raise TransientError(f"{self._endpoint.address} does not talk 3270", remedy="check host and port")
        if not page.data[0].startswith(f"{_page(self._endpoint)} "):
            raise ConfigError(f"the installed s3270 does not know the code page {self._endpoint.code_page}")
        if self._endpoint.tls is not None:
            _verified(self._endpoint, self._endpoint.tls, secure, session)
        self.lu = lu.data[0] or None
        self._written = _records(stats)

    def _living(self) -> Child:
        if self._child is None:
            raise TransientError("the session is closed")
        return self._child

    def _ask(self, *actions: str) -> list[Answer]:
        return self._alive(self._living().ask(*actions, seconds=_ANSWER_S))

    def _alive(self, answers: list[Answer]) -> list[Answer]:
        status = readbuffer.status(answers[-1].status)
        self._locked = status.locked
        if not status.connected:
            raise _Closed(f"{self._endpoint.address} closed the session")
        return answers


def _records(stats: Answer) -> str:
    """How many the host has sent, of "records 3 bytes 59"."""
    return stats.data[0].split()[1]


def _check(endpoint: Endpoint) -> None:
    known = (*code_pages.NAMES, *_ITS_OWN_PAGES)
    if endpoint.code_page not in known:
        raise ConfigError(
            f"code_page: s3270 does not know {endpoint.code_page}", remedy=f"one of {', '.join(known)}"
        )
    if not _HOST.fullmatch(endpoint.host):
        raise ConfigError("host: is no name or address of a host")
    if endpoint.tls is not None and not endpoint.tls.host_name and _is_address(endpoint.host):
        raise ConfigError(
            f"tls: s3270 cannot verify a certificate by the address {endpoint.host}",
            remedy="set tls.host_name to a name of the host's certificate, or use transport: tnz",
        )
    if endpoint.tls is not None and endpoint.tls.host_name and not _HOST.fullmatch(endpoint.tls.host_name):
        raise ConfigError("tls.host_name: is no name of a host")  # every certificate fits `*`
    if endpoint.lu is not None and not _LU.fullmatch(endpoint.lu):
        raise ConfigError("lu: has a character that s3270 cannot ask for", remedy="use transport: tnz")


def _page(endpoint: Endpoint) -> str:
    return _RIGHT_PAGE.get(endpoint.code_page, endpoint.code_page)


def _command(endpoint: Endpoint, inherited: list[int]) -> list[str]:
    kind = 3279 if endpoint.color else 3278
    command = ["s3270", "-utf8", "-model", f"{kind}-{endpoint.model}", "-codepage", _page(endpoint)]
    # Enter() is not to wait for the host; TLS is from the first byte or not at all.
    command += ["-clear", "aidWait", "-clear", "startTls"]
    return command if endpoint.tls is None else [*command, *_tls_options(endpoint.tls, inherited)]


def _tls_options(wanted: Tls, inherited: list[int]) -> Iterator[str]:
    tls.context(wanted)  # s3270 would only say that it is disconnected
    if wanted.ca_file is not None:
        yield from ("-cafile", str(wanted.ca_file))
    if wanted.host_name:
        yield from ("-accepthostname", f"DNS:{wanted.host_name}")  # bare, `any` would be any host's
    if wanted.certificate is not None:
        yield from ("-certfile", str(wanted.certificate), "-keyfile", str(wanted.key or wanted.certificate))
    for descriptor in inherited:
        yield from ("-keypasswd", f"file:/proc/self/fd/{descriptor}")


@contextmanager
def _key_password(wanted: Tls | None) -> Iterator[list[int]]:
    """A file in memory that the child inherits: neither its arguments nor a disk hold the password."""
    if wanted is None or wanted.certificate is None or wanted.key_password is None:
        yield []
        return
    descriptor = os.memfd_create("key")
    try:
        os.write(descriptor, wanted.key_password.encode())
        yield [descriptor]
    finally:
        os.close(descriptor)


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C.UTF-8"} | {name: os.environ[name] for name in _PASSED if name in os.environ}


def _connect(endpoint: Endpoint) -> str:
    prefix = ("L:" if endpoint.tls else "") + ("" if endpoint.tn3270e else "N:")
    lu = f"{endpoint.lu}@" if endpoint.lu else ""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f'Connect("{prefix}{lu}{host}:{endpoint.port}")'


def _verified(endpoint: Endpoint, wanted: Tls, secure: Answer, session: Answer) -> None:
    """What s3270 says it did: nothing has been typed yet."""
    version = next((line.rpartition("TLSv")[2] for line in session.data if "TLSv" in line), "")
    if secure.data[0] != "secure host-verified":
        raise ConfigError(f"s3270 did not verify the certificate of {endpoint.address}")
    if version < wanted.minimum:
        raise ConfigError(
            f"{endpoint.address} speaks TLS {version} only", remedy=f"tls.minimum is {wanted.minimum}"
        )


def _string(endpoint: Endpoint, text: str) -> str:
    if endpoint.code_page in _RIGHT_PAGE:
        text = text.replace("¤", "€")
    # Other ways to quote fail at the text's end.
    return 'String("{}")'.format(text.replace("\\", r"\u005c").replace('"', r"\u0022"))


def _action(key: str) -> str:
    for kind in ("pf", "pa"):
        if key.startswith(kind) and key[2:].isdigit():
            return f"{kind.upper()}({key[2:]})"
    return {"sysreq": "SysReq()", "attn": "Attn()", "enter": "Enter()", "clear": "Clear()"}[key]


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
