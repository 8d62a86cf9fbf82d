"""[[feed]]: RSS, Atom and JSON without code, and the settings that are shipped.

The answers below are hand-made from the documented shapes of each service, shortened.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.archive import Archive
from shiomi.digest.archive.outcomes import OutcomeStore
from shiomi.digest.config import parse_config
from shiomi.digest.errors import ConfigError, SourceError
from shiomi.digest.settings import FeedConfig
from shiomi.digest.sources.collect import collect, enabled_sources
from shiomi.digest.sources.feed import Feed, thread_of_fields, value_at
from shiomi.digest.sources.http import new_client
from shiomi.digest.sources.known_feeds import enabled_communities, feed_settings, known_feeds
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import Reading, Thread, community_label

from .community import Community, Reply, html, json_reply

UNTIL = 1_780_000_000
SINCE = UNTIL - 8 * 86400
DATE, SECONDS = "2026-05-28T09:00:00+09:00", 1_779_926_400

RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:slash="http://purl.org/rss/1.0/modules/slash/" version="2.0"><channel><title>Feed</title>
<item><title><![CDATA[LLM <b>を</b>手元で]]></title><description>&lt;p&gt;An article&lt;/p&gt;
</description><link>https://zenn.dev/p/articles/a1</link>
<guid isPermaLink="true">https://zenn.dev/p/articles/a1</guid>
<pubDate>Thu, 28 May 2026 00:00:00 GMT</pubDate><dc:creator>Some One</dc:creator>
<slash:comments>4</slash:comments><category>llm</category></item>
<item><title>No date</title><link>https://zenn.dev/x</link></item></channel></rss>"""
HATENA = """<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:hatena="http://www.hatena.ne.jp/info/xmlns#">
<channel rdf:about="https://b.hatena.ne.jp/hotentry/it"><title>人気エントリー</title></channel>
<item rdf:about="https://example.org/post"><title>潮の話</title><link>https://example.org/post</link>
<description>要約</description><dc:date>2026-05-28T00:00:00Z</dc:date>
<hatena:bookmarkcount>123</hatena:bookmarkcount></item></rdf:RDF>"""
RELEASES = """<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom">
<entry><id>tag:github.com,2008:Repository/612354784/b6000</id><updated>2026-05-28T00:00:00Z</updated>
<link rel="alternate" type="text/html"
 href="https://github.com/ggml-org/llama.cpp/releases/tag/b6000"/><title>b6000</title>
<content type="html">&lt;p&gt;Faster&lt;/p&gt;</content>
<author><name>someone</name></author></entry>
</feed>"""
QIITA = {
    "id": "c686397e4a0f4f11683d", "title": "Example title", "created_at": DATE,
    "url": "https://qiita.com/Qiita/items/c686397e4a0f4f11683d", "likes_count": 100,
    "comments_count": 3, "tags": [{"name": "Ruby"}], "user": {"id": "someone"},
}  # fmt: skip
DEV = {
    "id": 150589, "title": "Byte Sized", "description": "An episode", "published_at": DATE,
    "url": "https://dev.to/x/byte-sized-2p9d", "tag_list": ["career"], "comments_count": 0,
    "positive_reactions_count": 15,
}  # fmt: skip
PAPER = {
    "paper": {"id": "2605.00001", "upvotes": 42, "summary": "We show that."},
    "title": "A paper", "publishedAt": DATE, "numComments": 2,
}  # fmt: skip
TOOT = {
    "id": "114500", "content": '<p>Local models <a href="/tags/ai">#ai</a></p>',
    "url": "https://mastodon.social/@p/114500", "created_at": DATE, "card": None,
    "favourites_count": 7, "replies_count": 1, "tags": [{"name": "ai"}],
}  # fmt: skip
SKEET = {
    "posts": [{
        "uri": "at://did:plc:abc/app.bsky.feed.post/3lxyz", "author": {"did": "did:plc:abc"},
        "record": {"text": "Local models #ai", "createdAt": DATE}, "likeCount": 9, "replyCount": 0,
        "embed": {"external": {"uri": "https://example.org/a"}},
    }]
}  # fmt: skip


def xml(text: str, encoding: str = "utf-8") -> Reply:
    return Reply(text.encode(encoding), 200, (("Content-Type", "application/xml"),))


