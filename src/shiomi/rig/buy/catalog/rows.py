"""Turn one catalogue row into one typed part.

If a field contradicts other fields, it becomes None and the reason is added to the doubts of
the part. An impossible zero, such as a length or a power of 0, counts as an empty field. If a
card needs a power connector but all its connector counts are zero, these counts are unknown too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import TypedDict

from shiomi.rig.buy.catalog.platforms import platform
from shiomi.rig.buy.parts import (
    Board,
    Case,
    Category,
    Cooler,
    Cpu,
    Drive,
    GraphicsCard,
    MemoryKit,
    Part,
    PowerSupply,
)
from shiomi.rig.message import Text, reason

__all__ = ["FIELDS", "read_row"]

SLOT_WATTS = 75.0  # power of a PCIe x16 slot (PCI Express CEM)
_CARD_GB = re.compile(r"(?<![\d.])(\d{1,2}) ?GB?\b", re.IGNORECASE)

# The columns of each file, in order. All files begin with the same five columns. The values of `id`
# are from OpenDB.
_ALWAYS = ("id", "name", "maker", "pn", "year")
FIELDS: dict[Category, tuple[str, ...]] = {
    Category.GPU: (
        *_ALWAYS,
        *("chipset", "vram_gb", "length_mm", "slots", "tdp_w", "p6", "p8", "p12vhpwr", "p12v2x6"),
    ),
    Category.CPU: (
        *_ALWAYS,
        *("socket", "arch", "cores", "tdp_w", "ppt_w", "mem_max_gb", "mem_types", "mem_ch"),
    ),
    Category.BOARD: (
        *_ALWAYS,
        *("socket", "ff", "chipset", "ram_type", "ram_slots", "ram_max_gb", "pcie", "m2"),
    ),
    Category.MEMORY: (*_ALWAYS, "type", "speed", "capacity_gb", "modules", "ff", "reg"),
    Category.STORAGE: (*_ALWAYS, "capacity_gb", "ff", "iface"),
    Category.SUPPLY: (
        *_ALWAYS,
        *("watt", "ff", "eff", "length_mm", "p62", "p12vhpwr", "p12v2x6"),
    ),
    Category.CASE: (*_ALWAYS, "ff", "mb", "gpu_max_mm", "cooler_max_mm", "psu_max_mm", "slots"),
    Category.COOLER: (*_ALWAYS, "sockets", "height_mm", "water", "rad_mm"),
}


class _Row:
    """The fields of a row. Each field is checked; contradictions are collected in `doubts`."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = fields
        self.doubts: list[Text] = []

    def text(self, name: str) -> str:
        return (self.fields.get(name) or "").strip()

    def listed(self, name: str) -> tuple[str, ...]:
        return tuple(x.strip() for x in self.text(name).split("|") if x.strip())

    def number(self, name: str, low: float, high: float) -> float | None:
        """Return a number within [low, high]; None if the field is empty, zero or impossible."""
        text = self.text(name)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if low <= value <= high:
            return value
        if value != 0:
            self.doubt("cannot_be", field=name, value=text[:20])
        return None

    def whole(self, name: str, low: float, high: float) -> int | None:
        value = self.number(name, low, high)
        return None if value is None else int(value)

    def count(self, name: str, high: int) -> int | None:
        """Return a whole number from 0 to `high`; None if the field is empty or impossible."""
        text = self.text(name)
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= high:
            return int(text)
        self.doubt("cannot_be", field=name, value=text[:20])
        return None

    def connectors(self, *names: str) -> list[int | None]:
        """Return connector counts. Empty fields mean 0 if any count is stated, else unknown."""
        counts = [self.count(name, 18) for name in names]
        if all(count is None for count in counts):
            return counts
        return [count or 0 for count in counts]

    def doubt(self, key: str, **slots: object) -> None:
        self.doubts.append(reason(key, **slots))


