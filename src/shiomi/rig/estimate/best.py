"""The models worth running first, and the best model for each use.

Models are ordered by `worth`: the score of their answers (`shiomi.rig.model.quality`), minus the
loss by the format, plus a bonus for speed above the floor. Models that are slower than the floor,
or that may not fit, come last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from shiomi.rig.estimate.coefficients import Calibration
from shiomi.rig.estimate.fit import Runs, longest_context
from shiomi.rig.estimate.memory import fits, memory
from shiomi.rig.estimate.setting import Place, Setting
from shiomi.rig.estimate.use import USES, Use, best_for, capability, worth
from shiomi.rig.machine.machine import Machine
from shiomi.rig.model.known_models import KnownModel
from shiomi.rig.model.quality import Quality, quality_table

__all__ = ["best_per_use", "close_fits", "in_order", "usable"]

_MOST_CLOSE = 3
LEAST_USEFUL = 2048  # tokens of context


def usable(runs: Runs) -> bool:
    """Return whether the model surely fits and is as fast as the floor by its lower bound."""
    return runs.fast and runs.sure


def in_order(
    found: Iterable[Runs], use: Use | None = None, quality: Quality | None = None
) -> list[Runs]:
    """Return the runs, those worth running first; unknown speeds are last."""
    use, quality = use or USES["chat"], quality or quality_table()
    return sorted(
        found,
        key=lambda x: (
            not usable(x),
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

    `ordered` is from `in_order`. The context is 0 if none of at least LEAST_USEFUL tokens does.
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
    """Return the best run for each use, as `plan` judges a machine; uses without one are absent."""
    quality = quality_table()
    found = {
        name: best_for(
            capability(models, use, quality), machine, use, quality, calibration=calibration
        )
        for name, use in uses.items()
    }
    return {name: best.runs for name, best in found.items() if best is not None}
