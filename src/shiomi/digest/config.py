"""shiomi.toml: read once at the edge into frozen dataclasses; an unknown key is an error."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from shiomi.digest.errors import ConfigError

__all__ = [
    "ArticlesConfig",
    "ArxivConfig",
    "CollectConfig",
    "Config",
    "DigestConfig",
    "HackerNewsConfig",
    "LobstersConfig",
    "RedditConfig",
    "WatchConfig",
    "WriterConfig",
    "load_config",
]


@dataclass(frozen=True, slots=True)
class CollectConfig:
    """How collecting behaves towards every community."""

    contact: str = ""  # a URL or e-mail address for the User-Agent, so that an operator can reach you
    days: int = 8  # how far back a first collection looks
    budget_seconds: float = 300.0  # the longest one source may take


@dataclass(frozen=True, slots=True)
class HackerNewsConfig:
    """[sources.hackernews]"""

    enabled: bool = True
    min_points: int = 20  # Algolia: stories below are not fetched
    comments: int = 5  # top-level comments kept for quoting, per thread; 0: none
    endpoint: str = "https://hacker-news.firebaseio.com/v0"
    search_endpoint: str = "https://hn.algolia.com/api/v1"


@dataclass(frozen=True, slots=True)
class LobstersConfig:
    """[sources.lobsters]"""

    enabled: bool = True
    pages: int = 4  # of /newest, 25 threads each
    comments: int = 5
    endpoint: str = "https://lobste.rs"


@dataclass(frozen=True, slots=True)
class RedditConfig:
    """[sources.reddit]; without client_id the RSS feeds are read, and counts are unknown."""

    enabled: bool = True
    subreddits: tuple[str, ...] = ("LocalLLaMA", "MachineLearning", "programming")
    client_id: str = ""
    client_secret: str = ""
    comments: int = 5
    endpoint: str = "https://oauth.reddit.com"
    public_endpoint: str = "https://www.reddit.com"


@dataclass(frozen=True, slots=True)
class ArxivConfig:
    """[sources.arxiv]"""

    enabled: bool = True
    categories: tuple[str, ...] = ("cs.LG", "cs.CL")
    max_results: int = 500
    endpoint: str = "https://export.arxiv.org/api"


@dataclass(frozen=True, slots=True)
class ArticlesConfig:
    """[sources.articles]: the text of the pages that the week's best threads point at."""

    enabled: bool = False
    most: int = 30  # pages fetched per collection, best threads first


@dataclass(frozen=True, slots=True)
class WriterConfig:
    """[writer]: an OpenAI-compatible endpoint; without one the digest is written from templates."""

    endpoint: str = ""  # "http://127.0.0.1:8080/v1"
    model: str = ""
    api_key: str = ""
    timeout_seconds: float = 120.0
    budget_seconds: float = 1800.0  # for the whole digest


@dataclass(frozen=True, slots=True)
class DigestConfig:
    """[digest]"""

    topics: int = 8
    trends: int = 4
    weeks_compared: int = 8  # trends and watches look back this far


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """[[watch]]: a named subject followed over weeks."""

    name: str  # "AI規制"
    terms: tuple[str, ...]  # any of these, as a whole word, in a title or text
    rises_by: float = 2.0  # alert when a week has this many times the usual number of threads


@dataclass(frozen=True, slots=True)
class Config:
    """Everything shiomi.toml may say."""

    archive: Path = Path("shiomi.sqlite3")
    out: Path = Path("public")
    language: str = "ja"
    timezone: str = "Asia/Tokyo"
    site: str = ""  # the address the digests are published at, for feeds: "https://example.org/digest/"
    collect: CollectConfig = CollectConfig()
    hackernews: HackerNewsConfig = HackerNewsConfig()
    lobsters: LobstersConfig = LobstersConfig()
    reddit: RedditConfig = RedditConfig()
    arxiv: ArxivConfig = ArxivConfig()
    articles: ArticlesConfig = ArticlesConfig()
    writer: WriterConfig = WriterConfig()
    digest: DigestConfig = DigestConfig()
    watches: tuple[WatchConfig, ...] = field(default=())
