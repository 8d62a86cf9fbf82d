"""The digests as an Atom feed (RFC 4287) and a JSON Feed 1.1.

Both formats need absolute addresses. `site` is the public address of the folder, which only the
publisher knows. Without `site`, identifiers use "shiomi.invalid" (RFC 2606: never a real host) and
Atom links are relative to the feed. The JSON Feed then has no addresses, because it allows only
absolute ones. Times come from the digests, never from the clock, so the same digests give the same
bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from shiomi.digest.document import Digest
from shiomi.digest.errors import ConfigError
from shiomi.digest.languages import Language
from shiomi.digest.render.html import render_entry, templates
from shiomi.digest.render.page import lay_out
from shiomi.digest.untrusted import safe_link

__all__ = ["render_atom", "render_json_feed"]

_LATEST = 20  # digests in a feed; older ones stay on the index page
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _FeedEntry:
    id: str
    href: str  # relative to the site
    title: str
    updated: str
    content: str  # HTML


@dataclass(frozen=True, slots=True)
class _Feed:
    id: str
    title: str
    updated: str
    site: str  # ends with a slash, or is ""
    language: str
    entries: tuple[_FeedEntry, ...]  # newest first


def render_atom(digests: Iterable[Digest], language: Language, *, site: str = "") -> str:
    """Return the latest 20 digests as Atom. Raises ConfigError if `site` is not an http(s)
    address."""
    return templates().get_template("atom.xml.j2").render(feed=_feed(digests, language, site))


def render_json_feed(digests: Iterable[Digest], language: Language, *, site: str = "") -> str:
    """Return the latest 20 digests as JSON Feed. Raises ConfigError if `site` is not an address."""
    feed = _feed(digests, language, site)
    document: dict[str, object] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "language": feed.language,
    }
    if feed.site:
        document["home_page_url"] = feed.site
        document["feed_url"] = f"{feed.site}feed.json"
    document["items"] = [
        {
            "id": entry.id,
            **({"url": feed.site + entry.href} if feed.site else {}),
            "title": entry.title,
            "content_html": entry.content,
            "date_published": entry.updated,
            "language": feed.language,
        }
        for entry in feed.entries
    ]
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _feed(digests: Iterable[Digest], language: Language, site: str) -> _Feed:
    base = _base(site)
    name = f"{_authority(base)}{language.code}"
    latest = sorted(digests, key=lambda digest: digest.week.last, reverse=True)[:_LATEST]
    entries = tuple(_entry(digest, language, name) for digest in latest)
    return _Feed(
        id=name,
        title=language.phrase("render.series"),
        updated=max((entry.updated for entry in entries), default=_EPOCH.strftime(_RFC_3339)),
        site=base,
        language=language.code,
        entries=entries,
    )


_RFC_3339 = "%Y-%m-%dT%H:%M:%SZ"


def _entry(digest: Digest, language: Language, name: str) -> _FeedEntry:
    page = lay_out(digest, language)
    return _FeedEntry(
        id=f"{name}/{page.date}",
        href=f"{page.date}.html",
        title=language.phrase("render.title", date=page.date),
        updated=datetime.fromtimestamp(digest.as_of, UTC).strftime(_RFC_3339),
        content=render_entry(page, language),
    )


def _base(site: str) -> str:
    if not site:
        return ""
    base = safe_link(site)
    if base is None or urlsplit(base).query or urlsplit(base).fragment:
        raise ConfigError(
            f"site {site!r} cannot be published under; give the folder's address,"
            ' like "https://example.org/digest/"'
        )
    return base.rstrip("/") + "/"


def _authority(base: str) -> str:
    """Return the beginning of every identifier, which is a tag: URI (RFC 4151)."""
    parts = urlsplit(base)
    host = parts.hostname or ""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", host):
        host = "shiomi.invalid"
    return f"tag:{host},2026:{parts.path or '/'}"
