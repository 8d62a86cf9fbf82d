"""A price list to fill in is read as prices once it is; a shop's offers are added part by part."""

from __future__ import annotations

import csv
import datetime
import io
from pathlib import Path

import pytest

from shiomi.rig.buy.parts import Part
from shiomi.rig.buy.price_list import fetch_prices, write_template
from shiomi.rig.buy.prices import Condition, Offer, read_prices
from shiomi.rig.buy.shops import KEYS, Rakuten, Yahoo, shop_of
from shiomi.rig.errors import PriceError
from tests.rig.planning import catalog_of, sound

TODAY = datetime.date(2026, 11, 24)
PARTS = list(sound().values())
CATALOG = catalog_of(*PARTS)


class Shop:
    """Offers every part at a price, and remembers what it was asked."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.asked: list[str] = []
        self.fails_at = fails_at

    def __call__(self, part: Part) -> list[Offer] | None:
        if len(self.asked) == self.fails_at:
            raise PriceError("the shop is gone")
        self.asked.append(part.id)
        if part.id == "case":
            return []
        if part.id == "cooler":
            return None
        return [Offer(part.id, 12_345, TODAY, "店", Condition.USED, 1, "https://a.example/")]


def test_a_template_holds_no_prices_and_is_read_as_such(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        assert write_template(PARTS, opened) == len(PARTS)
    prices = read_prices(file, CATALOG, today=TODAY)
    assert (prices.offers, prices.refused, prices.unfilled) == ([], [], len(PARTS))


def test_a_template_filled_in_is_a_price_file(tmp_path: Path) -> None:
    text = io.StringIO()
    write_template(PARTS, text)
    rows = list(csv.DictReader(text.getvalue().splitlines()))
    rows[0] |= {"price_jpy": "52800", "date": "2026-11-20", "shop": "a shop"}
    file = tmp_path / "prices.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    prices = read_prices(file, CATALOG, today=TODAY)
    assert [(x.part, x.price) for x in prices.offers] == [(PARTS[0].id, 52_800)]
    assert prices.unfilled == len(PARTS) - 1


def fetched(shop: Shop, file: Path, waits: list[int] | None = None) -> tuple[int, list[str]]:
    waited = [] if waits is None else waits
    return fetch_prices(PARTS, shop, "楽天市場", file, today=TODAY, wait=lambda: waited.append(1))


def test_offers_are_added_and_are_prices(tmp_path: Path) -> None:
    file, waits = tmp_path / "prices.csv", list[int]()
    found, skipped = fetched(Shop(), file, waits)
    assert found == len(PARTS) - 2
    assert skipped == ["Cooler cooler: it has no part number to search for"]
    assert len(waits) == len(PARTS) - 1
    prices = read_prices(file, CATALOG, today=TODAY)
    assert len(prices.offers) == found
    assert prices.refused == []
    assert prices.offers[0].shop == "楽天市場 店"
    assert prices.offers[0].condition is Condition.USED


def test_what_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    with pytest.raises(PriceError, match="gone"):
        fetched(Shop(fails_at=3), file)
    second = Shop()
    fetched(second, file)
    assert second.asked == [part.id for part in PARTS][3:]
    third = Shop()
    assert fetched(third, file) == (0, [])
    assert third.asked == []
    assert len(read_prices(file, CATALOG, today=TODAY).offers) == len(PARTS) - 2


def test_another_day_is_asked_anew(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    fetched(Shop(), file)
    shop = Shop()
    later = TODAY + datetime.timedelta(days=1)
    fetch_prices(PARTS, shop, "楽天市場", file, today=later, wait=lambda: None)
    assert len(shop.asked) == len(PARTS)


def test_a_file_that_is_none_of_prices_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PriceError, match=r"mine\.csv"):
        fetched(Shop(), file)
    assert file.read_bytes() == b"\xff\xfe\x00"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(PriceError):
        fetched(Shop(), file)
    with pytest.raises(PriceError, match="cannot be written"):
        fetched(Shop(), tmp_path / "absent" / "prices.csv")


def test_keys_come_from_the_environment_and_are_asked_for_by_name() -> None:
    assert shop_of("yahoo", {"SHIOMI_YAHOO_CLIENT_ID": " abc "}) == Yahoo("abc")
    keys = dict.fromkeys(KEYS["rakuten"], "k")
    assert shop_of("rakuten", keys) == Rakuten("k", "k")
    with pytest.raises(PriceError, match="SHIOMI_RAKUTEN_ACCESS_KEY"):
        shop_of("rakuten", {"SHIOMI_RAKUTEN_APPLICATION_ID": "k"})
    with pytest.raises(PriceError, match="yahoo, rakuten"):
        shop_of("amazon", {})
