"""A small catalogue made by hand, synthetic prices, and a second way to the best build."""

from __future__ import annotations

import datetime
import itertools
import random
from functools import cache

from shiomi.rig.buy.catalog import Catalog, load_catalog
from shiomi.rig.buy.compatibility import check_build
from shiomi.rig.buy.findings import Refusal, Unknown
from shiomi.rig.buy.parts import (
    Board,
    Build,
    Case,
    Cooler,
    Cpu,
    Drive,
    GraphicsCard,
    MemoryKit,
    Part,
    PowerSupply,
)
from shiomi.rig.buy.prices import Offer, Prices

DAY = datetime.date(2026, 1, 1)


@cache
def shipped() -> Catalog:
    """The shipped catalogue, read once; no test changes it."""
    return load_catalog()


def gpu(id_: str = "gpu", **fields: object) -> GraphicsCard:
    stated = {
        "name": f"Card {id_}",
        "chipset": "GeForce RTX 3060 12 GB",
        "vram_gb": 12.0,
        "length_mm": 240.0,
        "slot_width": 2.0,
        "tdp_w": 170.0,
        "six_pin": 0,
        "eight_pin": 1,
        "twelve_volt": 0,
    }
    return GraphicsCard(id=id_, **(stated | fields))  # type: ignore[arg-type]


def cpu(id_: str = "cpu", **fields: object) -> Cpu:
    stated = {
        "name": f"Processor {id_}",
        "socket": "AM5",
        "architecture": "Zen 4",
        "cores": 8,
        "tdp_w": 65.0,
        "ppt_w": 88.0,
        "memory_types": ("DDR5",),
        "memory_max_gb": 128.0,
    }
    return Cpu(id=id_, **(stated | fields))  # type: ignore[arg-type]


def board(id_: str = "board", **fields: object) -> Board:
    stated = {
        "name": f"Board {id_}",
        "socket": "AM5",
        "form_factor": "ATX",
        "chipset": "AMD B650",
        "memory_type": "DDR5",
        "memory_slots": 4,
        "memory_max_gb": 192.0,
        "x16_slots": 2,
        "m2_slots": 2,
    }
    return Board(id=id_, **(stated | fields))  # type: ignore[arg-type]


def kit(id_: str = "kit", **fields: object) -> MemoryKit:
    stated = {
        "name": f"Kit {id_}",
        "type": "DDR5",
        "capacity_gb": 32.0,
        "modules": 2,
        "form_factor": "DIMM",
        "registered": False,
    }
    return MemoryKit(id=id_, **(stated | fields))  # type: ignore[arg-type]


def drive(id_: str = "drive", **fields: object) -> Drive:
    stated = {"name": f"Drive {id_}", "capacity_gb": 1000.0, "form_factor": "M.2-2280"}
    return Drive(id=id_, **(stated | fields))  # type: ignore[arg-type]


def supply(id_: str = "supply", **fields: object) -> PowerSupply:
    stated = {
        "name": f"Supply {id_}",
        "watts": 850.0,
        "form_factor": "ATX",
        "efficiency": "80+ Gold",
        "length_mm": 160.0,
        "eight_pin": 4,
        "twelve_volt": 0,
    }
    return PowerSupply(id=id_, **(stated | fields))  # type: ignore[arg-type]


def case(id_: str = "case", **fields: object) -> Case:
    stated = {
        "name": f"Case {id_}",
        "form_factor": "ATX Mid Tower",
        "boards": ("ATX", "Micro ATX", "Mini-ITX"),
        "gpu_max_mm": 330.0,
        "cooler_max_mm": 165.0,
        "supply_max_mm": 200.0,
        "slots": 7,
    }
    return Case(id=id_, **(stated | fields))  # type: ignore[arg-type]


def cooler(id_: str = "cooler", **fields: object) -> Cooler:
    stated = {
        "name": f"Cooler {id_}",
        "sockets": ("AM4", "AM5", "LGA 1700"),
        "height_mm": 155.0,
        "water": False,
    }
    return Cooler(id=id_, **(stated | fields))  # type: ignore[arg-type]


def sound(**instead: Part) -> dict[str, Part]:
    """One part of each kind that go together, some of them replaced."""
    parts: dict[str, Part] = {
        "gpu": gpu(),
        "cpu": cpu(),
        "board": board(),
        "kit": kit(),
        "drive": drive(),
        "supply": supply(),
        "case": case(),
        "cooler": cooler(),
    }
    return parts | instead


def catalog_of(*parts: Part) -> Catalog:
    return Catalog({part.id: part for part in parts})


def priced(catalog: Catalog, yen: dict[str, int] | None = None) -> Prices:
    """Synthetic prices, 10,000 yen where none is said."""
    return Prices([Offer(x, (yen or {}).get(x, 10_000), DAY, "synthetic") for x in catalog.parts])


def speed(name: str, count: int) -> float:
    """A synthetic speed of a name and a number; 0 for cards called unknown."""
    return 0.0 if "unknown" in name else 10.0 + sum(map(ord, name)) % 50 + 5.0 * (count - 1)


def random_parts(rng: random.Random) -> list[Part]:
    """A few parts of each kind whose figures clash at random."""
    pick = rng.choice
    return [
        *(
            gpu(
                f"gpu{i}",
                chipset=f"Card {pick('ABCDEF')}",
                length_mm=pick([200.0, 340.0]),
                slot_width=pick([2.0, 2.5, 3.0]),
                tdp_w=pick([120.0, 250.0, 450.0]),
                eight_pin=pick([1, 2, 3, None]),
            )
            for i in range(4)
        ),
        *(
            cpu(f"cpu{i}", socket=pick(["AM5", "AM4"]), memory_types=("DDR4", "DDR5"))
            for i in range(2)
        ),
        *(
            board(
                f"board{i}",
                socket=pick(["AM5", "AM4"]),
                chipset="",
                form_factor=pick(["ATX", "EATX", None]),
                memory_type=pick(["DDR4", "DDR5"]),
                x16_slots=pick([1, 2]),
            )
            for i in range(3)
        ),
        *(kit(f"kit{i}", type=pick(["DDR4", "DDR5"])) for i in range(2)),
        drive(),
        *(
            supply(f"supply{i}", watts=pick([450.0, 850.0, 1300.0]), eight_pin=pick([1, 3, 6]))
            for i in range(3)
        ),
        *(case(f"case{i}", gpu_max_mm=pick([210.0, 350.0]), slots=pick([4, 7])) for i in range(2)),
        *(cooler(f"cooler{i}", height_mm=pick([150.0, 170.0, None])) for i in range(2)),
    ]


def best_by_trying(catalog: Catalog, prices: Prices, budget: int) -> tuple[float, int] | None:
    """(speed, yen) of the best build with one or two cards, by trying every combination."""
    yen = {offer.part: offer.price for offer in prices.offers}
    kinds: dict[str, list[Part]] = {}
    for part in catalog.parts.values():
        kinds.setdefault(part.category, []).append(part)
    best: tuple[float, int] | None = None
    for parts in itertools.product(*kinds.values()):
        card = next(x for x in parts if isinstance(x, GraphicsCard))
        for cards in (1, 2):
            build = [*parts, *[card] * (cards - 1)]
            total = sum(yen[x.id] for x in build)
            value = speed(card.chipset, cards)
            if total > budget or not value:
                continue
            found = check_build(Build.of(build))
            if any(isinstance(x, Refusal) for x in found):
                continue
            if any(isinstance(x, Unknown) and not x.always for x in found):
                continue
            if best is None or (-value, total) < (-best[0], best[1]):
                best = value, total
    return best
