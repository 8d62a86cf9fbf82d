"""Candidates for each category of parts, without those that no optimal build needs.

A candidate fills one category of a build: one CPU, one or more kits of memory, or a set of cards.
Candidate A dominates candidate B if A costs no more, draws no more power, fits all parts that B
fits, and has at least the same worth. Removing dominated candidates does not change the optimum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shiomi.rig.buy.parts import Category, Cpu, GraphicsCard, Part, PowerSupply
from shiomi.rig.buy.prices import Offer
from shiomi.rig.buy.relations import Outcome, Relation
from shiomi.rig.buy.wattage import cpu_watts, efficiency
from shiomi.rig.estimate.quantity import Estimate

if TYPE_CHECKING:
    import numpy

__all__ = ["Candidate", "Pairing", "pairings", "prune"]

# This happens only for a power supply, if unknowns are allowed. The plan lists it as a thing to
# check.
_UNKNOWN_WATTS = 1e5


@dataclass(frozen=True, slots=True)
class Candidate:
    """Parts that fill a category, their offers, and their worth."""

    category: Category
    parts: tuple[Part, ...]
    offers: tuple[Offer, ...]  # one per part
    owned: bool = False  # a part is owned: its unknown fields do not exclude it
    speed: Estimate | None = None  # tokens per second of a set of cards
    # Further values that must be equal for one candidate to dominate another.
    worth: tuple[float, ...] = ()
    price: int = field(init=False)

    def __post_init__(self) -> None:
        """Add up the price."""
        object.__setattr__(self, "price", sum(offer.price for offer in self.offers))

    @property
    def order(self) -> tuple[int, tuple[str, ...]]:
        """Sort by price, then by id, so that equal inputs give equal plans."""
        return self.price, tuple(part.id for part in self.parts)

    def watts(self) -> tuple[float, float, float]:
        """The watts that the part adds to the sums of a build: (drawn, extra at peak, supplied)."""
        drawn = given = 0.0
        cards = 0.0
        for part in self.parts:
            if isinstance(part, GraphicsCard):
                cards += part.tdp_w or 0.0
            elif isinstance(part, Cpu):
                drawn += cpu_watts(part) or 0.0
            elif isinstance(part, PowerSupply):
                given += _UNKNOWN_WATTS if part.watts is None else part.watts
        return drawn, cards, given

    def efficiency(self) -> float:
        """Watts that a power supply gives; 0 for all other parts."""
        part = self.parts[0]
        return efficiency(part) if isinstance(part, PowerSupply) else 0.0

    def power_known(self) -> bool:
        """Whether the part states all values that are summed over a build."""
        for part in self.parts:
            if isinstance(part, GraphicsCard) and part.tdp_w is None:
                return False
            if isinstance(part, Cpu) and cpu_watts(part) is None:
                return False
            if isinstance(part, PowerSupply) and part.watts is None:
                return False
        return True


@dataclass(slots=True)
class Pairing:
    """A relation between two categories: which class of the left fits which class of the right."""

    relation: Relation
    left: dict[tuple[Any, bool], int]  # key → row
    right: dict[tuple[Any, bool], int]  # key → column
    allowed: numpy.ndarray[Any, Any]  # (left, right), bool

    def left_row(self, candidate: Candidate) -> int:
        """The row of a candidate of the left category."""
        return self.left[_key(self.relation.left_key, candidate)]

    def right_column(self, candidate: Candidate) -> int:
        """The column of a candidate of the right category."""
        return self.right[_key(self.relation.right_key, candidate)]

    def place(self, candidate: Candidate) -> int:
        """The row if the category of the candidate is on the left, else the column."""
        if candidate.category is self.relation.left:
            return self.left_row(candidate)
        return self.right_column(candidate)

    def partners(self, category: Category, place: int) -> numpy.ndarray[Any, Any]:
        """Return one bool per class of the other side: whether the class at this index fits it."""
        return self.allowed[place] if category is self.relation.left else self.allowed[:, place]


def _key(function: Any, candidate: Candidate) -> tuple[Any, bool]:
    return function(candidate.parts), candidate.owned


def pairings(
    candidates: dict[Category, list[Candidate]],
    relations: Iterable[Relation],
    *,
    allow_unknown: bool,
) -> list[Pairing]:
    """Judge every class of one category with every class of another.

    An unknown relation counts as incompatible. There are three exceptions: unknowns are allowed,
    one of the parts is owned, or the fact is in no catalogue.
    """
    import numpy

    found = []
    for relation in relations:
        if relation.left not in candidates or relation.right not in candidates:
            continue
        sides = []
        for category, function in (
            (relation.left, relation.left_key),
            (relation.right, relation.right_key),
        ):
            keys = dict.fromkeys(_key(function, x) for x in candidates[category])
            sides.append({key: index for index, key in enumerate(keys)})
        left, right = sides
        allowed = numpy.zeros((len(left), len(right)), dtype=bool)
        for (left_key, left_owned), row in left.items():
            for (right_key, right_owned), column in right.items():
                judged = relation.judge(left_key, right_key)
                lowest = Outcome.CHECK
                if allow_unknown or left_owned or right_owned:
                    lowest = Outcome.UNKNOWN
                allowed[row, column] = judged is None or judged.outcome >= lowest
        found.append(Pairing(relation, left, right, allowed))
    return found


def prune(candidates: Sequence[Candidate], pairs: Sequence[Pairing]) -> list[Candidate]:
    """The candidates of one category that are not dominated and that fit at least one partner."""
    import numpy

    profiles = []
    alike: set[tuple[tuple[int, ...], tuple[float, ...]]] = set()
    for candidate in sorted(candidates, key=lambda x: x.order):
        category = candidate.category
        own = [pair for pair in pairs if category in (pair.relation.left, pair.relation.right)]
        classes = tuple(pair.place(candidate) for pair in own)
        drawn, cards, given = candidate.watts()
        speed = candidate.speed.value if candidate.speed else 0.0
        worth = (-drawn, -cards, given, candidate.efficiency(), speed, *candidate.worth)
        if (classes, worth) in alike:  # an earlier candidate costs no more
            continue
        alike.add((classes, worth))
        rows = [pair.partners(category, place) for pair, place in zip(own, classes, strict=True)]
        if all(row.any() for row in rows):
            profile = numpy.concatenate([*rows, numpy.array(worth)]).astype(float)
            profiles.append((candidate, profile))
    if not profiles:
        return []
    kept: list[Candidate] = []
    matrix = numpy.empty((len(profiles), profiles[0][1].size))
    for candidate, profile in profiles:
        if kept and (matrix[: len(kept)] >= profile).all(axis=1).any():
            continue
        matrix[len(kept)] = profile
        kept.append(candidate)
    return kept
