"""Messages hold foreign text without harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.archive.one_line import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        (" a\n\n b\t", "a b"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("a\u202eb", "a\ufffdb"),
        ("\udcff.jsonl", "\ufffd.jsonl"),
        ("規制　動き", "規制 動き"),
    ],
)
def test_white_space_is_collapsed_and_what_is_not_shown_replaced(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_printable_and_stays_as_it_is_then(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert one_line(line) == line
    line.encode()
