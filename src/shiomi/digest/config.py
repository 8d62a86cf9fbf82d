"""Read shiomi.toml once into frozen dataclasses. An unknown key is an error.

A secret may be written as "env:NAME" or "file:PATH". The configuration stores that text, and
secret() looks up the value only when it is used. So an unset variable does not stop other commands.
No message shows a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_origin
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from shiomi.digest.address import Location, PostgresAddress, parse_location
from shiomi.digest.errors import ConfigError
from shiomi.digest.languages import language_codes
from shiomi.digest.settings import (
    ArticlesConfig,
    ArxivConfig,
    CollectConfig,
    Config,
    DigestConfig,
    FeedConfig,
    HackerNewsConfig,
    LobstersConfig,
    NotifyConfig,
    RedditConfig,
    RunConfig,
    ScheduleConfig,
    SourcesConfig,
    WatchConfig,
    WriterConfig,
)
from shiomi.toml_file import TableReader, load_toml, read_settings_text

__all__ = [
    "ArticlesConfig",
    "ArxivConfig",
    "CollectConfig",
    "Config",
    "DigestConfig",
    "FeedConfig",
    "HackerNewsConfig",
    "LobstersConfig",
    "NotifyConfig",
    "RedditConfig",
    "RunConfig",
    "ScheduleConfig",
    "SourcesConfig",
    "WatchConfig",
    "WriterConfig",
    "holds_secret",
    "load_config",
    "parse_config",
    "secret",
]


_ENVIRONMENT, _FILE = "env:", "file:"
_SECRETS = frozenset({"api_key", "client_id", "client_secret", "feed_token", "urls"})
_BUILT_IN = frozenset({"hackernews", "lobsters", "reddit", "arxiv", "articles"})
_LISTEN = re.compile(r"(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}")
_FEED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}(/[A-Za-z0-9._-]{1,100}){0,3}")


def load_config(path: Path) -> Config:
    """Read shiomi.toml. Relative paths in the file start at the folder of the file.

    Raises ConfigError. The error names the key, the value and the nearest known key.
    """
    text = read_settings_text(path, "shiomi init", ConfigError)
    try:
        return parse_config(text, folder=path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_config(text: str, *, folder: Path = Path()) -> Config:
    """Parse the text of a shiomi.toml into a Config. Raises ConfigError."""
    document = load_toml(text, ConfigError)
    reader = _Reader(folder)
    config: Config = reader.table(Config, document, "")
    config = replace(config, watch=tuple(_with_known_words(one) for one in config.watch))
    _check(config)
    return config


def secret(key: str, value: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the secret: `value`, or the content of the variable or file that it names.

    `key` is the secret's key in shiomi.toml. Raises ConfigError if the variable or file is missing.
    """
    if value.startswith(_ENVIRONMENT):
        variable = value.removeprefix(_ENVIRONMENT)
        if variable not in environment:
            raise ConfigError(f"{key} names the environment variable {variable}, not set here")
        return environment[variable]
    if value.startswith(_FILE):
        path = Path(value.removeprefix(_FILE)).expanduser()
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigError(f"{key} names {path}, which cannot be read: {reason}") from None
    return value


def holds_secret(config: Config) -> bool:
    """Return whether shiomi.toml itself contains a secret."""
    if isinstance(config.archive, PostgresAddress) and config.archive.holds_password:
        return True
    reddit = config.sources.reddit
    values = (
        reddit.feed_token, reddit.client_secret, config.writer.api_key, *config.notify.urls,
    )  # fmt: skip
    return any(value and not value.startswith((_ENVIRONMENT, _FILE)) for value in values)


