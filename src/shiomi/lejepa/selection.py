"""Choosing among training runs without a label.

By retrieval (`shiomi.lejepa.retrieval`) if all runs have measured it, else by the paper's criterion
(arXiv 2511.08544, section 5.2 and equation 8): the final loss orders runs of one lambda. Across
lambdas it does not, because lambda changes the loss itself. The loss divided by lambda ** 0.4 does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shiomi.lejepa.errors import InputError

__all__ = ["ALPHA", "Candidate", "Selection", "criterion", "rank_candidates", "spearman"]

ALPHA = 0.4  # equation 8's exponent, fixed by the paper's sweeps, not by ours


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run as the selection sees it."""

    name: str
    loss: float  # mean total training loss at the end
    lam: float
    rankme: float | None = None
    retrieval: float | None = None
    """Share of images found again by another view."""
    knn: float | None = None  # accuracies, where labels exist; never used to rank
    probe: float | None = None
    criterion: float = field(init=False)
    """Equation 8's loss / lambda ** ALPHA; smaller is better."""

    def __post_init__(self) -> None:
        """Raise InputError if the loss or lambda ranks nothing."""
        object.__setattr__(self, "criterion", criterion(self.loss, self.lam))


@dataclass(frozen=True, slots=True)
class Selection:
    """Candidates in order, and notes on how far to trust the order."""

    ranked: tuple[Candidate, ...]
    agreement: dict[str, float]
    """Rank correlation with the probe, sign so that 1 is agreement, where 3 or more have one."""
    ranked_by: str = "criterion"
    notes: tuple[str, ...] = ()


def criterion(loss: float, lam: float, alpha: float = ALPHA) -> float:
    """Return loss / lam ** alpha, by which runs of different lambda compare; smaller is better.

    `loss` is LeJEPA's total, (1 - lam) prediction + lam SIGReg; the unbiased SIGReg can bring it a
    little below 0. Raises InputError if the loss is not finite, or `lam` is not above 0.
    """
    if not math.isfinite(loss):
        raise InputError(f"a loss of {loss} ranks nothing; did the run diverge?")
    if not 0 < lam < math.inf:
        raise InputError(f"lambda is {lam}; the criterion needs one above 0")
    return float(loss / lam**alpha)


def rank_candidates(candidates: Sequence[Candidate]) -> Selection:
    """Return the candidates, the most promising first; equal ones by name.

    The largest `retrieval` comes first if all have one, else the smallest criterion.

    Raises InputError if there is none.
    """
    if not candidates:
        raise InputError("there is no run to choose from")
    by_retrieval = all(one.retrieval is not None for one in candidates)

    def place(one: Candidate) -> tuple[float, str]:
        return (-(one.retrieval or 0.0) if by_retrieval else one.criterion, one.name)

    ranked = sorted(candidates, key=place)
    ranked_by = "retrieval" if by_retrieval else "criterion"
    return Selection(tuple(ranked), _agreement(ranked), ranked_by)


def _agreement(candidates: Sequence[Candidate]) -> dict[str, float]:
    judged = [one for one in candidates if one.probe is not None]
    scores = {
        "criterion": [-one.criterion for one in judged],
        "loss": [-one.loss for one in judged],
        "retrieval": [math.nan if one.retrieval is None else one.retrieval for one in judged],
        "RankMe": [math.nan if one.rankme is None else one.rankme for one in judged],
    }
    found = {}
    for name, values in scores.items():
        probe = [one.probe or 0.0 for one in judged]
        if len(judged) > 2 and not any(map(math.isnan, values)) and len(set(probe)) > 1:
            found[name] = spearman(values, probe) if len(set(values)) > 1 else 0.0
    return found


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the rank correlation of two sequences, ties at their mean rank, from -1 to 1.

    Raises InputError if they differ in length, have fewer than 2 values, a NaN, or are all
    the same.
    """
    if len(a) != len(b) or len(a) < 2:
        raise InputError(f"{len(a)} and {len(b)} values have no rank correlation; give 2 or more")
    if any(math.isnan(value) for value in (*a, *b)):
        raise InputError("a value that is NaN has no rank")
    x, y = (_ranks(values) - (len(a) - 1) / 2 for values in (a, b))
    spread = math.sqrt(x @ x * (y @ y))
    if spread == 0:
        raise InputError("values that are all the same have no rank correlation")
    return float(x @ y) / spread


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts + 1) / 2)[place]
