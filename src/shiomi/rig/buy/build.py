"""Find the cheapest compatible build that contains given parts, by integer programming.

Each candidate has one binary variable, and exactly one candidate is chosen per category. A relation
between two categories becomes several constraints, one for each class of the first category: if a
candidate of this class is chosen, a compatible candidate of the second category is chosen too. The
watts, the power peaks, the circuit and the budget are constraints on sums. The objective is the
lowest price, and HiGHS proves the optimum (gap 0). The module `budget` chooses the cards and the
memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shiomi.extras import needs_extra
from shiomi.rig.buy.candidates import Candidate, Pairing, pairings, prune
from shiomi.rig.buy.choices import Candidates
from shiomi.rig.buy.parts import Build, Category, Cpu, GraphicsCard, Part, PowerSupply
from shiomi.rig.buy.prices import Offer
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
from shiomi.rig.errors import PlanError
from shiomi.rig.message import Message, category, reason

__all__ = ["Line", "Problem", "build_watts", "lines_of"]

_NO_SOLVER = needs_extra("planning", "SciPy", "rig")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list of parts."""

    part: Part
    offer: Offer
    quantity: int

    @property
    def price(self) -> int:
        """Return the price of all pieces of the line."""
        return self.offer.price * self.quantity


def _categories(found: Iterable[Category]) -> Message:
    return Message("list", "comma", tuple((str(i), category(x)) for i, x in enumerate(found)))


@dataclass(slots=True)
class Problem:
    """The candidates that may be in an optimal build, and the matrix of constraints."""

    wish: Wish
    kept: list[Candidate]
    pairs: list[Pairing]
    rows: Any = None  # scipy.sparse, one row per constraint, one column per candidate
    upper: list[float] = field(default_factory=list)

    @classmethod
    def prepare(cls, choices: Candidates, wish: Wish) -> Problem:
        """Remove useless candidates, and build the constraints that do not depend on the budget."""
        missing = [c for c, found in choices.items() if not found]
        if missing:
            raise PlanError(reason("nothing_meets", categories=_categories(missing)))
        holds = relations(shared_layers=wish.shared_layers)
        kept = choices
        pairs: list[Pairing] = []
        for _ in range(2):  # the first round removes parts, which makes more candidates comparable
            pairs = pairings(kept, holds, allow_unknown=wish.allow_unknown)
            kept = {category: prune(found, pairs) for category, found in kept.items()}
            if not all(kept.values()):
                empty = [c for c, found in kept.items() if not found]
                raise PlanError(reason("nothing_goes_with", categories=_categories(empty)))
        problem = cls(wish, [x for found in kept.values() for x in found], pairs)
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

    def cheapest(
        self, fixed: Sequence[int], most: float, seconds: float
    ) -> tuple[list[Candidate] | None, bool]:
        """Return the cheapest build with the candidates in `fixed`, and whether this is proven.

        The build is None if every build with these candidates costs more than `most`. Raises
        PlanError if no build was found within `seconds`.
        """
        import numpy
        from scipy.optimize import Bounds, LinearConstraint, milp

        count = len(self.kept)
        prices = numpy.array([float(x.price) for x in self.kept])
        one = numpy.array([[x.category is c for x in self.kept] for c in Category], dtype=float)
        least = numpy.zeros(count)
        least[list(fixed)] = 1.0
        result = milp(
            prices,
            integrality=numpy.ones(count),
            bounds=Bounds(least, numpy.ones(count)),
            constraints=[
                LinearConstraint(one, 1.0, 1.0),
                LinearConstraint(self.rows, -numpy.inf, numpy.array(self.upper)),
                LinearConstraint(prices, -numpy.inf, most),
            ],
            options={"mip_rel_gap": 0.0, "time_limit": max(0.1, seconds)},
        )
        if result.x is not None:
            return [
                x for x, n in zip(self.kept, result.x, strict=True) if n > 0.5
            ], not result.status
        if result.status == 1:  # the time limit was reached without any solution
            raise PlanError(reason("not_in_time", seconds=f"{seconds:.0f}"))
        return None, result.status == 2


def lines_of(picked: Iterable[Candidate]) -> tuple[Line, ...]:
    """Return the list of parts of chosen candidates."""
    lines: dict[tuple[str, Offer], Line] = {}
    for candidate in picked:
        for part, offer in zip(candidate.parts, candidate.offers, strict=True):
            present = lines.get((part.id, offer))
            quantity = present.quantity + 1 if present else 1
            lines[part.id, offer] = Line(part, offer, quantity)
    return tuple(lines.values())


def _cover_rows(pair: Pairing, kept: Sequence[Candidate]) -> list[Any]:
    """Return one row per set of partners: (parts that need a partner) - (partners) <= 0."""
    import numpy

    lefts: dict[bytes, Any] = {}
    partners: dict[bytes, Any] = {}
    right = numpy.array([pair.place(x) if x.category is pair.relation.right else -1 for x in kept])
    for index, candidate in enumerate(kept):
        if candidate.category is not pair.relation.left:
            continue
        allowed = pair.allowed[pair.place(candidate)]
        goes = numpy.where(right >= 0, allowed[right], False)
        if goes[right >= 0].all():
            continue
        key = goes.tobytes()
        lefts.setdefault(key, numpy.zeros(len(kept)))[index] = 1.0
        partners[key] = goes
    return [row - partners[key] for key, row in lefts.items()]


def build_watts(build: Build) -> float:
    """Return the watts at the wall under load, from the rated powers of the parts."""
    drawn = BASE_WATTS + sum(x.tdp_w or 0.0 for x in build.only(GraphicsCard))
    drawn += sum(cpu_watts(x) or 0.0 for x in build.only(Cpu))
    supply = next(iter(build.only(PowerSupply)))
    return drawn / efficiency(supply)
