"""Vasicek's test (1976): of all distributions with their variance, the normal has most entropy."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["entropy", "vasicek_entropy"]


def entropy(u: Tensor, *, window: int | None = None) -> Tensor:
    """Return the divergence from N(0, 1), in nats: u (N, K) to (K,).

    KL(X, N(0, 1)) = -h(X) + ln(2 pi)/2 + E X^2 / 2, with Vasicek's estimate of the entropy h, which
    is biased downwards at small N, so that the divergence of normal samples is above 0.
    """
    cross = math.log(2 * math.pi) / 2 + u.square().mean(0) / 2
    return cross - vasicek_entropy(u, window=window)


def vasicek_entropy(u: Tensor, *, window: int | None = None) -> Tensor:
    """Return mean_i ln(N (x_(i+m) - x_(i-m)) / (2m)), nats: u (N, K) to (K,).

    m = `window`, by default floor(sqrt(N) + 1/2); x_(i) is x_(1) for i < 1 and x_(N) for i > N.
    Equal samples, whose entropy is -inf, count as 1e-12 apart.
    """
    samples = u.shape[0]
    m = window if window is not None else math.floor(math.sqrt(samples) + 0.5)
    ordered = u.sort(dim=0).values
    places = torch.arange(samples, device=u.device)
    upper = ordered[(places + m).clamp(max=samples - 1)]
    lower = ordered[(places - m).clamp(min=0)]
    return ((upper - lower).clamp(min=1e-12) * (samples / (2 * m))).log().mean(0)
