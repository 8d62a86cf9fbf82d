"""HTML → plain text."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.sources.plain_text import one_line, plain_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("no markup", "no markup"),
        ("I have&#x27;nt<p>a &lt;b&gt; &amp; c", "I have'nt\n\na <b> & c"),
        ("a < b and c > d", "a < b and c > d"),
        ("I <3 this", "I <3 this"),
        (
            '<a href="https:&#x2F;&#x2F;x.org" rel="nofollow">https:&#x2F;&#x2F;x.org</a>',
            "https://x.org",
        ),
        ('<a title="a > b">link</a>', "link"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<ul><li>a</li><li>b</li></ul>", "a\n\nb"),
        ("<pre><code>if x:\n    y\n</code></pre>after", "if x:\ny\n\nafter"),
        ("<p>one\n   line</p>", "one line"),
        ("a<script>alert('<p>x</p>')</script>b", "ab"),
        ("a<style>p { color: red }</style>b", "ab"),
        ("a<!-- hidden <b>x</b> -->b", "ab"),
        ("a<!DOCTYPE html>b<?php echo 1 ?>c", "abc"),
        ("a<script>never closed", "a"),
        ("cut in the middle of <a hre", "cut in the middle of"),
        ("&amp;lt;script&amp;gt;", "&lt;script&gt;"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("nul\x00 bell\x07 c1\x9b lone\ud800 tab\tend", "nul bell c1 lone tab\tend"),
        ("&#0; &#xD800; &#x110000; &nosuch;", "� � � &nosuch;"),
        ("日本語<p>の段落", "日本語\n\nの段落"),
        ("", ""),
        ("<p>", ""),
    ],
)
def test_a_reader_sees_the_text_alone(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@pytest.mark.parametrize(
    "bomb",
    [
        "<", "<a ", '<a x="', "<a x='", "<!--", "<![CDATA[", "</", "</a ", "<!", "<?", "<a =\"'",
        "&", "&#", "&#x", "<script>", "<script></", "<div>", "<pre>", "<a a=", "= ", "\n \n",
    ],
)  # fmt: skip
def test_hostile_markup_of_full_length_is_read(bomb: str) -> None:
    """Under html.parser some of these take minutes each; here they are a second together."""
    for markup in (bomb * (200_000 // len(bomb)), "<a " + bomb * (200_000 // len(bomb))):
        assert len(plain_text(markup)) <= len(markup)


def test_no_more_than_200000_characters_are_read() -> None:
    assert len(plain_text("x" * 1_000_000)) == 200_000


@given(st.text())
def test_text_that_was_escaped_comes_back(text: str) -> None:
    got = plain_text(html.escape(text))
    unseen = r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]"
    assert re.sub(unseen, "", got) == re.sub(unseen, "", text)


@given(st.text(alphabet="<>/!-a='\"& \nscript;#x0p", max_size=200))
def test_any_markup_becomes_text_that_can_be_stored(markup: str) -> None:
    text = plain_text(markup)
    assert "\x00" not in text
    assert text == text.strip()
    text.encode()


def test_a_title_stands_on_one_line() -> None:
    assert one_line("  A\n  title\x00\u2028 of\ttwo\xa0lines ") == "A title of two lines"
