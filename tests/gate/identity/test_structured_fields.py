"""Structured fields: what is read is written alike, and what is no field is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.identity.structured_fields import (
    Bare,
    InnerList,
    Item,
    Member,
    Token,
    parse_dictionary,
    serialise,
)

KEYS = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,6}", fullmatch=True)
BARE: st.SearchStrategy[Bare] = st.one_of(
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.booleans(),
    st.binary(max_size=12),
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
    st.from_regex(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]{0,8}", fullmatch=True).map(Token),
)
PARAMETERS = st.dictionaries(KEYS, BARE, max_size=3)
ITEMS = st.builds(Item, BARE, PARAMETERS)
MEMBERS: st.SearchStrategy[Member] = ITEMS | st.builds(
    InnerList, st.lists(ITEMS, max_size=3).map(tuple), PARAMETERS
)


def same(one: object, other: object) -> bool:
    return repr(one) == repr(other)


@pytest.mark.slow
@given(st.dictionaries(KEYS, MEMBERS, max_size=4))
def test_a_dictionary_that_is_written_is_read_alike(members: dict[str, Member]) -> None:
    text = " ,\t".join(f"{key}={serialise(member)}" for key, member in members.items())
    assert same(parse_dictionary(text), members)


@given(st.text(max_size=60) | st.text(alphabet='ab=();"\\:?01, \t-.*', max_size=60))
def test_whatever_is_read_can_be_written_and_read_again(text: str) -> None:
    try:
        members = parse_dictionary(text)
    except ValueError:
        return
    again = ", ".join(f"{key}={serialise(member)}" for key, member in members.items())
    assert same(parse_dictionary(again), members)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a", {"a": Item(True)}),
        ("a;x=1, b", {"a": Item(True, {"x": 1}), "b": Item(True)}),
        ("a=1, a=2", {"a": Item(2)}),
        ("a=(  )", {"a": InnerList(())}),
        ('a=("x"  "y");z', {"a": InnerList((Item("x"), Item("y")), {"z": True})}),
        (r'a="\"\\"', {"a": Item('"\\')}),
    ],
)
def test_the_ways_a_dictionary_may_be_written(text: str, expected: dict[str, Member]) -> None:
    assert same(parse_dictionary(text), expected)


@pytest.mark.parametrize(
    "text",
    [
        ",", "a=", "a,", "a,,b", "A=1", "a=1.5", "a=1234567890123456", 'a="', 'a="\\x"', "a=(",
        'a=("x""y")', "a=:!:", "a=:a:", "a=?2", "a=@1", "a b", "a=1;", 'a="\xe9"', "é=1", "a=((",
        "\0", "(" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_dictionary_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(ValueError, match="at character"):
        parse_dictionary(text)
