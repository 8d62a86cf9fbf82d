"""Choose the parts for which the user should look up prices, from the example prices.

The catalogue has 24,000 parts, and nobody can look up so many prices. The example prices cover the
cards that people buy for language models, and a few parts of each other kind that fit together. If
no part of a kind meets the wish, the newest part of the catalogue that meets it is used.
"""

from __future__ import annotations

from collections.abc import Iterable

from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.buy.parts import (
    Board,
    Category,
    Cooler,
    Cpu,
    Drive,
    GraphicsCard,
    MemoryKit,
    Part,
    PowerSupply,
)
from shiomi.rig.buy.prices import example_prices
from shiomi.rig.buy.relations import MAINSTREAM_CARDS, is_workstation
from shiomi.rig.buy.wish import LEAST_CORES, Wish
from shiomi.rig.errors import PlanError
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.use import Use, judge_model
from shiomi.rig.machine.gpus import listed_gpu
from shiomi.rig.machine.machine import Machine
from shiomi.rig.message import reason
from shiomi.rig.model.known_models import KnownModel

__all__ = ["check_wished", "shortlist", "who_runs"]

_MOST = 25
_USUAL_BANDWIDTH = 51.2  # GB/s of two DDR4-3200 modules
_MANY_WATTS = 1000.0  # of a supply for more cards


def check_wished(known: KnownModel, setting: Setting) -> None:
    """Raise PlanError if the model cannot meet the request on any machine."""
    trained = known.model.context_length
    if trained is not None and setting.context > trained:
        lengths = {"trained": f"{trained:,}", "context": f"{setting.context:,}"}
        raise PlanError(reason("trained_for_less", model=known.name, **lengths))


def who_runs(known: KnownModel, use: Use, catalog: Catalog, wish: Wish) -> list[str]:
    """Return the GPUs of the catalogue on which a model surely fits, fastest first.

    Up to `wish.most_gpus` cards are tried. Experts may use the system memory that the wish states.
    """
    check_wished(known, use.setting)
    judge = judge_model(known, use)
    names = {x for card in catalog.of(GraphicsCard) if (x := catalog.gpu_name(card))}
    found = []
    for name in sorted(names):
        gpu = listed_gpu(name)
        if gpu is None:
            continue
        machines = (
            Machine(name, (gpu,) * count, wish.memory_gb, _USUAL_BANDWIDTH)
            for count in range(1, wish.most_gpus + 1)
        )
        if able := next(filter(None, map(judge, machines)), None):
            found.append((-able.worth, name))
    return [name for _, name in sorted(found)]


def shortlist(catalog: Catalog, wish: Wish, chipsets: Iterable[str]) -> list[Part]:
    """Return at most 25 parts for builds with one of `chipsets`, as returned by `who_runs`.

    Raises PlanError if the catalogue has no card with complete data for any of them.
    """
    known = [x.part for x in example_prices(catalog).offers if x.part in catalog.parts]
    listed = [catalog.parts[x] for x in dict.fromkeys(known)]
    others = [x for x in listed if not isinstance(x, GraphicsCard) and _meets(x, wish)]
    have = {x.category for x in others}
    for category in Category:
        if category is not Category.GPU and category not in have:
            others += _newest(catalog, category, wish)
    cards = _cards(catalog, listed, set(chipsets))
    return [*cards[: _MOST - len(others)], *others]


def _cards(catalog: Catalog, listed: Iterable[Part], chipsets: set[str]) -> list[GraphicsCard]:
    """Return the listed cards with one of these chipsets. If there is none, return one card of the
    catalogue with such a chipset and complete data.
    """
    found = [x for x in listed if isinstance(x, GraphicsCard) and catalog.gpu_name(x) in chipsets]
    if found:
        return found
    complete = [
        x
        for x in catalog.of(GraphicsCard)
        if catalog.gpu_name(x) in chipsets
        and x.length_mm
        and x.slot_width
        and x.tdp_w
        and None not in (x.six_pin, x.eight_pin, x.twelve_volt)
        and not x.doubts
    ]
    if not complete:
        raise PlanError("no card in the catalogue both has complete data and runs this model")
    return sorted(complete, key=lambda x: (x.length_mm or 0, x.id))[:1]


def _meets(part: Part, wish: Wish) -> bool:
    """Return whether a part can be in a build that meets the wish."""
    many = wish.most_gpus > MAINSTREAM_CARDS
    if isinstance(part, MemoryKit):
        return wish.memory_gb <= part.capacity_gb <= 2 * wish.memory_gb
    if isinstance(part, Drive):
        return part.capacity_gb >= wish.storage_gb
    if isinstance(part, Cpu):
        return (part.cores or 0) >= LEAST_CORES and (many or not is_workstation(part.socket))
    if isinstance(part, Board):
        return (part.x16_slots or 0) > 1 if many else not is_workstation(part.socket or "")
    if isinstance(part, PowerSupply):
        return not many or (part.watts or 0) >= _MANY_WATTS
    if isinstance(part, Cooler):
        return many or not all(map(is_workstation, part.sockets))
    return True


def _newest(catalog: Catalog, category: Category, wish: Wish) -> list[Part]:
    """Return the newest part of a category that meets the wish and has part numbers."""
    found = [
        x
        for x in catalog.parts.values()
        if x.category is category and x.numbers and not x.doubts and _meets(x, wish)
    ]
    return sorted(found, key=lambda x: (-(x.year or 0), x.name, x.id))[:1]
