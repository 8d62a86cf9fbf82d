"""Tests that compare the moments with the moments of N(0, 1)."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["jarque_bera", "moments"]


def jarque_bera(u: Tensor, *, standard: bool = True) -> Tensor:
    """Return N/6 (skewness^2 + (kurtosis - 3)^2 / 4), and more: u (N, K) to (K,).

    Jarque and Bera (1980). That does not see mean and variance, so it alone lets embeddings
    collapse or explode. With `standard` (the paper's extended form)

        N mean^2 / variance + (N - 1) (variance - 1)^2 / 2

    is added, with the biased variance. A slice without variance gives NaN, as it has no skewness.
    """
    samples = u.shape[0]
    mean = u.mean(0)
    centred = u - mean
    variance = centred.square().mean(0)
    skewness = centred.pow(3).mean(0) / variance.pow(1.5)
    kurtosis = centred.pow(4).mean(0) / variance.square()
    shape = samples / 6 * (skewness.square() + (kurtosis - 3).square() / 4)
    if not standard:
        return shape
    place = samples * mean.square() / variance
    return shape + place + (samples - 1) * (variance - 1).square() / 2


def moments(u: Tensor, *, highest: int = 4) -> Tensor:
    """Return sum_p (mean u^p - E z^p)^2 / Var(z^p), z ~ N(0, 1): u (N, K) to (K,).

    Raw moments, p = 1 to `highest`; E z^p = (p - 1)!! for even p. Dividing by the variance gives
    every moment an expectation of 1/N over draws from N(0, 1). The paper shows why no finite number
    of moments will do.
    """
    total = torch.zeros_like(u[0])
    for p in range(1, highest + 1):
        expected = _normal_moment(p)
        variance = _normal_moment(2 * p) - expected**2
        total = total + (u.pow(p).mean(0) - expected).square() / variance
    return total


def _normal_moment(p: int) -> float:
    product = 1.0
    for factor in range(p - 1, 0, -2):
        product *= factor
    return product if p % 2 == 0 else 0.0
