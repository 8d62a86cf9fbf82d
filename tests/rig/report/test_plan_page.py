"""The plan is said as text, JSON and one page that needs nothing but itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from shiomi.rig.buy.build import Plan, front
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import BudgetError, PlanError, RigError
from shiomi.rig.report.page import render_page
from shiomi.rig.report.plan_report import plan_json, plan_text
from shiomi.rig.report.wording import LANGUAGES, wording
from tests.rig.planning import catalog_of, gpu, priced, sound, speed, supply

HOSTILE = '<script>alert(1)</script>{title} "&'
LYNX = shutil.which("lynx")


def plans() -> list[Plan]:
    catalog = catalog_of(
        *sound(gpu=gpu(name=HOSTILE)).values(), supply("big", length_mm=None, watts=1300.0)
    )
    prices = priced(catalog, {"supply": 8_000, "gpu": 40_000})
    prices.offers.append(replace(prices.offers[0], shop=HOSTILE, price=39_000))
    return front([110_000, 400_000], Wish(most_gpus=2), catalog, prices, speed=speed)


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_fetches_nothing_runs_nothing_and_shows_every_plan(language: str) -> None:
    found = plans()
    assert len(found) == 2
    page = render_page(found, language)
    elements = Elements()
    elements.feed(page)
    assert not {"script", "img", "link", "iframe"} & set(elements.seen)
    assert elements.seen.count("circle") == 2
    assert elements.seen.count("section") == 2
    assert not [x for x, _ in elements.attributes if x.startswith("on")]
    assert not re.findall(r"url\(|@import", page)
    assert "alert(1)&lt;/script&gt;{title}" in page
    for plan in found:
        assert f"¥{plan.total_jpy:,}" in page
        for check in plan.checks:
            assert check.phrase in wording(language)["unknown"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_which_budgets_have_no_plan_of_their_own(language: str) -> None:
    beyond = [(5_000, BudgetError(5_000, 99_000)), (6_000, PlanError(HOSTILE)), (7_000, None)]
    page = render_page(plans(), language, beyond)
    assert all(f"¥{x}" in page for x in ("5,000", "99,000", "6,000", "7,000"))
    assert "<script" not in page


@pytest.mark.skipif(LYNX is None, reason="no lynx on PATH")
def test_the_page_reads_in_a_browser_without_pictures(tmp_path: Path) -> None:
    file = tmp_path / "plan.html"
    file.write_text(render_page(plans(), "en"), encoding="utf-8")
    command = [LYNX or "", "-dump", "-display_charset=utf-8", str(file)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Power supply" in text
    assert "Total" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_says_parts_total_speed_basis_proof_and_date(language: str) -> None:
    plan = plans()[0]
    text = plan_text(plan, language)
    for line in plan.lines:
        assert line.part.name in text
    assert f"¥{plan.total_jpy:,}" in text
    assert "synthetic" in text
    assert "2026-01-01" in text
    assert wording(language)["plan"]["unproven"] not in text


def test_the_json_holds_all_that_the_page_shows() -> None:
    read = json.loads(json.dumps(plan_json(plans())))
    assert [x["proven"] for x in read] == [True, True]
    assert read[0]["speed"]["basis"] == "synthetic"
    parts = read[0]["parts"]
    assert sum(x["price_jpy"] * x["quantity"] for x in parts) == read[0]["total_jpy"]


def test_all_languages_have_the_same_phrases_with_the_same_slots() -> None:
    def shape(language: str) -> dict[tuple[str, str], set[str]]:
        return {
            (table, key): set(re.findall(r"\{(\w+)\}", text))
            for table, phrases in wording(language).items()
            for key, text in phrases.items()
        }

    first, *others = [shape(x) for x in LANGUAGES]
    for other in others:
        assert other == first


def test_no_plan_and_no_such_language_are_errors() -> None:
    with pytest.raises(PlanError, match="no plan"):
        render_page([])
    with pytest.raises(RigError, match="no language 'xx'"):
        render_page(plans(), "xx")
