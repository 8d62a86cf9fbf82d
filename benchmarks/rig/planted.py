"""Judge builds by rules that share no code with `shiomi.rig`, and plant faults into sound builds.

    python -m benchmarks.rig.planted         which planted faults the checker finds

The rules here read the CSV files of the catalogue and were written independently of the rules in
`shiomi.rig`. For rules of thumb they keep a margin: the supply of a sound build gives 1.5 times the
power that the parts draw, and the supply of a faulty build gives less power than the parts draw. A
row is used only if it states all values that the rules need.
"""

from __future__ import annotations

import csv
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from shiomi.rig.buy.catalog import load_catalog
from shiomi.rig.buy.compatibility import check_build
from shiomi.rig.buy.findings import Refusal
from shiomi.rig.buy.wattage import Circuit

SEEDS = range(5)

__all__ = ["FAULTS", "RULES", "Planted", "every_row", "may_also", "planted", "sound"]

PARTS = Path(__file__).parents[2] / "src/shiomi/rig/buy/catalog/parts"
SOCKETS = ("LGA 1151", "LGA 1200", "LGA 1700", "LGA 1851", "AM4", "AM5")
WORKSTATION = {"sTRX4", "TR4", "sTR5", "LGA 2066", "LGA 2011-3", "LGA 2011"}
Row = dict[str, str]
Rows = dict[str, list[Row]]


@dataclass
class Planted:
    """A build as raw rows, and the check that must refuse it (None: a sound build)."""

    parts: dict[str, Row]
    cards: int
    fault: str | None
    kits: int = 1
    shared_layers: bool = False
    volts: float = 100.0
    amps: float = 15.0  # the amperes of the circuit that other devices do not use

    def ids(self) -> list[str]:
        """Return the catalogue ids; the id of the card occurs once per card."""
        one = [row["id"] for kind, row in self.parts.items() if kind != "gpu"]
        return [*one, *[self.parts["gpu"]["id"]] * self.cards]


def f(row: Row, name: str) -> float:
    """Return a number, 0 if the cell is empty."""
    return float(row[name] or 0)


def every_row() -> Rows:
    """Return all rows of the catalogue by category."""
    rows: Rows = {}
    for kind in STATED:
        with (PARTS / f"{kind}.csv").open(encoding="utf-8", newline="") as file:
            rows[kind] = list(csv.DictReader(file))
    return rows


def load() -> Rows:
    """Return the rows that state all values that the rules need."""
    return {kind: [x for x in rows if STATED[kind](x)] for kind, rows in every_row().items()}


def _plugs(row: Row) -> tuple[int, int]:
    """Return the number of plugs with 6 or 8 pins that a card needs, and of 12 V plugs."""
    twelve = max(int(f(row, "p12vhpwr")), int(f(row, "p12v2x6")))
    return int(f(row, "p6") + f(row, "p8")), twelve


def _card(row: Row) -> bool:
    pins, twelve = _plugs(row)
    names = ("p6", "p8", "p12vhpwr", "p12v2x6")
    return (
        100 <= f(row, "length_mm") <= 450
        and 1 <= f(row, "slots") <= 5
        and 80 <= f(row, "tdp_w") <= 600
        and (pins > 0) != (twelve > 0)
        and all(row[name] != "" for name in names)
    )


STATED: dict[str, Callable[[Row], bool]] = {
    "gpu": _card,
    "cpu": lambda r: r["socket"] in SOCKETS and r["mem_types"] != "" and f(r, "tdp_w") > 0,
    "motherboard": lambda r: (
        r["socket"] in SOCKETS
        and r["ff"] in ("ATX", "Micro ATX", "Mini-ITX")
        and f(r, "ram_slots") > 0
        and f(r, "ram_max_gb") >= 32
        and r["pcie"] != ""
    ),
    "ram": lambda r: (
        r["ff"] == "288-pin DIMM"
        and r["type"] in ("DDR4", "DDR5")
        and f"({r['modules']}x{f(r, 'capacity_gb') / f(r, 'modules'):g}GB)" in r["name"]
    ),
    "storage": lambda r: r["ff"] == "M.2-2280",
    "psu": lambda r: (
        r["ff"] == "ATX" and f(r, "watt") >= 300 and f(r, "p62") + f(r, "p12vhpwr") > 0
    ),
    "case": lambda r: (
        r["ff"] in ("ATX Mid Tower", "ATX Full Tower", "Micro ATX Mid Tower")
        and f(r, "gpu_max_mm") >= 50
        and f(r, "cooler_max_mm") >= 20
        and f(r, "slots") > 0
        and r["mb"] != ""
    ),
    "cooler": lambda r: r["water"] == "False" and r["sockets"] != "" and f(r, "height_mm") >= 15,
}


