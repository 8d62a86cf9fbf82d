"""The page answers without a script, offline, and follows its controls with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiomi.rig.buy.budget import Running
from shiomi.rig.report.budget_page import render_budget_page
from tests.chromium import chromium
from tests.rig.buy.test_budget import planned


def page(language: str) -> str:
    plan = planned(600_000)
    new = planned(600_000, used=False)
    frontiers = {("chat", True): plan.frontier, ("chat", False): new.frontier}
    return render_budget_page(frontiers, 250_000, ("chat", True), "JPY", Running(), language)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_page_shows_the_best_machine_without_a_script_and_loads_nothing(language: str) -> None:
    text = page(language)
    body = text.partition("<script")[0]
    best = [x for x in planned(600_000).frontier if x.price <= 250_000][-1]
    assert best.capability.runs.known.name in body
    assert f"¥{best.price:,}" in body
    for line in best.lines:
        assert line.part.name.split("&")[0][:20] in body
    for loaded in ("src=", "href=", "url(", "@import"):
        assert loaded not in text


@pytest.mark.process
def test_slider_and_filter_change_answer_table_and_chart_in_a_browser(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page("ja"), encoding="utf-8")
    with chromium() as browser:
        tab = browser.new_page()
        tab.goto(file.as_uri())
        assert tab.inner_text("#shown") == "¥250,000"
        before = tab.inner_text("#machine")
        tab.evaluate(
            "() => { const b = document.getElementById('budget'); b.value = b.max;"
            " b.dispatchEvent(new Event('input', {bubbles: true})); }"
        )
        assert tab.inner_text("#machine") != before
        tab.evaluate(
            "() => { const b = document.getElementById('budget'); b.value = 0;"
            " b.dispatchEvent(new Event('input', {bubbles: true})); }"
        )
        assert tab.is_visible("#none")
        tab.uncheck("#used")
        new = [f"{x.capability.score:.1f}" for x in planned(600_000, used=False).frontier]
        assert tab.locator("#plot circle").count() == tab.locator("#rows tr").count() == len(new)
        shown = tab.locator("#plot text").all_text_contents()
        assert new[-1] in shown
        assert tab.locator("#plot circle.beyond").count() == len(new)
