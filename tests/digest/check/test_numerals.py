"""Numbers are understood as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.check.numerals import Amount, read_amount

FULL_WIDTH = str.maketrans("0123456789,", "０１２３４５６７８９，")
DIGITS = "〇一二三四五六七八九"


def kanji(number: int) -> str:
    """The same number in kanji, by the rule taught at school; below 100,000,000."""
    if number >= 10_000:
        high, low = divmod(number, 10_000)
        return kanji(high) + "万" + (kanji(low) if low else "")
    text = ""
    for scale, name in ((1_000, "千"), (100, "百"), (10, "十")):
        count, number = divmod(number, scale)
        text += ("" if count == 1 else DIGITS[count]) + name if count else ""
    return text + (DIGITS[number] if number else "")


@given(st.integers(0, 10**8))
def test_a_number_is_read_in_every_script(number: int) -> None:
    amount = Amount(number, number)
    assert read_amount(str(number)) == amount
    assert read_amount(f"{number:,}") == amount
    assert read_amount(f"{number:,}".translate(FULL_WIDTH)) == amount


@given(st.integers(1, 10**8 - 1))
def test_a_number_is_read_in_kanji(number: int) -> None:
    assert read_amount(kanji(number)) == Amount(number, number)


@pytest.mark.parametrize(
    ("number", "low", "high"),
    [
        ("1.5k", 1_450, 1_550),
        ("1.3K", 1_250, 1_350),
        ("2k", 1_500, 2_500),
        ("1.2万", 11_500, 12_500),
        ("1万2千", 11_500, 12_500),
        ("1.510", 1_510, 1_510),
        ("三千", 3_000, 3_000),
    ],
)
def test_a_rounded_number_allows_what_rounds_to_it(number: str, low: int, high: int) -> None:
    assert read_amount(number) == Amount(low, high)


@pytest.mark.parametrize(
    ("number", "near", "bound", "low", "high"),
    [
        ("1,900", None, "以上", 1_900, None),
        ("1000", None, "+", 1_000, None),
        ("1000", None, "超", 1_001, None),
        ("100", None, "未満", 0, 99),
        ("100", None, "以下", 0, 100),
        ("100", None, "近く", 85, 100),
        ("800", "約", None, 720, 880),
        ("500", "over ", None, 500, None),
    ],
)
def test_words_around_a_number_widen_it(
    number: str, near: str | None, bound: str | None, low: int, high: int | None
) -> None:
    assert read_amount(number, near, bound) == Amount(low, high)


@pytest.mark.parametrize("text", ["1.5", "99999999999", "1.2.3k", "abc", "", "万.", "k"])
def test_what_is_no_count_is_no_amount(text: str) -> None:
    amount = read_amount(text)
    assert amount is None or text in ("k", "万.")  # a scale alone means one of it


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    read_amount(text)
