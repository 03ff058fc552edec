"""The rows of a table once more, beside the changes, as of the SCN up to which those have been read.

Each page is as of the SCN of its time: what changed before it was told before it, what changes later follows.
"""

from __future__ import annotations

from dataclasses import replace

from bridge.contract import Ask, Batch, Position, Ranges
from bridge.errors import PermanentError
from connectors.oracle.modes.mode import is_object
from connectors.oracle.modes.stretches import Snap, Stretch, bounds
from connectors.oracle.modes.versions import Subject
from connectors.oracle.session import Session


def read_again(
    session: Session, subject: Subject, scn: int, place: Position | None, within: Ranges, ask: Ask
) -> Batch:
    """The rows behind `place`. Errors: PermanentError when that is none; the driver's."""
    left = Stretch(None, bounds(session, subject)) if place is None else _left(subject, place)
    pages = Snap(session, replace(subject, before=False), scn, left, within)
    try:
        read = pages.read(ask)
    finally:
        pages.close()
    left = read.left or left
    after = {"after": left.after, "bounds": list(left.bounds)}
    return Batch(after, read.changes, read.rejects, more=read.left is not None)


def _left(subject: Subject, place: Position) -> Stretch:
    if is_object(place, {"after", "bounds"}) and isinstance(place["bounds"], list):
        return Stretch(place["after"], tuple(str(each) for each in place["bounds"]))
    raise PermanentError(
        f"the place of the resnapshot of {subject.relation.name} is none by ROWID",
        remedy="cancel the resnapshot and begin another",
    )
