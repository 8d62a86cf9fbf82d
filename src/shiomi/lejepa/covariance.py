"""Compute mean, second moments and spectrum of many rows, block by block and in float64.

Besides the rows themselves, the largest array in memory is D x D.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Moments", "covariance_eigenvalues", "mean_and_covariance", "singular_values"]

_ROWS = 8192  # rows of a block

Moments = tuple[Tensor, Tensor]
"""Mean (D,) and covariance (D, D), float64."""


def mean_and_covariance(x: Tensor) -> Moments:
    """Return mean (D,) and covariance (D, D, divided by N) of the rows of `x` (N, D)."""
    mean = torch.zeros(x.shape[1], dtype=torch.float64, device=x.device)
    for block in x.split(_ROWS):
        mean += block.detach().double().sum(0)
    mean /= len(x)
    return mean, _gram(x, mean) / len(x)


def covariance_eigenvalues(x: Tensor) -> Tensor:
    """Return the D eigenvalues of the rows' covariance, largest first, never negative."""
    _, covariance = mean_and_covariance(x)
    values: Tensor = torch.linalg.eigvalsh(covariance).clamp(min=0).flip(0)
    return values


def singular_values(x: Tensor) -> Tensor:
    """Return the min(N, D) singular values of `x` (N, D), largest first.

    They are computed from the smaller of the two Gram matrices. A singular value below 1e-8 times
    the largest singular value is therefore inexact: it is only known to lie between 0 and that
    bound.
    """
    gram = _gram(x, None) if len(x) >= x.shape[1] else _gram(x.T, None)
    values: Tensor = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt().flip(0)
    return values


def _gram(x: Tensor, mean: Tensor | None) -> Tensor:
    gram = torch.zeros(x.shape[1], x.shape[1], dtype=torch.float64, device=x.device)
    for block in x.split(_ROWS):
        rows = block.detach().double()
        if mean is not None:
            rows = rows - mean
        gram.addmm_(rows.T, rows)
    return gram
