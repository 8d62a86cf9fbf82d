"""Call the C kernels of trigonometric_sums.c through ctypes, for float32 on the CPU."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import logging
import math

import torch
from torch import Tensor

from shiomi.lejepa.kernels.build import BuildError, load

__all__ = ["MOST_KNOTS", "available", "backward", "directions", "forward", "statistic"]

MOST_KNOTS = 64  # as in the C source
_PER_THREAD = 1 << 16  # elements; for fewer, starting a second thread costs more than it saves
_log = logging.getLogger("shiomi.lejepa")

_pointer, _int, _long, _float = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_float


def available() -> bool:
    """Return whether the kernels are available. The first call builds them."""
    return _library() is not None


def forward(u: Tensor, spacing: float, knots: int, half: bool) -> Tensor:
    """Return the same sums as `plain.forward`."""
    u = u.contiguous()
    sums = u.new_empty((u.shape[0], u.shape[1], 2, knots))
    _kernels().shiomi_forward(
        u.data_ptr(), sums.data_ptr(), *_rows(u), spacing, knots, half, _threads(u.numel())
    )
    return sums


def backward(u: Tensor, weights: Tensor, spacing: float, half: bool) -> Tensor:
    """Return the same derivative as `plain.backward`."""
    u, weights = u.contiguous(), weights.contiguous()
    result = torch.empty_like(u, memory_format=torch.contiguous_format)
    _kernels().shiomi_backward(
        u.data_ptr(), weights.data_ptr(), result.data_ptr(), *_rows(u),
        spacing, weights.shape[-1], half, _threads(u.numel()),
    )  # fmt: skip
    return result


def statistic(
    u: Tensor,
    points: tuple[float, ...],
    weights: tuple[float, ...],
    spacing: float,
    half: bool,
    *,
    unbiased: bool,
    gradient: bool,
) -> float:
    """Return the mean Epps-Pulley statistic of the rows of contiguous u (K, V, N).

    If `gradient`, u is overwritten with the derivative of each row's statistic with respect to its
    samples.
    """
    values = u.new_empty(u.shape[:2])
    mean: float = _kernels().shiomi_statistic(
        u.data_ptr(), values.data_ptr(), *_rows(u), spacing, len(points), half,
        _normal(points), _floats(weights), unbiased, gradient, _threads(u.numel()),
    )  # fmt: skip
    return mean


@functools.cache
def _normal(points: tuple[float, ...]) -> ctypes.Array[ctypes.c_float]:
    """Return the characteristic function of N(0, 1) at `points`."""
    return _floats(tuple(math.exp(-t * t / 2) for t in points))


@functools.cache
def _floats(values: tuple[float, ...]) -> ctypes.Array[ctypes.c_float]:
    return (_float * len(values))(*values)


def directions(key: int, dim: int, slices: int) -> Tensor:
    """Return directions (slices, dim) as `shiomi.lejepa.slicing` defines them for `key`."""
    rows = torch.empty((slices, dim), dtype=torch.float32)
    _kernels().shiomi_directions(
        key & (1 << 64) - 1, rows.data_ptr(), slices, dim, _threads(rows.numel())
    )
    return rows


def _rows(u: Tensor) -> tuple[int, int]:
    return u.shape[0] * u.shape[1], u.shape[2]


def _threads(elements: int) -> int:
    return max(1, min(torch.get_num_threads(), elements // _PER_THREAD))


def _kernels() -> ctypes.CDLL:
    library = _library()
    if library is None:
        raise RuntimeError("the C kernels could not be built; ask available() first")
    return library


@functools.cache
def _library() -> ctypes.CDLL | None:
    """Return the kernels, which are built at first use. If that fails, warn once and return
    None."""
    try:
        library = _declared(load("trigonometric_sums.c"))
        if not _right(library):
            raise BuildError("the compiled trigonometric_sums.c gives wrong results")
    except BuildError as error:
        _log.warning("SIGReg runs in plain torch, some three times slower: %s", error)
        return None
    return library


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    library.shiomi_forward.argtypes = [
        _pointer, _pointer, _long, _long, _float, _int, _int, _int,
    ]  # fmt: skip
    library.shiomi_backward.argtypes = [
        _pointer, _pointer, _pointer, _long, _long, _float, _int, _int, _int,
    ]  # fmt: skip
    library.shiomi_statistic.argtypes = [
        _pointer, _pointer, _long, _long, _float, _int, _int, _pointer, _pointer, _int, _int, _int,
    ]  # fmt: skip
    library.shiomi_directions.argtypes = [ctypes.c_uint64, _pointer, _long, _long, _int]
    library.shiomi_use_openmp.argtypes = [_pointer]
    for name in ("forward", "backward", "directions", "use_openmp"):
        getattr(library, f"shiomi_{name}").restype = None
    library.shiomi_statistic.restype = ctypes.c_double
    library.shiomi_use_openmp(_openmp())
    return library


def _openmp() -> int | None:
    """Return the address of GOMP_parallel, if torch has loaded the OpenMP runtime of GNU."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        return ctypes.cast(ctypes.CDLL(None).GOMP_parallel, _pointer).value
    return None


def _right(library: ctypes.CDLL) -> bool:
    """Return whether the kernel's sums of one row agree with the C library's cosines and sines."""
    u = [0.37 * n - 9 for n in range(45)]
    given = (_float * 45)(*u)
    sums = (_float * 6)()
    library.shiomi_forward(given, sums, 1, 45, 0.5, 3, 0, 1)
    wanted = [sum(f(j * 0.5 * x) for x in u) for f in (math.cos, math.sin) for j in range(3)]
    return all(abs(a - b) < 1e-3 for a, b in zip(sums, wanted, strict=True))
