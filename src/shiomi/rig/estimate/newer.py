"""Correct estimates for newer engines, and for kinds of layers that the fitted rows lack.

The coefficients are fitted on measurements of 2024, which have only Llama 3, and on measurements
of a community, which have only dense models. Newer engines launch the work of a layer in less time
(CUDA graphs) and unpack quantised weights faster. Layers with experts or states take longer than
dense layers. These changes are fitted to rows of other people (`python -m benchmarks.rig.people`)
and stored in `data/people.json`. If the engine is given with a date ("llama.cpp@2024-05"), they are
not applied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shiomi.rig.estimate.coefficients import Coefficients
from shiomi.rig.machine.machine import Gpu
from shiomi.rig.model.model import LayerKind, Model
from shiomi.rig.tables import cached, table_text

__all__ = ["COVERED", "Changes", "added_seconds", "newer_seconds", "people_table"]

COVERED = frozenset({"2026-08-rocm", "4c7e989-cuda"})  # fitted with experts and states
_OLD = "2024"

Changes = Mapping[str, float]
"""The keys are `old_layers` and `old_unpacking` (factors on these terms of 2024), `experts` and
`linear` (additional microseconds of such a layer), and `discrete_amd` (factor on these
microseconds)."""


@cached
def people_table() -> dict[str, Any]:
    """Return data/people.json as it is."""
    table: dict[str, Any] = json.loads(table_text("people.json"))
    return table


def newer_seconds(
    model: Model, gpu: Gpu, chosen: Coefficients, terms: Mapping[str, float], engine: str
) -> float:
    """Return the seconds to add to the step time of `chosen` (negative: newer engines are faster).

    `terms` are the unweighted terms of one decoding step.
    """
    if "@" in engine:
        return 0.0
    weighted = {x: chosen.factor * chosen.terms[x] * terms[x] for x in ("layers", "unpacking")}
    return added_seconds(
        people_table()["decode"]["changes"],
        str(gpu.vendor),
        old=chosen.version.startswith(_OLD),
        covered=chosen.version in COVERED,
        layers=(
            weighted["layers"],
            sum(bool(x.experts) for x in model.layers),
            sum(x.kind is LayerKind.LINEAR for x in model.layers),
        ),
        unpacking=weighted["unpacking"],
    )


def added_seconds(
    changes: Changes,
    vendor: str,
    *,
    old: bool,
    covered: bool,
    layers: tuple[float, int, int],
    unpacking: float,
) -> float:
    """Return the seconds to add.

    `layers` has the seconds of all layers, the number of layers with experts, and with states.
    """
    overhead, experts, linear = layers
    added = 0.0
    if old and vendor == "nvidia":
        added += (changes["old_layers"] - 1) * overhead
    if old and vendor == "apple":
        added += (changes["old_unpacking"] - 1) * unpacking
    if not covered:
        times = changes["discrete_amd"] if vendor == "amd" else 1.0
        added += times * 1e-6 * (changes["experts"] * experts + changes["linear"] * linear)
    return added
