"""`python -m bridge.testing.sap`: a simulated ABAP system with customers, and clerks who work with them."""

from __future__ import annotations

import argparse
import signal
from threading import Event, Thread

from bridge.testing.sap import tables
from bridge.testing.sap.clerks import Clerks
from bridge.testing.sap.company import Company
from bridge.testing.sap.peer import SapPeer

parser = argparse.ArgumentParser(prog="python -m bridge.testing.sap", description=__doc__)
parser.add_argument("ashost", nargs="?", default="", help="an address in 127/8; default: one that is free")
parser.add_argument("--sysnr", default="00", help="the gateway's port is 33 and this (default: %(default)s)")
parser.add_argument("--customers", type=int, default=300, help="those there are at first")
parser.add_argument("--wide", type=int, default=0, help="rows of 512 characters in table ZBRIDGE_WIDE")
parser.add_argument("--rate", type=float, default=5, help="transactions a second; 0: nobody works")
parser.add_argument("--release", default="758", help="of SAP_BASIS (default: %(default)s)")
parser.add_argument("--compress", action="store_true", help="send large tables compressed, as systems do")
given = parser.parse_args()
stop = Event()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: stop.set())
company = Company(customers=given.customers, release=given.release)
if given.wide:
    tables.load_wide(company.system, given.wide)
with SapPeer(company.system, ashost=given.ashost, sysnr=given.sysnr) as peer:
    peer.switches.compress = given.compress
    logon = f"sysnr {peer.sysnr}, client {peer.client}, user {peer.user}, password {peer.password}"
    print(f"{peer.ashost}, {logon}", flush=True)  # noqa: T201
    if given.rate:
        clerks = Clerks(company.customers)
        Thread(target=clerks.work, args=(stop, given.rate), daemon=True).start()
    stop.wait()
