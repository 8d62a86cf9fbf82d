"""The parts of a computer, as the catalogue states them. A missing field is None.

Lengths are in millimetres and powers in watts. Capacities are in GB as sold: 10⁹ bytes for drives,
2³⁰ bytes for memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from shiomi.rig.errors import PlanError
from shiomi.rig.message import Text

__all__ = [
    "Board", "Build", "Case", "Category", "Cooler", "Cpu", "Drive", "GraphicsCard", "MemoryKit",
    "Part", "PowerSupply",
]  # fmt: skip

P = TypeVar("P", bound="Part")


class Category(StrEnum):
    """The category of a part; also the name of its catalogue file."""

    GPU = "gpu"
    CPU = "cpu"
    BOARD = "motherboard"
    MEMORY = "ram"
    STORAGE = "storage"
    SUPPLY = "psu"
    CASE = "case"
    COOLER = "cooler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The fields of all parts."""

    id: str
    name: str
    maker: str = ""
    numbers: tuple[str, ...] = ()  # part numbers, as shops print them
    year: int | None = None
    doubts: tuple[Text, ...] = ()  # impossible values of the row; their fields are None

    @property
    def category(self) -> Category:
        """Return the category of this type of part."""
        return _CATEGORIES[type(self)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphicsCard(Part):
    """A graphics card. The connector fields count the power plugs it needs; None if not stated."""

    chipset: str
    vram_gb: float | None = None
    length_mm: float | None = None
    slot_width: float | None = None  # in slots; a card with a width of 2.5 covers three slots
    tdp_w: float | None = None
    six_pin: int | None = None
    eight_pin: int | None = None
    twelve_volt: int | None = None  # 12VHPWR or 12V-2x6; the cable of either fits both sockets


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu(Part):
    """A processor."""

    socket: str
    architecture: str = ""
    cores: int | None = None
    tdp_w: float | None = None
    ppt_w: float | None = None  # its sustained power limit, if stated
    memory_max_gb: float | None = None
    memory_types: tuple[str, ...] = ()
    memory_channels: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board(Part):
    """A motherboard."""

    socket: str | None = None
    form_factor: str | None = None
    chipset: str = ""
    memory_type: str | None = None
    memory_slots: int | None = None
    memory_max_gb: float | None = None
    x16_slots: int | None = None  # slots of this length; the number of their lanes is unknown
    pcie_generation: float | None = None  # of the first slot
    m2_slots: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryKit(Part):
    """A kit of memory modules; the capacity is the kit's."""

    type: str
    capacity_gb: float
    modules: int
    speed: int | None = None  # MT/s
    form_factor: str | None = None  # "DIMM" or "SO-DIMM"
    registered: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive(Part):
    """A solid-state drive."""

    capacity_gb: float
    form_factor: str
    interface: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSupply(Part):
    """A power supply. The connector fields count the plugs it has; None if not stated."""

    watts: float | None = None
    form_factor: str | None = None
    efficiency: str | None = None  # "80+ Gold"
    length_mm: float | None = None
    eight_pin: int | None = None  # PCIe 6+2
    twelve_volt: int | None = None  # 12VHPWR or 12V-2x6


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Part):
    """A case."""

    form_factor: str | None = None
    boards: tuple[str, ...] = ()
    gpu_max_mm: float | None = None
    cooler_max_mm: float | None = None
    supply_max_mm: float | None = None
    slots: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooler(Part):
    """A CPU cooler."""

    sockets: tuple[str, ...] = ()
    height_mm: float | None = None
    water: bool | None = None
    radiator_mm: float | None = None


_CATEGORIES: dict[type[Part], Category] = {
    GraphicsCard: Category.GPU, Cpu: Category.CPU, Board: Category.BOARD,
    MemoryKit: Category.MEMORY, Drive: Category.STORAGE, PowerSupply: Category.SUPPLY,
    Case: Category.CASE, Cooler: Category.COOLER,
}  # fmt: skip

_SEVERAL = {Category.GPU, Category.MEMORY, Category.STORAGE}


@dataclass(frozen=True, slots=True)
class Build:
    """The parts of a computer by category. Categories may be missing.

    A build may have several graphics cards, memory kits and drives, but only one of all other
    parts.
    """

    parts: dict[Category, tuple[Part, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Iterable[Part]) -> Build:
        """Sort parts into a build.

        Raises PlanError if there are two parts of a category that may have only one, such as CPUs.
        """
        sorted_parts: dict[Category, tuple[Part, ...]] = {}
        for part in parts:
            category = part.category
            present = sorted_parts.get(category, ())
            if present and category not in _SEVERAL:
                raise PlanError(
                    f"two parts of kind {category}: {present[0].name!r} and {part.name!r}; "
                    "leave one out"
                )
            sorted_parts[category] = (*present, part)
        return cls(sorted_parts)

    def get(self, category: Category) -> tuple[Part, ...]:
        """Return the parts of a category, or an empty tuple."""
        return self.parts.get(category, ())

    def only(self, kind: type[P]) -> tuple[P, ...]:
        """Return the parts of one type."""
        return tuple(p for p in self.get(_CATEGORIES[kind]) if isinstance(p, kind))
