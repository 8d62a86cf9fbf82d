"""The speed of N cards of one kind with a model, for the planner.

A card that may be too small for the model has no speed: a purchase must surely fit.
"""

from __future__ import annotations

from dataclasses import replace

from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.buy.choices import Speed, memory_sizes, speed_name
from shiomi.rig.buy.parts import GraphicsCard
from shiomi.rig.errors import AmbiguousPartError, PlanError, RigError, UnknownPartError
from shiomi.rig.estimate.fit import speeds
from shiomi.rig.estimate.memory import fits, memory
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.machine.gpus import find_gpu, gpus_called
from shiomi.rig.machine.machine import Machine
from shiomi.rig.message import basis, reason
from shiomi.rig.model.known_models import KnownModel

__all__ = ["check_wished", "chosen_format", "gpu_speeds", "who_runs"]

USUAL_FORMAT = "Q4_K_M"


def chosen_format(known: KnownModel, setting: Setting) -> str:
    """The format for the plan: the requested one, else the model's own, else Q4_K_M."""
    own = known.model.quantisation if known.model.file_bytes is not None else None
    return setting.quantisation or own or (known.quantisations or (USUAL_FORMAT,))[0]


def gpu_speeds(known: KnownModel, setting: Setting) -> Speed:
    """The tokens per second of this number of cards; None if the model may not fit on them.

    Raises PlanError if the context is longer than the model was trained for.
    """
    check_wished(known, setting)
    quantisation = chosen_format(known, setting)
    wished = basis(
        "asked",
        model=f"{known.name} {quantisation}",
        users=setting.users,
        context=f"{setting.context:,}",
    )

    def speed(name: str, count: int) -> Estimate | None:
        # Most cards have no known bandwidth, so the reason is not searched for.
        if not gpus_called(name):
            raise UnknownPartError(f"{name!r} is no known GPU")
        gpus = (find_gpu(name),) * count
        asked = replace(setting, quantisation=quantisation, gpus=count)
        fit = fits(memory(known.model, asked).total, gpus)
        if not (fit.fits and fit.sure):
            return None
        try:
            found, _ = speeds(known.model, Machine(name, gpus), asked, None)
        except (UnknownPartError, AmbiguousPartError):
            raise
        except RigError:
            return None
        return replace(found, basis=(wished, *found.basis))

    return speed


def check_wished(known: KnownModel, setting: Setting) -> None:
    """Raise PlanError if the model cannot meet the request on any machine."""
    trained = known.model.context_length
    if trained is not None and setting.context > trained:
        raise PlanError(
            reason(
                "trained_for_less",
                model=known.name,
                trained=f"{trained:,}",
                context=f"{setting.context:,}",
            )
        )


def who_runs(
    known: KnownModel, setting: Setting, catalog: Catalog, most_gpus: int
) -> list[tuple[str, int, Estimate]]:
    """The chipsets of the catalogue that run it: (name, fewest cards, speed), fastest first."""
    speed = gpu_speeds(known, setting)
    cards = catalog.of(GraphicsCard)
    sizes = memory_sizes(cards)
    found = []
    for name in sorted({x for card in cards if (x := speed_name(card, sizes))}):
        for count in range(1, most_gpus + 1):
            try:
                estimate = speed(name, count)
            except (UnknownPartError, AmbiguousPartError):
                break
            if estimate is not None:
                found.append((name, count, estimate))
                break
    return sorted(found, key=lambda x: (-x[2].value, x[0]))
