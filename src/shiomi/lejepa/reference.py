"""LeJEPA in plain torch: Algorithms 1 and 2 of arXiv 2511.08544, short enough to copy.

    directions = draw_directions(dim=64, count=1024)          # new ones at every step
    loss = lejepa(views, directions, global_views=2, lam=0.05)
    loss.backward()

`shiomi.lejepa.lejepa_loss` computes the same numbers with fused kernels, on any number of ranks,
and with 1/47 of the memory. Tests compare the two implementations.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["draw_directions", "lejepa", "sigreg"]


def draw_directions(dim: int, count: int) -> Tensor:
    """Return `count` random unit vectors, as columns: (dim, count)."""
    directions = torch.randn(dim, count)
    unit: Tensor = directions / directions.norm(dim=0)
    return unit


def sigreg(x: Tensor, directions: Tensor, *, knots: int = 17, limit: float = 3.0) -> Tensor:
    """Return SIGReg of embeddings x (N, D), a scalar (Algorithm 1).

    The projection on each column of `directions` (D, K) is a one-dimensional sample. The
    Epps-Pulley statistic compares the sample's characteristic function with the characteristic
    function of N(0, 1), at knots on [-limit, limit].
    """
    t = torch.linspace(-limit, limit, 2 * knots - 1, dtype=x.dtype)
    normal = torch.exp(-t.square() / 2)
    projected = (x @ directions).unsqueeze(-1)  # (N, K, 1)
    empirical = torch.exp(1j * t * projected).mean(0)  # (K, knots)
    error = (empirical - normal).abs().square() * normal
    return torch.trapezoid(error, t).mean() * x.shape[0]


def lejepa(views: Tensor, directions: Tensor, global_views: int, lam: float) -> Tensor:
    """Return the LeJEPA loss of embedded views (V, N, D), a scalar (Algorithm 2).

    The target of every view is the mean of the sample's first `global_views` views. The loss uses
    neither a teacher nor a stop-gradient.
    """
    centres = views[:global_views].mean(0)
    prediction = torch.stack([(centres - view).square().mean() for view in views]).mean()
    regularisation = torch.stack([sigreg(view, directions) for view in views]).mean()
    return (1 - lam) * prediction + lam * regularisation
