"""The refresh script makes rows from OpenDB's records, and minds their licence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools.rig.refresh_catalog import FOLDERS, from_record, main

from shiomi.rig.buy.catalog.rows import read_row
from shiomi.rig.buy.parts import Board, Category, GraphicsCard

# In the shape of OpenDB's records of 2026, made up.
BOARD = {
    "opendb_id": "b",
    "metadata": {"name": "Board", "manufacturer": "Maker", "part_numbers": ["N|1", "N2"]},
    "socket": "AM5",
    "form_factor": "ATX",
    "chipset": "AMD B650",
    "memory": {"max": 128, "ram_type": "DDR5", "slots": 4},
    "pcie_slots": [
        {"gen": "4.0", "quantity": 2, "lanes": 16},
        {"gen": "3.0", "quantity": 1, "lanes": 1},
    ],
    "m2_slots": [{"size": "2280"}, {"size": "2280"}],
}
CARD = {
    "opendb_id": "g",
    "metadata": {"name": "Card", "manufacturer": "Maker", "part_numbers": []},
    "chipset": "GeForce RTX 4070",
    "memory": 12,
    "length": 267,
    "tdp": 200,
    "total_slot_width": 2,
    "power_connectors": {"pcie_6_pin": 0, "pcie_8_pin": 0, "pcie_12VHPWR": 1, "pcie_12V_2x6": 0},
}


def test_records_become_rows_that_become_parts() -> None:
    board = read_row(Category.BOARD, from_record(Category.BOARD, BOARD))
    assert isinstance(board, Board)
    assert (board.x16_slots, board.pcie_generation, board.m2_slots) == (2, 4.0, 2)
    assert board.numbers == ("N/1", "N2")
    card = read_row(Category.GPU, from_record(Category.GPU, CARD))
    assert isinstance(card, GraphicsCard)
    assert (card.vram_gb, card.twelve_volt, card.slot_width) == (12.0, 1, 2.0)


@pytest.mark.parametrize(
    ("texts", "status"),
    [
        ({"README.md": "under the ODC-By v1.0"}, 0),
        ({"README.md": "under the ODC-By v1.0", "NOTICE.md": "CC BY-NC-SA 4.0"}, 1),
        ({"README.md": "all rights reserved"}, 1),
    ],
)
def test_a_checkout_under_another_licence_is_refused(
    tmp_path: Path, texts: dict[str, str], status: int
) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    for folder in FOLDERS.values():
        (source / "open-db" / folder).mkdir(parents=True)
    for name, text in texts.items():
        (source / name).write_text(text, encoding="utf-8")
    file = source / "open-db" / "GPU" / "g.json"
    file.write_text(json.dumps(CARD), encoding="utf-8")
    assert main([str(source), "--out", str(out)]) == status
    assert (out / "gpu.csv").exists() == (status == 0)
