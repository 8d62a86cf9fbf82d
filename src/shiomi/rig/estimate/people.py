"""How far from an estimate other people's own machines lie: wider than one careful table's rows.

The coefficients are of a few tables, each measured by one person with one version of an engine.
Others run newer engines, other models, drivers and backends. The bounds here are from their rows,
none of which was fitted to (`python -m benchmarks.rig.people`); one measurement on the machine
itself
replaces them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from shiomi.rig.estimate.assumed import multiples
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.speed import decode_terms
from shiomi.rig.machine.machine import Gpu
from shiomi.rig.message import basis
from shiomi.rig.model.model import LayerKind, Model

__all__ = ["as_people_measure", "fastest", "is_plain"]

_READING = 4  # of the terms of a step: weights, then caches of three kinds


def is_plain(model: Model) -> bool:
    """Whether every layer attends to everything and none has experts, as in the fitted tables."""
    return all(layer.kind is LayerKind.FULL and not layer.experts for layer in model.layers)


def fastest(
    model: Model,
    gpus: Sequence[Gpu],
    setting: Setting,
) -> float:
    """The tokens per second that no engine exceeds: all that a step reads, at full bandwidth.

    GPUs take turns, as in llama.cpp's split by layers; `experts` False leaves the routed ones out.
    Where something is assumed of the model's layers, the least that it may come to is read.
    """
    total = sum(gpu.memory_gib for gpu in gpus)
    seconds = 0.0
    for gpu in gpus:
        weights, *caches = decode_terms(model, gpu, setting, experts=not setting.experts_in_ram)[
            :_READING
        ]
        least, _ = multiples(model.assumed, weights, sum(caches))
        seconds += gpu.memory_gib / total * least * (weights + sum(caches))
    most = setting.users / seconds
    if setting.tensor_split:
        most *= len(gpus)
    return most * (4.0 if setting.speculation else 1.0)


def as_people_measure(
    estimate: Estimate, model: Model, phase: str, *, most: float = math.inf
) -> Estimate:
    """The same value, within bounds that hold for people's own machines.

    `phase` is "decode" or "prefill"; of an estimate in seconds the bounds are turned round. Bounds
    that are wider already stay, except above `most`, what physics allows.
    """
    table = _table()
    kind = table["decode"]["plain" if is_plain(model) else "other"]
    bounds = kind if phase == "decode" else table["prefill"]
    low, high = float(bounds["low"]), float(bounds["high"])
    if model.assumed is not None:  # beside what people's machines differ by; `most` still holds
        low /= max(model.assumed.weights[1], model.assumed.caches[1])
        least = model.assumed.weights[0]
        high /= min(least, model.assumed.caches[0]) if phase == "decode" else least
    if estimate.unit == "s":
        low, high = 1 / high, 1 / low
    return Estimate(
        estimate.value,
        min(estimate.low, estimate.value * low),
        max(estimate.value, min(most, max(estimate.high, estimate.value * high))),
        estimate.unit,
        (*estimate.basis, basis("people", rows=bounds["rows"])),
        tuple(dict.fromkeys((*estimate.sources, table["source"]))),
    )


@cache
def _table() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("data/people.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
