"""Turn one catalogue row into one typed part. A field that contradicts others becomes None, and the
reason is added to the doubts of the part.

A zero that is impossible, as for a length or a power, counts as an empty field. If all connector
counts are zero although the card needs a power connector, they count as empty too.
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

Row = Mapping[str, str]

SLOT_WATTS = 75.0  # power of a PCIe x16 slot (PCI Express CEM)
_CARD_GB = re.compile(r"(?<![\d.])(\d{1,2}) ?GB?\b", re.IGNORECASE)

# Columns of each file, in order. `id` is OpenDB's; every file has the first five.
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


def read_row(category: Category, row: Row) -> Part:
    """The part that `row` describes.

    Raises ValueError if a required field is missing or not a number.
    """
    if not row.get("id") or not row.get("name"):
        raise ValueError("it has no id or no name")
    return _READERS[category](row)


def _list(text: str) -> tuple[str, ...]:
    return tuple(x.strip() for x in text.split("|") if x.strip())


def _number(row: Row, name: str, low: float, high: float, doubts: list[Text]) -> float | None:
    """Return a field within [low, high]. Return None if it is empty or zero. If the value is
    impossible, return None and add a doubt.
    """
    text = (row.get(name) or "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if low <= value <= high:
        return value
    if value != 0:
        doubts.append(reason("cannot_be", field=name, value=text[:20]))
    return None


def _count(row: Row, name: str, high: int, doubts: list[Text]) -> int | None:
    """A whole number from 0 to `high`; None if empty or impossible."""
    text = (row.get(name) or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= high:
        return int(text)
    doubts.append(reason("cannot_be", field=name, value=text[:20]))
    return None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


class _Named(TypedDict):
    id: str
    name: str
    maker: str
    numbers: tuple[str, ...]
    year: int | None


def _named(row: Row) -> _Named:
    """Return what every part has."""
    return {
        "id": row["id"],
        "name": row["name"],
        "maker": row.get("maker") or "",
        "numbers": _list(row.get("pn") or ""),
        "year": _whole(_number(row, "year", 1995, 2100, [])),
    }


def _connectors(row: Row, names: tuple[str, ...], doubts: list[Text]) -> list[int | None]:
    """Return the connector counts. An empty field means 0 if another one is stated. If all are
    empty, the counts are unknown.
    """
    counts = [_count(row, name, 18, doubts) for name in names]
    if all(count is None for count in counts):
        return counts
    return [count or 0 for count in counts]


def _gpu(row: Row) -> Part:
    name = row["name"]
    doubts: list[Text] = []
    chipset = (row.get("chipset") or "").strip()
    if not chipset:
        raise ValueError("it has no chipset")
    vram = _number(row, "vram_gb", 0.25, 512, doubts)
    for source in (chipset, name):
        said = {float(x) for x in _CARD_GB.findall(source)}
        if vram is not None and said and vram not in said:
            doubts.append(reason("vram_not_as_called", gb=f"{vram:g}", name=repr(source)))
            vram = None
    tdp = _number(row, "tdp_w", 15, 1000, doubts)
    six, eight, vhpwr, v2x6 = _connectors(row, ("p6", "p8", "p12vhpwr", "p12v2x6"), doubts)
    # Some rows state one 12 V socket under both its names, a few rows next to 8-pin sockets.
    twelve = None if vhpwr is None or v2x6 is None else max(vhpwr, v2x6)
    if not (six or eight or twelve) and six is not None and (tdp is None or tdp > SLOT_WATTS):
        doubts.append(reason("no_connector"))
        six = eight = twelve = None
    elif twelve and (six or eight):
        doubts.append(reason("both_connectors"))
        six = eight = twelve = None
    return GraphicsCard(
        **_named(row),
        chipset=chipset,
        vram_gb=vram,
        length_mm=_number(row, "length_mm", 50, 500, doubts),
        slot_width=_number(row, "slots", 0.9, 5, doubts),
        tdp_w=tdp,
        six_pin=six,
        eight_pin=eight,
        twelve_volt=twelve,
        doubts=tuple(doubts),
    )


def _cpu(row: Row) -> Part:
    doubts: list[Text] = []
    if not row.get("socket"):
        raise ValueError("it has no socket")
    return Cpu(
        **_named(row),
        socket=row["socket"],
        architecture=row.get("arch") or "",
        cores=_whole(_number(row, "cores", 1, 512, doubts)),
        tdp_w=_number(row, "tdp_w", 4, 600, doubts),
        ppt_w=_number(row, "ppt_w", 4, 1000, doubts),
        memory_max_gb=_number(row, "mem_max_gb", 1, 16384, doubts),
        memory_types=_list(row.get("mem_types") or ""),
        memory_channels=_whole(_number(row, "mem_ch", 1, 16, doubts)),
        doubts=tuple(doubts),
    )


_SLOT = re.compile(r"(\d+)x gen(\d)\.\d x(\d+)")


def _board(row: Row) -> Part:
    doubts: list[Text] = []
    slots = _SLOT.findall(row.get("pcie") or "")
    long = [(int(count), float(gen)) for count, gen, lanes in slots if int(lanes) == 16]
    generation = max((gen for _, gen in long), default=None)
    chipset = row.get("chipset") or ""
    known = platform(chipset)
    if known is None:
        generation = None  # for old and rare chipsets the catalogue has a default of 4.0
    elif generation is not None and generation > known.pcie_generation:
        doubts.append(
            reason(
                "pcie_beyond",
                listed=f"{generation:.1f}",
                chipset=chipset,
                most=known.generation,
            )
        )
        generation = None
    return Board(
        **_named(row),
        socket=row.get("socket") or None,
        form_factor=row.get("ff") or None,
        chipset=chipset,
        memory_type=row.get("ram_type") or None,
        memory_slots=_whole(_number(row, "ram_slots", 1, 64, doubts)),
        memory_max_gb=_number(row, "ram_max_gb", 1, 16384, doubts),
        x16_slots=sum(count for count, _ in long) if slots else None,
        pcie_generation=generation,
        m2_slots=_count(row, "m2", 20, doubts),
        doubts=tuple(doubts),
    )


_KIT = re.compile(r"\((\d{1,2}) ?x ?(\d{1,3}) ?GB\)", re.IGNORECASE)


def _memory(row: Row) -> Part:
    name = row["name"]
    doubts: list[Text] = []
    capacity = _number(row, "capacity_gb", 0.5, 8192, doubts)
    modules = _number(row, "modules", 1, 32, doubts)
    if capacity is None or modules is None or not row.get("type"):
        raise ValueError("its type, capacity or number of modules is missing")
    said = _KIT.search(name)
    if said and (int(said[1]), int(said[1]) * int(said[2])) != (modules, capacity):
        raise ValueError(f"it says {modules:g} modules, {capacity:g} GB, but is called {name!r}")
    form = row.get("ff") or ""
    registered = {"Registered": True, "Unbuffered": False}.get(row.get("reg") or "")
    return MemoryKit(
        **_named(row),
        type=row["type"],
        capacity_gb=capacity,
        modules=int(modules),
        speed=_whole(_number(row, "speed", 100, 20000, doubts)),
        form_factor="SO-DIMM" if "SO-DIMM" in form else "DIMM" if "DIMM" in form else None,
        registered=registered,
        doubts=tuple(doubts),
    )


def _drive(row: Row) -> Part:
    doubts: list[Text] = []
    capacity = _number(row, "capacity_gb", 8, 1_000_000, doubts)
    if capacity is None:
        raise ValueError("its capacity is missing")
    return Drive(
        **_named(row),
        capacity_gb=capacity,
        form_factor=row.get("ff") or "",
        interface=row.get("iface") or "",
        doubts=tuple(doubts),
    )


def _supply(row: Row) -> Part:
    name = row["name"]
    doubts: list[Text] = []
    watts = _number(row, "watt", 100, 4000, doubts)
    said = {float(x) for x in re.findall(r"(?<![\d.])(\d{3,4}) ?W\b", name)}
    if watts is not None and said and watts not in said:
        doubts.append(reason("watts_not_as_called", watts=f"{watts:g}", name=repr(name)))
        watts = None
    eight, vhpwr, v2x6 = _connectors(row, ("p62", "p12vhpwr", "p12v2x6"), doubts)
    twelve = None if vhpwr is None or v2x6 is None else max(vhpwr, v2x6)
    if eight == 0 and not twelve:
        # Every supply of this class has connectors, so zeros mean that nobody filled in the row.
        doubts.append(reason("no_pcie_connector"))
        eight = twelve = None
    return PowerSupply(
        **_named(row),
        watts=watts,
        form_factor=row.get("ff") or None,
        efficiency=row.get("eff") or None,
        length_mm=_number(row, "length_mm", 80, 300, doubts),
        eight_pin=eight,
        twelve_volt=twelve,
        doubts=tuple(doubts),
    )


def _case(row: Row) -> Part:
    doubts: list[Text] = []
    return Case(
        **_named(row),
        form_factor=row.get("ff") or None,
        boards=_list(row.get("mb") or ""),
        gpu_max_mm=_number(row, "gpu_max_mm", 50, 700, doubts),
        cooler_max_mm=_number(row, "cooler_max_mm", 20, 300, doubts),
        supply_max_mm=_number(row, "psu_max_mm", 80, 400, doubts),
        slots=_whole(_number(row, "slots", 1, 12, doubts)),
        doubts=tuple(doubts),
    )


def _cooler(row: Row) -> Part:
    doubts: list[Text] = []
    water = {"True": True, "False": False}.get(row.get("water") or "")
    radiator = _number(row, "rad_mm", 80, 560, doubts)
    if water is False and radiator is not None:
        doubts.append(reason("radiator_on_air"))
        water = None
    return Cooler(
        **_named(row),
        sockets=_list(row.get("sockets") or ""),
        height_mm=_number(row, "height_mm", 15, 260, doubts),
        water=water,
        radiator_mm=radiator,
        doubts=tuple(doubts),
    )


_READERS: dict[Category, Callable[[Row], Part]] = {
    Category.GPU: _gpu,
    Category.CPU: _cpu,
    Category.BOARD: _board,
    Category.MEMORY: _memory,
    Category.STORAGE: _drive,
    Category.SUPPLY: _supply,
    Category.CASE: _case,
    Category.COOLER: _cooler,
}
