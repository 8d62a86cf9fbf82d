"""Read the newest and the best threads of some subreddits, with counts, through Reddit's API.

It uses https://oauth.reddit.com as an application without a user (client_credentials;
https://github.com/reddit-archive/reddit/wiki/OAuth2). It sends at most 100 requests a minute and
obeys the x-ratelimit headers. Since 2025-11 Reddit gives credentials only after approval. Without
credentials the feeds are read instead (reddit_feeds.py).
"""

from __future__ import annotations

import html
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec

import shiomi
from shiomi.digest.archive.outcomes import Outcome
from shiomi.digest.archive.reddit_markdown import plain_markdown
from shiomi.digest.archive.reddit_post import (
    RedditPost,
    is_quotable,
    is_subreddit,
    thread_from_post,
    without_users,
)
from shiomi.digest.config import RedditConfig, secret
from shiomi.digest.errors import SourceError
from shiomi.digest.sources import items
from shiomi.digest.sources.answer import Answer, ChangedApiError
from shiomi.digest.sources.http import Http, RefusedError
from shiomi.digest.sources.manners import Manners
from shiomi.digest.sources.plain_text import one_line, plain_text
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import Passage, PassageKind, Place, Thread

__all__ = [
    "Reddit",
    "check_subreddits",
    "comments_of_listing",
    "reddit_user_agent",
    "said",
    "thread_of_post",
]

_BEST = 8  # threads of a subreddit whose comments are read
_BATCH = 4
_PAGES = 10  # pages of a listing; Reddit shows at most 1,000 posts
_SITE = "https://www.reddit.com"


class _T1Comment(msgspec.Struct):
    """A comment ("t1"). `replies` ("" or a Listing) is not read: top-level comments are enough."""

    body: str
    author: str | None = None
    body_html: str | None = None
    permalink: str | None = None
    score: items.Count | None = None
    score_hidden: bool = False
    stickied: bool = False


class _ListingCursor(msgspec.Struct, omit_defaults=True):
    """The position of a run."""

    subreddit: str
    oldest: int = 0  # creation of the oldest thread read in "new", unix seconds; 0: all were read
    rank: int = 0  # number of threads of "top" that were read
    listing: str = "new"  # "new", then "top", then "comments"
    after: str = ""
    page: int = 0
    best: list[tuple[int, str]] = []  # (score, id)
    failed: list[str] = []  # errors of the subreddits before this one


