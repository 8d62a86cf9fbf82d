"""Titles are taken apart into what can name something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.terms import bare_title, phrases, stop_words


@pytest.mark.parametrize(
    ("title", "bare"),
    [
        ("Show HN: Shiomi – a digest (2019) [pdf]", "Shiomi – a digest"),
        ("Ask HN: Who is hiring? (November 2020)", "Who is hiring? ( )"),
        ("[R] [D] LeJEPA", "LeJEPA"),
        ("Launch HN: Thing (YC W21) – it", "Thing – it"),
        ("Array[0] is (not) empty", "Array[0] is (not) empty"),
        ("Ｍ１ ｱｯﾌﾟﾙ", "M1 アップル"),
        ("weekly thread 2020-11-15", "weekly thread"),
        ("", ""),
    ],
)
def test_labels_and_dates_are_no_part_of_a_title(title: str, bare: str) -> None:
    assert bare_title(title) == bare


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("C++ and C# in .NET's Node.js", ["C++", "C#", ".NET", ".NET Node.js", "Node.js"]),
        ("Apple’s M1 for the", ["Apple", "Apple M1", "M1"]),
        ("Announcing .NET 5.0 and Qt 6 in 2020", [".NET", ".NET 5.0", "Qt", "Qt 6"]),
        ("10 ways to a better world", []),
        ("Covid-19: coronavirus", ["Covid-19", "coronavirus"]),
        (
            "AI規制の動向とディープラーニング",
            ["AI", "AI規制", "規制", "動向", "ディープラーニング"],
        ),
        ("これはなに", []),
        ("인공지능 규제", ["인공지능", "인공지능 규제", "규제"]),
    ],
)
def test_terms_are_names_and_runs_of_them(title: str, found: list[str]) -> None:
    assert [term.surface for term in phrases(title)] == found


def test_spellings_of_one_name_have_one_key() -> None:
    keys = [{t.key for t in phrases(title)} for title in ("open-source", "Open-Source")]
    assert keys[0] == keys[1]
    assert {t.key for t in phrases("corona virus")} >= {t.key for t in phrases("Coronavirus")}


@given(st.text())
def test_any_text_has_terms_each_once(title: str) -> None:
    keys = [term.key for term in phrases(title)]
    assert len(keys) == len(set(keys))
    assert all(keys)


def test_a_title_of_ten_thousand_letters_is_read_in_part() -> None:
    assert len(bare_title("x " * 10_000)) <= 1000


def test_stop_words_are_written_as_they_are_compared() -> None:
    assert all(word == word.casefold() for word in stop_words())
