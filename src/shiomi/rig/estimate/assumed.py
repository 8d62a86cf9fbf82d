"""Widen estimates by the assumptions about a model's layers."""

from __future__ import annotations

from dataclasses import replace

from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.message import Text
from shiomi.rig.model.assumption import Assumption

__all__ = ["assuming", "assuming_of_speed", "multiples", "without"]


def assuming(
    estimate: Estimate, assumed: Assumption | None, bounds: tuple[float, float] = (1.0, 1.0)
) -> Estimate:
    """Multiply the bounds of an estimate by `bounds`, and add the assumption to its basis."""
    if assumed is None:
        return estimate
    return replace(
        estimate,
        low=estimate.low * bounds[0],
        high=estimate.high * bounds[1],
        basis=(*without(estimate.basis, assumed), assumed.message),
    )


def assuming_of_speed(
    speed: Estimate, assumed: Assumption | None, weights: float, caches: float
) -> Estimate:
    """Widen the bounds of a speed, and add the assumption to its basis.

    The speed is inversely proportional to the sum of `weights` and `caches` (bytes or operations).
    """
    least, most = multiples(assumed, weights, caches)
    return assuming(speed, assumed, (1 / most, 1 / least))


def without(basis: tuple[Text, ...], assumed: Assumption | None) -> tuple[Text, ...]:
    """Return a basis without the assumption, because reports print the assumption only once."""
    return basis if assumed is None else tuple(x for x in basis if x != assumed.message)


def multiples(assumed: Assumption | None, weights: float, caches: float) -> tuple[float, float]:
    """Return the bounds of the sum `weights` + `caches` (bytes or operations) as factors on it."""
    total = weights + caches
    if assumed is None or total <= 0:
        return 1.0, 1.0
    least, most = (
        (of_weights * weights + of_caches * caches) / total
        for of_weights, of_caches in zip(assumed.weights, assumed.caches, strict=True)
    )
    return least, most
