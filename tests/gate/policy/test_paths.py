"""Patterns of paths: the first rule that matches counts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.policy import PathRule
from shiomi.gate.policy.paths import PathTable, covers, malformed

PATTERNS = ["/a", "/a/*", "*.rss", "/a/b/*", "/b*", "*/feed", "/", "*b", "/a/b", "*"]
PATTERNS += ["/a/*/c.rss", "*b*", "/*/x"]
PATHS = ["/a", "/a/", "/a/x", "/a/b", "/a/b/c.rss", "/x.rss", "/b", "/bc", "/feed", "/x/feed", "/"]


def matches(pattern: str, path: str) -> bool:
    """The rule, said once more."""
    if "*" in pattern[1:-1] or pattern == "*b*":
        return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), path) is not None
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return path.endswith(pattern[1:]) if pattern.startswith("*") else path == pattern


@given(st.lists(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3), max_size=5))
def test_the_first_rule_that_matches_is_found(patterns: list[list[str]]) -> None:
    rules = [PathRule(tuple(several)) for several in patterns]
    table = PathTable(rules)
    for path in PATHS:
        first = next((r for r in rules if any(matches(p, path) for p in r.match)), None)
        assert table.find(path) is first


def test_a_pattern_may_ask_for_a_query() -> None:
    rule = PathRule(("*?go-get=1",))
    table = PathTable([rule])
    assert table.find("/a/b", b"go-get=1") is rule
    assert table.find("/a/b", b"go-get=1&x") is None
    assert table.find("/a/b") is None


@pytest.mark.parametrize("pattern", ["*.rss", "*/x*.rss"])
def test_an_end_behind_a_question_mark_is_not_the_paths_end(pattern: str) -> None:
    assert PathTable([PathRule((pattern,))]).find("/private/x?.rss") is None


def test_a_pattern_may_be_percent_encoded() -> None:
    rule = PathRule(("/%E6%97%A5/*",))
    assert PathTable([rule]).find("/日/1") is rule


@given(st.sampled_from(PATTERNS), st.sampled_from(PATTERNS))
def test_a_pattern_covers_another_only_if_it_matches_all_it_does(one: str, other: str) -> None:
    if covers(one, other):
        assert all(matches(one, path) for path in PATHS if matches(other, path))


@pytest.mark.parametrize(
    "pattern", ["", "a", "**", "/a?", "/a?*", "//a", "/a/../b", "/a/.", "/a b\n"]
)
def test_a_pattern_that_cannot_be_meant_says_why(pattern: str) -> None:
    assert malformed(pattern)


@pytest.mark.parametrize("pattern", [*PATTERNS, "/日/*", "/%E6%97%A5/*", "/a..b"])
def test_a_pattern_that_can_be_meant_is_left_alone(pattern: str) -> None:
    assert malformed(pattern) == ""
