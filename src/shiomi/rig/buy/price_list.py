"""Write a price file that is filled in by hand or by a shop's search. Existing rows are kept.

In a new file the prices are empty, and the user fills them in. A search saves the file after each
part, so that it can resume after an interruption.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

from shiomi.rig.buy.parts import Part
from shiomi.rig.buy.prices import COLUMNS, Offer
from shiomi.rig.errors import PriceError

__all__ = ["Ask", "fetch_prices", "write_template"]

_MARK = "no offer"  # value of the column `shop` if the search did not find the part


def write_template(parts: Iterable[Part], file: TextIO) -> int:
    """Write one row per part without the price, and return the number of rows."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*COLUMNS, "kind", "name"])
    count = 0
    for part in parts:
        writer.writerow([part.id, "", "", "", "new", "", "", part.category, part.name])
        count += 1
    return count


Ask = Callable[[Part], list[Offer] | None]
"""Returns the offers of a part; None if it has no part number to search for."""


def fetch_prices(
    parts: Sequence[Part],
    ask: Ask,
    shop: str,
    path: Path,
    *,
    today: datetime.date,
    wait: Callable[[], object],
    progress: Callable[[int, int, str], object] = lambda *_: None,
) -> tuple[int, list[str]]:
    """Search a shop for each part and add the offers to the file. Return the number of offers, and
    the parts that could not be searched for.

    `wait` is called between two requests. Parts that were already searched for today at this shop
    are skipped. Raises PriceError as `ask` does, or if the file cannot be written.
    """
    done = _asked(path, today, shop)
    left = [part for part in parts if part.id not in done]
    skipped: list[str] = []
    found = 0
    try:
        new = not path.exists() or path.stat().st_size == 0
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow([*COLUMNS, "kind", "name"])
            for number, part in enumerate(left):
                progress(number, len(left), shop)
                if number:
                    wait()
                offers = ask(part)
                if offers is None:
                    skipped.append(f"{part.name}: it has no part number to search for")
                found += len(offers or ())
                writer.writerows(_rows(part, offers or (), today, shop))
                file.flush()
    except OSError as error:
        raise PriceError(f"{path} cannot be written: {error.strerror}") from error
    return found, skipped


def _rows(part: Part, offers: Iterable[Offer], today: datetime.date, shop: str) -> list[list[str]]:
    rows = [
        [
            part.id,
            str(offer.price),
            offer.date.isoformat(),
            f"{shop} {offer.shop}".strip(),
            str(offer.condition),
            "" if offer.stock is None else str(offer.stock),
            offer.url,
            part.category,
            part.name,
        ]
        for offer in offers
    ]
    if rows:
        return rows
    mark = f"{shop}: {_MARK}"
    return [[part.id, "", today.isoformat(), mark, "", "", "", part.category, part.name]]


def _asked(path: Path, today: datetime.date, shop: str) -> set[str]:
    """Return the ids of the parts that were searched for today at this shop."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = set(COLUMNS) - set(reader.fieldnames or COLUMNS)
            if missing:
                raise PriceError(
                    f"{path} lacks the column {min(missing)!r}, so it is not a price file"
                )
            return {
                row["part"]
                for row in reader
                if row.get("date") == today.isoformat() and (row.get("shop") or "").startswith(shop)
            }
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise PriceError(f"{path} is not a price file: {error}") from error
