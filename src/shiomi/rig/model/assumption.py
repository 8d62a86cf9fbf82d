"""What is assumed of a model's layers where nothing known says what they are, and how far it may be
off.

A model of an unknown architecture is read as if every layer attended to the whole context. Read so,
architectures that are known would take up to eight times the memory for their caches (Gemma 3 27B:
81.4 GB for 10.4; unsloth PR 4757). A feed-forward part of two matrices, taken for one of three,
makes a model a quarter too large; what else an architecture may have is allowed as much.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.report.wording import say

__all__ = [
    "Assumption",
    "assuming",
    "assuming_of_speed",
    "from_config",
    "from_header",
    "multiples",
    "without",
]

_CACHES = 1 / 8  # of those of full attention
_SHAPE = (0.75, 1.25)  # of the weights that the shape comes to
_ODD = re.compile(r"[^\w.+-]")


@dataclass(frozen=True, slots=True)
class Assumption:
    """In words, and within what multiples of the values read what is true may lie."""

    text: str  # as it stands in the basis of each estimate that rests on it
    weights: tuple[float, float]
    caches: tuple[float, float]


def from_config(architecture: str, *, known: bool, kinds_said: bool) -> Assumption | None:
    """What is assumed where a config.json is read.

    `known`: the architecture is; `kinds_said`: what each layer is follows from its fields.
    """
    if known and kinds_said:
        return None
    if known:
        return _assumption("kinds_not_said", architecture, _SHAPE, (_CACHES, _SHAPE[1]))
    if kinds_said:
        return _assumption("unknown_shape", architecture, _SHAPE, _SHAPE)
    return _assumption("unknown_layers", architecture, _SHAPE, (_CACHES, _SHAPE[1]))


def from_header(architecture: str) -> Assumption:
    """What is assumed of an unknown architecture in a GGUF file, whose tensors tell its weights."""
    return _assumption("unknown_attention", architecture, (1.0, 1.0), (_CACHES, 1.0))


def _assumption(
    key: str, architecture: str, weights: tuple[float, float], caches: tuple[float, float]
) -> Assumption:
    name = _ODD.sub("?", architecture[:40])  # it is the file's, and may hold anything
    return Assumption(say("en", "basis", key, {"architecture": name}), weights, caches)


def assuming(
    estimate: Estimate, assumed: Assumption | None, bounds: tuple[float, float] = (1.0, 1.0)
) -> Estimate:
    """The estimate with its bounds multiplied by `bounds`, and with what is assumed in its basis.

    A None is no assumption, and changes nothing.
    """
    if assumed is None:
        return estimate
    return replace(
        estimate,
        low=estimate.low * bounds[0],
        high=estimate.high * bounds[1],
        basis=estimate.basis
        if assumed.text in estimate.basis
        else f"{estimate.basis}; {assumed.text}",
    )


def assuming_of_speed(
    speed: Estimate, assumed: Assumption | None, weights: float, caches: float
) -> Estimate:
    """The same of a speed, which is the lower the more there is of weights and caches."""
    least, most = multiples(assumed, weights, caches)
    return assuming(speed, assumed, (1 / most, 1 / least))


def without(basis: str, assumed: Assumption | None) -> str:
    """A basis without what is assumed, for where that is said once for several estimates."""
    return basis.replace(f"; {assumed.text}", "") if assumed is not None else basis


def multiples(assumed: Assumption | None, weights: float, caches: float) -> tuple[float, float]:
    """Within what multiples of weights + caches their sum may lie: of bytes, or of operations."""
    total = weights + caches
    if assumed is None or total <= 0:
        return 1.0, 1.0
    least, most = (
        (ofw * weights + ofc * caches) / total
        for ofw, ofc in zip(assumed.weights, assumed.caches, strict=True)
    )
    return least, most
