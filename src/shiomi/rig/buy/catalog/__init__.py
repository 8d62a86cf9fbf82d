"""The catalogue of computer parts, without prices: an extract of BuildCores OpenDB.

The licence is in ATTRIBUTION.md. There is one CSV file per category. `load_catalog(folder)` also
reads files with the same columns from your own folder. Their rows replace shipped rows with the
same id.
"""

from __future__ import annotations

import csv
import difflib
import re
import statistics
import unicodedata
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from shiomi.rig.buy.catalog.rows import FIELDS, read_row
from shiomi.rig.buy.parts import Category, GraphicsCard, Part
from shiomi.rig.errors import AmbiguousPartError, RigError, UnknownPartError
from shiomi.rig.message import reason

__all__ = ["Catalog", "CatalogError", "load_catalog", "normal_name"]

_MOST_NEAR = 3  # similar names that the error for an unknown name lists

P = TypeVar("P", bound=Part)


class CatalogError(RigError):
    """A catalogue file is invalid."""


def normal_name(text: str) -> str:
    """Normalise a name for comparison: width, case and repeated spaces do not matter."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _words(name: str) -> set[str]:
    """Return the words of a name. A hyphen separates words: "i5-10400" is "i5 10400"."""
    return set(normal_name(name).replace("-", " ").split())


def _similar(asked: str, names: dict[str, list[str]]) -> list[str]:
    """Return a few names that begin with the text, else a few with similar spelling."""
    begin = sorted(x for x in names if asked and x.startswith(asked))[:_MOST_NEAR]
    return begin or difflib.get_close_matches(asked, names, n=_MOST_NEAR, cutoff=0.5)


@dataclass(slots=True)
class Catalog:
    """The parts, indexed by id, by name and by part number."""

    parts: dict[str, Part] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)  # messages on rows that could not be read
    _names: dict[str, list[str]] | None = None
    _sizes: dict[str, set[float]] | None = None  # memory sizes in GB of the cards with each chipset

    def of(self, kind: type[P]) -> list[P]:
        """Return all parts of a type."""
        return [part for part in self.parts.values() if isinstance(part, kind)]

    def gpu_name(self, card: GraphicsCard) -> str | None:
        """Return the exact name of a card's GPU; None if the memory of the card is not known.

        The name ends with the memory size if the chipset is sold with several sizes.
        """
        if self._sizes is None:
            self._sizes = {}
            for x in self.of(GraphicsCard):
                if x.vram_gb is not None:
                    self._sizes.setdefault(_without_size(x.chipset), set()).add(x.vram_gb)
        if card.vram_gb is None:
            return None
        chipset = _without_size(card.chipset)
        several = len(self._sizes.get(chipset, ())) > 1
        return f"{chipset} {card.vram_gb:g} GB" if several else chipset

    def find(self, name: str) -> Part:
        """Return the part with this id, name or part number, else the shortest name with all words.

        The maker's name is optional: "Ryzen 5 5500" is the AMD Ryzen 5 5500, not the 5500GT.
        Raises UnknownPartError (with the nearest names) or AmbiguousPartError (with all matches).
        """
        if name in self.parts:
            return self.parts[name]
        names = self._index()
        ids = names.get(normal_name(name), [])
        asked = normal_name(name[:200])
        words = _words(asked)
        if not ids and words:
            within = [x for x in self.parts.values() if words <= _words(x.name)]
            shortest = min((len(_words(x.name)) for x in within), default=0)
            ids = [x.id for x in within if len(_words(x.name)) == shortest]
        if ids and len({replace(self.parts[i], id="", numbers=()) for i in ids}) == 1:
            return self.parts[ids[0]]  # one part that is listed several times
        if len({self.parts[i].name for i in ids}) == 1:
            listed = "; ".join(f"{i} = {self.parts[i].name}" for i in ids[:5])
            raise AmbiguousPartError(f"{name!r} is several parts; give the id of one: {listed}")
        near = [self.parts[i].name for i in ids] or [
            self.parts[names[x][0]].name for x in _similar(asked, names)
        ]
        nearest = "; ".join(dict.fromkeys(near[:_MOST_NEAR]))
        raise UnknownPartError(
            f"no part {name[:80]!r} in the catalogue"
            + (f"; the nearest are: {nearest}" if nearest else "")
            + "; give another name, or describe the part in your own catalogue folder (--parts)"
        )

    def _index(self) -> dict[str, list[str]]:
        if self._names is None:
            self._names = {}
            for part in self.parts.values():
                made = (f"{part.maker} {x}" for x in part.numbers)
                for name in {normal_name(x) for x in (part.name, *part.numbers, *made)}:
                    if name and name != "unknown":
                        self._names.setdefault(name, []).append(part.id)
        return self._names


def _without_size(chipset: str) -> str:
    """Remove the memory size and "LHR" from a chipset's name. LHR does not slow down models."""
    return re.sub(r" \d+ GB$", "", chipset).removesuffix(" LHR")


def load_catalog(folder: Path | None = None) -> Catalog:
    """Return the shipped catalogue, with rows added or replaced by the files in `folder`.

    Rows that cannot be read are skipped and named in `refused`. Raises CatalogError if a file is
    not a CSV with the columns of its category.
    """
    shipped = _shipped()
    catalog = Catalog(dict(shipped.parts), list(shipped.refused))
    if folder is not None:
        if not folder.is_dir():
            raise CatalogError(f"{folder} is not a folder; it must hold files such as gpu.csv")
        for category in Category:
            if (folder / f"{category}.csv").is_file():
                _read(catalog, category, folder / f"{category}.csv")
    _doubt_odd_powers(catalog)
    return catalog


@cache
def _shipped() -> Catalog:
    catalog = Catalog()
    folder = resources.files("shiomi.rig.buy.catalog")
    for category in Category:
        _read(catalog, category, folder.joinpath("parts", f"{category}.csv"))
    return catalog


def _doubt_odd_powers(catalog: Catalog) -> None:
    """Treat a card's power as unknown if it differs much from other cards with its chipset.

    Factory settings change a card's power by up to a fifth. A 3060 Ti with 750 W is an error: 750
    W is the power supply that its maker recommends.
    """
    powers: dict[str, list[float]] = {}
    cards = catalog.of(GraphicsCard)
    for card in cards:
        if card.tdp_w is not None:
            powers.setdefault(card.chipset, []).append(card.tdp_w)
    for card in cards:
        usual = statistics.median(powers.get(card.chipset, [0]))
        if card.tdp_w is not None and not usual / 1.6 <= card.tdp_w <= usual * 1.6:
            doubt = reason(
                "odd_power", watts=f"{card.tdp_w:g}", usual=f"{usual:g}", gpu=card.chipset
            )
            catalog.parts[card.id] = replace(card, tdp_w=None, doubts=(*card.doubts, doubt))


def _read(catalog: Catalog, category: Category, file: Traversable | Path) -> None:
    try:
        text = file.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(text.splitlines(), strict=True)
        missing = [x for x in FIELDS[category] if x not in (reader.fieldnames or ())]
        if missing:
            raise CatalogError(f"{file}: column {missing[0]!r} is missing from its first line")
        rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"{file} cannot be read as a CSV file in UTF-8: {error}") from error
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            catalog.refused.append(f"{category} line {line} has a different number of fields")
            continue
        try:
            part = read_row(category, row)
        except ValueError as error:
            catalog.refused.append(f"{category} {row['name'][:80]!r}: {error}")
            continue
        catalog.parts[part.id] = part
