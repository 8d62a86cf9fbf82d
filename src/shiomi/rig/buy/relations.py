"""The rules between two categories of parts, each in one function.

A relation uses only the key of a part: the few fields that matter for it. Parts with equal keys
form a class, and the planner judges classes instead of parts. If a field is missing, the result is
"unknown", never "fits".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from shiomi.rig.buy.catalog.platforms import graphics_lanes, platform, same_socket
from shiomi.rig.buy.findings import Check, Finding, refused, unknown
from shiomi.rig.buy.parts import Category, Drive, GraphicsCard, MemoryKit

__all__ = ["MAINSTREAM_CARDS", "Relation", "is_workstation", "relations"]

# Watts of one 8-pin PCIe connector (PCI Express CEM). An adapter combines several connectors.
_ADAPTER_WATTS = 150.0
_LANES_PER_CARD = 8  # cards that share every layer exchange activations for each token and layer
# Sorted so that a case for one size also has the mounting holes for all smaller sizes.
_SIZES = ("Mini-ITX", "Micro ATX", "ATX")
_SAME_SIZE = {"Thin Mini-ITX": "Mini-ITX"}
_SMALL_CASES = ("Mini ITX", "HTPC", "Slim")


Key = Hashable
Judged = Finding | None  # None: no problem


@dataclass(frozen=True, slots=True)
class Relation:
    """A rule between two categories. Each key is computed from all parts of its category."""

    left: Category
    right: Category
    left_key: Callable[[Any], Key]
    right_key: Callable[[Any], Key]
    judge: Callable[[Any, Any], Judged]


def _room(check: Check, phrase: str) -> Callable[[float | None, float | None], Judged]:
    """Return a judge that compares a size with the space for it."""

    def judge(have: float | None, room: float | None) -> Judged:
        if have is None or room is None:
            return unknown(check, phrase)
        return refused(check, phrase, have=have, need=room) if have > room else None

    return judge


def _socket(cpu: tuple[str, str], board: tuple[str | None, str]) -> Judged:
    (need, architecture), (have, chipset) = cpu, board
    if have is None:
        return unknown(Check.SOCKET, "socket", need=need)
    if same_socket(need) != same_socket(have):
        return refused(Check.SOCKET, "socket", need=need, have=have)
    known = platform(chipset)
    if known and known.architectures and architecture not in known.architectures:
        return refused(Check.CHIPSET, "chipset", need=architecture, have=chipset)
    return None


def _memory_of_cpu(types: tuple[str, ...], board: str | None) -> Judged:
    if board is None:
        return None  # the relation of board and memory reports this
    if not types:
        return unknown(Check.MEMORY_KIND, "memory_kind_cpu", have=board)
    if board in types:
        return None
    return refused(Check.MEMORY_KIND, "memory_kind_cpu", need=" / ".join(types), have=board)


def _memory_kind(kits: tuple[str, ...], board: str | None) -> Judged:
    if len(kits) > 1:
        return refused(Check.MEMORY_KIND, "memory_mixed", have=", ".join(kits))
    if board is None:
        return unknown(Check.MEMORY_KIND, "memory_kind")
    if kits[0] != board:
        return refused(Check.MEMORY_KIND, "memory_kind", need=board, have=kits[0])
    return None


def _memory_form(kits: tuple[str | None, ...], board: str | None) -> Judged:
    if kits == ("DIMM",) and board != "Thin Mini-ITX":
        return None
    if None in kits or board not in ("ATX", "Micro ATX", "EATX", "XL ATX"):
        return unknown(Check.MEMORY_KIND, "memory_form", have=" ".join(x or "?" for x in kits))
    return refused(Check.MEMORY_KIND, "memory_form", have="SO-DIMM", need="DIMM")


def _registered(registered: bool, board: None) -> Judged:
    del board  # no column of the catalogue states this
    return unknown(Check.MEMORY_KIND, "memory_registered") if registered else None


def _cpu_capacity(limit: float | None, have: float) -> Judged:
    if limit is not None and have > limit:
        return unknown(
            Check.MEMORY_CAPACITY, "memory_capacity_cpu", always=True, need=limit, have=have
        )
    return None


def _form_factor(board: str | None, case: tuple[str, ...]) -> Judged:
    if board is None or not case:
        return unknown(Check.FORM_FACTOR, "form_factor_missing")
    size = _SAME_SIZE.get(board, board)
    if size in case:
        return None
    if size in _SIZES and any(x in case for x in _SIZES[_SIZES.index(size) + 1 :]):
        return unknown(Check.FORM_FACTOR, "form_factor", have=board, need=", ".join(case))
    return refused(Check.FORM_FACTOR, "form_factor", have=board, need=", ".join(case))


def _pcie_slots(count: int, slots: int | None) -> Judged:
    if slots is None:
        return unknown(Check.PCIE_SLOTS, "pcie_slots")
    if count > slots:
        return refused(Check.PCIE_SLOTS, "pcie_slots", have=count, need=slots)
    return unknown(Check.PCIE_SLOTS, "second_slot", always=True) if count > 1 else None


_POSITIONS = {"Mini-ITX": 1, "Micro ATX": 4, "ATX": 7, "EATX": 8, "XL ATX": 9}


def _positions(widths: tuple[int, ...] | None, form_factor: str | None) -> Judged:
    """Judge whether cards in a row fit the slots. All cards but the last must be over the board."""
    if widths is None or len(widths) < 2:
        return None  # the case's slots limit a single card
    positions = _POSITIONS.get(_SAME_SIZE.get(form_factor or "", form_factor or ""))
    if positions is None:
        return unknown(Check.PCIE_SLOTS, "positions")
    need = sum(widths[1:]) + 1  # the widest card is the last and may overhang the board
    if need > positions:
        return refused(
            Check.PCIE_SLOTS, "positions", have=len(widths), need=need, positions=positions
        )
    return None


MAINSTREAM_CARDS = 2
_WORKSTATION_LANES = 40


def is_workstation(socket: str) -> bool:
    """Return whether processors with this socket have PCIe lanes for many cards."""
    return (graphics_lanes(socket) or 0) >= _WORKSTATION_LANES


def _mainstream(count: int, socket: str | None) -> Judged:
    """Judge whether this number of cards fits in a case without risers.

    Boards for mainstream sockets have two long slots that are far enough apart for thick cards.
    Their other slots are under a card, at the edge, or connected through the chipset.
    """
    if count <= MAINSTREAM_CARDS or socket is None or is_workstation(socket):
        return None
    if graphics_lanes(socket) is None:
        return unknown(Check.PCIE_SLOTS, "positions")
    return refused(Check.PCIE_SLOTS, "mainstream", have=count, need=MAINSTREAM_CARDS, socket=socket)


def _lanes(socket: str, count: int) -> Judged:
    if count < 2:
        return None
    lanes = graphics_lanes(socket)
    if lanes is None:
        return unknown(Check.LANES, "lanes", socket=socket)
    need = _LANES_PER_CARD * count
    if need > lanes:
        return refused(Check.LANES, "lanes", have=count, need=need, socket=socket, lanes=lanes)
    return None


Plugs = (
    tuple[int, int, int, float] | None
)  # of one card: the numbers of 6-pin, 8-pin and 12 V plugs, then the watts


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
        return unknown(Check.CONNECTORS, "connectors") if needs else None
    # A 6+2 plug also fits a 6-pin socket. For a 12 V socket, the supply's own cable is used first.
    pins = sum(six + eights for six, eights, _, _ in known)
    sockets = sorted((watts for _, _, volts, watts in known for _ in range(volts)), reverse=True)
    adapted = sum(math.ceil(watts / _ADAPTER_WATTS) for watts in sockets[twelve:])
    if pins + adapted > eight:
        need = [f"{pins} x 8-pin"] if pins else []
        need += [f"{len(sockets)} x 12V-2x6 / 12VHPWR"] if sockets else []
        return refused(
            Check.CONNECTORS,
            "connectors",
            need=" + ".join(need),
            have=f"{eight} x 8-pin + {twelve} x 12V-2x6 / 12VHPWR",
        )
    if missing:
        return unknown(Check.CONNECTORS, "connectors")
    return unknown(Check.CONNECTORS, "adapter", always=True) if adapted else None


def _cooler_socket(sockets: tuple[str, ...], socket: str) -> Judged:
    if not sockets:
        return unknown(Check.COOLER_SOCKET, "cooler_socket")
    if same_socket(socket) in {same_socket(x) for x in sockets}:
        return None
    return refused(Check.COOLER_SOCKET, "cooler_socket", need=socket)


def _cooler_height(cooler: tuple[bool | None, float | None], room: float | None) -> Judged:
    water, height = cooler
    if water:
        return unknown(Check.COOLER_HEIGHT, "radiator")
    if water is None:
        return unknown(Check.COOLER_HEIGHT, "cooler_height")
    return _room(Check.COOLER_HEIGHT, "cooler_height")(height, room)


def _supply_size(
    supply: tuple[float | None, str | None], case: tuple[float | None, str | None]
) -> Judged:
    (length, form), (room, kind) = supply, case
    if length is not None and room is not None and length > room:
        return refused(Check.SUPPLY_SIZE, "supply_length", have=length, need=room)
    if form != "ATX" or kind is None or any(x in kind for x in _SMALL_CASES):
        return unknown(Check.SUPPLY_SIZE, "supply_form", have=form or "?", form=kind or "?")
    if length is None or room is None:
        # The catalogue states this length for 3 of 100 cases; a supply of usual length fits most
        # cases.
        return unknown(Check.SUPPLY_SIZE, "supply_length", always=True)
    return None


def _m2(drives: int, slots: int | None) -> Judged:
    if drives and slots is None:
        return unknown(Check.M2, "m2")
    if slots is not None and drives > slots:
        return refused(Check.M2, "m2", have=drives, need=slots)
    return None


def _longest(cards: tuple[GraphicsCard, ...]) -> Key:
    lengths = [card.length_mm for card in cards]
    return None if None in lengths else max(x for x in lengths if x is not None)


def _widths(cards: tuple[GraphicsCard, ...]) -> tuple[int, ...] | None:
    """Return the width of each card in slots, rounded up, the narrowest card last."""
    widths = [card.slot_width for card in cards]
    known = [math.ceil(w) for w in widths if w is not None]
    return tuple(sorted(known, reverse=True)) if len(known) == len(widths) else None


def _covered(cards: tuple[GraphicsCard, ...]) -> Key:
    """Return the number of case slots that the cards cover."""
    widths = _widths(cards)
    return None if widths is None else sum(widths)


def _capacity(kits: tuple[MemoryKit, ...]) -> float:
    return sum(kit.capacity_gb for kit in kits)


def _modules(kits: tuple[MemoryKit, ...]) -> int:
    return sum(kit.modules for kit in kits)


def _sticks(drives: tuple[Drive, ...]) -> Key:
    return sum(drive.form_factor.startswith("M.2") for drive in drives)


def _of(*names: str) -> Callable[[tuple[Any, ...]], Key]:
    """Return a key function: a field of the first part, or a tuple of several fields."""
    fields = attrgetter(*names)

    def key(parts: tuple[Any, ...]) -> Key:
        value: Key = fields(parts[0])
        return value

    return key


def _each(name: str) -> Callable[[tuple[Any, ...]], Key]:
    """Return a key function: the different values of a field over all parts, sorted."""
    return lambda parts: tuple(sorted({getattr(x, name) for x in parts}, key=str))


def relations(*, shared_layers: bool = False) -> tuple[Relation, ...]:
    """Return all relations between two categories.

    With `shared_layers`, several cards compute each layer together (tensor parallelism, row split),
    so they need PCIe lanes. If each card has whole layers (llama.cpp's default), it passes on only
    a few kB per token.
    """
    gpu, cpu, board, kit = Category.GPU, Category.CPU, Category.BOARD, Category.MEMORY
    case, supply, cooler = Category.CASE, Category.SUPPLY, Category.COOLER
    memory_count = _room(Check.MEMORY_COUNT, "memory_count")
    memory_capacity = _room(Check.MEMORY_CAPACITY, "memory_capacity")
    gpu_length = _room(Check.GPU_LENGTH, "gpu_length")
    gpu_slots = _room(Check.GPU_SLOTS, "gpu_slots")
    lanes = (Relation(cpu, gpu, _of("socket"), len, _lanes),) if shared_layers else ()
    return (
        Relation(cpu, board, _of("socket", "architecture"), _of("socket", "chipset"), _socket),
        Relation(cpu, board, _of("memory_types"), _of("memory_type"), _memory_of_cpu),
        Relation(kit, board, _each("type"), _of("memory_type"), _memory_kind),
        Relation(kit, board, _each("form_factor"), _of("form_factor"), _memory_form),
        Relation(kit, board, lambda k: any(x.registered for x in k), lambda _: None, _registered),
        Relation(kit, board, _modules, _of("memory_slots"), memory_count),
        Relation(kit, board, _capacity, _of("memory_max_gb"), memory_capacity),
        Relation(cpu, kit, _of("memory_max_gb"), _capacity, _cpu_capacity),
        Relation(board, case, _of("form_factor"), _of("boards"), _form_factor),
        Relation(gpu, board, len, _of("x16_slots"), _pcie_slots),
        Relation(gpu, board, _widths, _of("form_factor"), _positions),
        Relation(gpu, board, len, _of("socket"), _mainstream),
        Relation(gpu, case, _longest, _of("gpu_max_mm"), gpu_length),
        Relation(gpu, case, _covered, _of("slots"), gpu_slots),
        Relation(gpu, supply, _plugs, _of("eight_pin", "twelve_volt"), _connectors),
        Relation(cooler, cpu, _of("sockets"), _of("socket"), _cooler_socket),
        Relation(cooler, case, _of("water", "height_mm"), _of("cooler_max_mm"), _cooler_height),
        Relation(
            supply,
            case,
            _of("length_mm", "form_factor"),
            _of("supply_max_mm", "form_factor"),
            _supply_size,
        ),
        Relation(Category.STORAGE, board, _sticks, _of("m2_slots"), _m2),
        *lanes,
    )
