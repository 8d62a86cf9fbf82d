"""Find the best machine for a budget: a build of parts or a whole machine.

Every set of graphics cards is combined with every amount of memory. Whole machines are
not changed. For each of these machines, `best_for` finds the model with the highest worth at a
usable speed. If the user asks for one model, the worth of a machine is its tokens per second with
that model. Integer programming then finds the cheapest compatible build for each pair of cards and
memory.

The price of each part has a minimum, so the price of a pair has a lower bound. A pair is skipped if
a machine with at least the same worth was found that costs no more than this lower bound. Skipped
pairs therefore cannot be better, and the result is proven to be optimal.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from shiomi.rig.buy.build import Line, Problem, build_watts, lines_of
from shiomi.rig.buy.candidates import Candidate
from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.buy.choices import gather
from shiomi.rig.buy.compatibility import check_build
from shiomi.rig.buy.findings import Finding, Refusal
from shiomi.rig.buy.parts import Build, Category, GraphicsCard, MemoryKit
from shiomi.rig.buy.prices import Condition, Prices
from shiomi.rig.buy.shortlist import check_wished
from shiomi.rig.buy.whole import WholeMachine
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import MachineError, PlanError
from shiomi.rig.estimate.power import wall_watts
from shiomi.rig.estimate.use import Capability, Judge, Use, best_for, capability, judge_model
from shiomi.rig.machine.gpus import listed_gpu
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.message import Message, reason
from shiomi.rig.model.known_models import KnownModel
from shiomi.rig.model.quality import Quality, quality_table

__all__ = ["Answer", "BudgetPlan", "Running", "plan_budget", "running_cost"]

MORE = 1.2  # factor for "20 % more money"
_IDLE_WATTS = (55.0, 18.0)  # a desktop without cards, and each card
_FOUR_MODULES = 3600.0  # MT/s of four DDR5 modules on a desktop board
_SOLVE_SECONDS = 5.0
_CHANNELS = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """A machine for sale, and the best model on it."""

    machine: Machine
    capability: Capability
    price: int
    idle_w: float
    load_w: float
    lines: tuple[Line, ...] = ()  # the parts; empty for a whole machine
    whole: WholeMachine | None = None
    checks: tuple[Finding, ...] = ()

    @property
    def worth(self) -> float:
        """Return the worth of the best model on this machine."""
        return self.capability.worth


@dataclass(frozen=True, slots=True)
class Running:
    """How the machine is used, and what electricity costs."""

    hours: float = 2.0  # hours under load, each day
    idle_hours: float = 6.0  # hours of idling, each day
    per_kwh: float = 31.0  # in the currency of the plan
    years: float = 3.0


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """The best machine for a budget, the cheaper alternatives, and the next better machine."""

    budget: int
    currency: str
    use: Use
    best: Answer
    frontier: tuple[Answer, ...]  # cheapest first; each has a higher worth than all cheaper answers
    more: Answer | None  # the best machine for 20 % more money; None if none is better
    proven: bool
    tried: int  # number of pairs of cards and memory, plus whole machines
    seconds: float
    left_out: tuple[str, ...] = ()  # whole machines with less memory or storage than required
    model: str | None = None  # the requested model; None: the most capable one


@dataclass(frozen=True, slots=True)
class _Pair:
    """A set of cards with an amount of memory, before the other parts are chosen."""

    cards: int  # index of the candidate
    memory: int
    least: int  # lower bound of the price
    machine: Machine


def running_cost(answer: Answer, running: Running) -> float:
    """Return the price plus the cost of electricity over the years."""
    daily = answer.load_w * running.hours + answer.idle_w * running.idle_hours
    return answer.price + daily / 1000 * 365 * running.years * running.per_kwh


def plan_budget(
    budget: int,
    use: Use,
    models: Iterable[KnownModel],
    catalog: Catalog,
    prices: Prices,
    machines: Iterable[WholeMachine],
    wish: Wish,
    *,
    quality: Quality | None = None,
    currency: str = "JPY",
    least: tuple[float, float] = (0.0, 0.0),
    model: KnownModel | None = None,
    have: Build | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> BudgetPlan:
    """Return the machine with the highest worth within the budget.

    With `model`, return the fastest machine for this model. The parts in `have` are already owned:
    they cost nothing and may be replaced. `least` is the memory and storage in GB that a whole
    machine must have. Raises PlanError with the reason if no model is usable on any machine.
    """
    start = clock()
    limit = int(budget * MORE)
    judge = _judge(models, use, quality or quality_table(), model)
    search = _Search(use, judge, limit)
    left_out = []
    for whole in machines if have is None else ():
        if whole.price > limit or (whole.condition is Condition.USED and not wish.used):
            continue
        if (whole.machine.memory_gib or 0.0) < least[0] or whole.storage_gb < least[1]:
            left_out.append(whole.name)
        else:
            search.whole(whole)
    if prices.offers:
        search.parts(wish, catalog, prices, have or Build())
    within = [x for x in search.found if x.price <= budget]
    if not within:
        raise _nothing(search, budget, currency, left_out, model)
    best = max(within, key=lambda x: (x.worth, -x.price))
    better = [x for x in search.found if x.worth > best.worth]
    return BudgetPlan(
        budget=budget,
        currency=currency,
        use=use,
        best=best,
        frontier=_frontier(search.found),
        more=max(better, key=lambda x: (x.worth, -x.price), default=None),
        proven=search.proven,
        tried=search.tried,
        seconds=clock() - start,
        left_out=tuple(left_out),
        model=None if model is None else model.name,
    )


def _judge(
    models: Iterable[KnownModel], use: Use, quality: Quality, model: KnownModel | None
) -> Judge:
    if model is not None:
        check_wished(model, use.setting)
        return judge_model(model, use)
    ranked = capability(models, use, quality)
    if not ranked:
        raise PlanError(reason("no_model_for_use", use=_named(use)))
    return lambda machine: best_for(ranked, machine, use, quality)


def _nothing(
    search: _Search,
    budget: int,
    currency: str,
    left_out: Sequence[str],
    model: KnownModel | None,
) -> PlanError:
    cheapest = min((x.price for x in search.found), default=None)
    if cheapest is not None:
        amounts = {"budget": f"{budget:,}", "cheapest": f"{cheapest:,}"}
        return PlanError(reason("budget_too_small", **amounts, currency=currency))
    if search.lacking is not None:
        return search.lacking
    if left_out:
        return PlanError(reason("only_smaller", machines="; ".join(left_out)))
    if model is not None:
        return PlanError(reason("nothing_for_model", budget=f"{budget:,}", model=model.name))
    return PlanError(reason("nothing_usable", budget=f"{budget:,}", use=_named(search.use)))


def _named(use: Use) -> Message:
    return Message("budget", f"use_{use.name}")


def _frontier(found: Iterable[Answer]) -> tuple[Answer, ...]:
    front: list[Answer] = []
    for answer in sorted(found, key=lambda x: (x.price, -x.worth)):
        if not front or answer.worth > front[-1].worth:
            front.append(answer)
    return tuple(front)


class _Search:
    """Collects the answers of a search."""

    def __init__(self, use: Use, judge: Judge, limit: int) -> None:
        self.use = use
        self.judge = judge
        self.limit = limit
        self.found: list[Answer] = []
        self.proven = True
        self.tried = 0
        self.lacking: PlanError | None = None  # why no build can be made at all

    def whole(self, whole: WholeMachine) -> None:
        """Add a whole machine if a model is usable on it."""
        self.tried += 1
        best = self.judge(whole.machine)
        if best is not None:
            load = _load_watts(whole.machine, whole.load_w)
            self.found.append(
                Answer(whole.machine, best, whole.price, whole.idle_w, load, whole=whole)
            )

    def parts(self, wish: Wish, catalog: Catalog, prices: Prices, have: Build) -> None:
        """Add the cheapest build for each pair of cards and memory that may improve the result."""
        try:
            problem = _problem(wish, catalog, prices, have)
        except PlanError as error:  # a whole machine may still be an answer
            self.lacking = error
            return
        for pair in self._pairs(problem, catalog):
            self.tried += 1
            reached = max((x.worth for x in self.found if x.price <= pair.least), default=-1.0)
            best = self.judge(pair.machine)
            if best is None or best.worth <= reached:
                continue
            picked, proven = problem.cheapest((pair.cards, pair.memory), self.limit, _SOLVE_SECONDS)
            self.proven &= proven
            if picked is not None:
                self.found.append(_answer(problem, picked, pair.machine, best))

    def _pairs(self, problem: Problem, catalog: Catalog) -> list[_Pair]:
        """Return all pairs that the budget may allow, sorted by the lower bound of the price."""
        of = {c: [(i, x) for i, x in enumerate(problem.kept) if x.category is c] for c in Category}
        pairs = []
        rest = sum(
            min(x.price for _, x in found)
            for category, found in of.items()
            if category not in (Category.GPU, Category.MEMORY)
        )
        for (i, cards), (j, memory) in itertools.product(of[Category.GPU], of[Category.MEMORY]):
            least = cards.price + memory.price + rest
            if least > self.limit:
                continue
            machine = _machine(cards, memory, catalog)
            vram = sum(x.memory_gib for x in machine.gpus)
            if _memory(memory)[0] >= problem.wish.memory_beside(vram):
                pairs.append(_Pair(i, j, least, machine))
        return sorted(pairs, key=lambda x: (x.least, x.cards, x.memory))


def _problem(wish: Wish, catalog: Catalog, prices: Prices, have: Build) -> Problem:
    """Return the possible builds. Only equal sets of GPUs, and equal memory, are comparable."""
    choices = gather(wish, catalog, prices, have)
    kinds: dict[str, int] = {}
    cards = []
    for x in choices[Category.GPU]:
        gpu = _gpu(x, catalog)
        if gpu is not None:
            kind = kinds.setdefault(f"{len(x.parts)} x {gpu.name}", len(kinds))
            cards.append(replace(x, worth=(float(kind), -float(kind))))
    choices[Category.GPU] = cards
    choices[Category.MEMORY] = [replace(x, worth=_memory(x)) for x in choices[Category.MEMORY]]
    return Problem.prepare(choices, wish)


def _gpu(cards: Candidate, catalog: Catalog) -> Gpu | None:
    """Return the GPU of a set of cards; None if it is not in the table of GPUs."""
    first = cards.parts[0]
    name = catalog.gpu_name(first) if isinstance(first, GraphicsCard) else None
    return None if name is None else listed_gpu(name)


def _memory(candidate: Candidate) -> tuple[float, float]:
    """Return the GB of memory and its dual-channel GB/s (0 if the rate is unknown)."""
    kits = [x for x in candidate.parts if isinstance(x, MemoryKit)]
    modules = sum(x.modules for x in kits)
    rate = float(min((x.speed or 0) for x in kits))
    if modules > _CHANNELS and kits[0].type == "DDR5":
        rate = min(rate, _FOUR_MODULES)
    return sum(x.capacity_gb for x in kits), min(_CHANNELS, modules) * rate * 8 / 1000


def _machine(cards: Candidate, memory: Candidate, catalog: Catalog) -> Machine:
    gpu = _gpu(cards, catalog)
    assert gpu is not None
    size, rate = _memory(memory)
    count = len(cards.parts)
    kind = next((x.type for x in memory.parts if isinstance(x, MemoryKit)), "")
    several = f" x{count}" if count > 1 else ""
    first = cards.parts[0]
    assert isinstance(first, GraphicsCard)
    name = f"{catalog.gpu_name(first)}{several}, {size:g} GB {kind}"
    return Machine(name, (gpu,) * count, size, rate or None)


def _load_watts(machine: Machine, otherwise: float) -> float:
    """Return the watts at the wall while a model writes, as `speed` prints them."""
    try:
        return wall_watts(machine).value
    except MachineError:  # the power of the chip is not known
        return otherwise


def _answer(
    problem: Problem, picked: Sequence[Candidate], machine: Machine, best: Capability
) -> Answer:
    lines = lines_of(picked)
    build = Build.of(line.part for line in lines for _ in range(line.quantity))
    wish = problem.wish
    checks = check_build(build, circuit=wish.circuit, shared_layers=wish.shared_layers)
    refused = [x.message for x in checks if isinstance(x, Refusal)]
    if refused:
        raise PlanError(f"planner and checker disagree, please report it: {refused[0]}")
    base, each = _IDLE_WATTS
    return Answer(
        machine=machine,
        capability=best,
        price=sum(line.price for line in lines),
        idle_w=base + each * len(machine.gpus),
        load_w=_load_watts(machine, build_watts(build)),
        lines=lines,
        checks=tuple(checks),
    )
