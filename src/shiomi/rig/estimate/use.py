"""The uses of a machine: context, prompt, lowest usable speeds, and the best model for each.

Models are sorted by `worth`: the score of their answers (`shiomi.rig.model.quality`), minus the
loss caused by the format, plus a bonus for speed above the floor. The floor is the lowest usable
speed. Models that are slower, or that may not fit, come last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from shiomi.rig.errors import SettingError
from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.fit import Floor, Runs, fit_model, longest_context
from shiomi.rig.estimate.memory import fits, memory
from shiomi.rig.estimate.setting import Place, Setting
from shiomi.rig.machine.machine import Machine
from shiomi.rig.model.known_models import KnownModel
from shiomi.rig.model.quality import Quality, format_loss, knowledge, quality_table

__all__ = [
    "USES", "Capability", "Judge", "Use", "best_for", "best_per_use", "capability", "close_fits",
    "find_use", "in_order", "judge_model", "worth",
]  # fmt: skip

USUAL_FORMAT = "Q4_K_M"
_MOST_CLOSE = 3
LEAST_USEFUL = 2048  # tokens of context

_LEAST_BITS = 2.5
_MOST_BONUS = 4.0  # maximum points for speed above the floor
# Points subtracted for a GPU if neither its architecture nor a related one was measured: its speed
# and its support by engines are then uncertain.
_UNMEASURED = 2.0
_ALL_ARCHITECTURES = "everything"  # key in the basis of an estimate for such a GPU


@dataclass(frozen=True, slots=True)
class Use:
    """A use of a machine, with its setting and its lowest usable speeds.

    `column` is the column of the quality table for this use.
    """

    name: str
    column: str
    setting: Setting
    floor: Floor
    purpose: str = "chat"
    facts: bool = True  # answers need facts, so the model's size counts
    language: str | None = None  # language (ISO 639) that the model's makers must list

    def score(self, known: KnownModel, quality: Quality) -> tuple[float, bool]:
        """Return the score of a model for this use, and whether it is in the table."""
        score, listed = quality.score(known, self.column)
        return score + (knowledge(known) if self.facts else 0.0), listed

    def serves(self, known: KnownModel) -> bool:
        """Return whether the model is made for this use."""
        if self.language is not None and self.language not in known.languages:
            return False
        return self.purpose in known.purposes or self.purpose == "code"


USES = {
    x.name: x
    for x in (
        Use("chat", "chat", Setting(context=8192, prompt=2048), Floor(write=10, read=30)),
        Use(
            "code",
            "code",
            Setting(context=32_768, prompt=16_384),
            Floor(write=15, read=250),
            purpose="code",
            facts=False,
        ),
        Use("long", "long", Setting(context=65_536, prompt=49_152), Floor(write=8, read=200)),
        Use(
            "digest",
            "chat",
            Setting(context=4800, prompt=4000),
            Floor(write=4, read=50),
            language="ja",
        ),
    )
}


def find_use(name: str) -> Use:
    """Return a use by its name."""
    if name not in USES:
        raise SettingError(f"use must be one of {', '.join(USES)}, got {name[:40]!r}")
    return USES[name]


@dataclass(frozen=True, slots=True)
class Capability:
    """A usable model on a machine, and its worth there."""

    runs: Runs
    score: float  # score of the answers, minus the loss by the format
    listed: bool  # the score is from the table, not by rule
    worth: float  # score and a bonus for speed


def worth(runs: Runs, use: Use, quality: Quality) -> Capability:
    """Return the worth of a run: the score plus points for speed.

    If the lower bound of the speed is twice the floor, 1.5 points are added. If it is four times
    the floor, 3 points are added. At most 4 points are added. Two points are subtracted if neither
    the GPU's architecture nor a related one was measured.
    """
    score, listed = use.score(runs.known, quality)
    score -= format_loss(runs.quantisation)
    bonus = 0.0
    if runs.decode is not None and runs.decode.low > 0:
        ratio = runs.decode.low / (use.floor.write * use.setting.users)
        while ratio >= 2 and bonus < _MOST_BONUS:
            ratio /= 2
            bonus += 1.5
        if ratio > 1:
            bonus += 1.5 * (ratio - 1)
    doubted = runs.decode is not None and any(
        getattr(x, "key", "") == _ALL_ARCHITECTURES for x in runs.decode.basis
    )
    total = score + min(_MOST_BONUS, bonus) - (_UNMEASURED if doubted else 0.0)
    return Capability(runs, score, listed, total)


def best_for(
    models: Iterable[tuple[float, KnownModel]],
    machine: Machine,
    use: Use,
    quality: Quality,
    *,
    calibration: Calibration | None = None,
) -> Capability | None:
    """Return the usable model with the highest worth; None if no model is usable.

    `models` are given with their scores, highest first, so that the search can stop early.
    """
    best: Capability | None = None
    for score, known in models:
        if best is not None and score + _MOST_BONUS <= best.worth:  # no later model can be better
            break
        if _hopeless(known, machine, use):
            continue
        runs = fit_model(
            known, machine, use.setting, floor=use.floor, calibration=calibration, context=False
        )
        if runs is None or not runs.usable_here:
            continue
        found = worth(runs, use, quality)
        if best is None or found.worth > best.worth:
            best = found
    return best


Judge = Callable[[Machine], Capability | None]
"""Returns the best model on a machine and its worth; None if no model is usable."""


def judge_model(known: KnownModel, use: Use) -> Judge:
    """Return a function that rates machines by the tokens per second of one model.

    The setting gives the format, else the model's file, else it is Q4_K_M.
    """
    own = known.model.quantisation if known.model.file_bytes is not None else None
    usual = own or (known.quantisations or (USUAL_FORMAT,))[0]
    setting = replace(use.setting, quantisation=use.setting.quantisation or usual)

    def judge(machine: Machine) -> Capability | None:
        runs = fit_model(known, machine, setting, floor=use.floor, context=False)
        if runs is None or not runs.usable_here or runs.decode is None:
            return None
        return Capability(runs, 0.0, listed=False, worth=runs.decode.value)

    return judge


def _hopeless(known: KnownModel, machine: Machine, use: Use) -> bool:
    """Return whether the size and the bandwidths already show that a model is not usable.

    Every format has at least 2.5 bits per weight over the whole model, and each token needs all
    active weights to be read. Routed experts may be read from either memory.
    """
    model = known.model
    room = sum(gpu.memory_gib for gpu in machine.gpus)
    if not any(gpu.unified for gpu in machine.gpus):
        room += machine.memory_gib or 0.0
    if model.file_bytes is None and model.parameters * _LEAST_BITS / 8 / 2**30 > room:
        return True
    fastest = max(
        [gpu.bandwidth_gb_s for gpu in machine.gpus] + [machine.memory_bandwidth_gb_s or 0.0]
    )
    if use.setting.tensor_split:
        fastest *= max(1, len(machine.gpus))
    read = model.active_parameters * _LEAST_BITS / 8 / 1e9
    gain = 2.2 if use.setting.speculation else 1.0
    return fastest / read * gain < use.floor.write


def capability(
    models: Iterable[KnownModel], use: Use, quality: Quality | None = None
) -> list[tuple[float, KnownModel]]:
    """Return the models that are suitable for a use, the highest score first."""
    table = quality or quality_table()
    found = [(use.score(x, table)[0], x) for x in models if use.serves(x)]
    return sorted(found, key=lambda x: (-x[0], x[1].name))


def in_order(
    found: Iterable[Runs], use: Use | None = None, quality: Quality | None = None
) -> list[Runs]:
    """Return the runs sorted by worth; runs with unknown speed are last."""
    use, quality = use or USES["chat"], quality or quality_table()
    return sorted(
        found,
        key=lambda x: (
            not x.usable_here,
            x.decode is None,
            not use.serves(x.known),
            -worth(x, use, quality).worth,
            x.known.name,
        ),
    )


def close_fits(
    ordered: Sequence[Runs], machine: Machine, setting: Setting
) -> list[tuple[Runs, int]]:
    """Return the best runs that are fast but may not fit, each with a context that surely fits.

    `ordered` is from `in_order`. The context is 0 if fewer than LEAST_USEFUL tokens surely fit.
    """
    found = []
    for runs in [x for x in ordered if x.fast and not x.sure and x.place is Place.GPU][
        :_MOST_CLOSE
    ]:

        def surely(context: int, runs: Runs = runs) -> bool:
            asked = replace(
                setting, quantisation=runs.quantisation, gpus=runs.gpus, context=context
            )
            judged = fits(memory(runs.model, asked).total, machine.gpus[: runs.gpus])
            return judged.fits and judged.sure

        context = longest_context(surely, setting.context)
        found.append((runs, context if context >= LEAST_USEFUL else 0))
    return found


def best_per_use(
    models: Sequence[KnownModel],
    machine: Machine,
    uses: Mapping[str, Use],
    *,
    calibration: Calibration | None = None,
) -> dict[str, Runs]:
    """Return the best run for each use that has a usable model, judged as in `plan`."""
    quality = quality_table()
    found = {
        name: best_for(
            capability(models, use, quality), machine, use, quality, calibration=calibration
        )
        for name, use in uses.items()
    }
    return {name: best.runs for name, best in found.items() if best is not None}
