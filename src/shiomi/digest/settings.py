"""The tables of shiomi.toml as frozen dataclasses; the fields have the file's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shiomi.digest.address import Location

__all__ = [
    "ArticlesConfig",
    "ArxivConfig",
    "CollectConfig",
    "Config",
    "DigestConfig",
    "FeedConfig",
    "HackerNewsConfig",
    "LinkConfig",
    "LobstersConfig",
    "NotifyConfig",
    "RedditConfig",
    "RunConfig",
    "ScheduleConfig",
    "SourcesConfig",
    "WatchConfig",
    "WriterConfig",
]


@dataclass(frozen=True, slots=True)
class CollectConfig:
    """[collect]: settings for all communities."""

    # A URL or e-mail address for the User-Agent, so that the operator of a community can reach you.
    contact: str = ""
    days: int = 8  # number of days that the first collection goes back
    budget_seconds: float = 300.0  # the longest time for one source
    # `shiomi status` exits with status 4 if a feed was not read for this long
    stale_hours: float = 36.0


@dataclass(frozen=True, slots=True)
class HackerNewsConfig:
    """[sources.hackernews]"""

    enabled: bool = True
    min_points: int = 20  # stories with fewer points are left out of the Algolia search
    comments: int = 5  # top-level comments per thread that are kept for quoting; 0: none
    endpoint: str = "https://hacker-news.firebaseio.com/v0"
    search_endpoint: str = "https://hn.algolia.com/api/v1"


@dataclass(frozen=True, slots=True)
class LobstersConfig:
    """[sources.lobsters]"""

    enabled: bool = True
    pages: int = 4  # number of pages of /newest to read; a page has 25 threads
    comments: int = 5
    endpoint: str = "https://lobste.rs"


@dataclass(frozen=True, slots=True)
class RedditConfig:
    """[sources.reddit]; without client_id, Shiomi reads the feeds, which show no counts."""

    enabled: bool = True
    subreddits: tuple[str, ...] = ("LocalLLaMA", "MachineLearning", "programming")
    feed_token: str = ""  # a member's token, from https://www.reddit.com/prefs/feeds/
    user: str = ""  # the member's name, sent with the token
    client_id: str = ""  # or "env:NAME", "file:PATH": see secret()
    client_secret: str = ""  # or "env:NAME"
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
    feed_endpoint: str = "https://rss.arxiv.org/atom"  # read if the API fails


@dataclass(frozen=True, slots=True)
class ArticlesConfig:
    """[sources.articles]: the text of the pages that the week's best threads link to."""

    enabled: bool = True
    most: int = 30  # pages fetched per collection, best threads first


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """[[feed]]: any RSS, Atom or JSON feed, without code. See sources/feed.py."""

    known: str = ""  # name of shipped settings: "zenn", "github-releases"
    of: str = ""  # the value for {of} in the shipped settings, such as a tag or a repository
    name: str = ""  # the community's name; required without `known`
    url: str = ""  # may contain {page}
    format: str = ""  # "feed" (RSS, Atom) or "json"
    pages: int = 0  # {page} goes from 1 to this number; 0: the feed has only one page
    min_points: int = 0  # entries with fewer points are left out; unknown points count as 0
    fields: Mapping[str, str] = field(default_factory=dict)  # field of a thread → path in an entry


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """[schedule]: the times at which `shiomi run` acts, as cron lines in the local time of
    `timezone`."""

    collect: str = "17 */6 * * *"
    digest: str = "30 7 * * mon"  # the digest of the last seven whole days; "": never


@dataclass(frozen=True, slots=True)
class RunConfig:
    """[run]: probes, metrics and logs of `shiomi run`."""

    probe: str = "127.0.0.1:9464"  # address that serves /healthz and /metrics; "": none
    log: str = "text"  # or "json"
    level: str = "info"  # "debug", "info", "warning", "error"


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """[notify]: the recipients and events of `shiomi run`'s messages."""

    urls: tuple[str, ...] = ()  # addresses for apprise; each may be "env:NAME" or "file:PATH"
    digest: bool = True
    watch: bool = True  # whether to send a message if a watched subject rises
    failure: bool = True  # whether to send a message if a feed fails
    failures: int = 4  # number of failed readings in a row before a message is sent


@dataclass(frozen=True, slots=True)
class WriterConfig:
    """[writer]: an OpenAI-compatible endpoint, or a local model that runs during writing.

    If neither is set, the digest is written without a model.
    """

    endpoint: str = ""  # "http://127.0.0.1:8080/v1"
    model: str = ""  # without an endpoint: "local", or "local:FILE.gguf" for a file in `models`
    api_key: str = ""  # or "env:NAME", "file:PATH": see secret()
    timeout_seconds: float = 120.0
    budget_seconds: float = 1800.0  # seconds for the whole digest
    repair: bool = True  # rejected sentences are sent back to the model once, for a correction
    models: Path = Path("models")  # where `shiomi writer install` keeps models

    @property
    def local(self) -> bool:
        """Whether the model is one of `models`, run by llama.cpp on this machine."""
        return not self.endpoint and self.model.partition(":")[0] == "local"

    @property
    def wanted(self) -> bool:
        """Whether a model writes the digest."""
        return bool(self.endpoint) or self.local


@dataclass(frozen=True, slots=True)
class DigestConfig:
    """[digest]"""

    topics: int = 8
    trends: int = 4
    weeks_compared: int = 8  # number of earlier weeks that trends and watches use


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """[link]"""

    encoder: str = ""  # "minilm" also compares meanings, and needs the extra `minilm`


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """[[watch]]: a named subject followed over weeks."""

    name: str = ""  # for example "Rust"; by default the name of the `known` subject
    terms: tuple[str, ...] = ()  # a title or text must have one of these as a whole word
    rises_by: float = 2.0  # alert if a week has this many times the usual number of threads
    also: tuple[str, ...] = ()  # if given, the text must also have one of these words
    never: tuple[str, ...] = ()  # the text must have none of these words
    description: str = ""  # one line that tells readers what the subject is
    known: str = ""  # the name of a subject in watch/subjects.toml, which supplies its words


@dataclass(frozen=True, slots=True)
class SourcesConfig:
    """[sources]: one table for each community."""

    hackernews: HackerNewsConfig = HackerNewsConfig()
    lobsters: LobstersConfig = LobstersConfig()
    reddit: RedditConfig = RedditConfig()
    arxiv: ArxivConfig = ArxivConfig()
    articles: ArticlesConfig = ArticlesConfig()
    # the table of each installed package, by the name of its entry point
    packages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of shiomi.toml; the fields have the names of the keys."""

    archive: Location = Path("shiomi.sqlite3")
    out: Path = Path("public")
    language: str = "ja"
    timezone: str = "Asia/Tokyo"
    site: str = ""  # the address of the published digests, for feeds: "https://example.org/digest/"
    collect: CollectConfig = CollectConfig()
    sources: SourcesConfig = SourcesConfig()
    writer: WriterConfig = WriterConfig()
    digest: DigestConfig = DigestConfig()
    link: LinkConfig = LinkConfig()
    watch: tuple[WatchConfig, ...] = ()
    feed: tuple[FeedConfig, ...] = ()
    schedule: ScheduleConfig = ScheduleConfig()
    run: RunConfig = RunConfig()
    notify: NotifyConfig = NotifyConfig()
