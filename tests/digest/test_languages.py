"""Languages: one file each, all with the same phrases and slots."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.errors import ConfigError
from shiomi.digest.languages import language_codes, load_language, parse_language, slots_of

EVERY = language_codes()


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


def test_slots_are_filled() -> None:
    language = parse_language("xx", '[a]\nb = "{count} of {name}"')
    assert language.phrase("a.b", count=3, name="x") == "3 of x"


@given(st.text())
def test_a_slot_is_filled_with_text_whatever_it_holds(text: str) -> None:
    language = parse_language("xx", '[a]\nb = "<{name}>"')
    assert language.phrase("a.b", name=text) == f"<{text}>"


def test_a_missing_phrase_or_slot_is_named() -> None:
    language = parse_language("xx", '[a]\nbook = "{count}"')
    with pytest.raises(LookupError, match=r"no phrase a\.boot; did you mean a\.book\?"):
        language.phrase("a.boot")
    with pytest.raises(LookupError, match="needs the slot 'count'"):
        language.phrase("a.book")


def test_an_unknown_language_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'tlh' is not known; known are .*en, ja"):
        load_language("tlh")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a = 1", "a must stand in a table"),
        ("[a]\nb = 1", r"a\.b must be a phrase"),
        ('[a]\nb = "{x.__class__}"', r"a\.b: .*no plain slot"),
        ('[a]\nb = "{}"', r"a\.b: .*no plain slot"),
        ('[a]\nb = "{x!r}"', r"a\.b: .*no plain slot"),
        ('[a]\nb = "{"', r"a\.b: "),
        ("[a", "not valid TOML"),
    ],
)
def test_a_file_that_is_not_right_names_the_key(text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        parse_language("xx", text)


def test_numbers_and_times_are_written_with_their_zone() -> None:
    japanese = load_language("ja")
    assert japanese.number(1023) == "1,023"
    assert japanese.moment(1607212800, "Asia/Tokyo") == "2020-12-06 09:00 JST"
    assert japanese.moment(1607212800, "Asia/Dubai") == "2020-12-06 04:00 UTC+04"
