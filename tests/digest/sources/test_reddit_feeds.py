"""Reddit's feeds with the limits of 2026: one anonymous feed a minute, or a member's token."""

from __future__ import annotations

import calendar
from typing import Any

import feedparser
import pytest

from shiomi.digest.config import RedditConfig, parse_config
from shiomi.digest.errors import ConfigError, SourceError
from shiomi.digest.sources.answer import Answer
from shiomi.digest.sources.atom import ATOM, read_feed
from shiomi.digest.sources.reddit_feeds import RedditFeeds, comments_of_feed, thread_of_entry
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import Place, Thread
from tests.loopback import free_port

from .community import Asked, Community, Reply, html

UNTIL = 1_780_000_000
SINCE = UNTIL - 8 * 86400
BLOCKED = html(
    "<!doctype html><html><head><title>Blocked</title></head><body><h1>whoa there, pardner!</h1>"
    "<p>Your request has been blocked due to a network policy.</p></body></html>",
    403,
)
TOO_MANY = html("<!doctype html><html><body><h1>Too Many Requests</h1></body></html>", 429)


def entry(
    number: str = "1abc",
    target: str = "https://example.org/a?b=1&amp;amp;c=2",
    subreddit: str = "LocalLLaMA",
) -> str:
    return f"""<entry><author><name>/u/someone</name></author>
    <category term="{subreddit}" label="r/{subreddit}"/>
    <content type="html">&lt;!-- SC_OFF --&gt;&lt;div class=&quot;md&quot;&gt;&lt;p&gt;Own &amp;amp;
    text&lt;/p&gt;&lt;/div&gt;&lt;!-- SC_ON --&gt; &amp;#32; submitted by &amp;#32;
    &lt;a href=&quot;https://www.reddit.com/user/someone&quot;&gt; /u/someone &lt;/a&gt; &lt;br/&gt;
    &lt;span&gt;&lt;a href=&quot;{target}&quot;&gt;[link]&lt;/a&gt;&lt;/span&gt;</content>
    <id>t3_{number}</id>
    <link href="https://www.reddit.com/r/{subreddit}/comments/{number}/a_title/" />
    <updated>2026-05-28T10:00:00+00:00</updated><published>2026-05-28T09:00:00+00:00</published>
    <title>Gemma &lt;3 &amp; more</title></entry>"""


def comment(number: str, author: str = "/u/someone") -> str:
    return f"""<entry><author><name>{author}</name></author><id>t1_{number}</id>
    <content type="html">&lt;!-- SC_OFF --&gt;&lt;div class=&quot;md&quot;&gt;&lt;p&gt;Words of
    {number} by u/some_one&lt;/p&gt;&lt;/div&gt;&lt;!-- SC_ON --&gt;</content>
    <link href="https://www.reddit.com/r/LocalLLaMA/comments/1abc/a_title/{number}/"/>
    <updated>2026-05-28T10:00:00+00:00</updated><title>/u/someone on A title</title></entry>"""


def feed(*entries: str) -> Reply:
    body = f'<feed xmlns="http://www.w3.org/2005/Atom">{"".join(entries)}</feed>'
    return Reply(body.encode(), 200, (("Content-Type", "application/atom+xml; charset=UTF-8"),))


def source(community: Community, *subreddits: str, **settings: Any) -> RedditFeeds:
    names = subreddits or ("LocalLLaMA",)
    return RedditFeeds(
        RedditConfig(public_endpoint=f"{community.url}/www", subreddits=names, **settings)
    )


def collected(
    community: Community, reader: RedditFeeds, cursor: str | None = None, until: int = UNTIL
) -> list[Batch]:
    batches: list[Batch] = []
    with community.http("reddit", manners=reader.manners) as http:
        try:
            batches.extend(reader.collect(http, SINCE, until, cursor))
        except SourceError as error:
            community.errors = str(error)  # type: ignore[attr-defined]
    return batches


def threads(batches: list[Batch]) -> list[Thread]:
    return [thread for batch in batches for thread in batch.threads]


def feeds(community: Community) -> list[str]:
    return [path.removeprefix("/www/r/").removesuffix("/.rss") for path in community.paths()]


def limited(community: Community, *subreddits: str, hint: bool = False) -> list[float]:
    """One feed a minute, else 429; returns the moments of the answers that were refused."""
    refused: list[float] = []
    last = [0.0]

    def answer(asked: Asked) -> Reply:
        now = community.clock.now
        if now - last[0] < 60.0:
            refused.append(now)
            headers = (("X-Ratelimit-Reset", "60"), ("X-Ratelimit-Remaining", "0")) if hint else ()
            return Reply(TOO_MANY.body, 429, (*TOO_MANY.headers, *headers))
        last[0] = now
        subreddit = asked.path.split("/")[3]
        return feed(entry(f"{subreddit[:3]}1", subreddit=subreddit))

    for subreddit in subreddits:
        for listing in ("new", "top"):
            community.routes[f"/www/r/{subreddit}/{listing}/.rss"] = answer
    return refused


