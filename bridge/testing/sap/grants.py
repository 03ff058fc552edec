"""What the users may do: S_RFC for function modules, S_TABU_NAM and S_TABU_DIS for tables.

SAP Help, "Authorization Object S_RFC" (RFC_TYPE FUNC or FUGR, RFC_NAME) and "S_TABU_NAM" (ACTVT 03, TABLE),
is asked where "S_TABU_DIS" (DICBERCLS, the table's group in TDDAT) does not do; a value may end with `*`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bridge.testing.sap.abap import Function


@dataclass
class Grants:
    """Names, or beginnings of names with `*`; what is denied wins.

    groups: of functions; table_groups: CCLASS of TDDAT.
    """

    functions: set[str] = field(default_factory=lambda: {"*"})
    groups: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=lambda: {"*"})
    table_groups: set[str] = field(default_factory=set)
    denied_functions: set[str] = field(default_factory=set)
    denied_tables: set[str] = field(default_factory=set)

    def may_call(self, function: Function) -> bool:
        if _matches(function.name, self.denied_functions):
            return False
        return _matches(function.name, self.functions) or _matches(function.group, self.groups)

    def may_read(self, table: str, group: str = "&NC&") -> bool:
        if _matches(table, self.denied_tables):
            return False
        return _matches(table, self.tables) or _matches(group, self.table_groups)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in tuple(patterns))
