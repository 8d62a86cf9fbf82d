"""A matrix product whose gradient is computed in full precision, also inside autocast."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from shiomi.lejepa.kernels import transformed

__all__ = ["product"]


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return a @ b, (M, D) times (D, N). Only `b` gets a gradient.

    If `backward()` is called inside an autocast region, the gradient of a plain `a @ b` is computed
    in bfloat16, whatever the type in the forward pass. Here it is computed in the type of the
    inputs.
    """
    if torch.compiler.is_compiling() or transformed(b):
        return a @ b
    result: Tensor = _Product.apply(a, b)  # type: ignore[no-untyped-call]
    return result


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return a @ b

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        (a,) = ctx.saved_tensors
        with torch.autocast(a.device.type, enabled=False):
            return None, a.T @ grads[0]
