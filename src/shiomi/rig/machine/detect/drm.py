"""Detect AMD and Intel GPUs from the kernel's files under /sys/class/drm.

The PCI numbers of a GPU give its name. They are looked up in the machine's libdrm first, then in
data/pci_gpus.csv. Integrated graphics do not count as a card, unless they are the main GPU of the
machine (Strix Halo).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from shiomi.rig.machine.detect.dump import Dump
from shiomi.rig.machine.detect.recognise import Recognised, recognise
from shiomi.rig.machine.gpus import gpus_called
from shiomi.rig.machine.machine import GIB, Gpu, Vendor
from shiomi.rig.message import reason
from shiomi.rig.tables import cached, table_text

__all__ = ["AMDGPU_IDS", "DRM_FIELDS", "drm_gpus", "set_aside_gib"]

AMDGPU_IDS = "/usr/share/libdrm/amdgpu.ids"
DRM_FIELDS = (
    "vendor", "device", "revision", "product_name", "mem_info_vram_total", "mem_info_gtt_total",
    "resource",
)  # fmt: skip
_CARD = re.compile(r"(/sys/class/drm/card\d{1,3}/device)/vendor")
_HEX = re.compile(r"0x[0-9a-f]{2,8}")
_VENDORS = {"0x1002": Vendor.AMD, "0x8086": Vendor.INTEL}
_NVIDIA = "0x10de"
_MOST_LENT_GIB = 4.0  # GiB that firmware usually reserves for integrated graphics


@dataclass(frozen=True, slots=True)
class _Card:
    """A card's PCI numbers (in lower case, without 0x) and its memory in GiB."""

    vendor: Vendor
    device: str
    revision: str
    product: str
    vram: float | None
    shared: float | None  # GiB of the system's memory that it may use
    aperture: float | None  # GiB of its second PCI region


def set_aside_gib(dump: Dump) -> float:
    """Return memory that firmware reserves for a GPU with shared memory."""
    return sum(
        card.vram or 0.0
        for card in _cards(dump)
        if any(gpu.unified for gpu in gpus_called(_named(card, dump)[0]))
    )


def _paths(dump: Dump) -> list[str]:
    """Return the folders of all cards in the dump, in order."""
    found = (_CARD.fullmatch(path) for path in dump.files)
    return sorted((x[1] for x in found if x), key=lambda x: (len(x), x))


def drm_gpus(dump: Dump) -> list[Recognised]:
    """Return every AMD and Intel GPU, and notes on NVIDIA GPUs whose driver does not answer."""
    found = [_gpu(card, dump) for card in _cards(dump)]
    silent = sum(dump.files[f"{x}/vendor"].strip() == _NVIDIA for x in _paths(dump))
    if silent and dump.nvidia is None and not any("nvidia-smi" in x for x in dump.commands):
        note = reason("nvidia_silent", count=silent, error=dump.nvidia_error or "?")
        found.append(Recognised(None, (note,)))
    return found


def _cards(dump: Dump) -> Iterator[_Card]:
    for folder in _paths(dump):

        def said(name: str, folder: str = folder) -> str:
            return dump.files.get(f"{folder}/{name}", "").strip()

        vendor = _VENDORS.get(said("vendor").lower())
        device, revision = said("device").lower(), said("revision").lower()
        if vendor is None or not _HEX.fullmatch(device):
            continue
        yield _Card(
            vendor=vendor,
            device=device[2:],
            revision=revision[2:] if _HEX.fullmatch(revision) else "",
            product=said("product_name")[:200],
            vram=_gib(said("mem_info_vram_total")),
            shared=_gib(said("mem_info_gtt_total")),
            aperture=_aperture(said("resource")),
        )


def _gpu(card: _Card, dump: Dump) -> Recognised:
    name, inside = _named(card, dump)
    numbers = f"{card.vendor} {card.device}:{card.revision or '?'}"
    if inside or (not gpus_called(name) and _looks_lent(card)):
        text = reason("inside_processor", gpu=name or numbers)
        return Recognised(None, (text,))
    if not name:
        return Recognised(None, (reason("pci_not_known", numbers=numbers),))
    called = [gpu for gpu in gpus_called(name) if gpu.vendor is card.vendor]
    if card.vendor is Vendor.INTEL:
        fitting = [gpu for gpu in called if _is_aperture_of(card.aperture, gpu.memory_gib)]
        memory = fitting[0].memory_gib if len(called) > 1 and len(fitting) == 1 else None
        return recognise(name, card.vendor, memory_gib=memory)
    if called and all(gpu.unified for gpu in called):
        return _unified(name, card, called)
    return recognise(name, card.vendor, memory_gib=card.vram)


def _unified(name: str, card: _Card, called: list[Gpu]) -> Recognised:
    """Return the GPU with its reserved memory, or with the driver's share if that is larger."""
    known = [x for x in (card.vram, card.shared) if x is not None]
    if not known:
        return recognise(name, card.vendor, memory_gib=None)
    memory = max(known)
    listed = min(called, key=lambda gpu: abs(gpu.memory_gib - memory))
    note = reason(
        "shared_memory",
        gpu=name,
        own=f"{card.vram or 0:.1f}",
        lent=f"{card.shared or 0:.1f}",
        gib=f"{memory:.1f}",
    )
    return Recognised(replace(listed, memory_gib=memory, lent_gib=memory), (note,))


def _named(card: _Card, dump: Dump) -> tuple[str, bool]:
    """Return the name ("" if unknown), and whether the GPU is integrated in a processor."""
    table = _table()
    row = table.get((card.vendor, card.device, card.revision)) or table.get(
        (card.vendor, card.device, "")
    )
    inside = row is not None and row["kind"] == "integrated"
    if card.vendor is Vendor.AMD:
        for line in dump.files.get(AMDGPU_IDS, "").splitlines():
            fields = [x.strip() for x in line.split(",", 2)]
            numbers = (card.device, card.revision)
            if len(fields) == 3 and (fields[0].lower(), fields[1].lower()) == numbers:
                return fields[2][:200], inside
    if row is not None:
        return row["name"], inside
    return card.product, False


@cached
def _table() -> dict[tuple[Vendor, str, str], dict[str, str]]:
    text = table_text("pci_gpus.csv")
    rows = csv.DictReader(text.splitlines())
    return {(Vendor(row["vendor"]), row["device"], row["revision"]): row for row in rows}


def _looks_lent(card: _Card) -> bool:
    """Return whether an unknown GPU is integrated: it has less dedicated than shared memory."""
    if card.vendor is Vendor.INTEL:
        return True  # the table of PCI numbers has all of Intel's cards
    return card.vram is not None and card.vram <= _MOST_LENT_GIB and (card.shared or 0) > card.vram


def _is_aperture_of(aperture: float | None, memory: float) -> bool:
    """Return whether a PCI region of this size may map all of a card's memory.

    Its size is then the memory, rounded up to a power of two.
    """
    return aperture is not None and memory <= aperture < 2 * memory


def _gib(text: str) -> float | None:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        return None
    value = int(text) / GIB
    return value if 0.01 < value < 65_536 else None


def _aperture(resource: str) -> float | None:
    """Return the GiB of the second PCI region. `resource` has lines of start, end and flags."""
    lines = resource.splitlines()
    if len(lines) < 3:
        return None
    fields = lines[2].split()
    try:
        size = int(fields[1], 16) - int(fields[0], 16) + 1
    except (IndexError, ValueError):
        return None
    return size / GIB if 0 < size < 2**46 else None
