"""Sessions: terminals that are logged on. A refused account is tried once, whoever asks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event, Lock

from bridge.contract import Secret
from bridge.errors import BridgeError, CredentialsError, TransientError
from connectors.mainframe import transports
from connectors.mainframe.config import MainframeConfig, Step
from connectors.mainframe.errors import AGAIN, Kind, Looked, Trouble, is_about_the_account, translated
from connectors.mainframe.maps import Maps
from connectors.mainframe.terminal import Endpoint, Refused, Terminal, Tls
from connectors.mainframe.walk import ANY, Pace, Texts, Walk

# A good-bye that takes longer than this is left unsaid.
_GOOD_BYE_S = 1.5
# Some screens answer CLEAR by showing what they covered.
_MOST_CLEARS = 3
_CLEAR = Step(press="clear")
# Once log-ons have taken so long, a poll goes on with the sessions that there are; the next one takes more.
_LOG_ONS_S = 3.0
# A session that the host does not give beside others is asked for again after so long.
_AGAIN_S = 60.0

REFUSED = "the account is refused"
DOUBTFUL = "after a password only what is expected is tried again"
NOT_AWAITED = "a password was typed, and the host's answer was not awaited"

_log = logging.getLogger(__name__)

type Keep = Callable[[Trouble], str]
"""Keeps a trouble's screen, and says where."""


class Gate:
    """One log-on at a time; after a refusal there is no other."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._refused: CredentialsError | None = None

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Errors: CredentialsError, once one log-on ended in that."""
        with self._lock:
            if self._refused:
                raise self._refused.with_traceback(None)
            yield

    def shut(self, error: CredentialsError) -> None:
        self._refused = error


