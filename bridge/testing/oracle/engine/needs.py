"""What a statement needs before it may run."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.testing.oracle.datatypes import Type


@dataclass
class Needs:
    """What a statement needs beyond its text: grants, and the types of its binds."""

    binds: dict[str, Type]
    grants: list[tuple[str, str, str]] = field(default_factory=list)
    """Action, owner, object."""
    transaction: bool = False
    """It begins one, though it may change nothing."""

    def ask(self, action: str, owner: str, name: str) -> None:
        if (action, owner, name) not in self.grants:
            self.grants.append((action, owner, name))
