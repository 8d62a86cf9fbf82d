from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.charts import HEIGHT, WIDTH, Scale, Series, line_chart, plain_number

numbers = st.floats(-1e12, 1e12)


@given(st.lists(st.tuples(numbers, numbers), max_size=20), st.booleans())
def test_every_point_is_inside_the_box(points: list[tuple[float, float]], log: bool) -> None:
    drawn = line_chart([Series("one", points)], label="<label>", x_label="step", log_y=log)
    if not drawn:
        assert not points or log
        return
    root = ElementTree.fromstring(drawn)
    assert root.get("aria-label") == "<label>"
    for line in root.iter("polyline"):
        for x, y in re.findall(r"(\S+),(\S+)", line.get("points", "")):
            assert 0 <= float(x) <= WIDTH
            assert 0 <= float(y) <= HEIGHT


def test_points_that_are_not_finite_are_left_out() -> None:
    assert line_chart([Series("one", [(0, float("nan")), (1, float("inf"))])], label="x") == ""


def test_a_reference_is_inside_the_axis() -> None:
    drawn = line_chart([Series("one", [(0, 1), (1, 2)])], label="x", reference=10)
    top = re.search(r'class="reference"[^>]*y1="([\d.]+)"', drawn)
    assert top is not None
    assert float(top[1]) >= 0


@pytest.mark.parametrize("log", [False, True])
def test_ticks_are_few_and_inside(log: bool) -> None:
    for low, high in ((0.1, 0.7), (1, 1e6), (3, 4)):
        ticks = Scale(low, high, 0, 100, log=log).ticks()
        assert 2 <= len(ticks) <= 7
        assert all(low <= tick <= high for tick in ticks)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1.5, "1.5"), (12345, "12,345"), (1.23e8, "1.2e+08"), (0.00012, "1.2e-4")],
)
def test_a_number_is_written_without_an_exponent_if_possible(value: float, text: str) -> None:
    assert plain_number(value) == text
