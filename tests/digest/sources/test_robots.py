"""robots.txt is read as RFC 9309 says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.sources.robots import parse_robots

SITE = "https://example.org"


@pytest.mark.parametrize(
    ("robots", "path", "allowed"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: other\nDisallow: /", "/a", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Shiomi/2\nAllow: /", "/a", True),
        ("User-agent: a\nUser-agent: shiomi\nDisallow: /x", "/x/y", False),
        ("User-agent: *\nDisallow: /x\nAllow: /x/y", "/x/y/z", True),
        ("User-agent: *\nAllow: /x\nDisallow: /x", "/x", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/a/b.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/a/b.pdf?x", True),
        ("User-agent: *\nDisallow: /*?", "/a?b=1", False),
        ("User-agent: *\nDisallow: /%7Ea", "/~a/b", False),
        ("User-agent: *\nDisallow: /é", "/%C3%A9/x", False),
        ("User-agent: * # all\nDisallow: /x # not this\n", "/x", False),
        ("User-agent: *\nDisallow: /a\nUser-agent: shiomi\nDisallow: /b\n", "/a", True),
        ("User-agent: shiomi\nDisallow: /a\nUser-agent: shiomi\nDisallow: /b\n", "/a", False),
        ("Disallow: /", "/a", True),
    ],
)
def test_the_longest_rule_of_our_own_group_counts(robots: str, path: str, allowed: bool) -> None:
    assert parse_robots(robots, "shiomi").allows(SITE + path) is allowed


@given(st.text(), st.text(alphabet="/ab*$?%"))
def test_any_file_and_any_path_is_answered(robots: str, path: str) -> None:
    for text in (robots, f"User-agent: *\nDisallow: {path}\nAllow: {path}$"):
        assert parse_robots(text, "shiomi").allows(f"{SITE}/{path}") in (True, False)
