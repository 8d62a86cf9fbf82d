"""Choose the parts to price for a wish, from the parts of the example prices.

The catalogue has 24,000 parts, too many to price. The example prices cover the cards that people
buy for language models, and for each other kind a few parts that fit together. If no part of a kind
meets the wish, the newest part of the catalogue that meets it is used.
"""

from __future__ import annotations

from collections.abc import Iterable

from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.buy.catalog.platforms import graphics_lanes
from shiomi.rig.buy.choices import memory_sizes, speed_name
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
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import AmbiguousPartError, PlanError, UnknownPartError
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.use import Use, judge_model
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.machine import Machine
from shiomi.rig.message import reason
from shiomi.rig.model.known_models import KnownModel

__all__ = ["MOST", "check_wished", "shortlist", "who_runs"]

MOST = 25
_WORKSTATION_LANES = 40
_MAINSTREAM_CARDS = 2
_USUAL_BANDWIDTH = 51.2  # GB/s of two DDR4-3200 modules
_MANY_WATTS = 1000.0  # of a supply for more cards


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


def who_runs(known: KnownModel, use: Use, catalog: Catalog, wish: Wish) -> list[str]:
    """Return the chipsets of the catalogue on which a model surely fits, fastest first.

    Up to `wish.most_gpus` cards are tried. Experts may use the system memory that the wish states.
    """
    check_wished(known, use.setting)
    judge = judge_model(known, use)
    sizes = memory_sizes(catalog.of(GraphicsCard))
    names = {x for card in catalog.of(GraphicsCard) if (x := speed_name(card, sizes))}
    found = []
    for name in sorted(names):
        try:
            gpu = find_gpu(name)
        except (UnknownPartError, AmbiguousPartError):
            continue
        machines = (
            Machine(name, (gpu,) * count, wish.memory_gb, _USUAL_BANDWIDTH)
            for count in range(1, wish.most_gpus + 1)
        )
        if able := next(filter(None, map(judge, machines)), None):
            found.append((-able.worth, name))
    return [name for _, name in sorted(found)]


def shortlist(catalog: Catalog, wish: Wish, chipsets: Iterable[str]) -> list[Part]:
    """Return at most MOST parts for builds with one of `chipsets`, as returned by `who_runs`.

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
    return [*cards[: MOST - len(others)], *others]


def _cards(catalog: Catalog, listed: Iterable[Part], chipsets: set[str]) -> list[GraphicsCard]:
    """Return the listed cards with one of these chipsets. If there is none, return one card of the
    catalogue with such a chipset and complete data.
    """
    sizes = memory_sizes(catalog.of(GraphicsCard))
    found = [x for x in listed if isinstance(x, GraphicsCard) and speed_name(x, sizes) in chipsets]
    if found:
        return found
    complete = [
        x
        for x in catalog.of(GraphicsCard)
        if speed_name(x, sizes) in chipsets
        and x.length_mm
        and x.slot_width
        and x.tdp_w
        and None not in (x.six_pin, x.eight_pin, x.twelve_volt)
        and not x.doubts
    ]
    if not complete:
        raise PlanError("the catalogue has no card, complete in its figures, that runs this model")
    return sorted(complete, key=lambda x: (x.length_mm or 0, x.id))[:1]


def _meets(part: Part, wish: Wish) -> bool:
    """Return whether a part can be in a build that meets the wish."""
    many = wish.most_gpus > _MAINSTREAM_CARDS
    if isinstance(part, MemoryKit):
        return wish.memory_gb <= part.capacity_gb <= 2 * wish.memory_gb
    if isinstance(part, Drive):
        return part.capacity_gb >= wish.storage_gb
    if isinstance(part, Cpu):
        return (part.cores or 0) >= wish.cores and (many or not _workstation(part.socket))
    if isinstance(part, Board):
        return (part.x16_slots or 0) > 1 if many else not _workstation(part.socket or "")
    if isinstance(part, PowerSupply):
        return not many or (part.watts or 0) >= _MANY_WATTS
    if isinstance(part, Cooler):
        return many or not all(map(_workstation, part.sockets))
    return True


def _workstation(socket: str) -> bool:
    return (graphics_lanes(socket) or 0) >= _WORKSTATION_LANES


def _newest(catalog: Catalog, category: Category, wish: Wish) -> list[Part]:
    """Return the newest part of a category that meets the wish and has part numbers."""
    found = [
        x
        for x in catalog.parts.values()
        if x.category is category and x.numbers and not x.doubts and _meets(x, wish)
    ]
    return sorted(found, key=lambda x: (-(x.year or 0), x.name, x.id))[:1]
