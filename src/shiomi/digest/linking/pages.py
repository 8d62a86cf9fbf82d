"""Compute the features of two addresses, the second group of inputs of the judge.

Each feature depends only on the two threads, not on their order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking.canonical_url import canonical_url
from shiomi.digest.linking.encoder import STEPS, Encoder, Titles
from shiomi.digest.linking.features import GRID
from shiomi.digest.linking.guards import is_part
from shiomi.digest.linking.title import normal_title, word_hash
from shiomi.digest.linking.wording import load_wording

__all__ = [
    "PAGE_FEATURES",
    "Linkable",
    "Pages",
    "page_features",
    "read_pages",
    "release_of_project",
    "slug_words",
]

Integers = NDArray[np.int64]

# In the comments, "one" and "both" mean the two pages of a pair, or the two titles.
PAGE_FEATURES = (
    "same_host",
    "same_domain",
    "same_ending",  # the last parts of the paths are equal and specific
    "slug_cosine",  # cosine of the vectors of the paths' words
    "slug_covered",  # share of one path's words that the other path has; the larger of both shares
    "cross_cosine",  # cosine of one title and the other's path; the larger of both
    # share of one path's words that the other title has; the larger of both shares
    "cross_covered",
    "cross_least",  # the smaller of the same two shares
    "whole_cosine",  # cosine of title and path together
    # the title or address of one thread has the project or domain name of the other
    "one_names_other",
    "both_names",  # both pages have the same project or domain name
    "one_home",  # exactly one is a home page or a repository
    "both_home",
    "one_code",  # exactly one is on a site for source code
    "both_code",
    "one_media",  # exactly one is a video, talk or document
    "one_social",  # exactly one is a post on a social site
    "both_articles",  # both paths contain words, and the domains differ
    "no_page",  # at least one is a text post
    "one_community",  # both are in the same community
    "first_in_title",  # the rarest word of one title is also in the other title
    "equal_titles",
    "own_least",  # share of a path's words that its own title has; the smaller of both shares
    "equal_but_own",  # the titles are equal, but one does not fit its own path
    "one_version",  # exactly one title has a version number
    "one_comment",  # exactly one title has a word of commentary: "why", "explained"
    "shortest",  # number of words of the shorter title, at most 8
    "one_news",  # exactly one is on a site that reports events
    "both_news",
    "news_unshared",  # both_news times the weight of the rarest shared word
    "short_inside",  # the shorter title has at most three words and the other has all of them
    "events_shared",  # kinds of events (wording.toml) that both titles or paths name, at most 3
    "events_differ",  # both name kinds of events, but no kind in common
    "days_differ",  # days between the dates in their addresses, at most 8
    "one_author",  # both pages belong to the same owner, account or site
    "one_path",  # the paths are equal and specific, on any hosts
    "path_shared",  # if the host is the same, the share of leading path parts that are equal
    "one_future",  # exactly one title has a word about the future
    "both_future",
    "both_comment",
    "one_not",  # exactly one has a word of negation
    "word_swapped",  # each title lacks exactly one word of the other title
    "one_part",  # exactly one is a numbered part
)

_SECOND_LEVEL = frozenset(["co", "com", "org", "net", "ac", "gov", "edu", "ne", "or", "go"])
_VERSION = re.compile(r"(?<![\w.])v?\d+\.\d+")
_EXTENSION = re.compile(r"\.(?:html?|php|aspx?|md|pdf|txt|ipynb)$")
_DATE = re.compile(r"(20[012]\d)[/-]?([01]?\d)[/-]?([0-3]?\d)(?!\d)")
_PARTS = 6
_SLUG_WORD = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)*")
_NUMBERED = re.compile(r"\d")


class Linkable(Protocol):
    """The parts of a thread that the linker reads."""

    @property
    def title(self) -> str: ...

    @property
    def url(self) -> str | None:
        """The address; None and "" for a text post."""

    @property
    def community(self) -> str: ...

    @property
    def created(self) -> int:
        """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of n threads. A missing value has the hash 0."""

    host: Integers
    domain: Integers
    ending: Integers  # hash of the last part of the path, if it has two words or more
    name: Integers  # hash of the word that names a project, or of the domain's label
    home: NDArray[np.bool_]
    kind: NDArray[np.int8]  # 1: code, 2: media, 3: social, 4: no page, 5: news, 0: other
    community: Integers
    version: NDArray[np.bool_]  # the title has a version number
    part: NDArray[np.bool_]  # the title is a numbered part
    day: Integers  # the date in the address, in days; 0 if there is no date
    author: Integers
    path: Integers  # hash of the whole path, if it is specific
    parts: Integers  # (n, PARTS): hashes of the parts of the path, 0 after the last part
    slugs: Titles


def slug_words(page: str) -> str:
    """Return the words of the longest part of a canonical URL's path; "" if there are too few.

    For a repository, return the owner and the name.
    """
    host, _, path = page.partition("://")[2].partition("?")[0].partition("/")
    segments = [unquote(segment) for segment in path.split("/") if segment]
    if not segments:
        return ""
    if host in ("github.com", "gitlab.com", "huggingface.co", "codeberg.org"):
        return " ".join(_SLUG_WORD.findall(" ".join(segments[:2])))
    best = _EXTENSION.sub("", max(segments, key=lambda s: len(re.findall(r"[A-Za-z]{2,}", s))))
    found = [w for w in _SLUG_WORD.findall(best) if len(w) <= 12 or not _NUMBERED.search(w)]
    return " ".join(found) if sum(len(w) > 1 and w.isalpha() for w in found) >= 2 else ""


def read_pages(encoder: Encoder, threads: Sequence[Linkable]) -> Pages:
    """Return the pages of the threads."""
    keys = [canonical_url(thread.url) or "" if thread.url else "" for thread in threads]
    facts = [_facts(key) for key in keys]
    return Pages(
        host=np.array([one.host for one in facts], np.int64),
        domain=np.array([one.domain for one in facts], np.int64),
        ending=np.array([one.ending for one in facts], np.int64),
        name=np.array([one.name for one in facts], np.int64),
        home=np.array([one.home for one in facts], np.bool_),
        kind=np.array([one.kind for one in facts], np.int8),
        community=np.array([word_hash(thread.community) for thread in threads], np.int64),
        version=np.array([bool(_VERSION.search(one.title)) for one in threads], np.bool_),
        part=np.array([is_part(thread.title) for thread in threads], np.bool_),
        day=np.array([_day(thread.url or "") for thread in threads], np.int64),
        author=np.array([one.author for one in facts], np.int64),
        path=np.array([one.path for one in facts], np.int64),
        parts=np.array([one.parts for one in facts], np.int64).reshape(len(threads), _PARTS),
        slugs=encoder.encode([one.slug for one in facts]),
    )


def _day(url: str) -> int:
    """Return the date in an address as a number of days, or 0 if there is no date. Months count as
    31 days."""
    found = _DATE.search(url)
    if not found:
        return 0
    year, month, day = (int(part) for part in found.groups())
    return (year * 12 + month) * 31 + day if 1 <= month <= 12 and 1 <= day <= 31 else 0


@dataclass(frozen=True, slots=True)
class _Facts:
    """The features of one address. Names and parts are hashes, as in Pages."""

    host: int = 0
    domain: int = 0
    ending: int = 0
    name: int = 0
    home: bool = False
    kind: int = 4
    author: int = 0
    path: int = 0
    parts: tuple[int, ...] = (0,) * _PARTS
    slug: str = ""  # slug_words()


@lru_cache(maxsize=1 << 14)
def _facts(page: str) -> _Facts:
    if not page:
        return _Facts()
    host, _, path = page.partition("://")[2].partition("?")[0].partition("/")
    segments = [segment for segment in path.split("/") if segment]
    domain, label, kind = _site(host)
    repository = kind == 1 and len(segments) == 2
    name = segments[1] if repository else label
    if kind in (1, 2, 3) and not repository:
        name = ""
    words = normal_title(_EXTENSION.sub("", segments[-1]).replace("_", " ")) if segments else ""
    author = segments[0].lstrip("@") if segments and host in _sites("authors") else label
    return _Facts(
        host=word_hash(host),
        domain=word_hash(domain),
        ending=word_hash(words) if words.count(" ") >= 1 else 0,
        name=word_hash(_joined(name)) if len(name) > 2 else 0,
        home=repository or not segments,
        kind=kind,
        author=word_hash(_joined(author)) if len(author) > 2 else 0,
        path=word_hash(path.lower()) if len(path) > 8 else 0,
        parts=tuple(word_hash(part.lower()) for part in segments[:_PARTS])
        + (0,) * (_PARTS - len(segments)),
        slug=slug_words(page),
    )


@lru_cache(maxsize=1 << 14)
def _site(host: str) -> tuple[str, str, int]:
    """Return the domain, its label, and the kind of site."""
    domain, label = _domain(host)
    return domain, label, _kind(host, domain)


def _kind(host: str, domain: str) -> int:
    for kind, (name, known) in enumerate((("code", host), ("media", host), ("social", domain)), 1):
        if known in _sites(name):
            return kind
    return 5 if not _sites("news").isdisjoint((host, domain)) else 0


def _sites(kind: str) -> frozenset[str]:
    return load_wording().sites[kind]


@lru_cache(maxsize=1 << 14)
def _joined(text: str) -> str:
    return "".join(normal_title(text).split())


def _domain(host: str) -> tuple[str, str]:
    """Return the part of a host that has one owner, and the label that names the owner."""
    labels = host.split(".")
    second_level = labels[-2:][0] in _SECOND_LEVEL and len(labels[-1]) == 2
    own = labels[-3:] if second_level or ".".join(labels[-2:]) in _sites("shared") else labels[-2:]
    return ".".join(own), own[0]


def page_features(
    titles: Titles, pages: Pages, left: Integers, right: Integers, covered: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the features of the pairs (left[i], right[i]): (p, f).

    `covered` (p, 2) has one number for each title of a pair: the share of its words that the other
    title also has (features.py).
    """
    slugs = pages.slugs
    a, b = left, right
    known = (pages.host[a] != 0) & (pages.host[b] != 0)
    same_host = known & (pages.host[a] == pages.host[b])
    same_domain = known & (pages.domain[a] == pages.domain[b])
    ending = (pages.ending[a] == pages.ending[b]) & (pages.ending[a] != 0)
    slug_cosine = _cosine(slugs.vector[a], slugs.vector[b])
    slug_covered = np.maximum(_covered(slugs, a, slugs, b), _covered(slugs, b, slugs, a))
    cross = np.stack([_covered(slugs, a, titles, b), _covered(slugs, b, titles, a)])
    cross_cosine = np.maximum(
        _cosine(slugs.vector[a], titles.vector[b]), _cosine(slugs.vector[b], titles.vector[a])
    )
    named = _named(titles, slugs, pages.name, a, b) | _named(titles, slugs, pages.name, b, a)
    home_a, home_b = pages.home[a], pages.home[b]
    kind_a, kind_b = pages.kind[a], pages.kind[b]
    own = np.minimum(_own(slugs, titles, a), _own(slugs, titles, b))
    equal = covered.min(axis=1) >= 1
    last = len(load_wording().events)
    events = (titles.marks | slugs.marks) & ((1 << last) - 1)
    future, comment, negated = ((titles.marks >> last + k & 1).astype(np.bool_) for k in range(3))
    words = np.minimum((titles.weights[a] > 0).sum(axis=1), (titles.weights[b] > 0).sum(axis=1))
    columns = [
        same_host,
        same_domain,
        ending,
        slug_cosine,
        slug_covered,
        cross_cosine,
        cross.max(axis=0),
        cross.min(axis=0),
        _whole_cosine(titles, slugs, a, b),
        named & ~same_domain,
        (pages.name[a] == pages.name[b]) & (pages.name[a] != 0) & ~same_domain,
        home_a ^ home_b,
        home_a & home_b,
        (kind_a == 1) ^ (kind_b == 1),
        (kind_a == 1) & (kind_b == 1),
        (kind_a == 2) ^ (kind_b == 2),
        (kind_a == 3) ^ (kind_b == 3),
        np.isin(kind_a, (0, 5)) & np.isin(kind_b, (0, 5)) & ~home_a & ~home_b & ~same_domain,
        (kind_a == 4) | (kind_b == 4),
        pages.community[a] == pages.community[b],
        ((titles.rare[a][:, :1] == titles.rare[b]) & (titles.rare[a][:, :1] != -1)).any(axis=1)
        | ((titles.rare[b][:, :1] == titles.rare[a]) & (titles.rare[b][:, :1] != -1)).any(axis=1),
        equal,
        own,
        equal * (1 - own),
        pages.version[a] ^ pages.version[b],
        comment[a] ^ comment[b],
        np.minimum(words, 8),
        (kind_a == 5) ^ (kind_b == 5),
        (kind_a == 5) & (kind_b == 5),
        ((kind_a == 5) & (kind_b == 5)) * _rarest_shared(titles, a, b),
        (words <= 3) & (covered.max(axis=1) >= 1) & ~equal,
        np.minimum(np.bitwise_count(events[a] & events[b]), 3),
        (events[a] != 0) & (events[b] != 0) & (events[a] & events[b] == 0),
        np.where(
            (pages.day[a] != 0) & (pages.day[b] != 0),
            np.minimum(np.abs(pages.day[a] - pages.day[b]), 8),
            0,
        ),
        (pages.author[a] == pages.author[b]) & (pages.author[a] != 0),
        (pages.path[a] == pages.path[b]) & (pages.path[a] != 0),
        same_host * _shared_parts(pages.parts[a], pages.parts[b]),
        future[a] ^ future[b],
        future[a] & future[b],
        comment[a] & comment[b],
        negated[a] ^ negated[b],
        _word_swapped(titles, a, b),
        pages.part[a] ^ pages.part[b],
    ]
    stacked = np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
    return np.round(stacked * GRID) / GRID