class Reddit:
    """The configured subreddits, one after the other."""

    name = "reddit"

    def __init__(self, config: RedditConfig) -> None:
        check_subreddits(config.subreddits)
        self.config = config
        self._token = ""
        self._expires = 0.0

    @property
    def communities(self) -> tuple[str, ...]:
        """One community for each subreddit."""
        return tuple(f"reddit/{subreddit}" for subreddit in self.config.subreddits)

    @property
    def manners(self) -> Manners:
        """At most 100 requests a minute."""
        return Manners(interval=0.6, limited=60.0)

    def collect(
        self,
        http: Http,
        since: int,
        until: int,  # noqa: ARG002 - conditional requests: no thread may be left out
        cursor: str | None,
    ) -> Iterator[Batch]:
        """Read one subreddit after the other. If a subreddit fails, the next subreddits are still
        read."""
        names = list(self.config.subreddits)
        place = items.read_cursor(cursor, _ListingCursor)
        if place is None or (place.subreddit and place.subreddit not in names):
            if not names:
                return
            place = _ListingCursor(names[0])
        first = names.index(place.subreddit) if place.subreddit else len(names)
        for number in range(first, len(names)):
            error: SourceError | None = None
            try:
                yield from self._subreddit(http, place, since)
            except RefusedError as refusal:
                # 403 and 404 mean that this one subreddit is private, banned or gone.
                error = _explained(refusal)
                if refusal.status not in {403, 404}:
                    raise error from refusal
                place.failed.append(str(error))
            community = f"reddit/{place.subreddit}"
            outcome = Outcome(community, since=max(since, place.oldest))
            if error is not None:
                outcome = Outcome(community, error=str(error))
            following = names[number + 1] if number + 1 < len(names) else ""
            place = _ListingCursor(following, failed=place.failed)
            yield Batch((), items.write_cursor(place), outcomes=(outcome,))
        if place.failed:
            yield Batch((), "")  # the next run tries them again
            raise SourceError("; ".join(place.failed))

    def _subreddit(self, http: Http, place: _ListingCursor, since: int) -> Iterator[Batch]:
        while place.listing in {"new", "top"}:
            threads, skipped, after = self._listing(http, place)
            if place.listing == "top":
                now = http.now()
                threads = [
                    replace(thread, place=Place(now, place.rank + number))
                    for number, thread in enumerate(threads, 1)
                ]
                place.rank += len(threads)
            within = tuple(thread for thread in threads if since <= thread.created)
            place.best = items.best_of(place.best, within, _BEST)
            older = any(thread.created < since for thread in threads)
            place.page += 1
            if after and place.page < _PAGES and not (place.listing == "new" and older):
                place.after = after
            else:
                if place.listing == "new" and after and not older and threads:
                    place.oldest = min(thread.created for thread in threads)
                place.listing = "top" if place.listing == "new" else "comments"
                place.after, place.page = "", 0
            yield Batch(within, items.write_cursor(place), skipped)
        while self.config.comments > 0 and place.best:
            ids = [id_ for _, id_ in place.best[:_BATCH]]
            commented, skipped = self._with_comments(http, ids)
            del place.best[:_BATCH]
            yield Batch(commented, items.write_cursor(place), skipped)

    def _listing(self, http: Http, place: _ListingCursor) -> tuple[list[Thread], int, str]:
        """Read a page of a listing. Return the threads, the number of skipped items, and the start
        of the next page."""
        params: dict[str, str | int] = {"limit": 100}
        if place.listing == "top":
            params["t"] = "week"
        if place.after:
            params["after"] = place.after
        answer = self._api(http, f"/r/{place.subreddit}/{place.listing}", params)
        children, after = _children(answer)
        threads, skipped = _threads(children, http.now())
        return threads, skipped, after

    def _with_comments(self, http: Http, ids: Sequence[str]) -> tuple[tuple[Thread, ...], int]:
        threads, skipped = [], 0
        for post in ids:
            params: dict[str, str | int] = {"sort": "top", "depth": 1, "limit": 50}
            answer = self._api(http, f"/comments/{post}", params)
            if not (isinstance(answer, list) and len(answer) == 2):
                raise ChangedApiError(f"reddit: /comments/{post}", "two listings")
            found, bad = _threads(_children(answer[0])[0], http.now())
            skipped += bad
            comments = comments_of_listing(answer[1], self.config.comments)
            threads += [replace(one, passages=one.passages + comments) for one in found]
        return tuple(threads), skipped

    def _api(self, http: Http, path: str, params: dict[str, str | int]) -> Any:
        """Return a decoded answer of oauth.reddit.com. If the token is refused, renew it once."""
        fresh = self._renew(http)
        while True:
            try:
                return http.get_json(
                    f"{self.config.endpoint}{path}",
                    params={**params, "raw_json": 1},  # otherwise & < > are sent as entities
                    headers={
                        "Authorization": f"bearer {self._token}",
                        "User-Agent": reddit_user_agent(http.contact),
                    },
                )
            except RefusedError as error:
                if error.status != 401 or fresh:
                    raise
                self._token, fresh = "", True
                self._renew(http)

    def _renew(self, http: Http) -> bool:
        """Fetch a token if there is none. Return True if it was fetched now."""
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
            headers={"User-Agent": reddit_user_agent(http.contact)},
        )
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not (isinstance(token, str) and token.isascii() and token.isprintable() and token):
            raise RefusedError("reddit: no access token was given", 401)
        lasts = answer.get("expires_in")
        self._token = token
        # The token is renewed one minute early, so that it is still valid when the request ends.
        self._expires = http.clock() + (lasts if isinstance(lasts, int) else 3600) - 60
        return True


