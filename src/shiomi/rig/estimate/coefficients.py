"""Look up fitted coefficients by engine version, architecture, GPU, and this machine.

`python -m tools.rig.fit_coefficients` fits them to measured tables and writes
data/coefficients.json. A GPU gets the newest set that contains its architecture. An architecture
without measurements gets the set of a related architecture, else the set pooled over all. These
have wider intervals.
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
    """An interval that holds 8 of 10 unseen measurements, as factors on the estimated seconds."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Coefficients:
    """The coefficients of the terms for one GPU, and their interval."""

    terms: Mapping[str, float]
    interval: Interval  # of the seconds
    narrowed: Interval  # after one measurement on this machine
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


def choose(
    engine: str, phase: str, gpu: Gpu, table: Mapping[str, Any] | None = None
) -> Coefficients:
    """Return the coefficients of a phase ("decode" or "prefill") on a GPU.

    Raises
    ------
    RigError
        No coefficients are known for the engine.
    """
    table = coefficient_table() if table is None else table
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
    return _pooled(name, _widest(versions, phase), phase, gpu)


def _widest(versions: Sequence[Mapping[str, Any]], phase: str) -> Mapping[str, Any]:
    """Of several engine versions, return the one with the most rows."""
    return max(versions, key=lambda entry: int(entry[phase]["pooled"]["rows"]))


def _of_architecture(
    engine: str, entry: Mapping[str, Any], phase: str, gpu: Gpu, architecture: str
) -> Coefficients:
    fitted = entry[phase]
    chosen = fitted["architectures"][architecture]
    what = f"{engine} {entry['version']}, {architecture}"
    key = "fitted"
    factor, level = 1.0, "architecture"
    if gpu.name in fitted["gpus"]:
        factor, level = fitted["gpus"][gpu.name], "gpu"
        key = "corrected" if factor != 1.0 else "of_the"
    elif gpu.architecture != architecture:
        level = "family"
    rests: tuple[Text, ...] = (basis(key, what=what, rows=chosen["rows"], gpu=gpu.name),)
    if level == "family":
        rests += (basis("unmeasured", architecture=gpu.architecture),)
    bounds = fitted["intervals"]["family"] if level == "family" else chosen[level]
    interval = Interval(*bounds)
    narrowed = Interval(*fitted["intervals"]["machine"])
    return Coefficients(
        chosen["terms"],
        interval,
        narrowed,
        factor,
        rests,
        tuple(entry["sources"]),
        entry["version"],
    )


def _pooled(engine: str, entry: Mapping[str, Any], phase: str, gpu: Gpu) -> Coefficients:
    fitted = entry[phase]
    pooled = fitted["pooled"]
    return Coefficients(
        pooled["terms"],
        Interval(*fitted["intervals"]["pooled"]),
        Interval(*fitted["intervals"]["machine"]),
        1.0,
        (
            basis("everything", engine=f"{engine} {entry['version']}", rows=pooled["rows"]),
            basis("unmeasured", architecture=gpu.architecture),
        ),
        tuple(entry["sources"]),
        entry["version"],
    )
