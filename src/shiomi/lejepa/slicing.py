"""Draw the directions on which SIGReg projects the embeddings: new at each step, equal on all
ranks.

LeJEPA's Algorithm 1 seeds a generator with the global step. But a generator has a state, differs
between CPU and CUDA, and cannot be traced by torch.compile. Here each number depends only on (seed,
step, slice, dimension), so that every rank, device and restart draws the same directions.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor

from shiomi.lejepa.arguments import check_whole
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.kernels import cpu, inside_transform

__all__ = ["directions"]

# SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"), with its
# unsigned constants as the signed integers that torch's int64 wraps to.
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_2 = 0x94D049BB133111EB - (1 << 64)

_Number = TypeVar("_Number", int, Tensor)


def directions(
    dim: int,
    slices: int,
    *,
    step: int | Tensor,
    seed: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return `slices` directions drawn uniformly from the unit sphere, as columns: (dim, slices).

    The same random bits are drawn on every device, but logarithms and sines of different devices
    differ in the last digit.

    Parameters
    ----------
    step
        The global step. It may be a tensor with one integer, which is read on its own device, so
        that a compiled step neither recompiles nor waits for the host.
    seed
        The seed of the sequence of directions.

    Raises
    ------
    InputError
        `dim` or `slices` is not positive, or a number is not an integer.
    """
    check_whole("dim", dim, least=1)
    check_whole("slices", slices, least=1)
    check_whole("seed", seed)
    if not isinstance(step, Tensor):
        check_whole("step", step)
    elif step.numel() != 1 or step.is_floating_point() or step.dtype == torch.bool:
        shape = tuple(step.shape)
        raise InputError(f"step must be one integer, got a tensor {shape} of {step.dtype}")
    device = torch.device(device)
    if isinstance(step, int) and _by_kernel(device, dtype):
        return cpu.directions(_mix(_mix(int(seed)) + step), dim, slices).T
    # int64 products overflow in the same way on CPU and CUDA, so both draw the same numbers. For
    # other devices the numbers are drawn on the CPU and copied.
    drawn_on = device if device.type in ("cpu", "cuda") else torch.device("cpu")
    if isinstance(step, Tensor):
        counter = step.to(device=drawn_on, dtype=torch.int64).reshape(())
    else:
        counter = torch.full((), step, dtype=torch.int64, device=drawn_on)
    rows: Tensor = _rows(counter, seed, dim, slices, dtype == torch.float64)
    return rows.to(device, dtype).T


def _by_kernel(device: torch.device, dtype: torch.dtype) -> bool:
    single = device.type == "cpu" and dtype == torch.float32
    plain = not torch.compiler.is_compiling() and not inside_transform()
    return single and plain and cpu.available()


@torch.library.custom_op("shiomi_lejepa::directions", mutates_args=())
def _rows(step: Tensor, seed: int, dim: int, slices: int, double: bool) -> Tensor:
    if step.device.type == "cpu" and not double and cpu.available():
        # Python integers are used, because with one-element tensors this line would take a tenth of
        # the whole time.
        return cpu.directions(_mix(_mix(seed) + int(step)), dim, slices)
    key = _mix(_mix(torch.full_like(step, seed)) + step)
    return _unit_rows(key, dim, slices, torch.float64 if double else torch.float32)


@_rows.register_fake
def _(step: Tensor, _seed: int, dim: int, slices: int, double: bool) -> Tensor:
    dtype = torch.float64 if double else torch.float32
    return torch.empty((slices, dim), device=step.device, dtype=dtype)


def _unit_rows(key: Tensor, dim: int, slices: int, dtype: torch.dtype) -> Tensor:
    """Return (slices, dim) normal numbers, drawn by Box and Muller, with each row scaled to length
    1."""
    half = (dim + 1) // 2
    slice_ = torch.arange(slices, device=key.device).unsqueeze(1)
    pair = torch.arange(half, device=key.device).unsqueeze(0)
    bits = _mix(key + ((pair << 32) + slice_) * _GOLDEN)  # (slices, half)
    # 24 bits each, so they are exact in float32. The radius is never 0.
    radius = (((bits >> 40) & 0xFFFFFF).to(dtype) + 0.5) * 2.0**-24
    angle = (bits & 0xFFFFFF).to(dtype) * (2.0**-24 * 2 * math.pi)
    radius = (-2 * radius.log()).sqrt()
    normal = torch.cat((radius * angle.cos(), radius * angle.sin()), dim=1)[:, :dim]
    length = torch.linalg.vector_norm(normal, dim=1, keepdim=True)
    rows: Tensor = normal / length
    return rows


def _mix(z: _Number) -> _Number:
    """Apply SplitMix64's finaliser. torch's >> keeps the sign, so masks make the shifts logical."""
    z = _wrapped(z + _GOLDEN)
    z = _wrapped((z ^ ((z >> 30) & 0x3FFFFFFFF)) * _MIX_1)
    z = _wrapped((z ^ ((z >> 27) & 0x1FFFFFFFFF)) * _MIX_2)
    return z ^ ((z >> 31) & 0x1FFFFFFFF)


def _wrapped(z: _Number) -> _Number:
    """Reduce an integer modulo 2^64. Tensors do that by themselves."""
    return z if isinstance(z, Tensor) else z & (1 << 64) - 1
