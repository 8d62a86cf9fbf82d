"""Reddit: the newest and the best of some subreddits.

With credentials, https://oauth.reddit.com as an application without a user (client_credentials;
https://github.com/reddit-archive/reddit/wiki/OAuth2), at most 100 requests a minute, the
x-ratelimit headers obeyed. Without, the public RSS feeds, whose threads have no counts: unknown.
"""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec

import shiomi
from shiomi.digest.archive.reddit_markdown import plain_markdown
from shiomi.digest.archive.reddit_post import (
    is_quotable,
    is_subreddit,
    points_at_itself,
    post_link,
    post_state,
    post_title,
    without_users,
)
from shiomi.digest.config import RedditConfig, secret
from shiomi.digest.errors import SourceError
from shiomi.digest.sources.answer import Answer
from shiomi.digest.sources.atom import ATOM, Element, child_text, read_feed
from shiomi.digest.sources.http import Http, RefusedError
from shiomi.digest.sources.items import (
    Count,
    Moment,
    is_id,
    read_cursor,
    read_item,
    unix_time,
    web_url,
)
from shiomi.digest.sources.manners import Manners
from shiomi.digest.sources.plain_text import one_line, plain_text
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread, ThreadState

__all__ = ["Reddit", "comments_of_listing", "thread_of_entry", "thread_of_post"]

_BEST = 8  # threads of a subreddit whose comments are read
_BATCH = 4
_PAGES = 10  # of a listing; Reddit shows at most 1,000 posts
_SITE = "https://www.reddit.com"
_LINKED = re.compile(r'<a href="([^"]*)">\[link\]</a>')
# The post's own text in a feed; what stands after it names the user.
_OWN = re.compile(r"<!-- SC_OFF -->(.*)<!-- SC_ON -->", re.DOTALL)


class _Parent(msgspec.Struct):
    id: str
    subreddit: str


class _Post(msgspec.Struct):
    """A submission ("t3"). The author is read only to see whether the post was deleted."""

    id: str
    subreddit: str
    title: str
    created_utc: Moment
    author: str | None = None
    permalink: str | None = None
    url: str | None = None
    is_self: bool = False
    selftext: str | None = None
    selftext_html: str | None = None
    score: Count | None = None
    hide_score: bool = False
    num_comments: Count | None = None
    removed_by_category: str | None = None
    link_flair_text: str | None = None
    over_18: bool = False
    crosspost_parent_list: list[_Parent] = []


class _Comment(msgspec.Struct):
    """A comment ("t1"). `replies` ("" or a Listing) is not read: top-level comments are enough."""

    body: str
    author: str | None = None
    body_html: str | None = None
    permalink: str | None = None
    score: Count | None = None
    score_hidden: bool = False
    stickied: bool = False


class _Place(msgspec.Struct, omit_defaults=True):
    """Where a run is."""

    subreddit: str
    listing: str = "new"  # "new", then "top", then "comments"
    after: str = ""
    page: int = 0
    best: list[tuple[int, str]] = []  # (score, id)
    failed: list[str] = []  # what went wrong with subreddits before this one


