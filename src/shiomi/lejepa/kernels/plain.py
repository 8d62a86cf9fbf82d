"""Compute sums of cosines and sines at equally spaced knots in plain torch, on any device.

One cosine and one sine per (slice, sample) are computed. The other knots follow from

    cos((j+1) a) = 2 cos a cos(j a) - cos((j-1) a)        (Chebyshev; the same for sines)

The gradient is a sum of sines and cosines of multiples of `a` and comes from Clenshaw's recurrence.
A few slices are processed at a time, so that no array of slices x samples x knots is needed.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["backward", "forward"]

_CHUNK = 1 << 18  # elements processed at a time; they fit into the cache of a core


def forward(u: Tensor, spacing: float, knots: int, half: bool) -> Tensor:
    """Return sum_n cos(t_j u_n) and sum_n sin(t_j u_n).

    u: (K, V, N). Returns (K, V, 2, J) with J = `knots`, t_j = j * spacing, or (j + 1/2) * spacing
    if `half`.
    """
    sums = u.new_empty((u.shape[0], u.shape[1], 2, knots))
    for part, out in zip(_chunks(u), sums.split(_rows(u)), strict=True):
        first = part * (spacing / 2 if half else spacing)
        cosine, sine = first.cos(), first.sin()
        if half:
            twice = 2 - 4 * sine.square()
            before = (cosine, -sine)
            now = (cosine, sine)
        else:
            twice = 2 * cosine
            before = (cosine, -sine)
            now = (torch.ones_like(cosine), torch.zeros_like(sine))
        for axis in (0, 1):
            a, b = before[axis], now[axis]
            for j in range(knots):
                out[:, :, axis, j] = b.sum(-1)
                a, b = b, twice * b - a
    return sums


def backward(u: Tensor, weights: Tensor, spacing: float, half: bool) -> Tensor:
    """Return d/du_n of sum_j p_j cos(t_j u_n) + q_j sin(t_j u_n).

    u: (K, V, N); weights: (K, V, 2, J), p in [:, :, 0], q in [:, :, 1]. Returns (K, V, N).
    """
    knots = weights.shape[-1]
    result = torch.empty_like(u, memory_format=torch.contiguous_format)
    multiple = torch.arange(knots, dtype=u.dtype, device=u.device) + (0.5 if half else 0.0)
    weights = weights * (multiple * spacing)  # the inner derivative t_j
    groups = zip(_chunks(u), weights.split(_rows(u)), result.split(_rows(u)), strict=True)
    for part, weight, out in groups:
        first = part * (spacing / 2 if half else spacing)
        cosine, sine = first.cos(), first.sin()
        twice = 2 - 4 * sine.square() if half else 2 * cosine
        # cos(t_j u)' = -t_j sin(t_j u), so p multiplies the sines and q the cosines.
        p0, p1 = _clenshaw(weight[:, :, 0], twice)
        q0, q1 = _clenshaw(weight[:, :, 1], twice)
        if half:
            out.copy_(cosine * (q0 - q1) - sine * (p0 + p1))
        else:
            out.copy_(q0 - cosine * q1 - sine * p1)
    return result


def _clenshaw(weight: Tensor, twice: Tensor) -> tuple[Tensor, Tensor]:
    """Return b_0 and b_1 of b_j = w_j + 2 cos(a) b_(j+1) - b_(j+2); weight (k, V, J)."""
    b1, b0 = torch.zeros_like(twice), torch.zeros_like(twice)
    for j in reversed(range(weight.shape[-1])):
        b1, b0 = b0, torch.addcmul(weight[..., j].unsqueeze(-1) - b1, twice, b0)
    return b0, b1


def _rows(u: Tensor) -> int:
    return max(1, _CHUNK // max(1, u.shape[1] * u.shape[2]))


def _chunks(u: Tensor) -> tuple[Tensor, ...]:
    return tuple(u.split(_rows(u)))
