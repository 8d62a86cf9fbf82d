"""Which models run on a machine: in what format, where they lie, how fast, with how much context.

Each model is tried whole on the fewest GPUs that hold it in four bits or more; then with its
experts in the system's memory, if that is fast enough; then in fewer bits; then all of it there.
Of the formats that fit, the most exact one is taken that still writes as fast as is wished for;
where none is as fast, the fastest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shiomi.rig.errors import RigError, SettingError
from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.cpu_speed import decode_on_cpu
from shiomi.rig.estimate.kv_cache import check_setting
from shiomi.rig.estimate.memory import Memory, fits, memory
from shiomi.rig.estimate.people import as_people_measure, fastest
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.speed import decode_speed, prefill_speed
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.model.known_models import KnownModel
from shiomi.rig.model.model import Model
from shiomi.rig.model.quantisation import find_quantisation

__all__ = [
    "LADDER",
    "LEAST_CONTEXT",
    "Need",
    "Place",
    "Runs",
    "fit_model",
    "fit_models",
    "longest_context",
    "usable_ram_gib",
]

LADDER = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M", "IQ3_XXS", "Q2_K")
LEAST_CONTEXT = 256  # tokens, a step of llama.cpp's caches
SYSTEM_GIB = 2.0  # of the system's memory, for everything else
SYSTEM_SHARE = 0.1
EXACT_BITS = 4.0  # per weight of the layers; formats below lose more than most people want


class Place(StrEnum):
    """Where the weights lie."""

    GPU = "gpu"
    EXPERTS_IN_RAM = "experts in RAM"
    RAM = "RAM"


@dataclass(frozen=True, slots=True)
class Need:
    """What a model has to do. `speed` is in tokens per second of one user."""

    context: int = 8192  # tokens, of each user
    users: int = 1
    speed: float = 10.0  # as fast as most people read
    quantisation: str | None = None  # None: the most exact that is fast enough
    kv_dtype: str = "f16"
    engine: str = "llama.cpp"

    def __post_init__(self) -> None:
        """Raise SettingError where a setting means nothing."""
        check_setting(context=self.context, users=self.users, engine="llama.cpp")
        if not 0 < self.speed < 1e6:
            raise SettingError(f"a speed of {self.speed} tok/s means nothing; 10 is reading speed")
        if self.quantisation is not None:
            find_quantisation(self.quantisation)


@dataclass(frozen=True, slots=True)
class Runs:
    """A model that runs, and how. A speed that is not known is None."""

    known: KnownModel
    model: Model
    quantisation: str
    place: Place
    gpus: int  # used, the machine's first ones
    memory: Memory
    usable: Estimate  # GiB, of the GPUs used; of the system's memory where the place is RAM
    sure: bool  # that it fits
    decode: Estimate | None  # tok/s of all users, with their contexts full
    prefill: Estimate | None  # tok/s, of a prompt of 512 tokens
    context: int  # tokens of each user that fit, at most what it was trained for
    note: str = ""  # why a speed is not known


def usable_ram_gib(machine: Machine) -> float:
    """GiB of the system's memory that a model may take; 0 where its size is not known."""
    if machine.memory_gib is None:
        return 0.0
    return max(0.0, machine.memory_gib * (1 - SYSTEM_SHARE) - SYSTEM_GIB)


def fit_models(
    models: Iterable[KnownModel],
    machine: Machine,
    need: Need | None = None,
    *,
    calibration: Calibration | None = None,
) -> list[Runs]:
    """The models that run, largest first. Those for shorter contexts than needed are left out."""
    need = need or Need()
    found = (fit_model(known, machine, need, calibration=calibration) for known in models)
    runs = [x for x in found if x is not None]
    return sorted(runs, key=lambda x: (-x.model.parameters, x.known.name))


def fit_model(
    known: KnownModel,
    machine: Machine,
    need: Need | None = None,
    *,
    calibration: Calibration | None = None,
) -> Runs | None:
    """How one model runs here; None: it does not.

    `calibration` belongs to the GPUs of the machine. Raises SettingError for a setting that means
    nothing.
    """
    need = need or Need()
    machine = replace(machine, gpus=tuple(sorted(machine.gpus, key=_largest_first)))
    trained = known.model.context_length
    if trained is not None and need.context > trained:
        return None
    task = _Task(known, machine, need, calibration)
    formats = _formats(known, need)
    exact = [x for x in formats if find_quantisation(x).dense_bits >= EXACT_BITS]
    rest = [x for x in formats if x not in exact]
    for count in range(1, len(machine.gpus) + 1):
        if whole := task.best(exact, Place.GPU, count):
            return whole
    shared = bool(machine.gpus) and machine.gpus[0].unified  # the system's memory is the GPU's
    mixture = any(layer.experts for layer in known.model.layers)
    beside = bool(machine.gpus) and mixture and not shared
    fallback = task.best(exact, Place.EXPERTS_IN_RAM, len(machine.gpus)) if beside else None
    if fallback and task.is_fast(fallback):
        return fallback
    if machine.gpus and (coarse := task.best(rest, Place.GPU, len(machine.gpus))):
        return coarse
    if beside and fallback is None:
        fallback = task.best(rest, Place.EXPERTS_IN_RAM, len(machine.gpus))
    if fallback or shared:
        return fallback
    return task.best(exact, Place.RAM, 0) or task.best(rest, Place.RAM, 0)


