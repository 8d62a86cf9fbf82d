"""The rules between two categories of parts, each in one function.

A relation uses only the key of a part: the few fields that matter for it. Parts with equal keys
form a class, and the planner judges classes instead of parts. If a field is missing, the result is
"unknown", never "fits".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from shiomi.rig.buy.catalog.platforms import graphics_lanes, platform, same_socket
from shiomi.rig.buy.findings import Check
from shiomi.rig.buy.parts import (
    Board,
    Case,
    Category,
    Cooler,
    Cpu,
    Drive,
    GraphicsCard,
    MemoryKit,
    PowerSupply,
)

__all__ = ["ADAPTER_WATTS", "Judgement", "Outcome", "Relation", "relations"]

# Watts of one 8-pin PCIe connector (PCI Express CEM); an adapter joins several.
ADAPTER_WATTS = 150.0
LANES_PER_CARD = 8  # cards that share every layer exchange activations for each token and layer
# Sorted so that each size also has the mounting holes of the smaller sizes.
_SIZES = ("Mini-ITX", "Micro ATX", "ATX")
_SAME_SIZE = {"Thin Mini-ITX": "Mini-ITX"}
_SMALL_CASES = ("Mini ITX", "HTPC", "Slim")


class Outcome(IntEnum):
    """How a relation judges."""

    REFUSED = 0
    UNKNOWN = 1  # the catalogue's row lacks the field
    CHECK = 2  # nothing in a catalogue settles it


@dataclass(frozen=True, slots=True)
class Judgement:
    """Make a finding from a phrase and its figures. A relation without a problem returns None."""

    outcome: Outcome
    check: Check
    phrase: str
    slots: tuple[tuple[str, str], ...] = ()


Key = Hashable
Judged = Judgement | None


@dataclass(frozen=True, slots=True)
class Relation:
    """The rules between the parts of two categories. A key covers all parts of a category."""

    left: Category
    right: Category
    left_key: Callable[[Any], Key]
    right_key: Callable[[Any], Key]
    judge: Callable[[Any, Any], Judged]


def _judgement(outcome: Outcome, check: Check, phrase: str, **slots: object) -> Judgement:
    texts = tuple((k, f"{v:g}" if isinstance(v, float) else str(v)) for k, v in slots.items())
    return Judgement(outcome, check, phrase, texts)


def _refused(check: Check, phrase: str, **slots: object) -> Judgement:
    return _judgement(Outcome.REFUSED, check, phrase, **slots)


def _unknown(check: Check, phrase: str, **slots: object) -> Judgement:
    return _judgement(Outcome.UNKNOWN, check, phrase, **slots)


def _check(check: Check, phrase: str, **slots: object) -> Judgement:
    return _judgement(Outcome.CHECK, check, phrase, **slots)


def _room(check: Check, phrase: str) -> Callable[[float | None, float | None], Judged]:
    """Compare a size with the space for it."""

    def judge(have: float | None, room: float | None) -> Judged:
        if have is None or room is None:
            return _unknown(check, phrase)
        return _refused(check, phrase, have=have, need=room) if have > room else None

    return judge


def _socket(cpu: tuple[str, str], board: tuple[str | None, str]) -> Judged:
    (need, architecture), (have, chipset) = cpu, board
    if have is None:
        return _unknown(Check.SOCKET, "socket", need=need)
    if same_socket(need) != same_socket(have):
        return _refused(Check.SOCKET, "socket", need=need, have=have)
    known = platform(chipset)
    if known and known.architectures and architecture not in known.architectures:
        return _refused(Check.CHIPSET, "chipset", need=architecture, have=chipset)
    return None


def _memory_of_cpu(types: tuple[str, ...], board: str | None) -> Judged:
    if board is None:
        return None  # the relation of board and memory reports this
    if not types:
        return _unknown(Check.MEMORY_KIND, "memory_kind_cpu", have=board)
    if board in types:
        return None
    return _refused(Check.MEMORY_KIND, "memory_kind_cpu", need=" / ".join(types), have=board)


def _memory_kind(kits: tuple[str, ...], board: str | None) -> Judged:
    if len(kits) > 1:
        return _refused(Check.MEMORY_KIND, "memory_mixed", have=", ".join(kits))
    if board is None:
        return _unknown(Check.MEMORY_KIND, "memory_kind")
    if kits[0] != board:
        return _refused(Check.MEMORY_KIND, "memory_kind", need=board, have=kits[0])
    return None


def _memory_form(kits: tuple[str | None, ...], board: str | None) -> Judged:
    if kits == ("DIMM",) and board != "Thin Mini-ITX":
        return None
    if None in kits or board not in ("ATX", "Micro ATX", "EATX", "XL ATX"):
        return _unknown(Check.MEMORY_KIND, "memory_form", have=" ".join(x or "?" for x in kits))
    return _refused(Check.MEMORY_KIND, "memory_form", have="SO-DIMM", need="DIMM")


def _registered(registered: bool, board: None) -> Judged:
    del board  # no catalogue column says it
    return _unknown(Check.MEMORY_KIND, "memory_registered") if registered else None


def _cpu_capacity(limit: float | None, have: float) -> Judged:
    if limit is not None and have > limit:
        return _check(Check.MEMORY_CAPACITY, "memory_capacity_cpu", need=limit, have=have)
    return None


def _form_factor(board: str | None, case: tuple[str, ...]) -> Judged:
    if board is None or not case:
        return _unknown(Check.FORM_FACTOR, "form_factor_missing")
    size = _SAME_SIZE.get(board, board)
    if size in case:
        return None
    if size in _SIZES and any(x in case for x in _SIZES[_SIZES.index(size) + 1 :]):
        return _unknown(Check.FORM_FACTOR, "form_factor", have=board, need=", ".join(case))
    return _refused(Check.FORM_FACTOR, "form_factor", have=board, need=", ".join(case))


def _pcie_slots(count: int, slots: int | None) -> Judged:
    if slots is None:
        return _unknown(Check.PCIE_SLOTS, "pcie_slots")
    if count > slots:
        return _refused(Check.PCIE_SLOTS, "pcie_slots", have=count, need=slots)
    return _check(Check.PCIE_SLOTS, "second_slot") if count > 1 else None


_POSITIONS = {"Mini-ITX": 1, "Micro ATX": 4, "ATX": 7, "EATX": 8, "XL ATX": 9}


def _positions(widths: tuple[int, ...] | None, form_factor: str | None) -> Judged:
    """Judge whether cards in a row find slots. All but the last must lie on the board."""
    if widths is None or len(widths) < 2:
        return None  # the case's slots limit a single card
    positions = _POSITIONS.get(_SAME_SIZE.get(form_factor or "", form_factor or ""))
    if positions is None:
        return _unknown(Check.PCIE_SLOTS, "positions")
    need = sum(widths[1:]) + 1  # the widest card is the last and may overhang the board
    if need > positions:
        return _refused(
            Check.PCIE_SLOTS, "positions", have=len(widths), need=need, positions=positions
        )
    return None


_MAINSTREAM_CARDS = 2
_WORKSTATION_LANES = 40


def _mainstream(count: int, socket: str | None) -> Judged:
    """Judge whether so many cards fit in a case without risers.

    Boards for mainstream sockets have two long slots that are far enough apart for thick cards.
    Their other slots are under a card, at the edge, or connected through the chipset.
    """
    if count <= _MAINSTREAM_CARDS or socket is None:
        return None
    lanes = graphics_lanes(socket)
    if lanes is None:
        return _unknown(Check.PCIE_SLOTS, "positions")
    if lanes < _WORKSTATION_LANES:
        return _refused(
            Check.PCIE_SLOTS, "mainstream", have=count, need=_MAINSTREAM_CARDS, socket=socket
        )
    return None


def _lanes(socket: str, count: int) -> Judged:
    if count < 2:
        return None
    lanes = graphics_lanes(socket)
    if lanes is None:
        return _unknown(Check.LANES, "lanes", socket=socket)
    need = LANES_PER_CARD * count
    if need > lanes:
        return _refused(Check.LANES, "lanes", have=count, need=need, socket=socket, lanes=lanes)
    return None


Plugs = tuple[int, int, int, float] | None  # 6-pin, 8-pin, 12 V, watts of one card


def _plugs(cards: tuple[GraphicsCard, ...]) -> Key:
    plugs: list[Plugs] = []
    for card in cards:
        if card.six_pin is None or card.eight_pin is None or card.twelve_volt is None:
            plugs.append(None)
        elif card.twelve_volt and card.tdp_w is None:
            plugs.append(None)  # the number of 8-pin connectors of its adapter is unknown
        else:
            watts = card.tdp_w if card.twelve_volt and card.tdp_w else 0.0
            plugs.append((card.six_pin, card.eight_pin, card.twelve_volt, watts))
    return tuple(plugs)


def _connectors(cards: tuple[Plugs, ...], supply: tuple[int | None, int | None]) -> Judged:
    eight, twelve = supply
    known = [x for x in cards if x is not None]
    missing = len(known) < len(cards)
    if eight is None or twelve is None:
        needs = missing or any(six or pins or volts for six, pins, volts, _ in known)
        return _unknown(Check.CONNECTORS, "connectors") if needs else None
    # A 6+2 plug also fits a 6-pin socket. For a 12 V socket, the supply's own cable is used first.
    pins = sum(six + eights for six, eights, _, _ in known)
    sockets = sorted((watts for _, _, volts, watts in known for _ in range(volts)), reverse=True)
    adapted = sum(math.ceil(watts / ADAPTER_WATTS) for watts in sockets[twelve:])
    if pins + adapted > eight:
        need = [f"{pins} x 8-pin"] if pins else []
        need += [f"{len(sockets)} x 12V-2x6 / 12VHPWR"] if sockets else []
        return _refused(
            Check.CONNECTORS,
            "connectors",
            need=" + ".join(need),
            have=f"{eight} x 8-pin + {twelve} x 12V-2x6 / 12VHPWR",
        )
    if missing:
        return _unknown(Check.CONNECTORS, "connectors")
    return _check(Check.CONNECTORS, "adapter") if adapted else None


def _cooler_socket(sockets: tuple[str, ...], socket: str) -> Judged:
    if not sockets:
        return _unknown(Check.COOLER_SOCKET, "cooler_socket")
    if same_socket(socket) in {same_socket(x) for x in sockets}:
        return None
    return _refused(Check.COOLER_SOCKET, "cooler_socket", need=socket)


def _cooler_height(cooler: tuple[bool | None, float | None], room: float | None) -> Judged:
    water, height = cooler
    if water:
        return _unknown(Check.COOLER_HEIGHT, "radiator")
    if water is None:
        return _unknown(Check.COOLER_HEIGHT, "cooler_height")
    return _room(Check.COOLER_HEIGHT, "cooler_height")(height, room)


def _supply_size(
    supply: tuple[float | None, str | None], case: tuple[float | None, str | None]
) -> Judged:
    (length, form), (room, kind) = supply, case
    if length is not None and room is not None and length > room:
        return _refused(Check.SUPPLY_SIZE, "supply_length", have=length, need=room)
    if form != "ATX" or kind is None or any(x in kind for x in _SMALL_CASES):
        return _unknown(Check.SUPPLY_SIZE, "supply_form", have=form or "?", form=kind or "?")
    if length is None or room is None:
        # The catalogue states this length for 3 of 100 cases; a supply of usual length fits most
        # cases.
        return _check(Check.SUPPLY_SIZE, "supply_length")
    return None


def _m2(drives: int, slots: int | None) -> Judged:
    if drives and slots is None:
        return _unknown(Check.M2, "m2")
    if slots is not None and drives > slots:
        return _refused(Check.M2, "m2", have=drives, need=slots)
    return None


def _widest(values: list[float | None]) -> float | None:
    known = [x for x in values if x is not None]
    return max(known) if len(known) == len(values) else None


def _covered(cards: tuple[GraphicsCard, ...]) -> Key:
    """Return the number of case slots that the cards cover; each card takes a whole number."""
    widths = [card.slot_width for card in cards]
    return None if None in widths else sum(math.ceil(w) for w in widths if w is not None)


def _widths(cards: tuple[GraphicsCard, ...]) -> Key:
    """Return the width of each card in slots, rounded up, the narrowest card last."""
    widths = [card.slot_width for card in cards]
    known = [math.ceil(w) for w in widths if w is not None]
    return tuple(sorted(known, reverse=True)) if len(known) == len(widths) else None


def _kinds(kits: tuple[MemoryKit, ...]) -> Key:
    return tuple(sorted({kit.type for kit in kits}))


def _forms(kits: tuple[MemoryKit, ...]) -> Key:
    return tuple(sorted({kit.form_factor for kit in kits}, key=str))


def _capacity(kits: tuple[MemoryKit, ...]) -> float:
    return sum(kit.capacity_gb for kit in kits)


def _first(name: str) -> Callable[[tuple[Any, ...]], Key]:
    def key(parts: tuple[Any, ...]) -> Key:
        value: Key = getattr(parts[0], name)
        return value

    return key


def _cpu_key(cpus: tuple[Cpu, ...]) -> Key:
    return cpus[0].socket, cpus[0].architecture


def _board_key(boards: tuple[Board, ...]) -> Key:
    return boards[0].socket, boards[0].chipset


def _supply_key(supplies: tuple[PowerSupply, ...]) -> Key:
    return supplies[0].length_mm, supplies[0].form_factor


def _case_key(cases: tuple[Case, ...]) -> Key:
    return cases[0].supply_max_mm, cases[0].form_factor


def _sticks(drives: tuple[Drive, ...]) -> Key:
    return sum(drive.form_factor.startswith("M.2") for drive in drives)


def _cooler_key(coolers: tuple[Cooler, ...]) -> Key:
    return coolers[0].water, coolers[0].height_mm


def relations(*, shared_layers: bool = False) -> tuple[Relation, ...]:
    """All relations between two categories.

    With `shared_layers`, several cards compute each layer together (tensor parallelism, row split),
    so they need PCIe lanes. With a split by layers (llama.cpp's default), a card passes on only a
    few kB per token.
    """
    gpu, cpu, board, kit = Category.GPU, Category.CPU, Category.BOARD, Category.MEMORY
    case, supply, cooler = Category.CASE, Category.SUPPLY, Category.COOLER
    memory_room = _room(Check.MEMORY_COUNT, "memory_count")
    capacity_room = _room(Check.MEMORY_CAPACITY, "memory_capacity")
    lanes = (Relation(cpu, gpu, _first("socket"), len, _lanes),) if shared_layers else ()
    return (
        Relation(cpu, board, _cpu_key, _board_key, _socket),
        Relation(cpu, board, _first("memory_types"), _first("memory_type"), _memory_of_cpu),
        Relation(kit, board, _kinds, _first("memory_type"), _memory_kind),
        Relation(kit, board, _forms, _first("form_factor"), _memory_form),
        Relation(kit, board, lambda k: any(x.registered for x in k), lambda _: None, _registered),
        Relation(
            kit,
            board,
            lambda k: sum(x.modules for x in k),
            _first("memory_slots"),
            memory_room,
        ),
        Relation(kit, board, _capacity, _first("memory_max_gb"), capacity_room),
        Relation(cpu, kit, _first("memory_max_gb"), _capacity, _cpu_capacity),
        Relation(board, case, _first("form_factor"), _first("boards"), _form_factor),
        Relation(gpu, board, len, _first("x16_slots"), _pcie_slots),
        Relation(gpu, board, _widths, _first("form_factor"), _positions),
        Relation(gpu, board, len, _first("socket"), _mainstream),
        Relation(
            gpu,
            case,
            lambda g: _widest([x.length_mm for x in g]),
            _first("gpu_max_mm"),
            _room(Check.GPU_LENGTH, "gpu_length"),
        ),
        Relation(gpu, case, _covered, _first("slots"), _room(Check.GPU_SLOTS, "gpu_slots")),
        Relation(gpu, supply, _plugs, lambda s: (s[0].eight_pin, s[0].twelve_volt), _connectors),
        Relation(cooler, cpu, _first("sockets"), _first("socket"), _cooler_socket),
        Relation(cooler, case, _cooler_key, _first("cooler_max_mm"), _cooler_height),
        Relation(supply, case, _supply_key, _case_key, _supply_size),
        Relation(Category.STORAGE, board, _sticks, _first("m2_slots"), _m2),
        *lanes,
    )
