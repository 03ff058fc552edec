"""tnz's interpreter of 3270 data streams: as tolerant as s3270's, without loop, logs and file transfers."""

import logging
import re
from functools import lru_cache
from typing import Any

from tnz import tnz as base

from bridge.errors import TransientError
from connectors.mainframe.screen import Field
from connectors.mainframe.terminal import SIZES, Endpoint
from connectors.mainframe.transports import reach

_PF = bytes.fromhex("f1f2f3f4f5f6f7f8f97a7b7cc1c2c3c4c5c6c7c8c94a4b4c")
AIDS = {
    "enter": 0x7D, "clear": 0x6D, "sysreq": 0xF0, "pa1": 0x6C, "pa2": 0x6E, "pa3": 0x6B,
    **{f"pf{number}": code for number, code in enumerate(_PF, 1)},
}  # fmt: skip
_SHORT = (0x6B, 0x6C, 0x6D, 0x6E, 0x6F)  # keys that send no fields
# Highlighting, colours, 3270. Others are legal, and mean nothing to who reads text.
_OF_FIELDS = (0x41, 0x42, 0x45, 0xC0)
_OF_CHARACTERS = (0x00, 0x41, 0x42, 0x45)
_PAIR = 2  # bytes: an attribute's kind and value
_SHOWN_CODES = bytes.fromhex("000c0d0e0f15191c1e253f")  # control codes that take a cell
_IGNORED = bytes(code for code in range(0x40) if code not in _SHOWN_CODES)
_LONGEST = 1 << 20  # bytes of a record: the largest screen has 30 KiB
_HEADER = 5  # bytes before a TN3270E record
_ABORT_OUTPUT, _TN3270E = 245, 40
_START_TLS = 46
_DO_START_TLS = bytes.fromhex("fffd2e")
_REJECT, _DEVICE_TYPE_IS = bytes.fromhex("fffa28020605"), bytes.fromhex("fffa280204")
_TERMINAL_TYPE_SEND = bytes.fromhex("fffa1801")
_SKIP = 0x30  # protected and numeric
_CONNECT = b"\x01"
_UNKNOWN_ERROR = 6

# It would install handlers of its own.
_silent = logging.getLogger(f"{__name__}.tnz")
_silent.disabled = True
base.Tnz._Tnz__logger = _silent  # noqa: SLF001 - there is no other way to it


class Unreadable(TransientError):
    def __init__(self) -> None:
        super().__init__("the host sent something that is no 3270 data stream tnz can read")


class _Heard:
    """Stands for the asyncio.Event that tnz sets."""

    def set(self) -> None:
        pass