def _largest_first(gpu: Gpu) -> tuple[float, float]:
    return -gpu.memory_gib, -gpu.bandwidth_gb_s


def longest_context(fits_with: Callable[[int], bool], most: int) -> int:
    """The most tokens, in steps of 256, for which `fits_with` holds; 0: none."""
    if most <= LEAST_CONTEXT:
        return most if fits_with(most) else 0
    if fits_with(most):
        return most
    low, high = 0, -(-most // LEAST_CONTEXT)  # fits, does not fit, in steps
    while high - low > 1:
        middle = (low + high) // 2
        if fits_with(middle * LEAST_CONTEXT):
            low = middle
        else:
            high = middle
    return low * LEAST_CONTEXT


def _formats(known: KnownModel, need: Need) -> Sequence[str]:
    """The formats to be tried, the most exact first."""
    if need.quantisation is not None:
        return (find_quantisation(need.quantisation).name,)
    if known.model.file_bytes is not None and known.model.quantisation is not None:
        return (known.model.quantisation,)
    return known.quantisations or LADDER


@dataclass(frozen=True, slots=True)
class _Task:
    """One model on one machine."""

    known: KnownModel
    machine: Machine
    need: Need
    calibration: Calibration | None

    def is_fast(self, runs: Runs) -> bool:
        """Whether it is as fast as is wished for."""
        return runs.decode is not None and runs.decode.value >= self.need.speed * self.need.users

    def best(self, formats: Sequence[str], place: Place, gpus: int) -> Runs | None:
        """Of the formats that fit in this place, the most exact that is fast enough.

        One that surely fits comes before one that may not.
        """
        found = [x for x in (self.attempt(f, place, gpus) for f in formats) if x is not None]
        for fast in ([x for x in found if self.is_fast(x) and x.sure], filter(self.is_fast, found)):
            if first := next(iter(fast), None):
                return self.with_context(first)
        if not found:
            return None
        if all(x.decode is None for x in found):  # the most exact that surely fits
            return self.with_context(max(found, key=lambda x: x.sure))
        return self.with_context(max(found, key=lambda x: x.decode.value if x.decode else 0.0))

    def attempt(self, quantisation: str, place: Place, gpus: int) -> Runs | None:
        """The model in this format and place; None: it does not fit."""
        needed = self.memory(quantisation, self.need.context, place, gpus)
        fitting = _fits(needed, self.machine, place, gpus)
        if fitting is None:
            return None
        usable, sure = fitting
        decode, note = None, ""
        try:
            decode = self.decode(quantisation, place, gpus)
        except RigError as error:
            note = str(error)
        return Runs(
            known=self.known,
            model=self.known.model,
            quantisation=quantisation,
            place=place,
            gpus=gpus,
            memory=needed,
            usable=usable,
            sure=sure,
            decode=decode,
            prefill=None,
            context=0,
            note=note,
        )

    def memory(self, quantisation: str, context: int, place: Place, gpus: int) -> Memory:
        """What it takes."""
        return memory(
            self.known.model,
            quantisation=quantisation,
            context=context,
            users=self.need.users,
            kv_dtype=self.need.kv_dtype,
            gpus=max(1, gpus),
            experts_in_ram=place is Place.EXPERTS_IN_RAM,
        )

    def decode(self, quantisation: str, place: Place, gpus: int) -> Estimate:
        """Raises RigError where no speed is known."""
        need, model = self.need, self.known.model
        if place is Place.RAM:
            return decode_on_cpu(
                model,
                self.machine,
                quantisation=quantisation,
                depth=need.context,
                users=need.users,
                kv_dtype=need.kv_dtype,
            )
        found = decode_speed(
            model,
            self.machine,
            quantisation=quantisation,
            depth=need.context,
            users=need.users,
            gpus=gpus,
            experts_in_ram=place is Place.EXPERTS_IN_RAM,
            engine=need.engine,
            kv_dtype=need.kv_dtype,
            calibration=self.calibration,
        )
        if self.calibration is not None:
            return found
        most = fastest(
            model,
            self.machine.gpus[:gpus],
            quantisation=quantisation,
            depth=need.context,
            users=need.users,
            kv_dtype=need.kv_dtype,
            experts=place is not Place.EXPERTS_IN_RAM,
        )
        return as_people_measure(found, model, "decode", most=most)

    def with_context(self, runs: Runs) -> Runs:
        """The same with what is only worth knowing of the format that was chosen."""

        def fits_with(context: int) -> bool:
            needed = self.memory(runs.quantisation, context, runs.place, runs.gpus)
            return _fits(needed, self.machine, runs.place, runs.gpus) is not None

        prefill = None
        if runs.place is Place.GPU and runs.decode is not None:
            prefill = prefill_speed(
                runs.model,
                self.machine,
                quantisation=runs.quantisation,
                gpus=runs.gpus,
                engine=self.need.engine,
                calibration=self.calibration,
            )
            if self.calibration is None:
                prefill = as_people_measure(prefill, runs.model, "prefill")
        most = runs.model.context_length or max(self.need.context, 131_072)
        return replace(runs, context=longest_context(fits_with, most), prefill=prefill)


def _fits(
    needed: Memory, machine: Machine, place: Place, gpus: int
) -> tuple[Estimate, bool] | None:
    """(usable, sure), or None where it does not fit."""
    ram = usable_ram_gib(machine)
    room = Estimate(ram, ram, ram, "GiB", "the system's memory, less 10 % and 2 GiB for the rest")
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
