"""The LeJEPA loss (arXiv 2511.08544, Algorithm 2): prediction among views, and SIGReg."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.distributed import ProcessGroup

from shiomi.lejepa.arguments import check_whole
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.nonfinite import checked
from shiomi.lejepa.sigreg import as_views, joined
from shiomi.lejepa.variants import Variant, check_lam, named_variant

__all__ = ["LejepaLoss", "lejepa_loss"]


class LejepaLoss(NamedTuple):
    """The loss of the joined batch of all ranks; each field is a scalar except `nonfinite`."""

    total: Tensor
    prediction: Tensor
    sigreg: Tensor
    nonfinite: Tensor
    """(V,): the number of embeddings with a NaN or infinity in each view, for `PendingCheck`."""
    samples: Tensor
    """N over all ranks."""


def lejepa_loss(
    views: Tensor,
    *,
    global_views: int,
    step: int | Tensor,
    lam: float | None = None,
    variant: str | Variant = "default",
    seed: int = 0,
    group: ProcessGroup | None = None,
    check: bool = True,
) -> LejepaLoss:
    """Return (1 - lam) prediction + lam sigreg of embedded views (V, N, D).

    prediction is the mean over views, samples and dimensions of (centre - embedding)^2, where the
    centre is the mean of the sample's global views. sigreg is the mean of `sigreg` over the views.
    There is no stop-gradient. Everything is computed in float32 (float64 for float64), also inside
    autocast.

    Parameters
    ----------
    views
        Embeddings (V, N, D). Row n of every view belongs to the same sample. With a process group,
        this is the rank's own part of the batch; N may differ between ranks.
    global_views
        The number of global views, which come first among the V views.
    step
        The global step, the same on every rank. With gradient accumulation, use a different number
        for each micro-batch; docs/lejepa/objective.md explains the effect of accumulation.
    lam
        λ; None: the variant's default.
    variant
        A name in `VARIANTS` or a `Variant`.
    seed, group, check
        As for `sigreg`.

    Raises
    ------
    InputError
        The shape is not (V, N, D), `global_views` is not in 1..V, or λ is out of range.
    NonFiniteError
        An embedding is NaN or infinite; the text says in which view and how many.
    """
    chosen = named_variant(variant)
    lam = chosen.lam if lam is None else lam
    check_lam(lam, chosen)
    lam = float(lam)  # a number of numpy cannot be multiplied by a tensor
    if views.dim() != 3:
        raise InputError(f"views of shape {tuple(views.shape)}: give (V, N, D)")
    check_whole("global_views", global_views)
    if not 1 <= global_views <= views.shape[0]:
        raise InputError(f"{global_views} of {views.shape[0]} views are global; give 1 or more")
    views = as_views(views, group)
    squares = _squares(views, global_views, chosen)
    value, bad, samples, (squares,) = joined(
        views,
        flatten=chosen.flatten,
        also=(squares,),
        step=step,
        slices=chosen.slices,
        statistic=chosen.statistic,
        multiplier=chosen.multiplier,
        seed=seed,
        group=group,
    )
    prediction = squares / (samples * (views.shape[0] * views.shape[2]))
    total = (1 - lam if chosen.mix == "convex" else 1) * prediction + lam * value
    if check:
        total = checked(total, bad, samples)
    return LejepaLoss(total, prediction, value, bad.detach(), samples)


def _squares(views: Tensor, global_views: int, variant: Variant) -> Tensor:
    """Return the sum of squared distances from the centre, whose mean is the prediction loss."""
    if variant.centre == "pair":
        if views.shape[0] != 2:
            raise InputError(
                f"the centre 'pair' is of 2 views, not {views.shape[0]}; give 2 global views and no"
                " local ones, or another variant"
            )
        return 2 * (views[0] - views[1]).square().sum()
    seen = views if variant.centre == "all" else views[:global_views]
    return (views - seen.mean(0)).square().sum()
