"""The settings of a [[feed]]. Keys in shiomi.toml replace the shipped settings of `known`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from shiomi.digest.errors import ConfigError
from shiomi.digest.settings import Config, FeedConfig
from shiomi.toml_file import nearest

__all__ = ["FeedSettings", "enabled_communities", "feed_settings", "known_feeds"]

_FIELDS = frozenset(
    {"items", "id", "title", "link", "url", "created", "points", "comments", "text", "tags"}
)


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """One feed, ready to be read."""

    name: str  # name of the community
    url: str  # may contain {page}
    format: str  # "feed" or "json"
    pages: int
    min_points: int
    fields: Mapping[str, str]  # a field of the thread → a path in the entry; see feed.py
    of: str = ""


@cache
def known_feeds() -> Mapping[str, Mapping[str, Any]]:
    """Return the settings that are shipped, by name."""
    text = (files("shiomi.digest.sources") / "feeds.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def feed_settings(feed: FeedConfig) -> FeedSettings:
    """Return the settings of one [[feed]]. Raises ConfigError naming the key."""
    if not feed.known:
        settings = FeedSettings(
            feed.name, feed.url, feed.format or "feed", feed.pages or 1, feed.min_points,
            feed.fields, feed.of,
        )  # fmt: skip
    else:
        settings = _known(feed)
    for name in settings.fields:
        if name not in _FIELDS:
            raise ConfigError(
                f"[[feed]] {settings.name}: unknown field {name!r}; known: "
                f"{', '.join(sorted(_FIELDS))}"
            )
    missing = {"id", "title", "link", "created"} - settings.fields.keys()
    if settings.format == "json" and missing:
        raise ConfigError(
            f"[[feed]] {settings.name}: a JSON feed needs the paths of {', '.join(sorted(missing))}"
            ' in `fields`, like { id = "id" }'
        )
    return replace(settings, url=settings.url.replace("{of}", quote(settings.of, safe="/")))


def _known(feed: FeedConfig) -> FeedSettings:
    known = known_feeds()
    if feed.known not in known:
        hint = nearest(feed.known, known)
        raise ConfigError(f"[[feed]] known = {feed.known!r} is not shipped; {hint}")
    shipped = known[feed.known]
    url = shipped.get("url_of") if feed.of else shipped.get("url")
    if not url:
        wanted = "does not take `of`" if feed.of else "needs `of`"
        raise ConfigError(f"[[feed]] known = {feed.known!r} {wanted}: {shipped['about']}")
    return FeedSettings(
        feed.name or (f"{feed.known}/{feed.of}" if feed.of else feed.known),
        feed.url or url,
        feed.format or shipped.get("format", "feed"),
        feed.pages or shipped.get("pages", 1),
        feed.min_points,
        {**shipped.get("fields", {}), **feed.fields},
        feed.of,
    )


def enabled_communities(config: Config) -> dict[str, str]:
    """Return every community that shiomi.toml enables, and the name of its source."""
    sources = config.sources
    found: dict[str, str] = {}
    if sources.hackernews.enabled:
        found["hackernews"] = "hackernews"
    if sources.reddit.enabled:
        found |= {f"reddit/{subreddit}": "reddit" for subreddit in sources.reddit.subreddits}
    if sources.lobsters.enabled:
        found["lobsters"] = "lobsters"
    if sources.arxiv.enabled:
        found["arxiv"] = "arxiv"
    found |= {name: name for name in (feed_settings(feed).name for feed in config.feed)}
    return found
