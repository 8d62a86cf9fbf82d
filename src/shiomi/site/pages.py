"""Render the results of queries as pages of the site, in HTML and Atom."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import ChoiceLoader, Environment, PackageLoader

from shiomi.digest.config import Config
from shiomi.digest.document import Digest, Origin, Sentence, Topic, Trend
from shiomi.digest.languages import Language, load_language
from shiomi.digest.render.html import page_context, templates
from shiomi.digest.render.page import DigestPage, ThemeBlock, ThreadRow, lay_out
from shiomi.digest.story import Story
from shiomi.digest.thread import PassageKind, Thread, community_label
from shiomi.digest.untrusted import clean, language_of, shorten
from shiomi.digest.week import Week
from shiomi.site.finding import StoryHit
from shiomi.site.queries import (
    PAGE,
    SearchPage,
    SearchRequest,
    SourcesPage,
    StoryPage,
    SubjectWeek,
    TrendWeek,
)

__all__ = ["LANGUAGES", "Pages", "stylesheet"]

LANGUAGES = ("ja", "en")
QUOTES = 6  # number of passages of a story that are shown
_QUOTE = 600  # number of characters of a passage that are shown
_RFC_3339 = "%Y-%m-%dT%H:%M:%SZ"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Return the template environment. It shows the digest's templates inside the frame of the
    site."""
    loader = ChoiceLoader([PackageLoader("shiomi.site"), PackageLoader("shiomi.digest.render")])
    return templates().overlay(loader=loader)


@lru_cache(maxsize=1)
def stylesheet() -> tuple[str, str]:
    """Return the name and the text of the style sheet. If the text changes, the name changes
    too."""
    digest = _environment().get_template("style.css.j2").render()
    text = digest + files("shiomi.site").joinpath("assets/site.css").read_text(encoding="utf-8")
    return f"style-{blake2b(text.encode(), digest_size=6).hexdigest()}.css", text


@dataclass(frozen=True, slots=True)
class _Listed:
    """A hit of a search, ready to be shown."""

    source: ThreadRow
    elsewhere: tuple[ThreadRow, ...]  # the other threads of the story
    posted: str
    snippet: str  # "" if the words were found in the title
    snippet_lang: str | None


@dataclass(frozen=True, slots=True)
class _ThemeWeek:
    last: str
    theme: ThemeBlock
    communities: str = ""


