"""Choosing among training runs without a label (arXiv 2511.08544, section 5.2 and equation 8).

The final training loss orders runs of one lambda by the quality of their features. Across
lambdas it does not, as lambda moves the loss itself; divided by lambda ** 0.4 it does again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shiomi.lejepa.errors import InputError

__all__ = ["ALPHA", "Candidate", "criterion", "rank_candidates", "spearman"]

ALPHA = 0.4  # equation 8's exponent, fixed by the paper's sweeps, not by ours


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finished run as the selection sees it."""

    name: str
    loss: float  # mean total training loss at the end
    lam: float
    rankme: float | None = None
    accuracy: float | None = None  # of a probe, where labels exist; never used to rank

    @property
    def criterion(self) -> float:
        """Equation 8's loss / lambda ** ALPHA; smaller is better."""
        return criterion(self.loss, self.lam)


def criterion(loss: float, lam: float, alpha: float = ALPHA) -> float:
    """Return loss / lam ** alpha, by which runs of different lambda compare; smaller is better.

    `loss` is LeJEPA's total, (1 - lam) prediction + lam SIGReg. Raises InputError where it is
    negative or not finite, or `lam` is not above 0 and at most 1.
    """
    if not (math.isfinite(loss) and loss >= 0):
        raise InputError(f"a loss of {loss} ranks nothing; did the run diverge?")
    if not 0 < lam <= 1:
        raise InputError(f"lambda is {lam}; the criterion needs one above 0 and at most 1")
    return float(loss / lam**alpha)


def rank_candidates(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates, the most promising first; equal ones by name."""
    return sorted(candidates, key=lambda one: (one.criterion, one.name))


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the rank correlation of two sequences, ties at their mean rank, from -1 to 1.

    Raises InputError where they differ in length, have fewer than 2 values, a NaN, or are all
    the same.
    """
    if len(a) != len(b) or len(a) < 2:
        raise InputError(f"{len(a)} and {len(b)} values have no rank correlation; give 2 or more")
    if any(math.isnan(value) for value in (*a, *b)):
        raise InputError("a value that is NaN has no rank")
    ranks = [_ranks(values) for values in (a, b)]
    middle = (len(a) - 1) / 2
    x, y = ([rank - middle for rank in row] for row in ranks)
    spread = math.sqrt(sum(u * u for u in x) * sum(v * v for v in y))
    if spread == 0:
        raise InputError("values that are all the same have no rank correlation")
    return sum(u * v for u, v in zip(x, y, strict=True)) / spread


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for i in order[start : end + 1]:
            ranks[i] = (start + end) / 2
        start = end + 1
    return ranks
