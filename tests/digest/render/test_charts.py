"""Charts are small, exact where they state figures, and hold no foreign markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.render.charts import Series, bar, lines_over_time, weekly_bars

COUNTS = st.integers(0, 10**9)
READINGS = st.lists(st.tuples(st.integers(0, 2**33), COUNTS), min_size=2, max_size=400).map(
    lambda points: Series(tuple(sorted(points)))
)


@pytest.mark.slow
@given(st.lists(READINGS, min_size=1, max_size=7), st.text(st.characters(codec="utf-8")))
def test_lines_stay_inside_the_picture_and_text_inside_its_description(
    series: list[Series], said: str
) -> None:
    if re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\r]", said):
        return  # text is cleaned before it comes here
    tree = ET.fromstring(lines_over_time(series, said, said))
    assert tree.get("role") == "img"
    assert tree.findtext("desc") == said
    lines = [one.get("points", "").split() for one in tree.iter("polyline")]
    assert len(lines) == len(series)
    for line in lines:
        assert len(line) <= 162
        for point in line:
            x, y = map(float, point.split(","))
            assert 0 <= x <= 640
            assert 0 <= y <= 120


def test_a_higher_count_is_drawn_higher_from_a_common_zero() -> None:
    chart = lines_over_time([Series(((0, 0), (10, 50))), Series(((0, 0), (10, 100)))], "a", "b")
    ends = [p.split()[-1] for p in re.findall(r'points="([^"]+)"', chart)]
    assert ends == ["634.0,60.0", "634.0,6.0"]


def test_a_line_of_one_point_is_refused() -> None:
    with pytest.raises(ValueError, match="two points"):
        lines_over_time([Series(((0, 1),))], "a", "b")


@given(st.lists(COUNTS, max_size=60))
def test_weekly_bars_draw_one_bar_per_week_the_last_apart(counts: list[int]) -> None:
    tree = ET.fromstring(weekly_bars(counts, "label", "figures"))
    bars = list(tree)[1:]
    assert len(bars) == len(counts)
    assert [one.get("class") for one in bars] == ["past"] * (len(bars) - 1) + ["now"] * bool(bars)
    assert all(1 <= float(one.get("height", "0")) <= 36 for one in bars)


@given(COUNTS, COUNTS)
def test_a_bar_is_as_long_as_its_share(count: int, top: int) -> None:
    [rect] = list(ET.fromstring(bar(count, top)))
    share = min(100.0, 100 * count / top) if top else 0.0
    assert float(rect.get("width", "")) == pytest.approx(share, abs=0.06)
    assert float(rect.get("x", "")) + float(rect.get("width", "")) == pytest.approx(100, abs=0.2)
