"""What kind of story it is, by titles, addresses and tags: what can be said of it depends on it.

The table is kinds.toml. A kind is a reading of the title, not a finding about the matter.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from urllib.parse import urlsplit

from shiomi.digest.thread import Thread
from shiomi.digest.writing.tables import listed_words

__all__ = ["KINDS", "host_of", "kind_of", "repository_of"]

# Where nothing fits: a thread with an address is an article, one without is a discussion.
KINDS = (
    *("security", "outage", "ending", "law", "paper", "show", "ask", "benchmark", "release"),
    *(
        "video",
        "image",
        "hardware",
        "repository",
        "howto",
        "history",
        "work",
        "practice",
        "language",
    ),
    *("discussion", "article"),
)
_FORGES = ("github.com", "gitlab.com", "codeberg.org", "bitbucket.org")


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    title: re.Pattern[str] | None
    hosts: tuple[str, ...]
    tags: frozenset[str]

    def fits(self, title: str, host: str | None, tags: Iterable[str]) -> bool:
        if self.title is not None and self.title.search(title):
            return True
        if host and any(host == name or host.endswith(f".{name}") for name in self.hosts):
            return True
        return not self.tags.isdisjoint(tags)


@lru_cache(maxsize=1)
def _rules() -> tuple[_Rule, ...]:
    text = files("shiomi.digest.writing").joinpath("kinds.toml").read_text(encoding="utf-8")
    return tuple(
        _Rule(
            kind,
            re.compile("|".join(table["title"]), re.IGNORECASE) if "title" in table else None,
            tuple(table.get("hosts", ())),
            frozenset(table.get("tags", ())),
        )
        for kind, table in tomllib.loads(text).items()
    )


def kind_of(threads: Iterable[Thread]) -> str:
    """One of KINDS for a story of these threads. A title says more than a tag or an address."""
    told = [(thread.title[:300], host_of(thread.url), thread.tags) for thread in threads]
    asks = not any(host for _, host, _ in told) and any("?" in title for title, _, _ in told)
    for titles_only in (True, False):
        for rule in _rules():
            if (
                asks and rule.kind == "show"
            ):  # a text post with a question asks it, whatever it names
                return "ask"
            for title, host, tags in told:
                if rule.fits(title, *((None, ()) if titles_only else (host, tags))):
                    return rule.kind
    return "article" if any(host for _, host, _ in told) else "discussion"


def host_of(url: str | None) -> str | None:
    """The host of an address without "www.": only letters, digits, dots and hyphens; else None."""
    try:
        host = (urlsplit(url or "").hostname or "").removeprefix("www.")
    except ValueError:
        return None
    return host if re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", host) and len(host) <= 60 else None


def repository_of(url: str | None) -> str | None:
    """ "owner/name" of an address at a code host, else None."""
    if host_of(url) not in _FORGES:
        return None
    path = [part for part in urlsplit(url or "").path.split("/") if part]
    if len(path) < 2 or path[0] in listed_words("host_pages"):
        return None
    if not all(re.fullmatch(r"[A-Za-z0-9][\w.-]{0,60}", p) for p in path[:2]):
        return None
    return "/".join(path[:2]).removesuffix(".git")
