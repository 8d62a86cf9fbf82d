"""Measure how fast the site answers: searches and stories of a large archive, and one page.

    python benchmarks/digest/site_speed.py build FOLDER            # 1,000,000 threads, once
    python benchmarks/digest/site_speed.py search FOLDER [--datasette venv/bin/datasette]
    python benchmarks/digest/site_speed.py page demo/shiomi.toml   # of `shiomi demo`

`build` takes the threads of archive_scale.py. It gives every tenth thread a comment (five titles),
and every fourth thread a link to the next thread. Next to the archive it writes what ten lines of
code would write: a table, and an FTS5 index with the default tokenizer. This tokenizer finds only
whole words and needs spaces in Japanese.

`search` sends requests to one worker over HTTP, one at a time, without the gate. It measures wall
time and the processor time of the server. For comparison it also measures plain FTS5 in this
process, which only returns rows. It also measures Datasette on the same table. All settings of
Datasette are defaults except the time limit of a query.

`page` compares the page with a Starlette `FileResponse` of the same bytes. It measures the
processor microseconds of one request in one process, and runs `wrk` against a server for each. The
gate's budgets are raised, so that one client may send any number of requests; all other settings
are defaults.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.digest.archive_scale import make_plain, search_plain, shifted_threads
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route

from shiomi.digest.archive import Archive, LinkStore
from shiomi.digest.archive.importing import import_file
from shiomi.digest.config import Config, load_config
from shiomi.digest.thread import Passage, PassageKind
from shiomi.gate.asgi import GateMiddleware
from shiomi.gate.policy import Budget, Rate
from shiomi.site.app import create_app
from shiomi.site.policy import site_policy
from tests.loopback import free_port

MIX: dict[str, tuple[dict[str, str], ...]] = {
    "rare": tuple({"q": q} for q in (
        "zzzzqqqq", "how to write a compiler", "postgres performance", "haskell monad tutorial")),
    "frequent": tuple({"q": q} for q in (
        "rust", "open source", "machine learning", '"show hn"', "kubernetes", "C++", "1.0")),
    "in every title": ({"q": "the"}, {"q": "how the"}, {"q": "a"}, {"q": "to the"}),
    "one or two letters": ({"q": "e"}, {"q": "AI"}, {"q": "c#"}, {"q": "go lang"}),
    "Japanese": ({"q": "規制"}, {"q": "言語"}, {"q": "データベース 性能"}),
    "glossary": ({"q": "脆弱性"}, {"q": "暗号化"}, {"q": "機械学習"}),
    "filtered": (
        {"q": "rust", "community": "lobsters"}, {"q": "open source", "points": "500"},
        {"q": "the", "community": "reddit/programming", "points": "100"},
        {"q": "how the", "since": "2020-01-01", "until": "2020-03-01"}),
    "later pages": ({"q": "rust", "page": "2"}, {"q": "the", "page": "3"},
                    {"q": "machine learning", "page": "3"}),
}  # fmt: skip
ROUNDS = 3
STORIES = 200
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
Answer = tuple[int, Headers, bytes]


def build(folder: Path, threads: int) -> None:
    """Write the archive and the plain table, each once."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = folder / "threads.jsonl"
    with lines.open("wb") as file:
        file.writelines(islice(shifted_threads(), threads))
    make_plain(lines, folder / "plain.sqlite3")
    with Archive.open(folder / "shiomi.sqlite3") as archive:
        import_file(archive, lines, read_at=1_609_459_200)
        enrich(archive)


def enrich(archive: Archive) -> None:
    """Give every tenth thread a comment, and every fourth thread a link to the next thread."""
    found = list(archive.threads(-(1 << 40), 1 << 40))
    titles = [one.title for one in found]
    archive.add(
        (
            replace(one, passages=(Passage(PassageKind.COMMENT, text, one.link, 3),))
            for place, one in enumerate(found)
            if place % 10 == 0
            for text in [". ".join(titles[(7 * place + 1009 * n) % len(titles)] for n in range(5))]
        ),
        seen=1_900_000_000,
    )
    keys = LinkStore(archive).keys_of([one.uid for one in found])
    pairs = (sorted(keys[place : place + 2]) for place in range(0, len(keys) - 1, 4))
    with archive.transaction():
        LinkStore(archive).add([(a, b, "same_story", 0.95) for a, b in pairs])


