"""Names of tables, and patterns of them, as `streams` and `exclude_tables` have them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from bridge.contract import Finding, Level


def is_pattern(name: str) -> bool:
    return any(mark in name for mark in "*?[")


def fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def nearest(name: str, names: Sequence[str]) -> str | None:
    """The one that `name`, or a pattern, may mean: in another case, without its schema, or misspelt."""
    lower = name.lower()
    same = (known for known in names if fnmatchcase(known.lower(), lower) or known.lower() == lower)
    bare = (known for known in names if fnmatchcase(known.lower().rpartition(".")[2], lower))
    return next(same, None) or next(bare, None) or next(iter(get_close_matches(name, names, 1)), None)


def must_leave_something_out(excluded: Iterable[str], streams: Collection[str], form: str) -> None:
    """A table that nothing finds is a misspelt one, which would be published. Errors: ValueError."""
    for name in excluded if streams else ():
        if not (is_pattern(name) or name in streams or fits(name, streams)):
            raise ValueError(f"{name}: no table or pattern under `streams` fits this; write {form}")


def in_vain(excluded: Iterable[str], names: Sequence[str]) -> Iterator[Finding]:
    """Entries of `exclude_tables` that leave out none of `names`, where another spelling would."""
    for entry in excluded:
        meant = None if any(fits(name, [entry]) for name in names) else nearest(entry, names)
        if meant is not None:
            yield Finding(
                Level.WARNING,
                f"exclude_tables: {entry} leaves out nothing that is there",
                remedy=f"did you mean {meant}? That one is read; if it is to be, take the entry out",
            )
