"""SIGReg: sketched isotropic Gaussian regularisation (arXiv 2511.08544, Algorithm 1).

The distribution of embeddings is N(0, I) if and only if its projection on every direction is N(0,
1) (Cramér and Wold 1936). In each step, random directions are drawn, and a univariate statistic
measures how far the projections are from N(0, 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributed import ProcessGroup

from shiomi.lejepa.arguments import is_number
from shiomi.lejepa.epps_pulley import EppsPulley
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.nonfinite import checked, count_nonfinite
from shiomi.lejepa.products import product
from shiomi.lejepa.ranks import gather_over_ranks, rank_count, sum_over_ranks
from shiomi.lejepa.regularisers import Regulariser
from shiomi.lejepa.slicing import directions

__all__ = ["SIGReg", "Statistic", "sigreg"]

Statistic = EppsPulley | Regulariser | Callable[[Tensor], Tensor]
"""EppsPulley, a function from projections (N, K) to statistics (K,) that are 0 for N(0, 1), or a
Regulariser of the embeddings themselves."""

Multiplier = Literal["samples"] | float
"""The factor of a statistic: N over all ranks, or a number."""

REFERENCE_SAMPLES = 256
"""The N at which the unbiased statistic has the same weight as the biased one."""


def sigreg(
    x: Tensor,
    *,
    step: int | Tensor,
    slices: int = 1024,
    statistic: Statistic = EppsPulley(),  # noqa: B008 - frozen
    multiplier: Multiplier | None = None,
    seed: int = 0,
    group: ProcessGroup | None = None,
    check: bool = True,
) -> Tensor:
    """Return the mean over views and directions of `multiplier` x `statistic`: a scalar.

    It is computed in float32 (float64 for float64), also inside autocast.

    Parameters
    ----------
    x
        Embeddings (N, D), or (V, N, D) for V views, each of which is compared with N(0, I)
        separately. With a process group, this is the rank's own part of the batch; N may differ
        between ranks.
    step
        The global step, the same on every rank: it decides the directions.
    slices
        The number of directions, K.
    multiplier
        The factor of the statistic. "samples": N over all ranks, as in Algorithm 1. A number: this
        factor, where 1 gives the plain statistic. None: N for Epps-Pulley, 256 for its unbiased
        form, 1 for any other statistic.
    seed
        The seed of the sequence of directions.
    group
        The ranks that share one batch. None: all ranks, if torch.distributed is initialised.
    check
        Whether NaN and infinite embeddings raise an error immediately. On CUDA that waits for the
        forward pass; `shiomi.lejepa.nonfinite.PendingCheck` avoids the wait.

    Raises
    ------
    InputError
        x does not have two or three dimensions, is empty or is not floating; the unbiased statistic
        is requested for a single sample; an option is out of range.
    NonFiniteError
        An embedding is NaN or infinite; the text says in which view and how many.
    """
    views = as_views(x, group)
    counts = count_nonfinite(views)
    value, (bad, samples) = joined(
        views,
        also=(counts.to(views.dtype), views.new_full((), views.shape[1])),
        step=step,
        slices=slices,
        statistic=statistic,
        multiplier=multiplier,
        seed=seed,
        group=group,
    )
    return checked(value, bad, samples) if check else value


class SIGReg(nn.Module):
    """`sigreg` as a module that stores the options: `SIGReg(slices=1024)(x, step=step)`.

    It has no parameters and no state, because the directions are a function of the step. The ranks
    are looked up at each call, so the module may be created before `init_process_group`.
    """

    def __init__(
        self,
        *,
        slices: int = 1024,
        statistic: Statistic = EppsPulley(),  # noqa: B008 - frozen
        multiplier: Multiplier | None = None,
        seed: int = 0,
        group: ProcessGroup | None = None,
        check: bool = True,
    ) -> None:
        super().__init__()
        self.slices = slices
        self.statistic = statistic
        self.multiplier = multiplier
        self.seed = seed
        self.group = group
        self.check = check

    def forward(self, x: Tensor, *, step: int | Tensor) -> Tensor:
        """Return `sigreg` of x (N, D) or (V, N, D)."""
        return sigreg(
            x,
            step=step,
            slices=self.slices,
            statistic=self.statistic,
            multiplier=self.multiplier,
            seed=self.seed,
            group=self.group,
            check=self.check,
        )

    def extra_repr(self) -> str:
        """Return the options, for print(module)."""
        return f"slices={self.slices}, statistic={self.statistic}, multiplier={self.multiplier!r}"


def as_views(x: Tensor, group: ProcessGroup | None = None) -> Tensor:
    """Return embeddings (N, D) or (V, N, D) as (V, N, D) in float32 or float64.

    A rank may have no samples if another rank of `group` has some. A single process needs samples.
    """
    if x.dim() not in (2, 3) or not x.is_floating_point():
        raise InputError(
            f"embeddings of shape {tuple(x.shape)}, {x.dtype}: give floating (N, D) or (V, N, D)"
        )
    views = x if x.dim() == 3 else x.unsqueeze(0)
    if 0 in (views.shape[0], views.shape[2]) or (views.shape[1] == 0 and rank_count(group) == 1):
        raise InputError(f"embeddings of shape {tuple(x.shape)} are empty; give at least one")
    return views if views.dtype == torch.float64 else views.float()


def default_multiplier(statistic: Statistic) -> Multiplier:
    """Return the default multiplier of `statistic`."""
    if not isinstance(statistic, EppsPulley):
        return 1.0
    return float(REFERENCE_SAMPLES) if statistic.unbiased else "samples"


def check_multiplier(multiplier: object) -> None:
    """Raise InputError unless `multiplier` is None, "samples" or a finite number above 0."""
    if multiplier is None or (isinstance(multiplier, str) and multiplier == "samples"):
        return
    if not (is_number(multiplier) and 0 < multiplier < math.inf):  # type: ignore[operator]
        raise InputError(f'multiplier {multiplier!r}: give "samples" or a finite number above 0')


def joined(
    views: Tensor,
    *,
    also: Sequence[Tensor],
    step: int | Tensor,
    slices: int,
    statistic: Statistic,
    multiplier: Multiplier | None,
    seed: int,
    group: ProcessGroup | None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return SIGReg of the joined batch of all ranks, and the tensors in `also` summed over ranks.

    views: (V, N, D) float32 or float64. The last of `also` is this rank's N.
    """
    check_multiplier(multiplier)
    multiplier = default_multiplier(statistic) if multiplier is None else multiplier
    if not isinstance(statistic, EppsPulley):
        views = gather_over_ranks(views, group)
    elif statistic.unbiased and views.shape[1] == 1 and rank_count(group) == 1:
        raise InputError("one sample has no unbiased statistic; give 2 or more")
    with torch.autocast(views.device.type, enabled=False):
        drawn = directions(
            views.shape[2], slices, step=step, seed=seed, device=views.device, dtype=views.dtype
        )
        if isinstance(statistic, Regulariser):
            summed = list(sum_over_ranks(also, group))
            value = torch.stack([statistic(view, drawn) for view in views])
            factor = summed[-1] if multiplier == "samples" else multiplier
            return value.mean() * factor, tuple(summed)
        if isinstance(statistic, EppsPulley) and statistic.fused(views) and rank_count(group) == 1:
            of = float(views.shape[1]) if multiplier == "samples" else multiplier
            return statistic.of_slices(views, drawn, of), tuple(also)
        # (K, D) @ (D, V N), so that the samples of a slice are contiguous.
        u = product(drawn.T, views.reshape(-1, views.shape[2]).T).view(slices, *views.shape[:2])
        if isinstance(statistic, EppsPulley):
            sums, *summed = sum_over_ranks((statistic.sums(u), *also), group)
            value = statistic.from_sums(sums, summed[-1])
        else:
            summed = list(sum_over_ranks(also, group))
            value = torch.stack([statistic(u[:, view].T) for view in range(views.shape[0])])
        factor = summed[-1] if multiplier == "samples" else multiplier
        return value.mean() * factor, tuple(summed)
