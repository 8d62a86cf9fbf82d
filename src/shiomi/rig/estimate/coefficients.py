"""Look up fitted coefficients by engine version, architecture, GPU, and this machine.

`python -m tools.rig.fit_coefficients` fits them to measured tables and writes
data/coefficients.json. A GPU gets the newest set that contains its architecture. An architecture
without measurements gets the set of a related architecture, else the set that was fitted on all
architectures together. These sets have wider intervals.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shiomi.rig.errors import RigError
from shiomi.rig.machine.machine import Gpu
from shiomi.rig.message import Text, basis, reason
from shiomi.rig.tables import cached, table_text

__all__ = ["Calibration", "Coefficients", "Interval", "choose", "coefficient_table"]

# Engines that run llama.cpp's kernels.
_SAME_ENGINE = {"ollama": "llama.cpp", "lmstudio": "llama.cpp"}


@dataclass(frozen=True, slots=True)
class Interval:
    """Factors on the estimated seconds; 8 of 10 unseen measurements lie between them."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Coefficients:
    """The coefficients of the terms for one GPU, and their interval."""

    terms: Mapping[str, float]
    interval: Interval  # of the seconds
    factor: float  # factor on the seconds of this GPU; 1 if it was not measured
    basis: tuple[Text, ...]
    sources: tuple[str, ...]
    version: str  # of the engine they were fitted on


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of one measurement on this machine."""

    decode: float  # measured / estimated speed of writing, after the correction by kind
    prefill: float | None  # the same for reading; None: no prompt time was given
    kind: str  # of the measured model, as returned by `people.kind_of`
    speed: float  # tok/s that were measured
    model: str  # name and format

    @property
    def basis(self) -> tuple[Text, ...]:
        """What was measured."""
        return (basis("measured_here", speed=f"{self.speed:.3g}", model=self.model),)


@cached
def coefficient_table() -> dict[str, Any]:
    """Return data/coefficients.json as it is."""
    table: dict[str, Any] = json.loads(table_text("coefficients.json"))
    return table


def choose(engine: str, phase: str, gpu: Gpu) -> Coefficients:
    """Return the coefficients of a phase ("decode" or "prefill") on a GPU.

    Raises RigError if no coefficients are known for the engine.
    """
    table = coefficient_table()
    name, _, version = engine.casefold().partition("@")
    name = _SAME_ENGINE.get(name, name)
    versions = [
        entry
        for entry in table["engines"].get(name, ())
        if phase in entry and version in ("", entry["version"])
    ]
    if not versions:
        known = ", ".join(
            f"{n}@{entry['version']}"
            for n, entries in table["engines"].items()
            for entry in entries
        )
        raise RigError(reason(f"no_{phase}_of_engine", engine=repr(engine), known=known))
    for wanted in (gpu.architecture, *table["families"].get(gpu.architecture, ())):
        for entry in versions:  # newest first
            if wanted in entry[phase]["architectures"]:
                return _of_architecture(name, entry, phase, gpu, wanted)
    most_rows = max(versions, key=lambda entry: int(entry[phase]["pooled"]["rows"]))
    return _pooled(name, most_rows, phase, gpu)


def _of_architecture(
    engine: str, entry: Mapping[str, Any], phase: str, gpu: Gpu, architecture: str
) -> Coefficients:
    """Return the coefficients that were fitted on the GPU's own or a related architecture."""
    fitted = entry[phase]
    chosen = fitted["architectures"][architecture]
    bounds, key, factor = chosen["architecture"], "fitted", 1.0
    if gpu.name in fitted["gpus"]:
        bounds, factor = chosen["gpu"], fitted["gpus"][gpu.name]
        key = "corrected" if factor != 1.0 else "of_the"
    what = f"{engine} {entry['version']}, {architecture}"
    rests: tuple[Text, ...] = (basis(key, what=what, rows=chosen["rows"], gpu=gpu.name),)
    if key == "fitted" and gpu.architecture != architecture:
        bounds = fitted["intervals"]["family"]
        rests += (basis("unmeasured", architecture=gpu.architecture),)
    return _coefficients(entry, chosen["terms"], bounds, rests, factor)


def _pooled(engine: str, entry: Mapping[str, Any], phase: str, gpu: Gpu) -> Coefficients:
    """Return the coefficients that were fitted on all architectures together."""
    pooled = entry[phase]["pooled"]
    rests = (
        basis("everything", engine=f"{engine} {entry['version']}", rows=pooled["rows"]),
        basis("unmeasured", architecture=gpu.architecture),
    )
    return _coefficients(entry, pooled["terms"], entry[phase]["intervals"]["pooled"], rests)


def _coefficients(
    entry: Mapping[str, Any],
    terms: Mapping[str, float],
    bounds: Sequence[float],
    rests: tuple[Text, ...],
    factor: float = 1.0,
) -> Coefficients:
    low, high = bounds
    sources = tuple(entry["sources"])
    return Coefficients(terms, Interval(low, high), factor, rests, sources, entry["version"])
