"""Steps over one terminal: type, press, and wait until what came is what was expected, whole and at rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from threading import Event

from bridge.errors import ConfigError, TransientError
from connectors.mainframe import recognise
from connectors.mainframe.config import PLACEHOLDER, Step
from connectors.mainframe.errors import Kind, Looked, Trouble
from connectors.mainframe.maps import Maps, ScreenMap
from connectors.mainframe.recognise import Page
from connectors.mainframe.screen import FILLER, Screen, without_words
from connectors.mainframe.sights import AS_BEFORE, WHOLE, Sight
from connectors.mainframe.terminal import Terminal

ANY = "any"
# A screen that nobody asked for may be painted over within this time: then it was on its way to another one.
_SECOND_THOUGHT_S = 0.5
# A wait that took so much longer than it was told to: what the host wrote meanwhile may be still to come.
_STOOD_STILL_S = 0.1
# What looks painted in part is given so many times the usual rest.
LONG_REST = 5
LEAST_LONG_REST_S = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds."""

    timeout: float
    settle: float

    def rest(self, times: int) -> float:
        """A long one is never nothing."""
        return max(times * self.settle, LEAST_LONG_REST_S if times >= LONG_REST else 0.0)


class Wiped(Trouble):
    """What was typed does not stand there any more; no key was pressed."""


class Texts:
    """What placeholders stand for. Secrets are revealed once, and typed into hidden fields alone."""

    def __init__(self, plain: Mapping[str, str], secret: Mapping[str, str]) -> None:
        self._plain, self._secret = plain, secret

    def with_key(self, key: Mapping[str, str]) -> Texts:
        return Texts({**self._plain, **key}, self._secret)

    def without_secrets(self) -> Texts:
        """To type one is an error then."""
        return Texts(self._plain, {})

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(self._secret.values())

    def secret(self, template: str) -> bool:
        return any(name in self._secret for name in PLACEHOLDER.findall(template))

    def fill(self, template: str) -> str:
        """Errors: ConfigError for a name that stands for nothing."""
        known = {**self._plain, **self._secret}

        def value(name: str) -> str:
            if name not in known:
                close = get_close_matches(name, known, n=1)
                told = f"did you mean {{{close[0]}}}?" if close else f"there are {', '.join(sorted(known))}"
                raise ConfigError(f"{{{name}}} stands for nothing here", remedy=told)
            return known[name]

        return PLACEHOLDER.sub(lambda found: value(found[1]) if found[1] else found[0][0], template)


def _is_whole(_: Looked) -> Sight:
    return WHOLE


