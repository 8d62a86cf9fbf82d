"""Correct estimates, and set their bounds, by measurements of people on their own machines.

The coefficients come from a few tables, each measured by one person with one version of an engine.
`python -m benchmarks.rig.people` compares them with rows of other people and writes
`data/people.json`. This file has the usual ratio of measured to estimated speed for each kind of
model and age of the coefficients, and a factor per GPU type. It also has bounds that contain about
eight of ten rows. As many rows are below the bounds as above them. A measurement on the machine
itself replaces the factor of its GPU type.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from shiomi.rig.estimate.assumed import multiples
from shiomi.rig.estimate.coefficients import Calibration, choose
from shiomi.rig.estimate.newer import people_table
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.shared_rows import factor_of_rows
from shiomi.rig.estimate.speed import decode_terms
from shiomi.rig.machine.machine import Gpu
from shiomi.rig.message import Text, basis
from shiomi.rig.model.model import LayerKind, Model

__all__ = ["KINDS", "age_of", "as_people_measure", "correction", "fastest", "kind_of"]

KINDS = ("plain", "mixed", "experts")
_READING = 4  # indices of a step's terms: weights, then caches of three kinds
_OLD = "2024"
_DOUBTS = {"experts", "everything"}  # experts in RAM, or an architecture without measurements
# Bounds for the model that was measured on this machine. They are not 1, because the context or
# the prompt may differ from the measurement.
_REPEATS = (0.93, 1.08)


def kind_of(model: Model) -> str:
    """Return the kind of a model: "plain" (full attention in every layer), "experts" or "mixed"."""
    if any(layer.experts for layer in model.layers):
        return "experts"
    return "plain" if all(x.kind is LayerKind.FULL for x in model.layers) else "mixed"


def age_of(gpu: Gpu, phase: str) -> str:
    """Return the year of the engine version on which the GPU's coefficients were fitted."""
    return _OLD if choose("llama.cpp", phase, gpu).version.startswith(_OLD) else "2026"


def fastest(
    model: Model,
    gpus: Sequence[Gpu],
    setting: Setting,
) -> float:
    """Return the physical limit of tokens per second: all bytes of a step at full bandwidth.

    GPUs work one after another, as in llama.cpp's split by layers. Experts in RAM are not counted.
    If the model's layers are assumed, the fewest possible bytes are used.
    """
    total = sum(gpu.memory_gib for gpu in gpus)
    seconds = 0.0
    for gpu in gpus:
        weights, *caches = decode_terms(model, gpu, setting, experts=setting.experts_on_gpu)[
            :_READING
        ]
        least, _ = multiples(model.assumed, weights, sum(caches))
        seconds += gpu.memory_gib / total * least * (weights + sum(caches))
    most = setting.users / seconds
    if setting.tensor_split:
        most *= len(gpus)
    return most * (4.0 if setting.speculation else 1.0)


def correction(
    model: Model, gpu: Gpu, phase: str, *, own: bool = True
) -> tuple[float, float, float]:
    """Return the factor on the estimated speed, and the bounds around it.

    With `own` False, the factor of the GPU type is not applied.
    """
    table = people_table()[phase]
    kind = kind_of(model)
    factor = table["centres"][age_of(gpu, phase)][kind]
    known = table["gpus"].get(gpu.name)
    shared, rows = factor_of_rows(gpu.name) if phase == "decode" else (1.0, 0)
    if rows:  # imported rows are like the rows of the table and have equal weight
        known = ((known or 1.0) * shared) ** 0.5 if known else shared
    low, high = table["unseen" if known is None else "measured"][kind]
    if known is not None and own:
        factor *= known
    return float(factor), float(low), float(high)


def as_people_measure(
    estimate: Estimate,
    model: Model,
    gpu: Gpu,
    phase: str,
    *,
    most: float = math.inf,
    calibration: Calibration | None = None,
) -> Estimate:
    """Return the corrected estimate with bounds that are valid for other people's machines.

    `phase` is "decode" or "prefill". An estimate in seconds is divided by the factor instead of
    multiplied. `most` is the physical limit. `calibration` is a measurement on this machine; a part
    of its deviation also applies to other models.
    """
    table = people_table()
    factor, low, high = correction(model, gpu, phase)
    rests: tuple[Text, ...] = (basis("people", rows=table[phase]["rows"]),)
    measured = calibration and (calibration.decode if phase == "decode" else calibration.prefill)
    if calibration is not None and measured is not None:
        after = table[phase]["after"]["same" if kind_of(model) == calibration.kind else "other"]
        factor = table[phase]["centres"][age_of(gpu, phase)][kind_of(model)]
        itself = calibration.model.startswith(f"{model.name} ")
        factor *= measured if itself else measured ** after["weight"]
        low, high = _REPEATS if itself else (after["low"], after["high"])
        rests += tuple(basis("corrected_by", of=x) for x in calibration.basis)
    least = estimate.low / estimate.value
    greatest = estimate.high / estimate.value
    if model.assumed is not None:  # the layers are still only assumed
        low /= max(model.assumed.weights[1], model.assumed.caches[1])
        shape = model.assumed.weights[0]
        high /= min(shape, model.assumed.caches[0]) if phase == "decode" else shape
    elif not _DOUBTS & {getattr(x, "key", "") for x in estimate.basis}:
        least, greatest = 1.0, 1.0  # the bounds of the tables are replaced
    if estimate.unit == "s":
        factor, low, high = 1 / factor, 1 / high, 1 / low
    value = min(most, estimate.value * factor)
    return Estimate(
        value,
        value * min(low, least),
        max(value, min(most, value * max(high, greatest))),
        estimate.unit,
        (*estimate.basis, *rests),
        tuple(dict.fromkeys((*estimate.sources, table["source"]))),
    )
