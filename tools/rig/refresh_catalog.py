"""Build the shipped catalogue: `python -m tools.rig.refresh_catalog SOURCE [--out FOLDER]`.

SOURCE is a checkout of buildcores-open-db at a commit whose README grants ODC-By 1.0. With
`--reduced`, SOURCE is a folder of `opendb_<category>.csv` files made from such a checkout. Later
commits have a NOTICE that puts the data under CC BY-NC-SA 4.0, which this project cannot ship. A
checkout with this NOTICE is refused. Write the commit into ATTRIBUTION.md.
"""

from __future__ import annotations

import argparse
import collections
import csv
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shiomi.rig.buy.catalog.rows import FIELDS
from shiomi.rig.buy.parts import Category

OUT = Path(__file__).parents[2] / "src/shiomi/rig/buy/catalog/parts"
FOLDERS = {
    Category.GPU: "GPU", Category.CPU: "CPU", Category.BOARD: "Motherboard",
    Category.MEMORY: "RAM", Category.STORAGE: "Storage", Category.SUPPLY: "PSU",
    Category.CASE: "PCCase", Category.COOLER: "CPUCooler",
}  # fmt: skip
REDUCED = {Category.STORAGE: "storage_nvme"}

# Columns and their paths in the JSON record. `from_record` adds columns that must be computed.
PATHS: dict[Category, dict[str, str]] = {
    Category.GPU: {
        "chipset": "chipset", "vram_gb": "memory", "length_mm": "length",
        "slots": "total_slot_width", "tdp_w": "tdp", "p6": "power_connectors.pcie_6_pin",
        "p8": "power_connectors.pcie_8_pin", "p12vhpwr": "power_connectors.pcie_12VHPWR",
        "p12v2x6": "power_connectors.pcie_12V_2x6",
    },
    Category.CPU: {
        "socket": "socket", "arch": "microarchitecture", "cores": "cores.total",
        "tdp_w": "specifications.tdp", "ppt_w": "specifications.ppt",
        "mem_max_gb": "specifications.memory.maxSupport",
        "mem_types": "specifications.memory.types", "mem_ch": "specifications.memory.channels",
    },
    Category.BOARD: {
        "socket": "socket", "ff": "form_factor", "chipset": "chipset",
        "ram_type": "memory.ram_type", "ram_slots": "memory.slots", "ram_max_gb": "memory.max",
    },
    Category.MEMORY: {
        "type": "ram_type", "speed": "speed", "capacity_gb": "capacity",
        "modules": "modules.quantity", "ff": "form_factor", "reg": "registered",
    },
    Category.STORAGE: {"capacity_gb": "capacity", "ff": "form_factor", "iface": "interface"},
    Category.SUPPLY: {
        "watt": "wattage", "ff": "form_factor", "eff": "efficiency_rating", "length_mm": "length",
        "p62": "connectors.pcie_6_plus_2_pin", "p12vhpwr": "connectors.pcie_12vhpwr",
        "p12v2x6": "connectors.pcie_12v_2x6",
    },
    Category.CASE: {
        "ff": "form_factor", "mb": "supported_motherboard_form_factors",
        "gpu_max_mm": "max_video_card_length", "cooler_max_mm": "max_cpu_cooler_height",
        "psu_max_mm": "max_power_supply_length", "slots": "expansion_slots",
    },
    Category.COOLER: {
        "sockets": "cpu_sockets", "height_mm": "height", "water": "water_cooled",
        "rad_mm": "radiator_size",
    },
}  # fmt: skip


def at(record: Any, path: str) -> Any:
    """Return the value at a dotted path, None if a part of the path is missing."""
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


def cell(value: Any) -> str:
    """Return a JSON value as a CSV cell."""
    if isinstance(value, list):
        return "|".join(str(x).replace("|", "/") for x in value)
    return "" if value is None else " ".join(str(value).split())


def pcie(slots: Any) -> str:
    """Return the slots as a text such as "1x gen4.0 x16|2x gen4.0 x1"."""
    return "|".join(
        f"{x.get('quantity')}x gen{x.get('gen')} x{x.get('lanes')}"
        for x in slots or ()
        if isinstance(x, dict)
    )


def from_record(category: Category, record: Mapping[str, Any]) -> dict[str, str]:
    """Return one JSON record as a row of our columns."""
    row = {
        "id": cell(record.get("opendb_id")),
        "name": cell(at(record, "metadata.name")),
        "maker": cell(at(record, "metadata.manufacturer")),
        "pn": cell(at(record, "metadata.part_numbers")),
        "year": cell(at(record, "metadata.releaseYear")),
    }
    row |= {name: cell(at(record, path)) for name, path in PATHS[category].items()}
    if category is Category.BOARD:
        row["pcie"] = pcie(record.get("pcie_slots"))
        row["m2"] = cell(len(record.get("m2_slots") or ()))
    return row


def from_checkout(source: Path, category: Category) -> Iterator[dict[str, str]]:
    """Return all rows of a category of a checkout."""
    for file in (source / "open-db" / FOLDERS[category]).glob("*.json"):
        record = json.loads(file.read_text(encoding="utf-8"))
        if category is Category.STORAGE and not record.get("nvme"):
            continue
        yield from_record(category, record)


def from_reduced(source: Path, category: Category) -> Iterator[dict[str, str]]:
    """Return all rows of a category of a folder of reduced CSV files."""
    name = REDUCED.get(category, str(category))
    with (source / f"opendb_{name}.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {k: " ".join(v.split()) for k, v in row.items()}


def licence_fault(source: Path) -> str | None:
    """Return the reason why the data of this checkout may not be shipped; None if its README
    grants ODC-By and no file restricts it.
    """
    texts = [
        file.read_text(encoding="utf-8")
        for name in ("README.md", "NOTICE.md", "LICENSE.txt", "LICENSE.md", "LICENSE")
        if (file := source / name).is_file()
    ]
    if any("NonCommercial" in text or "BY-NC" in text for text in texts):
        return "it is under a non-commercial licence; check out a commit before that change"
    if not any("ODC-By" in text for text in texts):
        return "its README does not grant ODC-By 1.0"
    return None


def write(rows: Iterator[dict[str, str]], category: Category, out: Path) -> int:
    """Write one category, sorted by id; returns the number of rows."""
    kept = sorted(rows, key=lambda row: row["id"])
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{category}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS[category], extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
    return len(kept)


def main(arguments: list[str] | None = None) -> int:
    """Make the files and print what was made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    if not options.reduced and (fault := licence_fault(options.source)):
        print(f"{options.source}: {fault}", file=sys.stderr)
        return 1
    read = from_reduced if options.reduced else from_checkout
    counts: collections.Counter[str] = collections.Counter()
    for category in Category:
        counts[category] = write(read(options.source, category), category, options.out)
    size = sum(file.stat().st_size for file in options.out.glob("*.csv"))
    print(f"{dict(counts)}: {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