def test_anonymous_feeds_are_read_one_a_minute_and_counts_are_unknown(community: Community) -> None:
    refused = limited(community, "LocalLLaMA", "programming")
    batches = collected(community, source(community, "LocalLLaMA", "programming"))
    assert feeds(community) == [
        "LocalLLaMA/new", "LocalLLaMA/top", "programming/new", "programming/top",
    ]  # fmt: skip
    assert refused == []
    first, second, *_ = threads(batches)
    assert first.uid == "reddit/LocalLLaMA:Loc1"
    assert first.readings == ()
    assert first.url == "https://example.org/a?b=1&c=2"
    assert first.passages[0].text == "Own & text"
    assert (first.place, second.place) == (None, Place(UNTIL + 61, 1))
    assert "someone" not in repr(batches)
    assert [(o.community, o.feed, o.since, o.error) for b in batches for o in b.outcomes] == [
        ("reddit/LocalLLaMA", "new", SINCE, None),
        ("reddit/LocalLLaMA", "top", None, None),
        ("reddit/programming", "new", SINCE, None),
        ("reddit/programming", "top", None, None),
    ]


@pytest.mark.parametrize("hint", [False, True], ids=["no header", "x-ratelimit"])
def test_a_429_is_waited_out_as_long_as_the_limit_lasts(community: Community, hint: bool) -> None:
    refused = limited(community, "LocalLLaMA", hint=hint)
    community.routes["/www/r/LocalLLaMA/new/.rss"](  # type: ignore[operator]
        Asked("GET", "/www/r/LocalLLaMA/new/.rss", {}, {}, b"", 0)  # somebody else's turn
    )
    batches = collected(community, source(community))
    assert len(refused) == 1
    assert len(community.asked) == 3  # one refused, two read
    assert len(threads(batches)) == 2
    assert min(pause for pause in community.clock.slept) >= 60.0


