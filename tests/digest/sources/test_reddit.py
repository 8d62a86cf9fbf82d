"""Reddit, against a server that speaks its paths with recorded answers, headers and all."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.config import RedditConfig
from shiomi.digest.errors import ConfigError, SourceError
from shiomi.digest.sources.http import RefusedError, UnreachableError
from shiomi.digest.sources.reddit import Reddit, comments_of_listing, thread_of_post
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import PassageKind, Reading, Thread, ThreadState

from .community import Asked, Community, Reply, html, json_reply

DATA = Path(__file__).parents[2] / "data" / "sources"
EXCHANGES: list[dict[str, Any]] = json.loads((DATA / "reddit_exchanges.json").read_text("utf-8"))
UNTIL = 1_780_000_000
SINCE = UNTIL - 8 * 86400
TOKEN = json_reply({"access_token": "t0ken", "token_type": "bearer", "expires_in": 3600})
BLOCKED = html(
    "<!doctype html><html><head><title>Blocked</title></head><body><h1>whoa there, pardner!</h1>"
    "<p>Your request has been blocked due to a network policy.</p></body></html>",
    403,
)


def recorded(test: str) -> Reply:
    """The last recorded answer of one of PRAW's tests."""
    told = [one for one in EXCHANGES if one["from"].startswith(test)][-1]
    body = told["text"] if "text" in told else json.dumps(told["json"])
    return Reply(body.encode(), told["status"], tuple(told["headers"].items()))


def post(number: str = "1abc", **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"t3_{number}",
        "subreddit": "LocalLLaMA",
        "title": "A title",
        "author": "someone",
        "created_utc": UNTIL - 3600.0,
        "permalink": f"/r/LocalLLaMA/comments/{number}/a_title/",
        "url": "https://example.org/a",
        "is_self": False,
        "selftext": "",
        "selftext_html": None,
        "score": 10,
        "hide_score": False,
        "num_comments": 3,
        "removed_by_category": None,
        **more,
    }


def comment(number: str = "c1", **more: Any) -> dict[str, Any]:
    data = {
        "id": number,
        "author": "someone",
        "body": f"Words of {number} & more",
        "body_html": f'<div class="md"><p>Words of <em>{number}</em> &amp; more</p></div>',
        "permalink": f"/r/LocalLLaMA/comments/1abc/a_title/{number}/",
        "score": 5,
        "score_hidden": False,
        "replies": "",
        "stickied": False,
        **more,
    }
    return {"kind": "t1", "data": data}


def listing(children: list[Any], after: str | None = None) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"children": children, "after": after, "before": None}}


def posts(*numbers: str, after: str | None = None, **more: Any) -> Reply:
    return json_reply(listing([{"kind": "t3", "data": post(n, **more)} for n in numbers], after))


def discussion(number: str, *comments: Any, **more: Any) -> Reply:
    own = listing([{"kind": "t3", "data": post(number, **more)}])
    return json_reply([own, listing(list(comments))])


def source(community: Community, **settings: Any) -> Reddit:
    settings = {
        "client_id": "id",
        "client_secret": "secret",
        "subreddits": ("LocalLLaMA",),
        **settings,
    }
    return Reddit(
        RedditConfig(endpoint=community.url, public_endpoint=f"{community.url}/www", **settings)
    )


def collected(community: Community, cursor: str | None = None, **settings: Any) -> list[Batch]:
    reader = source(community, **settings)
    with community.http("reddit", manners=reader.manners) as http:
        return list(reader.collect(http, SINCE, UNTIL, cursor))


def threads(batches: list[Batch]) -> list[Thread]:
    return [thread for batch in batches for thread in batch.threads]


def signed_in(community: Community) -> None:
    community.routes |= {
        "/www/api/v1/access_token": TOKEN,
        "/r/LocalLLaMA/new": posts("1abc"),
        "/r/LocalLLaMA/top": posts("1abc", "2def"),
        "/comments/1abc": json_reply(
            [listing([{"kind": "t3", "data": post("1abc", score=12)}]), listing([comment()])]
        ),
        "/comments/2def": json_reply(
            [listing([{"kind": "t3", "data": post("2def")}]), listing([])]
        ),
    }


