"""Quantities, however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.writing.numerals import quantities
from tests.digest.writing.adversary import english, kanji


def values(text: str) -> set[str]:
    return {quantity.value for quantity in quantities(text)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("１，０２３件", "1023"),
        ("1万2千件", "12000"),
        ("1.5億円", "150000000"),
        ("百四十五人", "145"),
        ("二〇二〇年", "2020"),
        ("②番", "2"),
        ("½", "0.5"),
        ("Ⅳ章", "4"),
        ("約²個", "2"),
        ("²²件", "22"),
        ("①④⑤件", "145"),
        ("参件", "参"),
        ("٣٤٥", "345"),
        ("𝟙𝟚", "12"),
        ("八割", "80"),
        ("数百人", "hundreds"),
        ("ふたつの", "2"),
        ("倍増した", "double"),
        ("処理量は3倍に", "3"),
        ("数千万ドル", "tens of millions"),
        ("twenty-five", "25"),
        ("one hundred and five", "105"),
        ("3 million", "3000000"),
        ("10k stars", "10000"),
        ("half of them", "half"),
        (".589", "589"),
        ("3.11.2", "3.11.2"),
    ],
)
def test_an_amount_is_read_in_every_dress(text: str, value: str) -> None:
    assert value in values(text)


@pytest.mark.parametrize(
    "text",
    [
        "一方で一部の第三者は、十分に検証された唯一の方法を一つだけ挙げました。",
        "万が一に備えて千差万別の条件を統一し、二次的な影響を一度に調べる。",
        "M1とHTTP/2と3DとC++11と3rd",
        "one of the best",
    ],
)
def test_words_and_names_that_count_nothing_are_no_amounts(text: str) -> None:
    assert values(text) == set()


@given(st.integers(2, 9_999_999))
def test_kanji_and_english_words_give_the_number_they_spell(number: int) -> None:
    assert str(number) in values(f"約{kanji(number)}個の部品")
    assert str(number) in values(f"about {english(number)} parts")


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("145ポイント", "engagement"),
        ("145件のコメント", "engagement"),
        ("145 upvotes", "engagement"),
        ("79%", "percent"),
        ("7割", "percent"),
        ("$50", "dollar"),
        ("50-year-old", "year"),
        ("50行", "line"),
        ("16GB", "gigabyte"),
    ],
)
def test_what_is_counted_is_known(text: str, unit: str) -> None:
    assert [quantity.unit for quantity in quantities(text)] == [unit]


def test_a_number_of_times_is_not_a_doubling() -> None:
    assert values("処理量は最大3倍に、利用者は十倍に増えました") == {"3", "10"}
