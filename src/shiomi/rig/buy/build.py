"""The best build for a budget, by integer programming over the catalogue.

One binary variable per candidate of each category; exactly one is chosen per category. A relation
between two categories becomes one constraint per class of the first: "no more parts of this class
than parts of compatible classes of the second". Wattage, peaks, the circuit and the budget are
sums. First the speed is maximised; then the price is minimised at that speed. HiGHS proves both
optimal (gap 0).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shiomi.extras import needs_extra
from shiomi.rig.buy.candidates import Candidate, Pairing, pairings, prune
from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.buy.choices import Choices, Speed, gather
from shiomi.rig.buy.compatibility import check_build
from shiomi.rig.buy.findings import Finding, Refusal
from shiomi.rig.buy.parts import Build, Category, Cpu, GraphicsCard, Part, PowerSupply
from shiomi.rig.buy.prices import MOST_YEN, Condition, Offer, Prices
from shiomi.rig.buy.relations import relations
from shiomi.rig.buy.wattage import (
    BASE_WATTS,
    PEAK_RATIO,
    SUSTAINED_SHARE,
    TRANSIENT_SHARE,
    cpu_watts,
    efficiency,
)
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import BudgetError, PlanError
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.message import Message, category, reason

if TYPE_CHECKING:
    import numpy

__all__ = ["Line", "Plan", "Problem", "bought", "build_watts", "front", "plan", "upgrade"]

Clock = Callable[[], float]

_NO_SOLVER = needs_extra("planning", "SciPy", "rig")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list of parts."""

    part: Part
    offer: Offer
    quantity: int

    @property
    def price(self) -> int:
        """Price of all pieces of the line."""
        return self.offer.price * self.quantity


@dataclass(frozen=True, slots=True)
class Plan:
    """A build for a budget."""

    budget_jpy: int
    lines: tuple[Line, ...]
    speed: Estimate
    checks: tuple[Finding, ...]  # unknown, to be checked before buying
    wall_watts: float  # under load, from the catalogue's powers
    proven: bool  # proven optimal among the given offers
    offers: int  # that were considered
    without_speed: int  # priced cards for which no speed is known
    candidates: int  # candidates that no other one dominates
    seconds: float

    @property
    def total_jpy(self) -> int:
        """The price of the parts to buy."""
        return sum(line.price for line in self.lines)

    @property
    def build(self) -> Build:
        """The parts."""
        return Build.of(line.part for line in self.lines for _ in range(line.quantity))


def plan(
    budget_jpy: float,
    wish: Wish,
    catalog: Catalog,
    prices: Prices,
    *,
    speed: Speed,
    time_limit: float = 30.0,
    clock: Clock = time.monotonic,
) -> Plan:
    """The fastest compatible build within the budget, and of those the cheapest.

    `speed(gpu_name, count)` gives the tokens per second of `count` cards, None if they cannot run
    the model. Raises PlanError with the reason: an invalid budget, categories without prices, or a
    budget below the cheapest build.
    """
    return upgrade(
        Build(), budget_jpy, wish, catalog, prices, speed=speed, time_limit=time_limit, clock=clock
    )


def upgrade(
    have: Build,
    budget_jpy: float,
    wish: Wish,
    catalog: Catalog,
    prices: Prices,
    *,
    speed: Speed,
    time_limit: float = 30.0,
    clock: Clock = time.monotonic,
) -> Plan:
    """Return the parts to add to or replace in an existing machine. Its own parts cost nothing.

    An unknown field of an owned part does not exclude it. It is listed as a thing to check. Raises
    as `plan`.
    """
    budget = _budget(budget_jpy)
    start = clock()
    problem = Problem.prepare(gather(wish, catalog, prices, speed, have), wish)
    return problem.best(budget, time_limit, clock, start)


def front(
    budgets_jpy: Iterable[float],
    wish: Wish,
    catalog: Catalog,
    prices: Prices,
    *,
    speed: Speed,
    have: Build | None = None,
    beyond: Callable[[int, PlanError | None], object] = lambda *_: None,
    time_limit: float = 30.0,
    clock: Clock = time.monotonic,
) -> list[Plan]:
    """The Pareto front of yen against speed: the best plan of each budget, dearest last.

    Budgets that buy nothing faster are left out, as are those that buy no build at all, unless
    none does; `beyond` is called with each, and the reason, which is None if it buys nothing
    faster. Raises
    as `plan`.
    """
    budgets = sorted({_budget(x) for x in budgets_jpy})
    if not budgets:
        raise PlanError("no budget is given; give at least one, in yen")
    start = clock()
    problem = Problem.prepare(gather(wish, catalog, prices, speed, have), wish)
    plans: list[Plan] = []
    for budget in budgets:
        try:
            found = problem.best(budget, time_limit, clock, start)
        except PlanError as error:
            if budget == budgets[-1] and not plans:
                raise
            beyond(budget, error)
            continue
        finally:
            start = clock()
        if not plans or found.speed.value > plans[-1].speed.value:
            plans.append(found)
        else:
            beyond(budget, None)
    return plans


