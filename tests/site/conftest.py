"""A small archive with two digests, and the site over it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx2
import pytest

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from shiomi.digest.address import Location
from shiomi.digest.archive import Archive, LinkStore
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.archive.outcomes import Outcome, OutcomeStore
from shiomi.digest.config import Config, WatchConfig
from shiomi.digest.document import Digest, Origin, Sentence, Subject, Topic, Trend
from shiomi.digest.linking.stories import story_of
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread
from shiomi.digest.week import Week
from shiomi.site.app import create_app
from tests.loopback import free_port

WEEK = Week(date(2020, 12, 13))
NOON = WEEK.start + 12 * 3600
HOSTILE = '<script>alert(1)</script> & "quotes"'


def thread(community: str, id_: str, title: str, *, points: int = 10) -> Thread:
    return Thread(
        community,
        id_,
        title,
        NOON,
        f"https://example.org/{id_}",
        "https://example.com/article",
        readings=tuple(Reading(NOON + n * 3600, points * n, 3 * n) for n in (1, 2, 3)),
        passages=(Passage(PassageKind.COMMENT, f"A comment on {title}", "", 5),),
    )


THREADS = (
    thread("hackernews", "1", "A critical vulnerability in OpenSSL", points=100),
    thread("lobsters", "a", "OpenSSL: a critical vulnerability", points=20),
    thread("hackernews", "2", HOSTILE),
    thread("reddit/programming", "r1", "Rust 1.0 is out"),
    *(thread("hackernews", f"n{n}", f"Compilers, part {n}") for n in range(45)),
)


def fill(path: Location) -> None:
    """Write the archive."""
    with Archive.open(path) as archive:
        archive.add([THREADS[0], *THREADS[1:]], seen=NOON + 4 * 3600)
        archive.set_cursor("hackernews", "{}", collected=NOON + 4 * 3600)
        keys = {uid: LinkStore(archive).keys_of([uid])[0] for uid in ("hackernews:1", "lobsters:a")}
        a, b = sorted(keys.values())
        LinkStore(archive).add([(a, b, "same_story", 0.9)])
        OutcomeStore(archive).record("lobsters", NOON, [Outcome("lobsters", error="answered 503")])
        story = story_of(archive, "hackernews:1")
        hostile = story_of(archive, "hackernews:2")
        assert story is not None
        assert hostile is not None
        quote = Sentence(
            "Update <b>now</b>.", Origin.QUOTE, ("hackernews:1",), story.threads[0].link
        )
        topics = tuple(
            Topic(one, one.threads[0].title, one.threads[0].link, (quote,), (quote,), (quote,))
            for one in (story, hostile)
        )
        trends = (Trend("OpenSSL", (quote,), story.threads, (0, 1, 2)),)
        subjects = (Subject("Rust & C/C++", (quote,), (THREADS[3],), (0, 1, 4), rising=True),)
        for week in (WEEK.before(), WEEK):
            digest = Digest(week, "ja", NOON + 5 * 3600, topics, trends, subjects)
            DigestStore(archive, "ja").finish(digest, "")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site") / "shiomi.sqlite3"
    fill(path)
    return path


@pytest.fixture(scope="session")
def config(filled: Path) -> Config:
    return Config(
        archive=filled, site="https://example.org/", watch=(WatchConfig("Rust & C/C++", ("Rust",)),)
    )


@pytest.fixture(scope="session")
def client(config: Config) -> Iterator[TestClient]:
    with TestClient(create_app(config), follow_redirects=False) as opened:
        yield opened


@pytest.fixture(scope="session")
def served(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `shiomi serve` with two workers and its default gate."""
    folder = tmp_path_factory.mktemp("serve")
    config = folder / "shiomi.toml"
    config.write_text(f'archive = "{filled}"\n', encoding="utf-8")
    port, metrics_port = free_port(), free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "shiomi.cli", "-c", str(config), "serve", "--workers", "2",
         "--port", str(port), "--no-dns", "--state", str(folder / "gate.state"),
         "--metrics", f"127.0.0.1:{metrics_port}"],
    )  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    (filled.parent / "metrics").write_text(f"http://127.0.0.1:{metrics_port}/metrics")
    try:
        for _ in range(1200):
            try:
                if httpx2.get(f"{base}/healthz").status_code == 200:
                    break
            except httpx2.TransportError:
                time.sleep(0.1)
        yield base
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