class Pages:
    """The pages in one interface language. Their addresses begin with `prefix`: "" or "/en"."""

    def __init__(self, config: Config, code: str) -> None:
        self.code = code
        self.language: Language = load_language(code)
        self.zone = config.timezone
        self.site = config.site.rstrip("/")
        self.root = urlsplit(config.site).path.rstrip("/")
        self.base = self.root if code == config.language else f"{self.root}/{code}"
        self._others = tuple(one for one in LANGUAGES if one != code)
        self._default = config.language

    def digest(self, digest: Digest, older: str | None, newer: str | None) -> str:
        """Return the page of one digest. The text of the digest is not translated."""
        spoken = load_language(digest.language)
        page = lay_out(digest, spoken)
        return self._render(
            "digest.html.j2",
            "home",
            f"/{page.date}",
            **(page_context(spoken) | self._addresses()),
            page=page,
            older=older,
            newer=newer,
        )

    def issues(self, digests: Iterable[Digest], number: int, more: bool) -> str:
        """Return page `number` of the list of digests, newest first."""
        pages = [lay_out(one, load_language(one.language)) for one in digests]
        return self._page(
            "issues.html.j2",
            "home",
            "/" if number == 1 else f"/?page={number}",
            self._say("render.series"),
            pages=pages,
            newer=None if number == 1 else f"{self.base}/?page={number - 1}",
            older=f"{self.base}/?page={number + 1}" if more else None,
        )

    def story(self, found: StoryPage) -> str:
        """Return the page of a story: threads, counts over time, earlier titles, quotations,
        related stories."""
        page = self._laid_out(found.story, found.related)
        topic = page.topics[0]
        told = [
            self._say(
                "site.first_seen",
                title=shorten(clean(title), 200),
                time=self.language.moment(first, self.zone),
            )
            for one in found.earlier_titles
            for first, title in one.titles
        ]
        return self._page(
            "story.html.j2",
            "",
            f"/story/{quote(found.story.id)}",
            topic.heading.text,
            heading_lang=topic.heading.lang,
            page=page,
            topic=topic,
            listed=[(one, self._moment(one.thread.created)) for one in topic.sources],
            related=topic.related,
            ties=self._ties(found),
            earlier=told,
            told=found.digests,
        )

    def search(self, found: SearchPage, communities: Sequence[str]) -> str:
        """Return the search form with one page of hits."""
        asked = found.request
        pairs = self._say("render.comma").join(
            self._say("site.pair", word=word, english=english) for word, english in found.translated
        )
        address = search_address(asked)
        here = f"{self.base}/search?"
        return self._page(
            "search.html.j2",
            "search",
            f"/search?{address}" if asked.q else "/search",
            self._say("site.search"),
            asked=asked,
            communities=[(one, clean(community_label(one))) for one in communities],
            hits=self._hits(found.hits),
            pairs=pairs,
            start=(asked.page - 1) * PAGE + 1,
            told=found.digests,
            feed=f"{self.base}/search.atom?{search_address(replace(asked, page=1))}",
            previous=here + search_address(replace(asked, page=asked.page - 1))
            if asked.page > 1
            else None,
            following=here + search_address(replace(asked, page=asked.page + 1))
            if found.more
            else None,
        )

    def search_feed(self, found: SearchPage, *, updated: int | None) -> str:
        """Return the first hits of a search as Atom (RFC 4287)."""
        address = search_address(found.request)
        name = f"{self.base}/search?{address}"
        return self._atom(
            self._say("site.results", q=clean(found.request.q)),
            name,
            f"{self.base}/search.atom?{address}",
            [hit.thread for hit in found.hits],
            updated,
        )

    def subjects(self, weeks: Mapping[str, Sequence[SubjectWeek]]) -> str:
        """Return the page of all watched subjects, each with its newest week."""
        subjects = [_ThemeWeek(found[0].last, self._theme(found[0])) for found in weeks.values()]
        return self._page("subjects.html.j2", "watch", "/watch", self._say("site.watch"),
                          subjects=subjects)  # fmt: skip

    def subject(self, name: str, weeks: Sequence[SubjectWeek]) -> str:
        """Return the page of one watched subject over the weeks."""
        shown = [
            _ThemeWeek(week.last, self._theme(week), self._counted(week.communities))
            for week in weeks
        ]
        address = f"/watch/{quote(name, safe='')}"
        return self._page(
            "subject.html.j2",
            "watch",
            address,
            shown[0].theme.name,
            heading_lang=shown[0].theme.lang,
            weeks=shown,
            feed=f"{self.base}{address}.atom",
        )

    def subject_feed(self, name: str, weeks: Sequence[SubjectWeek], *, updated: int | None) -> str:
        """Return the threads of a watched subject as Atom."""
        address = f"{self.base}/watch/{quote(name, safe='')}"
        threads = {one.uid: one for week in weeks for one in week.subject.threads}
        newest = sorted(threads.values(), key=lambda one: -one.created)[:PAGE]
        return self._atom(clean(name), address, f"{address}.atom", newest, updated)

    def trends(self, weeks: Sequence[TrendWeek]) -> str:
        """Return the page with the themes of each week, newest week first."""
        shown = [
            {"last": week.last, "themes": self._themes(week.last, week.trends)} for week in weeks
        ]
        return self._page("trends.html.j2", "trends", "/trends", self._say("site.trends"),
                          weeks=shown)  # fmt: skip

    def sources(self, found: SourcesPage) -> str:
        """Return the page with the content of the archive and the state of collecting."""
        never = self._say("site.never")
        communities = [
            {
                "name": clean(community_label(one.community)),
                "threads": self.language.number(one.threads),
                "thread": self._moment(one.newest_thread),
                "reading": self._moment(one.newest_reading) if one.newest_reading else never,
            }
            for one in found.communities
        ]
        feeds = [
            {
                "name": clean(f"{community_label(one.community)} {one.feed}"),
                "success": self._moment(one.success) if one.success else never,
                "failures": self.language.number(one.failures),
                "error": shorten(clean(one.error), 200) if one.error else self._say("site.none"),
            }
            for one in found.feeds
        ]
        return self._page("sources.html.j2", "sources", "/sources", self._say("site.sources"),
                          communities=communities, feeds=feeds)  # fmt: skip

    def feeds(self, subjects: Iterable[str]) -> str:
        """Return the page that lists the feeds."""
        listed = [("Atom", f"{self.base}/atom.xml"), ("JSON Feed", f"{self.base}/feed.json")]
        listed += [
            (f"{self._say('site.watch')}: {clean(name)}",
             f"{self.base}/watch/{quote(name, safe='')}.atom")
            for name in subjects
        ]  # fmt: skip
        listed.append((f"{self._say('site.api')} (OpenAPI)", f"{self.root}/api/v1/openapi.json"))
        return self._page("feeds.html.j2", "feeds", "/feeds", self._say("site.feeds"), feeds=listed)

    def problem(self, title: str, text: str) -> str:
        """Return the page that explains an error."""
        return self._page("problem.html.j2", "", "/", self._say(title), text=text)

    def _page(self, template: str, here: str, path: str, heading: str, **values: object) -> str:
        context = page_context(self.language) | self._addresses()
        context |= {"heading": heading, "heading_lang": None}
        return self._render(template, here, path, **(context | values))

    def _render(self, template: str, here: str, path: str, **values: object) -> str:
        other = self._others[0]
        prefix = self.root if other == self._default else f"{self.root}/{other}"
        frame = {
            "ui": self.language.phrase,
            "ui_lang": self.code if values["lang"] != self.code else None,
            "root": self.root,
            "base": self.base,
            "here": here,
            "stylesheet": stylesheet()[0],
            "navigation": [
                ("home", f"{self.base}/"),
                *((one, f"{self.base}/{one}") for one in _ROOMS),
            ],
            "other": {"code": other, "href": f"{prefix}{path}"},
        }
        return _environment().get_template(template).render(**(values | frame))

    def _addresses(self) -> dict[str, object]:
        return {"html": "", "home": f"{self.base}/", "story": f"{self.base}/story/"}

    def _say(self, key: str, **slots: object) -> str:
        return self.language.phrase(key, **slots)

    def _moment(self, moment: int) -> str:
        try:
            return self.language.moment(moment, self.zone)
        except (ValueError, OverflowError, OSError):
            return self._say("render.unknown")

    def _laid_out(self, story: Story, related: Sequence[Thread] = ()) -> DigestPage:
        """Return a digest page with the story as its only topic. So the story looks the same as in
        a digest."""
        first = story.threads[0]
        topic = Topic(story, first.title, first.link, _quotes(story), (), (), tuple(related))
        return self._bare((topic,))

    def _bare(self, topics: tuple[Topic, ...] = (), trends: tuple[Trend, ...] = ()) -> DigestPage:
        week = Week(datetime.now(UTC).date(), self.zone)
        return lay_out(Digest(week, self.code, int(time.time()), topics, trends), self.language)

    def _ties(self, found: StoryPage) -> list[tuple[str, str]]:
        """Return why the threads are one story. There is a sentence for each tie, with the reasons
        of the linking model."""
        names = {
            one.uid: self._say("site.tied", community=clean(community_label(one.community)),
                               title=shorten(clean(one.title), 60))
            for one in found.story.threads
        }  # fmt: skip
        ties = []
        for tie in found.ties:
            percent = self.language.number(min(99, int(tie.link.score * 100)))
            reason = self._say(f"site.tie_{tie.link.kind}", percent=percent)
            text = self._say("site.tie", thread=names[tie.link.a], other=names[tie.link.b],
                             reason=reason)  # fmt: skip
            said = [clean(self._say(f"site.reason_{group}", detail=detail))
                    for group, detail in tie.reasons]  # fmt: skip
            ties.append((text, self._say("render.comma").join(said)))
        return ties

    def _hits(self, hits: Sequence[StoryHit]) -> list[_Listed]:
        listed = []
        for hit in hits:
            story = Story((hit.thread, *hit.elsewhere))
            source, *elsewhere = self._laid_out(story).topics[0].sources
            snippet = "" if hit.snippet in hit.thread.title else clean(hit.snippet)
            lang = language_of(snippet)
            listed.append(
                _Listed(
                    source,
                    tuple(elsewhere),
                    self._moment(hit.thread.created),
                    snippet,
                    None if lang == self.code else lang,
                )
            )
        return listed

    def _theme(self, week: SubjectWeek) -> ThemeBlock:
        digest = Digest(Week(date.fromisoformat(week.last), self.zone), self.code,
                        int(time.time()), (), (), (week.subject,))  # fmt: skip
        return lay_out(digest, self.language).subjects[0]

    def _themes(self, last: str, trends: tuple[Trend, ...]) -> tuple[ThemeBlock, ...]:
        week = Week(date.fromisoformat(last), self.zone)
        digest = Digest(week, self.code, int(time.time()), (), trends)
        return lay_out(digest, self.language).trends

    def _counted(self, communities: Sequence[tuple[str, int]]) -> str:
        return self._say("render.comma").join(
            f"{clean(community_label(name))} {self.language.number(count)}"
            for name, count in communities
        )

    def _atom(
        self, title: str, page: str, own: str, threads: Sequence[Thread], updated: int | None
    ) -> str:
        origin = self.site.removesuffix(self.root) if self.site else ""
        host = urlsplit(self.site).hostname or "shiomi.invalid"
        entries = [
            {
                "id": f"tag:{host},2026:story/{quote(one.uid)}",
                "title": shorten(clean(one.title), 200) or self._say("render.untitled"),
                "updated": _rfc_3339(one.created),
                "href": f"{origin}{self.base}/story/{quote(one.uid)}",
                "summary": f"{clean(community_label(one.community))} {self._moment(one.created)}",
            }
            for one in threads
        ]
        newest = max((one.created for one in threads), default=updated or 0)
        feed = {
            "id": f"tag:{host},2026:{page}",
            "title": f"{title} - {self._say('render.series')}",
            "updated": _rfc_3339(newest),
            "page": origin + page,
            "self": origin + own,
        }
        template = _environment().get_template("threads.atom.j2")
        return template.render(lang=self.code, feed=feed, entries=entries)


_ROOMS = ("search", "watch", "trends", "sources", "feeds")


def search_address(asked: SearchRequest) -> str:
    """Return a search as a query string. Equal searches have the same query string."""
    fields = {
        "q": asked.q,
        "community": asked.community,
        "since": asked.since,
        "until": asked.until,
        "points": asked.points,
        "page": asked.page if asked.page > 1 else None,
    }
    return urlencode({key: value for key, value in fields.items() if value is not None},
                     errors="replace")  # fmt: skip


def _quotes(story: Story) -> tuple[Sentence, ...]:
    """Return the passages to show: each thread's own text first, then the best rated comments."""
    found = [(thread, passage) for thread in story.threads for passage in thread.passages]
    found.sort(
        key=lambda one: (one[1].kind is PassageKind.COMMENT, -(one[1].points or 0), one[1].link)
    )
    return tuple(
        Sentence(
            shorten(re.sub(r"\s+", " ", passage.text), _QUOTE),
            Origin.QUOTE,
            (thread.uid,),
            passage.link or thread.link,
        )
        for thread, passage in found[:QUOTES]
    )


def _rfc_3339(moment: int) -> str:
    try:
        return datetime.fromtimestamp(moment, UTC).strftime(_RFC_3339)
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00Z"
