"""So many calls that take too long, in every way: `oracle_time_outs.py COUNT`, a process that must not crash.

The driver's own time-outs end the interpreter when they meet a dead connection; tests run this as a child.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import oracledb

from bridge.errors import TransientError
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.switches import Stage
from connectors.oracle import session as session_module
from connectors.oracle.config import OracleConfig
from connectors.oracle.session import Session
from connectors.oracle.statements import Statement

SLOW = Statement("SELECT 1 FROM DUAL")


def stalled(peer: OraclePeer, session: Session) -> None:
    """The database answers a cancel, and the session is of use afterwards."""
    peer.switches.stall("FROM DUAL", 30)
    asked(session)
    if session.healthy:
        session.begin()
        with suppress(oracledb.Error, OSError, TransientError):
            session.rows(SLOW)


def silent(peer: OraclePeer, session: Session) -> None:
    """It does not: the socket is shut, and whoever asks again must live."""
    peer.switches.silence = Stage.CALLS
    for _ in range(2):
        asked(session)
        session.cancel()


def interrupted(peer: OraclePeer, session: Session) -> None:
    """The time-out, an interrupt and the end of the session come at once."""
    peer.switches.stall("FROM DUAL", 30)
    interrupt = threading.Timer(0.03, session.cancel)
    interrupt.start()
    asked(session)
    session.close()
    interrupt.join()


def killed(peer: OraclePeer, session: Session) -> None:
    """The line is cut just then."""
    peer.switches.stall("FROM DUAL", 30)
    cut = threading.Timer(0.03, peer.kill)
    cut.start()
    asked(session)
    session.cancel()
    cut.join()


def asked(session: Session) -> None:
    session.begin()
    try:
        session.rows(SLOW)
    except (oracledb.Error, OSError, AttributeError, TransientError):
        return
    finally:
        session.end()
    raise SystemExit("it did not take too long")


WAYS: tuple[Callable[[OraclePeer, Session], None], ...] = (stalled, silent, interrupted, killed)


def main(count: int) -> None:
    faulthandler.enable()
    logging.disable(logging.CRITICAL)  # the peer wonders at lines that break
    os.environ["ERP_PASSWORD"] = OraclePeer.password
    session_module._PATIENCE_S = session_module._GOOD_BYE_S = 0.1
    with OraclePeer() as peer:
        told = {
            "dsn": peer.dsn,
            "user": peer.user,
            "password": "env:ERP_PASSWORD",
            "streams": {"SALES.ORDERS": {}},
        }
        config = OracleConfig.model_validate(told)
        brief = config.model_copy(update={"statement_timeout": 0.03})
        for number in range(count):
            session = Session(config)
            session.open()
            session._config = brief
            WAYS[number % len(WAYS)](peer, session)
            peer.switches.clear()
            session.close()
    print(f"{count} time-outs")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]))
