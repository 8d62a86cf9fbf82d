"""Reddit's Markdown becomes the text a reader sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.archive.reddit_markdown import plain_markdown


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("plain", "plain"),
        ("**bold** and *so* and ***both***", "bold and so and both"),
        ("snake_case_name and _so_", "snake_case_name and so"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("[text](https://example.org/a_(b))", "text"),
        ('[text](https://example.org/ "title")', "text"),
        ("![img](https://example.org/i.png)", "img"),
        ("&gt; quoted\n&gt; more\n\nanswer", "quoted\nmore\n\nanswer"),
        ("# Heading\n\ntext", "Heading\n\ntext"),
        ("```python\ncode = 1\n```", "code = 1"),
        ("`code`", "code"),
        ("~~gone~~", "gone"),
        (">!spoiler!<", "spoiler"),
        ("R&amp;amp;D", "R&D"),
        ("a\\_b \\*c", "a_b *c"),
        ("a\n\n\n\n&#x200B;\n\nb", "a\n\nb"),
        ("thanks u/some_body and /u/other-one!", "thanks u/… and u/…!"),
        ("https://example.org/u/some", "https://example.org/u/some"),
        ("---", ""),
    ],
)
def test_marks_go_and_words_stay(markdown: str, text: str) -> None:
    assert plain_markdown(markdown) == text


@given(st.text(alphabet="*_~`[]()>#!\\u/ab \n&;", max_size=300))
def test_any_text_is_read_without_an_error(markdown: str) -> None:
    assert len(plain_markdown(markdown)) <= 3 * len(markdown)


@pytest.mark.parametrize(
    "unit", ["*", "**a", "[", "[a](", "[a](()", "_a", "~~", "`a", ">", "> !", "\\", "&gt;", " \n"]
)
def test_two_hundred_thousand_characters_of_nothing_but_marks_are_read(unit: str) -> None:
    assert len(plain_markdown((unit * 200_000)[:200_000])) <= 200_000
