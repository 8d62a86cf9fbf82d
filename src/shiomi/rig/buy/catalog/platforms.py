"""Limits of chipsets and sockets from their makers' documents, to check the catalogue.

`platforms.csv` has the newest PCIe generation of the graphics slot of each chipset. Not every
processor runs on every board with its socket. If a chipset does not run all of them, the table
also lists the architectures that it runs. `sockets.csv` has other names of each socket, and the
number of the processor's PCIe lanes that the graphics slots can use.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

__all__ = ["Platform", "graphics_lanes", "platform", "same_socket"]


@dataclass(frozen=True, slots=True)
class Platform:
    """A chipset."""

    chipset: str
    pcie_generation: float
    architectures: tuple[str, ...]  # empty: all architectures of the socket

    @property
    def generation(self) -> str:
        """Return the PCIe generation as text, such as "4.0"."""
        return f"{self.pcie_generation:.1f}"


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("shiomi.rig.buy.catalog").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _platforms() -> dict[str, Platform]:
    return {
        row["chipset"]: Platform(
            row["chipset"],
            float(row["pcie_generation"]),
            tuple(x for x in row["architectures"].split("|") if x),
        )
        for row in _rows("platforms.csv")
    }


@cache
def _sockets() -> tuple[dict[str, str], dict[str, int | None]]:
    names: dict[str, str] = {}
    lanes: dict[str, int | None] = {}
    for row in _rows("sockets.csv"):
        lanes[row["socket"]] = int(row["graphics_lanes"]) if row["graphics_lanes"] else None
        for name in (row["socket"], *row["also_called"].split("|")):
            if name:
                names[name] = row["socket"]
    return names, lanes


def platform(chipset: str) -> Platform | None:
    """Return the limits of a chipset; None if the table lacks it."""
    return _platforms().get(chipset)


def same_socket(name: str) -> str:
    """Return the standard name of a socket that has several names ("sTR4" and "TR4")."""
    return _sockets()[0].get(name, name)


def graphics_lanes(socket: str) -> int | None:
    """Return the processor's PCIe lanes for graphics slots; None if the table lacks them."""
    return _sockets()[1].get(same_socket(socket))
