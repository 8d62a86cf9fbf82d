"""Numbers that compare two addresses: the other input of the judge.

Every feature is a function of the two threads alone, and of neither's place in the pair.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.linking.canonical_url import canonical_url
from shiomi.digest.linking.encoder import STEPS, Encoder, Titles
from shiomi.digest.linking.features import GRID
from shiomi.digest.linking.title import normal_title, word_hash

__all__ = [
    "PAGE_FEATURES",
    "Pages",
    "page_features",
    "read_pages",
    "release_of_project",
    "slug_words",
]

Integers = NDArray[np.int64]

PAGE_FEATURES = (
    "same_host",
    "same_domain",
    "same_ending",  # the last parts of the paths are equal and telling
    "slug_cosine",  # of the vectors of the paths' words
    "slug_covered",  # share of the words of a path that the other path has, the larger
    "cross_cosine",  # of a title's vector and the other's path's, the larger
    "cross_covered",  # share of the words of a path that the other title has, the larger
    "cross_least",  # the smaller of the two
    "whole_cosine",  # of title and path together
    "one_names_other",  # the other's title or address has the name of a project or domain
    "both_names",  # the names are equal
    "one_home",  # exactly one is a home page or a repository
    "both_home",
    "one_code",  # exactly one is on a site for source code
    "both_code",
    "one_media",  # exactly one is a video, talk or document
    "one_social",  # exactly one is a post on a social site
    "both_articles",  # both have words in the path, on two domains
    "no_page",  # at least one is a text post
    "one_community",  # both are of one community
    "first_in_title",  # the rarest word of one title is in the other
    "equal_titles",
    "own_least",  # share of the words of a path that its own title has, the smaller
    "equal_but_own",  # equal titles of which one does not fit its own path
    "one_version",  # exactly one title has a version number
    "one_comment",  # exactly one title has a word of commentary: "why", "explained"
    "shortest",  # words of the shorter title, at most 8
    "one_news",  # exactly one is on a site that reports events
    "both_news",
    "news_unshared",  # both_news times the weight of the rarest shared word
    "short_inside",  # the shorter title has at most three words and the other has all of them
)

_CODE = frozenset(
    [
        "github.com",
        "gitlab.com",
        "gist.github.com",
        "bitbucket.org",
        "codeberg.org",
        "sr.ht",
        "crates.io",
        "pypi.org",
        "npmjs.com",
        "huggingface.co",
        "raw.githubusercontent.com",
        "sourceforge.net",
        "git.sr.ht",
    ]
)
_MEDIA = frozenset(
    [
        "youtube.com",
        "vimeo.com",
        "arxiv.org",
        "doi.org",
        "dl.acm.org",
        "slideshare.net",
        "speakerdeck.com",
        "infoq.com",
        "media.ccc.de",
        "usenix.org",
        "docs.google.com",
        "twitch.tv",
        "archive.org",
        "eprint.iacr.org",
    ]
)
_SOCIAL = frozenset(
    [
        "twitter.com",
        "reddit.com",
        "news.ycombinator.com",
        "lobste.rs",
        "facebook.com",
        "linkedin.com",
        "medium.com",
        "groups.google.com",
        "mastodon.social",
        "bsky.app",
        "v.redd.it",
        "i.redd.it",
        "imgur.com",
    ]
)
_NEWS = frozenset(
    [
        "reuters.com",
        "apnews.com",
        "bbc.com",
        "cnn.com",
        "nytimes.com",
        "washingtonpost.com",
        "theguardian.com",
        "wsj.com",
        "bloomberg.com",
        "ft.com",
        "economist.com",
        "techcrunch.com",
        "theverge.com",
        "arstechnica.com",
        "wired.com",
        "zdnet.com",
        "cnet.com",
        "engadget.com",
        "venturebeat.com",
        "theregister.com",
        "businessinsider.com",
        "cnbc.com",
        "axios.com",
        "vice.com",
        "npr.org",
        "forbes.com",
        "fortune.com",
        "time.com",
        "latimes.com",
        "independent.co.uk",
        "telegraph.co.uk",
        "gizmodo.com",
        "mashable.com",
        "bleepingcomputer.com",
        "infoq.com",
        "theinformation.com",
        "politico.com",
        "politico.eu",
        "thehill.com",
        "nbcnews.com",
        "cbsnews.com",
        "abcnews.go.com",
        "usatoday.com",
        "phoronix.com",
        "lwn.net",
        "9to5mac.com",
        "9to5google.com",
        "macrumors.com",
        "krebsonsecurity.com",
        "heise.de",
        "thenextweb.com",
        "buzzfeednews.com",
        "msn.com",
        "yahoo.com",
        "slashdot.org",
        "omgubuntu.co.uk",
        "sfgate.com",
        "androidpolice.com",
        "xda-developers.com",
        "sciencemag.org",
        "nature.com",
        "newscientist.com",
        "phys.org",
        "thedailybeast.com",
        "newsweek.com",
        "insider.com",
        "theintercept.com",
        "propublica.org",
        "eff.org",
        "infoworld.com",
        "theinquirer.net",
        "techradar.com",
        "tomshardware.com",
        "anandtech.com",
        "osnews.com",
        "hackaday.com",
        "motherboard.vice.com",
        "nikkei.com",
        "scmp.com",
        "aljazeera.com",
        "dw.com",
        "cbc.ca",
    ]
)
_SECOND_LEVEL = frozenset(["co", "com", "org", "net", "ac", "gov", "edu", "ne", "or", "go"])
_SHARED_HOSTS = frozenset(
    [
        "github.io",
        "wordpress.com",
        "blogspot.com",
        "medium.com",
        "substack.com",
        "netlify.app",
        "vercel.app",
        "herokuapp.com",
        "readthedocs.io",
        "gitlab.io",
        "tumblr.com",
    ]
)
_VERSION = re.compile(r"(?<![\w.])v?\d+\.\d+")
_COMMENT = re.compile(
    r"\b(?:why|how|thoughts|explained|explainer|review|reviewed|tutorial|guide|dummies|opinion|"
    r"analysis|response|reaction|impressions|using|experience|history|welcome|should|case|"
    r"lessons|understanding|problem|minutes|comparison|vs|against|what|introduction|intro)\b",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r"\.(?:html?|php|aspx?|md|pdf|txt|ipynb)$")
_SLUG_WORD = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)*")
_NUMBERED = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of n threads. A hash is 0 if there is nothing to hash."""

    host: Integers
    domain: Integers
    ending: Integers  # of the last part of the path, if it has two words or more
    name: Integers  # of the word that names a project, or of the domain's label
    home: NDArray[np.bool_]
    kind: NDArray[np.int8]  # 0 none of these, 1 code, 2 media, 3 social, 4 no page, 5 news
    community: Integers
    version: NDArray[np.bool_]  # the title has a version number
    comment: NDArray[np.bool_]  # the title has a word of commentary
    slugs: Titles


