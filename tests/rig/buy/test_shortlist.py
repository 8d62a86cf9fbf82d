"""The parts worth pricing make a sound build, and name the cards that run a model."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from shiomi.rig.buy.budget import plan_budget
from shiomi.rig.buy.parts import Category
from shiomi.rig.buy.prices import Offer, Prices
from shiomi.rig.buy.shortlist import check_wished, shortlist, who_runs
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import PlanError
from shiomi.rig.estimate.fit import Floor
from shiomi.rig.estimate.setting import Place, Setting
from shiomi.rig.estimate.use import USES, judge_model
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.model.known_models import find_model, known_models
from tests.rig.planning import shipped

MODELS = known_models()
ANY = replace(USES["chat"], floor=Floor(write=0.01))


def test_a_context_beyond_what_was_trained_is_refused() -> None:
    with pytest.raises(PlanError, match="trained=40,960"):
        check_wished(find_model("qwen3:32b", MODELS), Setting(context=65_536))


@pytest.mark.parametrize(
    ("model", "wished", "format_"),
    [
        ("qwen3:32b", None, "Q4_K_M"),
        ("qwen3:32b", "Q6_K", "Q6_K"),
        ("gpt-oss-20b", None, "MXFP4_MOE"),
    ],
)
def test_the_format_is_the_wished_one_the_only_one_or_the_usual_one(
    model: str, wished: str | None, format_: str
) -> None:
    use = replace(ANY, setting=replace(ANY.setting, quantisation=wished))
    able = judge_model(find_model(model, MODELS), use)(simulated("RTX 5090, 64 GB"))
    assert able is not None
    assert able.runs.quantisation == format_
    assert able.runs.decode is not None
    assert able.worth == able.runs.decode.value


def test_more_context_and_users_need_more_cards() -> None:
    card = simulated("RTX 3090, 64 GB")
    for context, users, fits in ((8192, 1, True), (32_768, 1, False), (8192, 4, False)):
        setting = Setting(context=context, users=users)
        judge = judge_model(find_model("qwen3:32b", MODELS), replace(ANY, setting=setting))
        assert (judge(card) is not None) is fits


@pytest.mark.slow
def test_who_runs_it_is_told_fastest_first() -> None:
    able = who_runs(find_model("llama3.3:70b", MODELS), ANY, shipped(), Wish(most_gpus=2))
    assert "GeForce RTX 3090" in able
    assert "GeForce RTX 4060" not in able
    assert able.index("GeForce RTX 5090") < able.index("GeForce RTX 3090")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["qwen3:8b", "llama3.3:70b", "gpt-oss-120b"])
def test_the_shortlist_makes_a_sound_build_once_it_is_priced(model: str) -> None:
    known, wish = find_model(model, MODELS), Wish(memory_gb=64, most_gpus=2)
    parts = shortlist(shipped(), wish, who_runs(known, ANY, shipped(), wish))
    assert {part.category for part in parts} == set(Category)
    assert len(parts) == len({part.id for part in parts}) <= 25
    day = datetime.date(2026, 1, 1)
    prices = Prices([Offer(part.id, 10_000, day, "invented") for part in parts])
    found = plan_budget(10_000_000, ANY, MODELS, shipped(), prices, (), wish, model=known)
    assert found.proven
    assert found.model == found.best.capability.runs.known.name == known.name


def test_a_shortlist_without_a_card_is_refused() -> None:
    with pytest.raises(PlanError, match="no card"):
        shortlist(shipped(), Wish(), ["GeForce RTX 3091"])


@pytest.mark.slow
def test_experts_in_ram_make_a_large_model_affordable() -> None:
    known = find_model("gpt-oss-120b", MODELS)
    from shiomi.rig.buy.prices import example_prices

    prices = example_prices(shipped())
    found = plan_budget(
        300_000, ANY, MODELS, shipped(), prices, (), Wish(memory_gb=16), model=known
    )
    assert found.best.capability.runs.place is Place.EXPERTS_IN_RAM