class Walk:
    """One terminal, seen through the maps. Errors of its calls: Trouble, TransientError, ConfigError."""

    def __init__(self, terminal: Terminal, maps: Maps, pace: Pace, texts: Texts, interrupted: Event) -> None:
        self.terminal, self.maps, self.pace, self.texts = terminal, maps, pace, texts
        self._interrupted = interrupted
        self.told_secret_on: str | None = None
        """The screen that a secret was typed on, until this is set back: what comes now may be about it."""
        self.last: Looked | None = None
        self.asked: Looked | None = None
        """The screen that something was typed on, as the key was pressed: what comes is compared with it."""
        self.left: Looked | None = None
        """What stood there when the last key was pressed."""
        self.turned: Page | None = None
        """Of a list, the page shown last that was not its first."""
        self._entries: dict[int, str | None] = {}
        """What was typed and not sent yet, and where; None for a secret."""
        self._typed_on: list[tuple[int, bool]] = []
        """The entries of that screen."""
        self._stirred = False

    @property
    def unsent(self) -> bool:
        """Whether something was typed that no key has sent: it may still stand there."""
        return any(text != "" for text in self._entries.values())

    # -- looking

    def look(self) -> Looked:
        """What shows now; does not wait."""
        if self._interrupted.is_set():
            raise TransientError("interrupted")
        screen = self.terminal.screen()
        if self.last and self.last.screen == screen:
            return self.last
        found = recognise.identify(self.maps, screen)
        error = recognise.host_error(self.maps, screen, found.name)
        secrets = self.texts.secrets
        kind, text = (Kind(error.kind), without_words(error.text, secrets)) if error else (None, "")
        known = self.maps.screens[found.name] if found.name else None
        self.last = Looked(screen, found.name, found.told, kind, text, known, secrets)
        return self.last

    def map_of(self, name: str) -> ScreenMap:
        return self.maps.screens[name]

    def await_screen(
        self,
        expected: Collection[str],
        step: str,
        *,
        timeout: float | None = None,
        rest: float = 0.0,
        judge: Callable[[Looked], Sight] = _is_whole,
        also: Callable[[Looked], bool] = lambda _: False,
    ) -> Looked:
        """The first of these screens that shows, lacks nothing, and that nobody writes to for `rest` seconds.

        `judge` says how much of it there is; `also` recognises others. Another screen that is known, or shows
        an error, ends the wait when it stays for a moment.
        """
        ends = time.monotonic() + (timeout or self.pace.timeout)
        lacking: Looked | None = None
        while True:
            left = ends - time.monotonic()  # first, that the last look is one after the time
            seen = self._looked(step, expected)
            fits = _is(seen, expected) or (not seen.screen.locked and also(seen))
            sight = judge(seen) if fits else WHOLE
            if fits and not sight.lacks and lacking and lacking.name == seen.name:
                self._stirred = True
            if fits and not sight.lacks and not self._stirs(self._rest(sight, rest), step, expected):
                return seen
            if left <= 0:
                restless = "nobody saw it rest" if fits else ""
                raise _trouble(seen, expected, step, sight.lacks or restless)
            if not fits and _is_elsewhere(seen):
                said = seen.kind is not None and not seen.screen.locked
                thought = max(rest, self.pace.settle, 0.0 if said else _SECOND_THOUGHT_S)
                as_it_was = is_as(self.asked, seen) or is_as(self.left, seen)
                if not self._wait(left if as_it_was else min(thought, left), step, expected):
                    raise _trouble(seen, expected, step)
            elif not fits or sight.lacks:
                lacking = seen if fits and sight.lacks != AS_BEFORE else lacking
                self._wait(left, step, expected)

    def _rest(self, sight: Sight, rest: float) -> float:
        return max(rest, self.pace.rest(LONG_REST)) if sight.doubtful else rest

    def _stirs(self, rest: float, step: str, expected: Collection[str]) -> bool:
        """Whether the host goes on painting. One that has done so once is waited for longer ever after.

        Time counts while the host is waited for, and only then: a machine that stands still sees no rest.
        """
        longer, before = self.pace.rest(LONG_REST) if self._stirred else 0.0, self.last
        left = max(rest, longer)
        while rest:
            began = time.monotonic()
            stirs = self._wait(max(0.0, left), step, expected)
            left -= time.monotonic() - began
            if not stirs:
                return left < -_STOOD_STILL_S
            if before is None or not _ticks(before, self._looked(step, expected)):
                self._stirred = True
                return True
        return False

    def _looked(self, step: str, expected: Collection[str]) -> Looked:
        try:
            return self.look()
        except TransientError as error:
            raise self._gone(error, step, expected) from error

    def _wait(self, seconds: float, step: str, expected: Collection[str]) -> bool:
        try:
            return self.terminal.wait(seconds)
        except TransientError as error:
            raise self._gone(error, step, expected) from error

    def _gone(self, error: TransientError, step: str, expected: Collection[str]) -> TransientError:
        shown = f", last seen {self.last.shown}" if self.last else ""
        return TransientError(
            f"{step}: expected {_or(expected)}{shown}: {error.text}",
            remedy=error.remedy,
            retry_after=error.retry_after,
        )

    # -- doing

    def perform(self, steps: Sequence[Step], doing: str, texts: Texts | None = None) -> None:
        for number, step in enumerate(steps, 1):
            self.take(step, f"{doing}, step {number} ({step})", texts or self.texts)

    def take(self, step: Step, told: str, texts: Texts, expected: Collection[str] = ()) -> Looked | None:
        """One step; `expected`: screens that may come beside those it expects. None: it was passed over."""
        if not self.act(step, told, texts, expected):
            return None
        judge = self._is_new if step.press else _is_whole
        return self.await_screen(_wanted(step, expected), told, timeout=step.timeout, judge=judge)

    def _is_new(self, seen: Looked) -> Sight:
        """To the letter the screen that a secret was typed on is neither its answer nor its refusal yet."""
        asked = self.asked if self.told_secret_on is not None else None
        return Sight(AS_BEFORE) if asked and asked.screen.text == seen.screen.text else WHOLE

    def act(self, step: Step, told: str, texts: Texts, expected: Collection[str] = ()) -> bool:
        """Type and press; what comes then is not looked at. Whether the step was not passed over."""
        if step.when and self.await_screen((ANY,), told).name not in step.when:
            return False
        # A screen that is painted again meanwhile would take half of a log-on to the host.
        rest = self.pace.settle if any(map(texts.secret, step.texts)) else 0.0
        if not self._act(step, told, texts, expected, rest, last=False):
            # It may be painted in part: only what has rested for long is believed, and refused.
            self._act(step, told, texts, expected, self.pace.rest(LONG_REST), last=True)
        return True

    def _act(
        self, step: Step, told: str, texts: Texts, expected: Collection[str], rest: float, *, last: bool
    ) -> bool:
        """Whether it was done. What cannot be typed, or was wiped before its key, raises the last time.

        Nothing is typed at the cursor a second time: what was typed first may stand before it.
        """
        on, typed, secret = step.on or (ANY,), dict(self._entries), self.told_secret_on

        def sight(seen: Looked) -> Sight:
            return Sight(self._has_left(seen) or _takes_nothing(step, seen.screen))

        seen = self.await_screen(on, told, timeout=step.timeout, rest=rest, judge=sight)
        if not last and not self._takes(step, seen, texts):
            return False
        try:
            self._fill(step, seen, told, texts)
            if step.press:
                asked = self.asked
                self.press(step.press, told, _wanted(step, expected), step.timeout)
                self.asked = self.asked or asked  # a key alone goes on with the question
        except (ConfigError, Wiped):
            if last or (step.type is not None and self._entries != typed):
                raise
            self._entries, self.told_secret_on = typed, secret
            return False
        return True

    def _fill(self, step: Step, seen: Looked, told: str, texts: Texts) -> None:
        if step.type is not None:
            self._type(seen.screen.cursor, step.type, seen, told, texts)
        for field, template in step.fill.items():
            self._type(self._address(seen, field, told), template, seen, told, texts)

    def _has_left(self, seen: Looked) -> str:
        """On the screen that a secret was sent from, the next key might send it once more."""
        sent = self.told_secret_on is not None and not self._entries
        return "it does not accept what was typed on it" if sent and seen.name == self.told_secret_on else ""

    def _takes(self, step: Step, seen: Looked, texts: Texts) -> bool:
        """Whether all that the step types has a place here, as far as the fields tell."""
        if seen.name is None or not seen.screen.fields:
            return True
        shown = self.map_of(seen.name)
        for field, template in step.fill.items():
            address = recognise.address(shown, field, seen.screen)
            place = None if address is None else seen.screen.field_at(address)
            if place is None or place.protected or (texts.secret(template) and not place.hidden):
                return False
        return True

    def unlock(self, told: str) -> Looked:
        """Wait until something can be typed, whatever shows."""
        ends = time.monotonic() + self.pace.timeout
        while (seen := self.look()).screen.locked:
            if (left := ends - time.monotonic()) <= 0:
                raise _trouble(seen, (), told)
            self._wait(left, told, ())
        return seen

    def press(self, key: str, told: str, expected: Collection[str], timeout: float | None = None) -> None:
        """Press a key, and wait for the host to write something. Errors: Wiped, too."""
        typed = self._entries
        # As it is sent, so that an answer can be told from it.
        sent = self._looked(told, expected) if typed or self.told_secret_on is not None else None
        if sent and typed and _sends(key) and not self._still(sent.screen, typed):
            why = "it was painted on, and what was typed is gone"
            raise Wiped(Kind.RETRY, told, _or(expected), sent, why)
        self._entries = {}
        self.asked = sent if typed else None
        self.left = sent or self.last
        try:
            self.terminal.press(key)
        except TransientError as error:
            raise self._gone(error, told, expected) from error
        if not self._wait(timeout or self.pace.timeout, told, expected):
            raise _trouble(self.look(), expected, told, "the host does not answer", Kind.SILENT)

    def _still(self, screen: Screen, typed: Mapping[int, str | None]) -> bool:
        """Whether it is the screen that was typed on, with that on it."""
        return _inputs(screen) == self._typed_on and all(stands(screen, *each) for each in typed.items())

    def type_into(self, address: int, template: str, seen: Looked, told: str) -> None:
        try:
            self._type(address, template, seen, told, self.texts)
        except ConfigError:
            self._wait(self.pace.rest(LONG_REST), told, ())
            if _places(self.look().screen) != _places(seen.screen):
                why = "it was painted on before it could be typed into"
                raise _trouble(self.look(), (), told, why, Kind.RETRY) from None
            raise

    def _address(self, seen: Looked, field: str, told: str) -> int:
        if seen.name is None:
            raise _trouble(seen, (), told, f"`fill` needs a screen that is known, to find {field}")
        address = recognise.address(self.maps.screens[seen.name], field, seen.screen)
        if address is None:
            raise _trouble(seen, (), told, f"it shows no field {field}")
        return address

    def _type(self, address: int, template: str, seen: Looked, told: str, texts: Texts) -> None:
        secret, text = texts.secret(template), texts.fill(template)
        try:
            if secret:
                _refuse_unless_hidden(self._looked(told, ()).screen, address)
                self.told_secret_on = seen.name or ""
            self.terminal.type(address, text)
        except ConfigError as error:
            raise ConfigError(f"{told}, on {seen.shown}: {error.text}", remedy=error.remedy) from None
        except TransientError as error:
            raise self._gone(error, told, ()) from error
        self._entries[address] = None if secret else text
        self._typed_on = _inputs(seen.screen)


