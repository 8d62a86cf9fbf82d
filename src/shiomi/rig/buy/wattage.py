"""Compare the power that a build draws with the limits of its supply and its circuit.

All watts are direct current unless marked "at the wall". The constants are cautious rules of thumb,
each with its source. None of them is measured on the build.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shiomi.rig.buy.findings import Check, Finding, refused, unknown
from shiomi.rig.buy.parts import Cpu, GraphicsCard, PowerSupply

__all__ = [
    "BASE_WATTS", "PEAK_RATIO", "SUSTAINED_SHARE", "TRANSIENT_SHARE", "Circuit", "check_power",
    "cpu_watts", "efficiency",
]  # fmt: skip

BASE_WATTS = 75.0  # allowance for board, memory, drives and fans
SUSTAINED_SHARE = 0.8  # share of the rating that may be drawn for hours; usual practice
PEAK_RATIO = 1.6  # peaks of milliseconds divided by the rated power, for cards since 2020
TRANSIENT_SHARE = 1.2  # peak / rating above which weak supplies switch themselves off
CONTINUOUS_SHARE = 0.8  # share of a circuit that may be drawn for hours; usual practice

# Efficiency at full load at 115 V that each 80 PLUS grade requires, lowest first.
_GRADES = (
    ("Titanium", 0.90),
    ("Platinum", 0.89),
    ("Gold", 0.87),
    ("Silver", 0.85),
    ("Bronze", 0.82),
)
_NO_GRADE = 0.80


@dataclass(frozen=True, slots=True)
class Circuit:
    """The wall's circuit. The circuit of a Japanese room usually has 100 V and 15 A."""

    volts: float = 100.0
    amps: float = 15.0

    @property
    def watts(self) -> float:
        """Return the watts that the circuit can supply."""
        return self.volts * self.amps


def efficiency(supply: PowerSupply) -> float:
    """Return the efficiency of the supply; 0.80 if its grade is unknown."""
    grade = supply.efficiency or ""
    return next((share for name, share in _GRADES if name in grade), _NO_GRADE)


def cpu_watts(cpu: Cpu) -> float | None:
    """Return the sustained power of a processor under load.

    If the catalogue states a limit, this limit is returned. Otherwise the TDP is multiplied by a
    factor: AMD's sockets allow 1.35 times the TDP, and Intel's desktop processors since 2020 draw
    about twice the TDP. Return None if both figures are unknown.
    """
    if cpu.ppt_w is not None:
        return max(cpu.ppt_w, cpu.tdp_w or 0.0)
    if cpu.tdp_w is None:
        return None
    if cpu.socket in ("LGA 1200", "LGA 1700", "LGA 1851"):
        return 2.0 * cpu.tdp_w
    return (1.35 if cpu.socket in ("AM4", "AM5") else 1.0) * cpu.tdp_w


def check_power(
    cards: Sequence[GraphicsCard], cpu: Cpu | None, supply: PowerSupply, circuit: Circuit
) -> list[Finding]:
    """Return the findings on wattage, peaks and the circuit. Unknown values are not summed."""
    known = [(card.name, card.tdp_w) for card in cards]
    if cpu is not None:
        known.append((cpu.name, cpu_watts(cpu)))
    known.append((supply.name, supply.watts))
    found: list[Finding] = [
        unknown(Check.SUPPLY, "power", part=name) for name, watts in known if watts is None
    ]
    gpu_w = sum(card.tdp_w or 0.0 for card in cards)
    other_w = BASE_WATTS + ((cpu_watts(cpu) or 0.0) if cpu is not None else 0.0)
    rated, volts = supply.watts, circuit.volts
    if rated is not None:
        found += _check_supply(supply.name, rated, gpu_w, other_w)
        if volts < 110 and rated > 1300:
            slots = {"supply": supply.name, "watts": rated, "volts": volts}
            found.append(unknown(Check.CIRCUIT, "hundred_volt", always=True, **slots))
    if not supply.efficiency:
        found.append(unknown(Check.CIRCUIT, "efficiency", always=True, supply=supply.name))
    wall = (gpu_w + other_w) / efficiency(supply)
    figures = {"have": f"{wall:.0f}", "volts": volts, "amps": circuit.amps}
    if wall > circuit.watts:
        found.append(refused(Check.CIRCUIT, "circuit", **figures, need=circuit.watts))
    elif wall > CONTINUOUS_SHARE * circuit.watts:
        found.append(unknown(Check.CIRCUIT, "continuous", always=True, **figures))
    return found


def _check_supply(name: str, rated: float, gpu_w: float, other_w: float) -> list[Finding]:
    return [
        refused(check, phrase, supply=name, have=f"{have:.0f}", need=f"{need:.0f}", watts=rated)
        for check, phrase, have, need in (
            (Check.SUPPLY, "supply", gpu_w + other_w, SUSTAINED_SHARE * rated),
            (Check.TRANSIENT, "transient", PEAK_RATIO * gpu_w + other_w, TRANSIENT_SHARE * rated),
        )
        if have > need
    ]
