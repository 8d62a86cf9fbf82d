"""The cheapest build is the best there is, proven, and bad wishes are answered plainly."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from shiomi.rig.buy.build import Line, Problem, lines_of
from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.buy.choices import gather
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

WISH = Wish(memory_gb=32, storage_gb=1000, most_gpus=2)


def fastest(
    budget: int, wish: Wish, catalog: Catalog, prices: Prices, have: Build | None = None
) -> tuple[float, int, tuple[Line, ...]] | None:
    """(speed, yen, lines) of the fastest build, and of those the cheapest."""
    choices = gather(wish, catalog, prices, have or Build())
    choices[Category.GPU] = [
        replace(x, worth=(speed(x.parts[0].chipset, len(x.parts)),))  # type: ignore[attr-defined]
        for x in choices[Category.GPU]
    ]
    problem = Problem.prepare(choices, wish)
    found = []
    for index, cards in enumerate(problem.kept):
        if cards.category is Category.GPU and cards.worth != (0.0,):
            picked, proven = problem.cheapest((index,), budget, 30.0)
            assert proven
            if picked is not None:
                lines = lines_of(picked)
                found.append((cards.worth[0], sum(x.price for x in lines), lines))
    return max(found, key=lambda x: (x[0], -x[1]), default=None)


def bought(lines: tuple[Line, ...]) -> list[tuple[str, int]]:
    return [(x.part.id, x.quantity) for x in lines if x.offer.condition is not Condition.OWN]


@pytest.mark.parametrize("seed", range(25))
def test_no_combination_that_goes_together_beats_the_plan(seed: int) -> None:
    rng = random.Random(seed)
    catalog = catalog_of(*random_parts(rng))
    prices = priced(catalog, {x: rng.randrange(3_000, 60_000) for x in catalog.parts})
    budget = rng.randrange(60_000, 300_000)
    best = best_by_trying(catalog, prices, budget)
    try:
        found = fastest(budget, WISH, catalog, prices)
    except PlanError:
        found = None
    assert (found and found[:2]) == best


def test_what_has_no_price_is_named() -> None:
    parts = sound()
    del parts["supply"]
    catalog = catalog_of(*parts.values())
    with pytest.raises(PlanError, match="psu"):
        fastest(300_000, WISH, catalog, priced(catalog))


def test_no_prices_at_all_are_no_plan() -> None:
    with pytest.raises(PlanError, match="nothing meets"):
        fastest(300_000, WISH, catalog_of(*sound().values()), Prices())


def test_parts_that_never_go_together_are_said_so() -> None:
    catalog = catalog_of(*sound(cpu=cpu(socket="LGA 1700")).values())
    with pytest.raises(PlanError, match="goes with"):
        fastest(300_000, WISH, catalog, priced(catalog))


def test_an_unknown_field_keeps_a_part_out_unless_that_is_allowed() -> None:
    catalog = catalog_of(*sound(cooler=cooler(height_mm=None)).values())
    with pytest.raises(PlanError):
        fastest(300_000, WISH, catalog, priced(catalog))
    assert fastest(300_000, Wish(memory_gb=32, allow_unknown=True), catalog, priced(catalog))


def test_used_parts_are_their_own_rows_and_can_be_kept_out() -> None:
    catalog = catalog_of(*sound().values())
    used = Offer("gpu", 4_000, DAY, "used shop", Condition.USED, stock=1)
    prices = Prices([*priced(catalog).offers, used])
    for allowed, total in ((True, 74_000), (False, 80_000)):
        wish = Wish(memory_gb=32, most_gpus=1, used=allowed)
        found = fastest(300_000, wish, catalog, prices)
        assert found is not None
        assert found[1] == total


def test_no_more_cards_are_planned_than_are_in_stock() -> None:
    catalog = catalog_of(*sound().values())
    offers = [x for x in priced(catalog).offers if x.part != "gpu"]
    offers.append(Offer("gpu", 10_000, DAY, stock=1))
    found = fastest(300_000, WISH, catalog, Prices(offers))
    assert found is not None
    assert dict(bought(found[2]))["gpu"] == 1


def test_an_upgrade_keeps_what_is_there_and_adds_a_second_card() -> None:
    parts = sound(supply=supply(watts=850.0))
    catalog = catalog_of(*parts.values())
    found = fastest(15_000, WISH, catalog, priced(catalog), Build.of(parts.values()))
    assert found is not None
    assert bought(found[2]) == [("gpu", 1)]
    assert found[1] == 10_000


def test_an_upgrade_replaces_a_supply_that_a_better_card_overloads() -> None:
    weak = supply("weak", watts=400.0, eight_pin=2)
    have = sound(gpu=gpu("old", chipset="unknown"), supply=weak)
    catalog = catalog_of(*have.values(), gpu(tdp_w=300.0, eight_pin=2), supply())
    wish = Wish(memory_gb=32, most_gpus=1)
    found = fastest(30_000, wish, catalog, priced(catalog), Build.of(have.values()))
    assert found is not None
    assert {name for name, _ in bought(found[2])} == {"gpu", "supply"}


def test_an_upgrade_adds_memory_of_the_same_kind() -> None:
    have = sound()
    catalog = catalog_of(*have.values(), kit("other", type="DDR4"))
    prices = priced(catalog, {"kit": 9_000, "other": 1_000})
    wish = Wish(memory_gb=64, most_gpus=1)
    found = fastest(10_000, wish, catalog, prices, Build.of(have.values()))
    assert found is not None
    assert bought(found[2]) == [("kit", 1)]


def test_a_gpu_is_named_with_its_memory_only_where_there_are_several_sizes() -> None:
    cards = [
        gpu("a", chipset="GeForce RTX 4060 Ti 16 GB", vram_gb=16.0),
        gpu("b", chipset="GeForce RTX 4060 Ti", vram_gb=8.0),
        gpu("c", chipset="GeForce RTX 3070 LHR", vram_gb=8.0),
        gpu("d", chipset="GeForce RTX 3090", vram_gb=None),
    ]
    catalog = catalog_of(*cards)
    assert [catalog.gpu_name(x) for x in cards] == [
        "GeForce RTX 4060 Ti 16 GB",
        "GeForce RTX 4060 Ti 8 GB",
        "GeForce RTX 3070",
        None,
    ]


@pytest.mark.parametrize(
    "wrong",
    [{"memory_gb": math.nan}, {"most_gpus": 100}, {"storage_gb": 0}],
)
def test_a_wish_out_of_range_is_named(wrong: dict[str, float]) -> None:
    with pytest.raises(PlanError, match=next(iter(wrong))):
        Wish(**wrong)  # type: ignore[arg-type]


def test_a_price_of_a_part_that_is_not_in_the_catalogue_is_an_error() -> None:
    catalog = catalog_of(*sound().values())
    prices = Prices([*priced(catalog).offers, Offer("nowhere", 1, DAY)])
    with pytest.raises(PlanError, match="nowhere"):
        fastest(300_000, WISH, catalog, prices)
