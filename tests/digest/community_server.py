"""A loopback server that answers as Hacker News and Lobsters do, from the sample's threads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shiomi.digest.config import Config, parse_config
from shiomi.digest.thread import Thread
from tests.loopback import QuietHandler, loopback

__all__ = ["communities"]


@contextmanager
def communities(threads: Sequence[Thread]) -> Iterator[str]:
    """Serves `threads` and a comment for each; gives the server's address."""
    hackernews = {t.id: t for t in threads if t.community == "hackernews"}
    lobsters = {t.id: t for t in threads if t.community == "lobsters"}

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            found = _answer(address.path, parse_qs(address.query), hackernews, lobsters)
            self.answer(200, json.dumps(found).encode(), Content_Type="application/json")

    with loopback(Handler) as address:
        yield address


def configured(address: str, folder: object) -> Config:
    """A configuration that collects from `communities` at `address`, below `folder`."""
    return parse_config(
        f"""
        archive = "{folder}/shiomi.sqlite3"
        out = "{folder}/public"
        [sources.hackernews]
        endpoint = "{address}/v0"
        search_endpoint = "{address}/api/v1"
        min_points = 0
        [sources.lobsters]
        endpoint = "{address}"
        [sources.reddit]
        enabled = false
        [sources.arxiv]
        enabled = false
        [[watch]]
        name = "Rust"
        terms = ["Rust"]
        """
    )


def _answer(
    path: str,
    query: dict[str, list[str]],
    hackernews: dict[str, Thread],
    lobsters: dict[str, Thread],
) -> Any:
    if path == "/api/v1/search_by_date":
        bounds = dict(re.findall(r"created_at_i(>=|<)(\d+)", query["numericFilters"][0]))
        hits = [
            _hit(t)
            for t in hackernews.values()
            if int(bounds[">="]) <= t.created < int(bounds["<"])
        ]
        return {"hits": hits, "nbHits": len(hits), "nbPages": 1, "page": 0}
    if found := re.fullmatch(r"/v0/item/(\d+)\.json", path):
        return _item(found[1], hackernews)
    if found := re.fullmatch(r"/newest(?:/page/(\d+))?\.json", path):
        newest = sorted(lobsters.values(), key=lambda t: -t.created)
        page = int(found[1] or 1)
        return [_story(t) for t in newest[25 * (page - 1) : 25 * page]]
    if found := re.fullmatch(r"/s/(\w+)\.json", path):
        return _story(lobsters[found[1]]) | {"comments": [_comment(found[1])]}
    return None


def _hit(thread: Thread) -> dict[str, Any]:
    return {
        "objectID": thread.id,
        "created_at_i": thread.created,
        "title": thread.title,
        "url": thread.url,
        "points": thread.readings[-1].points,
        "num_comments": thread.readings[-1].comments,
        "_tags": ["story"],
    }


def _item(id_: str, hackernews: dict[str, Thread]) -> dict[str, Any] | None:
    if id_.startswith("9") and len(id_) > 8:  # the comment of a story: "9" before its id
        return {"id": int(id_), "type": "comment", "time": 0, "text": f"Comment on {id_[1:]}."}
    thread = hackernews.get(id_)
    if thread is None:
        return None
    return {
        "id": int(id_),
        "type": "story",
        "time": thread.created,
        "title": thread.title,
        "url": thread.url,
        "score": thread.readings[-1].points,
        "descendants": thread.readings[-1].comments,
        "kids": [int(f"9{id_}")],
    }


def _story(thread: Thread) -> dict[str, Any]:
    return {
        "short_id": thread.id,
        "created_at": datetime.fromtimestamp(thread.created, UTC).isoformat(),
        "title": thread.title,
        "url": thread.url or "",
        "score": thread.readings[-1].points,
        "comment_count": thread.readings[-1].comments,
        "comments_url": thread.link,
        "tags": list(thread.tags),
    }


def _comment(id_: str) -> dict[str, Any]:
    return {"short_id": f"c{id_}", "comment": f"<p>Comment on {id_}.</p>", "score": 3}
