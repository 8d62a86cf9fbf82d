"""Read Reddit's Atom feeds, for users without API credentials. The feeds show no counts.

Since 2026-06 Reddit answers about one anonymous feed request a minute and refuses others with 429.
With a member's feed token (https://www.reddit.com/prefs/feeds/) this limit does not apply, and the
comments of the best threads are read too. The feed whose last attempt is longest ago is read first,
even if that attempt was in an earlier run.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from shiomi.digest.archive.outcomes import Outcome
from shiomi.digest.archive.reddit_post import is_subreddit, points_at_itself
from shiomi.digest.config import RedditConfig, secret
from shiomi.digest.errors import SourceError
from shiomi.digest.sources import items
from shiomi.digest.sources.atom import ATOM, Element, child_text, read_feed
from shiomi.digest.sources.http import Http, RefusedError, UnreachableError
from shiomi.digest.sources.manners import Manners
from shiomi.digest.sources.plain_text import one_line
from shiomi.digest.sources.reddit import check_subreddits, reddit_user_agent, said
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import Passage, PassageKind, Place, Thread

__all__ = ["RedditFeeds", "comments_of_feed", "thread_of_entry"]

_MINUTE = 61.0  # seconds between two anonymous feed requests; one second more than a minute
_WITH_TOKEN = 2.0
_BEST = 8  # threads of a subreddit whose comments are read
_SHOWN = 25  # a feed with fewer entries is complete
_SITE = "https://www.reddit.com"
_LINKED = re.compile(r'<a href="([^"]*)">\[link\]</a>')
# The post's own text in a feed; the text after it names the user.
_OWN = re.compile(r"<!-- SC_OFF -->(.*)<!-- SC_ON -->", re.DOTALL)
_REFUSED = (
    "Reddit refuses this reader. Give your member's feed token as feed_token and user in "
    "[sources.reddit]; https://www.reddit.com/prefs/feeds/ shows it while you are logged in"
)
_REFUSED_MEMBER = (
    "check feed_token and user in [sources.reddit] against "
    "https://www.reddit.com/prefs/feeds/; the token changes with your password"
)


class _Turns(msgspec.Struct, omit_defaults=True):
    """The feeds that are due in this run, and the time of the last attempt at each feed.

    These values are stored for the next run.
    """

    run: int = 0  # start of the run to which `due` belongs
    due: list[str] = []  # "LocalLLaMA new"
    tried: dict[str, int] = {}  # feed → unix seconds
    since: dict[str, int] = {}  # feed → unix seconds; all threads created since then were read
    best: list[tuple[str, str]] = []  # (subreddit, id) of threads whose comments will be read
    failed: list[str] = []


class RedditFeeds:
    """The feeds of the configured subreddits. Each subreddit has two: "new" and the "top" of the
    week."""

    name = "reddit"

    def __init__(self, config: RedditConfig) -> None:
        check_subreddits(config.subreddits)
        self.config = config

    @property
    def communities(self) -> tuple[str, ...]:
        """One community for each subreddit."""
        return tuple(f"reddit/{subreddit}" for subreddit in self.config.subreddits)

    @property
    def manners(self) -> Manners:
        """One anonymous feed request a minute, and enough time for all feeds. With a token, this
        limit does not apply."""
        feeds = 2 * len(self.config.subreddits)
        if self.config.feed_token:
            return Manners(interval=_WITH_TOKEN, limited=60.0)
        # Each feed may get one 429. Requests to the host stop only if all feeds fail.
        return Manners(
            interval=_MINUTE, limited=60.0, attempts=3, retries=10 + feeds, failures=8,
            budget=2 * feeds * _MINUTE + 300.0,
        )  # fmt: skip

    def collect(self, http: Http, since: int, until: int, cursor: str | None) -> Iterator[Batch]:
        """Read every feed once, beginning with the feed whose last attempt is longest ago. If a
        feed fails, the next feed is still read."""
        turns = self._turns(cursor, until)
        while turns.due:
            name = turns.due[0]
            url = self._url(name)
            http.reserve(url)
            turns.tried[name] = http.now()
            yield Batch((), items.write_cursor(turns), memory=items.write_cursor(turns))
            yield self._read(http, turns, url, since)
        while turns.best:
            subreddit, post = turns.best[0]
            yield self._comments(http, turns, subreddit, post)
        failed, ended = turns.failed, items.write_cursor(turns)
        # a run that begins in the same second reads the feeds again
        turns.failed, turns.run = [], 0
        yield Batch((), ended, memory=items.write_cursor(turns))
        if failed:
            raise SourceError("; ".join(failed))

    def _turns(self, cursor: str | None, until: int) -> _Turns:
        turns = items.read_cursor(cursor, _Turns) or _Turns()
        feeds = [f"{one} {listing}" for one in self.config.subreddits for listing in ("new", "top")]
        if turns.run != until:
            turns.tried = {name: turns.tried.get(name, 0) for name in feeds}
            turns.due = sorted(feeds, key=lambda name: turns.tried[name])
            turns.run, turns.best, turns.failed = until, [], []
        turns.due = [name for name in turns.due if name in feeds]
        return turns

    def _url(self, name: str) -> str:
        subreddit, _, listing = name.partition(" ")
        suffix = "?t=week&limit=100" if listing == "top" else "?limit=100"
        return f"{self.config.public_endpoint}/r/{subreddit}/{listing}/.rss{suffix}"

    def _secret(self) -> dict[str, str]:
        if not self.config.feed_token:
            return {}
        token = secret("sources.reddit.feed_token", self.config.feed_token)
        return {"feed": token, "user": secret("sources.reddit.user", self.config.user)}

    def _read(self, http: Http, turns: _Turns, url: str, since: int) -> Batch:
        """Read one feed as a batch, with its threads or the reason why it could not be read."""
        name = turns.due[0]
        subreddit, _, listing = name.partition(" ")
        community = f"reddit/{subreddit}"
        try:
            feed = http.fetch(
                url,
                lambda answer: None if answer.not_modified else read_feed(answer),
                headers={"User-Agent": reddit_user_agent(http.contact)},
                conditional=True,
                secret=self._secret(),
            )
        except SourceError as error:
            reason = self._explained(http, error)
            del turns.due[0]
            turns.failed.append(reason)
            outcomes = [Outcome(community, listing, error=reason)]
            if http.seconds_left <= 0 or self._fails_alike(error):
                outcomes += self._given_up(turns, reason)
            written = items.write_cursor(turns)
            return Batch((), written, outcomes=tuple(outcomes), memory=written)
        entries = [] if feed is None else feed.findall(f"{ATOM}entry")
        now = http.now()
        threads, skipped = items.valid(map(thread_of_entry, entries))
        if listing == "top":
            threads = [replace(one, place=Place(now, n)) for n, one in enumerate(threads, 1)]
        within = tuple(thread for thread in threads if since <= thread.created)
        if feed is not None:
            oldest = min((thread.created for thread in threads), default=since)
            turns.since[name] = since if len(entries) < _SHOWN else max(since, oldest)
        if listing == "top" and self.config.feed_token and self.config.comments > 0:
            turns.best += [(subreddit, thread.id) for thread in within[:_BEST]]
        del turns.due[0]
        covered = turns.since.get(name, since) if listing == "new" else None
        written = items.write_cursor(turns)
        return Batch(within, written, skipped, (Outcome(community, listing, covered),), written)

    def _fails_alike(self, error: SourceError) -> bool:
        """Return whether the next feed would fail for the same reason."""
        if isinstance(error, UnreachableError) and not error.connected:
            return True
        refused = isinstance(error, RefusedError) and error.status in {401, 403}
        return refused and not self.config.feed_token

    def _given_up(self, turns: _Turns, reason: str) -> Iterator[Outcome]:
        """Yield a failed outcome for each feed that this run will not read."""
        for name in turns.due:
            subreddit, _, listing = name.partition(" ")
            yield Outcome(f"reddit/{subreddit}", listing, error=f"not asked after: {reason}")
        turns.due = []

    def _explained(self, http: Http, error: SourceError) -> str:
        text = http.redact(str(error))
        if isinstance(error, RefusedError) and error.status in {401, 403}:
            return f"{text}; {_REFUSED_MEMBER if self.config.feed_token else _REFUSED}"
        return text

    def _comments(self, http: Http, turns: _Turns, subreddit: str, post: str) -> Batch:
        """Return the comments of one thread, from its feed."""
        del turns.best[0]
        threads: tuple[Thread, ...] = ()
        skipped = 0
        try:
            feed = http.fetch(
                f"{self.config.public_endpoint}/r/{subreddit}/comments/{post}/.rss?sort=top",
                read_feed,
                headers={"User-Agent": reddit_user_agent(http.contact)},
                secret=self._secret(),
            )
        except SourceError as error:
            if not (isinstance(error, RefusedError) and error.status in {404, 410}):
                turns.failed.append(http.redact(str(error)))
                turns.best = []  # threads are useful without comments, so the comments can wait
        else:
            entries = feed.findall(f"{ATOM}entry")
            threads = tuple(
                replace(thread, passages=comments_of_feed(entries, self.config.comments))
                for thread in map(thread_of_entry, entries)
                if thread is not None and thread.id == post
            )
            skipped = int(not threads)
        written = items.write_cursor(turns)
        return Batch(threads, written, skipped, memory=written)


def comments_of_feed(entries: list[Element], most: int) -> tuple[Passage, ...]:
    """Return the first `most` comments of a thread's feed that can be quoted."""
    passages: list[Passage] = []
    for entry in entries:
        if len(passages) == most:
            break
        if not child_text(entry, f"{ATOM}id").startswith("t1_"):
            continue
        own = _OWN.search(child_text(entry, f"{ATOM}content"))
        author = entry.find(f"{ATOM}author")
        name = "" if author is None else child_text(author, f"{ATOM}name")
        text = said("", own[1]) if own and not name.endswith("/AutoModerator") else ""
        alternate = entry.find(f"{ATOM}link")
        link = items.web_url("" if alternate is None else alternate.get("href", ""))
        if text and link:
            passages.append(Passage(PassageKind.COMMENT, text, link))
    return tuple(passages)