def test_an_application_signs_in_without_a_user_and_says_who_it_is(community: Community) -> None:
    signed_in(community)
    collected(community)
    token, first = community.asked[:2]
    assert token.method == "POST"
    assert token.body == b"grant_type=client_credentials"
    expected = base64.b64encode(b"id:secret").decode()
    assert token.headers["authorization"] == f"Basic {expected}"
    assert first.headers["authorization"] == "bearer t0ken"
    for asked in community.asked:
        assert asked.headers["user-agent"].endswith(
            ":shiomi:0.1.0 (by https://example.org/contact)"
        )
    assert all(asked.query.get("raw_json") == "1" for asked in community.asked[1:])


def test_new_and_top_are_read_then_the_comments_of_the_best(community: Community) -> None:
    signed_in(community)
    batches = collected(community)
    assert community.paths()[1:] == [
        "/r/LocalLLaMA/new",
        "/r/LocalLLaMA/top",
        "/comments/1abc",
        "/comments/2def",
    ]
    assert community.asked[2].query["t"] == "week"
    first = threads(batches)[-2]
    assert first.uid == "reddit/LocalLLaMA:1abc"
    assert first.link == "https://www.reddit.com/r/LocalLLaMA/comments/1abc/a_title/"
    assert first.url == "https://example.org/a"
    assert first.readings[-1].points == 12
    (said,) = first.passages
    assert (said.kind, said.text, said.points) == (PassageKind.COMMENT, "Words of c1 & more", 5)
    assert said.link == "https://www.reddit.com/r/LocalLLaMA/comments/1abc/a_title/c1/"
    assert "someone" not in repr(batches)


def test_pages_of_new_are_read_until_the_window_ends(community: Community) -> None:
    def page(asked: Asked) -> Reply:
        number = int(asked.query.get("after", "p0")[1:])
        age = (number + 1) * 3 * 86400
        return posts(f"x{number}", after=f"p{number + 1}", created_utc=float(UNTIL - age))

    signed_in(community)
    community.routes["/r/LocalLLaMA/new"] = page
    collected(community, comments=0)
    assert community.paths().count("/r/LocalLLaMA/new") == 3


def test_a_listing_without_end_is_left_after_ten_pages(community: Community) -> None:
    signed_in(community)
    community.routes["/r/LocalLLaMA/new"] = posts("1abc", after="again")
    collected(community, comments=0)
    assert community.paths().count("/r/LocalLLaMA/new") == 10


def test_an_expired_token_is_renewed_before_it_is_used(community: Community) -> None:
    signed_in(community)
    reader = source(community, comments=0)
    with community.http("reddit") as http:
        list(reader.collect(http, SINCE, UNTIL, None))
        community.clock.now += 3590
    with community.http("reddit") as http:
        list(reader.collect(http, SINCE, UNTIL, None))
    assert community.paths().count("/www/api/v1/access_token") == 2


def test_a_token_taken_back_is_renewed_once(community: Community) -> None:
    signed_in(community)
    reader = source(community, comments=0)
    with community.http("reddit") as http:
        list(reader.collect(http, SINCE, UNTIL, None))
        community.routes["/r/LocalLLaMA/new"] = [recorded("TestAuthImplicit"), posts("9zz")]
        assert "9zz" in [t.id for t in threads(list(reader.collect(http, SINCE, UNTIL, None)))]
        community.routes["/r/LocalLLaMA/new"] = recorded("TestAuthImplicit")
        with pytest.raises(RefusedError, match=r"401: Unauthorized.*client_id and client_secret"):
            list(reader.collect(http, SINCE, UNTIL, None))


def test_wrong_credentials_are_named_with_the_key_to_check(community: Community) -> None:
    community.routes["/www/api/v1/access_token"] = json_reply({"error": 401}, 401)
    with pytest.raises(SourceError, match=r"401.*client_id and client_secret"):
        collected(community)


