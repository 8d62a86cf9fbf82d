"""Every page: what it holds, its links, and that it is valid HTML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from urllib.parse import urljoin, urlsplit

import html5lib
import pytest
from starlette.testclient import TestClient

SUBJECT = "/watch/Rust%20%26%20C%2FC%2B%2B"
PAGES = (
    "/",
    "/2020-12-13",
    "/story/hackernews:1",
    "/search",
    "/search?q=vulnerability",
    "/search?q=compilers&page=2",
    "/watch",
    SUBJECT,
    "/trends",
    "/sources",
    "/feeds",
    "/no-such-page",
)
_ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.mark.parametrize("prefix", ["", "/en"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_valid_html_with_one_heading_and_nothing_from_elsewhere(
    client: TestClient, prefix: str, path: str
) -> None:
    text = client.get(prefix + path).text
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree = parser.parse(text)
    assert len(tree.findall(".//h1")) == 1
    assert tree.get("lang") in ("ja", "en")
    loaded = [one.get("href") for one in tree.findall(".//link[@rel='stylesheet']")]
    loaded += [one.get("src") for one in tree.iter() if one.get("src")]
    assert all(one.startswith("/") for one in loaded)
    assert not tree.findall(".//script")
    assert not tree.findall(".//style")


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_every_link_within_the_site_leads_somewhere(client: TestClient, prefix: str) -> None:
    waiting = [f"{prefix}/"]
    seen: dict[str, int] = {}
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        response = client.get(path)
        seen[path] = response.status_code
        if response.headers.get("content-type", "").startswith("text/html"):
            for href in re.findall(r'(?:href|action)="([^"]+)"', response.text):
                target = urlsplit(urljoin(path, href.replace("&amp;", "&")))
                if not target.netloc and not target.path.startswith("/ja"):
                    waiting.append(target._replace(fragment="").geturl())
    assert {path: code for path, code in seen.items() if code != 200} == {}
    assert len(seen) > 40


def test_a_digest_page_has_the_digest_its_neighbour_and_its_stories(client: TestClient) -> None:
    text = client.get("/2020-12-13").text
    assert "A critical vulnerability in OpenSSL" in text
    assert 'href="2020-12-06"' in text
    assert 'href="/story/hackernews%3A1"' in text


def test_the_index_links_each_title_to_its_topic(client: TestClient) -> None:
    assert '<a href="/2020-12-13#topic-1">A critical vulnerability in OpenSSL</a>' in (
        client.get("/").text
    )


def test_an_address_of_the_published_folder_leads_to_the_page(client: TestClient) -> None:
    for path in ("/2020-12-13.html", "/index.html", "/en/2020-12-13.html"):
        response = client.get(path)
        assert response.status_code == 301
        assert client.get(response.headers["location"]).status_code == 200


def test_a_story_has_its_threads_counts_over_time_quotations_and_digests(
    client: TestClient,
) -> None:
    text = client.get("/story/lobsters:a").text
    assert "Hacker News" in text
    assert "Lobsters" in text
    assert text.count("<polyline") == 2
    assert "A comment on" in text
    assert 'href="/2020-12-13"' in text
    assert "判定モデルによる同じ話題の確率 90%" in text
    assert "題に共通の語: critical, openssl, vulnerability" in text
    english = client.get("/en/story/lobsters:a").text
    assert "words in both titles: critical, openssl, vulnerability" in english


def test_a_japanese_word_finds_english_threads_and_says_so(client: TestClient) -> None:
    text = client.get("/search", params={"q": "脆弱性"}).text
    assert "A critical vulnerability in OpenSSL" in text
    assert "脆弱性 → vulnerability" in text


def test_a_story_in_two_communities_is_one_hit(client: TestClient) -> None:
    text = client.get("/search", params={"q": "openssl"}).text
    assert len(re.findall(r'<a href="/story/([^"]+)"', text)) == 1
    assert '同じ話題: <a href="https://example.org/a" rel="ugc nofollow">Lobsters</a>' in text
    assert (
        'The same story: <a href="https://example.org/a"'
        in client.get("/en/search", params={"q": "openssl"}).text
    )
    (hit,) = client.get("/api/v1/search", params={"q": "openssl"}).json()["hits"]
    assert hit["thread"]["community"] == "hackernews"
    assert [(one["community"], one["passages"]) for one in hit["elsewhere"]] == [("lobsters", [])]
    assert client.get("/search.atom", params={"q": "openssl"}).text.count("<entry>") == 1


def test_a_search_is_filtered_and_goes_on_page_by_page(client: TestClient) -> None:
    def found(**asked: int | str) -> list[str]:
        text = client.get("/search", params={"q": "compilers", **asked}).text
        return re.findall(r'<a href="/story/([^"]+)"', text)

    first, second, third = found(), found(page=2), found(page=3)
    assert [len(first), len(second), len(third)] == [20, 20, 5]
    assert len({*first, *second, *third}) == 45
    assert found(community="lobsters") == []
    assert found(points=31) == []
    assert len(found(points=30)) == 20
    assert found(until="2020-12-07") == []
    assert found(since="2020-12-08") == []


def test_the_interface_is_japanese_or_english_whatever_the_digest_is(client: TestClient) -> None:
    assert "検索" in client.get("/search").text
    assert '<html lang="en">' in client.get("/en/search").text
    page = client.get("/en/2020-12-13").text
    assert '<html lang="ja">' in page
    assert '<div class="bar-top" lang="en">' in page
    assert "This digest is written in Japanese." in page
    assert 'class="written"' not in client.get("/2020-12-13").text


def test_feeds_are_well_formed_and_carry_absolute_addresses(client: TestClient) -> None:
    for path in ("/atom.xml", "/search.atom?q=%3Cscript%3E", f"{SUBJECT}.atom"):
        feed = ElementTree.fromstring(client.get(path).content)
        assert feed.tag == f"{_ATOM}feed"
        for link in feed.iter(f"{_ATOM}link"):
            assert link.get("href", "").startswith("https://example.org/")
    assert client.get("/feed.json").json()["version"] == "https://jsonfeed.org/version/1.1"


def test_sources_names_what_failed(client: TestClient) -> None:
    assert "answered 503" in client.get("/sources").text
