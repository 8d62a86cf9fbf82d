from __future__ import annotations

import pytest

from shiomi.phrases import language_codes, load_phrases, parse_phrases, slots_of

ENGLISH = """
[render]
topics = "Topics"
read_at = "read at {time}"
opening = ["{name} leads.", "{name} comes first."]
"""


def test_slots_are_filled_with_text_that_is_not_parsed_again() -> None:
    phrases = parse_phrases("en", ENGLISH)
    assert phrases.phrase("render.topics") == "Topics"
    assert phrases.phrase("render.read_at", time="{name}") == "read at {name}"


def test_variants_wrap_around() -> None:
    phrases = parse_phrases("en", ENGLISH)
    assert phrases.variants("render.opening") == 2
    assert phrases.phrase("render.opening", 3, name="A") == "A comes first."


def test_an_unknown_key_offers_the_nearest_one() -> None:
    phrases = parse_phrases("en", ENGLISH)
    assert "render.topic" not in phrases
    with pytest.raises(LookupError, match=r"en has no phrase render\.topic; did you mean"):
        phrases.phrase("render.topic")


def test_a_missing_slot_is_named() -> None:
    with pytest.raises(LookupError, match=r"render\.read_at needs the slot 'time'"):
        parse_phrases("en", ENGLISH).phrase("render.read_at")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("=", "en.toml is not valid TOML"),
        ("a = 1", "a must be in a table"),
        ("[a]\nb = 1", "a.b must be a phrase or a list of phrases, got 1"),
        ("[a]\nb = []", "got []"),
        ('[a]\nb = ["x", 1]', r"got ['x', 1]"),
        ('[a]\nb = "{0.x}"', "a.b: a slot must be a plain {name}, got {0.x}"),
        ('[a]\nb = "{x!r}"', "got {x}"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_key(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="en") as raised:
        parse_phrases("en", text)
    assert message in str(raised.value)


def test_a_slot_is_a_plain_name() -> None:
    assert slots_of("{count} of {all}") == {"count", "all"}


def test_the_languages_of_a_package_are_its_files() -> None:
    package = "shiomi.digest.languages"
    assert {"en", "ja"} <= set(language_codes(package))
    assert load_phrases(package, "ja").code == "ja"
    with pytest.raises(LookupError, match=r"language must be one of en, .*got 'xx'"):
        load_phrases(package, "xx")