def test_credentials_named_by_environment_variables_are_read_when_signing_in(
    community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in(community)
    named = {"client_id": "env:SHIOMI_TEST_ID", "client_secret": "env:SHIOMI_TEST_SECRET"}
    monkeypatch.setenv("SHIOMI_TEST_ID", "id")
    with pytest.raises(ConfigError, match=r"client_secret names .* SHIOMI_TEST_SECRET, not set"):
        collected(community, **named)
    monkeypatch.setenv("SHIOMI_TEST_SECRET", "s3")
    assert "1abc" in [t.id for t in threads(collected(community, **named))]
    token = community.asked[0]
    assert token.headers["authorization"] == "Basic " + base64.b64encode(b"id:s3").decode()


def test_a_sign_in_that_gives_no_token_is_named(community: Community) -> None:
    community.routes["/www/api/v1/access_token"] = json_reply({"error": "invalid_grant"})
    with pytest.raises(SourceError, match="no access token"):
        collected(community)


def test_the_rate_limit_headers_are_obeyed(community: Community) -> None:
    signed_in(community)
    limit = {"x-ratelimit-remaining": "2.0", "x-ratelimit-reset": "90", "x-ratelimit-used": "598"}
    community.routes["/r/LocalLLaMA/new"] = json_reply(listing([]), 200, **limit)
    collected(community, comments=0)
    assert community.clock.slept[-1] == pytest.approx(45.0)


def test_a_429_is_waited_out(community: Community) -> None:
    signed_in(community)
    community.routes["/r/LocalLLaMA/new"] = [
        json_reply({"message": "Too Many Requests", "error": 429}, 429, Retry_After="30"),
        posts("1abc"),
    ]
    assert threads(collected(community, comments=0))
    assert sum(community.clock.slept) >= 30


@pytest.mark.parametrize("answer", ["TestRedditorListings", "TestSubreddit"])
def test_a_subreddit_that_is_private_or_gone_does_not_stop_the_next(
    community: Community, answer: str
) -> None:
    signed_in(community)
    community.routes["/r/secret/new"] = recorded(answer)
    seen: list[Batch] = []
    reader = source(community, subreddits=("secret", "LocalLLaMA"), comments=0)
    with community.http("reddit") as http, pytest.raises(SourceError, match=r"/r/secret/new"):
        seen.extend(reader.collect(http, SINCE, UNTIL, None))
    assert {thread.id for thread in threads(seen)} == {"1abc", "2def"}


@pytest.mark.parametrize("answer", ["TestReddit.test_bad_request", "TestModNotes"])
def test_a_bad_request_is_named_in_reddits_own_words(community: Community, answer: str) -> None:
    signed_in(community)
    community.routes["/r/LocalLLaMA/new"] = recorded(answer)
    with pytest.raises(RefusedError, match=r"400: (400 )?Bad [Rr]equest"):
        collected(community)


def test_a_500_that_stays_is_named(community: Community) -> None:
    signed_in(community)
    broken = next(one for one in EXCHANGES if one["status"] == 500)
    community.routes["/r/LocalLLaMA/new"] = json_reply(broken["json"], 500)
    with pytest.raises(UnreachableError, match="500: Internal Server Error, 4 times"):
        collected(community)


def test_an_answer_that_is_no_listing_is_a_failure(community: Community) -> None:
    signed_in(community)
    community.routes["/r/LocalLLaMA/new"] = json_reply({"kind": "t5", "data": {}})
    with pytest.raises(SourceError, match="without a listing"):
        collected(community)


@pytest.mark.slow
def test_a_run_goes_on_from_any_batch(community: Community) -> None:
    signed_in(community)
    community.routes["/r/programming/new"] = posts("3ghi", after="p", subreddit="programming")
    community.routes["/r/programming/top"] = posts(
        *(f"p{n}" for n in range(9)), subreddit="programming"
    )
    for number in (*(f"p{n}" for n in range(9)), "3ghi"):
        community.routes[f"/comments/{number}"] = discussion(number)
    names = ("LocalLLaMA", "programming")
    whole = collected(community, subreddits=names)
    for stopped in range(len(whole)):
        rest = collected(community, whole[stopped].cursor, subreddits=names)
        assert [t.id for t in threads([*whole[: stopped + 1], *rest])] == [
            t.id for t in threads(whole)
        ]


# What a submission means


def read(**more: Any) -> Thread:
    thread = thread_of_post(post(**more), 9)
    assert thread is not None
    return thread


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, ThreadState.LIVE),
        ({"author": "[deleted]"}, ThreadState.LIVE),  # the author left, the post stands
        ({"author": "[deleted]", "selftext": "[deleted]"}, ThreadState.DELETED),
        ({"removed_by_category": "deleted"}, ThreadState.DELETED),
        ({"removed_by_category": "author"}, ThreadState.DELETED),
        ({"removed_by_category": "moderator", "selftext": "[removed]"}, ThreadState.REMOVED),
        ({"removed_by_category": "automod_filtered"}, ThreadState.REMOVED),
        ({"selftext": "[removed]"}, ThreadState.REMOVED),
        ({"title": "[deleted by user]"}, ThreadState.DELETED),
    ],
)
def test_who_took_a_post_down_is_told_apart(fields: dict[str, Any], state: ThreadState) -> None:
    thread = read(**fields)
    assert thread.state is state
    assert thread.passages == ()


