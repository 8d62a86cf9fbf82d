"""shiomi.toml: read once into frozen dataclasses; an unknown key is an error.

A secret may be written "env:NAME" or "file:PATH". It is stored as written. secret() looks it up at
its use, so an unset variable does not stop other commands. No message shows a secret.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
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
    config = replace(config, watch=tuple(_with_known_words(one) for one in config.watch))
    _check(config)
    return config


def secret(key: str, value: str, environment: Mapping[str, str] = os.environ) -> str:
    """The secret: `value` itself, or the content of the variable or file that it names.

    `key` is its key in shiomi.toml. Raises ConfigError if there is no such variable or file.
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
    """Whether shiomi.toml itself contains a secret."""
    if isinstance(config.archive, PostgresAddress) and config.archive.holds_password:
        return True
    reddit = config.sources.reddit
    values = (
        reddit.feed_token, reddit.client_secret, config.writer.api_key, *config.notify.urls,
    )  # fmt: skip
    return any(value and not value.startswith((_ENVIRONMENT, _FILE)) for value in values)


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
        if cls is SourcesConfig:
            table = _with_packages(table)
        for name in table:
            if name not in hints:
                full = f"{key}.{name}" if key else name
                raise ConfigError(f"unknown key {full}; {_nearest(name, hints)}")
        values = {}
        for one in fields(cls):
            if one.name in table:
                full = f"{key}.{one.name}" if key else one.name
                values[one.name] = self.value(hints[one.name], table[one.name], full)
            elif one.default is MISSING and one.default_factory is MISSING:
                raise ConfigError(f"[[{key}]] lacks {one.name}")
            elif isinstance(one.default, Path):
                values[one.name] = self.folder / one.default
        return cls(**values)

    def value(self, hint: Any, value: object, key: str) -> Any:
        if is_dataclass(hint):
            return self.table(hint, value, key)  # type: ignore[arg-type]
        if get_origin(hint) is tuple:
            return self.sequence(get_args(hint)[0], value, key)
        if get_origin(hint) is Mapping:
            if not isinstance(value, dict):
                raise ConfigError(f'{key} must be a table, like {{ a = "b" }}; got {value!r}')
            inner = get_args(hint)[1]
            if inner is not str:
                return value
            return {name: self.value(inner, one, f"{key}.{name}") for name, one in value.items()}
        if hint is Path and isinstance(value, str) and value:
            return self.folder / value
        if hint == Location and isinstance(value, str) and value:
            return parse_location(value, self.folder)
        if hint is float and type(value) is int:
            return float(value)
        if type(value) is not hint:
            got = f"a {type(value).__name__}" if _is_secret(key) else repr(value)
            raise ConfigError(f"{key} must be {_TYPE_NAMES[hint]}; got {got}")
        return value

    def sequence(self, hint: Any, value: object, key: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            wanted = f"written [[{key}]]" if is_dataclass(hint) else 'a list, like ["a", "b"]'
            got = f"a {type(value).__name__}" if _is_secret(key) else repr(value)
            raise ConfigError(f"{key} must be {wanted}; got {got}")
        return tuple(self.value(hint, item, key) for item in value)


def _is_secret(key: str) -> bool:
    return key.rpartition(".")[2] in _SECRETS


def _with_packages(table: Mapping[str, object]) -> dict[str, object]:
    """[sources] with the tables of installed packages under "packages"."""
    found = {point.name for point in entry_points(group="shiomi.sources")} - _BUILT_IN
    others = {name: one for name, one in table.items() if name in found}
    rest = {name: one for name, one in table.items() if name not in others and name != "packages"}
    return {**rest, "packages": others} if others else rest


_TYPE_NAMES = {
    str: "a string in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path in quotes, not empty",
    Location: "a path or a postgresql:// address in quotes, not empty",
}


def _check(config: Config) -> None:
    """Refuse values of the right type that are out of range."""
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
    """The subject with the shipped name and words that its own do not replace."""
    if not watch.known:
        return watch
    text = files("shiomi.digest.watch").joinpath("subjects.toml").read_text(encoding="utf-8")
    subjects = tomllib.loads(text)
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
