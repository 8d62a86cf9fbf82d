"""Compute sums of cosines and sines at equally spaced knots: one interface, three implementations.

| way | where | file |
|---|---|---|
| `plain` | any device and float type; always right | plain.py |
| `cpu` | float32 on the CPU, where there is a C compiler | cpu.py, trigonometric_sums.c |
| `triton` | float32 on CUDA, where Triton is installed | triton.py |

They are registered with torch as operators, so that torch.compile does not trace into them.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from shiomi.lejepa.errors import InputError
from shiomi.lejepa.kernels import cpu, plain

__all__ = [
    "BACKENDS",
    "choose_backend",
    "inside_transform",
    "transformed",
    "trigonometric_sums",
]

BACKENDS = ("auto", "plain", "cpu", "triton")
_log = logging.getLogger("shiomi.lejepa")
_TESTED_KNOTS = 64  # the recurrence's rounding error grows with the square of the number of knots


def trigonometric_sums(
    u: Tensor, *, spacing: float, knots: int, half: bool = False, backend: str = "auto"
) -> Tensor:
    """Return sum_n cos(t_j u_n) and sum_n sin(t_j u_n), differentiable in u.

    u: (K, V, N), float32 or float64. Returns (K, V, 2, J) with J = `knots` and t_j = j * spacing,
    or (j + 1/2) * spacing if `half`. If there are more than 64 knots, the sums are computed in
    float64. Inside torch.func's transforms, in forward mode and for second derivatives, the sums
    use torch's own operators. These operators need memory for K V N J numbers.

    Raises
    ------
    InputError
        `backend` is not in BACKENDS, or does not support this input.
    """
    wide = knots > _TESTED_KNOTS and u.dtype != torch.float64
    not_checked_below = backend != "auto" and (wide or transformed(u))
    if not_checked_below and not torch.compiler.is_compiling():  # the check cannot be traced
        choose_backend(u, backend)
    if wide:
        exact = trigonometric_sums(u.double(), spacing=spacing, knots=knots, half=half)
        return exact.to(u.dtype)
    if transformed(u):
        return _by_torch(u, spacing, knots, half)
    sums: Tensor = _forward(u, spacing, knots, half, backend)
    return sums


def transformed(x: Tensor) -> bool:
    """Return whether torch.func or forward mode differentiates `x`. Our operators have no rule for
    that."""
    if torch.compiler.is_compiling():
        return False
    if inside_transform():
        return True
    return bool(forward_ad._current_level >= 0 and forward_ad.unpack_dual(x).tangent is not None)


def inside_transform() -> bool:
    """Return whether a transform of torch.func is running."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def _by_torch(u: Tensor, spacing: float, knots: int, half: bool) -> Tensor:
    """Return the sums, computed by operators that torch can differentiate in any mode and to any
    order."""
    angle = u.unsqueeze(-1) * _knots(u, spacing, knots, half)
    return torch.stack([angle.cos().sum(2), angle.sin().sum(2)], 2)


def _knots(u: Tensor, spacing: float, knots: int, half: bool) -> Tensor:
    return (torch.arange(knots, dtype=u.dtype, device=u.device) + (0.5 if half else 0.0)) * spacing


def choose_backend(u: Tensor, backend: str = "auto") -> str:
    """Return which of plain, cpu and triton computes u (K, V, N).

    Raises
    ------
    InputError
        `backend` is not in BACKENDS, or does not support this input.
    """
    single = u.dtype == torch.float32
    if backend == "auto":
        if single and u.device.type == "cpu" and cpu.available():
            return "cpu"
        if single and u.device.type == "cuda" and _triton_works(u.device):
            return "triton"
        return "plain"
    if backend not in BACKENDS:
        raise InputError(f"no backend {backend!r}; there are {', '.join(BACKENDS)}")
    if backend == "cpu" and not (single and u.device.type == "cpu" and cpu.available()):
        raise InputError(f"backend 'cpu' needs a C compiler and float32 on a CPU, not {u.dtype}")
    on_gpu = u.device.type == "cuda"
    if backend == "triton" and not (single and on_gpu and importlib.util.find_spec("triton")):
        raise InputError(
            f"backend 'triton' needs Triton and float32 on CUDA, not {u.dtype} on {u.device.type}"
        )
    return backend


@functools.cache
def _triton_works(device: torch.device) -> bool:
    """Return whether Triton computes a test sum correctly. It needs a C compiler and a GPU that it
    supports."""
    if importlib.util.find_spec("triton") is None:
        return False
    try:
        sums = _triton().forward(torch.zeros((1, 1, 4), device=device), 1.0, 2, False)
    except Exception as error:  # for any error, plain torch is used instead
        _log.warning("SIGReg runs in plain torch, as Triton fails: %s", error)
        return False
    return bool(sums.flatten().tolist() == [4, 4, 0, 0])


def _triton() -> Any:
    return importlib.import_module(f"{__name__}.triton")


def _module(u: Tensor, backend: str) -> Any:
    chosen = choose_backend(u, backend)
    if chosen == "triton":
        return _triton()
    return cpu if chosen == "cpu" else plain


@torch.library.custom_op("shiomi_lejepa::trigonometric_sums", mutates_args=())
def _forward(u: Tensor, spacing: float, knots: int, half: bool, backend: str) -> Tensor:
    sums: Tensor = _module(u, backend).forward(u, spacing, knots, half)
    return sums


@torch.library.custom_op("shiomi_lejepa::trigonometric_sums_backward", mutates_args=())
def _backward(u: Tensor, weights: Tensor, spacing: float, half: bool, backend: str) -> Tensor:
    gradient: Tensor = _module(u, backend).backward(u, weights, spacing, half)
    return gradient


@_forward.register_fake
def _(u: Tensor, _spacing: float, knots: int, _half: bool, _backend: str) -> Tensor:
    return u.new_empty((u.shape[0], u.shape[1], 2, knots))


@_backward.register_fake
def _(u: Tensor, _weights: Tensor, _spacing: float, _half: bool, _backend: str) -> Tensor:
    return torch.empty_like(u, memory_format=torch.contiguous_format)


def _save(ctx: Any, inputs: Any, output: Tensor) -> None:  # noqa: ARG001
    u, ctx.spacing, _, ctx.half, ctx.backend = inputs
    ctx.save_for_backward(u)


def _gradient(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
    (u,) = ctx.saved_tensors
    if torch.is_grad_enabled():  # create_graph: the gradient itself will be differentiated
        t = _knots(u, ctx.spacing, grad.shape[-1], ctx.half)
        angle = u.unsqueeze(-1) * t
        of_cosine, of_sine = (grad * t).unsqueeze(2).unbind(3)
        second: Tensor = (of_sine * angle.cos() - of_cosine * angle.sin()).sum(-1)
        return second, None, None, None, None
    gradient = _backward(u, grad.contiguous(), ctx.spacing, ctx.half, ctx.backend)
    return gradient, None, None, None, None


_forward.register_autograd(_gradient, setup_context=_save)
