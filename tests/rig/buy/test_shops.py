"""Shops are asked over real HTTP on loopback, with answers in the shape of their documentation."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from shiomi.rig.buy.parts import Part
from shiomi.rig.buy.prices import Condition, Offer
from shiomi.rig.buy.shops import Rakuten, Shop, Yahoo, offers_of
from shiomi.rig.errors import PriceError
from tests.loopback import QuietHandler, loopback
from tests.rig.planning import cpu, gpu

TODAY = datetime.date(2026, 11, 24)
CARD = gpu(numbers=("RTX3060-E12G", "12"))


def yahoo_hit(name: str, price: Any, **fields: Any) -> dict[str, Any]:
    seller = {"sellerId": "s", "name": "店", "url": "https://store.example/"}
    hit = {"name": name, "price": price, "url": "https://store.example/1", "seller": seller}
    return {"index": 1, "inStock": True, "condition": "new", "janCode": ""} | hit | fields


def yahoo_answer(*hits: dict[str, Any]) -> dict[str, Any]:
    return {"totalResultsAvailable": len(hits), "firstResultsPosition": 1, "hits": list(hits)}


def rakuten_item(name: str, price: Any, **fields: Any) -> dict[str, Any]:
    item = {"itemName": name, "itemPrice": price, "itemUrl": "https://item.example/1"}
    return {"availability": 1, "shopName": "楽店", "itemCode": "s:1"} | item | fields


@dataclass
class Server:
    url: str = ""
    status: int = 200
    body: bytes = b"{}"
    queries: list[dict[str, list[str]]] = field(default_factory=list)


@contextlib.contextmanager
def serving(answer: Any = None, *, status: int = 200, body: bytes = b"") -> Iterator[Server]:
    server = Server(status=status, body=body or json.dumps(answer).encode())

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            server.queries.append(parse_qs(urlsplit(self.path).query))
            self.answer(server.status, server.body)

    with loopback(Handler) as address:
        server.url = f"{address}/search"
        yield server


def collect(shop: Shop, part: Part = CARD) -> list[Offer]:
    with httpx2.Client(trust_env=False) as client:
        offers = offers_of(part, shop, client, today=TODAY)
    assert offers is not None
    return offers


def yahoo(server: Server) -> Yahoo:
    return Yahoo("key", url=server.url)


def test_yahoo_gives_the_cheapest_new_and_used_hit_that_holds_the_part_number() -> None:
    answer = yahoo_answer(
        yahoo_hit("RTX3060-E12G 用 ケーブル RTX3060-E12GX", 10),
        yahoo_hit("【中古】 RTX3060 E12G", 25_000),
        yahoo_hit("ＲＴＸ３０６０－Ｅ１２Ｇ グラフィックボード", 41_000),
        yahoo_hit("玄人 RTX3060-E12G", 40_000, inStock=False),
        yahoo_hit("RTX3060-E12G", 42_000, condition="used"),
        yahoo_hit("another card", 1),
        yahoo_hit("XRTX3060-E12G", 1),
    )
    answer["hits"] = answer["hits"][1:]
    with serving(answer) as server:
        offers = collect(yahoo(server))
    assert {x.condition: x.price for x in offers} == {
        Condition.USED: 25_000,
        Condition.NEW: 41_000,
    }
    assert all(x.date == TODAY and x.part == "gpu" for x in offers)
    assert server.queries[0]["appid"] == ["key"]
    assert server.queries[0]["query"] == ["RTX3060-E12G"]


@pytest.mark.parametrize("wrapped", [False, True])
def test_rakuten_is_read_in_both_format_versions(wrapped: bool) -> None:
    items = [
        rakuten_item("玄人志向 RTX3060-E12G", 43_000),
        rakuten_item("RTX3060-E12G 中古", 30_000),
        rakuten_item("RTX3060-E12G", 20_000, availability=0),
    ]
    answer = {"Items": [{"Item": x} for x in items] if wrapped else items, "count": 3}
    with serving(answer) as server:
        offers = collect(Rakuten("id", "key", url=server.url))
    assert [(x.price, x.condition) for x in offers] == [(43_000, "new"), (30_000, "used")]
    assert server.queries[0]["accessKey"] == ["key"]


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "key"), (403, "key"), (429, "fewer"), (500, "later"), (302, "302")]
)
def test_a_refusal_names_the_shop_and_the_remedy_and_never_the_key(
    status: int, reason: str
) -> None:
    with serving({}, status=status) as server, pytest.raises(PriceError, match=reason) as error:
        collect(replace(yahoo(server), client_id="secret-4711"))
    assert "Yahoo!ショッピング" in str(error.value)
    assert "secret-4711" not in str(error.value)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"hits": 5}',
        b'{"hits": [5]}',
        b'{"other": []}',
        b"[" * 100_000,
        b'{"hits": [{"name": "x", "price": "free", "seller": {"name": ""}, "url": ""}]}',
        b" " * 5_000_000,
    ],
)
def test_an_answer_that_is_none_is_an_error(body: bytes) -> None:
    with (
        serving(body=body) as server,
        pytest.raises(PriceError, match=r"answered with|unknown format"),
    ):
        collect(yahoo(server))


def test_a_shop_that_is_not_there_is_named_without_the_key() -> None:
    with pytest.raises(PriceError, match="could not be asked") as error:
        collect(Yahoo("secret-4711", url="http://127.0.0.1:1/"))
    assert "secret-4711" not in str(error.value)
    assert error.value.__cause__ is None


def test_absurd_prices_and_addresses_that_are_not_https_are_not_taken() -> None:
    answer = yahoo_answer(
        yahoo_hit("RTX3060-E12G", 0),
        yahoo_hit("RTX3060-E12G", 10**11),
        yahoo_hit("RTX3060-E12G", 40_000, url="javascript:alert(1)"),
    )
    with serving(answer) as server:
        offers = collect(yahoo(server))
    assert [(x.price, x.url) for x in offers] == [(40_000, "")]


def test_a_part_without_a_number_to_search_for_is_skipped() -> None:
    with serving(yahoo_answer()) as server, httpx2.Client(trust_env=False) as client:
        assert offers_of(cpu(), yahoo(server), client, today=TODAY) is None
    assert server.queries == []
