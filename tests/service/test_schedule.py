"""What is due when: no week lost and none twice, across changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from shiomi.service.schedule import latest_slot, next_slot, slots, week_of_slot

YEAR = (int(datetime(2023, 1, 1, tzinfo=UTC).timestamp()), 400 * 86400)
ZONES = [
    "Asia/Tokyo", "Europe/Berlin", "America/New_York",
    "America/Santiago", "America/Asuncion", "Africa/Cairo", "Asia/Beirut",  # shift at midnight
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Apia",
]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("line", ["0 0 * * mon", "30 7 * * mon", "30 2 * * sun", "59 23 * * sun"])
def test_every_week_has_one_digest_in_every_zone(zone: str, line: str) -> None:
    start, length = YEAR
    weeks = [week_of_slot(slot, zone).last for slot in slots(line, zone, start, start + length)]
    assert len(weeks) == len(set(weeks)) >= 56
    assert {b - a for a, b in pairwise(weeks)} == {timedelta(days=7)}


@pytest.mark.parametrize("zone", ZONES)
def test_every_day_has_one_slot_in_every_zone(zone: str) -> None:
    start, length = YEAR
    days = [
        week_of_slot(slot, zone).last for slot in slots("0 0 * * *", zone, start, start + length)
    ]
    assert {b - a for a, b in pairwise(days)} == {timedelta(days=1)}


def test_the_digest_of_a_moment_is_of_the_whole_days_before_it() -> None:
    monday = int(datetime(2026, 11, 22, 22, 30, tzinfo=UTC).timestamp())  # 07:30 in Tokyo
    week = week_of_slot(monday, "Asia/Tokyo")
    assert week.last == date(2026, 11, 22)
    assert week.end <= monday


def test_slots_are_found_from_any_moment() -> None:
    now = 1_780_000_000
    latest = latest_slot("17 */6 * * *", "Asia/Tokyo", now)
    assert latest is not None
    assert next_slot("17 */6 * * *", "Asia/Tokyo", latest - 1) == latest
    assert now - 6 * 3600 <= latest <= now
    assert latest_slot("0 0 29 2 *", "Asia/Tokyo", now) is None
    assert list(slots("17 */6 * * *", "Asia/Tokyo", latest, latest)) == []
