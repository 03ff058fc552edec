"""The business of the host, as scenes: CUSTINQ, CUSTLIST and CUSTDET.

CUSTINQ is the reference transaction: CUSTOMER_ID and REQUEST_TYPE are typed, the answer has its title
(`CUSTOMER BALANCE`, by request type) on the first line and `LABEL: value` lines below, and takes the next
inquiry. CUSTLIST turns its pages by position, as most do: what is inserted meanwhile shifts them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from mfmock.core.keys import Key

from bridge.testing.mainframe.datastream import Drawing, Style
from bridge.testing.mainframe.desk import Company, Desk, Heard, Scene

if TYPE_CHECKING:
    from bridge.testing.mainframe.customers import Customer

NOTE_ROW, KEYS_ROW = 23, 24
LABEL_COLUMN, VALUE_COLUMN = 2, 18
FIRST_LINE, END_ROW = 5, 21
COLUMNS = {"id": 6, "name": 16, "balance": 42, "status": 56, "mark": 66}
"""Where CUSTLIST's columns begin: 8, 24, 12 (to the right), 8 and 6 cells wide. The selection is column 3."""
REQUESTS = {
    "BALANCE": ("NAME", "BALANCE", "LIMIT", "STATUS"),
    "ADDRESS": ("NAME", "CITY"),
    "ALL": ("NAME", "CITY", "STATUS", "OPENED", "BALANCE", "LIMIT", "MARK"),
}


def framed(drawing: Drawing, title: str, note: str, keys: str) -> None:
    """What all screens have: the title on the first line, a message, and the keys on the last."""
    drawing.text(1, LABEL_COLUMN, title, Style.TITLE)
    if note:
        drawing.text(NOTE_ROW, LABEL_COLUMN, note[:78], Style.ALARM)
    drawing.text(KEYS_ROW, LABEL_COLUMN, keys, Style.LABEL)


def labelled(drawing: Drawing, row: int, label: str, value: str, drift: int = 0) -> None:
    drawing.text(row, LABEL_COLUMN, f"{label}:", Style.LABEL)
    drawing.text(row, VALUE_COLUMN + drift, value)


def values(company: Company, customer: Customer) -> dict[str, str]:
    """By label, as the host writes them."""
    plain = _written(customer)
    if not company.switches.shown:
        return dict(plain)
    return {label: company.shown(customer, label.lower(), text) for label, text in plain.items()}


@lru_cache(maxsize=4096)
def _written(customer: Customer) -> dict[str, str]:
    return {
        "NAME": customer.name,
        "CITY": customer.city,
        "STATUS": customer.status,
        "OPENED": f"{customer.opened:%d.%m.%y}",
        "BALANCE": signed(customer.balance),
        "LIMIT": f"{int(customer.limit * 100):09}",
        "MARK": f"{customer.mark:06}",
    }


def signed(amount: Decimal) -> str:
    """`1,234.56` or `1,234.56-`, to the right of 12 cells."""
    return f"{abs(amount):,.2f}{'-' if amount < 0 else ' '}".rjust(12)


