"""Read any RSS, Atom or JSON feed that shiomi.toml describes. A new feed needs no code.

feedparser reads RSS and Atom. An entry of such a feed is a mapping with feedparser's names. A JSON
feed is a list of objects, either at the path `items` or as the whole answer. `fields` states for
each field of the thread where its value is in the entry:

- a path, such as "paper.id" (in a list, a number selects one item, and a name selects this field of
  each item);
- a path with ":last", which means the part of the value after the last "/";
- a text with paths in braces, such as "https://huggingface.co/papers/{paper.id}".

An entry is left out and counted if its id, title, link or date is missing.
"""

from __future__ import annotations

import calendar
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import feedparser

from shiomi.digest.archive.outcomes import Outcome
from shiomi.digest.errors import SourceError
from shiomi.digest.sources import items
from shiomi.digest.sources.answer import Answer, UnusableAnswerError
from shiomi.digest.sources.atom import check_is_feed
from shiomi.digest.sources.http import Http
from shiomi.digest.sources.known_feeds import FeedSettings
from shiomi.digest.sources.manners import Manners
from shiomi.digest.sources.plain_text import one_line, plain_text
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import Thread
from shiomi.digest.untrusted import shorten

__all__ = ["Feed", "entries_of_feed", "entries_of_json", "thread_of_fields", "value_at"]

_LONGEST_TITLE = 200
_LONGEST_TEXT = 20_000
_MOST = 2000  # entries of one page that are read
_MOST_TAGS = 200_000  # tags of one page; for 350,000 nested tags, feedparser needs 7 s and 200 MiB
_PLACEHOLDER = re.compile(r"\{([^{}]{1,100})\}")
_OF_FEEDS = {  # feedparser's names
    "id": "id",
    "title": "title",
    "link": "link",
    "created": "published",
    "comments": "slash_comments",
    "text": "summary",
    "tags": "tags.term",
}

Entry = Mapping[str, Any]


class Feed:
    """A source that reads one feed as one community."""

    manners = Manners(interval=2.0, limited=60.0, bytes=4 * 2**20)

    def __init__(self, settings: FeedSettings) -> None:
        self.settings = settings
        self.name = settings.name
        self.communities = (settings.name,)

    def collect(self, http: Http, since: int, until: int, cursor: str | None) -> Iterator[Batch]:
        """Yield one page per batch. The cursor is the number of the next page."""
        _ = until  # requests are conditional, so all threads of a page must be archived
        settings = self.settings
        last = settings.pages if "{page}" in settings.url else 1
        oldest = since
        for page in range(int(cursor or 1), last + 1):
            url = settings.url.replace("{page}", str(page))
            entries = http.fetch(url, self._entries, conditional=True)
            threads, skipped = items.valid(
                thread_of_fields(entry, settings, http.now()) for entry in (entries or ())[:_MOST]
            )
            if entries and not threads:
                raise SourceError(
                    f"{self.name}: no entry of {url[:200]} has an id, a title, a link and a date; "
                    "check `fields` of this [[feed]] in shiomi.toml"
                )
            within = tuple(
                thread
                for thread in threads
                if since <= thread.created and items.shown_points(thread) >= settings.min_points
            )
            if threads:
                oldest = max(since, min(thread.created for thread in threads))
            done = page == last or not entries
            outcomes = (Outcome(self.name, since=oldest),) if done else ()
            yield Batch(within, str(page + 1), skipped, outcomes)
            if done:
                return

    def _entries(self, answer: Answer) -> list[Entry] | None:
        """Return the entries of a page; None if it has not changed since the last read."""
        if answer.not_modified:
            return None
        if self.settings.format == "json":
            return entries_of_json(answer, self.settings.fields.get("items", ""), self.name)
        return entries_of_feed(answer)


def entries_of_json(answer: Answer, path: str, name: str = "feed") -> list[Entry]:
    """Return the objects at `path` of a JSON answer. Raises SourceError if they are not a list."""
    found = value_at(answer.json(), path)
    if not isinstance(found, list):
        raise SourceError(
            f"{name}: {answer.url[:200]} has no list at {path or 'its top'!r}; "
            "check `fields.items` of this [[feed]] in shiomi.toml"
        )
    return [entry for entry in found if isinstance(entry, dict)]


