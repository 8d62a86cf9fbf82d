"""SIGReg: sketched isotropic Gaussian regularisation (arXiv 2511.08544, Algorithm 1).

The distribution of embeddings is N(0, I) if and only if its projection on every direction is N(0,
1) (Cramér and Wold 1936). In each step, random directions are drawn, and a univariate statistic
measures how far the projections are from N(0, 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

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
    value, bad, samples, _ = joined(
        as_views(x, group),
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
        self.options: dict[str, Any] = {
            "slices": slices,
            "statistic": statistic,
            "multiplier": multiplier,
            "seed": seed,
            "group": group,
            "check": check,
        }

    def forward(self, x: Tensor, *, step: int | Tensor) -> Tensor:
        """Return `sigreg` of x (N, D) or (V, N, D)."""
        return sigreg(x, step=step, **self.options)

    def extra_repr(self) -> str:
        """Return the options, for print(module)."""
        return ", ".join(f"{name}={value!r}" for name, value in self.options.items())


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
    flatten: bool = False,
    also: Sequence[Tensor] = (),
    step: int | Tensor,
    slices: int,
    statistic: Statistic,
    multiplier: Multiplier | None,
    seed: int,
    group: ProcessGroup | None,
) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
    """Return SIGReg of the joined batch of all ranks, and three sums over ranks: the number of NaN
    or infinite embeddings in each view (V,), the number of samples, and the tensors in `also`.

    views: (V, N, D) float32 or float64. `flatten`: treat them as one view of V N samples.
    """
    check_multiplier(multiplier)
    multiplier = default_multiplier(statistic) if multiplier is None else multiplier
    pooled = views.reshape(1, -1, views.shape[2]) if flatten else views
    samples = views.new_full((), views.shape[1])
    alone = rank_count(group) == 1

    def factor(count: float | Tensor) -> float | Tensor:
        return count * (views.shape[0] if flatten else 1) if multiplier == "samples" else multiplier

    if isinstance(statistic, EppsPulley):
        if statistic.unbiased and pooled.shape[1] == 1 and alone:
            raise InputError("one sample has no unbiased statistic; give 2 or more")
        if alone and statistic.fused(pooled):
            drawn = directions(views.shape[2], slices, step=step, seed=seed)
            value = statistic.of_slices(pooled, drawn, float(factor(views.shape[1])))
            # One NaN or infinity makes the value NaN.
            finite = math.isfinite(value.item())
            bad = views.new_zeros(views.shape[0]) if finite else count_nonfinite(views)
            return value, bad, samples, tuple(also)
    sums = (count_nonfinite(views), samples, *also)
    with torch.autocast(views.device.type, enabled=False):
        drawn = directions(
            views.shape[2], slices, step=step, seed=seed, device=views.device, dtype=views.dtype
        )
        if not isinstance(statistic, EppsPulley):
            pooled = gather_over_ranks(pooled, group)
        if isinstance(statistic, Regulariser):
            bad, samples, *summed = sum_over_ranks(sums, group)
            value = torch.stack([statistic(view, drawn) for view in pooled])
            return value.mean() * factor(samples), bad, samples, tuple(summed)
        # (K, D) @ (D, V N), so that the samples of a slice are contiguous.
        u = product(drawn.T, pooled.reshape(-1, views.shape[2]).T).view(slices, *pooled.shape[:2])
        if isinstance(statistic, EppsPulley):
            of_knots, bad, samples, *summed = sum_over_ranks((statistic.sums(u), *sums), group)
            count = samples * views.shape[0] if flatten else samples
            value = statistic.from_sums(of_knots, count)
        else:
            bad, samples, *summed = sum_over_ranks(sums, group)
            value = torch.stack([statistic(u[:, view].T) for view in range(pooled.shape[0])])
        return value.mean() * factor(samples), bad, samples, tuple(summed)
