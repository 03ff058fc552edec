"""The screens around the business: sign-on, menu, the cleared screen, and those of refusal."""

# ruff: noqa: ARG002 -- a scene is given desk and key, whether it needs them or not
from __future__ import annotations

import random
from dataclasses import dataclass

from mfmock.core.keys import Key

from bridge.testing.mainframe.datastream import Drawing, Style
from bridge.testing.mainframe.desk import Desk, Heard, Scene
from bridge.testing.mainframe.transactions import Detail, Inquiry, Listing, framed


@dataclass(frozen=True)
class SignOn(Scene):
    note: str = ""
    name = "SIGNON"

    def draw(self, drawing: Drawing, desk: Desk) -> None:
        framed(drawing, "SIGNON", self.note, "ENTER=SIGN ON PF3=END")
        drawing.text(1, 60, f"LU {desk.lu}", Style.LABEL)
        drawing.text(5, 2, "USERID:", Style.LABEL)
        drawing.entry("user", 5, 16, 8)
        drawing.text(6, 2, "PASSWORD:", Style.LABEL)
        drawing.entry("password", 6, 16, 8, style=Style.HIDDEN)

    def answer(self, heard: Heard, desk: Desk) -> Scene | None:
        if heard.key is Key.PF3:
            return None
        if heard.key is not Key.ENTER:
            return self
        return self._signed_on(heard.fields.get("user", ""), heard.fields.get("password", ""), desk)

    @staticmethod
    def _signed_on(user: str, password: str, desk: Desk) -> Scene:
        company = desk.company
        company.counts["sign-ons"] += 1
        admitted = not company.switches.locked and company.admits(user, password)
        if company.switches.locked:
            return Locked()
        if not admitted:
            return SignOn("DFHCE3523 PASSWORD NOT VALID, RETYPE")
        if company.switches.expired:
            return Expired()
        desk.user = user.upper()
        return Menu()


@dataclass(frozen=True)
class Expired(Scene):
    name = "EXPIRED"

    def draw(self, drawing: Drawing, desk: Desk) -> None:
        framed(drawing, "PASSWORD EXPIRED", "DFHCE3525 YOUR PASSWORD HAS EXPIRED", "PF3=END")
        drawing.text(5, 2, "NEW PASSWORD:", Style.LABEL)
        drawing.entry("new_password", 5, 16, 8, style=Style.HIDDEN)

    def answer(self, heard: Heard, desk: Desk) -> Scene:
        return SignOn() if heard.key is Key.PF3 else self


@dataclass(frozen=True)
class Locked(Scene):
    name = "LOCKED"

    def draw(self, drawing: Drawing, desk: Desk) -> None:
        framed(drawing, "ACCOUNT LOCKED", "DFHCE3528 YOUR USERID HAS BEEN REVOKED", "PF3=END")

    def answer(self, heard: Heard, desk: Desk) -> Scene:
        return SignOn() if heard.key is Key.PF3 else self


@dataclass(frozen=True)
class Menu(Scene):
    note: str = ""
    name = "MENU"

    def draw(self, drawing: Drawing, desk: Desk) -> None:
        framed(drawing, "MAIN MENU", self.note, "ENTER=GO PF3=SIGN OFF")
        for row, option in enumerate(("1 INQUIRE", "2 LIST", "3 DETAIL OF CUSTOMER_ID"), 4):
            drawing.text(row, 4, option)
        drawing.text(8, 2, "SELECTION:", Style.LABEL)
        drawing.entry("selection", 8, 16, 1)
        drawing.text(9, 2, "CUSTOMER_ID:", Style.LABEL)
        drawing.entry("customer_id", 9, 16, 8)

    def answer(self, heard: Heard, desk: Desk) -> Scene:
        if heard.key is Key.PF3:
            return signed_off(desk)
        if heard.key is not Key.ENTER:
            return self
        match heard.fields.get("selection", ""):
            case "1":
                return Inquiry()
            case "2":
                return Listing.begun(desk.company)
            case "3":
                return Detail.of(heard.fields.get("customer_id", ""), desk.company)
        return Menu("SELECTION NOT KNOWN")


@dataclass(frozen=True)
class Cleared(Scene):
    """Where a transaction code can be typed: unformatted, empty or with a message of the system."""

    text: str = ""
    name = "CLEARED"

    def draw(self, drawing: Drawing, desk: Desk) -> None:
        if self.text:
            drawing.bare(1, 1, self.text)
            drawing.cursor = drawing.columns

    def answer(self, heard: Heard, desk: Desk) -> Scene | None:
        typed = heard.text.removeprefix(self.text) if self.text else heard.text
        words = typed.upper().split()
        if heard.key is not Key.ENTER:
            return self
        match words:
            case ["CESF", "LOGOFF"]:
                return None
            case []:
                return self if desk.user else SignOn()
            case ["CESN", *_]:
                return SignOn()
        if desk.user is None:
            return Cleared(f"DFHAC2033 YOU ARE NOT AUTHORIZED TO USE TRANSACTION {words[0][:8]}")
        return self._started(words, desk)

    @staticmethod
    def _started(words: list[str], desk: Desk) -> Scene:
        match words:
            case ["CESF", *_]:
                return signed_off(desk)
            case ["MENU"]:
                return Menu()
            case ["CUSTINQ"]:
                return Inquiry()
            case ["CUSTLIST"]:
                return Listing.begun(desk.company)
            case ["CUSTDET", identity]:
                return Detail.of(identity, desk.company)
        return Cleared(f"DFHAC2001 TRANSACTION {words[0][:8]} IS NOT RECOGNIZED. CHECK THE TRANSACTION NAME.")


@dataclass(frozen=True)
class Noise(Scene):
    """Words in fields where none belong; the same noise for the same seed."""

    seed: int
    name = "GARBAGE"

    def draw(self, drawing: Drawing, desk: Desk) -> None:
        chance = random.Random(self.seed)
        for row in range(1, drawing.rows + 1):
            column = 2
            while column < drawing.columns - 12:
                word = "".join(chance.choices("ABCXYZ0189.,:-", k=chance.randrange(1, 9)))
                drawing.text(row, column, word, chance.choice(tuple(Style)))
                column += len(word) + chance.randrange(2, 30)

    def answer(self, heard: Heard, desk: Desk) -> Scene:
        return self


def signed_off(desk: Desk) -> Scene:
    desk.user = None
    return Cleared("DFHCE3590 SIGN-OFF IS COMPLETE.")
