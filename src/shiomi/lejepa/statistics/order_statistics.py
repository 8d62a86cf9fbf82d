"""Shapiro and Francia's test (1972): how straight the normal probability plot is."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["shapiro_francia"]


def shapiro_francia(u: Tensor) -> Tensor:
    """Return 1 - W', W' the squared correlation of ordered samples and scores: u (N, K) to (K,).

    The scores are Blom's, Phi^-1((i - 3/8) / (N + 1/4)), for the expected order statistics. Sees
    neither mean nor scale. Samples without variance give NaN.
    """
    samples = u.shape[0]
    ranks = torch.arange(1, samples + 1, dtype=torch.float64, device="cpu")
    scores = torch.special.ndtri((ranks - 0.375) / (samples + 0.25)).to(u)
    ordered = u.sort(dim=0).values
    centred = ordered - ordered.mean(0)
    along = scores @ centred
    squared: Tensor = along.square() / (scores.square().sum() * centred.square().sum(0))
    return 1 - squared
