"""Fetch prices from shops' official search APIs, with the operator's own key.

- Yahoo!ショッピング 商品検索 v3: https://developer.yahoo.co.jp/webapi/shopping/v3/itemsearch.html
- 楽天市場 Ichiba Item Search: https://webservice.rakuten.co.jp/ (application id and access key)

A search result counts only if its name contains one of the part numbers. So an accessory or a part
with a similar name is not mistaken for the part. Only the names and prices in an answer are used,
as text and numbers. Each part takes one request, which is not repeated if it fails. No other module
of the planner uses HTTP.
"""

from __future__ import annotations

import datetime
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shiomi.rig.buy.parts import Part
from shiomi.rig.buy.prices import MOST_YEN, Condition, Offer
from shiomi.rig.errors import PriceError
from shiomi.tls import tls_context

if TYPE_CHECKING:
    import httpx2

__all__ = ["KEYS", "Rakuten", "Shop", "Yahoo", "offers_of", "shop_client", "shop_of"]

# The environment variables of the operator's keys. The keys are never printed.
KEYS = {
    "yahoo": ("SHIOMI_YAHOO_CLIENT_ID",),
    "rakuten": ("SHIOMI_RAKUTEN_APPLICATION_ID", "SHIOMI_RAKUTEN_ACCESS_KEY"),
}
_MOST_BYTES = 4_000_000
_SHORTEST_NUMBER = 5  # shorter part numbers occur in too many names


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result."""

    name: str
    price: int
    shop: str
    url: str
    used: bool


@dataclass(frozen=True, slots=True)
class Yahoo:
    """Yahoo!ショッピング, with the client id of the operator's application."""

    client_id: str
    url: str = "https://shopping.yahooapis.jp/ShoppingWebService/V3/itemSearch"
    name: str = "Yahoo!ショッピング"

    def query(self, keyword: str) -> dict[str, str]:
        """Return the parameters for a search of new and used parts in stock, cheapest first."""
        return {
            "appid": self.client_id,
            "query": keyword,
            "in_stock": "true",
            "sort": "+price",
            "results": "50",
        }

    def hits(self, answer: Any) -> list[Hit]:
        """Return the results in an answer.

        Raises KeyError, TypeError, ValueError or AttributeError if it is not an answer.
        """
        return [
            Hit(
                name=str(x["name"]),
                price=_price(x["price"]),
                shop=str(x["seller"]["name"]),
                url=str(x["url"]),
                used=x.get("condition") == "used" or "中古" in str(x["name"]),
            )
            for x in answer["hits"]
            if x.get("inStock", True)
        ]


@dataclass(frozen=True, slots=True)
class Rakuten:
    """楽天市場, with the application id and access key of the operator."""

    application_id: str
    access_key: str
    url: str = "https://openapi.rakuten.co.jp/ichibams/api/IchibaItem/Search/20260701"
    name: str = "楽天市場"

    def query(self, keyword: str) -> dict[str, str]:
        """Return the parameters for a search of available parts, cheapest first."""
        return {
            "applicationId": self.application_id,
            "accessKey": self.access_key,
            "keyword": keyword,
            "format": "json",
            "formatVersion": "2",
            "availability": "1",
            "sort": "+itemPrice",
            "hits": "30",
        }

    def hits(self, answer: Any) -> list[Hit]:
        """Return the results in an answer of either format version. Raises as Yahoo.hits does."""
        items = answer["Items"] if "Items" in answer else answer["items"]
        return [
            Hit(
                name=str(x["itemName"]),
                price=_price(x["itemPrice"]),
                shop=str(x["shopName"]),
                url=str(x["itemUrl"]),
                used="中古" in str(x["itemName"]),
            )
            for x in (item.get("Item", item) for item in items)
            if x.get("availability", 1)
        ]


Shop = Yahoo | Rakuten


