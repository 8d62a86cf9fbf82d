"""One claim against the readings of one thread. Pure.

Counts grow. So a number is wrong if the thread clearly had more before the digest can have been
written, or clearly less after it. A number below a reading made later is possible: it may have
been read earlier. A thread without a reading is never called wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from shiomi.digest.check.claims import Claim, Unit
from shiomi.digest.thread import Thread

__all__ = ["Checked", "ReadingTime", "Verdict", "counts_read", "judge"]


class Verdict(StrEnum):
    """The archive's verdict on a number."""

    CONFIRMED = "confirmed"  # a reading shows it, or readings before and after enclose it
    POSSIBLE = "possible"  # readings neither show nor exclude it
    CONTRADICTED = "contradicted"
    UNKNOWN = "unknown"  # no thread, or no reading of it


@dataclass(frozen=True, slots=True)
class Checked:
    """A claim with its verdict."""

    claim: Claim
    verdict: Verdict
    why: str
    uid: str | None = None  # the thread it was held against
    belongs_to: tuple[str, ...] = ()  # other threads with this number


@dataclass(frozen=True, slots=True)
class ReadingTime:
    """When a number can have been read: unix seconds, both included."""

    start: float
    end: float
    stated: bool  # the digest states it


def judge(claim: Claim, uid: str, thread: Thread | None, window: ReadingTime) -> Checked:
    """One claim against one thread's readings."""

    def verdict(verdict: Verdict, why: str) -> Checked:
        return Checked(claim, verdict, why, uid)

    if thread is None:
        return verdict(Verdict.UNKNOWN, f"{uid} is not in the archive")
    values = counts_read(thread, claim.unit)
    if not values:
        return verdict(Verdict.UNKNOWN, f"the archive has no reading of the {claim.unit} of {uid}")
    if thread.created > window.end:
        return verdict(Verdict.CONTRADICTED, f"{uid} began only on {_told(thread.created)}")
    inside = [one for one in values if one[2] and window.start <= one[0] <= window.end]
    if window.stated and inside and not any(claim.amount.allows(v, v) for _, v, _ in inside):
        return verdict(Verdict.CONTRADICTED, _had(uid, claim.unit, inside[-1]))
    before = max((one for one in values if one[0] <= window.start), key=_count, default=None)
    after = min(
        (one for one in values if one[2] and one[0] >= window.end), key=_count, default=None
    )
    fall = _fall(uid)
    most = claim.amount.high
    if before and most is not None and most < before[1] * (1 - fall) - 2:
        return verdict(Verdict.CONTRADICTED, _had(uid, claim.unit, before, "already "))
    if after and claim.amount.low > after[1] * (1 + fall) + 2:
        return verdict(Verdict.CONTRADICTED, _had(uid, claim.unit, after, "only "))
    shown = next((one for one in values if claim.amount.allows(one[1], one[1])), None)
    if shown:
        return verdict(Verdict.CONFIRMED, _had(uid, claim.unit, shown))
    if before and after:
        return verdict(
            Verdict.CONFIRMED,
            f"{_had(uid, claim.unit, before)}, and {after[1]:,} by {_told(after[0])}",
        )
    nearest = before or after or values[-1]
    return verdict(Verdict.POSSIBLE, _had(uid, claim.unit, nearest))


def counts_read(thread: Thread | None, unit: Unit) -> list[tuple[int, int, bool]]:
    """(time, count, exact) of the readings that show this count."""
    found = []
    for reading in thread.readings if thread else ():
        count = reading.points if unit is Unit.POINTS else reading.comments
        if count is not None:
            found.append((reading.time, count, reading.exact))
    return found


def _count(value: tuple[int, int, bool]) -> int:
    return value[1]


def _fall(uid: str) -> float:
    """How far a count may fall: votes are withdrawn, comments are removed, and Reddit adds
    noise."""
    return 0.1 if uid.startswith("reddit/") else 0.03


def _had(uid: str, unit: Unit, value: tuple[int, int, bool], how: str = "") -> str:
    at, count, exact = value
    return f"{uid} {how}had {count:,} {unit} {'on' if exact else 'by'} {_told(at)}"


def _told(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
