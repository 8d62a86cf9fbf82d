"""Planned builds: faults planted in sound builds, and the optimum over the whole catalogue.

`python -m benchmarks.rig.plan`. Prices in (b) are synthetic: a formula of the part's figures with
seeded noise. They are not market prices: the benchmark measures the solver.
"""

from __future__ import annotations

import datetime
import random
import time
from collections import Counter

from benchmarks.rig.planted import FAULTS, may_also, planted, sound

from shiomi.rig.buy.build import front, plan
from shiomi.rig.buy.catalog import Catalog, load_catalog
from shiomi.rig.buy.compatibility import check_build
from shiomi.rig.buy.findings import Refusal
from shiomi.rig.buy.parts import Cpu, Drive, GraphicsCard, MemoryKit, Part, PowerSupply
from shiomi.rig.buy.prices import Offer, Prices
from shiomi.rig.buy.wattage import Circuit
from shiomi.rig.buy.wish import Wish
from shiomi.rig.estimate.quantity import Estimate

SEEDS = range(5)


def synthetic_yen(part: Part, rng: random.Random) -> int:
    """A synthetic price."""
    if isinstance(part, GraphicsCard):
        base = 20_000 + 5_000 * (part.vram_gb or 8) + 150 * (part.tdp_w or 100)
    elif isinstance(part, Cpu):
        base = 5_000 + 5_000 * (part.cores or 4)
    elif isinstance(part, MemoryKit):
        base = 700 * part.capacity_gb
    elif isinstance(part, Drive):
        base = 15 * part.capacity_gb
    elif isinstance(part, PowerSupply):
        base = 20 * (part.watts or 500)
    else:
        base = 12_000
    return max(500, int(base * rng.lognormvariate(0, 0.25)))


def synthetic_prices(catalog: Catalog, seed: int) -> Prices:
    """One synthetic offer for every part."""
    rng = random.Random(seed)
    day = datetime.date(2026, 1, 1)
    return Prices(
        [Offer(x.id, synthetic_yen(x, rng), day, "synthetic") for x in catalog.parts.values()]
    )


def synthetic_speed(name: str, count: int) -> Estimate:
    """A synthetic speed that depends only on the name; each further card multiplies it by 1.3."""
    value = random.Random(name).uniform(10, 100) * (1 + 0.3 * (count - 1))
    return Estimate(value, 0.8 * value, 1.2 * value, "tok/s", ("synthetic",))


def faults(catalog: Catalog) -> None:
    """(a): refused for the right reason, and sound ones refused."""
    right: Counter[str] = Counter()
    drawn: Counter[str] = Counter()
    for seed in SEEDS:
        for p in planted(200, seed):
            parts = [catalog.parts[x] for x in p.ids()]
            found = check_build(parts, circuit=Circuit(100, p.amps), shared_layers=p.shared_layers)
            refused = {str(x.check) for x in found if isinstance(x, Refusal)}
            fault = p.fault or ""
            drawn[fault] += 1
            right[fault] += fault in refused and refused <= {fault} | may_also(fault)
    wrong = total = 0
    for seed in SEEDS:
        for p in sound(200, 1000 + seed):
            total += 1
            found = check_build([catalog.parts[x] for x in p.ids()])
            wrong += any(isinstance(x, Refusal) for x in found)
    print("(a) builds with one planted fault, refused for that reason and no other")
    for fault in FAULTS:
        print(f"    {fault:22} {right[fault]:4d} of {drawn[fault]:4d}")
    share = right.total() / drawn.total()
    print(f"    all                    {right.total():4d} of {drawn.total():4d}  {share:.2%}")
    print(f"    sound builds refused   {wrong:4d} of {total:4d}  {wrong / total:.2%}")


def optimum(catalog: Catalog) -> None:
    """(b): seconds to the proven optimum."""
    print("(b) every part of the catalogue priced (synthetic): the proven optimum")
    print("    seed   budget  cards  offers  candidates  proven  seconds")
    for seed in SEEDS:
        prices = synthetic_prices(catalog, seed)
        for budget, cards in ((150_000, 1), (300_000, 2), (1_000_000, 4)):
            found = plan(budget, Wish(most_gpus=cards), catalog, prices, speed=synthetic_speed)
            print(
                f"    {seed:4d} {budget:8,d} {cards:6d} {found.offers:7,d} {found.candidates:11,d}"
                f"  {found.proven!s:6}  {found.seconds:7.2f}"
            )
    start = time.monotonic()
    budgets = range(120_000, 620_000, 25_000)
    plans = front(budgets, Wish(), catalog, synthetic_prices(catalog, 0), speed=synthetic_speed)
    seconds = time.monotonic() - start
    print(f"    front of {len(budgets)} budgets: {len(plans)} plans, {seconds:.2f} s")


def main() -> None:
    """Print both tables."""
    start = time.monotonic()
    catalog = load_catalog()
    print(f"catalogue of {len(catalog.parts):,} parts read in {time.monotonic() - start:.2f} s")
    faults(catalog)
    optimum(catalog)


if __name__ == "__main__":
    main()
