"""Counts become comparable across communities and ages, and what is unknown is not zero."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.digest.ranking.engagement import TYPICAL, Counts, Engagement, grown
from shiomi.digest.thread import Reading, Thread

NOW = 1_700_000_000
HOUR = 3600


def thread(
    number: int, *readings: Reading, community: str = "hackernews", created: int = NOW
) -> Thread:
    return Thread(
        community, str(number), f"title {number}", created, "https://example.org", readings=readings
    )


def at(hours: float, points: int | None, comments: int | None = None, **more: bool) -> Reading:
    return Reading(NOW + int(hours * HOUR), points, comments, **more)


def community(name: str, scale: float, size: int = 400) -> list[Thread]:
    """Threads read at 1, 3, 12 and 72 hours, growing as threads do, with log-normal points."""
    draw = random.Random(name)
    threads = []
    for number in range(size):
        final = scale * math.exp(draw.gauss(0, 1))
        readings = [at(h, int(final * grown(h))) for h in (1, 3, 12, 72)]
        threads.append(thread(number, *readings, community=name))
    return threads


def engagement(*threads: Thread) -> Engagement:
    return Engagement(threads, as_of=NOW + 1000 * HOUR)


BOTH = [*community("hackernews", 100), *community("lobsters", 10)]


def test_the_same_rank_in_two_communities_of_different_size_is_the_same_strength() -> None:
    measured = engagement(*BOTH)
    ours = measured.standing(thread(1, at(72, 200)))
    theirs = measured.standing(thread(2, at(72, 20), community="lobsters"))
    assert ours.strength == pytest.approx(theirs.strength, rel=0.15)


def test_the_same_points_are_worth_more_at_a_younger_age() -> None:
    measured = engagement(*BOTH)
    strengths = [measured.standing(thread(1, at(h, 100))).strength for h in (1, 2, 5, 20, 100)]
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[0] > strengths[-1] + 0.5


def test_survival_given_age_is_nearly_uniform_at_every_age() -> None:
    measured = engagement(*BOTH)
    for place, hours in ((0, 1), (1, 3), (2, 12), (3, 72)):
        found = sorted(
            measured.standing(thread(n, t.readings[place])).survival["points"]
            for n, t in enumerate(BOTH[:400])
        )
        off = max(abs(p - (n + 0.5) / 400) for n, p in enumerate(found))
        assert off < 0.08, f"at {hours} h"


def test_of_two_equally_rare_counts_the_young_one_says_less() -> None:
    measured = engagement(*BOTH)
    young, old = (measured.standing(thread(1, BOTH[7].readings[p])) for p in (0, 3))
    raw = -math.log10(young.survival["points"])
    assert raw > TYPICAL
    assert TYPICAL < young.strength < raw
    assert old.strength == pytest.approx(-math.log10(old.survival["points"]))


def test_unknown_counts_are_no_zero() -> None:
    measured = engagement(*BOTH)
    unknown = measured.standing(thread(1, at(72, None)))
    assert not unknown.known
    assert unknown.strength == TYPICAL
    assert measured.standing(thread(1, at(72, 0))).strength < unknown.strength
    assert measured.standing(thread(1)).strength == TYPICAL


def test_one_known_count_is_enough_and_the_other_is_left_out() -> None:
    standing = engagement(*BOTH).standing(thread(1, at(72, 300, None)))
    assert set(standing.survival) == {"points"}
    assert standing.strength == pytest.approx(-math.log10(standing.survival["points"]))


def test_a_count_that_a_later_reading_lacks_is_taken_from_the_earlier_one() -> None:
    standing = engagement(*BOTH).standing(thread(1, at(12, 300), at(72, None)))
    assert standing.readings["points"].time == NOW + 12 * HOUR


def test_readings_after_as_of_are_not_used() -> None:
    measured = Engagement(BOTH, as_of=NOW + 2 * HOUR)
    standing = measured.standing(thread(1, at(1, 30), at(72, 9000)))
    assert standing.readings["points"].points == 30


def test_inexact_readings_are_compared_with_inexact_ones() -> None:
    dated = community("hackernews", 1000)
    undated = [thread(n + 1000, at(900, n % 20, exact=False)) for n in range(200)]
    measured = engagement(*dated, *undated)
    standing = measured.standing(thread(1, at(900, 19, exact=False)))
    assert standing.survival["points"] < 0.2  # among the dated ones it would be near 1


def test_a_small_community_is_drawn_towards_all_others() -> None:
    lone = thread(1, at(72, 1000), community="reddit/New")
    alone = engagement(lone, *community("hackernews", 100))
    assert 0.8 < alone.standing(lone).percentile < 1


def test_a_record_is_stronger_than_the_record_before_it() -> None:
    measured = engagement(*BOTH)
    strengths = [measured.standing(thread(1, at(72, p))).strength for p in (2_000, 4_000, 8_000)]
    assert strengths == sorted(set(strengths))


def test_no_reference_at_all_makes_every_thread_typical() -> None:
    assert engagement().standing(thread(1, at(5, 100))).strength == pytest.approx(TYPICAL)


def test_a_reading_before_creation_counts_as_read_at_once() -> None:
    early = Reading(NOW - 50, 10, 1)
    assert engagement(*BOTH).standing(thread(1, early)).strength > 0


@given(st.lists(st.integers(0, 10_000), max_size=300), st.integers(0, 20_000), st.integers(1, 5000))
def test_survival_is_a_probability_and_falls_with_the_count(
    values: list[int], low: int, more: int
) -> None:
    counts = Counts.of(map(float, values))
    assert 0 < counts.survival(low + more) <= counts.survival(low) + 1e-9
    assert counts.survival(low) < 1


@settings(max_examples=20)
@given(st.permutations(BOTH[:40]))
def test_the_order_of_threads_changes_nothing(threads: list[Thread]) -> None:
    probe = thread(1, at(6, 50))
    assert engagement(*threads).standing(probe) == engagement(*BOTH[:40]).standing(probe)


@given(st.floats(0, 1000))
def test_threads_grow_until_they_are_settled(hours: float) -> None:
    assert grown(0) <= grown(hours) <= grown(hours + 1) <= 1
