"""What a check of a build finds: a refusal, or something unknown that has to be checked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shiomi.rig.report.wording import say

__all__ = ["Check", "Finding", "Refusal", "Unknown"]


class Check(StrEnum):
    """What was checked."""

    SOCKET = "socket"
    CHIPSET = "chipset"
    MEMORY_KIND = "memory kind"
    MEMORY_COUNT = "memory count"
    MEMORY_CAPACITY = "memory capacity"
    FORM_FACTOR = "form factor"
    GPU_LENGTH = "graphics card length"
    GPU_SLOTS = "slots in the case"
    PCIE_SLOTS = "slots on the board"
    LANES = "PCIe lanes"
    CONNECTORS = "power connectors"
    SUPPLY = "supply wattage"
    TRANSIENT = "transient headroom"
    CIRCUIT = "circuit"
    COOLER_SOCKET = "cooler socket"
    COOLER_HEIGHT = "cooler height"
    SUPPLY_SIZE = "supply size"
    M2 = "M.2 slots"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: the check, the phrase and its slots."""

    check: Check
    phrase: str
    slots: tuple[tuple[str, str], ...] = ()

    def text(self, language: str = "en") -> str:
        """The reason in words, with the parts' names and the figures."""
        return say(language, self.table, self.phrase, dict(self.slots))

    @property
    def table(self) -> str:
        """The wording's table."""
        return "refusal" if isinstance(self, Refusal) else "unknown"


@dataclass(frozen=True, slots=True)
class Refusal(Finding):
    """The parts do not go together."""


@dataclass(frozen=True, slots=True)
class Unknown(Finding):
    """Unknown, check: never said to fit.

    `always` where no catalogue holds it or it cannot be settled from one, so that a plan says it
    but does not leave the part out.
    """

    always: bool = False