def shop_of(name: str, environment: Mapping[str, str]) -> Shop:
    """Return the shop "yahoo" or "rakuten" with the keys of the environment.

    Raises PriceError if the shop is unknown or a key is missing.
    """
    if name not in KEYS:
        raise PriceError(f"shop must be {', '.join(KEYS)}, got {name[:40]!r}")
    missing = [key for key in KEYS[name] if not environment.get(key, "").strip()]
    if missing:
        raise PriceError(
            f"{name} needs your own key: set {' and '.join(missing)} in the environment;"
            " docs/rig/index.md names the sites that issue keys"
        )
    keys = [environment[key].strip() for key in KEYS[name]]
    return Yahoo(keys[0]) if name == "yahoo" else Rakuten(keys[0], keys[1])


def shop_client() -> httpx2.Client:
    """Return an HTTP client with a time limit, for `offers_of`."""
    import httpx2

    return httpx2.Client(verify=tls_context(), timeout=20.0)


def _price(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).isdigit():
        raise ValueError(f"a price is {value!r}")
    return int(value)


def offers_of(
    part: Part, shop: Shop, client: httpx2.Client, *, today: datetime.date
) -> list[Offer] | None:
    """Return the cheapest new and used offer of a part; None if it has no part number.

    Raises PriceError if the shop refuses the key or its answer is invalid.
    """
    numbers = sorted(x for x in part.numbers if len(_plain(x)) >= _SHORTEST_NUMBER)
    if not numbers:
        return None
    answer = _ask(shop, client, max(numbers, key=lambda x: (" " not in x, len(x))))
    try:
        hits = shop.hits(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PriceError(
            f"{shop.name} answered in an unknown format ({error!r}); its interface may have"
            " changed, so look for a newer version of shiomi"
        ) from error
    return _cheapest(part, [_plain(x) for x in numbers], hits, today)


def _plain(text: str) -> str:
    """Keep only letters and digits, as shops write both `RTX3060-E12G` and `RTX 3060 E12G`."""
    return re.sub(r"[^0-9a-z]", "", unicodedata.normalize("NFKC", text).casefold())


def _holds(name: str, number: str) -> bool:
    """Return whether a name contains the part number, but not inside a longer number."""
    tokens = re.findall(r"[0-9a-z]+", unicodedata.normalize("NFKC", name).casefold())
    for start in range(len(tokens)):
        joined = ""
        for token in tokens[start:]:
            joined += token
            if joined == number:
                return True
            if len(joined) > len(number):
                break
    return False


def _cheapest(
    part: Part, numbers: Iterable[str], hits: Iterable[Hit], today: datetime.date
) -> list[Offer]:
    wanted = list(numbers)
    best: dict[Condition, Offer] = {}
    for hit in hits:
        if not 0 < hit.price <= MOST_YEN or not any(_holds(hit.name, x) for x in wanted):
            continue
        condition = Condition.USED if hit.used else Condition.NEW
        if condition not in best or hit.price < best[condition].price:
            url = hit.url if hit.url.startswith("https://") else ""
            stock = 1 if hit.used else None
            best[condition] = Offer(
                part.id, hit.price, today, hit.shop[:100], condition, stock, url
            )
    return list(best.values())


def _ask(shop: Shop, client: httpx2.Client, keyword: str) -> Mapping[str, Any]:
    import httpx2

    try:
        with client.stream("GET", shop.url, params=shop.query(keyword)) as response:
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise PriceError(f"{shop.name} answered with more than {_MOST_BYTES} bytes")
            status = response.status_code
    # The text of the exception may contain the address, which contains the key.
    except httpx2.HTTPError as error:
        raise PriceError(
            f"{shop.name} could not be asked ({type(error).__name__}); check the network"
        ) from None
    if status in (400, 401, 403):
        raise PriceError(f"{shop.name} refused the request ({status}); check the key")
    if status == 429:
        raise PriceError(
            f"{shop.name} asks for fewer requests (429); wait, or use a longer --pause"
        )
    if status != 200:
        raise PriceError(f"{shop.name} answered with status {status}; try again later")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PriceError(f"{shop.name} answered with something other than JSON") from error
    if not isinstance(answer, dict):
        raise PriceError(f"{shop.name} answered with JSON that is not an object")
    return answer
