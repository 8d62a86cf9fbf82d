"""Choose among training runs without labels.

Runs are ordered by retrieval (`shiomi.lejepa.retrieval`) if all of them have measured it, else by
the paper's criterion (arXiv 2511.08544, section 5.2 and equation 8). The final loss alone can only
order runs with the same lambda, because lambda changes the loss itself. The criterion, loss /
lambda ** 0.4, also orders runs with different lambdas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shiomi.lejepa.errors import InputError

__all__ = ["ALPHA", "Candidate", "Selection", "criterion", "rank_candidates", "spearman"]

ALPHA = 0.4  # exponent of equation 8; it comes from the paper's experiments, not from ours


@dataclass(frozen=True, slots=True)
class Candidate:
    """The values of a run that the selection uses."""

    name: str
    loss: float  # mean total training loss at the end
    lam: float
    rankme: float | None = None
    retrieval: float | None = None
    """Share of images that are found by another view of them."""
    knn: float | None = None  # accuracies if labels exist; not used for ranking
    probe: float | None = None
    criterion: float = field(init=False)
    """Equation 8's loss / lambda ** ALPHA; smaller is better."""

    def __post_init__(self) -> None:
        """Raise InputError if the loss or lambda cannot be used for ranking."""
        object.__setattr__(self, "criterion", criterion(self.loss, self.lam))


@dataclass(frozen=True, slots=True)
class Selection:
    """The candidates in order, and notes on how far the order can be trusted."""

    ranked: tuple[Candidate, ...]
    agreement: dict[str, float]
    """Rank correlation of each score with the probe's accuracy, if 3 or more runs have a probe. The
    sign is chosen so that 1 is full agreement, even for a score of which small values are
    better."""
    ranked_by: str = "criterion"
    notes: tuple[str, ...] = ()


def criterion(loss: float, lam: float) -> float:
    """Return loss / lam ** ALPHA, which can compare runs with different lambdas. Smaller is better.

    `loss` is LeJEPA's total, (1 - lam) prediction + lam SIGReg. With the unbiased SIGReg it can be
    slightly negative. Raises InputError if the loss is not finite, or `lam` is not above 0.
    """
    if not math.isfinite(loss):
        raise InputError(f"the loss must be finite, got {loss}; did the run diverge?")
    if not 0 < lam < math.inf:
        raise InputError(f"lambda must be > 0, got {lam}")
    return float(loss / lam**ALPHA)


def rank_candidates(candidates: Sequence[Candidate]) -> Selection:
    """Return the candidates, the most promising first; ties are ordered by name.

    If all candidates have a `retrieval`, the largest comes first; else the smallest criterion.

    Raises InputError if there are no candidates.
    """
    if not candidates:
        raise InputError("there must be at least one run")
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
    """Return Spearman's rank correlation of two sequences, from -1 to 1. Tied values get their mean
    rank.

    Raises InputError if the lengths differ or are below 2, if there is a NaN, or if all values of a
    sequence are equal.
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
