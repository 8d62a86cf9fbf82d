"""Find the models that run on a machine, with their format, place, speed and context.

These places are tried in this order:

1. the whole model in four bits or more, on as few GPUs as possible;
2. the experts of as few layers as possible in the system's memory, if that is fast enough;
3. the whole model in fewer bits, on the GPUs;
4. the whole model in the system's memory.

Of the formats that fit, the most exact format that meets the target speed is used. If no format
meets it, the fastest is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from shiomi.rig.errors import RigError, SettingError
from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.memory import Memory, fits, memory
from shiomi.rig.estimate.people import as_people_measure, fastest
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Place, Setting
from shiomi.rig.estimate.speed import decode_speed, prefill_speed
from shiomi.rig.machine.machine import Machine
from shiomi.rig.message import Text, basis
from shiomi.rig.model.known_models import KnownModel
from shiomi.rig.model.model import Model
from shiomi.rig.model.quantisation import find_quantisation

__all__ = [
    "LADDER", "LEAST_CONTEXT", "Floor", "Runs", "fit_model", "fit_models", "longest_context",
    "speeds", "usable_ram_gib",
]  # fmt: skip

LADDER = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M", "IQ3_XXS", "Q2_K")
LEAST_CONTEXT = 256  # tokens, a step of llama.cpp's caches
# GiB of the system's memory that are kept for the desktop and a browser; less on small machines.
SYSTEM_GIB = 4.0
SYSTEM_SHARES = (0.1, 0.25)  # of the memory: kept in addition; upper limit of SYSTEM_GIB
# Bits per weight of the layers; smaller formats lose too much quality for most people.
EXACT_BITS = 4.0


@dataclass(frozen=True, slots=True)
class Floor:
    """The slowest speeds that are usable, in tokens per second of one user.

    They are compared with the lower bounds of the estimates.
    """

    write: float = 10.0  # as fast as most people read
    read: float = 0.0  # of a prompt

    def __post_init__(self) -> None:
        """Raise SettingError if a speed is out of range."""
        if not (0 < self.write < 1e6 and 0 <= self.read < 1e7):
            raise SettingError(
                f"speeds must be > 0 tok/s, got {self.write} (writing) and {self.read} (reading)"
            )


@dataclass(frozen=True, slots=True)
class Runs:
    """A model that runs, with its setting and speeds. An unknown speed is None."""

    known: KnownModel
    model: Model
    quantisation: str
    place: Place
    gpus: int  # number of GPUs used; they are the first of the machine
    memory: Memory
    usable: Estimate  # GiB on the GPUs used, or in the system's memory if the place is RAM
    sure: bool  # whether the model surely fits
    fast: bool  # whether the lower bounds of its speeds reach the floor
    decode: Estimate | None  # tok/s summed over all users, with full contexts
    prefill: Estimate | None  # tok/s
    context: int  # tokens per user that fit, at most the trained context
    note: Text = ""  # why a speed is not known
    ram_layers: int = 0  # layers whose experts are in RAM; llama.cpp --n-cpu-moe

    @property
    def usable_here(self) -> bool:
        """Return whether it surely fits and the lower bounds of its speeds reach the floor."""
        return self.fast and self.sure


def usable_ram_gib(machine: Machine) -> float:
    """Return the GiB of the system's memory that a model may take; 0 if the size is unknown."""
    if machine.memory_gib is None:
        return 0.0
    beside, most = SYSTEM_SHARES
    return machine.memory_gib * (1 - beside) - min(SYSTEM_GIB, most * machine.memory_gib)


def fit_models(
    models: Iterable[KnownModel],
    machine: Machine,
    setting: Setting | None = None,
    *,
    floor: Floor | None = None,
    calibration: Calibration | None = None,
) -> list[Runs]:
    """Return the models that run, largest first.

    Models that were trained for a shorter context than the setting are left out.
    """
    setting, floor = setting or Setting(), floor or Floor()
    found = (
        fit_model(known, machine, setting, floor=floor, calibration=calibration) for known in models
    )
    runs = [x for x in found if x is not None]
    return sorted(runs, key=lambda x: (-x.model.parameters, x.known.name))


