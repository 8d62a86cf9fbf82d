"""The week a digest is about."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.errors import WeekError
from shiomi.digest.week import Week

DAY = 86400


def test_a_week_is_seven_local_days() -> None:
    week = Week(date(2025, 11, 16))
    assert week.end - week.start == 7 * DAY
    assert week.before().end == week.start
    assert Week.containing(week.end - 1) == week


def test_a_week_in_which_the_clocks_go_back_is_an_hour_longer() -> None:
    week = Week(date(2025, 11, 2), "America/New_York")
    assert week.end - week.start == 7 * DAY + 3600


@given(st.dates(date(1900, 1, 1), date(9000, 12, 31)))
def test_every_week_of_the_years_allowed_has_a_beginning_and_an_end(last: date) -> None:
    week = Week(last, "UTC")
    assert week.end - week.start == 7 * DAY


@pytest.mark.parametrize("last", [date.min, date(1899, 12, 31), date(9001, 1, 1), date.max])
def test_a_day_at_the_edge_of_the_calendar_is_refused_by_name(last: date) -> None:
    with pytest.raises(WeekError, match=f"no week ends on {last}; name one of the years"):
        Week(last)


@pytest.mark.parametrize("moment", [-(10**11), 10**12, 10**30])
def test_a_moment_outside_the_calendar_is_refused_by_name(moment: int) -> None:
    with pytest.raises(WeekError):
        Week.containing(moment)


@pytest.mark.parametrize("weeks", [10_000, 10**6, 10**12])
def test_a_week_too_far_before_is_refused(weeks: int) -> None:
    with pytest.raises(WeekError):
        Week(date(2025, 11, 16)).before(weeks)