def test_feeds_take_turns_across_runs_that_end_early(community: Community) -> None:
    limited(community, "a1", "b1", "c1")
    reader = source(community, "a1", "b1", "c1")
    cursor = None
    for day in range(3):  # each run is cut off after two feeds
        seen = 0
        with community.http("reddit", manners=reader.manners) as http:
            for batch in reader.collect(http, SINCE, UNTIL + day * 86400, cursor):
                cursor = batch.memory or cursor
                seen += bool(batch.outcomes)
                if seen == 2:
                    break
        community.clock.now += 86400
    assert sorted(feeds(community)) == [
        "a1/new", "a1/top", "b1/new", "b1/top", "c1/new", "c1/top",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_run_goes_on_from_any_batch_without_asking_a_feed_twice(community: Community) -> None:
    limited(community, "a1", "b1")
    reader = source(community, "a1", "b1")
    whole = collected(community, reader)
    for stopped in range(len(whole)):
        community.clock.now += 600
        before = len(community.asked)
        rest = collected(community, reader, whole[stopped].cursor)
        assert [t.id for t in threads([*whole[: stopped + 1], *rest])] == [
            t.id for t in threads(whole)
        ]
        outcomes = [o for b in whole[: stopped + 1] for o in b.outcomes]
        assert len(community.asked) - before == 4 - len(outcomes)


def test_a_subreddit_that_is_gone_does_not_stop_the_next(community: Community) -> None:
    limited(community, "LocalLLaMA")
    batches = collected(community, source(community, "gone1", "LocalLLaMA"))
    outcomes = {(o.community, o.feed): o.error for b in batches for o in b.outcomes}
    assert "404" in (outcomes["reddit/gone1", "new"] or "")
    assert outcomes["reddit/LocalLLaMA", "top"] is None
    assert len(threads(batches)) == 2


def test_a_full_feed_covers_only_the_time_of_its_entries(community: Community) -> None:
    community.routes["/www/r/LocalLLaMA/new/.rss"] = feed(*(entry(f"e{n}") for n in range(30)))
    community.routes["/www/r/LocalLLaMA/top/.rss"] = feed()
    batches = collected(community, source(community))
    created = threads(batches)[0].created
    (new,) = [o for b in batches for o in b.outcomes if o.feed == "new"]
    assert new.since == created > SINCE


def test_a_members_token_is_sent_with_each_feed_and_shown_nowhere(community: Community) -> None:
    asked_for = ("LocalLLaMA/new", "LocalLLaMA/top")
    for name in asked_for:
        community.routes[f"/www/r/{name}/.rss"] = feed(entry())
    community.routes["/www/r/LocalLLaMA/comments/1abc/.rss"] = feed(
        entry(), comment("c1"), comment("c2", "/u/AutoModerator")
    )
    reader = source(community, feed_token="s3cret", user="reader")
    batches = collected(community, reader)
    assert all(a.query["feed"] == "s3cret" for a in community.asked)
    assert all(a.query["user"] == "reader" for a in community.asked)
    assert max(community.clock.slept) <= 2.0
    (said,) = threads(batches)[-1].passages
    assert (said.text, said.points) == ("Words of\n    c1 by u/…".replace("\n    ", " "), None)
    assert "s3cret" not in repr(batches)
    community.routes["/www/r/LocalLLaMA/new/.rss"] = html("<html>no s3cret</html>", 403)
    refused = collected(community, reader)
    reason = next(o.error for b in refused for o in b.outcomes if o.error)
    assert "s3cret" not in reason
    assert "check feed_token and user" in reason


def test_an_unchanged_feed_is_not_sent_again_and_keeps_its_coverage(community: Community) -> None:
    def changing(asked: Asked) -> Reply:
        if "if-none-match" in asked.headers:
            return Reply(status=304)
        told = feed(*(entry(f"e{n}") for n in range(30)))
        return Reply(told.body, 200, (*told.headers, ("ETag", '"1"')))

    community.routes["/www/r/LocalLLaMA/new/.rss"] = changing
    community.routes["/www/r/LocalLLaMA/top/.rss"] = changing
    reader = source(community)
    with community.http("reddit") as http:
        first = list(reader.collect(http, SINCE, UNTIL, None))
        assert len(threads(first)) == 60
        again = list(reader.collect(http, SINCE, UNTIL + 1, first[-1].memory))
    assert threads(again) == []
    one, two = ([o for b in run for o in b.outcomes if o.feed == "new"] for run in (first, again))
    assert one == two


def test_a_block_page_ends_reading_at_once_and_names_the_way_out(community: Community) -> None:
    community.routes["/www/r/LocalLLaMA/new/.rss"] = BLOCKED
    batches = collected(community, source(community, "LocalLLaMA", "programming"))
    assert len(community.asked) == 1
    outcomes = [o for b in batches for o in b.outcomes]
    assert len(outcomes) == 4
    assert all("whoa there, pardner!" in (o.error or "") for o in outcomes)
    assert "feed_token" in community.errors  # type: ignore[attr-defined]


def test_without_a_network_reading_ends_after_seconds(community: Community) -> None:
    names = ("LocalLLaMA", "programming", "rust")
    settings = RedditConfig(public_endpoint=f"http://127.0.0.1:{free_port()}", subreddits=names)
    batches = collected(community, RedditFeeds(settings))
    outcomes = [o for b in batches for o in b.outcomes]
    assert len(outcomes) == 6
    assert all("check the network" in (o.error or "") for o in outcomes)
    assert sum(community.clock.slept) < 60.0  # not a minute for each request that never arrived


def test_a_block_page_with_status_200_is_no_empty_feed(community: Community) -> None:
    community.routes["/www/r/LocalLLaMA/new/.rss"] = Reply(BLOCKED.body, 200, BLOCKED.headers)
    batches = collected(community, source(community))
    assert "whoa there, pardner!" in (batches[1].outcomes[0].error or "")


def test_a_token_without_its_user_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sources\.reddit\.user is missing"):
        parse_config('[sources.reddit]\nfeed_token = "x"')


def test_a_text_post_in_a_feed_points_at_nothing() -> None:
    own = "https://www.reddit.com/r/LocalLLaMA/comments/1abc/a_title/"
    parsed = read_feed(Answer("", 200, {}, feed(entry(target=own)).body, 0))
    thread = thread_of_entry(parsed.findall(f"{ATOM}entry")[0])
    assert thread is not None
    assert thread.url is None
    assert comments_of_feed(parsed.findall(f"{ATOM}entry"), 5) == ()


def test_feedparser_reads_the_same_titles_links_and_times() -> None:
    body = feed(entry(), entry("2def")).body
    ours = [thread_of_entry(e) for e in read_feed(Answer("", 200, {}, body, 0))]
    theirs = feedparser.parse(body).entries
    assert ours[0] is not None
    assert ours[0].title == "Gemma <3 & more"
    assert [(t.title, t.link, t.created) for t in ours if t] == [
        (e.title, e.link, calendar.timegm(e.published_parsed)) for e in theirs
    ]
