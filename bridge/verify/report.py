"""What `verify` says, for people and for machines. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1
"""Of the JSON form; a change that could break a reader makes it larger."""


@dataclass(frozen=True, slots=True)
class Found:
    """How often, and the first of the keys."""

    count: int = 0
    keys: tuple[str, ...] = ()

    def __add__(self, other: Found) -> Found:
        return Found(self.count + other.count, self.keys + other.keys)

    def __str__(self) -> str:
        some = self.count > len(self.keys)  # or one of them several times
        return ", ".join(self.keys) + (f" ({self.count} in all)" if some else "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One table and its topic."""

    stream: str
    table: str
    topic: str
    rows: int
    """Rows of the source, those that became dead letters included."""
    events: int
    pending: int
    """Keys that are not judged: the source has them beyond the stored position, or they change just now."""
    dead_letters: int
    lost: Found
    doubled: Found
    differing: Found
    gone: Found
    """In the topic and no longer in the source, which a stream without deletes cannot know."""
    keyless: bool = False
    repeated: Found = field(default_factory=Found)
    """Equal updates one after the other, where the source does not tell two from one that was doubled."""

    @property
    def as_before_a_scan(self) -> bool:
        """What is wrong may be right once the source has been read as a whole again."""
        return bool(self.lost.count or self.differing.count or (self.keyless and self.doubled.count))

    @property
    def sound(self) -> bool:
        return not (self.lost.count or self.doubled.count or self.differing.count)


@dataclass(frozen=True, slots=True)
class Report:
    """One connector. `skipped`: stream -> why it cannot be verified; `unknown`: why not this time.

    `early`: stream -> why it was judged before what it has now was published.
    """

    connector: str
    outcomes: tuple[Outcome, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    early: dict[str, str] = field(default_factory=dict)

    @property
    def faulty(self) -> bool:
        return not all(outcome.sound for outcome in self.outcomes)

    @property
    def sound(self) -> bool:
        """Something was compared, all that could be, and nothing is wrong."""
        return bool(self.outcomes) and not self.unknown and not self.faulty

    def total(self, what: str) -> int:
        """The sum of a figure over all tables."""
        figures = [getattr(outcome, what) for outcome in self.outcomes]
        return sum(each.count if isinstance(each, Found) else each for each in figures)

    def lines(self) -> Iterator[str]:
        """For people; the last one has a fixed form."""
        for outcome in self.outcomes:
            yield from _lines(outcome)
        for stream, reason in {**self.skipped, **self.unknown}.items():
            yield f"{stream}: not verified: {reason}"
        for stream, reason in self.early.items():
            yield f"{stream}: what has changed since its last scan counts as different: {reason}"
        figures = ("lost", "doubled", "differing", "rows", "events")
        told = [f"{what}={self.total(what)}" for what in figures]
        told += [f"pending={pending}"] if (pending := self.total("pending")) else []
        told += [f"repeated={repeated}"] if (repeated := self.total("repeated")) else []
        yield f"verify {self.connector}: {' '.join(told)}"

    def as_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, "sound": self.sound, **asdict(self)}


def _lines(outcome: Outcome) -> Iterator[str]:
    notes = [
        f"{figure} {name}"
        for figure, name in (
            (outcome.pending, "not yet published"),
            (outcome.dead_letters, "dead letters"),
            (outcome.gone.count, "gone from the source"),
            (outcome.repeated.count, "repeated"),
        )
        if figure
    ]
    tail = f" ({', '.join(notes)})" if notes else ""
    yield f"{outcome.table} -> {outcome.topic}: {outcome.rows} rows, {outcome.events} events{tail}"
    for name in ("lost", "doubled", "differing", "gone", "repeated"):
        found: Found = getattr(outcome, name)
        if found.count:
            yield f"  {name}: {found}"