@pytest.mark.parametrize(
    ("fields", "readings"),
    [
        ({}, (Reading(9, 10, 3),)),
        ({"hide_score": True, "score": 1}, (Reading(9, None, 3),)),
        ({"num_comments": None}, (Reading(9, 10, None),)),
        ({"score": None, "num_comments": None}, ()),
        ({"score": 0, "num_comments": 0}, (Reading(9, 0, 0),)),
    ],
)
def test_a_count_that_is_not_shown_is_unknown(
    fields: dict[str, Any], readings: tuple[Reading, ...]
) -> None:
    assert read(**fields).readings == readings


def test_a_crosspost_names_its_parent() -> None:
    parent = {"id": "1luudp3", "subreddit": "ChatGPT", "author": "someone"}
    assert read(crosspost_parent_list=[parent]).crosspost_of == "reddit/ChatGPT:1luudp3"
    assert read(crosspost_parent_list=[]).crosspost_of is None


def test_a_users_own_page_is_left_out_because_its_name_is_the_users() -> None:
    parent = {"id": "1luudp3", "subreddit": "u_someone"}
    assert read(crosspost_parent_list=[parent]).crosspost_of is None
    assert thread_of_post(post(subreddit="u_someone"), 9) is None


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"is_self": True}, None),
        ({"url": "/r/other/comments/2def/x/"}, None),
        ({"url": "https://www.reddit.com/r/LocalLLaMA/comments/1abc/a_title/"}, None),
        ({"url": "https://www.reddit.com/gallery/1abc"}, "https://www.reddit.com/gallery/1abc"),
        ({"url": None}, None),
    ],
)
def test_a_post_points_at_an_address_outside_of_itself(
    fields: dict[str, Any], url: str | None
) -> None:
    assert read(**fields).url == url


@pytest.mark.parametrize(
    "rendered",
    [
        '<!-- SC_OFF --><div class="md"><p>I&#39;ve a &lt;b&gt; &amp; c</p></div><!-- SC_ON -->',
        '&lt;!-- SC_OFF --&gt;&lt;div class="md"&gt;&lt;p&gt;I&amp;#39;ve a &amp;lt;b&amp;gt; '
        "&amp;amp; c&lt;/p&gt;&lt;/div&gt;&lt;!-- SC_ON --&gt;",
    ],
)
def test_the_text_is_plain_whether_or_not_it_came_escaped(rendered: str) -> None:
    (passage,) = read(selftext="I've a \\<b> & c", selftext_html=rendered).passages
    assert passage.text == "I've a <b> & c"


def test_a_user_spoken_to_is_not_named() -> None:
    said = '<div class="md"><p><a href="/u/some_one">u/some_one</a>, /u/x-y and a/u/b.</p></div>'
    (passage,) = read(selftext="…", selftext_html=said).passages
    assert passage.text == "u/…, u/… and a/u/b."


def test_comments_that_are_gone_pinned_or_more_are_not_quoted() -> None:
    more = {"kind": "more", "data": {"count": 7, "children": ["a"], "id": "a", "parent_id": "t3_1"}}
    found = comments_of_listing(
        listing(
            [
                comment("c1", stickied=True),
                comment("c2", author="AutoModerator"),
                comment("c3", author="[deleted]", body="[deleted]"),
                comment("c4", body="[removed]", body_html="<p>[removed]</p>"),
                None,
                {"kind": "t1"},
                comment("c5", score_hidden=True, replies=listing([comment("c6")])),
                more,
            ]
        ),
        5,
    )
    assert [(said.text, said.points) for said in found] == [("Words of c5 & more", None)]


def test_recorded_comments_are_read() -> None:
    told = json.loads(recorded("TestSubmission.test_comments").body)
    found = comments_of_listing(told[1], 10)
    assert found
    assert all(said.link.startswith("https://www.reddit.com") for said in found)
    assert "someone" not in repr(thread_of_post(told[0]["data"]["children"][0]["data"], 9))


@given(
    st.sampled_from(sorted(post())),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none()),
)
def test_no_value_of_a_field_breaks_the_reading(name: str, value: Any) -> None:
    thread = thread_of_post({**post(), name: value}, 9)
    assert thread is None or thread.community.startswith("reddit/")
    comments_of_listing(listing([comment(**{name: value})]), 5)


@pytest.mark.parametrize("name", ["r/LocalLLaMA", "", "a b", "../x", "x" * 30])
def test_what_is_no_subreddit_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="is not a subreddit"):
        Reddit(RedditConfig(subreddits=(name,)))