def entries_of_feed(answer: Answer) -> list[Entry]:
    """Return the entries of an RSS or Atom answer. Dates are unix seconds.

    Raises WebPageError for a web page, UnusableAnswerError for anything else that is not a feed,
    and SourceError for a feed with too many tags, which would take long to parse.
    """
    check_is_feed(answer)
    if answer.body.count(b"<") > _MOST_TAGS:
        raise SourceError(f"{answer.url[:200]} has more than {_MOST_TAGS:,} tags and was not read")
    if b"<!entity" in answer.body[:65536].lower():
        raise UnusableAnswerError("a document that declares entities, which no feed needs")
    headers = {"content-type": answer.headers.get("content-type", "")}
    parsed = feedparser.parse(
        io.BytesIO(answer.body), response_headers=headers, sanitize_html=False
    )
    if not parsed.get("version"):
        raise UnusableAnswerError("an answer that is neither RSS nor Atom")
    entries: list[Entry] = []
    for one in parsed.entries:
        entry = dict(one)
        for name in ("published", "updated"):
            moment = one.get(f"{name}_parsed")
            if moment is not None:
                entry["published"] = calendar.timegm(moment)
                break
        else:
            entry.pop("published", None)
        entry.setdefault("id", one.get("link"))
        entries.append(entry)
    return entries


def thread_of_fields(entry: Entry, settings: FeedSettings, time: int) -> Thread | None:
    """Convert an entry that was read at `time` to a thread. Return None if it has no id, title,
    link or date."""
    feed = settings.format == "feed"
    fields = {**_OF_FEEDS, **settings.fields} if feed else settings.fields

    def value(name: str) -> Any:
        return _filled(entry, fields[name], settings.of) if name in fields else None

    stated = value("id")
    link = items.web_url(_text(value("link")))
    title = one_line(plain_text(_text(value("title"))))
    created = _moment(value("created"))
    if not _text(stated) or link is None or not title or created is None:
        return None
    text = plain_text(_text(value("text")))[:_LONGEST_TEXT]
    return Thread(
        settings.name,
        _identity(_text(stated)),
        shorten(title, _LONGEST_TITLE),
        created,
        link,
        items.web_url(_text(value("url"))) or link,
        _tags(value("tags")),
        readings=items.readings_of(time, _count(value("points")), _count(value("comments"))),
        passages=() if text == title else items.post_passages(text, link),
    )


def value_at(value: Any, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    path, _, part = path.partition(":")
    for step in filter(None, path.split(".")):
        if isinstance(value, list):
            if step.isdigit():
                value = value[int(step)] if int(step) < len(value) else None
            else:
                value = [one.get(step) for one in value if isinstance(one, dict)]
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return _text(value).rpartition("/")[2] if part == "last" else value


def _filled(entry: Entry, path: str, of: str) -> Any:
    if "{" not in path:
        return value_at(entry, path)
    found = {
        name: of if name == "of" else _text(value_at(entry, name))
        for name in _PLACEHOLDER.findall(path)
    }
    if not all(found.values()):
        return None
    return _PLACEHOLDER.sub(lambda match: found[match[1]], path)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _tags(value: Any) -> tuple[str, ...]:
    named = value[:20] if isinstance(value, list) else []
    return tuple(filter(None, (one_line(_text(tag))[:60] for tag in named)))


def _identity(stated: str) -> str:
    """Return the id. If the id cannot be part of an address, return its fingerprint."""
    return stated if items.is_id(stated) else hashlib.sha256(stated.encode()).hexdigest()[:20]


def _moment(value: Any) -> int | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if 0 < value < 2**36 else None
    return items.unix_time(_text(value))


def _count(value: Any) -> int | None:
    text = _text(value).strip()
    if not re.fullmatch(r"-?\d{1,15}", text, re.ASCII):
        return None
    return int(text)
