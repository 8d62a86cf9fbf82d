"""Candidates for each category of parts, without those that no optimal build needs.

A candidate fills one category of a build: one CPU, one or more kits of memory, or a set of cards.
Candidate A dominates candidate B if A costs no more than B, draws no more power, fits all parts
that B fits, and has at least the same worth. Removing dominated candidates does not change the
optimum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shiomi.rig.buy.findings import Unknown
from shiomi.rig.buy.parts import Category, Cpu, GraphicsCard, Part, PowerSupply
from shiomi.rig.buy.prices import Condition, Offer
from shiomi.rig.buy.relations import Relation
from shiomi.rig.buy.wattage import cpu_watts, efficiency

if TYPE_CHECKING:
    import numpy

__all__ = ["Candidate", "Pairing", "pairings", "prune"]

# For a power supply of unknown power, if unknown facts are allowed. The plan lists it as a thing
# to check.
_UNKNOWN_WATTS = 1e5


@dataclass(frozen=True, slots=True)
class Candidate:
    """Parts that fill a category, and their offers."""

    category: Category
    parts: tuple[Part, ...]
    offers: tuple[Offer, ...]  # one per part
    # Further values. To dominate another candidate, a candidate must be at least as good in each.
    worth: tuple[float, ...] = ()
    price: int = field(init=False)
    owned: bool = field(init=False)  # the user has a part of it, so unknown fields are accepted

    def __post_init__(self) -> None:
        """Add up the price, and find out whether a part is owned."""
        object.__setattr__(self, "price", sum(offer.price for offer in self.offers))
        owned = any(offer.condition is Condition.OWN for offer in self.offers)
        object.__setattr__(self, "owned", owned)

    @property
    def order(self) -> tuple[int, tuple[str, ...]]:
        """Sort by price, then by id, so that equal inputs give equal plans."""
        return self.price, tuple(part.id for part in self.parts)

    def watts(self) -> tuple[float, float, float]:
        """Return the watts for the sums of a build: processor, graphics cards, power supply."""
        known = [_watts(part) for part in self.parts]
        total = sum(x or 0.0 for x in known)
        if self.category is Category.SUPPLY:
            return 0.0, 0.0, _UNKNOWN_WATTS if None in known else total
        return (0.0, total, 0.0) if self.category is Category.GPU else (total, 0.0, 0.0)

    def efficiency(self) -> float:
        """Return the efficiency of a power supply; 0 for all other parts."""
        part = self.parts[0]
        return efficiency(part) if isinstance(part, PowerSupply) else 0.0

    def power_known(self) -> bool:
        """Return whether all parts state the watts that are summed over a build."""
        return None not in map(_watts, self.parts)


def _watts(part: Part) -> float | None:
    """Return the watts that a part draws, or that a supply gives; None if unknown, 0 for small
    parts.
    """
    if isinstance(part, GraphicsCard):
        return part.tdp_w
    if isinstance(part, Cpu):
        return cpu_watts(part)
    return part.watts if isinstance(part, PowerSupply) else 0.0


@dataclass(slots=True)
class Pairing:
    """A relation between two categories: which class of the left fits which class of the right."""

    relation: Relation
    left: dict[tuple[Any, bool], int]  # key → row
    right: dict[tuple[Any, bool], int]  # key → column
    allowed: numpy.ndarray[Any, Any]  # (left, right), bool

    def place(self, candidate: Candidate) -> int:
        """Return the row if the category of the candidate is on the left, else the column."""
        if candidate.category is self.relation.left:
            return self.left[_key(self.relation.left_key, candidate)]
        return self.right[_key(self.relation.right_key, candidate)]

    def partners(self, category: Category, place: int) -> numpy.ndarray[Any, Any]:
        """Return for each class of the other side whether it fits the class at `place`."""
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

    If a fact is unknown, the two classes count as incompatible. There are three exceptions: unknown
    facts are allowed, one of the parts is owned, or no catalogue contains the fact.
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
                lenient = allow_unknown or left_owned or right_owned
                allowed[row, column] = judged is None or (
                    isinstance(judged, Unknown) and (lenient or judged.always)
                )
        found.append(Pairing(relation, left, right, allowed))
    return found


def prune(candidates: Sequence[Candidate], pairs: Sequence[Pairing]) -> list[Candidate]:
    """Return the candidates of one category that fit a partner and that none dominates."""
    import numpy

    profiles = []
    alike: set[tuple[tuple[int, ...], tuple[float, ...]]] = set()
    for candidate in sorted(candidates, key=lambda x: x.order):
        category = candidate.category
        own = [pair for pair in pairs if category in (pair.relation.left, pair.relation.right)]
        classes = tuple(pair.place(candidate) for pair in own)
        drawn, cards, given = candidate.watts()
        worth = (-drawn, -cards, given, candidate.efficiency(), *candidate.worth)
        if (classes, worth) in alike:  # an earlier equal candidate costs the same or less
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
