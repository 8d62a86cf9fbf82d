"""The plan is the best there is, says so only when proven, and answers bad wishes plainly."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from shiomi.rig.buy.build import bought, front, plan, upgrade
from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.buy.choices import memory_sizes, speed_name
from shiomi.rig.buy.parts import Build, Category
from shiomi.rig.buy.prices import Condition, Offer, Prices
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import PlanError
from tests.rig.planning import (
    DAY,
    best_by_trying,
    catalog_of,
    cooler,
    cpu,
    gpu,
    kit,
    priced,
    random_parts,
    sound,
    speed,
    supply,
)

WISH = Wish(memory_gb=32, storage_gb=1000, cores=6, most_gpus=2)


@pytest.mark.parametrize("seed", range(25))
def test_no_combination_that_goes_together_beats_the_plan(seed: int) -> None:
    rng = random.Random(seed)
    catalog = catalog_of(*random_parts(rng))
    prices = priced(catalog, {x: rng.randrange(3_000, 60_000) for x in catalog.parts})
    budget = rng.randrange(60_000, 300_000)
    best = best_by_trying(catalog, prices, budget)
    if best is None:
        with pytest.raises(PlanError):
            plan(budget, WISH, catalog, prices, speed=speed)
        return
    found = plan(budget, WISH, catalog, prices, speed=speed)
    assert found.proven
    assert (found.speed.value, found.total_jpy) == best
    assert found.total_jpy <= budget


@pytest.mark.parametrize(
    "budget", [0, -1, 10**12, math.nan, math.inf, -math.inf, True, "300000", None, 1]
)
def test_an_absurd_budget_is_answered_in_words(budget: float) -> None:
    catalog = catalog_of(*sound().values())
    with pytest.raises(PlanError, match="budget"):
        plan(budget, WISH, catalog, priced(catalog), speed=speed)


def test_too_small_a_budget_is_told_what_the_cheapest_build_costs() -> None:
    catalog = catalog_of(*sound().values())
    with pytest.raises(PlanError, match="cheapest=80,000"):
        plan(79_999, WISH, catalog, priced(catalog), speed=speed)


def test_what_has_no_price_is_named() -> None:
    parts = sound()
    del parts["supply"]
    catalog = catalog_of(*parts.values())
    with pytest.raises(PlanError, match="psu"):
        plan(300_000, WISH, catalog, priced(catalog), speed=speed)


def test_no_prices_at_all_are_no_plan() -> None:
    with pytest.raises(PlanError, match="nothing meets"):
        plan(300_000, WISH, catalog_of(*sound().values()), Prices(), speed=speed)


def test_parts_that_never_go_together_are_said_so() -> None:
    catalog = catalog_of(*sound(cpu=cpu(socket="LGA 1700")).values())
    with pytest.raises(PlanError, match="goes with"):
        plan(300_000, WISH, catalog, priced(catalog), speed=speed)


def test_an_unknown_field_keeps_a_part_out_unless_that_is_allowed() -> None:
    catalog = catalog_of(*sound(cooler=cooler(height_mm=None)).values())
    with pytest.raises(PlanError):
        plan(300_000, WISH, catalog, priced(catalog), speed=speed)
    allowed = Wish(memory_gb=32, allow_unknown=True)
    found = plan(300_000, allowed, catalog, priced(catalog), speed=speed)
    assert [str(x.check) for x in found.checks if not getattr(x, "always", False)] == [
        "cooler height"
    ]


def test_a_card_without_a_known_speed_is_left_out_and_counted() -> None:
    catalog = catalog_of(*sound().values(), gpu("x", chipset="unknown"))
    found = plan(300_000, WISH, catalog, priced(catalog), speed=speed)
    assert found.without_speed == 1


def test_used_parts_are_their_own_rows_and_can_be_kept_out() -> None:
    catalog = catalog_of(*sound().values())
    used = Offer("gpu", 4_000, DAY, "used shop", Condition.USED, stock=1)
    prices = Prices([*priced(catalog).offers, used])
    one = Wish(memory_gb=32, most_gpus=1)
    assert plan(300_000, one, catalog, prices, speed=speed).total_jpy == 74_000
    new = Wish(memory_gb=32, most_gpus=1, used=False)
    assert plan(300_000, new, catalog, prices, speed=speed).total_jpy == 80_000


def test_no_more_cards_are_planned_than_are_in_stock() -> None:
    catalog = catalog_of(*sound().values())
    offers = [x for x in priced(catalog).offers if x.part != "gpu"]
    offers.append(Offer("gpu", 10_000, DAY, stock=1))
    found = plan(300_000, WISH, catalog, Prices(offers), speed=speed)
    assert len(found.build.get(Category.GPU)) == 1


def test_a_larger_budget_is_never_slower_and_the_front_has_no_dominated_plan() -> None:
    rng = random.Random(5)
    catalog = catalog_of(*random_parts(rng))
    prices = priced(catalog, {x: rng.randrange(3_000, 60_000) for x in catalog.parts})
    plans = front(range(60_000, 400_000, 20_000), WISH, catalog, prices, speed=speed)
    assert plans
    for cheap, dear in itertools.pairwise(plans):
        assert cheap.total_jpy < dear.total_jpy
        assert cheap.speed.value < dear.speed.value


def test_a_front_of_no_budget_is_refused() -> None:
    with pytest.raises(PlanError, match="no budget"):
        front([], WISH, Catalog(), Prices(), speed=speed)


def test_an_upgrade_keeps_what_is_there_and_adds_a_second_card() -> None:
    parts = sound(supply=supply(watts=850.0))
    catalog = catalog_of(*parts.values())
    found = upgrade(Build.of(parts.values()), 15_000, WISH, catalog, priced(catalog), speed=speed)
    assert [(line.part.id, line.quantity) for line in bought(found)] == [("gpu", 1)]
    assert len(found.build.get(Category.GPU)) == 2
    assert found.total_jpy == 10_000


def test_an_upgrade_replaces_a_supply_that_a_better_card_overloads() -> None:
    weak = supply("weak", watts=400.0, eight_pin=2)
    have = sound(gpu=gpu("old", chipset="unknown"), supply=weak)
    catalog = catalog_of(*have.values(), gpu(tdp_w=300.0, eight_pin=2), supply())
    prices = priced(catalog)
    wish = Wish(memory_gb=32, most_gpus=1)
    found = upgrade(Build.of(have.values()), 30_000, wish, catalog, prices, speed=speed)
    assert {line.part.id for line in bought(found)} == {"gpu", "supply"}


def test_an_upgrade_adds_memory_of_the_same_kind() -> None:
    have = sound()
    catalog = catalog_of(*have.values(), kit("other", type="DDR4"))
    prices = priced(catalog, {"kit": 9_000, "other": 1_000})
    wish = Wish(memory_gb=64, most_gpus=1)
    found = upgrade(Build.of(have.values()), 10_000, wish, catalog, prices, speed=speed)
    assert [(line.part.id, line.quantity) for line in bought(found)] == [("kit", 1)]


def test_a_gpu_is_named_with_its_memory_only_where_there_are_several_sizes() -> None:
    cards = [
        gpu("a", chipset="GeForce RTX 4060 Ti 16 GB", vram_gb=16.0),
        gpu("b", chipset="GeForce RTX 4060 Ti", vram_gb=8.0),
        gpu("c", chipset="GeForce RTX 3070 LHR", vram_gb=8.0),
        gpu("d", chipset="GeForce RTX 3090", vram_gb=None),
    ]
    sizes = memory_sizes(cards)
    assert [speed_name(x, sizes) for x in cards] == [
        "GeForce RTX 4060 Ti 16 GB",
        "GeForce RTX 4060 Ti 8 GB",
        "GeForce RTX 3070",
        None,
    ]


@pytest.mark.parametrize(
    "wrong",
    [{"memory_gb": math.nan}, {"cores": 0}, {"most_gpus": 100}, {"vram_gb": -1}, {"storage_gb": 0}],
)
def test_a_wish_out_of_range_is_named(wrong: dict[str, float]) -> None:
    with pytest.raises(PlanError, match=next(iter(wrong))):
        Wish(**wrong)  # type: ignore[arg-type]


def test_a_price_of_a_part_that_is_not_in_the_catalogue_is_an_error() -> None:
    catalog = catalog_of(*sound().values())
    prices = Prices([*priced(catalog).offers, Offer("nowhere", 1, DAY)])
    with pytest.raises(PlanError, match="nowhere"):
        plan(300_000, WISH, catalog, prices, speed=speed)