class Session:
    """One LU. Used by one thread at a time, `interrupt` excepted."""

    def __init__(self, endpoint: Endpoint, config: MainframeConfig, shared: Shared) -> None:
        self.endpoint, self.config, self._shared = endpoint, config, shared
        self._terminal: Terminal | None = None
        self._walk: Walk | None = None
        self._logged_on = False
        self._told_secret = False
        """Whether this log-on has typed one."""

    @property
    def walk(self) -> Walk:
        if self._walk is None:
            raise TransientError(f"{self.endpoint.address} is not open")
        return self._walk

    @property
    def logged_on(self) -> bool:
        """Whether it was, when last looked at."""
        return self._logged_on

    @property
    def lu(self) -> str | None:
        return self._terminal.lu if self._terminal else None

    # -- in and out

    def open(self) -> None:
        """Connect and log on. Errors: of the bridge."""
        with self._shared.gate.passing():
            self._open()

    def _open(self) -> None:
        shared = self._shared
        self._terminal = shared.terminals(self.config.transport, self.endpoint)
        if shared.interrupted.is_set():  # while it waited for others' log-ons
            raise TransientError("interrupted")
        self._terminal.connect()
        pace = Pace(self.config.timeout, self.config.settle)
        self._walk = Walk(self._terminal, shared.maps, pace, shared.texts(), shared.interrupted)
        self._log_on(self._walk)

    def _log_on(self, walk: Walk) -> None:
        """Errors: of the bridge; those about the account, for all sessions."""
        self._told_secret = False
        for number, step in enumerate(self.config.logon, 1):
            told = f"step {number} ({step})"
            try:
                seen = walk.take(step, told, walk.texts, self.config.refused)
                self._refuse(seen, step, told)
                self._told_secret = self._told_secret or walk.told_secret_on is not None
                if seen and step.press and seen.name in step.expect:
                    walk.told_secret_on = None  # it was answered
            except (Trouble, TransientError) as error:
                raise self._failed(walk, error) from None
        self._logged_on = True

    def _failed(self, walk: Walk, error: Trouble | TransientError) -> BridgeError:
        """What ended a log-on, as it is told; the gate is shut by what no second attempt is made after.

        That parks the connector: `resume` makes a new one, with a gate of its own. A parked stream would not.
        """
        told_secret, cut = walk.told_secret_on is not None, False
        if isinstance(error, TransientError):
            cut = self._shared.interrupted.is_set()
            if not told_secret or walk.last is None or (cut and walk.unsent):
                return self._before_a_secret(error)
            error = self._lost(walk, error, walk.last)
        doing = f"log-on at {self.endpoint.address}"
        if error.kind is Kind.RETRY and not told_secret:
            told = f"{doing}: the host gives no session now: {error.seen.shown}"
            return Refused(told, remedy=self._shared.keep(error))
        failure = translated(self._about_the_account(error, cut=cut), doing, self._shared.keep)
        if isinstance(failure, CredentialsError):
            self._shared.gate.shut(failure)
        if isinstance(failure, TransientError) and not told_secret:
            return self._before_a_secret(failure)
        return failure

    def _before_a_secret(self, error: TransientError) -> TransientError:
        """Another LU may do better, and nothing was typed that could lock an account."""
        if self._told_secret or self._logged_on or self._shared.interrupted.is_set():
            return error
        return Refused(error.text, remedy=error.remedy, retry_after=error.retry_after)

    @staticmethod
    def _lost(walk: Walk, error: TransientError, before: Looked) -> Trouble:
        """A session that is gone, judged by what the host wrote before it hung up."""
        seen = before
        with suppress(TransientError):
            seen = walk.look()
        return Trouble(seen.kind or Kind.UNKNOWN, error.text, "", seen)

    def _refuse(self, seen: Looked | None, step: Step, told: str) -> None:
        if seen is None or not step.press:
            return
        if seen.name in self.config.refused or (seen.name and seen.name == self.walk.told_secret_on):
            why = REFUSED if self._is_refusal(seen) else DOUBTFUL
            raise Trouble(Kind.CREDENTIALS, told, " or ".join(step.expect), seen, why)

    def _is_refusal(self, seen: Looked) -> bool:
        """The screen of the log-on once more is one, unless it stands there as it was sent."""
        if seen.name in self.config.refused:
            return True
        sent = self.walk.left
        again = seen.name is not None and seen.name == self.walk.told_secret_on
        return again and (sent is None or sent.screen.text != seen.screen.text)

    def _about_the_account(self, trouble: Trouble, *, cut: bool) -> Trouble:
        """After a secret no doubtful answer is asked for twice: accounts lock after three.

        `cut`: by an interrupt, so that what shows need not be the answer.
        """
        if self.walk.told_secret_on is None or trouble.kind is Kind.CREDENTIALS:
            return trouble
        if trouble.seen.name in self.config.refused:
            return trouble.as_kind(Kind.CREDENTIALS, REFUSED)
        if trouble.kind in (Kind.RETRY, Kind.RELOGIN):
            return trouble
        if cut:
            return trouble.as_kind(Kind.CREDENTIALS, NOT_AWAITED)
        return trouble.as_kind(Kind.CREDENTIALS, REFUSED if self._is_refusal(trouble.seen) else DOUBTFUL)

    def close(self) -> None:
        """Log off, where that is still possible, and let go."""
        terminal, self._terminal = self._terminal, None
        walk, self._walk = self._walk, None
        if terminal is None:
            return
        try:
            if walk and self._logged_on:
                walk.pace = replace(walk.pace, timeout=min(walk.pace.timeout, _GOOD_BYE_S))
                with suppress(TransientError):
                    terminal.wait(0)  # an interrupt that nobody has heard yet
                with suppress(BridgeError, Trouble):
                    # A password that is refused now would be typed again by whoever opens the next session.
                    self._go_home(walk, texts=walk.texts.without_secrets())
                    walk.perform(self.config.logoff, "log-off")
        finally:
            self._logged_on = False
            terminal.close()

    def interrupt(self) -> None:
        if self._terminal:
            self._terminal.interrupt()

    def confirm(self) -> None:
        """A secret that no screen has answered by name is answered by `home`, before it is typed again.

        Errors: of the bridge.
        """
        if self.walk.told_secret_on is not None:
            self._arrive(self.walk)

    # -- to the place where streams begin

    def go_home(self, stale: str | None = None) -> None:
        """From wherever: by CLEAR and the steps to `home`, or with a new log-on. Errors: of the bridge.

        `stale`: a screen that says what is of no use any more; it is left though it be `home` itself.
        """
        try:
            self._arrive(self.walk, stale)
        except (Trouble, TransientError) as error:
            if self._shared.interrupted.is_set() or is_about_the_account(error):
                raise
            self.renew()
            self._arrive(self.walk)

    def _arrive(self, walk: Walk, stale: str | None = None) -> None:
        """What a secret was typed for, and no screen has answered by name, is answered here.

        Errors: Trouble, of the bridge.
        """
        try:
            self._go_home(walk, stale)
        except (Trouble, TransientError) as error:
            if walk.told_secret_on is None:
                raise
            if isinstance(error, Trouble) and error.kind in AGAIN:
                error = error.as_kind(Kind.UNKNOWN, "")
            self._logged_on = False  # a good-bye from `home` would type it again
            raise self._failed(walk, error) from None
        walk.told_secret_on = None

    def renew(self) -> None:
        """Log on anew; others that are to do so wait until this one was let in. Errors: of the bridge."""
        self.close()
        with self._shared.gate.passing():
            self._open()
            self.confirm()

    def _go_home(self, walk: Walk, stale: str | None = None, texts: Texts | None = None) -> None:
        """Errors: Trouble, TransientError."""
        home = self.config.home
        if home != stale and not walk.unsent and self._is(walk, home):
            return
        self._clear(walk)
        if not self._is(walk, home):
            walk.perform(self.config.home_by, f"to {home or 'a cleared screen'}", texts)
            if home:
                walk.await_screen((home,), f"to {home}")

    def _clear(self, walk: Walk) -> None:
        for _ in range(_MOST_CLEARS):
            walk.unlock("CLEAR")
            walk.press("clear", "CLEAR", (self.config.home or ANY,))
            if not walk.unlock("CLEAR").screen.title or self._is(walk, self.config.home):
                return
        seen = walk.look()
        if self.config.home is None and any(not field.protected for field in seen.screen.fields):
            why = "what is typed now would go into it"
            remedy = "name the screen that CLEAR leads to as `home`"
            raise Trouble(Kind.UNKNOWN, "CLEAR", "a cleared screen", seen, why, remedy)

    @staticmethod
    def _is(walk: Walk, home: str | None) -> bool:
        seen = walk.look()
        return home is not None and seen.name == home and seen.kind is None and not seen.screen.locked


