"""Folding: one width and one case, little of it kept, no text too long for it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.archive.folding import folded, kept_folding, place_before_folding
from shiomi.digest.terms import normalized


@pytest.mark.parametrize("text", ["", "Rust", "データベース", "“Rust” — why"])
def test_nothing_is_kept_of_a_text_that_the_comparisons_of_sqlite_fold_by_themselves(
    text: str,
) -> None:
    assert kept_folding(text) is None


@given(st.text())
def test_what_is_kept_is_the_folding_or_the_text_itself_will_do(text: str) -> None:
    small = "".join(c.lower() if c.isascii() else c for c in text)
    kept = kept_folding(text)
    assert folded(text) == (small if kept is None else kept)


@given(st.text(max_size=200))
def test_a_text_of_the_usual_length_is_folded_whole(text: str) -> None:
    assert folded(text) == normalized(text)


def test_a_long_text_is_cut_between_sentences_never_within_a_letter() -> None:
    sentence = "ｶﾞﾗｽとﾃﾞｰﾀﾍﾞｰｽの話。"
    assert folded(sentence * 2_000) == "ガラスとデータベースの話。" * 2_000


@pytest.mark.slow
def test_marks_on_marks_without_end_are_folded_in_time_that_grows_with_the_text_alone() -> None:
    """Sorted in one piece these take minutes."""
    text = "a" + "\u0301\u0316" * 200_000
    assert len(folded(text)) <= len(text)


@given(st.text(max_size=60), st.data())
def test_the_place_of_a_folded_character_is_that_of_the_character_it_comes_from(
    text: str, data: st.DataObject
) -> None:
    flat = folded(text)
    place = data.draw(st.integers(0, len(flat)))
    before = place_before_folding(text, place)
    assert 0 <= before <= len(text)
    if unicodedata.is_normalized("NFKC", text) and len(flat) == len(text):
        assert before == place
