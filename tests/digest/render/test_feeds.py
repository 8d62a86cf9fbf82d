"""The feeds hold what RFC 4287 and JSON Feed 1.1 ask for, and nothing of the clock."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

import feedparser
import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.digest.document import Digest
from shiomi.digest.errors import ConfigError
from shiomi.digest.languages import Language
from shiomi.digest.render import render_atom, render_json_feed

MakeDigest = Callable[[str, str], Digest]
ATOM = "{http://www.w3.org/2005/Atom}"
QUOTED = ("figure", "blockquote", "figcaption")
SITES = ["", "https://example.org/digest/", "https://example.org/digest", "http://[::1]:8000/"]
TAG = re.compile(r"tag:[a-z0-9][a-z0-9.-]*,\d{4}(-\d\d(-\d\d)?)?:[A-Za-z0-9._~!$&'()*+,;=:@%/?-]+")


def check_atom(text: str) -> ET.Element:
    """What RFC 4287 section 4 requires of a feed and its entries."""
    feed = ET.fromstring(text)
    assert feed.tag == f"{ATOM}feed"
    for node in [feed, *feed.iter(f"{ATOM}entry")]:
        for name in ("id", "title", "updated"):  # 4.1.1, 4.1.2: exactly one of each
            assert len(node.findall(ATOM + name)) == 1, name
        updated = node.findtext(f"{ATOM}updated", "")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", updated)  # 3.3: RFC 3339
        datetime.fromisoformat(updated)
        assert TAG.fullmatch(node.findtext(f"{ATOM}id", ""))  # 4.2.6: an IRI
        alternates = [
            (one.get("type"), one.get("hreflang"))
            for one in node.findall(f"{ATOM}link")
            if one.get("rel", "alternate") == "alternate"
        ]
        assert len(alternates) == len(set(alternates)) == 1
        assert all(one.get("href") for one in node.findall(f"{ATOM}link"))
    assert feed.find(f"{ATOM}author/{ATOM}name") is not None
    assert [one.get("href") for one in feed.findall(f"{ATOM}link") if one.get("rel") == "self"]
    ids = [node.findtext(f"{ATOM}id") for node in [feed, *feed.iter(f"{ATOM}entry")]]
    assert len(ids) == len(set(ids))
    for content in feed.iter(f"{ATOM}content"):
        assert content.get("type") == "html"
        assert len(content) == 0  # 4.1.3.3: no child elements
        html5lib.HTMLParser(strict=True).parseFragment(content.text or "")
    return feed


def check_json_feed(text: str) -> dict[str, object]:
    """What jsonfeed.org/version/1.1 requires."""
    feed = json.loads(text)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert isinstance(feed["title"], str)
    assert isinstance(feed["items"], list)
    for key in ("home_page_url", "feed_url"):
        assert key not in feed or feed[key].startswith(("http://", "https://"))
    for item in feed["items"]:
        assert isinstance(item["id"], str)
        assert isinstance(item["content_html"], str)
        assert "url" not in item or item["url"].startswith(("http://", "https://"))
        datetime.fromisoformat(item["date_published"])
    known = {"version", "title", "language", "home_page_url", "feed_url", "items"}
    assert set(feed) <= known
    ids = [item["id"] for item in feed["items"]]
    assert len(ids) == len(set(ids))
    return dict(feed)


@pytest.mark.parametrize("site", SITES)
def test_both_feeds_are_valid_with_and_without_a_public_address(
    site: str, sample: Digest, ja: Language
) -> None:
    digests = [sample, replace(sample, week=sample.week.before(), as_of=sample.as_of - 604_800)]
    check_atom(render_atom(digests, ja, site=site))
    check_json_feed(render_json_feed(digests, ja, site=site))


def test_a_feed_reader_finds_nothing_wrong(sample: Digest, ja: Language) -> None:
    parsed = feedparser.parse(render_atom([sample], ja, site="https://example.org/digest/"))
    assert not parsed.bozo
    [entry] = parsed.entries
    assert entry.link == "https://example.org/digest/2025-11-16.html"
    assert entry.title == "海外コミュニティ動向 - 2025-11-16"
    assert "146ポイント・72件のコメント、2025-11-16 18:04 JST 時点" in entry.content[0].value


def test_without_a_public_address_links_are_relative_to_the_feed(
    sample: Digest, ja: Language
) -> None:
    feed = check_atom(render_atom([sample], ja))
    link = feed.find(f"{ATOM}entry/{ATOM}link")
    assert link is not None
    assert (
        urljoin("https://any.example/where/atom.xml", link.get("href", ""))
        == "https://any.example/where/2025-11-16.html"
    )
    assert feed.findtext(f"{ATOM}id") == "tag:shiomi.invalid,2026:/ja"
    [item] = json.loads(render_json_feed([sample], ja))["items"]
    assert "url" not in item


def test_an_identifier_stays_when_the_text_changes_and_the_time_follows_the_data(
    sample: Digest, ja: Language
) -> None:
    changed = replace(sample, topics=sample.topics[:1], as_of=sample.as_of + 3_600)
    before, after = (
        feedparser.parse(render_atom([one], ja, site="https://a.example/")).entries[0]
        for one in (sample, changed)
    )
    assert before.id == after.id == "tag:a.example,2026:/ja/2025-11-16"
    assert before.updated == "2025-11-16T15:00:00Z"
    assert after.updated == "2025-11-16T16:00:00Z"


def test_a_feed_holds_the_latest_twenty_digests(sample: Digest, ja: Language) -> None:
    digests = [replace(sample, week=sample.week.before(n), topics=()) for n in range(25)]
    feed = check_atom(render_atom(digests, ja))
    titles = [one.findtext(f"{ATOM}title", "") for one in feed.iter(f"{ATOM}entry")]
    assert len(titles) == 20
    assert titles == sorted(titles, reverse=True)


def test_an_empty_feed_is_valid(ja: Language) -> None:
    check_atom(render_atom([], ja))
    check_json_feed(render_json_feed([], ja))


@pytest.mark.parametrize("site", ["ftp://a.example/", "example.org", "https://a.example/?x=1"])
def test_an_address_that_cannot_be_published_under_is_refused(
    site: str, sample: Digest, ja: Language
) -> None:
    with pytest.raises(ConfigError, match=re.escape(repr(site))):
        render_atom([sample], ja, site=site)


@pytest.mark.slow
@given(
    text=st.text(st.one_of(st.characters(), st.sampled_from("<>&\"']\x00\u202e\ufffe"))),
    url=st.sampled_from(["javascript:alert(1)", "https://a.example/'\"><b>&amp;"]),
)
@settings(max_examples=60)
def test_no_text_breaks_a_feed_or_adds_to_an_entry(
    text: str, url: str, hostile: MakeDigest, ja: Language
) -> None:
    digest = hostile(text, url)
    feed = check_atom(render_atom([digest], ja))
    check_json_feed(render_json_feed([digest], ja))
    fragment = html5lib.parseFragment(
        feed.findtext(f"{ATOM}entry/{ATOM}content", ""), namespaceHTMLElements=False
    )
    allowed = {"DOCUMENT_FRAGMENT", "h3", "a", "span", "ul", "li", "p", *QUOTED}
    assert {str(one.tag) for one in fragment.iter()} <= allowed
    hrefs = [one.get("href") for one in fragment.iter("a")]
    assert all(re.match(r"https://a\.example/[^\s\"'<>]*$", str(one)) for one in hrefs)
