"""Read prices from the user's file; each has a date and a shop. Prices are never guessed.

The file is a CSV with the columns `part,price_jpy,date,shop,condition,stock,url`. `part` is a
catalogue id, a name or a part number. `condition` is new or used; a part that is sold new and used
has two rows. `stock` is the number on offer; it is empty if unknown. Other columns are ignored, and
so is a row without a price. `PRICE_FILE` is the header of a new, empty file.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.errors import AmbiguousPartError, PriceError, UnknownPartError
from shiomi.rig.tables import table_text

__all__ = [
    "COLUMNS",
    "MOST_YEN",
    "PRICE_FILE",
    "Condition",
    "Offer",
    "Prices",
    "example_prices",
    "priced_rows",
    "read_prices",
]

COLUMNS = ("part", "price_jpy", "date", "shop", "condition", "stock", "url")
PRICE_FILE = ",".join(COLUMNS) + "\n"
MOST_YEN = 100_000_000  # more than the price of any part or build


class Condition(StrEnum):
    """The condition of an offer."""

    NEW = "new"
    USED = "used"
    OWN = "own"  # the user has the part; it costs nothing


@dataclass(frozen=True, slots=True)
class Offer:
    """A part at a price."""

    part: str  # catalogue id
    price: int  # in the currency of the plan, tax included
    date: datetime.date
    shop: str = ""
    condition: Condition = Condition.NEW
    stock: int | None = None
    url: str = ""


@dataclass(slots=True)
class Prices:
    """Offers, and the skipped rows with the reason."""

    offers: list[Offer] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unfilled: int = 0  # rows without a price, as in a new list


def read_prices(
    path: Path, catalog: Catalog, *, today: datetime.date, currency: str = "JPY"
) -> Prices:
    """Return the offers of a price file.

    An invalid row is skipped and listed in `refused`. Raises PriceError if the file cannot be read
    or lacks a column.
    """
    return _read(path, catalog, today, currency)


def example_prices(catalog: Catalog, currency: str = "JPY") -> Prices:
    """Return the example prices, shipped or updated; each has its date and its basis."""
    return _read(None, catalog, datetime.date.max, currency)


def _read(path: Path | None, catalog: Catalog, today: datetime.date, currency: str) -> Prices:
    column = f"price_{currency.lower()}"
    prices = Prices()
    for where, row in priced_rows(path, "example_prices.csv", ("part", column, "date")):
        if row.get("part") and not (row[column] or "").strip():
            prices.unfilled += 1
            continue
        try:
            prices.offers.append(_offer(row, catalog, today, column))
        except (ValueError, UnknownPartError, AmbiguousPartError) as error:
            prices.refused.append(f"{where}: {error}")
    return prices


def priced_rows(
    path: Path | None, table: str, columns: Iterable[str]
) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Yield the rows of a CSV file, or of the shipped `table` if `path` is None, with their lines.

    Raises PriceError if the file cannot be read or lacks one of `columns`.
    """
    name = table if path is None else path.name
    try:
        text = table_text(table) if path is None else path.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        missing = set(columns) - set(reader.fieldnames or ())
        if missing:
            raise PriceError(f"{name}: column {min(missing)!r} is missing from its first line")
        for row in reader:
            yield f"{name} line {reader.line_num}", dict(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PriceError(f"{path} cannot be read as a CSV file in UTF-8: {error}") from error


def _offer(
    row: Mapping[str, str | None], catalog: Catalog, today: datetime.date, column: str
) -> Offer:
    def text(name: str) -> str:
        return (row.get(name) or "").strip()

    if None in row:
        raise ValueError("it has more fields than the first line names")
    return Offer(
        part=catalog.find(text("part")).id,
        price=_amount(text(column), column),
        date=_date(text("date"), today),
        shop=text("shop")[:100],
        condition=_condition(text("condition")),
        stock=_stock(text("stock")),
        url=text("url") if text("url").startswith(("https://", "http://")) else "",
    )


def _amount(text: str, column: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 0 < int(text) <= MOST_YEN):
        raise ValueError(f"{column} must be a whole number from 1 to {MOST_YEN}, got {text[:20]!r}")
    return int(text)


def _date(text: str, today: datetime.date) -> datetime.date:
    try:
        date = datetime.date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"date must be a day like 2026-11-29, got {text[:20]!r}") from error
    if date > today:
        raise ValueError(f"date must not be in the future, got {text!r}")
    return date


def _condition(text: str) -> Condition:
    if text not in ("", Condition.NEW, Condition.USED):
        raise ValueError(f"condition must be new or used, got {text[:20]!r}")
    return Condition(text or Condition.NEW)


def _stock(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise ValueError(f"stock must be a whole number, got {text[:20]!r}")
    return int(text)
