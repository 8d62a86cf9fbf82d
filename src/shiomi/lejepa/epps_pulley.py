"""The Epps-Pulley statistic: the distance of an empirical characteristic function from the
characteristic function of a normal distribution.

    T = int |phi_N(t) - e^(-t^2/2)|^2 e^(-t^2/2) dt,     phi_N(t) = 1/N sum_n e^(i t u_n)

The integral is computed by the trapezoidal rule at equally spaced knots (Epps and Pulley 1983;
LeJEPA, arXiv 2511.08544, Algorithm 1). |.|^2 is even in t, so only the knots t >= 0 are computed,
with doubled weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from shiomi.lejepa.arguments import check_whole
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.kernels import cpu, transformed, trigonometric_sums
from shiomi.lejepa.products import product

__all__ = ["EppsPulley"]


@dataclass(frozen=True)
class EppsPulley:
    """The statistic with its knots.

    Parameters
    ----------
    knots
        The number of knots of the trapezoidal rule on `domain`, at least 2.
    domain
        (0, b): the half line, with the integral doubled. (-b, b): the whole line. The sums are
        periodic in u with period 2 pi / spacing. So a shift of all samples by one period does not
        change the statistic. With 17 knots, the period is 33.5 for (0, 3) and 10.05 for (-5, 5).
    unbiased
        False: the plug-in statistic of Algorithm 1 (a V-statistic). For samples from N(0, 1) its
        mean is `floor` / N, not 0. True: the U-statistic. At every N, its mean is int |phi_X -
        phi|^2 e^(-t^2/2) dt.

    Raises
    ------
    InputError
        Fewer than 2 knots, or a domain that is neither (0, b) nor (-b, b).
    """

    knots: int = 17
    domain: tuple[float, float] = (0.0, 3.0)
    unbiased: bool = False
    spacing: float = field(init=False, repr=False, compare=False)
    """Distance between neighbouring knots."""
    half: bool = field(init=False, repr=False, compare=False)
    """Whether the knots are at odd multiples of spacing / 2, so that no knot is at 0."""
    points: tuple[float, ...] = field(init=False, repr=False, compare=False)
    """The J knots t >= 0, ascending."""
    weights: tuple[float, ...] = field(init=False, repr=False, compare=False)
    """Trapezoidal weights of `points` times the window e^(-t^2/2), doubled to account for t < 0."""

    def __post_init__(self) -> None:
        low, high = self.domain
        check_whole("knots", self.knots, least=2)
        if not (math.isfinite(high) and high > 0 and low in (0, -high)):
            raise InputError(f"domain {self.domain}: give (0, b) or (-b, b) with b > 0")
        # Computed here and not at first use, because torch.compile cannot trace a cached property.
        spacing = (high - low) / (self.knots - 1)
        half = low < 0 and self.knots % 2 == 0
        count = self.knots if low == 0 else (self.knots + 1) // 2
        points = tuple((j + half / 2) * spacing for j in range(count))
        weights = tuple(
            spacing * (2 if t > 0 and j < count - 1 else 1) * math.exp(-t * t / 2)
            for j, t in enumerate(points)
        )
        derived = {"spacing": spacing, "half": half, "points": points, "weights": weights}
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def floor(self) -> float:
        """N times the mean of the biased statistic over draws from N(0, 1). It is the same at every
        N.

        It follows from E|phi_N - phi|^2 = (1 - phi^2)/N. With the default knots it is 1.0525.
        """
        return sum(
            w * (1 - math.exp(-t * t)) for t, w in zip(self.points, self.weights, strict=True)
        )

    def sums(self, u: Tensor) -> Tensor:
        """Return the sums (K, V, 2, J) over the samples of u (K, V, N). Sums of several ranks can
        be added."""
        return trigonometric_sums(u, spacing=self.spacing, knots=len(self.points), half=self.half)

    def from_sums(self, sums: Tensor, samples: Tensor | int) -> Tensor:
        """Return the statistic (K, V) from `sums` (K, V, 2, J) over `samples` samples."""
        rule = torch.tensor((self.points, self.weights), dtype=sums.dtype)
        # A non-blocking copy, so that the host does not wait for the GPU.
        points, weights = rule.to(sums.device, non_blocking=True).unbind()
        phi = torch.exp(-points.square() / 2)
        cosine, sine = (sums / samples).unbind(2)
        if self.unbiased:
            # |phi_N|^2 without the N terms in which a sample is paired with itself.
            squared = (samples * (cosine.square() + sine.square()) - 1) / (samples - 1)
            distance = squared - 2 * phi * cosine + phi.square()
        else:
            distance = (cosine - phi).square() + sine.square()
        return (distance * weights).sum(-1)

    def fused(self, views: Tensor) -> bool:
        """Return whether `of_slices` can be used for embeddings `views` (V, N, D). It needs a
        single process."""
        return (
            views.dtype == torch.float32
            and views.device.type == "cpu"
            and len(self.points) <= cpu.MOST_KNOTS
            and not torch.compiler.is_compiling()
            and not transformed(views)
            and cpu.available()
        )

    def of_slices(self, views: Tensor, drawn: Tensor, factor: float) -> Tensor:
        """Return `factor` times the statistic's mean over slices and views: a scalar.

        views: (V, N, D) for which `fused` holds; drawn: (D, K). One kernel computes the value and
        its derivative with respect to the projections, one slice at a time.
        """
        value: Tensor = _OfSlices.apply(views, drawn, self, factor)  # type: ignore[no-untyped-call]
        return value

    def __call__(self, u: Tensor) -> Tensor:
        """Return the statistic of each slice: u (N, K), returns (K,)."""
        sums = self.sums(u.T.unsqueeze(1).contiguous())
        return self.from_sums(sums, u.shape[0]).squeeze(1)


class _OfSlices(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, views: Tensor, drawn: Tensor, statistic: EppsPulley, factor: float
    ) -> Tensor:
        # With `out`, autocast does not change the type of a product.
        u = views.new_empty(drawn.shape[1], *views.shape[:2])
        torch.mm(drawn.T, views.reshape(-1, views.shape[2]).T, out=u.view(u.shape[0], -1))
        mean = cpu.statistic(
            u,
            statistic.points,
            statistic.weights,
            statistic.spacing,
            statistic.half,
            unbiased=statistic.unbiased,
            gradient=ctx.needs_input_grad[0],
        )
        ctx.save_for_backward(views, drawn, u)  # now u contains the derivative
        ctx.statistic, ctx.factor = statistic, factor
        return torch.tensor(factor * mean)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        views, drawn, slopes = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: the gradient is differentiated again
            statistic = ctx.statistic
            u = product(drawn.T, views.reshape(-1, views.shape[2]).T)
            sums = statistic.sums(u.view(-1, *views.shape[:2]))
            value = statistic.from_sums(sums, views.shape[1]).mean() * ctx.factor
            (again,) = torch.autograd.grad(value, views, grads[0], create_graph=True)
            return again, None, None, None
        share = ctx.factor * grads[0].item() / (slopes.shape[0] * slopes.shape[1])
        result = torch.empty_like(views, memory_format=torch.contiguous_format)
        # addmm applies the scale inside the product.
        flat, out = slopes.view(slopes.shape[0], -1), result.view(-1, views.shape[2])
        torch.addmm(out, flat.T, drawn.T, beta=0, alpha=share, out=out)
        return result, None, None, None