def slug_words(page: str) -> str:
    """The words of the longest part of a canonical URL's path; "" if there are too few.

    Of a repository, the owner and the name.
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


def read_pages(
    encoder: Encoder,
    titles: Sequence[str],
    urls: Sequence[str | None],
    communities: Sequence[str],
) -> Pages:
    """The pages of threads with these titles and addresses; None and "" are text posts."""
    keys = [canonical_url(url) or "" if url else "" for url in urls]
    facts = [_facts(key) for key in keys]
    return Pages(
        host=np.array([one[0] for one in facts], np.int64),
        domain=np.array([one[1] for one in facts], np.int64),
        ending=np.array([one[2] for one in facts], np.int64),
        name=np.array([one[3] for one in facts], np.int64),
        home=np.array([one[4] for one in facts], np.bool_),
        kind=np.array([one[5] for one in facts], np.int8),
        community=np.array([word_hash(name) for name in communities], np.int64),
        version=np.array([bool(_VERSION.search(title)) for title in titles], np.bool_),
        comment=np.array([bool(_COMMENT.search(title)) for title in titles], np.bool_),
        slugs=encoder.encode([slug_words(key) for key in keys]),
    )


def _facts(page: str) -> tuple[int, int, int, int, bool, int]:
    if not page:
        return 0, 0, 0, 0, False, 4
    host, _, path = page.partition("://")[2].partition("?")[0].partition("/")
    segments = [segment for segment in path.split("/") if segment]
    domain, label = _domain(host)
    repository = host in _CODE and len(segments) == 2
    name = segments[1] if repository else label
    kind = 1 if host in _CODE else 2 if host in _MEDIA else 3 if domain in _SOCIAL else 0
    kind = 5 if kind == 0 and (host in _NEWS or domain in _NEWS) else kind
    if kind in (1, 2, 3) and not repository:
        name = ""
    words = normal_title(_EXTENSION.sub("", segments[-1]).replace("_", " ")) if segments else ""
    return (
        word_hash(host),
        word_hash(domain),
        word_hash(words) if words.count(" ") >= 1 else 0,
        word_hash(_joined(name)) if len(name) > 2 else 0,
        repository or not segments,
        kind,
    )


def _joined(text: str) -> str:
    return "".join(normal_title(text).split())


def _domain(host: str) -> tuple[str, str]:
    """The part of a host that one party owns, and the label that names the party."""
    labels = host.split(".")
    count = 2
    if len(labels) > 2 and labels[-2] in _SECOND_LEVEL and len(labels[-1]) == 2:
        count = 3
    if ".".join(labels[-2:]) in _SHARED_HOSTS and len(labels) > 2:
        count = 3
    own = labels[-count:]
    return ".".join(own), own[0]


def page_features(
    titles: Titles, pages: Pages, left: Integers, right: Integers, covered: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Features of the pairs (left[i], right[i]): (p, f).

    `covered` (p, 2) is the share of each title that the other title has (features.py).
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
        pages.comment[a] ^ pages.comment[b],
        np.minimum(words, 8),
        (kind_a == 5) ^ (kind_b == 5),
        (kind_a == 5) & (kind_b == 5),
        ((kind_a == 5) & (kind_b == 5)) * _rarest_shared(titles, a, b),
        (words <= 3) & (covered.max(axis=1) >= 1) & ~equal,
    ]
    stacked = np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
    return np.round(stacked * GRID) / GRID


def release_of_project(features: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which pairs are a project's page and one of its releases, from page_features()."""
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
    """The share of the weight of the words of one[i] that other[j] has."""
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
    """The share of a page's path that its own title has; 1 if the path has no words."""
    empty = slugs.weights[i].sum(axis=1) <= 0
    return np.where(empty, 1.0, _covered(slugs, i, titles, i))


def _named(
    titles: Titles, slugs: Titles, name: Integers, a: Integers, b: Integers
) -> NDArray[np.bool_]:
    """Whether the name of page a is a word, or two words, of the other title or path."""
    wanted = name[a].astype(np.uint32).view(np.int32)[:, None]
    found = np.zeros(len(a), np.bool_)
    for rows in (titles.words[b], titles.joins[b], slugs.words[b], slugs.joins[b]):
        found |= (rows == wanted).any(axis=1)
    named: NDArray[np.bool_] = found & (name[a] != 0)
    return named
