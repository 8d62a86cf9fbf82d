"""Many patterns as few expressions: they match what the patterns match."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.identity.user_agents import read_patterns
from shiomi.gate.native.pattern_trie import trie_regexes

SHIPPED = [pattern.regex for pattern in read_patterns()]

ATOMS = st.sampled_from(
    [
        *("a", "b", "ab", "A", r"\.", "/", "[cC]", "[ab]", "[^a]", "a?", "b+", "(?:a|bc)"),
        *("(^| )", "^", r"\b", "$", ".", r"[\s\S]*", "|", r"\d", "-", " ", "[]a]", "a{2}", "(a)?"),
    ]
)
PATTERN = st.lists(ATOMS, min_size=1, max_size=6).map("".join)
AGENT = st.text(alphabet="abcABC./- 1]", max_size=12)


def compiled(regexes: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in regexes), re.IGNORECASE | re.ASCII)


@given(st.lists(PATTERN, min_size=1, max_size=8), st.lists(AGENT, max_size=8))
def test_the_trie_matches_what_its_patterns_match(patterns: list[str], agents: list[str]) -> None:
    patterns = [one for one in patterns if valid(one)]
    for limit in (None, 40):
        trie = compiled(trie_regexes(patterns, limit=limit)) if patterns else None
        for agent in agents:
            plain = any(re.search(one, agent, re.IGNORECASE | re.ASCII) for one in patterns)
            assert plain == bool(trie and trie.search(agent)), (patterns, agent, limit)


def valid(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


@pytest.mark.parametrize("limit", [None, 500, 3900])
def test_the_shipped_patterns_become_expressions_within_the_limit(limit: int | None) -> None:
    regexes = trie_regexes(SHIPPED, limit=limit)
    longest = max(len(one) for one in SHIPPED)
    assert all(len(one) <= max(limit or 10**6, longest + 20) for one in regexes)
    assert len(regexes) == 1 or limit is not None


def test_no_pattern_gives_no_expression() -> None:
    assert trie_regexes([]) == []


def test_a_pattern_that_is_the_beginning_of_others_stands_for_them() -> None:
    assert trie_regexes(["Googlebot", "GoogleBot-News", "googlebot/2"]) == ["(?:googlebot)"]