def _generation(cpu: Row, board: Row) -> bool | None:
    """Return whether the board's chipset runs this generation; None if the oracle does not know.

    LGA 1151 is the name of two different sockets. Chipsets of series 100 and 200 run processors
    6000 and 7000; chipsets of series 300 run the later processors.
    """
    if cpu["socket"] == "LGA 1151":
        name = re.search(r"Core i\d[ -](\d)\d{3}[A-Z]*\b", cpu["name"])
        series = re.search(r"Intel [BHQZ](\d)\d\d$", board["chipset"])
        if name is None or series is None:
            return None
        return (int(name[1]) <= 7) == (int(series[1]) <= 2)
    if cpu["socket"] == "LGA 1200":  # these two do not run the 11th generation
        return "Rocket" not in cpu["arch"] or board["chipset"] not in ("Intel H410", "Intel B460")
    return True


def _same(socket: str) -> str:
    """Return the name of a socket; if the socket has two names, always the same one of them."""
    return "TR4" if socket == "sTR4" else socket


def _x16(board: Row) -> int:
    return sum(
        int(x.split("x ")[0]) for x in board["pcie"].split("|") if x.rsplit(" x", 1)[1] == "16"
    )


def _dc(p: Planted, of_cpu: float) -> float:
    return f(p.parts["gpu"], "tdp_w") * p.cards + f(p.parts["cpu"], "tdp_w") * of_cpu + 75


