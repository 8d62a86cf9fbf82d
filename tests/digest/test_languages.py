"""Languages: one file each, all with the same phrases and slots."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.errors import ConfigError
from shiomi.digest.languages import language_codes, load_language, parse_language

EVERY = language_codes()


def slots_of(phrase: str) -> set[str | None]:
    parts = list(string.Formatter().parse(phrase))
    assert not any(spec or conversion for _, _, spec, conversion in parts), phrase
    return {name for _, name, _, _ in parts if name is not None}


def test_japanese_and_english_ship() -> None:
    assert {"en", "ja"} <= set(EVERY)


@pytest.mark.parametrize("code", EVERY)
def test_every_language_has_the_same_phrases(code: str) -> None:
    assert set(load_language(code).phrases) == set(load_language("ja").phrases)


@pytest.mark.parametrize("code", EVERY)
def test_a_phrase_has_the_same_slots_in_every_language(code: str) -> None:
    ours, japanese = load_language(code).phrases, load_language("ja").phrases
    for key, said in ours.items():
        assert slots_of(said) == slots_of(japanese[key]), key


@given(st.text())
def test_a_slot_is_filled_with_text_whatever_it_holds(text: str) -> None:
    language = parse_language("xx", '[a]\nb = "<{name}>"')
    assert language.phrase("a.b", name=text) == f"<{text}>"


def test_an_unknown_language_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'tlh' is not known; known are .*en, ja"):
        load_language("tlh")


def test_numbers_and_times_are_written_with_their_zone() -> None:
    japanese = load_language("ja")
    assert japanese.number(1023) == "1,023"
    assert japanese.moment(1607212800, "Asia/Tokyo") == "2020-12-06 09:00 JST"
    assert japanese.moment(1607212800, "Asia/Dubai") == "2020-12-06 04:00 UTC+04"
