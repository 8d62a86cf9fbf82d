"""Text that SQLite and its tokenizers can hold."""

from __future__ import annotations

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.archive.storable import storable


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_stored_afterwards(text: str) -> None:
    clean = storable(text)
    connection = sqlite3.connect(":memory:")
    row = connection.execute("SELECT ?, instr(?, char(0))", (clean, clean)).fetchone()
    connection.close()
    assert row == (clean, 0)
    assert storable(clean) == clean


@given(st.text().filter(lambda text: "\0" not in text))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert storable(text) == text


def test_nul_and_half_a_character_become_replacement_characters() -> None:
    assert storable("a\0b\ud800c\udc00d") == "a\ufffdb\ufffdc\ufffdd"
    assert storable("\ud83d\ude00") == "\U0001f600"