class Shared:
    """What all sessions of a connector have in common."""

    def __init__(self, config: MainframeConfig, maps: Maps, keep: Keep, interrupted: Event) -> None:
        self.maps, self.keep, self.interrupted = maps, keep, interrupted
        self.terminals = transports.terminal
        self.gate = Gate()
        self._config = config
        self.texts()  # what is missing is told at once

    def texts(self) -> Texts:
        """As they are now: passwords are changed while a connector runs. Errors: ConfigError."""
        config = self._config
        user = config.user.reveal() if isinstance(config.user, Secret) else config.user
        secrets = dict(config.secrets) | ({"password": config.password} if config.password else {})
        return Texts({"user": user} if user else {}, {name: each.reveal() for name, each in secrets.items()})


class Pool:
    """At most `sessions` of them; the first is there from the start, the others when they are needed."""

    def __init__(self, config: MainframeConfig, shared: Shared) -> None:
        self._config, self._shared = config, shared
        self._endpoint = endpoint_of(config)
        self._sessions: list[Session] = []
        self._asks_from = 0.0
        """When more of them than there are may be asked for (monotonic)."""

    @property
    def main(self) -> Session:
        return self.take(1)[0]

    def take(self, count: int) -> list[Session]:
        """So many, or as many as the host gives in time, one at least. Errors: as `Session.open`."""
        self._let_go()
        until = time.monotonic() + _LOG_ONS_S
        while len(self._sessions) < min(count, self._config.sessions) and self._may_ask:
            try:
                for last in self._sessions[-1:]:
                    last.confirm()
                self._open_any()
            except TransientError as error:
                if not self._sessions or self._shared.interrupted.is_set():
                    raise
                self._asks_from = time.monotonic() + _AGAIN_S
                told = self._config.address, len(self._sessions), error.text
                _log.warning("%s: going on with %d of the sessions: %s", *told)
            if time.monotonic() >= until:
                break
        return self._sessions[:count]

    @property
    def _may_ask(self) -> bool:
        return not self._sessions or time.monotonic() >= self._asks_from

    def _let_go(self) -> None:
        """Of those that were lost and could not log on anew: the others may do without them."""
        for session in [each for each in self._sessions if not each.logged_on]:
            self._sessions.remove(session)
            session.close()

    def _open_any(self) -> None:
        """With an LU of those that are named and not ours yet; others may have some, or they are silent."""
        named = self._config.lu or (None,)
        ours = {session.endpoint.lu for session in self._sessions} if len(named) > 1 else ()
        *others, last = [replace(self._endpoint, lu=lu) for lu in named if lu not in ours]
        for endpoint in others:
            try:
                self._open(endpoint)
            except Refused as error:
                _log.info("LU %s: %s; the next one is tried", endpoint.lu, error.text)
            else:
                return
        self._open(last)

    def _open(self, endpoint: Endpoint) -> None:
        session = Session(endpoint, self._config, self._shared)
        self._sessions.append(session)  # so that it can be interrupted
        try:
            session.open()
        except BaseException:
            self._sessions.remove(session)
            session.close()
            raise

    def interrupt(self) -> None:
        """From another thread."""
        for session in tuple(self._sessions):
            session.interrupt()

    def close(self) -> None:
        """All at once: each may take its time to log off."""
        sessions, self._sessions = self._sessions, []
        if sessions:
            with ThreadPoolExecutor(len(sessions), "log-off") as executor:
                done = [executor.submit(session.close) for session in sessions]
            for each in done:
                each.result()


def endpoint_of(config: MainframeConfig) -> Endpoint:
    return Endpoint(
        host=config.host,
        port=config.port,
        model=config.model,
        code_page=config.code_page,
        tn3270e=config.tn3270e,
        tls=_tls_of(config),
        connect_timeout=config.connect_timeout,
    )


def _tls_of(config: MainframeConfig) -> Tls | None:
    options = config.tls
    if isinstance(options, bool):
        return Tls() if options else None
    return Tls(
        options.ca_file,
        options.certificate,
        options.key,
        options.key_password.reveal() if options.key_password else None,
        options.host_name,
        options.minimum,
    )