def fit_model(
    known: KnownModel,
    machine: Machine,
    setting: Setting | None = None,
    *,
    floor: Floor | None = None,
    calibration: Calibration | None = None,
    context: bool = True,
) -> Runs | None:
    """Return how one model runs on a machine; None if it does not run.

    `calibration` is a measurement with the GPUs of this machine. If `context` is False, the longest
    context is not searched for. Raises SettingError for an invalid setting.
    """
    setting, floor = setting or Setting(), floor or Floor()
    largest_first = sorted(machine.gpus, key=lambda x: (-x.memory_gib, -x.bandwidth_gb_s))
    machine = replace(machine, gpus=tuple(largest_first))
    trained = known.model.context_length
    if trained is not None and setting.context > trained:
        return None
    task = _Task(known, machine, setting, floor, calibration, context)
    formats = _formats(known, setting)
    exact = [x for x in formats if find_quantisation(x).dense_bits >= EXACT_BITS]
    rest = [x for x in formats if x not in exact]
    counts = range(1, len(machine.gpus) + 1)
    whole = next(filter(None, (task.best(exact, Place.GPU, x) for x in counts)), None)
    shared = bool(machine.gpus) and machine.gpus[0].unified  # GPU and system share one memory
    mixture = any(layer.experts for layer in known.model.layers)
    beside = bool(machine.gpus) and mixture and not shared
    if whole and (whole.sure or not beside):
        return whole
    fallback = task.best(exact, Place.EXPERTS_IN_RAM, len(machine.gpus)) if beside else None
    if fallback and fallback.fast and (fallback.sure or not whole):
        return fallback
    if whole:
        return whole
    if machine.gpus and (coarse := task.best(rest, Place.GPU, len(machine.gpus))):
        return coarse
    if beside and fallback is None:
        fallback = task.best(rest, Place.EXPERTS_IN_RAM, len(machine.gpus))
    if fallback or shared:
        return fallback
    return task.best(exact, Place.RAM, 0) or task.best(rest, Place.RAM, 0)