class _Named(TypedDict):
    id: str
    name: str
    maker: str
    numbers: tuple[str, ...]
    year: int | None
    doubts: tuple[Text, ...]


def _named(row: _Row) -> _Named:
    """Return the fields of all parts. Call it after all other fields are read."""
    doubts = tuple(row.doubts)
    year = row.whole("year", 1995, 2100)
    numbers = row.listed("pn")
    name, maker = row.fields["name"], row.fields.get("maker") or ""
    return _Named(
        id=row.fields["id"], name=name, maker=maker, numbers=numbers, year=year, doubts=doubts
    )


def read_row(category: Category, fields: Mapping[str, str]) -> Part:
    """Return the part that a row describes.

    Raises ValueError if a required field is missing or not a number.
    """
    if not fields.get("id") or not fields.get("name"):
        raise ValueError("it has no id or no name")
    return _READERS[category](_Row(fields))


def _gpu(row: _Row) -> Part:
    name = row.text("name")
    chipset = row.text("chipset")
    if not chipset:
        raise ValueError("it has no chipset")
    vram = row.number("vram_gb", 0.25, 512)
    for source in (chipset, name):
        said = {float(x) for x in _CARD_GB.findall(source)}
        if vram is not None and said and vram not in said:
            row.doubt("vram_not_as_called", gb=f"{vram:g}", name=repr(source))
            vram = None
    tdp = row.number("tdp_w", 15, 1000)
    six, eight, vhpwr, v2x6 = row.connectors("p6", "p8", "p12vhpwr", "p12v2x6")
    # Some rows list the same 12 V socket under both of its names. A few of them also list 8-pin
    # sockets.
    twelve = None if vhpwr is None or v2x6 is None else max(vhpwr, v2x6)
    if not (six or eight or twelve) and six is not None and (tdp is None or tdp > SLOT_WATTS):
        row.doubt("no_connector")
        six = eight = twelve = None
    elif twelve and (six or eight):
        row.doubt("both_connectors")
        six = eight = twelve = None
    return GraphicsCard(
        chipset=chipset,
        vram_gb=vram,
        length_mm=row.number("length_mm", 50, 500),
        slot_width=row.number("slots", 0.9, 5),
        tdp_w=tdp,
        six_pin=six,
        eight_pin=eight,
        twelve_volt=twelve,
        **_named(row),
    )


def _cpu(row: _Row) -> Part:
    if not row.text("socket"):
        raise ValueError("it has no socket")
    return Cpu(
        socket=row.text("socket"),
        architecture=row.text("arch"),
        cores=row.whole("cores", 1, 512),
        tdp_w=row.number("tdp_w", 4, 600),
        ppt_w=row.number("ppt_w", 4, 1000),
        memory_max_gb=row.number("mem_max_gb", 1, 16384),
        memory_types=row.listed("mem_types"),
        memory_channels=row.whole("mem_ch", 1, 16),
        **_named(row),
    )


_SLOT = re.compile(r"(\d+)x gen(\d)\.\d x(\d+)")


def _board(row: _Row) -> Part:
    slots = _SLOT.findall(row.text("pcie"))
    long = [(int(count), float(gen)) for count, gen, lanes in slots if int(lanes) == 16]
    generation = max((gen for _, gen in long), default=None)
    chipset = row.text("chipset")
    known = platform(chipset)
    if known is None:
        generation = None  # for old and rare chipsets the catalogue has a default of 4.0
    elif generation is not None and generation > known.pcie_generation:
        row.doubt(
            "pcie_beyond",
            listed=f"{generation:.1f}",
            chipset=chipset,
            most=known.generation,
        )
        generation = None
    return Board(
        socket=row.text("socket") or None,
        form_factor=row.text("ff") or None,
        chipset=chipset,
        memory_type=row.text("ram_type") or None,
        memory_slots=row.whole("ram_slots", 1, 64),
        memory_max_gb=row.number("ram_max_gb", 1, 16384),
        x16_slots=sum(count for count, _ in long) if slots else None,
        pcie_generation=generation,
        m2_slots=row.count("m2", 20),
        **_named(row),
    )


