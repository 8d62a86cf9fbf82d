"""Assumptions about the layers of a model with unknown layers, and their possible error.

For an unknown architecture, every layer is assumed to attend to the whole context. For known
architectures, this assumption would give caches that are up to eight times too large (Gemma 3 27B:
81.4 GB instead of 10.4; unsloth PR 4757). A feed-forward part is assumed to have three matrices. If
it has two, the estimated size of the model is a quarter too large. The same margin is used for
other differences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from shiomi.rig.message import Message, basis

__all__ = ["Assumption", "from_config", "from_header"]

_CACHES = 1 / 8  # of the caches of full attention
_SHAPE = (0.75, 1.25)  # of the weights computed from the shape
_ODD = re.compile(r"[^\w.+-]")


@dataclass(frozen=True, slots=True)
class Assumption:
    """An assumption as text, and bounds of the true values as factors on the estimates."""

    message: Message  # part of the basis of each estimate that rests on it
    weights: tuple[float, float]
    caches: tuple[float, float]


def from_config(architecture: str, *, known: bool, kinds_said: bool) -> Assumption | None:
    """Return the assumptions for a config.json.

    `known`: the architecture is known. `kinds_said`: the fields state the kind of each layer.
    """
    if known and kinds_said:
        return None
    if known:
        return _assumption("kinds_not_said", architecture, _SHAPE, (_CACHES, _SHAPE[1]))
    if kinds_said:
        return _assumption("unknown_shape", architecture, _SHAPE, _SHAPE)
    return _assumption("unknown_layers", architecture, _SHAPE, (_CACHES, _SHAPE[1]))


def from_header(architecture: str) -> Assumption:
    """Return the assumptions for an unknown architecture in a GGUF file. Its tensors give the
    size of the weights.
    """
    return _assumption("unknown_attention", architecture, (1.0, 1.0), (_CACHES, 1.0))


def _assumption(
    key: str, architecture: str, weights: tuple[float, float], caches: tuple[float, float]
) -> Assumption:
    name = _ODD.sub("?", architecture[:40])  # the name comes from the file and may contain anything
    return Assumption(basis(key, architecture=name), weights, caches)
