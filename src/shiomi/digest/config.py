"""shiomi.toml: read once at the edge into frozen dataclasses; an unknown key is an error.

A secret may be written "env:NAME". It is kept as written: only what needs the secret asks for it,
by secret(), so that an unset variable stops no other command.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

from shiomi.digest.errors import ConfigError
from shiomi.digest.languages import language_codes

__all__ = [
    "ArticlesConfig",
    "ArxivConfig",
    "CollectConfig",
    "Config",
    "DigestConfig",
    "HackerNewsConfig",
    "LobstersConfig",
    "RedditConfig",
    "SourcesConfig",
    "WatchConfig",
    "WriterConfig",
    "load_config",
    "parse_config",
    "secret",
]


_ENVIRONMENT = "env:"


@dataclass(frozen=True, slots=True)
class CollectConfig:
    """How collecting behaves towards every community."""

    contact: str = (
        ""  # a URL or e-mail address for the User-Agent, so that an operator can reach you
    )
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
    """[sources.reddit]; without client_id the feeds are read, and counts are unknown."""

    enabled: bool = True
    subreddits: tuple[str, ...] = ("LocalLLaMA", "MachineLearning", "programming")
    feed_token: str = ""  # of a member, from https://www.reddit.com/prefs/feeds/; or "env:NAME"
    user: str = ""  # the member's name, sent with the token
    client_id: str = ""  # or "env:NAME": see secret()
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
    feed_endpoint: str = "https://rss.arxiv.org/atom"  # read when the API fails


@dataclass(frozen=True, slots=True)
class ArticlesConfig:
    """[sources.articles]: the text of the pages that the week's best threads point at."""

    enabled: bool = True
    most: int = 30  # pages fetched per collection, best threads first


@dataclass(frozen=True, slots=True)
class WriterConfig:
    """[writer]: an OpenAI-compatible endpoint; without one the digest is written from templates."""

    endpoint: str = ""  # "http://127.0.0.1:8080/v1"
    model: str = ""
    api_key: str = ""  # or "env:NAME": see secret()
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
class SourcesConfig:
    """[sources]: one table for each community."""

    hackernews: HackerNewsConfig = HackerNewsConfig()
    lobsters: LobstersConfig = LobstersConfig()
    reddit: RedditConfig = RedditConfig()
    arxiv: ArxivConfig = ArxivConfig()
    articles: ArticlesConfig = ArticlesConfig()


@dataclass(frozen=True, slots=True)
class Config:
    """Everything shiomi.toml may say; the fields carry the file's own names."""

    archive: Path = Path("shiomi.sqlite3")
    out: Path = Path("public")
    language: str = "ja"
    timezone: str = "Asia/Tokyo"
    site: str = ""  # where the digests are published, for feeds: "https://example.org/digest/"
    collect: CollectConfig = CollectConfig()
    sources: SourcesConfig = SourcesConfig()
    writer: WriterConfig = WriterConfig()
    digest: DigestConfig = DigestConfig()
    watch: tuple[WatchConfig, ...] = ()


def load_config(path: Path) -> Config:
    """Read shiomi.toml. Relative paths in it are taken from its own folder.

    Raises ConfigError naming the key, the value and the nearest known key.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; `shiomi init` writes one") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return parse_config(text, folder=path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_config(text: str, *, folder: Path = Path()) -> Config:
    """Turn the text of a shiomi.toml into a Config. Raises ConfigError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is not valid TOML: {error}") from None
    reader = _Reader(folder)
    config: Config = reader.table(Config, document, "")
    _check(config)
    return config


