"""Sums of cosines and sines at equally spaced knots: one interface, three ways to compute it.

| way | where | file |
|---|---|---|
| `plain` | any device and float type; always right | plain.py |

Registered with torch as an operator, so that torch.compile takes it whole.
"""

from __future__ import annotations

import torch
from torch import Tensor

from shiomi.lejepa.kernels import plain

__all__ = ["trigonometric_sums"]


def trigonometric_sums(u: Tensor, *, spacing: float, knots: int, half: bool = False) -> Tensor:
    """Return sum_n cos(t_j u_n) and sum_n sin(t_j u_n), differentiable once in u.

    u: (K, V, N), float32 or float64. Returns (K, V, 2, J) with J = `knots` and t_j = j * spacing,
    or (j + 1/2) * spacing where `half`.
    """
    sums: Tensor = _forward(u, spacing, knots, half)
    return sums


@torch.library.custom_op("shiomi_lejepa::trigonometric_sums", mutates_args=())
def _forward(u: Tensor, spacing: float, knots: int, half: bool) -> Tensor:
    return plain.forward(u, spacing, knots, half)


@torch.library.custom_op("shiomi_lejepa::trigonometric_sums_backward", mutates_args=())
def _backward(u: Tensor, weights: Tensor, spacing: float, half: bool) -> Tensor:
    return plain.backward(u, weights, spacing, half)


@_forward.register_fake
def _(u: Tensor, _spacing: float, knots: int, _half: bool) -> Tensor:
    return u.new_empty((u.shape[0], u.shape[1], 2, knots))


@_backward.register_fake
def _(u: Tensor, _weights: Tensor, _spacing: float, _half: bool) -> Tensor:
    return torch.empty_like(u)


def _save(ctx, inputs, output) -> None:  # noqa: ARG001  # type: ignore[no-untyped-def]
    u, ctx.spacing, _, ctx.half = inputs
    ctx.save_for_backward(u)


def _gradient(ctx, grad: Tensor):  # type: ignore[no-untyped-def]
    (u,) = ctx.saved_tensors
    return _backward(u, grad.contiguous(), ctx.spacing, ctx.half), None, None, None


_forward.register_autograd(_gradient, setup_context=_save)
