"""Find communities with gaps in a week: not read at all, or not read on some days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shiomi.digest.archive.archive import Archive
from shiomi.digest.archive.outcomes import OutcomeStore, Span
from shiomi.digest.document import Gap
from shiomi.digest.week import Week

__all__ = ["week_gaps"]

_TOLERATED = 3600  # a day counts as read if at most this many seconds are missing


def week_gaps(
    archive: Archive, communities: Iterable[str], week: Week, *, as_of: int
) -> tuple[Gap, ...]:
    """Return the communities that were not read on every day of `week`, ordered by name.

    Only readings up to `as_of` and only days after the first finished collection count. The result
    is empty if nothing was collected before the week ended, because imports do not show whether a
    day is complete.
    """
    store = OutcomeStore(archive)
    began = store.began()
    if began is None or began >= week.end:
        return ()
    days = [(day, span) for day, span in _days(week) if began < span[1] <= as_of]
    gaps = []
    for community in sorted(set(communities)):
        covered = store.covered(community, week.start, week.end, as_of=as_of)
        lacking = [day for day, span in days if _missing(span, covered) > _TOLERATED]
        if lacking:
            reason = store.last_error(community, week.start, as_of=as_of) or ""
            gaps.append(Gap(community, tuple(lacking), len(lacking) == len(days), reason))
    return tuple(gaps)


def _days(week: Week) -> Iterable[tuple[str, Span]]:
    """Yield the local days of the week as ISO dates, with their [start, end) in unix seconds."""
    zone = ZoneInfo(week.zone)
    first = week.last - timedelta(days=6)
    for number in range(7):
        day = first + timedelta(days=number)
        start, end = (
            int(datetime.combine(one, datetime.min.time(), zone).timestamp())
            for one in (day, day + timedelta(days=1))
        )
        yield day.isoformat(), (start, end)


def _missing(span: Span, covered: Iterable[Span]) -> int:
    """Return the seconds of `span` that are outside the disjoint spans `covered`."""
    start, end = span
    return end - start - sum(max(0, min(end, b) - max(start, a)) for a, b in covered)
