"""The plan for a model is printed as text and as JSON, in both languages."""

from __future__ import annotations

import json

import pytest

from shiomi.rig.buy.build import Plan, front
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import BudgetError, PlanError, RigError
from shiomi.rig.report.plan_report import beyond_text, plan_json, plan_text
from shiomi.rig.report.wording import LANGUAGES, wording
from tests.rig.planning import catalog_of, priced, sound, speed, supply


def plans() -> list[Plan]:
    catalog = catalog_of(*sound().values(), supply("big", length_mm=None, watts=1300.0))
    prices = priced(catalog, {"supply": 8_000, "gpu": 40_000})
    return front([110_000, 400_000], Wish(most_gpus=2), catalog, prices, speed=speed)


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
    for reason in (BudgetError(5_000, 99_000), PlanError("why"), None):
        assert "¥5,000" in beyond_text(5_000, reason, language)


def test_the_json_holds_all_that_the_text_shows() -> None:
    read = json.loads(json.dumps(plan_json(plans())))
    assert [x["proven"] for x in read] == [True, True]
    assert read[0]["speed"]["basis"] == "synthetic"
    parts = read[0]["parts"]
    assert sum(x["price_jpy"] * x["quantity"] for x in parts) == read[0]["total_jpy"]


def test_no_such_language_is_an_error() -> None:
    with pytest.raises(RigError, match="no language 'xx'"):
        plan_text(plans()[0], "xx")