def collected(community: Community, reply: Reply, feed: FeedConfig) -> list[Batch]:
    """The batches of a feed whose host is the community."""
    settings = feed_settings(feed)
    path = "/" + settings.url.split("//", 1)[1].partition("/")[2]
    community.routes[path.partition("?")[0]] = reply
    reader = Feed(replace(settings, url=community.url + path))
    with community.http("feed", manners=reader.manners) as http:
        return list(reader.collect(http, SINCE, UNTIL, None))


ZENN = ("LLM を手元で", "https://zenn.dev/p/articles/a1", None, 4)
RELEASE = "https://github.com/ggml-org/llama.cpp/releases/tag/b6000"
SHIPPED: list[tuple[str, str, Reply, tuple[Any, ...]]] = [
    ("zenn", "", xml(RSS), ZENN),
    ("zenn", "llm", xml(RSS), ZENN),
    ("qiita", "", json_reply([QIITA]), ("Example title", QIITA["url"], 100, 3)),
    ("hatena", "it", xml(HATENA), ("潮の話", "https://example.org/post", 123, None)),
    ("dev", "", json_reply([DEV]), ("Byte Sized", DEV["url"], 15, 0)),
    ("huggingface-papers", "", json_reply([PAPER]),
     ("A paper", "https://huggingface.co/papers/2605.00001", 42, 2)),
    ("github-releases", "ggml-org/llama.cpp", xml(RELEASES),
     ("ggml-org/llama.cpp b6000", RELEASE, None, None)),
    ("mastodon-tag", "ai", json_reply([TOOT]), ("Local models #ai", TOOT["url"], 7, 1)),
    ("bluesky-tag", "ai", json_reply(SKEET),
     ("Local models #ai", "https://bsky.app/profile/did:plc:abc/post/3lxyz", 9, 0)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("known", "of", "reply", "expected"), SHIPPED, ids=[f"{one[0]} {one[1]}" for one in SHIPPED]
)
def test_each_shipped_setting_reads_its_service(
    community: Community, known: str, of: str, reply: Reply, expected: tuple[Any, ...]
) -> None:
    batches = collected(community, reply, FeedConfig(known=known, of=of))
    thread = batches[0].threads[0]
    reading = thread.reading or Reading(0, None, None)
    title = thread.title.replace(" ", "") if known == "zenn" else thread.title
    wanted = expected[0].replace(" ", "") if known == "zenn" else expected[0]
    assert (title, thread.link, reading.points, reading.comments) == (wanted, *expected[1:])
    assert thread.created == SECONDS
    assert thread.community == (f"{known}/{of}" if of else known)
    assert community_label(thread.community) != thread.community
    assert "someone" not in repr(thread)


def test_every_shipped_setting_is_complete() -> None:
    for known, shipped in known_feeds().items():
        for of in [""] * ("url" in shipped) + ["x/y"] * ("url_of" in shipped):
            settings = feed_settings(FeedConfig(known=known, of=of))
            assert settings.url.startswith("https://")
            assert "{of}" not in settings.url


def test_a_paper_of_hugging_face_points_at_its_paper(community: Community) -> None:
    batches = collected(community, json_reply([PAPER]), FeedConfig(known="huggingface-papers"))
    assert batches[0].threads[0].url == "https://arxiv.org/abs/2605.00001"


def test_a_feed_is_collected_with_its_outcome_and_entries_without_a_date_are_counted(
    community: Community,
) -> None:
    community.routes["/rss"] = xml(RSS)
    config = parse_config(
        f"""
        [sources]
        hackernews.enabled = false
        lobsters.enabled = false
        reddit.enabled = false
        arxiv.enabled = false
        [[feed]]
        name = "my-blog"
        url = "{community.url}/rss"
        """
    )
    community.clock.now = float(UNTIL)
    client = functools.partial(new_client, trust_env=False)
    clock = community.clock
    with Archive.open(":memory:") as archive:
        report = collect(archive, config, clock=clock, sleep=clock.sleep, client=client)
        (state,) = OutcomeStore(archive).states()
        (thread,) = archive.threads(0, 2**40)
    assert report.sources[0].skipped == 1
    assert (state.community, state.error) == ("my-blog", None)
    assert (thread.community, thread.tags) == ("my-blog", ("llm",))
    assert thread.passages[0].text == "An article"
    assert enabled_communities(config) == {"my-blog": "my-blog"}


LAUGHS = """<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><rss version="2.0"><channel>
<item><title>&b;</title></item></channel></rss>"""


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (xml(LAUGHS), "declares entities"),
        (xml(""), "an empty answer"),
        (html("<!DOCTYPE html><html><body>Log in</body></html>"), "web page instead of a feed"),
        (xml("<note>nothing</note>"), "neither RSS nor Atom"),
        (xml("\x00\x01\x02" * 100), "neither RSS nor Atom"),
        (xml(RSS.replace("<pubDate>Thu, 28 May 2026 00:00:00 GMT</pubDate>", "")), "and a date"),
        (Reply(b"x" * (5 * 2**20)), "larger than"),
        (Reply(b"<rss><channel>" + b"<a>" * 200_001), "more than 200,000 tags"),
    ],
    ids=["laughs", "empty", "page", "xml", "bytes", "undated", "huge", "tags"],
)
def test_what_is_no_feed_is_named(community: Community, reply: Reply, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        collected(community, reply, FeedConfig(name="x", url="https://x.org/feed"))


@pytest.mark.parametrize("encoding", ["utf-16", "euc-jp", "shift_jis"])
def test_a_feed_in_another_encoding_is_read(community: Community, encoding: str) -> None:
    reply = xml(RSS.replace("UTF-8", encoding), encoding)
    batches = collected(community, reply, FeedConfig(name="x", url="https://x.org/feed"))
    assert "手元で" in batches[0].threads[0].title


def test_a_truncated_feed_gives_the_entries_that_are_whole(community: Community) -> None:
    reply = xml(RSS[: RSS.index("<item><title>No date")])
    batches = collected(community, reply, FeedConfig(name="x", url="https://x.org/feed"))
    assert len(batches[0].threads) == 1


def test_json_without_the_list_names_the_setting(community: Community) -> None:
    feed = FeedConfig(known="bluesky-tag", of="ai")
    with pytest.raises(SourceError, match=r"no list at 'posts'.*fields\.items"):
        collected(community, json_reply({"error": "x"}), feed)


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        (FeedConfig(known="zen"), "did you mean zenn"),
        (FeedConfig(known="github-releases"), "needs `of`"),
        (FeedConfig(known="huggingface-papers", of="x"), "does not take `of`"),
        (FeedConfig(name="x", url="https://x.org/", format="json"), "needs the paths of created"),
        (FeedConfig(name="x", url="https://x.org/", fields={"titel": "t"}), "field 'titel'"),
    ],
    ids=["misspelt", "of missing", "of not taken", "no paths", "unknown field"],
)
def test_settings_that_cannot_work_are_named(feed: FeedConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        feed_settings(feed)


def test_a_package_adds_a_source_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shiomi_devx.py").write_text(
        "class Dev:\n"
        "    name, communities, manners = 'devx', ('devx',), None\n"
        "    def __init__(self, settings): self.pages = settings['pages']\n"
    )
    meta = tmp_path / "shiomi_devx-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Name: shiomi-devx\nVersion: 1.0\n")
    (meta / "entry_points.txt").write_text("[shiomi.sources]\ndevx = shiomi_devx:Dev\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = enabled_sources(parse_config("[sources.devx]\npages = 3"))["devx"]()
    assert made.pages == 3  # type: ignore[attr-defined]
    broken = parse_config("[sources.devx]\nenabled = true")
    with pytest.raises(SourceError, match="could not make its source: KeyError"):
        enabled_sources(broken)["devx"]()
    assert "devx" not in enabled_sources(parse_config("[sources.devx]\nenabled = false"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "id", "title"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["", "a.id", "a.0", "title:last", "a.a.a", "{a.id} x"]))
def test_no_entry_breaks_the_reading(entry: Any, path: str) -> None:
    value_at(entry, path)
    fields = {"id": "id", "title": path, "link": "a", "created": "title", "tags": path}
    settings = feed_settings(FeedConfig(name="x", url="https://x/", format="json", fields=fields))
    found = thread_of_fields(entry if isinstance(entry, dict) else {}, settings, 9)
    assert found is None or isinstance(found, Thread)
