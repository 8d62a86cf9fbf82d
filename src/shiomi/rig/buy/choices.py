"""Collect the candidates for each category of a build: priced parts and owned parts."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import TypeVar

from shiomi.rig.buy.candidates import Candidate
from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.buy.parts import Build, Category, Cpu, Drive, GraphicsCard, MemoryKit, Part
from shiomi.rig.buy.prices import Condition, Offer, Prices
from shiomi.rig.buy.wish import LEAST_CORES, Wish
from shiomi.rig.errors import PlanError

__all__ = ["Candidates", "gather"]

Candidates = dict[Category, list[Candidate]]
Offers = dict[str, list[Offer]]  # of each part, the cheapest first
P = TypeVar("P", bound=Part)
_MOST_KITS = 2


def gather(wish: Wish, catalog: Catalog, prices: Prices, have: Build) -> Candidates:
    """Return all candidates that meet the requirements.

    Raises PlanError if the catalogue lacks a part that has a price.
    """
    offers: Offers = {}
    for offer in prices.offers:
        if offer.part not in catalog.parts:
            raise PlanError(f"a price is for {offer.part!r}, which is not in this catalogue")
        if offer.stock != 0 and (wish.used or offer.condition is not Condition.USED):
            offers.setdefault(offer.part, []).append(offer)
    for rows in offers.values():
        rows.sort(key=lambda x: (x.price, x.condition, x.shop, x.url))
    choices = {x: list(_single(x, wish, catalog, offers, have)) for x in Category}
    for cards, bought in _sets(GraphicsCard, have, catalog, offers, wish.most_gpus):
        too_many = len(cards) > wish.most_gpus and bought[-1].condition is not Condition.OWN
        candidate = Candidate(Category.GPU, cards, bought)
        if not too_many and (candidate.power_known() or candidate.owned or wish.allow_unknown):
            choices[Category.GPU].append(candidate)
    for kits, bought in _sets(MemoryKit, have, catalog, offers, _MOST_KITS):
        if sum(kit.capacity_gb for kit in kits) >= wish.memory_gb:
            choices[Category.MEMORY].append(Candidate(Category.MEMORY, kits, bought))
    return choices


def _single(
    category: Category, wish: Wish, catalog: Catalog, offers: Offers, have: Build
) -> Iterator[Candidate]:
    """Yield the candidates of a category of which a build has one part."""
    if category in (Category.GPU, Category.MEMORY):
        return
    own = have.get(category)
    if own and (category is not Category.STORAGE or _enough(own, wish)):
        yield Candidate(category, own, _owned(own))
    for part_id, rows in offers.items():
        part = catalog.parts[part_id]
        if part.category is category and _meets(part, wish):
            candidate = Candidate(category, (part,), (rows[0],))
            if candidate.power_known() or wish.allow_unknown:
                yield candidate


def _sets(
    kind: type[P], have: Build, catalog: Catalog, offers: Offers, most: int
) -> Iterator[tuple[tuple[P, ...], tuple[Offer, ...]]]:
    """Yield sets of equal parts: the owned parts, up to `most` bought parts, and both together."""
    own = have.only(kind)
    ours = {_type(x, catalog) for x in own}
    if len(ours) == 1 and None not in ours:
        yield own, _owned(own)
    for part_id, rows in offers.items():
        part = catalog.parts[part_id]
        if not isinstance(part, kind) or _type(part, catalog) is None:
            continue
        for count in range(1, most + 1):
            bought = _take(rows, count)
            if bought is None:
                break
            yield (part,) * count, bought
            if ours == {_type(part, catalog)}:
                yield (*own, *(part,) * count), (*_owned(own), *bought)


def _type(part: Part, catalog: Catalog) -> str | None:
    """Return a card's GPU or the type of memory. Only parts with the same value are combined."""
    if isinstance(part, GraphicsCard):
        return catalog.gpu_name(part)
    return part.type if isinstance(part, MemoryKit) else None


def _enough(drives: Sequence[Part], wish: Wish) -> bool:
    total = sum(drive.capacity_gb for drive in drives if isinstance(drive, Drive))
    return total >= wish.storage_gb


def _meets(part: Part, wish: Wish) -> bool:
    if isinstance(part, Cpu):
        return part.cores is not None and part.cores >= LEAST_CORES
    if isinstance(part, Drive):
        return part.capacity_gb >= wish.storage_gb and part.form_factor.startswith("M.2")
    return True


def _owned(parts: Sequence[Part]) -> tuple[Offer, ...]:
    return tuple(Offer(p.id, 0, datetime.date.min, condition=Condition.OWN) for p in parts)


def _take(rows: Sequence[Offer], count: int) -> tuple[Offer, ...] | None:
    """Return the cheapest `count` offers; None if there are fewer."""
    taken: list[Offer] = []
    for offer in rows:
        left = count - len(taken)
        taken += [offer] * (left if offer.stock is None else min(left, offer.stock))
        if len(taken) == count:
            return tuple(taken)
    return None
