"""Render all files of a published series of digests."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from shiomi.digest.document import Digest
from shiomi.digest.languages import Language
from shiomi.digest.render.feeds import render_atom, render_json_feed
from shiomi.digest.render.html import render_html, render_index
from shiomi.digest.render.markdown import render_markdown
from shiomi.digest.render.structured import render_json

__all__ = ["render_site"]


def render_site(
    digests: Iterable[Digest],
    language: Language,
    *,
    site: str = "",
    pages: Collection[date] | None = None,
) -> dict[str, str]:
    """Return the text of each file by name: the digests as .md, .html and .json, the index, two
    feeds.

    Pure: the same digests give the same bytes, whatever their order. If two digests have the same
    date, the later one is used. `pages` limits the digests that are rendered to these dates: a page
    changes only with its own digest and the neighbouring ones. Raises ConfigError if `site`, the
    folder's public address, is not an http(s) address.
    """
    by_date = {
        digest.week.last.isoformat(): digest
        for digest in sorted(digests, key=lambda one: (one.week.last, one.as_of))
    }
    dates = list(by_date)
    kept = list(by_date.values())
    files = {
        "index.html": render_index(kept, language),
        "atom.xml": render_atom(kept, language, site=site),
        "feed.json": render_json_feed(kept, language, site=site),
    }
    for index, (name, digest) in enumerate(by_date.items()):
        if pages is not None and digest.week.last not in pages:
            continue
        older = dates[index - 1] if index else None
        newer = dates[index + 1] if index + 1 < len(dates) else None
        files[f"{name}.md"] = render_markdown(digest, language)
        files[f"{name}.html"] = render_html(digest, language, older=older, newer=newer)
        files[f"{name}.json"] = render_json(digest)
    return files