class _Reader(TableReader):
    """Reads tables, and raises ConfigError at the first problem. Relative paths start at
    `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wrong(self, key: str, what: str) -> None:
        raise ConfigError(f"{key} {what}")

    def shown(self, key: str, value: object) -> str:
        secret = key.partition("[")[0].rpartition(".")[2] in _SECRETS
        return f"a {type(value).__name__}" if secret else repr(value)

    def table(self, cls: type[Any], table: object, key: str, default: Any = None) -> Any:
        if isinstance(table, dict):
            places = {
                one.name: str(one.default) for one in fields(cls) if isinstance(one.default, Path)
            }
            table = {**places, **(_with_packages(table) if cls is SourcesConfig else table)}
        return super().table(cls, table, key, default)

    def value(self, hint: Any, value: object, key: str, default: Any = None) -> Any:
        if get_origin(hint) is Mapping:
            if not isinstance(value, dict):
                raise ConfigError(f'{key} must be a table, like {{ a = "b" }}; got {value!r}')
            inner = get_args(hint)[1]
            if inner is not str:
                return value
            return {name: self.value(inner, one, f"{key}.{name}") for name, one in value.items()}
        if hint not in (Path, Location):
            return super().value(hint, value, key, default)
        if not isinstance(value, str) or not value:
            address = " or a postgresql:// address" if hint == Location else ""
            self.wrong(key, f"must be a path{address} in quotes, not empty; got {value!r}")
        return (
            self._folder / str(value) if hint is Path else parse_location(str(value), self._folder)
        )


def _with_packages(table: Mapping[str, object]) -> dict[str, object]:
    """Return [sources], with the tables of installed packages moved to "packages"."""
    found = {point.name for point in entry_points(group="shiomi.sources")} - _BUILT_IN
    others = {name: one for name, one in table.items() if name in found}
    rest = {name: one for name, one in table.items() if name not in others and name != "packages"}
    return {**rest, "packages": others} if others else rest


def _check(config: Config) -> None:
    """Raise ConfigError for values that have the right type but are out of range."""
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
    if config.writer.model and not config.writer.wanted:
        raise ConfigError(
            f"writer.model is {config.writer.model!r} without writer.endpoint; name the endpoint, "
            'or write "local" or "local:FILE.gguf"'
        )
    for key, value in {
        "sources.reddit.feed_token": config.sources.reddit.feed_token,
        "sources.reddit.client_id": config.sources.reddit.client_id,
        "sources.reddit.client_secret": config.sources.reddit.client_secret,
        "writer.api_key": config.writer.api_key,
        **{f"notify.urls[{n}]": url for n, url in enumerate(config.notify.urls)},
    }.items():
        if value in (_ENVIRONMENT, _FILE):
            raise ConfigError(f'{key} is {value!r}; write "env:NAME" or "file:PATH"')
    reddit = config.sources.reddit
    for token, name, needed in (
        (reddit.feed_token, reddit.user, "user"),
        (reddit.client_id, reddit.client_secret, "client_secret"),
    ):
        if token and not name:
            raise ConfigError(f"sources.reddit.{needed} is missing; set it beside its counterpart")
    if config.link.encoder not in ("", "minilm"):
        raise ConfigError(f'link.encoder is {config.link.encoder!r}; write "minilm" or ""')
    _check_watches(config.watch)
    _check_feeds(config.feed)
    _check_run(config)


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
        "collect.stale_hours": config.collect.stale_hours,
        "notify.failures": config.notify.failures,
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


def _with_known_words(watch: WatchConfig) -> WatchConfig:
    """Return the subject, with shipped values for the fields that shiomi.toml does not set."""
    if not watch.known:
        return watch
    text = files("shiomi.digest.watch").joinpath("subjects.toml").read_text(encoding="utf-8")
    subjects = load_toml(text, ConfigError)
    if watch.known not in subjects:
        raise ConfigError(
            f"[[watch]] known is {watch.known!r}; shipped here: {', '.join(subjects)}"
        )
    shipped: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in {"name": watch.known, **subjects[watch.known]}.items()
        if not getattr(watch, key)
    }
    return replace(watch, **shipped)


def _check_watches(watches: tuple[WatchConfig, ...]) -> None:
    names = [watch.name for watch in watches]
    for watch in watches:
        if not watch.name.strip():
            raise ConfigError(f"a [[watch]] has the name {watch.name!r}; give it one to be shown")
        if not watch.terms or not all(term.strip() for term in watch.terms):
            raise ConfigError(f"[[watch]] {watch.name!r} needs at least one term, none empty")
        if not all(term.strip("* ") for term in (*watch.also, *watch.never)):
            raise ConfigError(f"[[watch]] {watch.name!r} has an empty term in also or never")
        if not 0 < watch.rises_by < float("inf"):
            raise ConfigError(
                f"[[watch]] {watch.name!r}: rises_by is {watch.rises_by}; it must be above 0"
            )
        if names.count(watch.name) > 1:
            raise ConfigError(f"two [[watch]] are named {watch.name!r}")


def _check_feeds(feeds: tuple[FeedConfig, ...]) -> None:
    for number, feed in enumerate(feeds, 1):
        where = f"[[feed]] {feed.name or feed.known or f'number {number}'}"
        if not feed.known and not (feed.name and feed.url):
            raise ConfigError(f"{where} needs `known`, or `name` and `url`")
        if feed.name and (not _FEED_NAME.fullmatch(feed.name) or feed.name in _BUILT_IN):
            raise ConfigError(
                f"{where}: name must be letters, digits, '.', '_' and '-', and not the name of a "
                f"built-in source; got {feed.name!r}"
            )
        if feed.url and not re.match(r"https?://[^/\s]", feed.url):
            raise ConfigError(f"{where}: url {feed.url!r} is no http:// or https:// address")
        if feed.format not in ("", "feed", "json"):
            raise ConfigError(f'{where}: format must be "feed" or "json"; got {feed.format!r}')
        if not 0 <= feed.pages <= 20:
            raise ConfigError(f"{where}: pages must be 0 to 20; got {feed.pages}")


def _check_run(config: Config) -> None:
    if config.run.log not in ("text", "json"):
        raise ConfigError(f'run.log must be "text" or "json"; got {config.run.log!r}')
    levels = ("debug", "info", "warning", "error")
    if config.run.level not in levels:
        raise ConfigError(f"run.level must be one of {', '.join(levels)}; got {config.run.level!r}")
    if config.run.probe and not _LISTEN.fullmatch(config.run.probe):
        raise ConfigError(f'run.probe must be like "127.0.0.1:9464"; got {config.run.probe!r}')
    for key, line in (
        ("schedule.collect", config.schedule.collect),
        ("schedule.digest", config.schedule.digest),
    ):
        if not line and key == "schedule.digest":
            continue
        try:
            CronSim(line, datetime(2026, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ConfigError(
                f'{key} {line!r} is not a cron line, like "30 7 * * mon": {error}'
            ) from None