class Reddit:
    """The configured subreddits, one after the other."""

    name = "reddit"

    def __init__(self, config: RedditConfig) -> None:
        for subreddit in config.subreddits:
            if not is_subreddit(subreddit):
                raise SourceError(
                    f"reddit: {subreddit!r} is no subreddit; write them without r/, as in "
                    'subreddits = ["LocalLLaMA"]'
                )
        self.config = config
        self._token = ""
        self._expires = 0.0

    @property
    def manners(self) -> Manners:
        """100 requests a minute with credentials; the feeds stand far fewer."""
        return Manners(interval=0.6 if self.config.client_id else 6.0)

    def collect(
        self,
        http: Http,
        since: int,
        until: int,  # noqa: ARG002 - its pages are asked for conditionally: nothing is left out
        cursor: str | None,
    ) -> Iterator[Batch]:
        """One subreddit after the other; one that fails does not stop the next."""
        names = list(self.config.subreddits)
        place = read_cursor(cursor, _Place)
        if place is None or place.subreddit not in names:
            if not names:
                return
            place = _Place(names[0])
        for number in range(names.index(place.subreddit), len(names)):
            try:
                yield from self._subreddit(http, place, since)
            except RefusedError as error:
                # These are about one subreddit: private, banned, gone. To a reader without
                # credentials a 403 is about the reader.
                if error.status not in ({403, 404} if self.config.client_id else {404}):
                    raise self._explained(error) from error
                place.failed.append(str(self._explained(error)))
            following = names[number + 1] if number + 1 < len(names) else ""
            place = _Place(following, failed=place.failed)
        if place.failed:
            yield Batch((), "")  # the next run tries them again
            raise SourceError("; ".join(place.failed))

    def _subreddit(self, http: Http, place: _Place, since: int) -> Iterator[Batch]:
        read = self._listing if self.config.client_id else self._feed
        while place.listing in {"new", "top"}:
            threads, skipped, after = read(http, place)
            within = tuple(thread for thread in threads if since <= thread.created)
            scored = {(t.readings[-1].points or 0, t.id) for t in within if t.readings}
            best = {id_: score for score, id_ in [*place.best, *sorted(scored)]}
            place.best = sorted(((s, i) for i, s in best.items()), key=lambda o: (-o[0], o[1]))
            del place.best[_BEST:]
            older = any(thread.created < since for thread in threads)
            place.page += 1
            if after and place.page < _PAGES and not (place.listing == "new" and older):
                place.after = after
            else:
                place.listing = "top" if place.listing == "new" else "comments"
                place.after, place.page = "", 0
            yield Batch(within, _written(place), skipped)
        while self.config.comments > 0 and place.best:
            ids = [id_ for _, id_ in place.best[:_BATCH]]
            commented, skipped = self._with_comments(http, ids)
            del place.best[:_BATCH]
            yield Batch(commented, _written(place), skipped)

    # With credentials

    def _listing(self, http: Http, place: _Place) -> tuple[list[Thread], int, str]:
        """A page of a listing: threads, how many were skipped, where the next page begins."""
        params: dict[str, str | int] = {"limit": 100}
        if place.listing == "top":
            params["t"] = "week"
        if place.after:
            params["after"] = place.after
        answer = self._api(http, f"/r/{place.subreddit}/{place.listing}", params)
        children, after = _children(answer)
        threads, skipped = _threads(children, http.now())
        return threads, skipped, after

    def find_by_url(self, http: Http, url: str) -> list[Thread]:
        """Every submission of `url` on Reddit, in any subreddit: the cheapest exact cross-link."""
        children, _ = _children(self._api(http, "/api/info", {"url": url}))
        return _threads(children, http.now())[0]

    def _with_comments(self, http: Http, ids: Sequence[str]) -> tuple[tuple[Thread, ...], int]:
        threads, skipped = [], 0
        for post in ids:
            params: dict[str, str | int] = {"sort": "top", "depth": 1, "limit": 50}
            answer = self._api(http, f"/comments/{post}", params)
            if not (isinstance(answer, list) and len(answer) == 2):
                raise SourceError(
                    f"reddit: /comments/{post} answered without two listings; "
                    "look for a newer version of shiomi"
                )
            found, bad = _threads(_children(answer[0])[0], http.now())
            skipped += bad
            said = comments_of_listing(answer[1], self.config.comments)
            threads += [replace(thread, passages=thread.passages + said) for thread in found]
        return tuple(threads), skipped

    def _api(self, http: Http, path: str, params: dict[str, str | int]) -> Any:
        """A decoded answer of oauth.reddit.com; a token that is refused is renewed once."""
        fresh = self._renew(http)
        while True:
            try:
                return http.get_json(
                    f"{self.config.endpoint}{path}",
                    params={**params, "raw_json": 1},  # else & < > come as entities
                    headers={
                        "Authorization": f"bearer {self._token}",
                        "User-Agent": _user_agent(http.contact),
                    },
                )
            except RefusedError as error:
                if error.status != 401 or fresh:
                    raise
                self._token, fresh = "", True
                self._renew(http)

    def _renew(self, http: Http) -> bool:
        """See to it that there is a token; True where it was fetched now."""
        if self._token and http.clock() < self._expires:
            return False
        answer = http.fetch(
            f"{self.config.public_endpoint}/api/v1/access_token",
            Answer.json,
            method="POST",
            form={"grant_type": "client_credentials"},
            auth=(
                secret("sources.reddit.client_id", self.config.client_id),
                secret("sources.reddit.client_secret", self.config.client_secret),
            ),
            headers={"User-Agent": _user_agent(http.contact)},
        )
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not (isinstance(token, str) and token.isascii() and token.isprintable() and token):
            raise RefusedError("reddit: no access token was given", 401)
        lasts = answer.get("expires_in")
        self._token = token
        # A minute early: the token must outlive the request it is sent with.
        self._expires = http.clock() + (lasts if isinstance(lasts, int) else 3600) - 60
        return True

    # Without credentials

    def _feed(self, http: Http, place: _Place) -> tuple[list[Thread], int, str]:
        """A subreddit's feed. It has one page."""
        suffix = "?t=week&limit=100" if place.listing == "top" else "?limit=100"
        url = f"{self.config.public_endpoint}/r/{place.subreddit}/{place.listing}/.rss{suffix}"
        feed = http.fetch(
            url,
            lambda answer: None if answer.not_modified else read_feed(answer),
            headers={"User-Agent": _user_agent(http.contact)},
            conditional=True,
        )
        entries = [] if feed is None else feed.findall(f"{ATOM}entry")
        read = [thread_of_entry(entry) for entry in entries]
        return [thread for thread in read if thread is not None], read.count(None), ""

    def _explained(self, error: RefusedError) -> RefusedError:
        """The refusal with the remedy that fits Reddit."""
        if error.status == 401:
            remedy = "check client_id and client_secret in [sources.reddit]"
        elif error.status == 403 and not self.config.client_id:
            remedy = (
                "Reddit blocks readers without credentials from many addresses: register an "
                "application at https://www.reddit.com/prefs/apps and set client_id and "
                "client_secret in [sources.reddit]"
            )
        else:
            return error
        return RefusedError(f"{error}; {remedy}", error.status)


