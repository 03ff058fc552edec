"""One session of a Java connector: made, connected, called, and cut off when it takes too long."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, Timer
from typing import Any

import jpype

from bridge.contract import Secret
from bridge.errors import BridgeError, ConfigError, CredentialsError, TransientError
from connectors import jvm
from connectors.jvm import java
from connectors.mainframe.maps import ErrorRule
from connectors.mainframe.records.answers import Missing, Rejected, Relogin, judge
from connectors.mainframe.records.copybook.encode import Encoder
from connectors.mainframe.records.java_options import JavaOptions, Request, _Call
from connectors.mainframe.records.java_values import Names, filled, java_of
from connectors.mainframe.records.rows import decoder

_LONGEST = 300
# What does not heed an interrupt is disconnected after so long.
_GRACE_S = 0.7
_SETTINGS = "check `class`, `arguments`, the methods' names and `jars`"


class JvmError(RuntimeError):
    """A java.lang.Error: nothing in this process can be trusted any more."""


class Session:
    """Used from one thread, `cut` excepted."""

    def __init__(self, options: JavaOptions) -> None:
        self._options = options
        self._names: Names = {}
        self._secrets: list[str] = []
        self._know()
        self._object: Any = None
        self._connected = False
        self._state = Lock()
        self._thread: Any = None
        """Java's, of the call that runs."""
        self._why = ""
        self._encoders: dict[int, Encoder] = {}

    @property
    def connected(self) -> bool:
        return self._connected

    def connect(self) -> None:
        """Make the object and connect. Errors: those of the bridge."""
        options = self._options
        self._know()
        with self._calling(f"connecting to {options.place}"):
            kind = java(options.class_)
            arguments = self._java(options.arguments, {})
            self._object = getattr(kind, options.factory)(*arguments) if options.factory else kind(*arguments)
            self._connected = True  # half-way maybe: the host counts sessions that nobody ends
            if options.connect:
                self._method(options.connect, {})

    def _know(self) -> None:
        """Passwords as they are now; those of before are masked all the same. Errors: ConfigError."""
        self._names, secrets = _placeholders(self._options)
        self._secrets = list(dict.fromkeys((*self._secrets, *secrets)))

    def execute(
        self, call: _Call, path: Sequence[str], key: Mapping[str, Any], missing: Sequence[str] = ()
    ) -> Any:
        """The answer, unconverted: what `path` leads to from what the method returns.

        Errors: those of the bridge, Rejected, Relogin; Missing, when an exception fits one of these patterns.
        """
        with self._calling(f"calling {call.method}", missing):
            answer = self._method(call, key)
            for name in path:
                if answer is None:
                    return None
                answer = getattr(answer, name)()
            return answer

    @contextmanager
    def converting(self) -> Iterator[None]:
        """Reading an answer calls its methods."""
        with self._calling("reading the answer"):
            yield

    def close(self) -> None:
        connected, self._connected = self._connected, False
        if connected and self._options.disconnect and self._object is not None:
            with suppress(BridgeError, Rejected, Relogin, JvmError), self._calling("disconnecting"):
                self._method(self._options.disconnect, {})
        self._object = None
        jvm.detach()

    def cut(self, why: str) -> None:
        """From another thread: a running call ends soon, as TransientError."""
        with self._state:
            if self._thread is None:
                return
            self._why = why
            self._thread.interrupt()
            last = Timer(_GRACE_S, self._disconnect, (self._thread,))
            last.daemon = True
            last.start()
        jvm.detach()

    def _disconnect(self, thread: Any) -> None:
        """What waits on a socket does not heed an interrupt, but that the socket is closed."""
        call = self._options.disconnect
        with self._state:
            running = self._thread is not None and self._thread is thread
        if running and call and self._object is not None:
            with suppress(jpype.JException, AttributeError, TypeError):
                getattr(self._object, call.method)(*self._java(call.arguments, {}))
        jvm.detach()

    # -- calls

    def _method(self, call: _Call, key: Mapping[str, Any]) -> Any:
        return getattr(self._object, call.method)(*self._java(call.arguments, key))

    def _java(self, arguments: Sequence[Any], key: Mapping[str, Any]) -> list[Any]:
        names = {**self._names, **key}
        return [java_of(each, names, self._encoded) for each in arguments]

    def _encoded(self, request: Request, names: Names) -> bytes:
        encoder = self._encoders.get(id(request))
        if encoder is None:
            encoder = self._encoders[id(request)] = _encoder(request)
        values = {
            name: filled(each, names) if isinstance(each, str) else each
            for name, each in request.values.items()
        }
        return encoder.encode(values)

    @contextmanager
    def _calling(self, doing: str, missing: Sequence[str] = ()) -> Iterator[None]:
        """Every call into Java: bounded in time, and raises only what the contract knows."""
        timer = Timer(self._options.timeout, self.cut, (f"no answer within {self._options.timeout:g} s",))
        timer.daemon = True
        with self._state:
            self._thread, self._why = java("java.lang.Thread").currentThread(), ""
        timer.start()
        try:
            yield
        except jpype.JException as error:
            raise self._translated(error, doing, missing) from None
        except (AttributeError, TypeError) as error:  # JPype's: no such class, method, or overload of it
            raise ConfigError(f"{doing}: {self._told(str(error))}", remedy=_SETTINGS) from None
        except ValueError as error:
            raise Rejected(self.masked(str(error))) from None
        finally:
            timer.cancel()
            with self._state:
                self._thread = None
                java("java.lang.Thread").interrupted()

    def _translated(self, error: Any, doing: str, missing: Sequence[str]) -> Exception:
        chain = list(_causes(error))
        told = f"{doing}: {self._told(_described(chain))}"
        if self._why:
            return TransientError(f"{doing}: {self._why}", remedy="it is tried again")
        if classed := self._classed(chain, told, missing):
            return classed
        if any(kind.endswith(_LINKAGE) for kind, _ in chain):
            return ConfigError(told, remedy="the jars are incomplete: add what is missing to `jars`")
        if isinstance(error, java("java.lang.Error")):
            return JvmError(told)
        return TransientError(
            told, remedy="it is tried again; name its message under `errors` if that is no use"
        )

    def _classed(
        self, chain: Sequence[tuple[str, str]], told: str, missing: Sequence[str]
    ) -> Exception | None:
        """By the options, and where they say nothing by the name of its class."""
        messages = [f"{kind}: {message}" for kind, message in chain]
        for message in messages:
            rule = next((rule for rule in self._options.errors if _fits(rule, message)), None)
            if rule:
                return judge(rule.kind, told)
        if any(re.search(pattern, message) for message in messages for pattern in missing):
            return Missing(told)
        if self._secrets and _is_refused([kind for kind, _ in chain]):
            return CredentialsError(told, remedy="see to the account, then `resume`; or class it in `errors`")
        return None

    def _told(self, text: str) -> str:
        return _line(self.masked(text))  # in this order: a part of a secret is one

    def masked(self, text: str) -> str:
        """Without secrets, however blanks and capitals in them are written: hosts fold what was typed."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            pattern = r"\s+".join(map(re.escape, secret.split())) or re.escape(secret)
            text = re.sub(pattern, "***", text, flags=re.IGNORECASE)
        return text


def _is_refused(kinds: Sequence[str]) -> bool:
    """Whether an exception is named after a refused account, and no line that failed has caused it."""
    named = [at for at, kind in enumerate(kinds) if _REFUSES.search(kind)]
    return bool(named) and not any(map(_FAILS.search, kinds[named[-1] :]))


def _encoder(request: Request) -> Encoder:
    """Errors: ConfigError, when the copybook has no such items."""
    encoder = Encoder(decoder(request).layout, request)
    try:
        encoder.must_know(request.values)
    except ValueError as error:
        raise ConfigError(f"{request.copybook}: {error}", remedy="correct `values`") from None
    return encoder


_REFUSES = re.compile(
    r"(?:(?<!General)Security|Log[io]n|(?<!Not)Authenti|Authori[sz]|Credential|Password"
    r"|AccountLocked|AccountExpired)"
    r"(?!\w*(?:Time|Unavailable|Required|Service|Server|Session|Token|Limit|Connect|Communic|Network|NotSupp))"
    r"\w*Exception$"
)
"""What Java and its connectors call a refused account; asked for again, it would be locked."""
_FAILS = re.compile(
    r"^java\.(?:net|io|nio)\.|^javax\.net\.|(?:Timeout|Communication|Unavailable)\w*Exception$"
)
"""What ends a call that nobody has answered."""

_LINKAGE = (
    "NoClassDefFoundError",
    "ClassNotFoundException",
    "UnsupportedClassVersionError",
    "NoSuchMethodError",
)


def _placeholders(options: JavaOptions) -> tuple[Names, list[str]]:
    told = {"user": options.user, "password": options.password, **options.secrets}
    shown = {name: each.reveal() if isinstance(each, Secret) else each for name, each in told.items()}
    secrets = [shown[name] or "" for name, each in told.items() if isinstance(each, Secret)]
    return {"host": options.host, "port": options.port, **shown}, [each for each in secrets if each]


def _causes(error: Any) -> Iterator[tuple[str, str]]:
    """Class and message of an exception, and of what caused it."""
    for _ in range(16):
        if error is None:
            return
        yield str(error.getClass().getName()), str(error.getMessage() or "")
        error = error.getCause()


def _described(chain: Sequence[tuple[str, str]]) -> str:
    first, last = (
        f"{kind.rpartition('.')[2]}: {message}".rstrip(": ") for kind, message in (chain[0], chain[-1])
    )
    return first if chain[-1][1] in chain[0][1] else f"{first} ({last})"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "..."


def _fits(rule: ErrorRule, text: str) -> bool:
    """Rules about lines of a screen say nothing about messages."""
    if rule.row is not None or rule.absent:
        return False
    return rule.text in text if rule.text is not None else bool(re.search(rule.pattern or "", text))


def jars(options: JavaOptions) -> list[Path]:
    """Errors: ConfigError."""
    return [jar for pattern in options.jars for jar in jvm.matching(pattern, "name the connector's jars")]