def _pins_short(p: Planted) -> bool:
    """Return whether the plugs cannot feed all cards. An adapter takes one 8-pin plug per 150 W."""
    pins, twelve = _plugs(p.parts["gpu"])
    supply = p.parts["psu"]
    adapters = max(0, twelve * p.cards - int(f(supply, "p12vhpwr")))
    each = -(-f(p.parts["gpu"], "tdp_w") // 150)
    return pins * p.cards + adapters * each > f(supply, "p62")


def _slots(p: Planted) -> float:
    return float(-(-f(p.parts["gpu"], "slots") // 1)) * p.cards


class Rule(NamedTuple):
    """Two functions: whether a rule is broken, and whether it surely holds.

    A build for which neither is true is not used. `about` names the parts that the rule compares.
    One of these parts is drawn again until the rule is broken.
    """

    broken: Callable[[Planted], bool]
    holds: Callable[[Planted], bool]
    about: tuple[str, ...]


def _crowded(p: Planted) -> bool:
    """Return whether there is not enough room for the cards next to each other.

    All cards except the last must lie on the board, and a mainstream board takes two cards.
    """
    widths = -(-f(p.parts["gpu"], "slots") // 1)
    positions = {"Mini-ITX": 1, "Thin Mini-ITX": 1, "Micro ATX": 4, "ATX": 7, "EATX": 8}
    room = positions.get(p.parts["motherboard"]["ff"], 9)
    mainstream = _same(p.parts["motherboard"]["socket"]) not in WORKSTATION
    return (p.cards > 2 and mainstream) or (p.cards > 1 and widths * (p.cards - 1) + 1 > room)


def _plain(broken: Callable[[Planted], bool], *about: str) -> Rule:
    return Rule(broken, lambda p: not broken(p), about)


def _pair(left: str, right: str, broken: Callable[[Row, Row], bool]) -> Rule:
    return _plain(lambda p: broken(p.parts[left], p.parts[right]), left, right)


def _largest_cpu(p: Planted) -> float:
    return max(2.2, f(p.parts["cpu"], "ppt_w") / f(p.parts["cpu"], "tdp_w"))


RULES: dict[str, Rule] = {
    "socket": _pair("cpu", "motherboard", lambda c, b: _same(c["socket"]) != _same(b["socket"])),
    "chipset": Rule(
        lambda p: (
            p.parts["cpu"]["socket"] == p.parts["motherboard"]["socket"]
            and _generation(p.parts["cpu"], p.parts["motherboard"]) is False
        ),
        lambda p: bool(_generation(p.parts["cpu"], p.parts["motherboard"])),
        ("motherboard", "cpu"),
    ),
    "memory kind": _plain(
        lambda p: (
            p.parts["ram"]["type"] != p.parts["motherboard"]["ram_type"]
            or p.parts["motherboard"]["ram_type"] not in p.parts["cpu"]["mem_types"]
        ),
        "ram",
        "motherboard",
    ),
    "memory count": _plain(
        lambda p: f(p.parts["ram"], "modules") * p.kits > f(p.parts["motherboard"], "ram_slots"),
        "ram",
        "motherboard",
    ),
    "memory capacity": _plain(
        lambda p: (
            f(p.parts["ram"], "capacity_gb") * p.kits > f(p.parts["motherboard"], "ram_max_gb")
        ),
        "ram",
        "motherboard",
    ),
    "form factor": _pair(
        "motherboard",
        "case",
        lambda b, c: b["ff"].removeprefix("Thin ") not in c["mb"].split("|"),
    ),
    "graphics card length": _pair(
        "gpu", "case", lambda g, c: f(g, "length_mm") > f(c, "gpu_max_mm")
    ),
    "slots in the case": _plain(lambda p: _slots(p) > f(p.parts["case"], "slots"), "gpu", "case"),
    "slots on the board": _plain(
        lambda p: p.cards > _x16(p.parts["motherboard"]) or _crowded(p), "motherboard"
    ),
    "PCIe lanes": _plain(lambda p: p.shared_layers and p.cards * 8 > 16, "motherboard"),
    "power connectors": _plain(_pins_short, "psu", "gpu"),
    "supply wattage": Rule(
        lambda p: _dc(p, 1.0) > f(p.parts["psu"], "watt"),
        lambda p: 1.5 * _dc(p, _largest_cpu(p)) <= f(p.parts["psu"], "watt"),
        ("psu", "gpu"),
    ),
    "circuit": Rule(
        lambda p: _dc(p, 1.0) > p.volts * p.amps,
        lambda p: _dc(p, _largest_cpu(p)) < 0.75 * p.volts * p.amps,
        ("gpu",),
    ),
    "supply size": _pair(
        "psu", "case", lambda s, c: f(s, "length_mm") > (f(c, "psu_max_mm") or 1000)
    ),
    "cooler socket": _pair(
        "cooler",
        "cpu",
        lambda k, c: _same(c["socket"]) not in map(_same, k["sockets"].split("|")),
    ),
    "cooler height": _pair(
        "cooler", "case", lambda k, c: f(k, "height_mm") > f(c, "cooler_max_mm")
    ),
    "M.2 slots": _pair("storage", "motherboard", lambda _, b: int(b["m2"]) < 1),
}

_CARDS = {"slots in the case": (2,), "slots on the board": (2, 3), "PCIe lanes": (3,)}
# Further rules that a part may break together with the planted one.
_BESIDES = {
    "PCIe lanes": {"slots on the board"},
    "supply wattage": {"transient headroom"},
    "circuit": {"supply wattage", "transient headroom"},
}
FAULTS = tuple(RULES)


def may_also(fault: str) -> set[str]:
    """Return the other checks that may also refuse a build with this planted fault."""
    return _BESIDES.get(fault, set())


def _draw(rows: Rows, rng: random.Random, fault: str | None) -> Planted:
    """Return a build that breaks the planted rule and no other."""
    while True:
        parts = {kind: rng.choice(of_kind) for kind, of_kind in rows.items()}
        cards = rng.choice(_CARDS.get(fault or "", (1,)))
        p = Planted(parts, cards, fault, shared_layers=fault == "PCIe lanes")
        if fault == "circuit":
            p.amps = 4.0
        for _ in range(3000):
            wrong = [
                name
                for name, (broken, holds, _) in RULES.items()
                if name not in may_also(fault or "")
                and not (broken(p) if name == fault else holds(p))
            ]
            if not wrong:
                return p
            kind = rng.choice(RULES[rng.choice(wrong)].about)
            p.parts[kind] = rng.choice(rows[kind])


def sound(count: int, seed: int) -> Iterator[Planted]:
    """Yield builds without a fault."""
    rng, rows = random.Random(seed), load()
    for _ in range(count):
        yield _draw(rows, rng, None)


def planted(count: int, seed: int) -> Iterator[Planted]:
    """Return builds with one fault each, cycling through the kinds of faults."""
    rng, rows = random.Random(seed), load()
    for index in range(count):
        yield _draw(rows, rng, FAULTS[index % len(FAULTS)])


def main() -> None:
    """Print how many faulty builds are refused for their fault, and how many sound builds are
    refused."""
    catalog = load_catalog()
    right: Counter[str] = Counter()
    drawn: Counter[str] = Counter()
    for seed in SEEDS:
        for p in planted(200, seed):
            parts = [catalog.parts[x] for x in p.ids()]
            found = check_build(parts, circuit=Circuit(100, p.amps), shared_layers=p.shared_layers)
            refused = {str(x.check) for x in found if isinstance(x, Refusal)}
            fault = p.fault or ""
            drawn[fault] += 1
            right[fault] += fault in refused and refused <= {fault} | may_also(fault)
    wrong = total = 0
    for seed in SEEDS:
        for p in sound(200, 1000 + seed):
            total += 1
            found = check_build([catalog.parts[x] for x in p.ids()])
            wrong += any(isinstance(x, Refusal) for x in found)
    print("builds with one planted fault, refused for that reason and no other")
    for fault in FAULTS:
        print(f"    {fault:22} {right[fault]:4d} of {drawn[fault]:4d}")
    share = right.total() / drawn.total()
    print(f"    all                    {right.total():4d} of {drawn.total():4d}  {share:.2%}")
    print(f"    sound builds refused   {wrong:4d} of {total:4d}  {wrong / total:.2%}")


if __name__ == "__main__":
    main()