def longest_context(fits_with: Callable[[int], bool], most: int) -> int:
    """Return the most tokens, in steps of 256, for which `fits_with` is true, else 0."""
    if most <= LEAST_CONTEXT:
        return most if fits_with(most) else 0
    if fits_with(most):
        return most
    # In steps of 256 tokens: the largest number that fits, and the smallest that does not.
    low, high = 0, -(-most // LEAST_CONTEXT)
    while high - low > 1:
        middle = (low + high) // 2
        if fits_with(middle * LEAST_CONTEXT):
            low = middle
        else:
            high = middle
    return low * LEAST_CONTEXT


def _formats(known: KnownModel, setting: Setting) -> Sequence[str]:
    """Return the formats to try, the most exact first."""
    if setting.quantisation is not None:
        return (find_quantisation(setting.quantisation).name,)
    if known.model.file_bytes is not None and known.model.quantisation is not None:
        return (known.model.quantisation,)
    return known.quantisations or LADDER


@dataclass(frozen=True, slots=True)
class _Task:
    """One model on one machine."""

    known: KnownModel
    machine: Machine
    setting: Setting
    floor: Floor
    calibration: Calibration | None
    context: bool = True  # also find the longest context

    def best(self, formats: Sequence[str], place: Place, gpus: int) -> Runs | None:
        """Return the most exact format that fits in this place and is fast enough.

        A format that surely fits is preferred. If none is fast enough, return the fastest.
        """
        found = []
        for quantisation in formats:
            runs = self.attempt(quantisation, place, gpus)
            if runs is not None and runs.fast and runs.sure:
                return self.with_context(runs)
            if runs is not None:
                found.append(runs)
        if first := next((x for x in found if x.fast), None):
            return self.with_context(first)
        if not found:
            return None
        if all(x.decode is None for x in found):  # no speeds known: take the most exact that fits
            return self.with_context(max(found, key=lambda x: x.sure))
        return self.with_context(max(found, key=lambda x: x.decode.value if x.decode else 0.0))

    def attempt(self, quantisation: str, place: Place, gpus: int) -> Runs | None:
        """Return the model in this format and place; None if it does not fit."""
        setting = replace(self.setting, quantisation=quantisation, place=place, gpus=max(1, gpus))
        layers = 0
        if place is Place.EXPERTS_IN_RAM:
            setting, layers = self.experts_in_ram(setting, gpus)
        needed = _memory(self.known.model, setting)
        fitting = _fits(needed, self.machine, place, gpus)
        if fitting is None:
            return None
        usable, sure = fitting
        decode = prefill = None
        note: Text = ""
        try:
            decode, prefill = speeds(self.known.model, self.machine, setting, self.calibration)
        except RigError as error:
            note = error.message
        return Runs(
            known=self.known,
            model=self.known.model,
            quantisation=quantisation,
            place=place,
            gpus=gpus,
            memory=needed,
            usable=usable,
            sure=sure,
            fast=self._is_fast(decode, prefill),
            decode=decode,
            prefill=prefill,
            context=0,
            note=note,
            ram_layers=layers,
        )

    def experts_in_ram(self, setting: Setting, gpus: int) -> tuple[Setting, int]:
        """Return the setting with the experts of as few layers as possible in RAM, and the number
        of these layers.

        With this setting, all other weights surely fit on the GPUs. If no setting achieves this,
        the experts of all layers are in RAM.
        """
        layers = sum(bool(x.experts) for x in self.known.model.layers)
        few, enough = 0, layers
        most = _memory(self.known.model, setting)
        room = sum(x.memory_gib for x in self.machine.gpus[:gpus]) + usable_ram_gib(self.machine)
        if most.total.value + most.host.value > room:  # it fits with no share in RAM
            few = layers - 1
        while enough - few > 1:
            middle = (few + enough) // 2
            needed = _memory(self.known.model, replace(setting, ram_share=middle / layers))
            judged = fits(needed.total, self.machine.gpus[:gpus])
            if judged.fits and judged.sure:
                enough = middle
            else:
                few = middle
        return replace(setting, ram_share=enough / layers), enough

    def _is_fast(self, decode: Estimate | None, prefill: Estimate | None) -> bool:
        """Return whether the lower bounds reach the lowest usable speeds."""
        if decode is None or decode.low < self.floor.write * self.setting.users:
            return False
        return self.floor.read == 0 or (prefill is not None and prefill.low >= self.floor.read)

    def with_context(self, runs: Runs) -> Runs:
        """Return the run with the longest context that fits, even with more experts in RAM."""
        if not self.context:
            return runs

        def fits_with(context: int) -> bool:
            setting = replace(
                self.setting,
                quantisation=runs.quantisation,
                place=runs.place,
                gpus=max(1, runs.gpus),
                context=context,
            )
            layers = sum(bool(x.experts) for x in runs.model.layers)
            shares = {runs.ram_layers / layers, 1.0} if runs.ram_layers else {1.0}
            return any(
                _fits(
                    memory(runs.model, replace(setting, ram_share=share)),
                    self.machine,
                    runs.place,
                    runs.gpus,
                )
                for share in shares
            )

        most = runs.model.context_length or max(self.setting.context, 131_072)
        return replace(runs, context=longest_context(fits_with, most))


def speeds(
    model: Model, machine: Machine, setting: Setting, calibration: Calibration | None
) -> tuple[Estimate, Estimate]:
    """Return the speeds of writing and reading with bounds that are valid for other people's
    machines.

    Raises RigError if no speed is known.
    """
    decode = decode_speed(model, machine, setting)
    prefill = prefill_speed(model, machine, setting)
    if setting.place is Place.RAM:
        return decode, prefill
    gpus = machine.gpus[: setting.gpus]
    most = fastest(model, gpus, setting)
    return (
        as_people_measure(decode, model, gpus[0], "decode", most=most, calibration=calibration),
        as_people_measure(prefill, model, gpus[0], "prefill", calibration=calibration),
    )


_memory = lru_cache(maxsize=8192)(memory)  # a planner repeats this for hundreds of machines


def _fits(
    needed: Memory, machine: Machine, place: Place, gpus: int
) -> tuple[Estimate, bool] | None:
    """Return the usable memory and whether the fit is sure; None if the model does not fit."""
    ram = usable_ram_gib(machine)
    room = Estimate(ram, ram, ram, "GiB", (basis("system_memory"),))
    if place is Place.RAM:
        all_of_it = needed.total.value + needed.host.value
        sure = needed.total.high + needed.host.high <= ram
        return (room, sure) if all_of_it <= ram else None
    judged = fits(needed.total, machine.gpus[:gpus])
    usable, sure = judged.usable, judged.sure
    if machine.gpus[0].unified and machine.memory_gib is not None and ram < usable.value:
        usable, sure = room, needed.total.high <= ram  # the system needs some of it
    if needed.total.value > usable.value:
        return None
    if place is Place.EXPERTS_IN_RAM:
        if needed.host.value > ram:
            return None
        sure = sure and needed.host.high <= ram
    return usable, sure