def thread_of_post(raw: Any, time: int) -> Thread | None:
    """A submission (the `data` of a "t3") as a thread, read at `time`; None for a damaged one."""
    post = read_item(raw, _Post)
    if post is None or not is_id(post.id) or not is_subreddit(post.subreddit):
        return None
    escaped = (post.selftext_html or "").startswith("&lt;")  # asked without raw_json
    title = one_line(html.unescape(post.title) if escaped else post.title)
    if not title:
        return None
    state = post_state(title, post.selftext, post.removed_by_category)
    link = post_link(post.subreddit, post.id, post.permalink)
    own = _said(post.selftext or "", post.selftext_html) if state is ThreadState.LIVE else ""
    parents = [p for p in post.crosspost_parent_list if is_id(p.id) and is_subreddit(p.subreddit)]
    points = None if post.hide_score else post.score
    known = points is not None or post.num_comments is not None
    flair = one_line(post.link_flair_text or "")
    return Thread(
        f"reddit/{post.subreddit}", post.id, post_title(title), int(post.created_utc), link,
        None if post.is_self else _target(post.url, post.id),
        tuple(filter(None, (flair, "nsfw" if post.over_18 else ""))), state,
        f"reddit/{parents[0].subreddit}:{parents[0].id}" if parents else None,
        readings=(Reading(time, points, post.num_comments),) if known else (),
        passages=(Passage(PassageKind.POST, own, link),) if own else (),
    )  # fmt: skip


