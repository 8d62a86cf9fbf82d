"""Measure how close an embedding is to a normal distribution along random directions. The purpose
of SIGReg is to make the embedding normal."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shiomi.lejepa.epps_pulley import EppsPulley

__all__ = ["Direction", "Normality", "normality"]

_DIRECTIONS = 512
_BLOCK = 32  # directions projected at once
_QUANTILES = 61


@dataclass(frozen=True, slots=True)
class Direction:
    """The embedding along one direction."""

    statistic: float  # N times the biased Epps-Pulley statistic
    values: tuple[float, ...]  # N projections
    quantiles: tuple[
        tuple[float, float], ...
    ]  # pairs: a quantile of N(0, 1), and the same quantile of the projections


@dataclass(frozen=True, slots=True)
class Normality:
    """The statistic over many directions, and three of the directions in detail."""

    samples: int
    floor: float
    """The mean statistic of exactly normal samples."""
    mean: float
    most: Direction
    median: Direction
    least: Direction


def normality(z: Tensor, *, directions: int = _DIRECTIONS, seed: int = 0) -> Normality:
    """Measure how close rows (N, D) are to N(0, I) along `directions` random directions.

    The rows are neither centred nor scaled.
    """
    z = z.detach().float().cpu()
    test = EppsPulley()
    generator = torch.Generator().manual_seed(seed)
    axes = torch.randn(z.shape[1], directions, generator=generator)
    axes = axes / axes.norm(dim=0)
    found = torch.cat([test(z @ part) for part in axes.split(_BLOCK, dim=1)]) * len(z)
    order = found.argsort()
    picked = (order[0], order[len(order) // 2], order[-1])
    most, median, least = (_direction(z @ axes[:, at], found[at].item()) for at in picked)
    return Normality(len(z), test.floor, found.mean().item(), most, median, least)


def _direction(values: Tensor, statistic: float) -> Direction:
    n = len(values)
    shares = torch.linspace(0.5 / n, 1 - 0.5 / n, min(_QUANTILES, n), dtype=torch.float64)
    normal = torch.special.ndtri(shares)
    own = torch.quantile(values.double(), shares)
    pairs = zip(normal.tolist(), own.tolist(), strict=True)
    return Direction(statistic, tuple(values.tolist()), tuple(pairs))
