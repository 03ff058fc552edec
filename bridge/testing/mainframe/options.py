"""How the host is read: the options of a connector, for daemons of tests and of benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

MAPS = Path(__file__).with_name("screens.yaml")
PASSWORD_VARIABLE = "TEST_MAINFRAME_PASSWORD"  # noqa: S105 -- a name, not a secret


class Server(Protocol):
    """The host, in this process or in another."""

    @property
    def port(self) -> int: ...
    @property
    def user(self) -> str: ...


type Options = dict[str, Any]

# The whole message: a file that is "not found" says nothing of customers.
NO_CUSTOMER: Options = {"row": 23, "pattern": r"CUSTOMER \S+ NOT FOUND"}
LIST: Options = {
    "mode": "list",
    "goto": [{"type": "CUSTLIST", "press": "enter", "expect": "custlist"}],
    "screen": "custlist",
}
DETAILS: Options = LIST | {
    "mark": "mark",
    "detail": {
        "select": {"field": "select", "with": "S"},
        "screen": "custdet",
        "back": "pf3",
        "missing": [NO_CUSTOMER],
    },
}
INQUIRY: Options = {
    "mode": "inquiry",
    "goto": [{"type": "CUSTINQ", "press": "enter", "expect": "custinq"}],
    "steps": [
        {
            "fill": {"customer_id": "{customer_id}", "request_type": "BALANCE"},
            "press": "enter",
            "expect": "balance",
        }
    ],
    "screen": "balance",
    "key": ["customer_id"],
    "missing": [NO_CUSTOMER],
}


def options(host: Server, streams: Mapping[str, Options], /, **more: Any) -> Options:
    """`home` is a cleared screen, the shortest way to any transaction."""
    whole: Options = {
        "host": "127.0.0.1",
        "port": host.port,
        "user": host.user,
        "password": f"env:{PASSWORD_VARIABLE}",
        "maps": [str(MAPS)],
        "logon": [
            {
                "on": "signon",
                "fill": {"user": "{user}", "password": "{password}"},
                "press": "enter",
                "expect": "menu",
            }
        ],
        "refused": ["expired", "locked"],
        "logoff": [{"type": "CESF LOGOFF", "press": "enter", "expect": "any"}],
        "timeout": "10s",
        "streams": dict(streams),
    }
    return whole | more
