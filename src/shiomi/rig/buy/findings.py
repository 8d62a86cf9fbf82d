"""The findings of checking a build: refusals, and unknown facts that the buyer must check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shiomi.rig.message import Message

__all__ = ["Check", "Finding", "Refusal", "Unknown", "refused", "unknown"]


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

    @property
    def message(self) -> Message:
        """Return the reason, with the parts' names and the figures."""
        table = "refusal" if isinstance(self, Refusal) else "unknown"
        return Message(table, self.phrase, self.slots)


@dataclass(frozen=True, slots=True)
class Refusal(Finding):
    """The parts do not fit together."""


@dataclass(frozen=True, slots=True)
class Unknown(Finding):
    """An unknown fact that the buyer must check. It never counts as fitting.

    If `always` is set, no catalogue contains the fact. A plan then mentions it but keeps the part.
    """

    always: bool = False


def refused(check: Check, phrase: str, **slots: object) -> Refusal:
    """Return a refusal. Numbers in the slots are formatted as text."""
    return Refusal(check, phrase, _texts(slots))


def unknown(check: Check, phrase: str, *, always: bool = False, **slots: object) -> Unknown:
    """Return an unknown fact. Numbers in the slots are formatted as text."""
    return Unknown(check, phrase, _texts(slots), always=always)


def _texts(slots: dict[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple((k, f"{v:g}" if isinstance(v, float) else str(v)) for k, v in slots.items())
