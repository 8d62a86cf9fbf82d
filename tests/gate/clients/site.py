"""A site of 20 pages behind the gate, for real programs to visit; logs what it served to whom.

Run by uvicorn as `tests.gate.clients.site:app`. SITE_LOG names a file that gets one line of JSON
per answer of the site itself; what the gate answered is not in it.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from shiomi.gate.asgi import GateMiddleware

PAGES = 20
SECRET = "潮は満ちて、また引く"  # stands on every page, and nowhere else


def page(number: int) -> bytes:
    """A page with the secret, a style sheet, and links to its neighbours and all others."""
    after, before = number % PAGES + 1, (number - 2) % PAGES + 1
    links = "".join(f'<li><a href="/page/{n}">Page {n}</a>' for n in range(1, PAGES + 1))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Page {number}</title>'
        f'<link rel="stylesheet" href="/style.css"></head><body><h1>Page {number}</h1>'
        f'<p>{SECRET}</p><a id="next" href="/page/{after}">Next</a> '
        f'<a href="/page/{before}">Before</a><ul>{links}</ul>'
        '<form action="/search"><label>Search <input name="q"></label><button>Go</button></form>'
        "</body></html>"
    ).encode()


FEED = (
    b'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Tides</title>'
    b"<link>http://localhost/</link><description>d</description><item><title>High water</title>"
    b"<link>http://localhost/page/1</link><guid>1</guid></item></channel></rss>"
)


def answer(path: str) -> tuple[int, str, bytes]:
    """Status, type and body of the site's own answer."""
    if path == "/":
        return 200, "text/html; charset=utf-8", page(1)
    if path.startswith("/page/") and path[6:].isdigit() and 1 <= int(path[6:]) <= PAGES:
        return 200, "text/html; charset=utf-8", page(int(path[6:]))
    if path == "/style.css":
        return 200, "text/css", b"body{font-family:sans-serif}"
    if path == "/feed.xml":
        return 200, "application/rss+xml", FEED
    return 404, "text/plain", b"no such page"


async def site(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The application behind the gate."""
    if scope["type"] != "http":
        return
    headers = dict(scope["headers"])
    status, kind, body = answer(scope["path"])
    line = {
        "time": time.time(),
        "path": scope["path"],
        "agent": headers.get(b"user-agent", b"").decode("latin-1"),
        "status": status,
        "bytes": len(body),
    }
    with Path(os.environ["SITE_LOG"]).open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})


app = GateMiddleware(site, dns=False)  # type: ignore[arg-type]
