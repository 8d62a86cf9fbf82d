"""The gate's pages: in the reader's language, accessible, and safe whatever is shown."""

from __future__ import annotations

import string

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.pages import languages, page, preferred_language, text

ENGLISH = "en"


def names() -> list[str]:
    from shiomi.gate.pages import _texts

    return list(_texts()[ENGLISH])


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("language", languages())
def test_every_language_says_everything(language: str) -> None:
    for name in names():
        assert text(language, name)
        assert places(text(language, name)) == places(text(ENGLISH, name)), name


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ("xx, fr;q=0.5, de;q=0.7", "de"),
        ("zh-TW,zh;q=0.9", "zh-Hant"),
        ("zh-Hant-HK", "zh-Hant"),
        ("zh-CN", "zh-Hans"),
        ("DE-at", "de"),
        ("ja;q=0, en", "en"),
        ("ja;q=x", "en"),
        ("ja;q=nan, ko;q=inf", "en"),
        ("*", "en"),
        (";;;q=,,", "en"),
    ],
)
def test_the_reader_gets_the_language_they_like_best(accept: str, language: str) -> None:
    assert preferred_language(accept) == language


@given(st.text(max_size=3000))
def test_no_header_is_too_odd_for_a_language(accept: str) -> None:
    assert preferred_language(accept) in languages()


@pytest.mark.parametrize("language", languages())
def test_a_page_is_valid_html_in_its_language_with_a_heading_and_a_landmark(language: str) -> None:
    shown = page("challenge", language, paragraphs=("challenge_text",), button="/.gate/enter?a&b")
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(shown.body)
    assert tree.get("lang") == language
    assert len(tree.findall(".//main")) == len(tree.findall(".//main/h1")) == 1
    assert tree.find(".//form").attrib == {"method": "post", "action": "/.gate/enter?a&b"}
    assert tree.findall(".//form//button")
    assert not tree.findall(".//script")


def test_what_came_from_a_request_is_never_markup() -> None:
    evil = '<script>"{title}"</script>'
    shown = page(
        "cookie", "en", paragraphs=("cookie_text",), values={"host": evil}, link=(evil, "again")
    )
    assert b"<script" not in shown.body
    assert b"&lt;script&gt;" in shown.body


def test_a_page_is_small() -> None:
    for language in languages():
        texts = ("challenge_text", "challenge_help")
        assert len(page("challenge", language, paragraphs=texts, button="/x").body) < 2500


def test_a_page_loads_and_runs_nothing_and_is_kept_by_no_cache() -> None:
    headers = dict(page("deny", "ja", paragraphs=("deny_text",)).headers)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store, no-cache"
    assert headers["Content-Language"] == "ja"
    assert "Cookie" in headers["Vary"]
    assert headers["Shiomi-Gate"] == "deny"
