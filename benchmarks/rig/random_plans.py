"""Make random plans and look for impossible ones.

    python -m benchmarks.rig.random_plans [--plans 1000] [--seed 0]

Each plan uses random parts of the whole catalogue at random prices, and a random budget, use,
circuit and number of cards. The judge here shares no rule with the planner: it uses only the
figures of the parts. The script prints the number of plans and every impossible plan. The exit
status is 1 if there is one.
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
from dataclasses import replace

from shiomi.rig.buy.budget import Answer, plan_budget
from shiomi.rig.buy.catalog import Catalog, load_catalog
from shiomi.rig.buy.parts import (
    Board,
    Case,
    Category,
    Cooler,
    Cpu,
    Drive,
    GraphicsCard,
    MemoryKit,
    Part,
    PowerSupply,
)
from shiomi.rig.buy.prices import Condition, Offer, Prices
from shiomi.rig.buy.wattage import Circuit
from shiomi.rig.buy.whole import example_machines
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import PlanError
from shiomi.rig.estimate.use import USES
from shiomi.rig.model.known_models import known_models

DRAWN = {
    GraphicsCard: 12, Cpu: 8, Board: 12, MemoryKit: 8,
    Drive: 3, PowerSupply: 8, Case: 8, Cooler: 6,
}  # fmt: skip
PRICES = {
    Category.GPU: (20_000, 700_000), Category.CPU: (10_000, 80_000),
    Category.BOARD: (8_000, 70_000), Category.MEMORY: (8_000, 200_000),
    Category.STORAGE: (8_000, 40_000), Category.SUPPLY: (6_000, 60_000),
    Category.CASE: (5_000, 40_000), Category.COOLER: (3_000, 15_000),
}  # fmt: skip
SOCKETS = {"AM4", "AM5", "LGA 1700", "LGA 1851", "sTRX4", "sTR4", "TR4", "LGA 2066"}
WORKSTATION = {"sTRX4", "sTR4", "TR4", "sTR5", "LGA 2066", "LGA 2011-3", "LGA 2011"}
ROWS = {"Mini-ITX": 1, "Thin Mini-ITX": 1, "Micro ATX": 4, "ATX": 7, "EATX": 8, "XL ATX": 9}
SMALLER = ("Mini-ITX", "Micro ATX", "ATX")
MODELS = 24


def drawn(catalog: Catalog, rng: random.Random) -> Prices:
    """Return random parts at random prices. Parts with common sockets are drawn more often."""
    offers = []
    for kind, count in DRAWN.items():
        parts: list[Part] = sorted(catalog.of(kind), key=lambda x: x.id)
        if kind in (Cpu, Board):
            parts = [x for x in parts if getattr(x, "socket", None) in SOCKETS]
        if kind is GraphicsCard:
            parts = [x for x in parts if (getattr(x, "vram_gb", None) or 0) >= 8]
        for part in rng.sample(parts, count):
            low, high = PRICES[part.category]
            price = int(math.exp(rng.uniform(math.log(low), math.log(high))))
            used = rng.choice((Condition.NEW, Condition.USED))
            stock = rng.choice((None, None, 1, 2))
            day = datetime.date(2026, 11, 1)
            offers.append(Offer(part.id, price, day, "drawn", used, stock))
    return Prices(offers)


def same(socket: str) -> str:
    """One name of a socket that has two."""
    return {"sTR4": "TR4"}.get(socket, socket)


def faults(answer: Answer, wish: Wish, budget: int, offers: Sequence[Offer]) -> Iterator[str]:
    """Return all reasons why a machine cannot be bought, assembled or powered, or run its model."""
    yield from model_faults(answer)
    if answer.whole is not None:
        return
    parts: list[Part] = [line.part for line in answer.lines for _ in range(line.quantity)]
    price = sum(line.offer.price * line.quantity for line in answer.lines)
    if price != answer.price or price > budget:
        yield f"the price {answer.price} is not {price}, or above {budget}"
    for line in answer.lines:
        if not any(x == line.offer for x in offers):
            yield "an offer was not given"
        if line.offer.stock is not None and line.quantity > line.offer.stock:
            yield "more are bought than are in stock"
        if line.offer.condition is Condition.USED and not wish.used:
            yield "a used part"
    kinds = Counter(x.category for x in parts)
    singles = (Category.CPU, Category.BOARD, Category.SUPPLY, Category.CASE, Category.COOLER)
    if any(kinds[x] != 1 for x in singles) or not kinds[Category.MEMORY]:
        yield f"not one computer: {dict(kinds)}"
        return
    one = {type(x): x for x in parts}
    cards = [x for x in parts if isinstance(x, GraphicsCard)]
    kits = [x for x in parts if isinstance(x, MemoryKit)]
    cpu, board, case = one[Cpu], one[Board], one[Case]
    cooler, supply = one[Cooler], one[PowerSupply]
    assert isinstance(cpu, Cpu)
    assert isinstance(board, Board)
    assert isinstance(case, Case)
    assert isinstance(cooler, Cooler)
    assert isinstance(supply, PowerSupply)
    yield from board_faults(cpu, board, kits, cooler)
    yield from case_faults(cards, board, case, cooler)
    yield from power_faults(cards, cpu, supply, wish.circuit)
    sticks = sum(isinstance(x, Drive) for x in parts)
    if board.m2_slots is not None and sticks > board.m2_slots:
        yield "more drives than M.2 slots"


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


def board_faults(
    cpu: Cpu, board: Board, kits: Sequence[MemoryKit], cooler: Cooler
) -> Iterator[str]:
    """The parts that do not fit the board."""
    if board.socket is None or same(cpu.socket) != same(board.socket):
        yield f"{cpu.socket} processor on a {board.socket} board"
    if same(cpu.socket) not in {same(x) for x in cooler.sockets}:
        yield f"cooler for {cooler.sockets} on {cpu.socket}"
    if {x.type for x in kits} != {board.memory_type}:
        yield f"{[x.type for x in kits]} on a {board.memory_type} board"
    if board.memory_slots is None or sum(x.modules for x in kits) > board.memory_slots:
        yield "more modules than slots"
    if (board.memory_max_gb or 0) < sum(x.capacity_gb for x in kits):
        yield "more memory than the board takes"
    if any(x.form_factor == "SO-DIMM" for x in kits) and board.form_factor != "Thin Mini-ITX":
        yield "a laptop's memory"


def case_faults(
    cards: Sequence[GraphicsCard], board: Board, case: Case, cooler: Cooler
) -> Iterator[str]:
    """The parts that do not fit into the case."""
    form = {"Thin Mini-ITX": "Mini-ITX"}.get(board.form_factor or "", board.form_factor)
    larger = SMALLER[SMALLER.index(form) :] if form in SMALLER else (form,)
    if not set(larger) & set(case.boards):
        yield f"{form} in a case for {case.boards}"
    widths = sorted((math.ceil(x.slot_width or 99) for x in cards), reverse=True)
    if sum(widths) > (case.slots or 0):
        yield f"cards of {widths} slots in a case with {case.slots}"
    if len(cards) > (board.x16_slots or 0):
        yield f"{len(cards)} cards in {board.x16_slots} slots"
    if len(cards) > 1 and sum(widths[1:]) + 1 > ROWS.get(board.form_factor or "", 0):
        yield f"cards of {widths} slots on {board.form_factor}"
    if len(cards) > 2 and board.socket not in WORKSTATION:
        yield f"{len(cards)} cards on a mainstream board in a case"
    if any((x.length_mm or 9999) > (case.gpu_max_mm or 0) for x in cards):
        yield "a card longer than the case"
    if not cooler.water and (cooler.height_mm or 999) > (case.cooler_max_mm or 0):
        yield "a cooler higher than the case"


def power_faults(
    cards: Sequence[GraphicsCard], cpu: Cpu, supply: PowerSupply, circuit: Circuit
) -> Iterator[str]:
    """Report a supply or circuit that gives less than is drawn, or a supply that lacks plugs."""
    drawn_w = sum(x.tdp_w or 999 for x in cards) + (cpu.tdp_w or 999) + 40
    if supply.watts is None or drawn_w > supply.watts:
        yield f"{drawn_w:.0f} W from a supply of {supply.watts} W"
    if drawn_w > circuit.volts * circuit.amps:
        yield f"{drawn_w:.0f} W from a circuit of {circuit.volts * circuit.amps:.0f} W"
    eights = sum((x.six_pin or 0) + (x.eight_pin or 0) for x in cards)
    twelves = sum(x.twelve_volt or 0 for x in cards)
    spare = (supply.eight_pin or 0) - eights
    if spare < 0 or 2 * max(0, twelves - (supply.twelve_volt or 0)) > spare:
        yield f"{eights} 8-pin and {twelves} 12 V plugs of {supply.eight_pin}, {supply.twelve_volt}"


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
            for fault in faults(answer, replace(wish), limit, prices.offers):
                outcomes["impossible"] += 1
                print(f"plan {number}: {answer.machine.name}: {fault}")
    print(dict(sorted(outcomes.items())))
    middle, most = statistics.median(seconds), max(seconds)
    print(f"seconds of processor time: median {middle:.2f}, most {most:.1f}")
    sys.exit(bool(outcomes["impossible"]))


if __name__ == "__main__":
    main()
