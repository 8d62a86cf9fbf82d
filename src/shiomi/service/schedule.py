"""Compute due times from cron lines in local time, with cronsim. The functions are pure, because
the time is passed in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from shiomi.digest.week import Week

__all__ = ["latest_slot", "next_slot", "slots", "week_of_slot"]

_LOOK_BACK = 400 * 86400  # seconds; a cron line without a due time in this period is never due


def next_slot(line: str, zone: str, after: int) -> int:
    """Return the first due time of the cron line after `after`, in Unix seconds."""
    moment = next(CronSim(line, datetime.fromtimestamp(after, ZoneInfo(zone))))
    return int(moment.timestamp())


def slots(line: str, zone: str, after: int, until: int) -> Iterator[int]:
    """Yield every due time of the cron line in (after, until], oldest first."""
    while after < until:
        try:
            after = next_slot(line, zone, after)
        except StopIteration:  # no such date in the next 50 years
            return
        if after <= until:
            yield after


def latest_slot(line: str, zone: str, now: int) -> int | None:
    """Return the last due time of the cron line up to `now`, or None if there is none in the last
    400 days."""
    span = 3600
    while span <= _LOOK_BACK:
        found = list(slots(line, zone, now - span, now))
        if found:
            return found[-1]
        span *= 8
    return None


def week_of_slot(slot: int, zone: str) -> Week:
    """Return the seven whole local days before the due time of a digest."""
    day = datetime.fromtimestamp(slot, UTC).astimezone(ZoneInfo(zone)).date()
    return Week(day - timedelta(days=1), zone)
