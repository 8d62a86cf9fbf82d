"""A budget buys the machine that runs the most capable model at a usable speed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

import pytest

from shiomi.rig.buy.budget import BudgetPlan, Running, plan_budget, running_cost
from shiomi.rig.buy.compatibility import check_build
from shiomi.rig.buy.findings import Refusal
from shiomi.rig.buy.parts import Board, Build, Case, GraphicsCard
from shiomi.rig.buy.prices import Condition, Prices, example_prices
from shiomi.rig.buy.whole import example_machines
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import PlanError
from shiomi.rig.estimate.fit import Floor, fit_model
from shiomi.rig.estimate.use import USES
from shiomi.rig.model.known_models import known_models
from shiomi.rig.report.budget_report import budget_json, budget_text
from tests.rig.planning import shipped

MODELS = known_models()
WISH = Wish(memory_gb=16, most_gpus=4)


@cache
def planned(budget: int, use: str = "chat", currency: str = "JPY", used: bool = True) -> BudgetPlan:
    return plan_budget(
        budget,
        USES[use],
        MODELS,
        shipped(),
        example_prices(shipped(), currency),
        example_machines(currency),
        replace(WISH, used=used),
        currency=currency,
    )


def test_the_example_prices_are_at_most_25_rows_and_each_is_a_part() -> None:
    for currency in ("JPY", "USD"):
        prices = example_prices(shipped(), currency)
        assert not prices.refused
        assert 20 <= len(prices.offers) <= 25


@pytest.mark.parametrize("currency", ["JPY", "USD"])
@pytest.mark.parametrize("used", [True, False])
@pytest.mark.parametrize("use", list(USES))
def test_an_answer_is_within_the_budget_compatible_and_usable(
    currency: str, used: bool, use: str
) -> None:
    plan = planned({"JPY": 600_000, "USD": 4000}[currency], use, currency, used)
    assert plan.proven
    assert plan.best.price <= plan.budget
    for answer in plan.frontier:
        runs = answer.capability.runs
        assert runs.fast
        assert runs.sure
        if answer.lines:
            build = Build.of(x.part for x in answer.lines for _ in range(x.quantity))
            assert not [x for x in check_build(build) if isinstance(x, Refusal)]
            assert used or all(x.offer.condition is Condition.NEW for x in answer.lines)


def test_each_answer_of_the_frontier_costs_more_and_is_worth_more() -> None:
    for first, second in itertools.pairwise(planned(1_000_000).frontier):
        assert first.price < second.price
        assert first.worth < second.worth


def test_a_larger_budget_buys_nothing_worse() -> None:
    worths = [planned(x).best.worth for x in (150_000, 300_000, 600_000, 1_000_000)]
    assert worths == sorted(worths)


def test_plan_and_fit_agree_about_every_machine_of_the_frontier() -> None:
    for use in USES.values():
        for answer in planned(600_000, use.name).frontier:
            again = fit_model(
                answer.capability.runs.known, answer.machine, use.setting, floor=use.floor
            )
            assert again is not None
            assert again.decode == answer.capability.runs.decode
            assert again.quantisation == answer.capability.runs.quantisation


def test_no_whole_machine_within_the_budget_is_worth_more() -> None:
    plan = planned(350_000)
    for whole in example_machines():
        if whole.price <= 350_000:
            single = plan_budget(350_000, plan.use, MODELS, shipped(), Prices(), [whole], WISH)
            assert single.best.worth <= plan.best.worth


def test_too_small_a_budget_and_impossible_floors_are_refused_with_the_reason() -> None:
    with pytest.raises(PlanError, match=r"nothing usable|budget too small"):
        planned(1000)
    fast = replace(USES["chat"], floor=Floor(write=100_000))
    with pytest.raises(PlanError, match="nothing usable"):
        plan_budget(
            500_000, fast, MODELS, shipped(), example_prices(shipped()), example_machines(), WISH
        )


def test_electricity_is_added_over_the_years() -> None:
    best = planned(300_000).best
    cost = running_cost(best, Running(hours=24, idle_hours=0, per_kwh=10, years=1))
    assert cost == pytest.approx(best.price + best.load_w / 1000 * 24 * 365 * 10)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_text_names_price_model_parts_proof_and_that_prices_are_examples(
    language: str,
) -> None:
    plan = planned(300_000)
    text = budget_text(plan, Running(), language, example=True)
    assert f"¥{plan.best.price:,}" in text
    assert plan.best.capability.runs.known.name in text
    assert "2026-11-29" in text
    assert budget_json(plan, Running())["best"]["price"] == plan.best.price


def card(slots: float) -> GraphicsCard:
    return GraphicsCard(id="c", name="card", chipset="GeForce RTX 3090", slot_width=slots)


@pytest.mark.parametrize(
    ("widths", "form_factor", "fits"),
    [
        ((2.9, 2.9, 2.9), "Micro ATX", False),
        ((2.9, 2.9, 2.9), "ATX", True),
        ((2.9, 2.9, 2.9, 2.9), "ATX", False),
        ((2.9, 2.9), "Micro ATX", True),
        ((2.0, 2.0), "Mini-ITX", False),
        ((3.5,), "Mini-ITX", True),
    ],
)
def test_cards_in_a_row_need_slot_positions_of_the_board(
    widths: tuple[float, ...], form_factor: str, fits: bool
) -> None:
    board = Board(id="b", name="board", form_factor=form_factor, x16_slots=4)
    case = Case(id="k", name="case", slots=20)
    cards = tuple(replace(card(x), id=f"c{i}") for i, x in enumerate(widths))
    found = check_build([*cards, board, case])
    refused = [x for x in found if isinstance(x, Refusal) and x.phrase == "positions"]
    assert bool(refused) is not fits
