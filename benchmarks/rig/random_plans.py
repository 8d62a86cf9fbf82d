"""Make random plans and look for impossible ones.

    python -m benchmarks.rig.random_plans [--plans 1000] [--seed 0]

Each plan uses random parts of the whole catalogue at random prices, and a random budget, use,
circuit and number of cards. The answers are checked by the rules of `planted`, which share no code
with the planner. The script prints the number of plans and every impossible plan. The exit status
is 1 if there is an impossible plan.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import math
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

from benchmarks.rig.planted import RULES, Planted, every_row

from shiomi.rig.buy.budget import Answer, plan_budget
from shiomi.rig.buy.catalog import Catalog, load_catalog
from shiomi.rig.buy.parts import Category
from shiomi.rig.buy.prices import Condition, Offer, Prices
from shiomi.rig.buy.wattage import Circuit
from shiomi.rig.buy.whole import example_machines
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import PlanError
from shiomi.rig.estimate.use import USES
from shiomi.rig.model.known_models import known_models

DRAWN = {  # number of parts, lowest and highest price
    Category.GPU: (12, 20_000, 700_000), Category.CPU: (8, 10_000, 80_000),
    Category.BOARD: (12, 8_000, 70_000), Category.MEMORY: (8, 8_000, 200_000),
    Category.STORAGE: (3, 8_000, 40_000), Category.SUPPLY: (8, 6_000, 60_000),
    Category.CASE: (8, 5_000, 40_000), Category.COOLER: (6, 3_000, 15_000),
}  # fmt: skip
SOCKETS = {"AM4", "AM5", "LGA 1700", "LGA 1851", "sTRX4", "sTR4", "TR4", "LGA 2066"}
SEVERAL = (Category.GPU, Category.MEMORY)  # may have several equal parts
MODELS = 24


def drawn(catalog: Catalog, rng: random.Random) -> Prices:
    """Return random parts at random prices. Parts with common sockets are drawn more often."""
    offers = []
    for category, (count, low, high) in DRAWN.items():
        parts = [x for x in catalog.parts.values() if x.category is category]
        if category in (Category.CPU, Category.BOARD):
            parts = [x for x in parts if getattr(x, "socket", None) in SOCKETS]
        if category is Category.GPU:
            parts = [x for x in parts if (getattr(x, "vram_gb", None) or 0) >= 8]
        for part in rng.sample(sorted(parts, key=lambda x: x.id), count):
            price = int(math.exp(rng.uniform(math.log(low), math.log(high))))
            used = rng.choice((Condition.NEW, Condition.USED))
            stock = rng.choice((None, None, 1, 2))
            day = datetime.date(2026, 11, 1)
            offers.append(Offer(part.id, price, day, "drawn", used, stock))
    return Prices(offers)


def faults(answer: Answer, wish: Wish, budget: int, offers: Sequence[Offer]) -> Iterator[str]:
    """Return all reasons why a machine cannot be bought, assembled or powered, or run its model."""
    yield from model_faults(answer)
    if answer.whole is not None:
        return
    price = sum(line.offer.price * line.quantity for line in answer.lines)
    if price != answer.price or price > budget:
        yield f"the price {answer.price} is not {price}, or above {budget}"
    for line in answer.lines:
        if line.offer not in offers:
            yield "an offer was not given"
        if line.offer.stock is not None and line.quantity > line.offer.stock:
            yield "more are bought than are in stock"
        if line.offer.condition is Condition.USED and not wish.used:
            yield "a used part"
    counts = Counter({str(x.part.category): 0 for x in answer.lines})
    for line in answer.lines:
        counts[str(line.part.category)] += line.quantity
    if set(counts) != set(Category) or any(counts[x] != 1 for x in Category if x not in SEVERAL):
        yield f"not one computer: {dict(counts)}"
        return
    rows = {str(line.part.category): raw_rows()[line.part.id] for line in answer.lines}
    circuit = wish.circuit
    build = Planted(
        rows, counts["gpu"], None, kits=counts["ram"], volts=circuit.volts, amps=circuit.amps
    )
    yield from (name for name, rule in RULES.items() if rule.broken(build))


@cache
def raw_rows() -> dict[str, dict[str, str]]:
    """Return the rows of the catalogue by id."""
    return {row["id"]: row for rows in every_row().values() for row in rows}


def model_faults(answer: Answer) -> Iterator[str]:
    """Report a model larger than the memory, or a speed above what reading the weights allows."""
    runs, machine = answer.capability.runs, answer.machine
    room = sum(x.memory_gib for x in machine.gpus)
    if not any(x.unified for x in machine.gpus):
        room += machine.memory_gib or 0.0
    needed = runs.memory.total.value + runs.memory.host.value
    if needed > room or needed < runs.model.parameters * 1.5 / 8 / 2**30:
        yield f"{needed:.1f} GiB of {runs.known.name} in {room:.1f} GiB"
    rate = sum(x.bandwidth_gb_s for x in machine.gpus) + (machine.memory_bandwidth_gb_s or 0.0)
    if runs.decode and runs.decode.value > rate / (runs.model.active_parameters * 2 / 8 / 1e9):
        yield f"{runs.decode.value:.0f} tok/s at {rate:.0f} GB/s"


def main() -> None:
    """Make the plans, and judge every answer on their frontiers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--plans", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    catalog, models = load_catalog(), known_models()
    outcomes: Counter[str] = Counter()
    seconds = []
    for number in itertools.count():
        if outcomes["plans"] == asked.plans:
            break
        rng = random.Random(f"{asked.seed}-{number}")
        prices = drawn(catalog, rng)
        wish = Wish(
            memory_gb=16,
            most_gpus=rng.randint(1, 4),
            used=rng.random() < 0.7,
            circuit=rng.choice((Circuit(), Circuit(volts=200.0, amps=20.0))),
        )
        budget = int(math.exp(rng.uniform(math.log(150_000), math.log(2_500_000))))
        machines = rng.sample(example_machines(), rng.randint(0, 2))
        use = USES[rng.choice(list(USES))]
        start = time.process_time()
        try:
            plan = plan_budget(
                budget, use, rng.sample(models, MODELS), catalog, prices, machines, wish
            )
        except PlanError:
            outcomes["nothing to buy"] += 1
            continue
        finally:
            seconds.append(time.process_time() - start)
        outcomes["plans"] += 1
        for answer in plan.frontier:
            outcomes["whole machines" if answer.whole else f"{len(answer.machine.gpus)} cards"] += 1
            limit = max(budget, int(budget * 1.2))
            for fault in faults(answer, wish, limit, prices.offers):
                outcomes["impossible"] += 1
                print(f"plan {number}: {answer.machine.name}: {fault}")
    print(dict(sorted(outcomes.items())))
    middle, most = statistics.median(seconds), max(seconds)
    print(f"seconds of processor time: median {middle:.2f}, most {most:.1f}")
    sys.exit(bool(outcomes["impossible"]))


if __name__ == "__main__":
    main()
