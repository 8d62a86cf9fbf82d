"""A budget buys the machine that runs the most capable model at a usable speed."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.rig.buy.budget import BudgetPlan, Running, plan_budget, running_cost
from shiomi.rig.buy.compatibility import check_build
from shiomi.rig.buy.findings import Refusal
from shiomi.rig.buy.parts import Board, Build, Case, GraphicsCard
from shiomi.rig.buy.prices import Condition, Prices, example_prices
from shiomi.rig.buy.whole import example_machines
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import PlanError
from shiomi.rig.estimate.fit import Floor, fit_model, fit_models
from shiomi.rig.estimate.use import USES, best_for, capability, in_order, worth
from shiomi.rig.machine.gpus import known_gpus
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.model.known_models import known_models
from shiomi.rig.model.quality import quality_table
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


def test_each_example_price_is_a_part_with_a_date_and_its_basis() -> None:
    for currency in ("JPY", "USD"):
        prices = example_prices(shipped(), currency)
        assert not prices.refused
        assert 20 <= len(prices.offers) <= 40
        for offer in prices.offers:
            assert offer.date.year >= 2025
            assert re.search(r"example|per dollar|20\d\d", offer.shop), offer
        for machine in example_machines(currency):
            assert re.search(r"example|20\d\d", machine.source), machine


@pytest.mark.slow
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


@pytest.mark.slow
def test_each_answer_of_the_frontier_costs_more_and_is_worth_more() -> None:
    for first, second in itertools.pairwise(planned(1_000_000).frontier):
        assert first.price < second.price
        assert first.worth < second.worth


@pytest.mark.slow
def test_a_larger_budget_buys_nothing_worse() -> None:
    worths = [planned(x).best.worth for x in (150_000, 300_000, 600_000, 1_000_000)]
    assert worths == sorted(worths)


GPUS = [x for x in known_gpus() if x.memory_gib >= 6]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    gpu=st.sampled_from(GPUS),
    count=st.integers(0, 4),
    memory=st.sampled_from([8.0, 32.0, 64.0, 192.0]),
    bandwidth=st.sampled_from([None, 40.0, 90.0, 300.0]),
    use=st.sampled_from(list(USES)),
)
def test_plan_and_fit_never_contradict_each_other(
    gpu: Gpu, count: int, memory: float, bandwidth: float | None, use: str
) -> None:
    machine = Machine("any", (gpu,) * count, memory, bandwidth)
    asked, quality = USES[use], quality_table()
    planned = best_for(capability(MODELS, asked, quality), machine, asked, quality)
    listed = in_order(fit_models(MODELS, machine, asked.setting, floor=asked.floor), asked)
    able = [x for x in listed if x.usable_here and asked.serves(x.known)]
    if planned is None:
        assert not able
    else:
        assert worth(able[0], asked, quality).worth == pytest.approx(planned.worth)
        assert planned.runs.known.name in {x.known.name for x in able}


@pytest.mark.slow
def test_plan_and_fit_agree_about_every_machine_of_the_frontier() -> None:
    for use in USES.values():
        for answer in planned(600_000, use.name).frontier:
            again = fit_model(
                answer.capability.runs.known, answer.machine, use.setting, floor=use.floor
            )
            assert again is not None
            assert again.decode == answer.capability.runs.decode
            assert again.quantisation == answer.capability.runs.quantisation


@pytest.mark.slow
def test_no_whole_machine_within_the_budget_is_worth_more() -> None:
    plan = planned(350_000)
    for whole in example_machines():
        if whole.price <= 350_000:
            single = plan_budget(350_000, plan.use, MODELS, shipped(), Prices(), [whole], WISH)
            assert single.best.worth <= plan.best.worth


def test_a_whole_machine_has_the_memory_and_the_storage_asked_for() -> None:
    machines = example_machines()
    for least in ((64.0, 0.0), (0.0, 2000.0)):
        plan = plan_budget(
            900_000, USES["chat"], MODELS, shipped(), Prices(), machines, WISH, least=least
        )
        assert plan.left_out
        for answer in plan.frontier:
            assert answer.whole is not None
            assert answer.whole.name not in plan.left_out
            assert (answer.machine.memory_gib or 0) >= least[0]
            assert answer.whole.storage_gb >= least[1]
    with pytest.raises(PlanError, match="only smaller"):
        plan_budget(
            300_000, USES["chat"], MODELS, shipped(), Prices(), machines, WISH, least=(0.0, 9000.0)
        )


@pytest.mark.slow
def test_a_24_gb_card_gets_32_gb_of_memory_unless_less_is_asked_for() -> None:
    def memory_of(wish: Wish) -> float:
        prices = example_prices(shipped())
        plan = plan_budget(240_000, USES["chat"], MODELS, shipped(), prices, (), wish)
        assert plan.best.machine.gpus[0].memory_gib == 24
        return plan.best.machine.memory_gib or 0.0

    assert memory_of(replace(WISH, memory_by_cards=True)) == 32
    assert memory_of(WISH) == 16


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
    assert "2026-05-16" in text  # of the price of a used card
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


@pytest.mark.parametrize(
    ("socket", "cards", "fits"), [("AM5", 2, True), ("AM5", 3, False), ("sTRX4", 4, True)]
)
def test_more_than_two_cards_need_a_workstation_board(socket: str, cards: int, fits: bool) -> None:
    board = Board(id="b", name="board", form_factor="ATX", x16_slots=4, socket=socket)
    found = check_build([*(replace(card(1.0), id=f"c{i}") for i in range(cards)), board])
    refused = [x for x in found if isinstance(x, Refusal) and x.phrase == "mainstream"]
    assert bool(refused) is not fits
