"""Read from an address: its host, a repository, a model, a video or an image."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from shiomi.digest.thread import Thread
from shiomi.digest.writing.tables import listed_words

__all__ = ["host_of", "medium_of", "model_of", "repository_of"]

_FORGES = ("github.com", "gitlab.com", "codeberg.org", "bitbucket.org")
_VIDEO = ("youtube.com", "youtu.be", "vimeo.com", "twitch.tv", "v.redd.it")
_IMAGE = ("i.redd.it", "imgur.com", "pbs.twimg.com", "preview.redd.it")
_HUB_PAGES = ("blog", "collections", "datasets", "docs", "papers", "spaces")


def medium_of(thread: Thread) -> str | None:
    """Return "video" or "image" if the thread links to one, else None."""
    host = host_of(thread.url)
    if _is_at(host, _VIDEO) or re.search(r"[\[(]video[\])]", thread.title, re.IGNORECASE):
        return "video"
    return "image" if _is_at(host, _IMAGE) else None


def _is_at(host: str | None, names: tuple[str, ...]) -> bool:
    return bool(host) and any(host == name or str(host).endswith(f".{name}") for name in names)


def host_of(url: str | None) -> str | None:
    """Return the host of an address without "www.", or None if it is not a plain host name."""
    try:
        host = (urlsplit(url or "").hostname or "").removeprefix("www.")
    except ValueError:
        return None
    return host if re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", host) and len(host) <= 60 else None


def repository_of(url: str | None) -> str | None:
    """Return "owner/name" of an address at a code host, else None."""
    if host_of(url) not in _FORGES:
        return None
    path = [part for part in urlsplit(url or "").path.split("/") if part]
    if len(path) < 2 or path[0] in listed_words("host_pages"):
        return None
    if not all(re.fullmatch(r"[A-Za-z0-9][\w.-]{0,60}", part) for part in path[:2]):
        return None
    return "/".join(path[:2]).removesuffix(".git")


def model_of(url: str | None) -> str | None:
    """Return "owner/name" of a model page on the Hugging Face hub, else None."""
    if host_of(url) not in ("huggingface.co", "hf.co"):
        return None
    path = [part for part in urlsplit(url or "").path.split("/") if part]
    if len(path) < 2 or path[0] in _HUB_PAGES:
        return None
    if not all(re.fullmatch(r"[A-Za-z0-9][\w.-]{0,95}", part) for part in path[:2]):
        return None
    return "/".join(path[:2])