_KIT = re.compile(r"\((\d{1,2}) ?x ?(\d{1,3}) ?GB\)", re.IGNORECASE)


def _memory(row: _Row) -> Part:
    name = row.text("name")
    capacity = row.number("capacity_gb", 0.5, 8192)
    modules = row.number("modules", 1, 32)
    if capacity is None or modules is None or not row.text("type"):
        raise ValueError("its type, capacity or number of modules is missing")
    said = _KIT.search(name)
    if said and (int(said[1]), int(said[1]) * int(said[2])) != (modules, capacity):
        raise ValueError(f"it says {modules:g} modules, {capacity:g} GB, but is called {name!r}")
    form = row.text("ff")
    registered = {"Registered": True, "Unbuffered": False}.get(row.text("reg"))
    return MemoryKit(
        type=row.text("type"),
        capacity_gb=capacity,
        modules=int(modules),
        speed=row.whole("speed", 100, 20000),
        form_factor="SO-DIMM" if "SO-DIMM" in form else "DIMM" if "DIMM" in form else None,
        registered=registered,
        **_named(row),
    )


def _drive(row: _Row) -> Part:
    capacity = row.number("capacity_gb", 8, 1_000_000)
    if capacity is None:
        raise ValueError("its capacity is missing")
    return Drive(
        capacity_gb=capacity,
        form_factor=row.text("ff"),
        interface=row.text("iface"),
        **_named(row),
    )


def _supply(row: _Row) -> Part:
    name = row.text("name")
    watts = row.number("watt", 100, 4000)
    said = {float(x) for x in re.findall(r"(?<![\d.])(\d{3,4}) ?W\b", name)}
    if watts is not None and said and watts not in said:
        row.doubt("watts_not_as_called", watts=f"{watts:g}", name=repr(name))
        watts = None
    eight, vhpwr, v2x6 = row.connectors("p62", "p12vhpwr", "p12v2x6")
    twelve = None if vhpwr is None or v2x6 is None else max(vhpwr, v2x6)
    if eight == 0 and not twelve:
        # Every supply of this class has connectors, so zeros mean that nobody filled in the row.
        row.doubt("no_pcie_connector")
        eight = twelve = None
    return PowerSupply(
        watts=watts,
        form_factor=row.text("ff") or None,
        efficiency=row.text("eff") or None,
        length_mm=row.number("length_mm", 80, 300),
        eight_pin=eight,
        twelve_volt=twelve,
        **_named(row),
    )


def _case(row: _Row) -> Part:
    return Case(
        form_factor=row.text("ff") or None,
        boards=row.listed("mb"),
        gpu_max_mm=row.number("gpu_max_mm", 50, 700),
        cooler_max_mm=row.number("cooler_max_mm", 20, 300),
        supply_max_mm=row.number("psu_max_mm", 80, 400),
        slots=row.whole("slots", 1, 12),
        **_named(row),
    )


def _cooler(row: _Row) -> Part:
    water = {"True": True, "False": False}.get(row.text("water"))
    radiator = row.number("rad_mm", 80, 560)
    if water is False and radiator is not None:
        row.doubt("radiator_on_air")
        water = None
    return Cooler(
        sockets=row.listed("sockets"),
        height_mm=row.number("height_mm", 15, 260),
        water=water,
        radiator_mm=radiator,
        **_named(row),
    )


_READERS: dict[Category, Callable[[_Row], Part]] = {
    Category.GPU: _gpu, Category.CPU: _cpu, Category.BOARD: _board, Category.MEMORY: _memory,
    Category.STORAGE: _drive, Category.SUPPLY: _supply, Category.CASE: _case,
    Category.COOLER: _cooler,
}  # fmt: skip