@dataclass(frozen=True)
class Listing(Scene):
    """One page; it remembers the rows that it showed, because a selection means those."""

    page: int
    offset: int
    rows: tuple[Customer, ...]
    pages: int
    note: str = ""
    name = "CUSTLIST"

    @classmethod
    def at(cls, company: Company, page: int, offset: int, note: str = "") -> Listing:
        with company.lock:
            rows = company.listed()
        end = offset + company.page_size
        behind = max(0, -(-(len(rows) - end) // company.page_size))
        return cls(page, offset, tuple(rows[offset:end]), page + behind, note)

    @property
    def last(self) -> bool:
        return self.page == self.pages

    @classmethod
    def begun(cls, company: Company) -> Listing:
        page, offset = company.left if company.switches.resumes else (1, 0)
        there = offset < len(company.customers)
        return cls.at(company, page, offset) if there else cls.at(company, 1, 0)

    def draw(self, drawing: Drawing, desk: Desk) -> None:
        switches = desk.company.switches
        desk.company.counts["pages"] += 1
        desk.company.left = self.page, self.offset
        framed(drawing, "CUSTOMER LIST", self.note, "S=SELECT PF3=MENU PF7=BACK PF8=FORWARD")
        of = f" OF {self.pages:4}" if switches.last_page else ""
        drawing.text(1, 60, f"PAGE {self.page:4}{of}", Style.LABEL)
        drawing.text(3, 2, "SEL", Style.LABEL)
        for name, column in COLUMNS.items():
            drawing.text(3, self._column(name, column, switches.drift), name.upper(), Style.LABEL)
        for line, customer in enumerate(self.rows):
            self._line(drawing, FIRST_LINE + line, customer, desk.company)
        if switches.end_marker:
            drawing.text(END_ROW, LABEL_COLUMN, "END OF LIST" if self.last else "MORE", Style.LABEL)

    def _line(self, drawing: Drawing, row: int, customer: Customer, company: Company) -> None:
        drawing.entry(f"select{row - FIRST_LINE}", row, 3, 1)
        shown = values(company, customer)
        shown["ID"] = company.shown(customer, "id", customer.id)
        for name, column in COLUMNS.items():
            drawing.text(row, self._column(name, column, company.switches.drift), shown[name.upper()])

    @staticmethod
    def _column(name: str, column: int, drift: int) -> int:
        return column if name == "id" else column + drift

    def answer(self, heard: Heard, desk: Desk) -> Scene:
        if chosen := [(name, text) for name, text in heard.fields.items() if text]:
            return self._selected(*chosen[0], desk)
        company = desk.company
        match heard.key:
            case Key.PF3:
                return menu()
            case Key.PF7 if self.page == 1:
                return replace(self, note="FIRST PAGE")
            case Key.PF7:
                return self._back(company)
            case Key.PF8 | Key.ENTER:
                return self._forward(company)
        return self

    def _forward(self, company: Company) -> Scene:
        """In the file as it is now."""
        switches = company.switches
        with company.lock:
            if switches.insert_between_pages:
                company.customers |= {made.id: made for made in switches.insert_between_pages(self.page + 1)}
            if switches.delete_between_pages:
                for identity in switches.delete_between_pages(self.page + 1):
                    company.customers.pop(identity, None)
            after = self._behind(company)
            if after >= len(company.customers):
                return self.at(company, self.page, self.offset, "NO MORE PAGES")
            return self.at(company, self.page + 1, after)

    def _back(self, company: Company) -> Scene:
        """To page 1 at the latest where nothing is before it: rows may have come and gone before this one."""
        page, offset = self.page - 1, self.offset - company.page_size
        return self.at(company, page, offset) if page > 1 and offset > 0 else self.at(company, 1, 0)

    def _behind(self, company: Company) -> int:
        if company.switches.by_key and self.rows:
            return sum(identity <= self.rows[-1].id for identity in company.customers)
        return self.offset + company.page_size

    def _selected(self, name: str, code: str, desk: Desk) -> Scene:
        number = int(name.removeprefix("select"))
        if code.upper() != "S" or number >= len(self.rows):
            return replace(self, note=f"SELECTION {code} NOT KNOWN")
        return Detail.of(self.rows[number].id, desk.company, self)


@dataclass(frozen=True)
class Detail(Scene):
    """One customer, with a hidden field that has data; PF3 leads back."""

    customer: Customer
    back: Listing | None = None
    name = "CUSTDET"

    @classmethod
    def of(cls, identity: str, company: Company, back: Listing | None = None) -> Scene:
        customer = company.found(identity)
        denied = company.switches.denied.get(identity.rjust(8, "0"))
        if customer is None or denied:
            note = denied or f"CUSTOMER {identity} NOT FOUND"
            return replace(back, note=note) if back else menu(note)
        return cls(customer, back)

    def draw(self, drawing: Drawing, desk: Desk) -> None:
        company = desk.company
        framed(drawing, "CUSTOMER DETAIL", "", "PF3=BACK")
        labelled(drawing, 3, "CUSTOMER_ID", company.shown(self.customer, "id", self.customer.id))
        shown = values(company, self.customer)
        if shown["BALANCE"].endswith("-"):
            shown["BALANCE"] = shown["BALANCE"].rstrip("-") + "CR"
        for row, (label, value) in enumerate(shown.items(), 4):
            labelled(drawing, row, label, value, company.switches.drift)
        drawing.text(12, VALUE_COLUMN, self.customer.pin, Style.HIDDEN)
        drawing.text(12, 60, "")

    def answer(self, heard: Heard, desk: Desk) -> Scene:
        if heard.key is not Key.PF3:
            return self
        if self.back is None:
            return menu()
        return Listing.at(desk.company, self.back.page, self.back.offset)


@dataclass(frozen=True)
class Inquiry(Scene):
    """CUSTINQ, before its first answer and after: an answer takes the next inquiry."""

    customer_id: str = ""
    request: str = ""
    customer: Customer | None = None
    note: str = ""
    labels: tuple[str, ...] = field(default=())
    name = "CUSTINQ"

    def draw(self, drawing: Drawing, desk: Desk) -> None:
        title = f"CUSTOMER {self.request}" if self.customer else "CUSTOMER INQUIRY"
        framed(drawing, title, self.note, "ENTER=INQUIRE PF3=MENU")
        drawing.text(3, LABEL_COLUMN, "CUSTOMER_ID:", Style.LABEL)
        drawing.entry("customer_id", 3, VALUE_COLUMN, 8, self.customer_id)
        drawing.text(4, LABEL_COLUMN, "REQUEST_TYPE:", Style.LABEL)
        drawing.entry("request_type", 4, VALUE_COLUMN, 10, self.request)
        if self.customer:
            shown = values(desk.company, self.customer)
            for row, label in enumerate(self.labels, 6):
                labelled(drawing, row, label, shown[label], desk.company.switches.drift)

    def answer(self, heard: Heard, desk: Desk) -> Scene:
        if heard.key is Key.PF3:
            return menu()
        if heard.key is not Key.ENTER:
            return self
        identity = heard.fields.get("customer_id", self.customer_id).upper()
        return self._asked(identity, heard.fields.get("request_type", self.request).upper(), desk.company)

    @staticmethod
    def _asked(identity: str, request: str, company: Company) -> Inquiry:
        company.counts["inquiries"] += 1
        customer = company.found(identity)
        if request not in REQUESTS:
            return Inquiry(identity, request, note=f"REQUEST_TYPE {request or 'MISSING'} NOT KNOWN")
        if customer is None:
            return Inquiry(identity, request, note=f"CUSTOMER {identity or 'ID MISSING'} NOT FOUND")
        if denied := company.switches.denied.get(customer.id):
            return Inquiry(identity, request, note=denied)
        return Inquiry(identity, request, customer, labels=REQUESTS[request])


def menu(note: str = "") -> Scene:
    from bridge.testing.mainframe.scenes import Menu

    return Menu(note)
