"""Due times: cron lines in local time, by cronsim. Pure: the moment is passed in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from shiomi.digest.week import Week

__all__ = ["latest_slot", "next_slot", "slots", "week_of_slot"]

_LOOK_BACK = 400 * 86400  # seconds; a cron line without a due time in this span is never due


def next_slot(line: str, zone: str, after: int) -> int:
    """The first moment later than `after` that the cron line names; unix seconds."""
    moment = next(CronSim(line, datetime.fromtimestamp(after, ZoneInfo(zone))))
    return int(moment.timestamp())


def slots(line: str, zone: str, after: int, until: int) -> Iterator[int]:
    """Every moment in (after, until] that the cron line names, oldest first."""
    while after < until:
        try:
            after = next_slot(line, zone, after)
        except StopIteration:  # no such date in the next 50 years
            return
        if after <= until:
            yield after


def latest_slot(line: str, zone: str, now: int) -> int | None:
    """The last moment at or before `now` that the cron line names, or None in the last 400 days."""
    span = 3600
    while span <= _LOOK_BACK:
        found = list(slots(line, zone, now - span, now))
        if found:
            return found[-1]
        span *= 8
    return None


def week_of_slot(slot: int, zone: str) -> Week:
    """The seven whole local days before the due time of a digest."""
    day = datetime.fromtimestamp(slot, UTC).astimezone(ZoneInfo(zone)).date()
    return Week(day - timedelta(days=1), zone)
