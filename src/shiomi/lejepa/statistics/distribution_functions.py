"""Tests that compare the empirical distribution function with the one of N(0, 1).

With z_i the i-th smallest of the N values Phi(u_n) (D'Agostino and Stephens 1986, table 4.2).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["anderson_darling", "cramer_von_mises", "watson"]


def anderson_darling(u: Tensor) -> Tensor:
    """Return A^2 = -N - 1/N sum_i (2i - 1) (ln z_i + ln(1 - z_(N+1-i))): u (N, K) to (K,).

    Logarithms of the normal tails, finite however far out a sample lies.
    """
    ordered = u.sort(dim=0).values
    samples = u.shape[0]
    odd = 2 * _ranks(u) - 1
    logs = torch.special.log_ndtr(ordered) + torch.special.log_ndtr(-ordered.flip(0))
    statistic: Tensor = -samples - (odd * logs).sum(0) / samples
    return statistic


def cramer_von_mises(u: Tensor) -> Tensor:
    """Return W^2 = 1/(12 N) + sum_i (z_i - (2i - 1)/(2N))^2: u (N, K) to (K,)."""
    samples = u.shape[0]
    z = _normal_cdf(u.sort(dim=0).values)
    return 1 / (12 * samples) + (z - (2 * _ranks(u) - 1) / (2 * samples)).square().sum(0)


def watson(u: Tensor) -> Tensor:
    """Return U^2 = W^2 - N (mean z - 1/2)^2: u (N, K) to (K,).

    Does not change where all z_i move around the circle together.
    """
    return cramer_von_mises(u) - u.shape[0] * (_normal_cdf(u).mean(0) - 0.5).square()


def _ranks(u: Tensor) -> Tensor:
    return torch.arange(1, u.shape[0] + 1, dtype=u.dtype, device=u.device).unsqueeze(1)


def _normal_cdf(u: Tensor) -> Tensor:
    cdf: Tensor = torch.special.erfc(u * -math.sqrt(0.5)) / 2
    return cdf
