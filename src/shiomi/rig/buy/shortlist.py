"""The parts worth pricing for given requirements: a few of each kind that fit together and have
complete rows.

Nobody prices 24,000 parts. Without prices no part is better than another, so the list is a fair
spread. It has one card of each chipset that runs the model, fastest first, and a few of the newest
complete parts of every other kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.buy.choices import memory_sizes, speed_name
from shiomi.rig.buy.parts import (
    Board,
    Case,
    Cooler,
    Cpu,
    Drive,
    GraphicsCard,
    MemoryKit,
    Part,
    PowerSupply,
)
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import PlanError

__all__ = ["shortlist"]

P = TypeVar("P", bound=Part)

_SOCKETS = ("AM5", "LGA 1700", "LGA 1851", "AM4")
_MOST_CHIPSETS = 24
_PER_SOCKET = 3
_SUPPLY_WATTS = (650, 750, 850, 1000, 1200, 1300, 1600)


def shortlist(catalog: Catalog, wish: Wish, chipsets: Iterable[str]) -> list[Part]:
    """Parts for builds with one of `chipsets` (as `who_runs` names them), sorted by kind.

    Raises PlanError if the catalogue has no complete card of any of them.
    """
    cards = _cards(catalog, list(chipsets))
    if not cards:
        raise PlanError("the catalogue has no card, complete in its figures, that runs this model")
    processors: list[Cpu] = []
    boards: list[Board] = []
    kinds: list[str] = []
    for socket in _SOCKETS:
        found = _newest(
            catalog.of(Cpu),
            lambda x, s=socket: x.socket == s and _is_cpu(x, wish),  # type: ignore[misc]
            _PER_SOCKET,
        )
        fitting = _newest(
            catalog.of(Board),
            lambda x, s=socket: x.socket == s and _is_board(x, wish),  # type: ignore[misc]
            _PER_SOCKET + 1,
        )
        if found and fitting:
            processors += found
            boards += fitting
            kinds += [x.memory_type for x in fitting if x.memory_type]
    memory: list[MemoryKit] = []
    for kind in dict.fromkeys(kinds):
        memory += _newest(
            catalog.of(MemoryKit),
            lambda x, k=kind: x.type == k and _is_kit(x, wish),  # type: ignore[misc]
            _PER_SOCKET + 1,
        )
    supplies: list[PowerSupply] = []
    for watts in _SUPPLY_WATTS:
        supplies += _newest(
            catalog.of(PowerSupply),
            lambda x, w=watts: x.watts == w and _is_supply(x),  # type: ignore[misc]
            2,
        )
    return [
        *cards,
        *processors,
        *boards,
        *memory,
        *_newest(catalog.of(Drive), lambda x: _is_drive(x, wish), 5),
        *supplies,
        *_newest(catalog.of(Case), lambda x: _is_case(x, wish), 8),
        *_newest(catalog.of(Cooler), _is_cooler, 6),
    ]


def _cards(catalog: Catalog, chipsets: list[str]) -> list[GraphicsCard]:
    sizes = memory_sizes(catalog.of(GraphicsCard))
    groups: dict[str, list[GraphicsCard]] = {name: [] for name in chipsets}
    for card in catalog.of(GraphicsCard):
        name = speed_name(card, sizes)
        plugs = (card.six_pin, card.eight_pin, card.twelve_volt)
        complete = card.length_mm and card.slot_width and card.tdp_w and None not in plugs
        if name in groups and complete and not card.doubts:
            groups[name].append(card)
    shortest = [min(x, key=lambda x: (x.length_mm or 0, x.id)) for x in groups.values() if x]
    step = max(1.0, len(shortest) / _MOST_CHIPSETS)
    return [shortest[int(i * step)] for i in range(min(len(shortest), _MOST_CHIPSETS))]


def _newest(parts: Iterable[P], wanted: Callable[[P], bool], most: int) -> list[P]:
    """Return the wanted parts of the latest year, in a stable order."""
    found = [x for x in parts if not x.doubts and x.numbers and wanted(x)]
    return sorted(found, key=lambda x: (-(x.year or 0), x.name, x.id))[:most]


def _is_cpu(cpu: Cpu, wish: Wish) -> bool:
    enough = cpu.cores is not None and wish.cores <= cpu.cores <= max(16, wish.cores)
    return enough and cpu.tdp_w is not None and bool(cpu.memory_types)


def _is_board(board: Board, wish: Wish) -> bool:
    slots = board.x16_slots is not None and board.x16_slots >= wish.most_gpus
    memory = board.memory_max_gb is not None and board.memory_max_gb >= wish.memory_gb
    plain = board.form_factor in ("ATX", "Micro ATX") and board.memory_slots is not None
    return slots and memory and plain and bool(board.m2_slots) and bool(board.memory_type)


def _is_kit(kit: MemoryKit, wish: Wish) -> bool:
    wanted = wish.memory_gb <= kit.capacity_gb <= 2 * wish.memory_gb
    return wanted and kit.modules == 2 and kit.form_factor == "DIMM" and not kit.registered


def _is_drive(drive: Drive, wish: Wish) -> bool:
    enough = wish.storage_gb <= drive.capacity_gb <= 4 * wish.storage_gb
    return enough and drive.form_factor.startswith("M.2") and "PCIe 4" in drive.interface


def _is_supply(supply: PowerSupply) -> bool:
    told = supply.eight_pin is not None and supply.twelve_volt is not None
    return told and supply.form_factor == "ATX" and "Gold" in (supply.efficiency or "")


def _is_case(case: Case, wish: Wish) -> bool:
    room = (case.gpu_max_mm or 0) >= 340 and (case.cooler_max_mm or 0) >= 160
    return room and "ATX" in case.boards and (case.slots or 0) >= 4 * min(wish.most_gpus, 2) - 1


def _is_cooler(cooler: Cooler) -> bool:
    every = all(any(s == x for x in cooler.sockets) for s in ("AM5", "AM4", "LGA 1700"))
    return every and cooler.water is False and 0 < (cooler.height_mm or 0) <= 160
