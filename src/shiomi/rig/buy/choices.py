"""Collect the candidates for each category of a build: priced parts and owned parts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from shiomi.rig.buy.candidates import Candidate
from shiomi.rig.buy.catalog import Catalog
from shiomi.rig.buy.parts import (
    Build,
    Category,
    Cpu,
    Drive,
    GraphicsCard,
    MemoryKit,
    Part,
)
from shiomi.rig.buy.prices import Condition, Offer, Prices
from shiomi.rig.buy.wish import Wish
from shiomi.rig.errors import AmbiguousPartError, PlanError, UnknownPartError
from shiomi.rig.estimate.quantity import Estimate

__all__ = ["Candidates", "Speed", "gather", "memory_sizes", "speed_name"]

Speed = Callable[[str, int], Estimate | None]
Candidates = dict[Category, list[Candidate]]
_MOST_KITS = 2


def speed_name(card: GraphicsCard, sizes: dict[str, set[float]]) -> str | None:
    """Return the exact name of the card's GPU, with the memory size if there are several.

    `sizes` has the memory sizes of each chipset, from `memory_sizes`. The name is None if the
    memory of the card is not known.
    """
    if card.vram_gb is None:
        return None
    chipset = _without_size(card.chipset)
    if len(sizes.get(chipset, ())) < 2:
        return chipset
    return f"{chipset} {card.vram_gb:g} GB"


def memory_sizes(cards: Iterable[GraphicsCard]) -> dict[str, set[float]]:
    """Return the memory sizes with which each chipset is sold."""
    sizes: dict[str, set[float]] = {}
    for card in cards:
        if card.vram_gb is not None:
            sizes.setdefault(_without_size(card.chipset), set()).add(card.vram_gb)
    return sizes


def _without_size(chipset: str) -> str:
    """Remove the memory size and "LHR" from a chipset's name. LHR does not slow models."""
    return re.sub(r" \d+ GB$", "", chipset).removesuffix(" LHR")


def gather(
    wish: Wish, catalog: Catalog, prices: Prices, speed: Speed, have: Build | None = None
) -> Candidates:
    """All candidates that meet the requirements.

    Raises PlanError if the part of a price is not in the catalogue.
    """
    offers: dict[str, list[Offer]] = {}
    for offer in prices.offers:
        if offer.part not in catalog.parts:
            raise PlanError(f"a price is for {offer.part!r}, which is not in this catalogue")
        if offer.stock != 0 and (wish.used or offer.condition is not Condition.USED):
            offers.setdefault(offer.part, []).append(offer)
    for rows in offers.values():
        rows.sort(key=lambda x: (x.price, x.condition, x.shop, x.url))
    have = have or Build()
    choices: Candidates = {category: [] for category in Category}
    _add_cards(choices, wish, catalog, offers, speed, have)
    _add_memory(choices, wish, catalog, offers, have)
    for category in Category:
        if category in (Category.GPU, Category.MEMORY):
            continue
        found = choices[category]
        own = have.get(category)
        if own and (category is not Category.STORAGE or _enough(own, wish)):
            found.append(Candidate(category, own, _owned(own), owned=True))
        for part_id, rows in offers.items():
            part = catalog.parts[part_id]
            if part.category is category and _meets(part, wish):
                candidate = Candidate(category, (part,), (rows[0],))
                if candidate.power_known() or wish.allow_unknown:
                    found.append(candidate)
    return choices


def _enough(drives: Sequence[Part], wish: Wish) -> bool:
    total = sum(drive.capacity_gb for drive in drives if isinstance(drive, Drive))
    return total >= wish.storage_gb


def _meets(part: Part, wish: Wish) -> bool:
    if isinstance(part, Cpu):
        return part.cores is not None and part.cores >= wish.cores
    if isinstance(part, Drive):
        return part.capacity_gb >= wish.storage_gb and part.form_factor.startswith("M.2")
    return True


def _owned(parts: Sequence[Part]) -> tuple[Offer, ...]:
    import datetime

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


def _add_cards(
    choices: Candidates,
    wish: Wish,
    catalog: Catalog,
    offers: dict[str, list[Offer]],
    speed: Speed,
    have: Build,
) -> None:
    sizes = memory_sizes(catalog.of(GraphicsCard))
    known: dict[tuple[str, int], Estimate | None] = {}

    def speed_of(name: str, count: int) -> Estimate | None:
        if (name, count) not in known:
            try:
                known[name, count] = speed(name, count)
            except (UnknownPartError, AmbiguousPartError):
                known[name, count] = None
        return known[name, count]

    own = have.only(GraphicsCard)
    own_names = {speed_name(card, sizes) for card in own}
    sets = choices[Category.GPU]

    def add(cards: tuple[GraphicsCard, ...], bought: tuple[Offer, ...], owned: bool) -> None:
        name = speed_name(cards[0], sizes)
        estimate = speed_of(name, len(cards)) if name else None
        if estimate is None or estimate.value <= 0:
            return
        if sum(card.vram_gb or 0 for card in cards) >= wish.vram_gb:
            candidate = Candidate(Category.GPU, cards, bought, owned, estimate)
            if candidate.power_known() or owned or wish.allow_unknown:
                sets.append(candidate)

    if own and len(own_names) == 1:
        add(own, _owned(own), owned=True)
    for part_id, rows in offers.items():
        card = catalog.parts[part_id]
        if not isinstance(card, GraphicsCard):
            continue
        for count in range(1, wish.most_gpus + 1):
            bought = _take(rows, count)
            if bought is None:
                break
            add((card,) * count, bought, owned=False)
            together = len(own) + count
            if own and own_names == {speed_name(card, sizes)} and together <= wish.most_gpus:
                add((*own, *(card,) * count), (*_owned(own), *bought), owned=True)


def _add_memory(
    choices: Candidates,
    wish: Wish,
    catalog: Catalog,
    offers: dict[str, list[Offer]],
    have: Build,
) -> None:
    own = have.only(MemoryKit)
    for kits, bought in _memory_sets(catalog, offers, own):
        if sum(kit.capacity_gb for kit in kits) >= wish.memory_gb:
            owned = bool(own) and kits[0] is own[0]
            choices[Category.MEMORY].append(Candidate(Category.MEMORY, kits, bought, owned))


def _memory_sets(
    catalog: Catalog, offers: dict[str, list[Offer]], own: tuple[MemoryKit, ...]
) -> Iterator[tuple[tuple[MemoryKit, ...], tuple[Offer, ...]]]:
    if own:
        yield own, _owned(own)
    for part_id, rows in offers.items():
        kit = catalog.parts[part_id]
        if not isinstance(kit, MemoryKit):
            continue
        for count in range(1, _MOST_KITS + 1):
            bought = _take(rows, count)
            if bought is None:
                break
            yield (kit,) * count, bought
            if own and Counter({kit.type: len(own)}) == Counter(x.type for x in own):
                yield (*own, *(kit,) * count), (*_owned(own), *bought)
