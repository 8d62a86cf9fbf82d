"""How a community's wishes are read."""

from __future__ import annotations

import random
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.sources.manners import backoff, rate_limit_wait, retry_after

NOW = 1_780_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        (formatdate(NOW + 60, usegmt=True), 60.0),
        (formatdate(NOW - 60, usegmt=True), 0.0),
        ("Thu, 28 May 2026 20:27:40 -0000", 60.0),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 400, 7 * 86400.0),
        ("Thu, 99 May 2026 20:27:40 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 7 * 86400.0),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


def test_without_retry_after_nothing_is_asked_for() -> None:
    assert retry_after({}, NOW) is None


@pytest.mark.parametrize(
    ("remaining", "reset", "wait"),
    [
        ("596.0", "432", 432 / 596),
        ("0.0", "120", 120.0),
        ("0.5", "120", 120.0),
        ("1", "30", 30.0),
        ("100", "0", None),
        ("nan", "10", 10.0),
        ("10", "nan", None),
        ("10", "inf", None),
        ("10", "-5", None),
        ("many", "10", None),
        ("10", str(NOW + 20), 2.0),  # a reset in unix seconds
    ],
)
def test_a_rate_limit_is_spread_over_its_window(
    remaining: str, reset: str, wait: float | None
) -> None:
    headers = {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}
    assert rate_limit_wait(headers, NOW) == wait


@given(st.integers(1, 10_000), st.integers())
def test_backoff_doubles_up_to_a_minute_and_keeps_half_of_it_random(
    attempt: int, seed: int
) -> None:
    full = min(60.0, 2.0 ** min(attempt - 1, 10))
    assert full / 2 <= backoff(attempt, random.Random(seed)) <= full


@given(st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset"]), st.text()))
def test_no_header_can_break_the_reading(headers: dict[str, str]) -> None:
    headers["x-ratelimit-remaining"] = headers.get("retry-after", "1")
    for wait in (retry_after(headers, NOW), rate_limit_wait(headers, NOW)):
        assert wait is None or 0 <= wait <= 7 * 86400
