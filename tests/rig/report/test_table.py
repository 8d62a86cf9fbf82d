"""Tables stay aligned where characters take two columns."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from shiomi.rig.report.table import figure, text_table, text_width, tokens_text, wrapped

ROWS = st.integers(1, 4).flatmap(
    lambda n: st.lists(
        st.lists(st.text("aé漢カｱ1", max_size=6), min_size=n, max_size=n), min_size=1, max_size=5
    )
)


@given(ROWS)
def test_the_last_column_flush_right_ends_every_line_alike(rows: list[list[str]]) -> None:
    filled = [[*row, "x"] for row in rows]
    lines = text_table(filled, right=(len(filled[0]) - 1,))
    assert len({text_width(line) for line in lines}) == 1


@given(st.text("aé漢カｱ1、 (", max_size=60), st.integers(10, 30))
def test_wrapping_moves_no_character_and_leaves_out_only_spaces(text: str, columns: int) -> None:
    lines = wrapped(text, columns)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        assert text_width(line) <= columns or len(re.findall(r"[^\s漢カ、]+", line)) == 1


def test_a_cell_of_several_lines_makes_its_row_as_high() -> None:
    assert text_table([["a\nb", "1"], ["c", "2\n34"]], right=(1,)) == [
        "a   1",
        "b",
        "c   2",
        "   34",
    ]


def test_figures_have_as_many_digits_as_they_deserve() -> None:
    assert [figure(x) for x in (1234.5, 123.4, 12.34, 1.0, 0.1234)] == [
        "1,234",
        "123",
        "12.3",
        "1.0",
        "0.12",
    ]
    assert [tokens_text(x) for x in (200, 8192, 262_144)] == ["200", "8k", "256k"]
    assert text_table([]) == []
