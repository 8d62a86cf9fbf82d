"""The raw facts of a machine: texts of files, output of programs, and answers of NVML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shiomi.rig.errors import MachineError

__all__ = ["FORMAT", "Dump", "NvidiaFacts", "number", "parse_dump"]

FORMAT = "shiomi-rig-dump 1"
_MOST_ENTRIES = 4096
_LONGEST = 1_000_000  # characters of one text
_LONGEST_NAME = 300


@dataclass(frozen=True, slots=True)
class NvidiaFacts:
    """One NVIDIA GPU as its driver describes it; unknown values are None."""

    name: str
    memory_bytes: int | None = None
    power_limit_w: float | None = None
    memory_clock_mhz: float | None = None  # the highest
    bus_width_bits: int | None = None
    compute_capability: str | None = None  # "8.6"
    mig: bool | None = None


@dataclass(frozen=True, slots=True)
class Dump:
    """A machine's raw facts. `files` and `commands` contain only facts that could be read."""

    system: str  # as Python's platform.system(): Linux, Darwin, Windows
    files: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    nvidia: tuple[NvidiaFacts, ...] | None = None  # None: the driver did not answer
    nvidia_error: str = ""  # why the driver did not answer
    memory_bytes: int | None = None  # as Python reports it, if no file states it
    cores: int | None = None  # cores that this process may use
    disk_free_bytes: int | None = None  # on the disk on which the command was run
    disk_read_bytes_s: float | None = None  # measured on a file, if one was given

    def json(self) -> dict[str, Any]:
        """Return an object for json.dumps; `parse_dump` reads it back."""
        return {"format": FORMAT} | asdict(self)


def parse_dump(said: object) -> Dump:
    """Return the dump that a JSON document contains.

    Raises MachineError if it is in another format, has wrong types, or is too large. Invalid
    numbers count as missing.
    """
    if not isinstance(said, Mapping) or said.get("format") != FORMAT:
        raise MachineError(
            f"this is not a dump of a machine ({FORMAT!r}); `shiomi rig detect --dump` prints one"
        )
    drivers = said.get("nvidia")
    if drivers is not None and not (isinstance(drivers, list) and len(drivers) <= _MOST_ENTRIES):
        raise MachineError("the dump's `nvidia` must be a list of GPUs")
    return Dump(
        system=_text(said.get("system"), "system"),
        files=_texts(said.get("files"), "files"),
        commands=_texts(said.get("commands"), "commands"),
        nvidia=None if drivers is None else tuple(_nvidia(x) for x in drivers),
        nvidia_error=_text(said.get("nvidia_error") or "", "nvidia_error"),
        memory_bytes=_whole(said.get("memory_bytes"), 2**50),
        cores=_whole(said.get("cores"), 2**20),
        disk_free_bytes=_whole(said.get("disk_free_bytes"), 2**60),
        disk_read_bytes_s=number(said.get("disk_read_bytes_s"), 1e5, 1e12),
    )


def number(value: object, least: float, most: float) -> float | None:
    """Return a number within its bounds; None for anything else."""
    if isinstance(value, str):
        if len(value) > 40:
            return None
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if least <= value <= most else None


def _whole(value: object, most: int) -> int | None:
    found = number(value, 1, most)
    return None if found is None else int(found)


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise MachineError(f"the dump's {key} must be text")
    return value


def _texts(value: object, key: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or len(value) > _MOST_ENTRIES:
        raise MachineError(f"the dump's {key} must be an object of texts")
    return {
        str(name)[:_LONGEST_NAME]: _text(text, f"{key}[{name!r:.60}]")
        for name, text in value.items()
    }


def _nvidia(said: object) -> NvidiaFacts:
    if not isinstance(said, Mapping) or not isinstance(said.get("name"), str):
        raise MachineError(f"the dump's `nvidia` has an entry without a name: {said!r:.80}")
    capability = said.get("compute_capability")
    mig = said.get("mig")
    return NvidiaFacts(
        name=said["name"][:_LONGEST_NAME],
        memory_bytes=_whole(said.get("memory_bytes"), 2**45),
        power_limit_w=number(said.get("power_limit_w"), 1, 5000),
        memory_clock_mhz=number(said.get("memory_clock_mhz"), 100, 50_000),
        bus_width_bits=_whole(said.get("bus_width_bits"), 65_536),
        compute_capability=capability[:10] if isinstance(capability, str) else None,
        mig=mig if isinstance(mig, bool) else None,
    )


def loaded(text: str) -> object:
    """Decode a text as JSON; None if it is not JSON."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value