def search(folder: Path, datasette: str | None) -> None:
    """Print the time of each kind of search, and of stories, for each program."""
    file = folder / "shiomi.sqlite3"
    with Archive.open(file, create=False, read_only=True) as archive:
        print(f"{archive.status().threads:,} threads, {archive.size() / 1e6:,.0f} MB")
        newest = archive.newest() or 0
        uids = [one.uid for one in islice(archive.threads(0, newest), 0, STORIES * 50, 50)]
    with serving("bare", folder) as (base, process):
        _measure("site", MIX, lambda asked: f"{base}/search?{urlencode(asked)}", process)
        stories = {"story page": tuple({"uid": uid} for uid in uids)}
        _measure(
            "site", stories, lambda one: f"{base}/story/{quote(one['uid'])}", process, rounds=1
        )
        print(f"site: {_memory(process)}")
    words = {kind: asked for kind, asked in MIX.items() if kind not in ("filtered", "later pages")}
    plain = sqlite3.connect(f"file:{folder / 'plain.sqlite3'}?mode=ro", uri=True)
    figures = defaultdict(list)
    for kind, some in words.items():
        for asked in some * ROUNDS:
            begun = time.perf_counter()
            search_plain(plain, asked["q"])
            figures[kind].append((time.perf_counter() - begun) * 1e3)
    for kind, values in figures.items():
        _report("plain FTS5", kind, values)
    _report("plain FTS5", "all", [one for values in figures.values() for one in values])
    if datasette:
        port = free_port()
        command = [datasette, "serve", str(folder / "plain.sqlite3"), "--port", str(port),
                   "--setting", "sql_time_limit_ms", "20000"]  # fmt: skip
        with _running(command, f"http://127.0.0.1:{port}/") as process:
            base = f"http://127.0.0.1:{port}/plain/threads"
            address = f"{base}?_size=20&_search="
            _measure("datasette", words, lambda one: address + quote(one["q"]), process, rounds=1)


def _measure(
    name: str,
    mix: dict[str, tuple[dict[str, str], ...]],
    address: Callable[[dict[str, str]], str],
    process: subprocess.Popen[bytes],
    *,
    rounds: int = ROUNDS,
) -> None:
    every, every_spent = [], []
    for kind, some in mix.items():
        values, spent = [], []
        for asked in some * rounds:
            before, begun = _processor(process), time.perf_counter()
            try:
                urllib.request.urlopen(address(asked)).read()
            except OSError as error:
                print(f"  {asked} answered {error}")
            values.append((time.perf_counter() - begun) * 1e3)
            spent.append(_processor(process) - before)
        _report(name, kind, values, spent)
        every += values
        every_spent += spent
    _report(name, "all", every, every_spent)


def _report(
    name: str, kind: str, values: list[float], processor: list[float] | None = None
) -> None:
    line = f"{name:12}{kind:20}"
    for title, some in (("wall", values), ("processor", processor)):
        if some:
            high = sorted(some)[min(len(some) - 1, int(0.95 * len(some)))]
            line += f"  {title} p50 {statistics.median(some):7.1f} ms  p95 {high:7.1f} ms"
    print(line, flush=True)


def _processor(process: subprocess.Popen[bytes]) -> float:
    """Return the milliseconds of processor time of the process's threads."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((one / "schedstat").read_text("ascii").split()[0]) for one in tasks) / 1e6


def _memory(process: subprocess.Popen[bytes]) -> str:
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return f"memory of the worker at most {peak / 1024:.0f} MiB"


@contextmanager
def serving(kind: str, where: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a server of this file's application `kind`; yield its address and its process."""
    port = free_port()
    command = [sys.executable, __file__, "serve", kind, str(where), str(port)]
    base = f"http://127.0.0.1:{port}"
    with _running(command, f"{base}/healthz") as process:
        yield base, process


