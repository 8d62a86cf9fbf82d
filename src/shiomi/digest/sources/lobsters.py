"""Read Lobsters: first /newest.json page by page, then the comments of the best stories from
/s/<id>.json.

The fields are defined by `as_json` in app/models/story.rb and comment.rb of lobsters/lobsters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from shiomi.digest.config import LobstersConfig
from shiomi.digest.sources import items
from shiomi.digest.sources.answer import Answer, ChangedApiError
from shiomi.digest.sources.http import Http, RefusedError
from shiomi.digest.sources.manners import Manners
from shiomi.digest.sources.plain_text import one_line, plain_text
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import Passage, PassageKind, Thread

__all__ = ["Lobsters", "thread_of_story"]

_BEST = 20  # stories of a run whose comments are read
_BATCH = 5
_COMMUNITY = "lobsters"


# The repetitions are bounded, so that hostile markup takes only linear time.
_MENTION = re.compile(
    r"""<a\s[^<>]{0,40}href="[^"<>]{0,40}/(?:~|u/)[^"/<>]{1,40}"[^<>]{0,40}>@[^<]{1,40}</a>"""
)


class _Story(msgspec.Struct):
    """A story. The submitter is left out: no user name is stored."""

    short_id: str
    created_at: str
    title: str
    url: str | None = None  # "" for a text post
    score: items.Count | None = None
    comment_count: items.Count | None = None
    description: str | None = None  # HTML
    comments_url: str | None = None
    short_id_url: str | None = None
    tags: list[str] = []
    comments: list[Any] = []  # only in /s/<id>.json


class _ShownComment(msgspec.Struct):
    comment: str  # HTML
    url: str | None = None
    short_id_url: str | None = None
    score: items.Count | None = None
    is_deleted: bool = False
    is_moderated: bool = False
    parent_comment: str | None = None  # None: the comment answers the story itself


class _NewestCursor(msgspec.Struct, omit_defaults=True):
    """The position of a run."""

    # the next page of /newest to read; greater than the last page if all pages were read
    page: int = 1
    best: list[tuple[int, str]] = []  # (score, id) of stories whose comments are still to be read


class Lobsters:
    """The newest stories of Lobsters."""

    name = "lobsters"
    communities = (_COMMUNITY,)
    # Lobsters states no limit. If it gets one request a second, it answers with status 500 and an
    # empty body.
    manners = Manners(interval=2.0, limited=30.0)

    def __init__(self, config: LobstersConfig) -> None:
        self.config = config

    def collect(
        self,
        http: Http,
        since: int,
        until: int,  # noqa: ARG002 - conditional requests: no thread may be left out
        cursor: str | None,
    ) -> Iterator[Batch]:
        """Yield the newest threads first, one page per batch, until a page ends before `since`."""
        place = items.read_cursor(cursor, _NewestCursor) or _NewestCursor()
        last = self.config.pages
        while place.page <= last:
            answer = http.fetch(self._page(place.page), _stories, conditional=True)
            threads, skipped = items.valid(thread_of_story(raw, http.now()) for raw in answer)
            if (answer and not threads) or any(thread.created < since for thread in threads):
                last = place.page
            within = tuple(thread for thread in threads if since <= thread.created)
            place.best = items.best_of(place.best, within, _BEST)
            place.page = self.config.pages + 1 if place.page == last else place.page + 1
            yield Batch(within, items.write_cursor(place), skipped)
        while self.config.comments > 0 and place.best:
            commented, skipped = self._with_comments(http, [id_ for _, id_ in place.best[:_BATCH]])
            del place.best[:_BATCH]
            yield Batch(commented, items.write_cursor(place), skipped)

    def _page(self, page: int) -> str:
        endpoint = self.config.endpoint
        return f"{endpoint}/newest.json" if page == 1 else f"{endpoint}/newest/page/{page}.json"

    def _with_comments(self, http: Http, ids: Sequence[str]) -> tuple[tuple[Thread, ...], int]:
        threads, skipped = [], 0
        for short_id in ids:
            try:
                raw = http.get_json(f"{self.config.endpoint}/s/{short_id}.json")
            except RefusedError as error:
                # the story was merged or withdrawn after it was listed
                if error.status not in {404, 410}:
                    raise
                skipped += 1
                continue
            thread = thread_of_story(raw, http.now(), comments=self.config.comments)
            if thread is None:
                skipped += 1
            else:
                threads.append(thread)
        return tuple(threads), skipped


def _stories(answer: Answer) -> list[Any]:
    """Return the stories of a page. The list is empty if the page has not changed since the last
    read."""
    if answer.not_modified:
        return []
    stories = answer.json()
    if not isinstance(stories, list):
        raise ChangedApiError(f"lobsters: {answer.url[:200]}", "a list of stories")
    return stories


def thread_of_story(raw: Any, time: int, *, comments: int = 0) -> Thread | None:
    """Convert a story that was read at `time` to a thread with at most `comments` comments. Return
    None if the story is damaged."""
    story = items.read_item(raw, _Story)
    if story is None or not items.is_id(story.short_id) or not one_line(story.title):
        return None
    created = items.unix_time(story.created_at)
    if created is None:
        return None
    link = items.web_url(story.comments_url) or f"https://lobste.rs/s/{story.short_id}"
    own = _said(story.description or "")
    return Thread(
        _COMMUNITY, story.short_id, one_line(story.title), created, link, items.web_url(story.url),
        tuple(one_line(tag) for tag in story.tags),
        readings=items.readings_of(time, story.score, story.comment_count),
        passages=(*items.post_passages(own, link), *_best(story.comments, link, comments)),
    )  # fmt: skip


def _best(comments: Sequence[Any], link: str, most: int) -> tuple[Passage, ...]:
    """Return the comments with the highest scores, without deleted and moderated ones.

    Answers to other comments are left out, because a reader would take them as statements about
    the story. Comments with equal scores keep the order of the list.
    """
    read = [
        comment for raw in comments if (comment := items.read_item(raw, _ShownComment)) is not None
    ]
    own = [c for c in read if not (c.is_deleted or c.is_moderated or c.parent_comment)]
    standing = [c for c in own if _said(c.comment)]
    standing.sort(key=lambda comment: -(comment.score or 0))
    return tuple(
        Passage(
            PassageKind.COMMENT,
            _said(comment.comment),
            items.web_url(comment.url) or items.web_url(comment.short_id_url) or link,
            comment.score,
        )
        for comment in standing[:most]
    )


def _said(markup: str) -> str:
    """Return the plain text without the names of mentioned users."""
    return plain_text(_MENTION.sub("@…", markup[:200_000]))