def stands(screen: Screen, address: int, text: str | None) -> bool:
    """Whether what was typed there is still what the next key sends. `text`: None for what is hidden."""
    field = screen.field_at(address)
    if text is None:
        return field is not None and field.hidden and field.modified
    if field is None:
        return not screen.fields and _reads(screen.text[address : address + len(text)], text)
    if text and not field.modified:
        return False
    return field.hidden or _reads(screen.text[address : field.start + field.length], text)


def _reads(cells: str, text: str) -> bool:
    """Blanks may be shift codes; letters beyond ASCII may come back as others of their code page."""
    shown, typed = ("".join(each.replace(FILLER, "").split()) for each in (cells, text))
    pairs = zip(shown, typed, strict=False)
    return len(shown) == len(typed) and all(a == b or not b.isascii() for a, b in pairs)


def _sends(key: str) -> bool:
    """Others send no fields."""
    return key not in ("clear", "attn", "sysreq") and not key.startswith("pa")


def _refuse_unless_hidden(screen: Screen, address: int) -> None:
    field = screen.field_at(address)
    if field is None or not field.hidden:
        raise ConfigError("a secret would be typed where it shows", remedy="fill it into a hidden field")


def _takes_nothing(step: Step, screen: Screen) -> str:
    """Where a step types at the cursor, and the host has yet to say where that is."""
    at = screen.field_at(screen.cursor)
    closed = step.type is not None and screen.fields and (at is None or at.protected)
    return "nothing can be typed at its cursor" if closed else ""


