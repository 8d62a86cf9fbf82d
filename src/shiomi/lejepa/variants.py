"""The variants of LeJEPA in the paper and in five implementations, and how to convert λ between
them.

The variants differ in the knots, in the factor N, in whether views are pooled, in the centre of the
prediction, and in how the two losses are mixed. So the meaning of a λ depends on the variant.
`convert_lam` converts a λ so that SIGReg has the same relative strength in another variant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from shiomi.lejepa.arguments import check_whole, is_number
from shiomi.lejepa.epps_pulley import EppsPulley
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.regularisers import SlicedMMD, SteinIMQ, VISReg, WeakSIGReg
from shiomi.lejepa.sigreg import (
    REFERENCE_SAMPLES,
    Multiplier,
    Statistic,
    check_multiplier,
    default_multiplier,
)

__all__ = ["VARIANTS", "Variant", "convert_lam", "named_variant"]


@dataclass(frozen=True)
class Variant:
    """The options that define what `lejepa_loss` computes.

    Parameters
    ----------
    statistic, multiplier, slices
        As for `sigreg`.
    flatten
        True: SIGReg treats all views as one batch of V N samples. False: it treats each view
        separately.
    centre
        The target of an embedding. "global": the mean of the sample's global views (Algorithm 2).
        "all": the mean of all views of the sample. "pair": the sample's other view, if there are
        two views.
    mix
        "convex": (1 - lam) prediction + lam sigreg; "additive": prediction + lam sigreg.
    lam
        The default λ of the variant.
    """

    statistic: Statistic = EppsPulley()  # noqa: RUF009 - frozen
    multiplier: Multiplier | None = None
    slices: int = 1024
    flatten: bool = False
    centre: Literal["global", "all", "pair"] = "global"
    mix: Literal["convex", "additive"] = "convex"
    lam: float = 0.05

    def __post_init__(self) -> None:
        """Raise InputError if an option is unknown or out of range."""
        check_multiplier(self.multiplier)
        check_whole("slices", self.slices, least=1)
        if not isinstance(self.flatten, bool):
            raise InputError(f"flatten must be True or False, got {self.flatten!r}")
        if self.centre not in ("global", "all", "pair"):
            raise InputError(f"centre must be global, all or pair, got {self.centre!r}")
        if self.mix not in ("convex", "additive"):
            raise InputError(f"mix must be convex or additive, got {self.mix!r}")
        check_lam(self.lam, self)


def check_lam(lam: object, variant: Variant) -> None:
    """Raise InputError if λ is out of range."""
    if not (
        is_number(lam)
        and 0 <= lam < math.inf  # type: ignore[operator] # it is a number
        and (lam <= 1 or variant.mix == "additive")  # type: ignore[operator]
    ):
        allowed = "from 0 to 1" if variant.mix == "convex" else "0 or more"
        raise InputError(f"λ = {lam!r}: give a number {allowed}")


VARIANTS = {
    "default": Variant(),
    "paper": Variant(statistic=EppsPulley(domain=(-5.0, 5.0))),
    "lightly": Variant(),
    "minimal": Variant(slices=256, centre="all", lam=0.02),
    "stable-pretraining": Variant(flatten=True, mix="additive", lam=0.02),
    "eb-jepa": Variant(
        statistic=EppsPulley(knots=10, domain=(-3.0, 3.0)),
        multiplier=1.0,
        slices=256,
        centre="pair",
        mix="additive",
        lam=10.0,
    ),
    # Here the effect of λ does not depend on the batch size, the number of ranks and the number of
    # views. At 256 samples it is the same as in the default variant.
    "unbiased": Variant(statistic=EppsPulley(unbiased=True)),
    # Methods other than LeJEPA: see `shiomi.lejepa.regularisers`.
    "visreg": Variant(statistic=VISReg(), slices=4096, lam=0.9),
    "kerjepa-mmd": Variant(statistic=SlicedMMD(), multiplier=float(REFERENCE_SAMPLES), slices=1),
    "kerjepa-ksd": Variant(statistic=SteinIMQ(), slices=1),
    "weak-sigreg": Variant(statistic=WeakSIGReg(), slices=64),
}


def named_variant(variant: str | Variant) -> Variant:
    """Return the variant of that name.

    Raises
    ------
    InputError
        There is no such variant.
    """
    if isinstance(variant, Variant):
        return variant
    try:
        return VARIANTS[variant]
    except KeyError:
        raise InputError(f"no variant {variant!r}; there are {', '.join(VARIANTS)}") from None


def convert_lam(
    lam: float,
    source: str | Variant,
    target: str | Variant,
    *,
    samples: int,
    views: int,
    global_views: int,
) -> float:
    """Return the λ that gives SIGReg in `target` the weight that `lam` gives it in `source`.

    The conversion keeps the ratio of two norms: the norm of SIGReg's gradient and the norm of the
    prediction's gradient. There are `samples` samples over all ranks, each with `views` views, of
    which the first `global_views` are global. The factors of SIGReg are exact if all views have the
    same distribution near N(0, I). The factors of the prediction are exact if each view is the
    sample's mean plus independent noise of the same size.

    Raises
    ------
    InputError
        A statistic is not EppsPulley, λ is outside its range, λ = 1 cannot be converted to an
        additive variant, or `samples`, `views` or `global_views` is below 1.
    """
    check_whole("samples", samples, least=1)
    check_whole("views", views, least=1)
    check_whole("global_views", global_views, least=1)
    if global_views > views:
        raise InputError(f"{global_views} of {views} views are global; give {views} or fewer")
    one, other = named_variant(source), named_variant(target)
    check_lam(lam, one)
    if one.mix == "convex" and lam == 1:
        weight = math.inf
    else:
        weight = lam / (1 - lam) if one.mix == "convex" else lam
    pull = [
        _sigreg_pull(v, samples, views) / _prediction_pull(v, views, global_views)
        for v in (one, other)
    ]
    weight *= pull[0] / pull[1]
    if other.mix == "additive":
        if math.isinf(weight):
            raise InputError("λ = 1 leaves no prediction; no additive λ does")
        return weight
    return 1.0 if math.isinf(weight) else weight / (1 + weight)


def _sigreg_pull(variant: Variant, samples: int, views: int) -> float:
    """Return the norm of SIGReg's gradient, up to a factor that is the same for all variants."""
    statistic = variant.statistic
    if not isinstance(statistic, EppsPulley):
        raise InputError("λ is converted between Epps-Pulley statistics only; tune it for others")
    # Near N(0, 1), phi_X - phi = -(s^2 - 1) t^2/2 phi, where s is the standard deviation. So the
    # statistic is proportional to int t^4 phi^2 w.
    curvature = sum(
        w * t**4 * math.exp(-t * t)
        for t, w in zip(statistic.points, statistic.weights, strict=True)
    )
    multiplier = variant.multiplier or default_multiplier(statistic)
    pooled = samples * (views if variant.flatten else 1)
    return curvature * (pooled if multiplier == "samples" else multiplier)


def _prediction_pull(variant: Variant, views: int, global_views: int) -> float:
    """Return the norm of the prediction's gradient, in units of 2 noise / (V sqrt(N D))."""
    if variant.centre == "pair":
        if views != 2:
            raise InputError(f"the centre 'pair' is of 2 views, not {views}")
        return 4.0
    if variant.centre == "all":
        return math.sqrt(views - 1)
    g, local = global_views, views - global_views
    of_local = local * (1 + 1 / g)
    of_global = g * (1 - 1 / g) + (local / g) ** 2 * g * ((1 / local if local else 0) + 1 / g)
    return math.sqrt(of_local + of_global)
