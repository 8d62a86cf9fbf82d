"""Guards against merging what only looks alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.linking.guards import apart


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        ("How does SQLite work? Part 1: pages", "How does SQLite work? Part 2: btrees", "part"),
        ("Designing Bits, Part II", "Designing Bits, Part III", "part"),
        ("NRF52 Debug Resurrection", "NRF52 Debug Resurrection Part 2", "part"),
        ("Python 3.8.0 released", "Python 3.9.0 released", "version"),
        ("State of JS 2019", "State of JS 2020", "year"),
        ("Who is hiring? (March 2020)", "Who is hiring? (April 2020)", "month"),
        ("Cloudflare considered harmful", "A response to Cloudflare considered harmful", "reply"),
        ("Learn the command line #8", "Learn the command line #7", "part"),
        ("Flutter for beginners - pages - 4", "Flutter for beginners - pages - 5", "part"),
        ("Re: Cloudflare considered harmful", "Cloudflare considered harmful", "reply"),
    ],
)
def test_titles_of_different_stories_are_kept_apart(a: str, b: str, why: str) -> None:
    assert apart(a, b) == why
    assert apart(b, a) == why


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Announcing Rust 1.45.0", "Rust 1.45"),
        ("How does SQLite work? Part 1: pages", "How does SQLite work?"),
        ("The Age of the Essay (2004)", "The Age of the Essay"),
        ("Regexes (2007)", "Regexes (2008)"),  # when it was written, and one of them errs
        ("Announcing Deno 1.0", "Introducing Deno 1.0"),
        ("Tableau vs Power BI guide", "Tableau vs Power BI guides"),
        ("Part of the job", "Part of the job"),
        ("Episode #100: Python past and present", "Python past and present"),
        ("", ""),
    ],
)
def test_titles_of_one_story_pass(a: str, b: str) -> None:
    assert apart(a, b) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_guard_is_the_same_both_ways_and_never_parts_a_title_from_itself(a: str, b: str) -> None:
    assert apart(a, b) == apart(b, a)
    assert apart(a, a) is None
