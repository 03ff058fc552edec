"""Accounts, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

PUBLIC = frozenset(
    {
        *("DUAL", "SESSION_PRIVS", "SESSION_ROLES", "PRODUCT_COMPONENT_VERSION", "V_$VERSION", "GLOBAL_NAME"),
        *("NLS_DATABASE_PARAMETERS", "NLS_SESSION_PARAMETERS", "V_$NLS_PARAMETERS"),
        *("DBMS_ROWID", "DBMS_LOB", "DBMS_APPLICATION_INFO", "DBMS_SESSION", "DBMS_UTILITY", "UTL_RAW"),
    }
)
"""What of SYS is granted to PUBLIC; so are all views named ALL_ and USER_, and the types of JMS messages."""
DEFINITIONS = frozenset({"SELECT", "READ"})
CHANGES = ("INSERT", "UPDATE", "DELETE")


class Status(StrEnum):
    """ACCOUNT_STATUS of DBA_USERS."""

    OPEN = "OPEN"
    LOCKED = "LOCKED"
    EXPIRED = "EXPIRED"


REFUSED = {Status.LOCKED: 28000, Status.EXPIRED: 28001}


@dataclass
class Account:
    """Somebody who may log in; `proxies` may do so on his behalf (ALTER USER ... GRANT CONNECT THROUGH)."""

    password: str
    status: Status = Status.OPEN
    proxies: set[str] = field(default_factory=set)


@dataclass
class Grants:
    """Object and system privileges.

    A plain account has CREATE SESSION, SELECT and FLASHBACK on all tables of applications, and SELECT on
    V_$DATABASE; objects are `OWNER.NAME`, or `*` for all that do not belong to SYS.
    """

    objects: set[tuple[str, str, str]] = field(default_factory=set)
    """User, action, object."""
    withheld: set[tuple[str, str, str]] = field(default_factory=set)
    """Exceptions from `*`."""
    system: dict[str, set[str]] = field(default_factory=dict)
    roles: dict[str, set[str]] = field(default_factory=dict)

    def plain(self, user: str) -> None:
        self.system.setdefault(user, set()).add("CREATE SESSION")
        self.objects |= {(user, "SELECT", "*"), (user, "FLASHBACK", "*"), (user, "SELECT", "SYS.V_$DATABASE")}

    def everything(self, user: str) -> None:
        """DBA."""
        self.roles.setdefault(user, set()).add("DBA")
        self.system.setdefault(user, set()).update(
            ("CREATE SESSION", "SELECT ANY DICTIONARY", "SELECT ANY TABLE", "FLASHBACK ANY TABLE")
        )

    def grant(self, action: str, on: str = "", to: str = "BRIDGE") -> None:
        """`grant("DELETE", "SALES.OUTBOX")`, or `grant("SELECT ANY DICTIONARY")`."""
        if not on:
            self.system.setdefault(to, set()).add(action)
        else:
            self.objects.add((to, action, on))
            self.withheld.discard((to, action, on))

    def revoke(self, action: str, on: str = "", of: str = "BRIDGE") -> None:
        if not on:
            self.system.get(of, set()).discard(action)
        else:
            self.objects.discard((of, action, on))
            self.withheld.add((of, action, on))

    def may(self, user: str, privilege: str) -> bool:
        """A system privilege."""
        return privilege in self.system.get(user, ())

    def allows(self, user: str, action: str, owner: str, name: str) -> bool:
        """An object privilege, however it comes about."""
        if user == owner or "DBA" in self.roles.get(user, ()):
            return True
        if owner in ("SYS", "PUBLIC"):
            return self._of_system(user, action, name)
        named = (user, action, f"{owner}.{name}")
        if named in self.objects or self._any_table(user, action):
            return True
        return (user, action, "*") in self.objects and named not in self.withheld

    def sees(self, user: str, owner: str, name: str) -> bool:
        """Whether ALL_ views show the object: any privilege on it is enough."""
        return any(
            self.allows(user, action, owner, name) for action in ("SELECT", "READ", *CHANGES, "FLASHBACK")
        )

    def _of_system(self, user: str, action: str, name: str) -> bool:
        if name in PUBLIC and ("PUBLIC", action, f"SYS.{name}") not in self.withheld:
            return True
        if name.startswith(("ALL_", "USER_", "AQ$_")):
            return True
        if action in DEFINITIONS and self.may(user, "SELECT ANY DICTIONARY"):
            return True
        return (user, action, f"SYS.{name}") in self.objects

    def _any_table(self, user: str, action: str) -> bool:
        return self.may(user, f"{action} ANY TABLE")