def secret(key: str, value: str, environment: Mapping[str, str] = os.environ) -> str:
    """The secret that `value` is, or the content of the environment variable it names.

    `key` is where it stands in shiomi.toml. Raises ConfigError where the variable is not set.
    """
    if not value.startswith(_ENVIRONMENT):
        return value
    variable = value.removeprefix(_ENVIRONMENT)
    if variable not in environment:
        raise ConfigError(f"{key} names the environment variable {variable}, not set here")
    return environment[variable]


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(names)}"


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns parsed TOML into the dataclasses, each value checked against its field's type."""

    folder: Path

    def table(self, cls: type[Any], table: object, key: str) -> Any:
        if not isinstance(table, dict):
            raise ConfigError(f"{key} is a table, written [{key}]; got {table!r}")
        hints = get_type_hints(cls)
        for name in table:
            if name not in hints:
                full = f"{key}.{name}" if key else name
                raise ConfigError(f"unknown key {full}; {_nearest(name, hints)}")
        values = {}
        for one in fields(cls):
            if one.name in table:
                full = f"{key}.{one.name}" if key else one.name
                values[one.name] = self.value(hints[one.name], table[one.name], full)
            elif one.default is MISSING:
                raise ConfigError(f"[[{key}]] lacks {one.name}")
            elif isinstance(one.default, Path):
                values[one.name] = self.folder / one.default
        return cls(**values)

    def value(self, hint: Any, value: object, key: str) -> Any:
        if is_dataclass(hint):
            return self.table(hint, value, key)  # type: ignore[arg-type]
        if get_origin(hint) is tuple:
            return self.sequence(get_args(hint)[0], value, key)
        if hint is Path and isinstance(value, str) and value:
            return self.folder / value
        if hint is float and type(value) is int:
            return float(value)
        if type(value) is not hint:
            raise ConfigError(f"{key} must be {_TYPE_NAMES[hint]}; got {value!r}")
        return value

    def sequence(self, hint: Any, value: object, key: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            wanted = f"written [[{key}]]" if is_dataclass(hint) else 'a list, like ["a", "b"]'
            raise ConfigError(f"{key} must be {wanted}; got {value!r}")
        return tuple(self.value(hint, item, key) for item in value)


_TYPE_NAMES = {
    str: "a string in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path in quotes, not empty",
}


def _check(config: Config) -> None:
    """Refuse values of the right type that still cannot be meant."""
    if config.language not in language_codes():
        known = " or ".join(f'"{code}"' for code in language_codes())
        raise ConfigError(f"language {config.language!r} is not known here; write {known}")
    try:
        ZoneInfo(config.timezone)
    except (KeyError, ValueError, OSError):
        raise ConfigError(
            f'timezone {config.timezone!r} is no IANA zone, like "Asia/Tokyo"'
        ) from None
    _check_addresses(config)
    _check_numbers(config)
    if config.writer.endpoint and not config.writer.model:
        raise ConfigError("writer.endpoint is set but writer.model is not; name the model")
    for key, value in {
        "sources.reddit.feed_token": config.sources.reddit.feed_token,
        "sources.reddit.client_id": config.sources.reddit.client_id,
        "sources.reddit.client_secret": config.sources.reddit.client_secret,
        "writer.api_key": config.writer.api_key,
    }.items():
        if value.startswith(_ENVIRONMENT) and not value.removeprefix(_ENVIRONMENT).strip():
            raise ConfigError(f'{key} is {value!r}; name the variable, like "env:NAME"')
    reddit = config.sources.reddit
    for token, name, needed in (
        (reddit.feed_token, reddit.user, "user"),
        (reddit.client_id, reddit.client_secret, "client_secret"),
    ):
        if token and not name:
            raise ConfigError(f"sources.reddit.{needed} is missing; set it beside its counterpart")
    _check_watches(config.watch)


def _check_addresses(config: Config) -> None:
    sources = config.sources
    for key, url in {
        "site": config.site,
        "writer.endpoint": config.writer.endpoint,
        "sources.hackernews.endpoint": sources.hackernews.endpoint,
        "sources.hackernews.search_endpoint": sources.hackernews.search_endpoint,
        "sources.lobsters.endpoint": sources.lobsters.endpoint,
        "sources.reddit.endpoint": sources.reddit.endpoint,
        "sources.reddit.public_endpoint": sources.reddit.public_endpoint,
        "sources.arxiv.endpoint": sources.arxiv.endpoint,
        "sources.arxiv.feed_endpoint": sources.arxiv.feed_endpoint,
    }.items():
        if url and not re.match(r"https?://[^/\s]", url):
            raise ConfigError(f"{key} {url!r} is no http:// or https:// address")


def _check_numbers(config: Config) -> None:
    sources = config.sources
    for key, number in {
        "collect.days": config.collect.days,
        "collect.budget_seconds": config.collect.budget_seconds,
        "sources.lobsters.pages": sources.lobsters.pages,
        "sources.arxiv.max_results": sources.arxiv.max_results,
        "writer.timeout_seconds": config.writer.timeout_seconds,
        "writer.budget_seconds": config.writer.budget_seconds,
        "digest.topics": config.digest.topics,
        "digest.weeks_compared": config.digest.weeks_compared,
    }.items():
        if not 0 < number < float("inf"):
            raise ConfigError(f"{key} is {number}; it must be above 0")
    for key, count in {
        "sources.hackernews.min_points": sources.hackernews.min_points,
        "sources.hackernews.comments": sources.hackernews.comments,
        "sources.lobsters.comments": sources.lobsters.comments,
        "sources.reddit.comments": sources.reddit.comments,
        "sources.articles.most": sources.articles.most,
        "digest.trends": config.digest.trends,
    }.items():
        if count < 0:
            raise ConfigError(f"{key} is {count}; it must be 0 or above")
    for key, number, most in (
        ("collect.days", config.collect.days, 3650),  # ten years
        ("digest.weeks_compared", config.digest.weeks_compared, 520),
    ):
        if number > most:
            raise ConfigError(f"{key} is {number}; it must be at most {most}")


def _check_watches(watches: tuple[WatchConfig, ...]) -> None:
    names = [watch.name for watch in watches]
    for watch in watches:
        if not watch.name.strip():
            raise ConfigError(f"a [[watch]] has the name {watch.name!r}; give it one to be shown")
        if not watch.terms or not all(term.strip() for term in watch.terms):
            raise ConfigError(f"[[watch]] {watch.name!r} needs at least one term, none empty")
        if not 0 < watch.rises_by < float("inf"):
            raise ConfigError(
                f"[[watch]] {watch.name!r}: rises_by is {watch.rises_by}; it must be above 0"
            )
        if names.count(watch.name) > 1:
            raise ConfigError(f"two [[watch]] are named {watch.name!r}")
