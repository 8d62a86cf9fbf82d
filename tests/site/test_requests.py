"""Requests of every kind: conditional, wrong, hostile, and while the archive changes."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import string
import threading
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message

from shiomi.digest.archive import Archive
from shiomi.digest.config import Config
from shiomi.site.app import create_app
from tests.site.conftest import HOSTILE, NOON, thread

CONDITIONAL = ("/", "/2020-12-13", "/2020-12-13.md", "/atom.xml", "/feed.json", "/trends",
               "/story/hackernews:1", "/search?q=rust", "/api/v1/digests/2020-12-13",
               "/api/v1/openapi.json")  # fmt: skip
FUZZED = int(os.environ.get("SHIOMI_FUZZED", "1000"))
QUERIES = (
    'a" OR 1=1 --', "NEAR(a b)", "title:*", "*", '"', "(((((", "a AND", "-a", "^a", "{}", "'; DROP",
    "%00", "a\0b", "\ud800", "(a+)+$" * 20, "%" * 400, "_" * 400, "あ" * 500, "\u202e", "e",
    '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "<svg/onload=alert(1)>",
)  # fmt: skip


@pytest.mark.parametrize("path", CONDITIONAL)
def test_a_client_that_has_the_page_is_told_so(client: TestClient, path: str) -> None:
    first = client.get(path)
    assert first.status_code == 200
    again = client.get(path, headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    if modified := first.headers.get("last-modified"):
        assert client.get(path, headers={"If-Modified-Since": modified}).status_code == 304
    assert client.head(path).headers["content-length"] == first.headers["content-length"]


def test_every_response_has_the_security_headers(client: TestClient) -> None:
    for path in ("/", "/nope", "/api/v1/nope", "/search?page=0", "/healthz"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("q=" + "a" * 501, "The query has 501 characters; at most 500 are allowed"),
        ("page=0", "page must be a number from 1 to 50, got &#39;0&#39;"),
        ("page=99999999999999999999", "page must be a number"),
        ("page=%EF%BC%91", "page must be a number"),
        ("since=2020-13-01", "since must be a day like 2020-12-13"),
        ("until=yesterday", "until must be a day like 2020-12-13"),
        ("points=-1", "points must be a number"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(
    client: TestClient, query: str, told: str
) -> None:
    response = client.get(f"/en/search?{query}")
    assert response.status_code == 400
    assert told in response.text
    assert told not in client.get(f"/search?{query}").text
    assert "must be" in (error := client.get(f"/api/v1/search?{query}").text) or "at most" in error


@pytest.mark.parametrize("path", ["/search", "/en/search", "/search.atom", "/api/v1/search"])
def test_a_hostile_query_is_text(client: TestClient, path: str) -> None:
    for query in QUERIES:
        response = client.get(f"{path}?q={quote(query, errors='surrogatepass')}")
        assert response.status_code == 200, query
        if not path.startswith("/api"):
            assert "<img" not in response.text
            assert "<svg/" not in response.text


@pytest.mark.anyio
async def test_ten_megabytes_of_a_query_are_refused(config: Config) -> None:
    status, body = await ask(create_app(config), b"/search?q=" + b"a" * 10_000_000, [])
    assert status == 400
    assert len(body) < 10_000


def test_a_title_from_the_network_is_text_on_every_page(client: TestClient) -> None:
    for path in ("/", "/2020-12-13", "/story/hackernews:2", "/search?q=quotes", "/atom.xml"):
        text = client.get(path).text
        assert "alert(1)" in text
        assert HOSTILE[:8] not in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_only_reading_is_allowed(client: TestClient, method: str) -> None:
    assert client.request(method, "/search").status_code == 405


@pytest.mark.slow
@pytest.mark.anyio
async def test_random_requests_are_never_an_error_of_the_server(config: Config) -> None:
    """Raw requests, as a server hands them on: no client library corrects them."""
    app = create_app(config)
    rng = random.Random(11)
    starts = ("/", "/story/", "/search?", "/search?q=", "/watch/", "/api/v1/", "/en/", "/assets/",
              "/api/v1/stories/", "/api/v1/search?", "/2020-12-", "/watch/x.atom?", "", "//",
              "/search?page=", "/search?since=2020-", "/?page=", "/story/hackernews:")  # fmt: skip
    alphabet = string.printable + "%&=:/?.<>\"'%00%ff%0a" * 4
    names = (b"host", b"x-forwarded-for", b"x-forwarded-host", b"if-none-match", b"accept",
             b"if-modified-since", b"range", b"forwarded", b"cookie")  # fmt: skip
    for _ in range(FUZZED):
        tail = "".join(rng.choices(alphabet, k=rng.randrange(40)))
        target = (rng.choice(starts) + tail).encode("ascii")
        header = rng.choice(names), bytes(rng.choices(range(1, 256), k=rng.randrange(40)))
        status, body = await ask(app, target, [header])
        assert status < 500, target
        assert b"<script" not in body


async def ask(app: ASGIApp, target: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    """The status and the body of the answer to a raw request."""
    raw, _, query = target.partition(b"?")
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(raw.decode("ascii")), "raw_path": raw, "query_string": query,
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_a_host_header_never_reaches_a_page(client: TestClient) -> None:
    for path in ("/", "/atom.xml", "/2020-12-13.html", "/search?q=rust"):
        response = client.get(
            path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
        )
        assert "evil.example" not in response.text
        assert "evil.example" not in response.headers.get("location", "")


@pytest.fixture
def own(filled: Path, tmp_path: Path) -> Path:
    path = tmp_path / "own.sqlite3"
    shutil.copy(filled, path)
    return path


def test_a_change_of_the_archive_is_seen_at_once(own: Path) -> None:
    with TestClient(create_app(Config(archive=own))) as client, Archive.open(own) as archive:
        assert client.get("/api/v1/stories/hackernews:new").status_code == 404
        etag = client.get("/sources").headers["etag"]
        archive.add([thread("hackernews", "new", "New")], seen=NOON)
        assert client.get("/api/v1/stories/hackernews:new").status_code == 200
        assert client.get("/sources").headers["etag"] != etag


def test_an_archive_that_is_being_written_is_read_whole(own: Path) -> None:
    """Each commit adds a pair of threads; no answer may show one of them alone."""
    done = threading.Event()

    def write() -> None:
        with Archive.open(own) as archive:
            for n in range(60):
                pair = [thread("hackernews", f"{half}{n}", "Pairwise") for half in "ab"]
                archive.add(pair, seen=NOON + n)
        done.set()

    with TestClient(create_app(Config(archive=own))) as client:
        writer = threading.Thread(target=write)
        writer.start()
        seen = []
        while not done.is_set():
            response = client.get("/api/v1/search?q=pairwise&page=1")
            assert response.status_code == 200
            seen.append(sorted(hit["thread"]["id"] for hit in response.json()["hits"]))
        writer.join()
        assert client.get("/api/v1/search?q=pairwise").json()["more"] is True
    for ids in seen:
        if len(ids) < 20:  # more than a page may cut a pair
            assert [one[1:] for one in ids if one[0] == "a"] == [
                one[1:] for one in ids if one[0] == "b"
            ]


def test_an_archive_that_is_replaced_is_opened_again(own: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    with Archive.open(other) as archive:
        archive.add([thread("hackernews", "other", "Other")], seen=NOON)
    with TestClient(create_app(Config(archive=own))) as client:
        assert client.get("/2020-12-13").status_code == 200
        other.replace(own)
        assert client.get("/2020-12-13").status_code == 404
        assert client.get("/story/hackernews:other").status_code == 200


@pytest.mark.parametrize("trouble", ["missing", "damaged", "to be migrated", "locked"])
def test_an_archive_that_cannot_be_read_is_503_with_retry_after(own: Path, trouble: str) -> None:
    with TestClient(create_app(Config(archive=own))) as client:
        held = None
        if trouble == "missing":
            own.unlink()
        elif trouble == "damaged":
            own.write_bytes(b"not a database")
        else:
            held = sqlite3.connect(own, isolation_level=None)
            if trouble == "locked":
                held.execute("PRAGMA journal_mode = DELETE")
                held.execute("BEGIN EXCLUSIVE")
            else:
                held.execute("DELETE FROM migration WHERE number = 2")
        paths = ("/", "/search?q=rust", "/api/v1/digests", "/healthz")
        for path in (
            paths[:1] if trouble == "locked" else paths
        ):  # each waits two seconds for the lock
            response = client.get(path)
            assert response.status_code == 503, path
            assert int(response.headers["retry-after"]) > 0
        if held is not None:
            held.close()


def test_the_description_of_the_api_names_every_answer(client: TestClient) -> None:
    described = client.get("/api/v1/openapi.json").json()
    assert described["servers"] == [{"url": "https://example.org"}]
    for path in described["paths"]:
        address = path.replace("{last}", "2020-12-13").replace("{uid}", "hackernews:1")
        response = client.get(address)
        assert response.status_code == 200
        schema = described["paths"][path]["get"]["responses"]["200"]["content"]
        name = schema["application/json"]["schema"]["$ref"].rpartition("/")[2]
        expected = described["components"]["schemas"][name]["properties"]
        assert set(response.json()) <= set(expected)
