"""The paper's two algorithms, written down once more as plainly as can be, to compare with."""

from __future__ import annotations

import torch
from torch import Tensor


def algorithm_1(x: Tensor, slices: Tensor, *, knots: int = 17, limit: float = 3.0) -> Tensor:
    """SIGReg of x (N, D) on the columns of `slices` (D, K): complex exponentials on [-b, b]."""
    t = torch.linspace(-limit, limit, 2 * knots - 1, dtype=x.dtype)
    phi = torch.exp(-t.square() / 2)
    phi_n = torch.exp(1j * t * (x @ slices).unsqueeze(-1)).mean(0)
    error = (phi_n - phi).abs().square() * phi
    return torch.trapezoid(error, t).mean() * x.shape[0]


def algorithm_2(views: Tensor, slices: Tensor, global_views: int, lam: float) -> Tensor:
    """LeJEPA of views (V, N, D)."""
    centres = views[:global_views].mean(0)
    prediction = torch.stack([(centres - view).square().mean() for view in views]).mean()
    regularisation = torch.stack([algorithm_1(view, slices) for view in views]).mean()
    return (1 - lam) * prediction + lam * regularisation
