"""Articles of the best threads are fetched politely, once, and only from the public network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.config import ArticlesConfig, Config, SourcesConfig
from shiomi.digest.sources.articles import TRIED, best_threads, fetch_articles
from shiomi.digest.sources.collect import CollectReport
from shiomi.digest.sources.http import new_client
from shiomi.digest.sources.public_address import refuse_private, resolve
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread, ThreadState

from .community import Community, Reply, html

NOW = 1_780_000_000
TEXT = "The tide came in slowly and covered the stones one after the other. " * 6
ARTICLE = f"<html><body><article><h1>Tides</h1><p>{TEXT}</p></article></body></html>"
CONFIG = Config(sources=SourcesConfig(articles=ArticlesConfig(enabled=True, most=10)))


def thread(
    name: str, url: str | None, points: int | None = 10, community: str = "hackernews"
) -> Thread:
    link = f"https://news.ycombinator.com/item?id={name}"
    readings = (Reading(NOW - 60, points, 3),)
    return Thread(community, name, f"Title {name}", NOW - 3600, link, url, readings=readings)


@pytest.fixture
def archive() -> Iterator[Archive]:
    with Archive.open(":memory:") as opened:
        yield opened


def fetch(
    archive: Archive, community: Community, config: Config = CONFIG, *, private: bool = True
) -> tuple[CollectReport, dict[str, str]]:
    public = partial(
        refuse_private,
        resolver=lambda host: ["93.184.216.34"] if host == "127.0.0.1" else resolve(host),
    )
    community.clock.now = float(NOW)
    return fetch_articles(
        archive,
        config,
        clock=community.clock,
        sleep=community.clock.sleep,
        client=lambda: new_client(trust_env=False),
        vet=(lambda _: None) if private else public,
    )


def article_of(archive: Archive, uid: str) -> list[str]:
    found = archive.thread(uid)
    assert found is not None
    return [one.text for one in found.passages if one.kind is PassageKind.ARTICLE]


def test_an_article_is_archived_beside_what_is_known_of_its_thread(
    archive: Archive, community: Community
) -> None:
    community.routes["/a"] = html(ARTICLE)
    comment = Passage(PassageKind.COMMENT, "A comment.", "https://news.ycombinator.com/item?id=9")
    known = replace(thread("1", f"{community.url}/a"), passages=(comment,))
    archive.add([known], seen=NOW - 60)
    report, reasons = fetch(archive, community)
    assert report.exit_code == 0
    assert reasons == {}
    assert TEXT.strip() in article_of(archive, "hackernews:1")
    found = archive.thread("hackernews:1")
    assert found is not None
    assert comment in found.passages
    assert found.readings == known.readings


def test_a_page_is_asked_for_once_whether_it_gave_an_article_or_not(
    archive: Archive, community: Community
) -> None:
    community.routes["/a"] = html(ARTICLE)
    community.routes["/wall"] = html("<title>Just a moment...</title><p>Ray ID: 1</p>", 403)
    urls = [f"{community.url}/a", f"{community.url}/wall"]
    archive.add([thread(str(n), url) for n, url in enumerate(urls)], seen=NOW - 60)
    _, reasons = fetch(archive, community)
    assert "Cloudflare challenge" in reasons["hackernews:1"]
    assert article_of(archive, "hackernews:1") == []
    fetch(archive, community)
    assert community.paths().count("/a") == 1
    assert community.paths().count("/wall") == 1
    assert {one.source: one.collected is None for one in archive.status().sources} == {
        "articles": False,
        TRIED: True,
    }


def test_robots_txt_is_obeyed(archive: Archive, community: Community) -> None:
    robots = b"User-agent: *\nDisallow: /private"
    community.routes["/robots.txt"] = Reply(robots, headers=(("Content-Type", "text/plain"),))
    community.routes["/a"] = html(ARTICLE)
    community.routes["/private/b"] = html(ARTICLE)
    urls = [f"{community.url}/a", f"{community.url}/private/b"]
    archive.add([thread(str(n), url) for n, url in enumerate(urls)], seen=NOW - 60)
    _, reasons = fetch(archive, community)
    assert article_of(archive, "hackernews:0")
    assert "robots.txt" in reasons["hackernews:1"]
    assert "/private/b" not in community.paths()
    assert community.paths().count("/robots.txt") == 1


@pytest.mark.parametrize("host", ["", "http://localhost"])
def test_robots_txt_is_asked_before_a_redirect_is_followed(
    archive: Archive, community: Community, host: str
) -> None:
    at = host and f"{host}:{community.url.rpartition(':')[2]}"
    robots = b"User-agent: *\nDisallow: /private"
    community.routes["/robots.txt"] = Reply(robots, headers=(("Content-Type", "text/plain"),))
    community.routes["/a"] = Reply(status=302, headers=(("Location", f"{at}/private/b"),))
    community.routes["/private/b"] = html(ARTICLE)
    archive.add([thread("1", f"{community.url}/a")], seen=NOW - 60)
    _, reasons = fetch(archive, community)
    assert "robots.txt" in reasons["hackernews:1"]
    assert community.paths() == ["/robots.txt", "/a"] + ["/robots.txt"] * bool(host)


def test_a_robots_txt_that_moved_is_read_where_it_is(
    archive: Archive, community: Community
) -> None:
    moved = (("Location", "/rules"),)
    community.routes["/robots.txt"] = Reply(status=301, headers=moved)
    robots = b"User-agent: shiomi\nDisallow: /a\nDisallow: /rules"
    community.routes["/rules"] = Reply(robots, headers=(("Content-Type", "text/plain"),))
    archive.add([thread("1", f"{community.url}/a")], seen=NOW - 60)
    _, reasons = fetch(archive, community)
    assert "robots.txt" in reasons["hackernews:1"]
    assert community.paths() == ["/robots.txt", "/rules"]


@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_a_site_too_busy_for_its_robots_txt_is_asked_another_time(
    archive: Archive, community: Community, status: int
) -> None:
    community.routes["/robots.txt"] = html("busy", status)
    community.routes["/a"] = html(ARTICLE)
    archive.add([thread("1", f"{community.url}/a")], seen=NOW - 60)
    _, reasons = fetch(archive, community)
    assert str(status) in reasons["hackernews:1"]
    assert "/a" not in community.paths()
    community.routes["/robots.txt"] = html("none", 404)
    fetch(archive, community)
    assert article_of(archive, "hackernews:1")


def test_a_redirect_into_the_own_network_is_refused(archive: Archive, community: Community) -> None:
    port = community.url.rpartition(":")[2]
    inside = f"http://localhost:{port}/secret"
    community.routes["/a"] = Reply(status=302, headers=(("Location", inside),))
    community.routes["/secret"] = html(ARTICLE)
    archive.add([thread("1", f"{community.url}/a")], seen=NOW - 60)
    _, reasons = fetch(archive, community, private=False)
    assert "public network" in reasons["hackernews:1"]
    assert community.paths() == ["/robots.txt", "/a"]


def test_a_site_in_trouble_is_left_alone_and_asked_again_another_day(
    archive: Archive, community: Community
) -> None:
    community.routes["/a"] = html("busy", 503)
    community.routes["/b"] = html(ARTICLE)
    urls = [f"{community.url}/a", f"{community.url}/b"]
    archive.add([thread(str(n), url, 20 - n) for n, url in enumerate(urls)], seen=NOW - 60)
    _, reasons = fetch(archive, community)
    assert "503" in reasons["hackernews:0"]
    assert article_of(archive, "hackernews:1")
    community.routes["/a"] = html(ARTICLE)
    fetch(archive, community)
    assert article_of(archive, "hackernews:0")


def test_nothing_is_asked_for_where_articles_are_not_enabled(
    archive: Archive, community: Community
) -> None:
    archive.add([thread("1", f"{community.url}/a")], seen=NOW - 60)
    off = Config(sources=SourcesConfig(articles=ArticlesConfig(enabled=False)))
    report, reasons = fetch(archive, community, off)
    assert (report.sources, reasons, community.asked) == ((), {}, [])


def test_without_trafilatura_no_page_is_asked_for_and_none_is_barred(
    archive: Archive, community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    community.routes["/a"] = html(ARTICLE)
    archive.add([thread("1", f"{community.url}/a")], seen=NOW - 60)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "trafilatura", None)
        report, reasons = fetch(archive, community)
    (one,) = report.sources
    assert "docs/install.md" in str(one.error)
    assert (one.name, reasons, community.asked) == ("articles", {}, [])
    assert fetch(archive, community)[0].exit_code == 0
    assert article_of(archive, "hackernews:1")


def test_each_community_has_its_share_and_its_best_come_first() -> None:
    large = [thread(f"h{n}", f"https://example.org/h{n}", n) for n in range(10)]
    small = [thread(f"l{n}", f"https://example.org/l{n}", n, "lobsters") for n in range(2)]
    chosen = [one.id for one in best_threads(large + small, 4)]
    assert chosen == ["h9", "h8", "h7", "l1"]


def test_threads_without_an_article_to_fetch_are_left_out() -> None:
    article = Passage(PassageKind.ARTICLE, "text", "https://example.org/")
    left_out = [
        thread("1", None),
        replace(thread("2", "https://example.org/2"), state=ThreadState.DEAD),
        replace(thread("3", "https://example.org/3"), passages=(article,)),
        thread("4", "https://arxiv.org/abs/2511.08544"),
        thread("5", "https://example.org/paper.pdf"),
        thread("6", "https://www.youtube.com/watch?v=x"),
    ]
    wanted = thread("7", "https://example.org/youtube.com", None)
    twice = thread("8", "https://example.org/youtube.com", 5)
    assert best_threads([*left_out, wanted, twice], 9) == [twice]
    assert best_threads([wanted], 0) == []