def _budget(value: float) -> int:
    """Whole yen. Raises PlanError if the budget is invalid."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PlanError(f"a budget of {value!r} is no number of yen")
    if value < 0:
        raise PlanError(f"a budget of {value} yen is negative; give what you can spend")
    if value > MOST_YEN:
        raise PlanError(f"a budget of {value:g} yen is more than {MOST_YEN:,}; no build costs that")
    return int(value)


def _categories(found: Iterable[Category]) -> Message:
    return Message("list", "comma", tuple((str(i), category(x)) for i, x in enumerate(found)))


@dataclass(slots=True)
class Problem:
    """The remaining candidates, and the matrix of constraints."""

    wish: Wish
    choices: Choices
    kept: list[Candidate]
    pairs: list[Pairing]
    rows: Any = None  # scipy.sparse, one row per constraint, one column per candidate
    upper: list[float] = field(default_factory=list)

    @classmethod
    def prepare(cls, choices: Choices, wish: Wish) -> Problem:
        """Prune the candidates, and set up everything that does not depend on the budget."""
        missing = [c for c, found in choices.candidates.items() if not found]
        if missing == [Category.GPU] and choices.without_speed:
            raise PlanError(reason("on_no_card", cards=choices.without_speed, count=wish.most_gpus))
        if missing:
            raise PlanError(reason("nothing_meets", categories=_categories(missing)))
        holds = relations(shared_layers=wish.shared_layers)
        kept = choices.candidates
        pairs: list[Pairing] = []
        for _ in range(2):  # after the first round, more of the remaining candidates are alike
            pairs = pairings(kept, holds, allow_unknown=wish.allow_unknown)
            kept = {category: prune(found, pairs) for category, found in kept.items()}
            if not all(kept.values()):
                empty = [c for c, found in kept.items() if not found]
                raise PlanError(reason("nothing_goes_with", categories=_categories(empty)))
        problem = cls(wish, choices, [x for found in kept.values() for x in found], pairs)
        problem._constrain()
        return problem

    def _constrain(self) -> None:
        import numpy

        try:
            from scipy.sparse import csr_array
        except ImportError:
            raise PlanError(_NO_SOLVER) from None

        rows: list[Any] = []
        for pair in self.pairs:
            rows += _cover_rows(pair, self.kept)
        self.upper = [0.0] * len(rows)
        drawn, cards, given = (numpy.array([x.watts()[i] for x in self.kept]) for i in range(3))
        shares = numpy.array([x.efficiency() for x in self.kept])
        rows += [
            drawn + cards - SUSTAINED_SHARE * given,
            drawn + PEAK_RATIO * cards - TRANSIENT_SHARE * given,
            drawn + cards - self.wish.circuit.watts * shares,
        ]
        self.upper += [-BASE_WATTS] * 3
        self.rows = csr_array(numpy.array(rows))

    def best(self, budget: int, time_limit: float, clock: Clock, start: float) -> Plan:
        """The fastest build within the budget, and of equally fast ones the cheapest."""
        import numpy

        speeds = numpy.array([x.speed.value if x.speed else 0.0 for x in self.kept])
        prices = numpy.array([float(x.price) for x in self.kept])
        deadline = clock() + time_limit
        chosen, fastest = self._solve(-speeds, [(prices, float(budget))], deadline - clock())
        if chosen is None:
            raise self._reason(budget, prices, deadline - clock())
        reached = max(speeds[i] for i in chosen)
        slower = numpy.array([x.speed is not None and x.speed.value < reached for x in self.kept])
        cheaper, cheapest = self._solve(
            prices,
            [(prices, float(budget)), (slower.astype(float), 0.0)],
            max(1.0, deadline - clock()),
        )
        picked = [self.kept[i] for i in cheaper or chosen]
        return self._plan(budget, picked, fastest and cheapest, clock() - start)

    def cheapest(
        self, fixed: Sequence[int], most: float, seconds: float
    ) -> tuple[list[Candidate] | None, bool]:
        """Return the cheapest build with the candidates `fixed`, and whether that is proven.

        None if no build with them costs `most` or less.
        """
        import numpy

        prices = numpy.array([float(x.price) for x in self.kept])
        chosen, proven = self._solve(prices, [(prices, most)], seconds, fixed)
        return (None if chosen is None else [self.kept[i] for i in chosen]), proven

    def lines(self, picked: Iterable[Candidate]) -> tuple[Line, ...]:
        """Return the list of parts of chosen candidates."""
        return _lines(picked)

    def _solve(
        self,
        cost: numpy.ndarray[Any, Any],
        limits: Sequence[tuple[numpy.ndarray[Any, Any], float]],
        seconds: float,
        fixed: Sequence[int] = (),
    ) -> tuple[list[int] | None, bool]:
        """Indices of the chosen candidates (None: no solution), and whether they are proven
        optimal."""
        import numpy

        try:
            from scipy.optimize import Bounds, LinearConstraint, milp
        except ImportError:
            raise PlanError(_NO_SOLVER) from None

        count = len(self.kept)
        one = numpy.array([[x.category is c for x in self.kept] for c in Category], dtype=float)
        constraints = [
            LinearConstraint(one, 1.0, 1.0),
            LinearConstraint(self.rows, -numpy.inf, numpy.array(self.upper)),
            *(LinearConstraint(row, -numpy.inf, limit) for row, limit in limits),
        ]
        least = numpy.zeros(count)
        least[list(fixed)] = 1.0
        result = milp(
            cost,
            integrality=numpy.ones(count),
            bounds=Bounds(least, numpy.ones(count)),
            constraints=constraints,
            options={"mip_rel_gap": 0.0, "time_limit": max(0.1, seconds)},
        )
        if result.x is None:
            if result.status == 1:  # the time ran out without any solution
                raise PlanError(reason("not_in_time", seconds=f"{seconds:.0f}"))
            return None, result.status == 2
        return [i for i in range(count) if result.x[i] > 0.5], result.status == 0

    def _reason(self, budget: int, prices: numpy.ndarray[Any, Any], seconds: float) -> PlanError:
        chosen, _ = self._solve(prices, [], seconds)
        if chosen is None:
            return PlanError(reason("nothing_compatible"))
        return BudgetError(budget, sum(self.kept[i].price for i in chosen))

    def _plan(self, budget: int, picked: list[Candidate], proven: bool, seconds: float) -> Plan:
        ordered = _lines(picked)
        build = Build.of(line.part for line in ordered for _ in range(line.quantity))
        wish = self.wish
        found = check_build(build, circuit=wish.circuit, shared_layers=wish.shared_layers)
        refused = [x.message for x in found if isinstance(x, Refusal)]
        if refused:
            raise PlanError(f"planner and checker disagree, please report it: {refused[0]}")
        speed = next(x.speed for x in picked if x.speed is not None)
        return Plan(
            budget_jpy=budget,
            lines=ordered,
            speed=speed,
            checks=tuple(found),
            wall_watts=build_watts(build),
            proven=proven,
            offers=self.choices.offers,
            without_speed=self.choices.without_speed,
            candidates=len(self.kept),
            seconds=seconds,
        )


def _lines(picked: Iterable[Candidate]) -> tuple[Line, ...]:
    lines: dict[tuple[str, Offer], Line] = {}
    for candidate in picked:
        for part, offer in zip(candidate.parts, candidate.offers, strict=True):
            present = lines.get((part.id, offer))
            quantity = present.quantity + 1 if present else 1
            lines[part.id, offer] = Line(part, offer, quantity)
    return tuple(lines.values())


def _cover_rows(pair: Pairing, kept: Sequence[Candidate]) -> list[Any]:
    """One row per distinct set of partners: parts that need it minus the partners is at most 0."""
    import numpy

    lefts: dict[bytes, Any] = {}
    partners: dict[bytes, Any] = {}
    right = numpy.array(
        [pair.right_column(x) if x.category is pair.relation.right else -1 for x in kept]
    )
    for index, candidate in enumerate(kept):
        if candidate.category is not pair.relation.left:
            continue
        allowed = pair.allowed[pair.left_row(candidate)]
        goes = numpy.where(right >= 0, allowed[right], False)
        if goes[right >= 0].all():
            continue
        key = goes.tobytes()
        lefts.setdefault(key, numpy.zeros(len(kept)))[index] = 1.0
        partners[key] = goes
    return [row - partners[key] for key, row in lefts.items()]


def build_watts(build: Build) -> float:
    """Return the watts at the wall under load, by the rated powers of the parts."""
    drawn = BASE_WATTS + sum(x.tdp_w or 0.0 for x in build.only(GraphicsCard))
    drawn += sum(cpu_watts(x) or 0.0 for x in build.only(Cpu))
    supply = next(iter(build.only(PowerSupply)))
    return drawn / efficiency(supply)


def bought(plan_: Plan) -> list[Line]:
    """The lines that are to be paid."""
    return [line for line in plan_.lines if line.offer.condition is not Condition.OWN]