class _Outbox:
    """Stands for the asyncio transport that tnz writes to."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data

    def is_closing(self) -> bool:
        return False


@lru_cache(maxsize=64)
def _attributes(plane: bytes) -> tuple[tuple[int, int], ...]:
    """Screens come again."""
    return tuple((found.start(), found[0][0]) for found in re.finditer(rb"[^\x00]", plane))


class Emulator(base.Tnz):  # type: ignore[misc]
    """Bytes in, bytes out, and the buffer in between. `_process*` are tnz's own names."""

    rejected: int | None = None  # the host's reason
    lu: str | None = None
    records = 0  # so many the host has written

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(name="3270")
        self._outbox = _Outbox()
        self._transport = self._outbox
        self._event = _Heard()
        self._plain_type = f"IBM-{3279 if endpoint.color else 3278}-{endpoint.model}-E"
        self.terminal_type = reach.device_type(endpoint)
        self.use_tn3270e = endpoint.tn3270e
        self.lu_name = endpoint.lu
        self.capable_color = endpoint.color
        self.amaxrow, self.amaxcol = SIZES[endpoint.model]
        self.cp_00 = int(endpoint.code_page[2:])

    @property
    def locked(self) -> bool:
        return bool(self.pwait or self.system_lock_wait)

    def attributes(self) -> tuple[tuple[int, int], ...]:
        """Address and value of each field attribute."""
        return _attributes(bytes(self.plane_fa))

    def graphics(self) -> list[int]:
        """The addresses of cells of the graphic escape's character set."""
        return [found.start() for found in re.finditer(rb"\xf1", self.plane_cs)]

    def hear(self, data: bytes) -> None:
        """Errors: Unreadable; the session is of no use afterwards."""
        try:
            self._data_received(data)
        except Unreadable:
            raise
        except Exception:  # noqa: BLE001 - there is no telling what broken data makes tnz raise
            raise Unreadable from None
        if len(self._Tnz__work_buffer) + len(self._Tnz__pndrec) > _LONGEST:
            raise Unreadable

    def said(self) -> bytes:
        """What is to be sent to the host, once."""
        said = bytes(self._outbox.data)
        self._outbox.data.clear()
        return said

    def put(self, address: int, codes: bytes, room: int, field: Field | None) -> None:
        """Write so many cells as the user would; those after the codes are erased."""
        self.ucba(self.plane_dc, address, codes.ljust(room, b"\0"))
        self.ucba(self.plane_cs, address, bytes(room))
        self.curadd = (address + len(codes)) % self.buffer_size
        if field is not None:
            attribute = (field.start - 1) % self.buffer_size
            self.plane_fa[attribute] = base.bit6(self.plane_fa[attribute] | 1)
            if codes:
                self._skip()

    def _skip(self) -> None:
        """Past the attribute behind a field that is full, and on to the next entry where it says so."""
        following = self.plane_fa[self.curadd]
        if following & _SKIP == _SKIP:
            self.key_tab()
        elif following:
            self.curadd = (self.curadd + 1) % self.buffer_size

    def unlock(self) -> None:
        self._restore_keyboard()

    def abort_output(self) -> None:
        self.send_command(_ABORT_OUTPUT)

    def send_aid(self, aid: int, short: bool | None = None) -> None:  # noqa: FBT001 - tnz's own signature
        """Of an unformatted screen too, which tnz takes for one without modified fields."""
        if short if short is not None else aid in _SHORT or any(self.plane_fa):
            super().send_aid(aid, short)
            return
        self.aid = aid
        self.send_3270_data(
            bytes([aid]) + self.address_bytes(self.curadd) + bytes(self.plane_dc).replace(b"\0", b"")
        )

    def _unlogged(self, *_: Any, **__: Any) -> None:
        """Its records hold screens and what is typed."""

    _Tnz__log = _Tnz__log_debug = _Tnz__log_info = _Tnz__log_error = _unlogged

    def _data_telnet(self, buff: bytes, start: int, stop: int) -> None:
        if start < stop and not self.tn3270:
            raise Unreadable  # text for a line terminal
        super()._data_telnet(buff, start, stop)

    def _process(self, data: bytes) -> None:
        if data == _DO_START_TLS:
            self.send_wont(_START_TLS)  # TLS is from the first byte or not at all
        elif data.startswith(_REJECT):
            self.rejected = (data[len(_REJECT) :] or bytes([_UNKNOWN_ERROR]))[0]
            self.send_wont(_TN3270E)
        else:
            if data == _TERMINAL_TYPE_SEND:
                self.terminal_type = self._plain_type
            elif data.startswith(_DEVICE_TYPE_IS):
                self.lu = data.partition(_CONNECT)[2].decode("ascii", "replace") or None
            super()._process(data)

    def _proc3270ds(self, b_str: bytes, zti: Any = None) -> None:
        self.records += 1
        if self.tn3270e and len(b_str) <= _HEADER:
            return
        try:
            super()._proc3270ds(b_str, zti=zti)
        except base.TnzError:
            raise Unreadable from None  # of its own errors, tnz prints the traceback

    def _process_data(self, data: bytes, begidx: int, endidx: int, zti: Any = None) -> None:
        shown = data[begidx:endidx].translate(None, _IGNORED)
        if shown:
            super()._process_data(shown, 0, len(shown), zti=zti)

    def _process_order_0x28(self, order: bytes, start: int, stop: int, zti: Any = None) -> int:
        pair = order[start + 1 : start + 1 + _PAIR]
        if len(pair) == _PAIR and pair[0] not in _OF_CHARACTERS:
            return start + 1 + _PAIR
        return int(super()._process_order_0x28(order, start, stop, zti=zti))

    def _process_order_0x2c(self, order: bytes, start: int, stop: int, zti: Any = None) -> int:
        if not self.plane_fa[self.bufadd]:
            return start + 2 + _PAIR * order[start + 1]
        return int(super()._process_order_0x2c(order, start, stop, zti=zti))

    def _Tnz__set_attributes(self, addr: int, b_str: bytes, b_idx: int, zti: Any = None) -> Any:  # noqa: N802
        after = b_idx + 1 + _PAIR * b_str[b_idx]
        pairs = [b_str[place : place + _PAIR] for place in range(b_idx + 1, after, _PAIR)]
        kept = [pair for pair in pairs if pair[0] in _OF_FIELDS]
        super()._Tnz__set_attributes(addr, bytes([len(kept)]) + b"".join(kept), 0, zti=zti)
        return after, pairs

    def _process_wsf_unknown(self, *_: Any, **__: Any) -> None:
        """A function we have not said we have: left out."""

    _process_wsf_0xd0 = _process_wsf_unknown  # file transfers, which a host may begin by itself
