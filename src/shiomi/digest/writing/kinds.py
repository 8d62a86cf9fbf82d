"""Read two facts from an address: its host, and the kind of page that it leads to."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from shiomi.digest.thread import Thread
from shiomi.digest.writing.tables import listed_words

__all__ = ["host_of", "kind_of", "slug_of"]

_FORGES = ("github.com", "gitlab.com", "codeberg.org", "bitbucket.org")
_HUB_PAGES = ("blog", "collections", "datasets", "docs", "papers", "spaces")
_PAGES = ("issues", "discussions", "pull")
SLUG = 3  # an address with fewer words is not informative
_LISTED = ("video", "image", "post", "news")  # words.toml: _hosts


def host_of(url: str | None) -> str | None:
    """Return the host of an address, without "www."; None if the host is not a plain name."""
    try:
        host = (urlsplit(url or "").hostname or "").removeprefix("www.")
    except ValueError:
        return None
    return host if re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", host) and len(host) <= 60 else None


def kind_of(thread: Thread) -> tuple[str, str] | None:
    """Return the kind of the page that a thread links to, and the page's name; None for a plain
    page.

    The kinds are "repository", "release", "issue", "model", "video", "image", "post", "news",
    "list" (a mailing list), "document" and "show".
    """
    host, title = host_of(thread.url), thread.title
    path = [part for part in urlsplit(thread.url or "").path.split("/") if part] if host else []
    on_forge = host in _FORGES and (path or [""])[0] not in listed_words("host_pages")
    if on_forge and (name := _owned(path, 60)):
        return _on_forge(name.removesuffix(".git"), path)
    on_hub = host in ("huggingface.co", "hf.co") and (path or [""])[0] not in _HUB_PAGES
    if on_hub and (name := _owned(path, 95)):
        return "model", name
    if re.match(r"\s*(?:show|launch) hn\b", title, re.IGNORECASE):
        return "show", ""
    if host is None:
        return None
    if re.search(r"[\[(]video[\])]", title, re.IGNORECASE):
        return "video", host
    for kind in _LISTED:
        if any(host == one or host.endswith(f".{one}") for one in listed_words(f"{kind}_hosts")):
            return kind, host
    if host.startswith("lists.") or "pipermail" in path:
        return "list", host
    if (path and path[-1].lower().endswith(".pdf")) or "[pdf]" in title.lower():
        return "document", host
    return None


def slug_of(url: str | None) -> str | None:
    """Return the words at the end of an address such as "/relearn-coding-for-interviews.html"."""
    last = urlsplit(url or "").path.rstrip("/").rpartition("/")[2] if host_of(url) else ""
    found = re.fullmatch(
        r"([A-Za-z0-9]+(?:[-_][A-Za-z0-9]+){3,20}?)(?:-\d{5,})?(?:\.\w{2,5})?", last
    )
    words = [word for word in re.split("[-_]", found[1]) if word.isalpha()] if found else []
    return " ".join(words) if len(words) > SLUG else None


def _owned(path: list[str], most: int) -> str | None:
    """Return "owner/name" if a path begins with an owner and a name."""
    named = rf"[A-Za-z0-9][\w.-]{{0,{most}}}"
    if len(path) < 2 or not all(re.fullmatch(named, part) for part in path[:2]):
        return None
    return "/".join(path[:2])


def _on_forge(name: str, path: list[str]) -> tuple[str, str]:
    rest = path[2:]
    if rest[:2] == ["releases", "tag"] and re.fullmatch(r"[\w.+-]{1,40}", "".join(rest[2:3])):
        return "release", f"{name} {rest[2]}"
    if rest and rest[0] in _PAGES:
        number = f" #{rest[1]}" if re.fullmatch(r"\d{1,7}", "".join(rest[1:2])) else ""
        return "issue", f"{name}{number}"
    return "repository", name
