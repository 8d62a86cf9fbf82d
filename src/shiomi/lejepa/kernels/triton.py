"""The kernels in Triton, for float32 on CUDA.

One program handles one slice of one view, or a piece of a slice. It keeps the samples in registers
during the recurrence, so each sample is read and written only once. The sums of the pieces are then
added in a fixed order, so that a run is repeatable bit for bit.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["backward", "forward"]

# Samples per program. 512 samples are 16 per thread, which takes 120 registers on sm_90. With 1024
# samples the registers would spill.
_MOST_SAMPLES = 512


def forward(u: Tensor, spacing: float, knots: int, half: bool) -> Tensor:
    """Return the same sums as `plain.forward`."""
    u = u.contiguous()
    if not u.numel():
        return u.new_zeros((u.shape[0], u.shape[1], 2, knots))
    rows, samples = u.shape[0] * u.shape[1], u.shape[2]
    block, pieces = _pieces(samples)
    sums = u.new_empty((pieces, rows, 2, knots))
    with torch.cuda.device_of(u):
        _forward_kernel[(rows, pieces)](
            u, sums, samples, spacing / 2 if half else spacing,
            KNOTS=knots, HALF=half, BLOCK=block, num_warps=1, enable_fp_fusion=True,
        )  # fmt: skip
    return sums.sum(0).view(u.shape[0], u.shape[1], 2, knots)


def backward(u: Tensor, weights: Tensor, spacing: float, half: bool) -> Tensor:
    """Return the same derivative as `plain.backward`."""
    u = u.contiguous()
    if not u.numel():
        return torch.empty_like(u)
    knots = weights.shape[-1]
    multiple = torch.arange(knots, dtype=u.dtype, device=u.device) + (0.5 if half else 0.0)
    weights = (weights * (multiple * spacing)).contiguous()  # the inner derivative t_j
    rows, samples = u.shape[0] * u.shape[1], u.shape[2]
    block, pieces = _pieces(samples)
    result = torch.empty_like(u)
    with torch.cuda.device_of(u):
        _backward_kernel[(rows, pieces)](
            u, weights, result, samples, spacing / 2 if half else spacing,
            KNOTS=knots, HALF=half, BLOCK=block, num_warps=1, enable_fp_fusion=True,
        )  # fmt: skip
    return result


def _pieces(samples: int) -> tuple[int, int]:
    block = min(_MOST_SAMPLES, max(32, triton.next_power_of_2(samples)))
    return block, triton.cdiv(samples, block)


@triton.jit
def _cosine_sine(x):  # type: ignore[no-untyped-def]
    """Return cosine and sine, computed as in trigonometric_sums.c.

    libdevice's functions are not used, because they have a slow path for huge angles.
    """
    k = tl.floor(x * 0.63661977236 + 0.5)
    quadrant = tl.minimum(tl.maximum(k, -1.0e9), 1.0e9).to(tl.int32)
    r = x - k * 1.5703125
    r = r - k * 4.837512969970703e-4
    r = r - k * 7.549789954891882e-8
    r = tl.where(r > 0.8, 0.8, r)  # comparisons with NaN are false, so NaN is kept
    r = tl.where(r < -0.8, -0.8, r)
    z = r * r
    s = r + r * z * (-1.6666654611e-1 + z * (8.3321608736e-3 + z * -1.9515295891e-4))
    c = z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5))
    c = 1.0 - 0.5 * z + c
    odd = (quadrant & 1) == 1
    sine = tl.where(odd, c, s)
    cosine = tl.where(odd, s, c)
    sine = tl.where((quadrant & 2) == 0, sine, -sine)
    cosine = tl.where(((quadrant + 1) & 2) == 0, cosine, -cosine)
    return cosine, sine


@triton.jit  # type: ignore[untyped-decorator]
def _forward_kernel(  # type: ignore[no-untyped-def]
    u, sums, samples, scale,
    KNOTS: tl.constexpr, HALF: tl.constexpr, BLOCK: tl.constexpr,  # noqa: N803
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    piece = tl.program_id(1)
    n = piece * BLOCK + tl.arange(0, BLOCK)
    inside = n < samples
    angle = tl.load(u + row * samples + n, mask=inside, other=0.0) * scale
    cosine, sine = _cosine_sine(angle)
    out = sums + (piece * tl.num_programs(0).to(tl.int64) + row) * 2 * KNOTS
    if HALF:
        twice = 2.0 - 4.0 * sine * sine
        cosine_now = cosine
        sine_now = sine
    else:
        twice = 2.0 * cosine
        cosine_now = tl.full((BLOCK,), 1.0, tl.float32)
        sine_now = tl.full((BLOCK,), 0.0, tl.float32)
    cosine_before = cosine
    sine_before = -sine
    for j in tl.static_range(KNOTS):
        tl.store(out + j, tl.sum(tl.where(inside, cosine_now, 0.0), axis=0))
        tl.store(out + KNOTS + j, tl.sum(tl.where(inside, sine_now, 0.0), axis=0))
        cosine_after = twice * cosine_now - cosine_before
        cosine_before = cosine_now
        cosine_now = cosine_after
        sine_after = twice * sine_now - sine_before
        sine_before = sine_now
        sine_now = sine_after


@triton.jit  # type: ignore[untyped-decorator]
def _backward_kernel(  # type: ignore[no-untyped-def]
    u, weights, result, samples, scale,
    KNOTS: tl.constexpr, HALF: tl.constexpr, BLOCK: tl.constexpr,  # noqa: N803
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = n < samples
    angle = tl.load(u + row * samples + n, mask=inside, other=0.0) * scale
    cosine, sine = _cosine_sine(angle)
    twice = 2.0 - 4.0 * sine * sine if HALF else 2.0 * cosine
    weight = weights + row * 2 * KNOTS
    p0 = tl.zeros((BLOCK,), tl.float32)
    p1 = tl.zeros((BLOCK,), tl.float32)
    q0 = tl.zeros((BLOCK,), tl.float32)
    q1 = tl.zeros((BLOCK,), tl.float32)
    for i in tl.static_range(KNOTS):  # Clenshaw's recurrence, starting at the last knot
        p = twice * p0 + (tl.load(weight + KNOTS - 1 - i) - p1)
        q = twice * q0 + (tl.load(weight + 2 * KNOTS - 1 - i) - q1)
        p1 = p0
        p0 = p
        q1 = q0
        q0 = q
    if HALF:  # noqa: SIM108 - decided when the kernel is compiled
        gradient = cosine * (q0 - q1) - sine * (p0 + p1)
    else:
        gradient = q0 - cosine * q1 - sine * p1
    tl.store(result + row * samples + n, gradient, mask=inside)