def comments_of_listing(listing: Any, most: int) -> tuple[Passage, ...]:
    """The first `most` comments of a listing that can be quoted: no "more", none that is gone."""
    passages: list[Passage] = []
    for child in _children(listing)[0]:
        if len(passages) >= most:
            break
        comment = read_item(child.get("data"), _Comment) if child.get("kind") == "t1" else None
        if comment is None or comment.stickied or comment.author == "AutoModerator":
            continue  # pinned by moderators: about the rules, not the subject
        text = _said(comment.body, comment.body_html)
        if text:
            points = None if comment.score_hidden else comment.score
            link = _link(comment.permalink, "")
            passages.append(Passage(PassageKind.COMMENT, text, link, points))
    return tuple(passages)


def thread_of_entry(entry: Element) -> Thread | None:
    """An entry of a subreddit's feed as a thread without counts; None for a damaged one.

    Only what stands between Reddit's own marks is kept: the rest of the content names the user.
    """
    kind, _, post = child_text(entry, f"{ATOM}id").rpartition("t3_")
    category = entry.find(f"{ATOM}category")
    subreddit = "" if category is None else category.get("term", "")
    title = one_line(child_text(entry, f"{ATOM}title"))
    stated = child_text(entry, f"{ATOM}published") or child_text(entry, f"{ATOM}updated")
    created = unix_time(stated)
    if kind or not is_id(post) or not is_subreddit(subreddit) or not title or created is None:
        return None
    alternate = entry.find(f"{ATOM}link")
    link = web_url("" if alternate is None else alternate.get("href", ""))
    link = link or f"{_SITE}/r/{subreddit}/comments/{post}/"
    content = child_text(entry, f"{ATOM}content")
    target = _LINKED.search(content)
    own_part = _OWN.search(content)
    own = _said("", own_part[1]) if own_part else ""
    return Thread(
        f"reddit/{subreddit}", post, title, created, link,
        _target(html.unescape(target[1]), post) if target else None,
        passages=(Passage(PassageKind.POST, own, link),) if own else (),
    )  # fmt: skip


def _said(source: str, rendered: str | None) -> str:
    """The plain text of a post or comment, from its HTML where there is any; "" for a gone one."""
    if source and not is_quotable(source):
        return ""
    if rendered:
        text = plain_text(html.unescape(rendered) if rendered.startswith("&lt;") else rendered)
    else:
        text = plain_markdown(source)
    return without_users(text) if is_quotable(text) else ""


def _target(url: str | None, post: str) -> str | None:
    """What a post points at; None where that is the post itself."""
    address = web_url(url)
    return None if address and points_at_itself(address, post) else address


def _link(permalink: str | None, otherwise: str) -> str:
    path = permalink if permalink and permalink.startswith("/") else otherwise
    return web_url(f"{_SITE}{path}") or _SITE


def _children(listing: Any) -> tuple[list[dict[str, Any]], str]:
    """What a Listing holds and where its next page begins ("" for the end)."""
    data = listing.get("data") if isinstance(listing, dict) else None
    children = data.get("children") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(children, list):
        raise SourceError("reddit: an answer without a listing; look for a newer version of shiomi")
    after = data.get("after")
    after = after if isinstance(after, str) else ""
    return [child for child in children if isinstance(child, dict)], after


def _threads(children: Sequence[dict[str, Any]], time: int) -> tuple[list[Thread], int]:
    """The submissions among `children`, and how many of them are damaged. Advertisements go."""
    posts = [
        data
        for child in children
        if child.get("kind") == "t3"
        and not (isinstance(data := child.get("data"), dict) and data.get("promoted"))
    ]
    read = [thread_of_post(post, time) for post in posts]
    return [thread for thread in read if thread is not None], read.count(None)


def _user_agent(contact: str) -> str:
    """`<platform>:<app ID>:<version> (by <contact>)`, as Reddit's API rules ask."""
    by = f" (by {contact})" if contact else ""
    return f"{sys.platform}:shiomi:{shiomi.__version__}{by}"


def _written(place: _Place) -> str:
    return msgspec.json.encode(place).decode()