def check_subreddits(names: Sequence[str]) -> None:
    """Raise SourceError for a name that is not a subreddit."""
    for name in names:
        if not is_subreddit(name):
            raise SourceError(
                f"reddit: {name!r} is not a subreddit; write names without r/, as in "
                'subreddits = ["LocalLLaMA"]'
            )


def _explained(error: RefusedError) -> RefusedError:
    if error.status != 401:
        return error
    return RefusedError(
        f"{error}; check client_id and client_secret in [sources.reddit]", error.status
    )


def thread_of_post(raw: Any, time: int) -> Thread | None:
    """Convert a submission (the `data` of a "t3") that was read at `time` to a thread. Return None
    if it is damaged."""
    post = items.read_item(raw, RedditPost)
    if post is None or not items.is_id(post.id) or not is_subreddit(post.subreddit):
        return None
    if post.created_utc <= 0:
        return None
    # the answer was requested without raw_json
    escaped = (post.selftext_html or "").startswith("&lt;")
    title = one_line(html.unescape(post.title) if escaped else post.title)
    if not title:
        return None
    own = said(post.selftext or "", post.selftext_html)
    return thread_from_post(post, time, title=title, own=own, url=items.web_url(post.url))


def comments_of_listing(listing: Any, most: int) -> tuple[Passage, ...]:
    """Return the first `most` quotable comments of a listing, without "more" entries and deleted
    ones."""
    passages: list[Passage] = []
    for child in _children(listing)[0]:
        if len(passages) >= most:
            break
        comment = (
            items.read_item(child.get("data"), _T1Comment) if child.get("kind") == "t1" else None
        )
        if comment is None or comment.stickied or comment.author == "AutoModerator":
            continue  # a comment pinned by moderators is about the rules, not the subject
        text = said(comment.body, comment.body_html)
        if text:
            points = None if comment.score_hidden else comment.score
            path = comment.permalink or ""
            link = items.web_url(f"{_SITE}{path}" if path.startswith("/") else None) or _SITE
            passages.append(Passage(PassageKind.COMMENT, text, link, points))
    return tuple(passages)


def said(source: str, rendered: str | None) -> str:
    """Return the plain text of a post or comment, from its HTML if there is any. The text is "" if
    it was deleted."""
    if source and not is_quotable(source):
        return ""
    if rendered:
        text = plain_text(html.unescape(rendered) if rendered.startswith("&lt;") else rendered)
    else:
        text = plain_markdown(source)
    return without_users(text) if is_quotable(text) else ""


def _children(listing: Any) -> tuple[list[dict[str, Any]], str]:
    """Return the children of a Listing, and the start of its next page ("" for the end)."""
    data = listing.get("data") if isinstance(listing, dict) else None
    children = data.get("children") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(children, list):
        raise ChangedApiError("reddit", "a listing")
    after = data.get("after")
    after = after if isinstance(after, str) else ""
    return [child for child in children if isinstance(child, dict)], after


def _threads(children: Sequence[dict[str, Any]], time: int) -> tuple[list[Thread], int]:
    """Return the submissions among `children`, without advertisements, and the number of damaged
    submissions."""
    posts = [
        data
        for child in children
        if child.get("kind") == "t3"
        and not (isinstance(data := child.get("data"), dict) and data.get("promoted"))
    ]
    return items.valid(thread_of_post(post, time) for post in posts)


def reddit_user_agent(contact: str) -> str:
    """Return `<platform>:<app ID>:<version> (by <contact>)`, as Reddit's API rules require."""
    by = f" (by {contact})" if contact else ""
    return f"{sys.platform}:shiomi:{shiomi.__version__}{by}"