def _places(screen: Screen) -> list[tuple[int, bool, bool]]:
    """Where can be typed, and what: the same before and after something was."""
    return [(field.start, field.protected, field.hidden) for field in screen.fields]


def _inputs(screen: Screen) -> list[tuple[int, bool]]:
    """Where can be typed, and whether it shows: a clock beside them may come and go."""
    return [(field.start, field.hidden) for field in screen.fields if not field.protected]


def _wanted(step: Step, expected: Collection[str]) -> Collection[str]:
    return (*step.expect, *expected) if step.expect else (ANY,)


def _is(seen: Looked, expected: Collection[str]) -> bool:
    if seen.screen.locked or seen.kind is not None:
        return False
    return seen.name in expected or ANY in expected


def _is_elsewhere(seen: Looked) -> bool:
    return seen.kind is not None or (seen.name is not None and not seen.screen.locked)


def is_as(before: Looked | None, seen: Looked) -> bool:
    """What the maps tell of both is the same."""
    each = seen.screen_map
    if before is None or each is None or before.name != seen.name:
        return False
    if seen.kind is not None:  # whatever else has changed meanwhile
        return (before.kind, before.error) == (seen.kind, seen.error)
    return recognise.record(each, before.screen) == recognise.record(each, seen.screen)


def _ticks(before: Looked, seen: Looked) -> bool:
    """Whether nothing has changed but digits to others, as those of a clock, that no map reads."""
    (old, new), each = (before.screen, seen.screen), seen.screen_map
    if each is None or (before.name, before.kind, before.error) != (seen.name, seen.kind, seen.error):
        return False
    if (_inputs(old), old.locked) != (_inputs(new), new.locked) or len(old.text) != len(new.text):
        return False
    changed = (pair for pair in zip(old.text, new.text, strict=True) if pair[0] != pair[1])
    if not all(a.isdecimal() and b.isdecimal() for a, b in changed):
        return False
    same = recognise.record(each, old) == recognise.record(each, new)
    return same and (each.table is None or recognise.page(each, old) == recognise.page(each, new))


def _or(expected: Collection[str]) -> str:
    return " or ".join(expected)


def _trouble(
    seen: Looked, expected: Collection[str], step: str, why: str = "", kind: Kind | None = None
) -> Trouble:
    if seen.kind is not None:
        return Trouble(seen.kind, step, _or(expected), seen, why)
    if seen.screen.locked:
        return Trouble(kind or Kind.SILENT, step, _or(expected), seen, why or "the keyboard stays locked")
    return Trouble(kind or Kind.UNKNOWN, step, _or(expected), seen, why)
