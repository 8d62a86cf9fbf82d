"""Compare one claim with the readings of one thread. Pure.

Counts grow. So a number is wrong in two cases: the thread had a clearly higher count already before
the digest was written, or still had a clearly lower count after it was written. A number below a
later reading is possible, because it may be older than that reading. If a thread has no reading,
none of its numbers is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from shiomi.digest.check.claims import Claim, Unit
from shiomi.digest.thread import Thread

__all__ = ["Checked", "ReadingTime", "Verdict", "counts_read", "judge"]


class Verdict(StrEnum):
    """The verdict on a number, by the archive's readings."""

    CONFIRMED = "confirmed"  # a reading has this number, or the number lies between two readings
    POSSIBLE = "possible"  # the readings neither show nor exclude the number
    CONTRADICTED = "contradicted"
    UNKNOWN = "unknown"  # the archive does not have the thread, or has no reading of it


@dataclass(frozen=True, slots=True)
class Checked:
    """A claim with its verdict."""

    claim: Claim
    verdict: Verdict
    why: str
    uid: str | None = None  # the thread whose readings it was compared with
    belongs_to: tuple[str, ...] = ()  # other threads with this number


@dataclass(frozen=True, slots=True)
class ReadingTime:
    """The period in which a number can have been read, in Unix seconds; both ends are included."""

    start: float
    end: float
    stated: bool  # whether the digest states the time


def judge(claim: Claim, uid: str, thread: Thread | None, window: ReadingTime) -> Checked:
    """Return the verdict on a claim about the thread `uid`, by the readings of that thread."""

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
    """Return (time, count, whether the time is exact) of each reading that has a count of this
    unit."""
    found = []
    for reading in thread.readings if thread else ():
        count = reading.points if unit is Unit.POINTS else reading.comments
        if count is not None:
            found.append((reading.time, count, reading.exact))
    return found


def _count(value: tuple[int, int, bool]) -> int:
    return value[1]


def _fall(uid: str) -> float:
    """Return the share by which a count may fall.

    Votes are withdrawn, comments are removed, and Reddit adds noise.
    """
    return 0.1 if uid.startswith("reddit/") else 0.03


def _had(uid: str, unit: Unit, value: tuple[int, int, bool], how: str = "") -> str:
    at, count, exact = value
    return f"{uid} {how}had {count:,} {unit} {'on' if exact else 'by'} {_told(at)}"


def _told(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