def thread_of_entry(entry: Element) -> Thread | None:
    """Convert an entry of a subreddit's feed to a thread without counts; None if it is damaged.

    Only the text between Reddit's own markers is kept, because the other content names the user.
    """
    kind, _, post = child_text(entry, f"{ATOM}id").rpartition("t3_")
    category = entry.find(f"{ATOM}category")
    subreddit = "" if category is None else category.get("term", "")
    title = one_line(child_text(entry, f"{ATOM}title"))
    stated = child_text(entry, f"{ATOM}published") or child_text(entry, f"{ATOM}updated")
    created = items.unix_time(stated)
    if kind or not items.is_id(post) or not is_subreddit(subreddit) or not title or created is None:
        return None
    alternate = entry.find(f"{ATOM}link")
    link = items.web_url("" if alternate is None else alternate.get("href", ""))
    link = link or f"{_SITE}/r/{subreddit}/comments/{post}/"
    content = child_text(entry, f"{ATOM}content")
    target, own_part = _LINKED.search(content), _OWN.search(content)
    url = items.web_url(html.unescape(target[1])) if target else None
    own = said("", own_part[1]) if own_part else ""
    return Thread(
        f"reddit/{subreddit}",
        post,
        title,
        created,
        link,
        None if url and points_at_itself(url, post) else url,
        passages=items.post_passages(own, link),
    )
