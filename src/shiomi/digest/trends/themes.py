"""Themes: significant terms of a week's titles, grouped by subject.

Only statistics of terms are used. z is the weighted log-odds ratio with an informative Dirichlet
prior (Monroe, Colaresi and Quinn 2008, "Fightin' Words", equations 16-22). It is divided by the
square root of the term's overdispersion over the earlier weeks, so that a term that bursts every
month does not count as news. Two terms are taken as one subject if they share stories or contexts.
The context of a term is the words of the titles that contain it, weighted by positive pointwise
mutual information. Contexts are compared by their cosine. "Covid-19" and "coronavirus" hardly ever
occur in one title, but have a cosine of 0.34; unrelated pairs have at most 0.05.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shiomi.digest.terms import Term

__all__ = ["Theme", "WeighedTerm", "is_size", "themes", "weigh"]

PRIOR = 0.15  # weight of the prior, as a share of the number of all stories
SIGNIFICANT = 2.0  # least z of a term that leads or joins a theme
SURE = 2.5  # least z of a name that is a theme without other terms
SHARED = 0.5  # a term joins a theme if the theme has at least this share of the term's stories
COMPANY = 0.15  # two terms are one theme if their contexts have at least this cosine
SAME_COMPANY = 2  # least number of words that the contexts of two such terms have in common
LIFT = 4.0  # two terms are one theme if they share 4 times as many stories as by chance
TAKEN_OVER = 0.6  # a phrase replaces a word if over 60 % of the word's stories have the phrase
STORIES = 3  # least number of stories of a theme
NOTED = 0.7  # least engagement of two stories of a theme (0.7: the top 20 % of a community)
WORTH = 2.8  # least worth of a theme; chosen by reading 17 real weeks, not tested on others


@dataclass(frozen=True, slots=True)
class WeighedTerm:
    """A term of the week, with its statistics."""

    key: str
    surface: str  # the spelling in most titles
    words: tuple[str, ...]
    z: float  # how much more frequent it is in this week's stories than in the weeks before
    stories: frozenset[int]  # indices in the list of the week's stories
    named: float  # share of its occurrences written as a name, in [0, 1]

    @property
    def is_sure(self) -> bool:
        """Whether a thread with this term belongs to the theme even without the leading term."""
        return self.z >= SURE and self.named > 0.8


@dataclass(frozen=True, slots=True)
class Theme:
    """Terms with one subject."""

    lead: WeighedTerm
    joined: tuple[WeighedTerm, ...]  # terms that occur mostly in the lead's stories
    aspects: tuple[WeighedTerm, ...]  # terms for the same subject in other stories
    worth: float


@dataclass(slots=True)
class _Tally:
    """The counts of one term in the weeks."""

    stories: set[int] = field(default_factory=set)
    before: list[int] = field(default_factory=list)
    written: Counter[Term] = field(default_factory=Counter)


def weigh(
    now: Sequence[Sequence[Term]], before: Sequence[Sequence[Sequence[Term]]]
) -> list[WeighedTerm]:
    """Return by key the terms that occur in at least two of this week's stories.

    `now` has the terms of each story of this week. `before` has the same for each earlier week,
    the oldest week first.
    """
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    for place, terms in enumerate(now):
        for term in terms:
            tally = tallies[term.key]
            tally.stories.add(place)
            tally.written[term] += 1
    kept = {key: tally for key, tally in tallies.items() if len(tally.stories) > 1}
    for tally in kept.values():
        tally.before = [0] * len(before)
    for week, stories in enumerate(before):
        for terms in stories:
            for term in terms:
                if (held := kept.get(term.key)) is not None:
                    held.before[week] += 1
                    held.written[term] += 1
    sizes = [len(stories) for stories in before]
    return [_weighed(key, tally, len(now), sizes) for key, tally in sorted(kept.items())]


def _weighed(key: str, tally: _Tally, of_now: int, sizes: Sequence[int]) -> WeighedTerm:
    z = log_odds(len(tally.stories), of_now, sum(tally.before), sum(sizes))
    z /= math.sqrt(overdispersion(tally.before, sizes))
    written = tally.written
    term = min(written, key=lambda t: (-written[t], t.surface))
    named = sum(n for t, n in written.items() if _is_name(t.surface)) / sum(written.values())
    return WeighedTerm(key, term.surface, term.words, z, frozenset(tally.stories), named)


def log_odds(now: int, of_now: int, before: int, of_before: int) -> float:
    """Return z of the log-odds ratio of a term: `now` of `of_now` stories have it this week, and
    `before` of `of_before` stories had it before.

    In the prior the term is as frequent as in all stories together (Monroe et al. 2008, equation
    22). Returns 0 if there is nothing to compare with.
    """
    if not of_now or not of_before:
        return 0.0
    prior = PRIOR * (now + before)
    whole = PRIOR * (of_now + of_before)
    odds = (now + prior) / max(of_now + whole - now - prior, 0.5)
    odds_before = (before + prior) / max(of_before + whole - before - prior, 0.5)
    return math.log(odds / odds_before) / math.sqrt(1 / (now + prior) + 1 / (before + prior))


def overdispersion(series: Sequence[int], sizes: Sequence[int]) -> float:
    """Return the variance of a term's weekly counts divided by their mean, at least 1.

    It is computed as Pearson's X² per degree of freedom.
    """
    rate = sum(series) / max(sum(sizes), 1)
    expected = [(count, rate * size) for count, size in zip(series, sizes, strict=True) if size]
    if not rate or len(expected) < 3:
        return 1.0
    chi = math.fsum((count - mean) ** 2 / mean for count, mean in expected)
    return max(chi / (len(expected) - 1), 1.0)


_SIZE = re.compile(r"(?:a?\d+(?:\.\d+)?[bmk]?-?)+", re.IGNORECASE)


def is_size(surface: str) -> bool:
    """Return whether a term is only the size of a model, as in 30B-A3B."""
    return bool(_SIZE.fullmatch(surface))


def _is_name(surface: str) -> bool:
    """Return whether a term is written like a name: with a capital or digit, or in a script without
    case."""
    if is_size(surface):
        return False
    return any(c.isupper() or c.isdigit() or (c.isalpha() and c.lower() == c.upper())
               for c in surface)  # fmt: skip


def themes(
    terms: Sequence[WeighedTerm], strength: Sequence[float], company: Company
) -> Iterator[Theme]:
    """Return groups of terms with one subject, the group with the highest worth first.

    `strength` is each story's engagement, log10(1/survival).
    """
    left = [term for term in _without_fragments(terms) if term.z >= SIGNIFICANT]
    together = _Together(terms, len(strength))
    worth = {term.key: together.coherence(term) * _worth(term, strength) for term in left}
    left.sort(key=lambda term: (-worth[term.key], term.key))
    while left:
        lead = left.pop(0)
        if worth[lead.key] < WORTH:
            return
        noted = sum(strength[place] >= NOTED for place in lead.stories)
        if len(lead.stories) < STORIES or noted < 2:
            continue
        joined = [t for t in left if len(t.stories & lead.stories) >= SHARED * len(t.stories)]
        left = [term for term in left if term not in joined]
        theme = (lead, *joined)
        aspects = [term for term in left if _one_thing(theme, term, together.total, company)]
        spelt = (*theme, *aspects)
        aspects += [t for t in left if t not in aspects and any(_spelt_alike(t, s) for s in spelt)]
        left = [term for term in left if term not in aspects]
        yield Theme(lead, tuple(joined), tuple(aspects), worth[lead.key])


def _worth(term: WeighedTerm, strength: Sequence[float]) -> float:
    """Return the worth of a term, from its z, its stories' engagement, and how often it is a
    name."""
    interest = math.fsum(min(strength[place], 3.0) for place in term.stories)
    return term.z * math.log1p(interest) * (0.15 + 0.85 * term.named**2)


def _without_fragments(terms: Sequence[WeighedTerm]) -> list[WeighedTerm]:
    """Drop terms that are nearly always part of one longer phrase: "Bay" of "Bay Area"."""
    fragments = set()
    by_words = {term.words: term for term in terms}
    for term in terms:
        for start in range(len(term.words)):
            for end in range(start + 1, len(term.words) + 1):
                part = by_words.get(term.words[start:end])
                if part is None or part is term:
                    continue
                if len(term.stories) > TAKEN_OVER * len(part.stories):
                    fragments.add(part.key)
    return [term for term in terms if term.key not in fragments]


class _Together:
    """Find, for each word, the words that occur in the same stories more often than by chance."""

    def __init__(self, terms: Sequence[WeighedTerm], total: int) -> None:
        self.total = total
        self.in_story: dict[int, list[WeighedTerm]] = defaultdict(list)
        for term in terms:
            if len(term.words) == 1 or term.words[-1][0].isdigit():
                for place in term.stories:
                    self.in_story[place].append(term)

    def coherence(self, term: WeighedTerm) -> float:
        """Return a factor in [0.3, 1]: 0.3 if the stories have no other word in common ("John")."""
        if len(term.words) > 2:
            return 1.0  # three words in the same order are not a coincidence
        size = len(term.stories)
        shared = Counter(other for place in term.stories for other in self.in_story[place])
        companions = {
            other.key
            for other, count in shared.items()
            if count > 1
            and not set(other.words) <= set(term.words)
            and count * self.total >= LIFT * size * len(other.stories)
        }
        held = sum(
            any(other.key in companions for other in self.in_story[place]) for place in term.stories
        )
        return 0.3 + 0.7 * min(held / size / SHARED, 1.0) if held >= STORIES else 0.3


class Company:
    """The words that occur together with each word in titles, weighted by positive PMI.

    PMI is pointwise mutual information.
    """

    def __init__(self, titles: Sequence[frozenset[str]]) -> None:
        """Count words in `titles`: one set of word keys per title of this week and the weeks
        before."""
        self.titles = titles
        self.frequency = Counter(key for title in titles for key in title)
        self._known: dict[tuple[str, ...], dict[str, float]] = {}

    def likeness(self, one: Sequence[str], other: Sequence[str]) -> float:
        """Return the cosine, in [0, 1], of the words that co-occur with two terms. A term is given
        as the keys of its words."""
        own = {*one, *other}
        ours, theirs = (
            {key: value for key, value in self._of(tuple(term)).items() if key not in own}
            for term in (one, other)
        )
        if len(ours.keys() & theirs.keys()) < SAME_COMPANY:
            return 0.0  # rare words have one or two neighbours, which may be equal by chance
        norm = math.sqrt(_square(ours) * _square(theirs))
        return math.fsum(value * theirs.get(key, 0.0) for key, value in ours.items()) / norm

    def _of(self, term: tuple[str, ...]) -> dict[str, float]:
        if term not in self._known:
            words = set(term)
            holding = [title for title in self.titles if words <= title]
            counts = Counter(key for title in holding for key in title)
            size = len(self.titles)
            self._known[term] = {
                key: count * math.log(gain)
                for key, count in counts.items()
                if count > 1 and (gain := count * size / (len(holding) * self.frequency[key])) > 1
            }
        return self._known[term]


def _square(vector: Mapping[str, float]) -> float:
    return math.fsum(value**2 for value in vector.values())


def _one_thing(
    theme: Sequence[WeighedTerm], term: WeighedTerm, total: int, company: Company
) -> bool:
    """Return whether `term` has the same subject as a theme, whose first term leads it."""
    lead = theme[0]
    common = len(term.stories & lead.stories)
    chance = len(term.stories) * len(lead.stories) / total
    if set(lead.words) & set(term.words):
        return True
    if common >= max(2, len(term.stories) / 3) and common >= LIFT * chance:
        return True
    return any(
        company.likeness(_keys(own), _keys(term)) >= COMPANY
        for own in theme
        if own is lead or own.is_sure
    )


def _spelt_alike(one: WeighedTerm, other: WeighedTerm) -> bool:
    """ "corona" and "coronavirus", "visa" and "visas"."""
    short, long = sorted((one.key, other.key), key=len)
    return len(short) >= 4 and long.startswith(short)


def _keys(term: WeighedTerm) -> list[str]:
    return [word.replace("-", "") for word in term.words]
