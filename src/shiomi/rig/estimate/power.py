"""Estimate the watts at the wall while a model writes, and the cost of a million tokens.

A desktop with discrete GPUs draws host + share x TDP watts. `host` and `share` are fitted on the
rows of one desktop (`python -m tools.rig.fit_coefficients`). If layers are split over several GPUs,
one GPU works at a time. It draws its share, and each waiting GPU draws an assumed tenth of its TDP.
A chip that shares its memory with the system includes the host, so only its TDP is counted.
"""

from __future__ import annotations

import math

from shiomi.rig.errors import MachineError, RigError
from shiomi.rig.estimate.coefficients import coefficient_table
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.machine.machine import Machine
from shiomi.rig.message import Text, basis, reason

__all__ = ["JOULES_PER_KWH", "wall_watts", "yen_per_million_tokens"]

_IDLE_SHARE = 0.1  # share of TDP that a waiting GPU draws
_UNIFIED = (0.7, 1.3)  # least and most watts at the wall per watt of TDP
JOULES_PER_KWH = 3.6e6


def wall_watts(machine: Machine, *, gpus: int | None = None) -> Estimate:
    """Return the watts at the wall while a model writes on the first `gpus` GPUs (None: all).

    Raises MachineError if the machine has no such GPUs, or the TDP of one is not known.
    """
    used = machine.gpus[: len(machine.gpus) if gpus is None else gpus]
    if not used or (gpus is not None and gpus > len(machine.gpus)):
        raise MachineError(
            reason("not_so_many_gpus", machine=machine.name, count=len(machine.gpus))
        )
    tdps = []
    for gpu in used:
        if gpu.tdp_w is None:
            raise MachineError(reason("no_tdp", gpu=gpu.name))
        tdps.append(gpu.tdp_w)
    if all(gpu.unified for gpu in used):
        low, high = _UNIFIED
        assumed = (basis("chip_power"), basis("assumed_not_fitted"))
        return Estimate.scaled(sum(tdps), low, high, "W", assumed)
    table = coefficient_table()["power"]
    busy = max(tdps)
    value = table["host_w"] + table["per_tdp"] * busy + _IDLE_SHARE * (sum(tdps) - busy)
    low, high = table["interval"]
    rests: tuple[Text, ...] = (basis("host", rows=table["rows"], types=table["types"]),)
    if len(used) > 1:
        rests += (basis("waiting", share=f"{_IDLE_SHARE:.0%}"),)
    sources = tuple(table["sources"])
    return Estimate.scaled(value, min(low, 1.0), max(high, 1.0), "W", rests, sources)


def yen_per_million_tokens(watts: Estimate, speed: Estimate, *, yen_per_kwh: float) -> Estimate:
    """Return what the electricity of a million tokens costs, in yen.

    The interval combines the worst values, and the best values, of both estimates. It therefore
    covers more than 80 % of cases.
    """
    if watts.unit != "W" or speed.unit != "tok/s":
        raise RigError(
            f"units must be W and tok/s (tokens per second), got {watts.unit} and {speed.unit}"
        )
    if not (math.isfinite(yen_per_kwh) and yen_per_kwh >= 0):
        raise RigError(f"yen per kWh must be >= 0, got {yen_per_kwh}; a household pays about 31")
    scale = 1e6 / JOULES_PER_KWH * yen_per_kwh
    return Estimate(
        watts.value / speed.value * scale,
        watts.low / speed.high * scale,
        watts.high / speed.low * scale,
        "JPY/Mtok",
        (
            basis("electricity", yen=f"{yen_per_kwh:g}"),
            *(basis("watts_of", of=x) for x in watts.basis),
            *(basis("speed_of", of=x) for x in speed.basis),
        ),
        tuple(dict.fromkeys(watts.sources + speed.sources)),
    )
