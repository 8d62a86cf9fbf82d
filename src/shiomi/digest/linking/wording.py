"""The lists of sites and words that the judge uses: the tables of wording.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from shiomi.digest.errors import LinkingError

__all__ = ["Wording", "load_wording", "mark"]


@dataclass(frozen=True, slots=True)
class Wording:
    """The tables as plain data."""

    sites: Mapping[str, frozenset[str]]  # hosts by kind: "code", "media", "social", "news", ...
    events: tuple[str, ...]  # names of the kinds of events, in the order of the bits of mark()
    # a pattern for one word: one for each kind of event, then one for each cue
    words: Mapping[str, re.Pattern[str]]
    any_word: re.Pattern[str]  # matches if one of these patterns matches


@cache
def load_wording() -> Wording:
    """Load the tables that ship with Shiomi. Raises LinkingError if the installation is damaged."""
    try:
        text = resources.files(__package__).joinpath("wording.toml").read_text(encoding="utf-8")
        table = tomllib.loads(text)
        sites = {kind: frozenset(hosts) for kind, hosts in table["sites"].items()}
        events, cues = table["events"], table["cues"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise LinkingError(f"wording.toml cannot be read ({error}); reinstall shiomi") from None
    patterns = {name: _pattern(words) for name, words in {**events, **cues}.items()}
    every = re.compile("|".join(pattern.pattern for pattern in patterns.values()))
    return Wording(sites, tuple(events), patterns, every)


def _pattern(words: Any) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word).replace(r"\*", r"\w*") for word in words.split()))


def mark(word: str) -> int:
    """Return the kinds of events and the cues that a word of a folded title names, as bits.

    Bit i is `Wording.events[i]`; the bits of the cues "future", "comment" and "not" come after the
    last event.
    """
    wording = load_wording()
    if not wording.any_word.fullmatch(word):
        return 0
    patterns = wording.words.values()
    return sum(1 << bit for bit, pattern in enumerate(patterns) if pattern.fullmatch(word))
