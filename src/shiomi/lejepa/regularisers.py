"""Regularisers that can replace SIGReg's univariate statistic of projections.

| class | source | what it compares |
|---|---|---|
| `VISReg` | arXiv 2606.02572, equations 1, 2, 5 and 6 | mean, scale and shape, each by itself |
| `SlicedMMD` | KerJEPA, arXiv 2512.19605, theorem 7 | SIGReg with infinitely many directions |
| `SteinIMQ` | KerJEPA, its kernel Stein discrepancy | scores of N(0, I), inverse multiquadric |
| `WeakSIGReg` | arXiv 2603.05924 | the covariance of a sketch |

Each class takes the embeddings of one view (N, D) and directions (D, K), and returns a scalar. With
a process group, the embeddings of all ranks are gathered first.
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shiomi.lejepa.arguments import check_number
from shiomi.lejepa.errors import InputError

__all__ = ["Regulariser", "SlicedMMD", "SteinIMQ", "VISReg", "WeakSIGReg"]


class Regulariser(ABC):
    """A function of embeddings (N, D) and directions (D, K)."""

    @abstractmethod
    def __call__(self, z: Tensor, directions: Tensor) -> Tensor:
        """Return a scalar."""


@dataclass(frozen=True)
class VISReg(Regulariser):
    """centre + scale + shape. Each has weight 1, as in the paper's best ImageNet-1k run.

    To compute shape, the embeddings are standardised, projected and sorted. Shape is the mean
    squared distance of these projections from the quantiles of N(0, 1) at i / (N + 1). The standard
    deviation of the standardisation gets no gradient, so shape does not change the scale.
    """

    centre: float = 1.0
    scale: float = 1.0
    shape: float = 1.0

    def __call__(self, z: Tensor, directions: Tensor) -> Tensor:
        """Return centre, scale and shape losses, weighted and added."""
        mean = z.mean(0)
        # The tiny number keeps the gradient finite if all embeddings collapse to one point.
        std = ((z - mean).square().mean(0) + 1e-12).sqrt()
        centre, scale = mean.square().mean(), (1 - std).square().mean()
        projected = ((z - mean) / (std.detach() + 1e-4)) @ directions
        at = torch.arange(1, len(z) + 1, device=z.device, dtype=z.dtype) / (len(z) + 1)
        shape = (projected.sort(0).values - torch.special.ndtri(at)[:, None]).square().mean()
        total: Tensor = self.centre * centre + self.scale * scale + self.shape * shape
        return total


@dataclass(frozen=True)
class SlicedMMD(Regulariser):
    """The mean of SIGReg's unbiased statistic over all directions, in closed form.

    The result is the squared maximum mean discrepancy from N(0, I). The kernel, 1F1(1/2; D/2;
    -|x - y|^2 / 2), is the mean of e^(-(a (x - y))^2 / 2) over directions a. The discrepancy times
    sqrt(2 pi) is Epps-Pulley's integral over the whole line. The `directions` argument is ignored.
    The cost is N^2 D operations.
    """

    def __call__(self, z: Tensor, directions: Tensor) -> Tensor:  # noqa: ARG002
        """Return the U-statistic, whose mean over draws from N(0, I) is 0."""
        n, dim = z.shape
        if n < 2:
            raise InputError("one sample has no unbiased statistic; give 2 or more")
        squares = torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist").square()
        pairs = (_averaged(squares / 2, dim).sum() - n) / (n * (n - 1))
        cross = _averaged(z.square().sum(1) / 4, dim).mean() / math.sqrt(2)
        return math.sqrt(2 * math.pi) * (pairs - 2 * cross + 1 / math.sqrt(3))


@dataclass(frozen=True)
class SteinIMQ(Regulariser):
    """The kernel Stein discrepancy from N(0, I) with the kernel (1 + gamma |x - y|^2)^(-1/2).

    The `directions` argument is ignored. The cost is N^2 D operations. The bandwidth is our choice,
    not the paper's: gamma None means 1 / (2 D), so that two samples of N(0, I) are about one
    bandwidth apart for every D.
    """

    gamma: float | None = None

    def __post_init__(self) -> None:
        """Raise InputError if gamma is not positive."""
        check_number("gamma", self.gamma, above=0, optional=True)

    def __call__(self, z: Tensor, directions: Tensor) -> Tensor:  # noqa: ARG002
        """Return the U-statistic, whose mean over draws from N(0, I) is 0."""
        n, dim = z.shape
        if n < 2:
            raise InputError("one sample has no unbiased statistic; give 2 or more")
        gamma = 1 / (2 * dim) if self.gamma is None else self.gamma
        products = z @ z.T
        norms = z.square().sum(1)
        squares = (norms[:, None] + norms[None] - 2 * products).clamp(min=0)
        base = 1 + gamma * squares
        kernel = base.rsqrt()
        first = -gamma / 2 * kernel / base  # derivatives with respect to |x - y|^2
        second = -1.5 * gamma * first / base
        stein = products * kernel + 2 * first * (squares - dim) - 4 * squares * second
        return (stein.sum() - stein.diagonal().sum()) / (n * (n - 1))


@dataclass(frozen=True)
class WeakSIGReg(Regulariser):
    """The Frobenius norm of a sketch's covariance minus I.

    If D > K, the sketch is the projection of the embeddings on K directions, else the embeddings
    themselves. The authors draw Gaussian directions of length about 1; ours have length exactly 1.
    """

    def __call__(self, z: Tensor, directions: Tensor) -> Tensor:
        """Return |cov - I|."""
        sketch = z @ directions if z.shape[1] > directions.shape[1] else z
        centred = sketch - sketch.mean(0)
        covariance = centred.T @ centred / max(1, len(z) - 1)
        eye = torch.eye(len(covariance), device=z.device, dtype=z.dtype)
        norm: Tensor = torch.linalg.matrix_norm(covariance - eye)
        return norm


def _averaged(s: Tensor, dim: int) -> Tensor:
    """Return the mean of exp(-s a_1^2) over unit vectors a of `dim` dimensions: 1F1(1/2; D/2; -s).

    It is computed by a Gaussian quadrature with 24 nodes in a_1. The function is even, so 12 terms
    are enough.
    """
    if dim == 1:
        return torch.exp(-s)
    nodes, weights = _gegenbauer(dim)
    total = torch.zeros_like(s)
    for node, weight in zip(nodes, weights, strict=True):
        total = total + weight * torch.exp(-s * node)
    return total


@functools.cache
def _gegenbauer(dim: int, count: int = 24) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the squared positive nodes and the weights for (1 - t^2)^((dim - 3) / 2).

    They are computed from the eigenvalues of the Jacobi matrix (Golub and Welsch 1969). The weights
    add up to 1.
    """
    lam = (dim - 2) / 2
    k = np.arange(2, count, dtype=np.float64)
    beta = np.concatenate(
        [[1 / (2 * (1 + lam))], k * (k + 2 * lam - 1) / (4 * (k + lam) * (k + lam - 1))]
    )
    values, vectors = np.linalg.eigh(np.diag(np.sqrt(beta), 1) + np.diag(np.sqrt(beta), -1))
    positive = values > 0
    weights = 2 * vectors[0, positive] ** 2
    return tuple((values[positive] ** 2).tolist()), tuple(weights.tolist())
