"""Price files are the reader's; a row that is no offer is named, and nothing is made up."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.buy.prices import PRICE_FILE, Condition, Prices, read_prices
from shiomi.rig.errors import PriceError
from tests.rig.planning import catalog_of, gpu, sound

TODAY = datetime.date(2026, 11, 24)


def catalog() -> Catalog:
    return catalog_of(*sound(gpu=gpu(numbers=("RTX3060-E12G",))).values())


def read(tmp_path: Path, rows: str, *, header: str = PRICE_FILE) -> Prices:
    file = tmp_path / "prices.csv"
    file.write_text(header + rows, encoding="utf-8")
    return read_prices(file, catalog(), today=TODAY)


def test_the_file_to_begin_with_holds_no_price(tmp_path: Path) -> None:
    prices = read(tmp_path, "")
    assert (prices.offers, prices.refused) == ([], [])


def test_a_part_is_named_by_id_name_or_part_number_and_used_is_its_own_row(tmp_path: Path) -> None:
    prices = read(
        tmp_path,
        "gpu,40000,2026-11-01,A,new,,https://a.example/1\n"
        "Card gpu,30000,2026-11-02,B,used,1,\n"
        "rtx3060-e12g,41000,2026-11-03,,,,javascript:alert(1)\n",
    )
    assert prices.refused == []
    assert [x.part for x in prices.offers] == ["gpu"] * 3
    assert [x.condition for x in prices.offers] == [Condition.NEW, Condition.USED, Condition.NEW]
    assert [x.stock for x in prices.offers] == [None, 1, None]
    assert prices.offers[2].url == ""


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nothing,1,2026-11-01,,,,", "no part"),
        ("gpu,0,2026-11-01,,,,", "price_jpy"),
        ("gpu,-1,2026-11-01,,,,", "price_jpy"),
        ("gpu,NaN,2026-11-01,,,,", "price_jpy"),
        ("gpu,1e5,2026-11-01,,,,", "price_jpy"),
        ("gpu,999999999999,2026-11-01,,,,", "price_jpy"),
        ('gpu,"40,000",2026-11-01,,,,', "price_jpy"),
        ("gpu,１０００,2026-11-01,,,,", "price_jpy"),
        ("gpu,1,2027-01-01,,,,", "in the future"),
        ("gpu,1,yesterday,,,,", "must be a day"),
        ("gpu,1,2026-11-01,,broken,,", "new or used"),
        ("gpu,1,2026-11-01,,,many,", "stock"),
        ("gpu,1,2026-11-01,,,,,,", "more fields"),
    ],
)
def test_a_row_that_is_no_offer_is_named_with_its_line_and_the_rest_is_read(
    tmp_path: Path, row: str, reason: str
) -> None:
    prices = read(tmp_path, f"{row}\ngpu,40000,2026-11-01,,,,\n")
    assert len(prices.offers) == 1
    assert len(prices.refused) == 1
    assert "line 2" in prices.refused[0]
    assert reason in prices.refused[0]


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"part,price\n", b'part,price_jpy,date\n"x'])
def test_a_file_that_holds_no_prices_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "prices.csv"
    file.write_bytes(content)
    with pytest.raises(PriceError, match=r"prices\.csv"):
        read_prices(file, catalog(), today=TODAY)
    with pytest.raises(PriceError, match="missing"):
        read_prices(tmp_path / "missing", catalog(), today=TODAY)
