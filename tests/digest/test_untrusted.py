"""Text and addresses from the network come out harmless."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.untrusted import clean, language_of, safe_link, shorten

TRICKY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "a\u0301\u200d\u200c\u202e\u2066\u200b\x00\n\ufeffか\u3099\u094d क👩\u0489"
        ),
    )
)


@given(TRICKY)
def test_cleaned_text_is_one_visible_line_of_nfc(text: str) -> None:
    cleaned = clean(text)
    assert unicodedata.is_normalized("NFC", cleaned)
    categories = {unicodedata.category(c) for c in cleaned if c not in "\u200c\u200d"}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert cleaned == " ".join(cleaned.split())


@given(TRICKY)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.slow
@given(
    st.from_regex(r"[!-~ぁ-んァ-ヶ一-龠]{1,30}( [!-~ぁ-んァ-ヶ一-龠]{1,30}){0,3}", fullmatch=True)
)
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("user\u202egnp.exe", "usergnp.exe"),
        ("pay\u200bpal \ufeffnow", "paypal now"),
        ("one\r\ntwo\u2028three\x85four", "one two three four"),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("e\u0301", "é"),
        ("👩\u200d👩\u200d👧 and ❤\ufe0f\u200d🔥", "👩\u200d👩\u200d👧 and ❤\ufe0f\u200d🔥"),
        ("क\u094d\u200dष", "क\u094d\u200dष"),
        ("z\u0301\u0302\u0303\u0304\u0305\u0306\u0307", "ź\u0302\u0303\u0304\u0305"),
        ("\ud800", "\ufffd"),
        ("\U000e0041\U000e0042hidden", "hidden"),
        (" \t ", ""),
    ],
)
def test_what_hides_goes_and_what_shapes_stays(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text(min_size=1), st.integers(2, 30))
def test_shortened_text_fits_and_says_that_it_was_cut(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert short == text if len(text) <= limit else short.endswith("…")


def test_shortening_never_parts_a_letter_from_its_accent_or_an_emoji() -> None:
    assert shorten("ab👩\u200d👧cd", 5) == "ab…"
    assert shorten("aax\u0301bcd", 4) == "aa…"


ADDRESSES = st.one_of(
    st.text(),
    st.text().map("http://".__add__),
    st.text(st.one_of(st.characters(), st.sampled_from("/?#@:%[].a\\\"' ()<>`"))).map(
        "https://a.example/".__add__
    ),
)


@given(ADDRESSES)
def test_a_safe_link_is_an_ascii_web_address_that_ends_no_attribute(url: str) -> None:
    link = safe_link(url)
    if link is not None:
        assert link.startswith(("http://", "https://"))
        assert link.isascii()
        assert link.isprintable()
        assert not set(link) & set(" \"'<>`\\|{}^")
        assert safe_link(link) == link


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/",
        "https://",
        "https:///path",
        "https://news.ycombinator.com@evil.example/",
        "https://a.example\\@evil.example/",
        "https://a b.example/",
        "https://a.example:99999/",
        "https://[bad/",
        "https://a.example/" + "x" * 5_000,
        "",
        None,
    ],
)
def test_other_addresses_are_no_link(url: str | None) -> None:
    assert safe_link(url) is None


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://news.ycombinator.com/item?id=1", "https://news.ycombinator.com/item?id=1"),
        ("https://a.example/a b\"'<>", "https://a.example/a%20b%22%27%3C%3E"),
        ("https://en.wikipedia.org/wiki/A_(b)", "https://en.wikipedia.org/wiki/A_(b)"),
        ("https://日本.jp/道?q=あ", "https://xn--wgv71a.jp/%E9%81%93?q=%E3%81%82"),
        ("https://a.example/100%", "https://a.example/100%25"),
        ("https://a.example//evil.example", "https://a.example/evil.example"),
    ],
)
def test_odd_but_good_addresses_are_encoded(url: str, link: str) -> None:
    assert safe_link(url) == link


@pytest.mark.parametrize(
    ("text", "lang"),
    [("Blocking crawlers", "en"), ("AIの規制", "ja"), ("人工知能", None), ("2025!", None)],
)
def test_the_language_of_a_text_is_told_only_where_it_shows(text: str, lang: str | None) -> None:
    assert language_of(text) == lang
