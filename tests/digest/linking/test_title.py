"""Titles as words and n-grams."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.linking.title import ngram_hashes, normal_title, word_hash

any_text = st.text(st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Rust v1.45.0 released", ["rust", "1.45", "released"]),
        ("C++20 and C#, don’t ask", ["c++", "20", "and", "c#", "dont", "ask"]),
        ("Café: 80×25", ["cafe", "80x25"]),
        ("日本語のLLM", ["日本", "本語", "語の", "llm"]),
        ("가나다 AI", ["가나다", "ai"]),
        ("", []),
        ("🎉🎉", []),
    ],
)
def test_a_title_is_read_as_its_words(title: str, expected: list[str]) -> None:
    assert normal_title(title).split() == expected


@given(any_text)
def test_folding_twice_changes_nothing_more_and_nothing_raises(title: str) -> None:
    once = normal_title(title)
    assert once == once.strip()
    assert all(once.split(" ")) or not once


@given(st.lists(any_text, max_size=6))
def test_ngrams_never_cross_from_one_text_into_the_next(texts: list[str]) -> None:
    folded = [normal_title(text) for text in texts]
    hashes, owner = ngram_hashes(folded)
    for index, text in enumerate(folded):
        alone, _ = ngram_hashes([text])
        assert sorted(hashes[owner == index]) == sorted(alone)


def test_an_ngram_hash_is_the_same_in_every_process() -> None:
    hashes, _ = ngram_hashes(["ab"], sizes=(3,))
    assert word_hash("rust") == zlib.crc32(b"rust")
    assert hashes.dtype == np.uint32
    assert len(set(hashes.tolist())) == 2  # " ab", "ab "


def test_a_title_of_ten_thousand_characters_is_read_only_at_its_beginning() -> None:
    assert len(normal_title("word " * 2000)) <= 300
