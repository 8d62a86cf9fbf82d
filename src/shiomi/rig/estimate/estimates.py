"""Make all estimates for one model on one machine, each with its bounds and its basis. A missing
estimate is listed with the reason and the remedy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from shiomi.rig.errors import MachineError, RigError, SettingError
from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.kv_cache import GIB, kv_cache_gib
from shiomi.rig.estimate.memory import Fit, Memory, fits, memory
from shiomi.rig.estimate.people import as_people_measure, fastest
from shiomi.rig.estimate.power import wall_watts, yen_per_million_tokens
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Place, Setting, quantisation_of
from shiomi.rig.estimate.speed import decode_speed, prefill_speed, time_to_first_token
from shiomi.rig.machine.machine import Machine
from shiomi.rig.message import Text, basis, reason
from shiomi.rig.model.model import LayerKind, Model

__all__ = ["Estimates", "estimates", "kv_by_kind"]

_PHASES = {"decode": "decode", "prefill": "prefill", "first_token": "prefill"}
_LOADING = (0.9, 1.4)  # factors on size / disk speed, for work other than reading


@dataclass(slots=True)
class Estimates:
    """The known estimates, and the reasons for the missing ones."""

    memory: Memory
    kv_by_kind: dict[str, Estimate]  # GiB
    fit: Fit | None  # None: no GPU
    known: dict[str, Estimate] = field(default_factory=dict)
    missing: dict[str, Text] = field(default_factory=dict)


def estimates(
    model: Model,
    machine: Machine,
    setting: Setting,
    *,
    yen_per_kwh: float = 31.0,
    calibration: Calibration | None = None,
) -> Estimates:
    """Estimate `model` on `machine`: decode, prefill, first_token, watts, yen, load.

    Without a GPU, the model is assumed to be in the system's memory. Raises RigError for an invalid
    setting. Estimates that cannot be made are in `missing`.
    """
    quantisation_of(model, setting)
    if not machine.gpus:
        setting = replace(setting, place=Place.RAM)
    _check(model, machine, setting, yen_per_kwh)
    count = len(machine.gpus) if setting.gpus is None else setting.gpus
    needed = memory(model, replace(setting, gpus=max(1, count)))
    found = Estimates(
        memory=needed,
        kv_by_kind=kv_by_kind(model, setting),
        fit=fits(needed.total, machine.gpus[:count]) if machine.gpus else None,
    )
    most = fastest(model, machine.gpus[:count], setting) if machine.gpus else math.inf
    terms = _terms(model, machine, setting, yen_per_kwh, found)
    for name, call in terms.items():
        try:
            found.known[name] = call()
            phase = _PHASES.get(name)
            on_gpus = setting.place is not Place.RAM
            if phase and on_gpus and "@" not in setting.engine:
                found.known[name] = as_people_measure(
                    found.known[name],
                    model,
                    machine.gpus[0],
                    phase,
                    most=most if name == "decode" else math.inf,
                    calibration=calibration,
                )
        except RigError as error:
            found.missing[name] = error.message
    return found


def kv_by_kind(model: Model, setting: Setting) -> dict[str, Estimate]:
    """Return the GiB of caches and states per kind of layer, as llama.cpp stores them."""
    if setting.engine_name == "vllm":
        return {}  # all kinds of layers share its pages
    found = {}
    for kind in LayerKind:
        layers = tuple(layer for layer in model.layers if layer.kind is kind)
        if layers and kind is not LayerKind.NONE:
            found[str(kind)] = kv_cache_gib(
                replace(model, layers=layers),
                setting.context,
                users=setting.users,
                kv_dtype=setting.kv_dtype,
            )
    return found


def _load_seconds(needed: Memory, machine: Machine) -> Estimate:
    """Return the seconds for reading the weights from the disk the first time, uncached.

    Raises MachineError if the disk's speed is not known.
    """
    speed = machine.disk_read_gb_s
    if not speed:
        raise MachineError(reason("disk_speed"))
    held = needed.weights.value + needed.host.value
    size = held * GIB / 1e9
    least, most = _LOADING
    return Estimate.scaled(
        size / speed,
        least * (needed.weights.low + needed.host.low) / held,
        most * (needed.weights.high + needed.host.high) / held,
        "s",
        (basis("disk", size=f"{size:.3g}", rate=f"{speed:.2g}"), *needed.weights.basis),
        needed.weights.sources,
    )


def _check(model: Model, machine: Machine, setting: Setting, yen_per_kwh: float) -> None:
    """Raise if the setting is not valid for this model and machine."""
    if setting.gpus is not None and not 1 <= setting.gpus <= len(machine.gpus):
        raise MachineError(
            f"gpus must be 1 to {len(machine.gpus)} on {machine.name}, got {setting.gpus}"
        )
    if setting.experts_in_ram and not any(layer.experts for layer in model.layers):
        raise SettingError(f"{model.name} has no experts that could be in RAM")
    if setting.experts_in_ram and not machine.gpus:
        raise MachineError(f"{machine.name} has no GPU, so experts in RAM are not possible")
    if not 0 <= yen_per_kwh < math.inf:
        raise SettingError(
            f"yen per kWh must be >= 0, got {yen_per_kwh}; a household pays about 31"
        )


def _terms(
    model: Model, machine: Machine, setting: Setting, yen_per_kwh: float, found: Estimates
) -> dict[str, Callable[[], Estimate]]:
    """Return a function for each estimate, in the order of the report."""

    def watts() -> Estimate:
        return wall_watts(machine, gpus=setting.gpus)

    def yen() -> Estimate:
        speed = found.known.get("decode") or decode_speed(model, machine, setting)
        return yen_per_million_tokens(watts(), speed, yen_per_kwh=yen_per_kwh)

    return {
        "decode": lambda: decode_speed(model, machine, setting),
        "prefill": lambda: prefill_speed(model, machine, setting),
        "first_token": lambda: time_to_first_token(model, machine, setting),
        "watts": watts,
        "yen": yen,
        "load": lambda: _load_seconds(found.memory, machine),
    }