def _shared_parts(one: Integers, other: Integers) -> NDArray[np.float64]:
    """Return the share of leading path parts that are equal; 1 for two empty paths."""
    agree = np.cumprod((one == other) & (one != 0), axis=1).sum(axis=1)
    longest = np.maximum((one != 0).sum(axis=1), (other != 0).sum(axis=1))
    return np.where(longest == 0, 1.0, agree / np.maximum(longest, 1))


def _word_swapped(titles: Titles, a: Integers, b: Integers) -> NDArray[np.bool_]:
    equal = titles.words[a][:, :, None] == titles.words[b][:, None, :]
    missing_a = ((titles.weights[a] > 0) & ~equal.any(axis=2)).sum(axis=1)
    missing_b = ((titles.weights[b] > 0) & ~equal.any(axis=1)).sum(axis=1)
    swapped: NDArray[np.bool_] = (missing_a == 1) & (missing_b == 1)
    return swapped


def release_of_project(features: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which pairs are a project's page and one of its releases. `features` are the result of
    page_features()."""
    one_version = features[:, PAGE_FEATURES.index("one_version")] > 0
    project = features[:, PAGE_FEATURES.index("one_home")] > 0
    found: NDArray[np.bool_] = one_version & project
    return found


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray((one * other).sum(axis=1), np.float64) / STEPS**2


def _whole_cosine(titles: Titles, slugs: Titles, a: Integers, b: Integers) -> NDArray[np.float64]:
    one = (titles.vector[a] + slugs.vector[a]).astype(np.float64)
    other = (titles.vector[b] + slugs.vector[b]).astype(np.float64)
    size = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    cosine: NDArray[np.float64] = (one * other).sum(axis=1) / np.where(size == 0, 1, size)
    return cosine


def _covered(one: Titles, i: Integers, other: Titles, j: Integers) -> NDArray[np.float64]:
    """Return the weight of the words that one[i] shares with other[j], divided by the weight of all
    words of one[i]."""
    a, b = one.words[i], other.words[j]
    weight = one.weights[i].astype(np.float64)
    found = (a[:, :, None] == b[:, None, :]).any(axis=2) & (weight > 0)
    total = weight.sum(axis=1)
    share: NDArray[np.float64] = (weight * found).sum(axis=1) / np.where(total <= 0, 1, total)
    return share


def _rarest_shared(titles: Titles, a: Integers, b: Integers) -> NDArray[np.float64]:
    shared = (titles.words[a][:, :, None] == titles.words[b][:, None, :]).any(axis=2)
    rarest: NDArray[np.float64] = (titles.weights[a] * shared).max(axis=1).astype(np.float64)
    return rarest


def _own(slugs: Titles, titles: Titles, i: Integers) -> NDArray[np.float64]:
    """Return the share of a path's words that the page's own title has; 1 if the path has no
    words."""
    empty = slugs.weights[i].sum(axis=1) <= 0
    return np.where(empty, 1.0, _covered(slugs, i, titles, i))


def _named(
    titles: Titles, slugs: Titles, name: Integers, a: Integers, b: Integers
) -> NDArray[np.bool_]:
    """Whether the name of page a is one word, or two adjacent words, of the other title or path."""
    wanted = name[a].astype(np.uint32).view(np.int32)[:, None]
    found = np.zeros(len(a), np.bool_)
    for rows in (titles.words[b], titles.joins[b], slugs.words[b], slugs.joins[b]):
        found |= (rows == wanted).any(axis=1)
    named: NDArray[np.bool_] = found & (name[a] != 0)
    return named
