"""Models and parts are tied together: a card has a speed only where the model surely fits."""

from __future__ import annotations

import datetime

import pytest

from shiomi.rig.buy.build import front, plan
from shiomi.rig.buy.catalog import Catalog, load_catalog
from shiomi.rig.buy.compatibility import check_build
from shiomi.rig.buy.findings import Refusal
from shiomi.rig.buy.gpu_speeds import chosen_format, gpu_speeds, who_runs
from shiomi.rig.buy.parts import Category
from shiomi.rig.buy.prices import Offer, Prices
from shiomi.rig.buy.shortlist import shortlist
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import AmbiguousPartError, BudgetError, PlanError, UnknownPartError
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.model.known_models import find_model, known_models
from shiomi.rig.report.wording import text_of, texts_of

MODELS = known_models()
QWEN_32B = find_model("qwen3:32b", MODELS)
LLAMA_70B = find_model("llama3.3:70b", MODELS)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def test_a_card_on_which_the_model_may_not_fit_has_no_speed() -> None:
    speed = gpu_speeds(LLAMA_70B, Setting())
    assert speed("GeForce RTX 3090", 1) is None
    two = speed("GeForce RTX 3090", 2)
    assert two is not None
    assert "Llama-3.3-70B-Instruct Q4_K_M, 1 x 8,192 tokens" in texts_of(two.basis)
    assert speed("GeForce RTX 4060", 2) is None


def test_more_context_and_users_need_more_cards() -> None:
    assert gpu_speeds(QWEN_32B, Setting())("GeForce RTX 3090", 1) is not None
    assert gpu_speeds(QWEN_32B, Setting(context=32_768))("GeForce RTX 3090", 1) is None
    assert gpu_speeds(QWEN_32B, Setting(users=4))("GeForce RTX 3090", 1) is None


def test_a_name_that_is_no_gpu_or_several_is_not_guessed() -> None:
    speed = gpu_speeds(QWEN_32B, Setting())
    with pytest.raises(UnknownPartError):
        speed("GeForce RTX 3091", 1)
    with pytest.raises(AmbiguousPartError):
        speed("GeForce RTX 3060", 1)


def test_a_context_beyond_what_was_trained_is_refused() -> None:
    with pytest.raises(PlanError, match="trained=40,960"):
        gpu_speeds(QWEN_32B, Setting(context=65_536))


def test_the_format_is_the_wished_one_the_only_one_or_the_usual_one() -> None:
    assert chosen_format(QWEN_32B, Setting()) == "Q4_K_M"
    assert chosen_format(QWEN_32B, Setting(quantisation="Q8_0")) == "Q8_0"
    assert chosen_format(find_model("gpt-oss-20b", MODELS), Setting()) == "MXFP4_MOE"


@pytest.mark.slow
def test_who_runs_it_is_told_fastest_first_with_the_fewest_cards(catalog: Catalog) -> None:
    able = who_runs(LLAMA_70B, Setting(), catalog, 2)
    counts = {name: count for name, count, _ in able}
    assert counts["GeForce RTX 3090"] == 2
    assert counts["GeForce RTX 5090"] == 2
    assert "GeForce RTX 4060" not in counts
    speeds = [estimate.value for _, _, estimate in able]
    assert speeds == sorted(speeds, reverse=True)


@pytest.mark.parametrize("model", ["qwen3:8b", "qwen3:32b", "llama3.3:70b", "gpt-oss-120b"])
def test_the_shortlist_makes_a_sound_build_once_it_is_priced(catalog: Catalog, model: str) -> None:
    known = find_model(model, MODELS)
    wish = Wish(most_gpus=2) if model != "gpt-oss-120b" else Wish(most_gpus=4)
    able = who_runs(known, Setting(), catalog, wish.most_gpus)
    parts = shortlist(catalog, wish, [name for name, _, _ in able])
    assert {part.category for part in parts} == set(Category)
    assert len(parts) == len({part.id for part in parts}) <= 25
    day = datetime.date(2026, 1, 1)
    prices = Prices([Offer(part.id, 10_000, day, "invented") for part in parts])
    found = plan(10_000_000, wish, catalog, prices, speed=gpu_speeds(known, Setting()))
    assert found.proven
    assert not [x for x in check_build(found.build) if isinstance(x, Refusal)]
    assert texts_of(found.speed.basis).startswith(known.name)


def test_a_shortlist_without_a_card_is_refused(catalog: Catalog) -> None:
    with pytest.raises(PlanError, match="no card"):
        shortlist(catalog, Wish(), ["GeForce RTX 3091"])


def test_budgets_without_a_plan_of_their_own_are_told_with_the_reason(catalog: Catalog) -> None:
    able = who_runs(QWEN_32B, Setting(), catalog, 1)
    parts = shortlist(catalog, Wish(most_gpus=1), [name for name, _, _ in able])
    day = datetime.date(2026, 1, 1)
    yen = {
        part.id: 100_000 * (1 + i) if part.category is Category.GPU else 10_000
        for i, part in enumerate(parts)
    }
    prices = Prices([Offer(x, price, day) for x, price in yen.items()])
    told: dict[int, PlanError | None] = {}
    plans = front(
        [50_000, 400_000, 400_001, 5_000_000],
        Wish(most_gpus=1),
        catalog,
        prices,
        speed=gpu_speeds(QWEN_32B, Setting()),
        beyond=told.__setitem__,
    )
    assert {x.budget_jpy for x in plans} | set(told) == {50_000, 400_000, 400_001, 5_000_000}
    reason = told[50_000]
    assert isinstance(reason, BudgetError)
    assert f"costs {reason.cheapest_jpy:,} yen" in text_of(reason.message)
    assert told[400_001] is None


def test_a_chipset_of_two_sizes_is_told_apart_by_the_planner() -> None:
    speed = gpu_speeds(find_model("qwen3:8b", MODELS), Setting())
    small, large = speed("GeForce RTX 3060 8 GB", 1), speed("GeForce RTX 3060 12 GB", 1)
    assert small is not None
    assert large is not None
    assert small.value < large.value