@contextmanager
def _running(command: list[str], address: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(address).read()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


def application(kind: str, where: Path) -> Any:
    """The application to measure: "file", "bare" or "gate"; `where` is a folder or shiomi.toml."""
    if kind == "file":

        async def answer(_: Any) -> FileResponse:
            return FileResponse(where, media_type="text/html; charset=utf-8")

        return Starlette(routes=[Route("/{path:path}", answer)])
    folder = where.is_dir()
    config = Config(archive=where / "shiomi.sqlite3") if folder else load_config(where)
    if kind == "bare":
        return create_app(config)
    policy = site_policy()
    much = Rate(10_000_000, 60.0, 10_000_000)
    budgets = {name: Budget(much, much, much, None) for name in policy.budgets}
    state = where.parent / "gate.state"
    return GateMiddleware(create_app(config), replace(policy, budgets=budgets), state=state,
                          dns=False)  # fmt: skip


async def ask(app: Any, target: str, headers: Headers) -> Answer:
    """Return the status, the headers and the body of the answer to one request."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
        "method": "GET", "scheme": "http", "path": path, "raw_path": path.encode(),
        "query_string": query.encode(), "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(one.get("body", b"") for one in sent[1:])
    return sent[0]["status"], list(sent[0]["headers"]), body


async def page(config: Path, last: str = "2020-12-13") -> None:
    """Print the microseconds of a digest's page, and its requests per second under wrk."""
    with tempfile.TemporaryDirectory() as name:
        own = Path(name) / "shiomi.toml"
        shutil.copy(config, own)
        shutil.copy(config.parent / "shiomi.sqlite3", Path(name))
        bare, gate = application("bare", own), application("gate", own)
        status, got, body = await ask(bare, f"/{last}", FIREFOX)
        etag = [(b"if-none-match", dict(got)[b"etag"])]
        assert status == 200
        file = Path(name) / "page.html"
        file.write_bytes(body)
        cookie = await _cookie(gate, f"/{last}")
        admitted = [*FIREFOX, (b"cookie", cookie)]
        print(f"{len(body):,} bytes")
        base = await _micros(application("file", file), f"/{last}", FIREFOX, 200)
        print(f"FileResponse 200             {base:6.1f} µs")
        for title, app, headers, expected in (
            ("site without gate, 200", bare, FIREFOX, 200),
            ("site, gate, cookie, 200", gate, admitted, 200),
            ("site, gate, cookie, 304", gate, admitted + etag, 304),
        ):
            value = await _micros(app, f"/{last}", headers, expected)
            print(f"{title:28} {value:6.1f} µs  {value / base:.2f} of the FileResponse")
        if shutil.which("wrk"):
            _wrk(file, own, f"/{last}", cookie, dict(got)[b"etag"])


async def _cookie(app: Any, path: str) -> bytes:
    """Return the cookie of the gate, obtained in the way of a browser without JavaScript."""
    _, got, _ = await ask(app, path, FIREFOX)
    seconds, _, target = dict(got)[b"refresh"].decode().partition("; url=")
    tried = dict(got)[b"set-cookie"].partition(b";")[0]
    await asyncio.sleep(int(seconds))
    _, got, _ = await ask(app, target, [*FIREFOX, (b"cookie", tried)])
    return next(value.partition(b";")[0] for key, value in got
                if key == b"set-cookie" and b"Max-Age=0" not in value)  # fmt: skip


async def _micros(app: Callable[..., Awaitable[None]], path: str, headers: Headers,
                  expected: int, count: int = 300) -> float:  # fmt: skip
    """Return the least processor microseconds per request of five runs."""
    values = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(count):
            status, _, _ = await ask(app, path, headers)
            assert status == expected, status
        values.append((time.process_time() - begun) / count * 1e6)
    return min(values)


def _wrk(file: Path, config: Path, path: str, cookie: bytes, etag: bytes) -> None:
    admitted = [f"{key.decode()}: {value.decode()}" for key, value in FIREFOX[1:]]
    admitted.append(f"cookie: {cookie.decode()}")
    fresh = [*admitted, f"if-none-match: {etag.decode()}"]
    for title, kind, where, headers in (
        ("FileResponse 200", "file", file, admitted),
        ("site, gate, cookie, 200", "gate", config, admitted),
        ("site, gate, cookie, 304", "gate", config, fresh),
    ):
        with serving(kind, where) as (base, _):
            command = ["wrk", "-t1", "-c8", "-d5s", "--latency", f"{base}{path}"]
            for header in headers:
                command += ["-H", header]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        wanted = ("99%", "Requests/sec", "Non-2xx")
        lines = [" ".join(line.split()) for line in output.splitlines()]
        print(f"wrk {title:28}", *(line for line in lines if line.startswith(wanted)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("build")
    verb.add_argument("folder", type=Path)
    verb.add_argument("--threads", type=int, default=1_000_000)
    verb = verbs.add_parser("search")
    verb.add_argument("folder", type=Path)
    verb.add_argument("--datasette")
    verbs.add_parser("page").add_argument("config", type=Path)
    verb = verbs.add_parser("serve")
    verb.add_argument("kind")
    verb.add_argument("where", type=Path)
    verb.add_argument("port", type=int)
    given = parser.parse_args()
    if given.verb == "build":
        build(given.folder, given.threads)
    elif given.verb == "search":
        search(given.folder, given.datasette)
    elif given.verb == "page":
        asyncio.run(page(given.config))
    else:
        import uvicorn

        uvicorn.run(application(given.kind, given.where), port=given.port, log_level="error",
                    access_log=False)  # fmt: skip


if __name__ == "__main__":
    main()
