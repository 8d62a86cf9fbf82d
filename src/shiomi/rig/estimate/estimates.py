"""Everything that can be said of one model on one machine, each with its bounds and its basis.

What cannot be said is not left out but named, with the reason and the remedy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from shiomi.rig.errors import MachineError, RigError, SettingError
from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.cpu_speed import decode_on_cpu
from shiomi.rig.estimate.kv_cache import GIB, kv_cache_gib
from shiomi.rig.estimate.memory import Fit, Memory, fits, memory
from shiomi.rig.estimate.people import as_people_measure, fastest
from shiomi.rig.estimate.power import wall_watts, yen_per_million_tokens
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.speed import decode_speed, prefill_speed, time_to_first_token
from shiomi.rig.machine.machine import Machine
from shiomi.rig.model.model import LayerKind, Model
from shiomi.rig.report.wording import reason

__all__ = ["Estimates", "Setting", "estimates", "kv_by_kind", "load_seconds"]

_PHASES = {"decode": "decode", "prefill": "prefill", "first_token": "prefill"}
LONGEST_PROMPT = 10**8  # tokens
_LOADING = (0.9, 1.4)  # of size / speed of the disk: other work, and what is done beside reading


@dataclass(frozen=True, slots=True)
class Setting:
    """How the model is run. `context` is what is in each user's context when it is measured."""

    quantisation: str | None = None  # None: the file's own
    context: int = 8192
    users: int = 1
    prompt: int = 512  # tokens of the prompt whose reading is timed
    gpus: int | None = None  # None: all
    experts_in_ram: bool = False
    engine: str = "llama.cpp"
    kv_dtype: str = "f16"
    yen_per_kwh: float = 31.0


@dataclass(slots=True)
class Estimates:
    """What is known, and of the rest why not."""

    memory: Memory
    kv_by_kind: dict[str, Estimate]  # GiB
    fit: Fit | None  # None: no GPU
    known: dict[str, Estimate] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def estimates(
    model: Model,
    machine: Machine,
    setting: Setting,
    *,
    calibration: Calibration | None = None,
) -> Estimates:
    """All terms of `model` on `machine`: decode, prefill, first_token, watts, yen, load.

    Without a GPU the model is taken to lie in the system's memory. Raises RigError for a setting
    that means nothing; a term that is not known is in `missing`.
    """
    quantisation = setting.quantisation or model.quantisation
    if quantisation is None:
        raise RigError(f"{model.name} does not say its quantisation: name one, like Q4_K_M")
    _check(model, machine, setting)
    count = len(machine.gpus) if setting.gpus is None else setting.gpus
    needed = memory(
        model,
        quantisation=quantisation,
        context=setting.context,
        users=setting.users,
        engine=setting.engine.split("@")[0],
        kv_dtype=setting.kv_dtype,
        gpus=max(1, count),
        experts_in_ram=setting.experts_in_ram,
    )
    found = Estimates(
        memory=needed,
        kv_by_kind=kv_by_kind(model, setting),
        fit=fits(needed.total, machine.gpus[:count]) if machine.gpus else None,
    )
    most = math.inf
    if machine.gpus:
        most = fastest(
            model,
            machine.gpus[:count],
            quantisation=quantisation,
            depth=setting.context,
            users=setting.users,
            kv_dtype=setting.kv_dtype,
            experts=not setting.experts_in_ram,
        )
    for name, call in _terms(model, machine, setting, quantisation, found, calibration).items():
        try:
            found.known[name] = call()
            phase = _PHASES.get(name)
            if phase and machine.gpus and calibration is None and "@" not in setting.engine:
                found.known[name] = as_people_measure(
                    found.known[name], model, phase, most=most if name == "decode" else math.inf
                )
        except RigError as error:
            found.missing[name] = str(error)
    return found


def kv_by_kind(model: Model, setting: Setting) -> dict[str, Estimate]:
    """GiB of the caches and states by kind of layer, as llama.cpp keeps them."""
    if setting.engine.split("@")[0] == "vllm":
        return {}  # its pages are shared by all kinds
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


def load_seconds(needed: Memory, machine: Machine) -> Estimate:
    """Seconds to read the weights from the disk, the first time; later they may be cached.

    Raises MachineError where the disk's speed is not known.
    """
    speed = machine.disk_read_gb_s
    if not speed:
        raise MachineError(reason("disk_speed"))
    held = needed.weights.value + needed.host.value
    bytes_ = held * GIB
    seconds = bytes_ / (speed * 1e9)
    least = _LOADING[0] * (needed.weights.low + needed.host.low) / held
    most = _LOADING[1] * (needed.weights.high + needed.host.high) / held
    return Estimate(
        seconds,
        seconds * least,
        seconds * most,
        "s",
        f"{bytes_ / 1e9:.3g} GB at the {speed:.2g} GB/s this disk was measured to read",
        (needed.weights.basis,),
    )


def _check(model: Model, machine: Machine, setting: Setting) -> None:
    """Raise where the setting means nothing for this model and machine."""
    if setting.gpus is not None and not 1 <= setting.gpus <= len(machine.gpus):
        raise MachineError(f"{machine.name} has {len(machine.gpus)} GPU(s), not {setting.gpus}")
    if setting.experts_in_ram and not any(layer.experts for layer in model.layers):
        raise SettingError(f"{model.name} has no experts that could stay in RAM")
    if setting.experts_in_ram and not machine.gpus:
        raise MachineError(f"{machine.name} has no GPU beside which experts could stay in RAM")
    if not 1 <= setting.prompt <= LONGEST_PROMPT:
        raise SettingError(
            f"a prompt of {setting.prompt} tokens cannot be meant; 1 to {LONGEST_PROMPT:,} can be"
        )
    if not 0 <= setting.yen_per_kwh < math.inf:
        raise SettingError(
            f"{setting.yen_per_kwh} yen per kWh cannot be meant; a household pays about 31"
        )


def _terms(
    model: Model,
    machine: Machine,
    setting: Setting,
    quantisation: str,
    found: Estimates,
    calibration: Calibration | None,
) -> dict[str, Callable[[], Estimate]]:
    gpus, engine = setting.gpus, setting.engine

    def decode() -> Estimate:
        if not machine.gpus:
            return decode_on_cpu(
                model,
                machine,
                quantisation=quantisation,
                depth=setting.context,
                users=setting.users,
                kv_dtype=setting.kv_dtype,
            )
        return decode_speed(
            model,
            machine,
            quantisation=quantisation,
            depth=setting.context,
            users=setting.users,
            gpus=gpus,
            experts_in_ram=setting.experts_in_ram,
            engine=engine,
            kv_dtype=setting.kv_dtype,
            calibration=calibration,
        )

    def reading(estimate: Callable[..., Estimate]) -> Estimate:
        _only_on_gpus(setting)
        return estimate(
            model,
            machine,
            quantisation=quantisation,
            prompt=setting.prompt,
            gpus=gpus,
            engine=engine,
            calibration=calibration,
        )

    def watts() -> Estimate:
        return wall_watts(machine, gpus=gpus)

    def yen() -> Estimate:
        speed = found.known.get("decode") or decode()
        return yen_per_million_tokens(watts(), speed, yen_per_kwh=setting.yen_per_kwh)

    return {
        "decode": decode,
        "prefill": lambda: reading(prefill_speed),
        "first_token": lambda: reading(time_to_first_token),
        "watts": watts,
        "yen": yen,
        "load": lambda: load_seconds(found.memory, machine),
    }


def _only_on_gpus(setting: Setting) -> None:
    if setting.experts_in_ram:
        raise RigError(reason("prompt_with_experts_in_ram"))
