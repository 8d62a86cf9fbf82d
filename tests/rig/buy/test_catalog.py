"""The catalogue's rows are read, doubted where they contradict themselves, and found by name."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from shiomi.rig.buy import catalog as room
from shiomi.rig.buy.catalog import CatalogError, load_catalog
from shiomi.rig.buy.catalog.platforms import graphics_lanes, same_socket
from shiomi.rig.buy.catalog.rows import FIELDS, read_row
from shiomi.rig.buy.parts import Board, Category, GraphicsCard, PowerSupply
from shiomi.rig.errors import AmbiguousPartError, UnknownPartError
from shiomi.rig.report.wording import text_of
from tests.rig.planning import shipped

PARTS = Path(room.__file__).parent / "parts"
CARD = {"id": "1", "name": "Card 8GB", "chipset": "GeForce RTX 3070", "vram_gb": "8"}


def write(folder: Path, category: Category, *rows: dict[str, str]) -> None:
    with (folder / f"{category}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS[category])
        writer.writeheader()
        writer.writerows(rows)


def test_the_shipped_catalogue_is_read_and_small_and_attributed() -> None:
    catalog = shipped()
    assert len(catalog.parts) + len(catalog.refused) == 24_242
    assert len(catalog.refused) < 10
    assert sum(file.stat().st_size for file in PARTS.glob("*.csv")) < 15_000_000
    attribution = (PARTS.parent / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "ODC-By" in attribution


def test_a_z77_board_that_claims_pcie_4_is_doubted() -> None:
    boards = [x for x in shipped().of(Board) if x.chipset == "Intel Z77"]
    assert len(boards) == 39
    assert all(x.pcie_generation is None and x.doubts for x in boards)


def test_strong_cards_and_supplies_without_connectors_have_unknown_ones() -> None:
    catalog = shipped()
    for card in catalog.of(GraphicsCard):
        if (card.tdp_w or 0) > 75 and card.eight_pin is not None:
            assert card.six_pin or card.eight_pin or card.twelve_volt
    for supply in catalog.of(PowerSupply):
        assert supply.eight_pin is None or supply.eight_pin or supply.twelve_volt


def test_a_power_far_from_the_chipsets_usual_one_is_not_believed() -> None:
    odd = [x for x in shipped().of(GraphicsCard) if any("is usual" in text_of(d) for d in x.doubts)]
    assert odd
    assert all(x.tdp_w is None for x in odd)


@pytest.mark.parametrize(
    ("fields", "field", "doubt"),
    [
        ({"name": "Card 16GB"}, "vram_gb", "is called"),
        ({"length_mm": "99999"}, "length_mm", "cannot be"),
        ({"length_mm": "NaN"}, "length_mm", "cannot be"),
        ({"length_mm": "-5"}, "length_mm", "cannot be"),
        ({"tdp_w": "long"}, "tdp_w", "cannot be"),
        ({"p6": "0", "p8": "0", "tdp_w": "220"}, "eight_pin", "no power connector"),
        ({"p8": "9" * 400}, "eight_pin", "cannot be"),
    ],
)
def test_a_contradictory_field_becomes_unknown_with_the_reason(
    fields: dict[str, str], field: str, doubt: str
) -> None:
    part = read_row(Category.GPU, CARD | fields)
    assert getattr(part, field) is None
    assert any(doubt in text_of(x) for x in part.doubts)


def test_a_kit_whose_modules_contradict_its_name_is_no_part() -> None:
    row = {"id": "1", "name": "Kit 32GB (2x16GB)", "type": "DDR5", "capacity_gb": "64"}
    with pytest.raises(ValueError, match="but is called"):
        read_row(Category.MEMORY, row | {"modules": "2"})


def test_names_and_part_numbers_find_the_one_part_whatever_their_width_and_case() -> None:
    catalog = shipped()
    card = next(x for x in catalog.of(GraphicsCard) if "912-V513-005" in x.numbers)
    assert catalog.find("912-v513-005") is card
    assert catalog.find("９１２-Ｖ５１３-００５") is card
    assert catalog.find(f"  {card.name.upper()} ") is card


def test_a_part_number_may_have_its_maker_before_it() -> None:
    assert shipped().find("MSI PRO B650-P WIFI").name == "MSI PRO B650-P WIFI AM5 DDR5 ATX"


def test_a_name_cut_short_is_offered_those_that_begin_so_and_none_is_taken() -> None:
    with pytest.raises(UnknownPartError, match=r"nearest are: MSI MAG A1000GL"):
        shipped().find("MSI MAG A1000G")


def test_an_unknown_name_is_answered_with_the_nearest_and_the_remedy() -> None:
    with pytest.raises(UnknownPartError, match=r"nearest are.*--parts"):
        shipped().find("AMD Ryzen 7 7700Y")


def test_a_name_of_several_parts_is_asked_back() -> None:
    with pytest.raises(AmbiguousPartError, match="give the id of one"):
        shipped().find("AMD FX-8370")


def test_own_rows_are_read_on_top_and_replace_shipped_ones(tmp_path: Path) -> None:
    first = next(iter(shipped().of(GraphicsCard)))
    write(tmp_path, Category.GPU, CARD, CARD | {"id": first.id, "name": "Mine 8GB"})
    catalog = load_catalog(tmp_path)
    assert catalog.parts["1"].name == "Card 8GB"
    assert catalog.parts[first.id].name == "Mine 8GB"


def test_a_row_that_is_no_part_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    write(tmp_path, Category.GPU, {"id": "2", "name": "Nothing"}, CARD)
    catalog = load_catalog(tmp_path)
    assert "1" in catalog.parts
    assert any("Nothing" in x for x in catalog.refused)


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"id,name\n1,2\n", b"\xff\xfe\x00", b""])
def test_a_file_that_is_no_catalogue_is_an_error_that_names_it(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "gpu.csv").write_bytes(content)
    with pytest.raises(CatalogError, match=r"gpu\.csv"):
        load_catalog(tmp_path)


def test_sockets_have_one_name_and_their_lanes() -> None:
    assert same_socket("sTR4") == same_socket("TR4")
    assert graphics_lanes("LGA 1151v2") == 16
    assert graphics_lanes("Socket 7") is None


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("Ryzen 5 5500", "AMD Ryzen 5 5500"),
        ("amd ryzen 5  5500", "AMD Ryzen 5 5500"),
        ("5500 Ryzen 5", "AMD Ryzen 5 5500"),
        ("Core i5-10400", "Intel Core i5 10400"),
    ],
)
def test_a_part_is_found_by_its_words_without_its_maker(asked: str, name: str) -> None:
    assert shipped().find(asked).name == name
