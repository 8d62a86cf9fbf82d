"""How long pages of a large archive take, with the memory of the process.

    python benchmarks/digest/site_speed.py FILE       # an archive, e.g. with 1,000,000 threads

Asks the site in this process (no sockets, no gate) for the searches of archive_scale.py and for
200 stories. Beside it: plain FTS5 over the same trigram index, which returns ids alone.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.digest.archive_scale import QUERIES

from shiomi.digest.archive import Archive
from shiomi.digest.config import Config
from shiomi.site.app import create_app

FIREFOX = [
    (b"host", b"example.org"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"ja,en;q=0.5"),
    (b"accept-encoding", b"gzip"),
    (b"sec-fetch-dest", b"document"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-site", b"none"),
]
Headers = list[tuple[bytes, bytes]]


async def ask(app: Any, target: str, headers: Headers) -> tuple[int, dict[bytes, bytes], bytes]:
    """The status, the headers and the body of the answer to one request."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "root_path": "", "headers": headers, "client": ("192.0.2.1", 1),
        "server": ("127.0.0.1", 80),
    }  # fmt: skip
    status, got, body = 0, {}, b""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, got, body
        if message["type"] == "http.response.start":
            status, got = message["status"], dict(message["headers"])
        else:
            body += message.get("body", b"")

    await app(scope, receive, send)
    return status, got, body


async def archive(path: Path) -> None:
    """Print wall milliseconds of searches and stories, and the memory of this process."""
    site = create_app(Config(archive=path))
    with Archive.open(path, create=False) as opened:
        print(f"{opened.status().threads:,} threads, {opened.size() / 1e6:,.0f} MB")
        newest = opened.newest() or 0
        uids = [one.uid for _, one in zip(range(200), opened.threads(0, newest), strict=False)]
    plain = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    async def search(query: str) -> None:
        status, _, _ = await ask(site, f"/search?q={quote(query)}", FIREFOX)
        if status != 200:
            print(f"  {query!r} answered {status}")

    def fts5(query: str) -> None:
        words = " ".join(f'"{word}"' for word in query.replace('"', "").split())
        plain.execute(
            "SELECT rowid FROM title_text WHERE title_text MATCH ? ORDER BY rank LIMIT 20", (words,)
        ).fetchall()

    async def story(uid: str) -> None:
        await ask(site, f"/story/{uid}", FIREFOX)

    async def beside(query: str) -> None:
        fts5(query)

    _report("search page", [await _wall(search, one) for one in QUERIES])
    _report("plain FTS5, ids alone", [await _wall(beside, one) for one in QUERIES])
    _report("story page", [[await _once(story, one) for one in uids]])
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            print(f"memory of the process at most {int(line.split()[1]) / 1024:.0f} MiB")


async def _once(step: Callable[[str], Any], value: str) -> float:
    begun = time.perf_counter()
    await step(value)
    return (time.perf_counter() - begun) * 1e3


async def _wall(step: Callable[[str], Any], value: str) -> list[float]:
    await step(value)  # the first reads the file from the disk
    return [await _once(step, value) for _ in range(3)]


def _report(name: str, figures: list[list[float]]) -> None:
    every = sorted(one for some in figures for one in some)
    place = min(len(every) - 1, int(0.95 * len(every)))
    print(f"{name:28}median {statistics.median(every):8.1f} ms   p95 {every[place]:8.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    asyncio.run(archive(parser.parse_args().file))


if __name__ == "__main__":
    main()
