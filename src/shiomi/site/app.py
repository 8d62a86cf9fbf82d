"""The site as an ASGI application: it maps routes to queries and pages."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from shiomi.digest.archive import Archive
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.config import Config
from shiomi.digest.errors import ArchiveBusyError, ArchiveError
from shiomi.digest.languages import load_language
from shiomi.digest.render import render_atom, render_json, render_json_feed, render_markdown
from shiomi.site import queries
from shiomi.site.api import api_routes
from shiomi.site.errors import BadRequestError
from shiomi.site.pages import LANGUAGES, Pages, stylesheet
from shiomi.site.readers import Readers
from shiomi.site.responses import HTML, JSON, Content, SecurityHeaders, respond, unavailable

__all__ = ["create_app"]

ATOM = "application/atom+xml; charset=utf-8"
ISSUES = 26  # number of digests on one page of the list
FEED = 20  # number of digests in a feed
_CACHED = 512  # largest number of contents in the cache
_YEAR = 31_536_000

Answer = Callable[[Request, Archive], Content]


class _DayConvertor(StringConvertor):
    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


register_url_convertor("day", _DayConvertor())


def create_app(config: Config) -> Starlette:
    """Return the site without its gate, which serving.py adds."""
    readers = Readers(config.archive)
    rooms = [_Room(config, readers, code) for code in LANGUAGES]
    own = next(room for room in rooms if room.pages.code == config.language)
    routes = [route for room in rooms for route in room.routes("" if room is own else None)]
    routes += api_routes(readers, config)
    routes += [
        Route("/healthz", partial(_health, readers)),
        Route("/favicon.svg", _favicon),
        Route("/assets/{name}", _style),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        readers.close()

    def of(request: Request) -> _Room:
        """Return the pages in the language that is part of the requested address."""
        code = request.url.path.split("/")[1]
        return next((room for room in rooms if room.pages.code == code), own)

    handlers: dict[Any, Any] = {
        HTTPException: partial(_refused, of),
        BadRequestError: partial(_wrong, of),
        ArchiveBusyError: partial(_busy, of),
        ArchiveError: partial(_busy, of),
    }
    return Starlette(
        routes=routes,
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers=handlers,
        lifespan=lifespan,
    )


class _Room:
    """The pages in one interface language."""

    def __init__(self, config: Config, readers: Readers, code: str) -> None:
        self.pages = Pages(config, code)
        self._config = config
        self._readers = readers
        self._content: dict[object, tuple[object, Content]] = {}

    def routes(self, prefix: str | None) -> list[BaseRoute]:
        """Return the routes under `prefix`. The default prefix (None) is the code of the
        language."""
        start = f"/{self.pages.code}" if prefix is None else prefix
        kept: dict[str, Answer] = {  # cached answers, which change only if the archive changes
            "/": self._issues,
            "/{last:day}": self._digest,
            "/{last:day}.md": partial(self._file, kind="md"),
            "/{last:day}.json": partial(self._file, kind="json"),
            "/atom.xml": partial(self._feed, kind="atom"),
            "/feed.json": partial(self._feed, kind="json"),
            "/watch": self._subjects,
            "/trends": self._trends,
            "/sources": self._sources,
            "/feeds": self._feeds,
        }
        made: dict[str, Answer] = {  # answers that are made for each request
            "/story/{uid:path}": self._story,
            "/search": self._search,
            "/search.atom": partial(self._search, feed=True),
            "/watch/{name:path}.atom": partial(self._subject, feed=True),
            "/watch/{name:path}": self._subject,
        }
        return [
            *(Route(f"{start}{path}", partial(self._from_cache, make))
              for path, make in kept.items()),
            *(Route(f"{start}{path}", partial(self._answer, make)) for path, make in made.items()),
            Route(f"{start}/{{last:day}}.html", self._moved),
            Route(f"{start}/index.html", self._moved),
        ]  # fmt: skip

    async def _moved(self, request: Request) -> Response:
        last = request.path_params.get("last", "")
        return RedirectResponse(f"{self.pages.base}/{last}", 301)

    async def _answer(self, make: Answer, request: Request) -> Response:
        return respond(request, await self._readers.run(partial(make, request)))

    async def _from_cache(self, make: Answer, request: Request) -> Response:
        """Answer from the cache if the archive has not changed since the answer was stored."""
        token = self._readers.token()
        key = request.url.path, _page(request)
        kept = self._content.get(key)
        if kept is None or kept[0] != token:
            if len(self._content) >= _CACHED:
                self._content.clear()
            kept = token, await self._readers.run(partial(make, request))
            self._content[key] = kept
        return respond(request, kept[1])

    def _language(self, archive: Archive) -> str:
        """Return the language of the interface if there are digests in it, else the configured
        language."""
        if DigestStore(archive, self.pages.code).weeks():
            return self.pages.code
        return self._config.language

    def _digest(self, request: Request, archive: Archive) -> Content:
        last = request.path_params["last"]
        language = self._language(archive)
        digest = queries.read_digest(archive, last, language)
        if digest is None:
            raise HTTPException(404)
        dates = DigestStore(archive, language).weeks()  # newest first
        place = dates.index(last)
        older = dates[place + 1] if place + 1 < len(dates) else None
        newer = dates[place - 1] if place else None
        page = self.pages.digest(digest, older, newer)
        return Content.of(page, HTML, modified=digest.as_of)

    def _issues(self, request: Request, archive: Archive) -> Content:
        number = _page(request)
        language = self._language(archive)
        store = DigestStore(archive, language)
        found = store.documents(ISSUES + 1, (number - 1) * ISSUES)
        if number > 1 and not found:
            raise HTTPException(404)
        digests = [store.read(last, document) for last, document in found[:ISSUES]]
        page = self.pages.issues(digests, number, more=len(found) > ISSUES)
        return Content.of(page, HTML, modified=max((one.as_of for one in digests), default=None))

    def _file(self, request: Request, archive: Archive, *, kind: str) -> Content:
        last = request.path_params["last"]
        digest = queries.read_digest(archive, last, self._language(archive))
        if digest is None:
            raise HTTPException(404)
        if kind == "json":
            return Content.of(render_json(digest), JSON, modified=digest.as_of)
        text = render_markdown(digest, load_language(digest.language))
        return Content.of(text, "text/markdown; charset=utf-8", modified=digest.as_of)

    def _feed(self, _: Request, archive: Archive, *, kind: str) -> Content:
        code = self._language(archive)
        digests = queries.newest_digests(archive, code, FEED)
        language = load_language(code)
        modified = max((one.as_of for one in digests), default=None)
        site = f"{self.pages.site}{self.pages.base.removeprefix(self.pages.root)}"
        site = site if self.pages.site else ""
        if kind == "atom":
            return Content.of(render_atom(digests, language, site=site), ATOM, modified=modified)
        feed = render_json_feed(digests, language, site=site)
        return Content.of(feed, "application/feed+json", modified=modified)

    def _story(self, request: Request, archive: Archive) -> Content:
        uid = request.path_params["uid"]
        found = queries.story(archive, uid, self._language(archive))
        if found is None:
            raise HTTPException(404)
        newest = [one.readings[-1].time for one in found.story.threads if one.readings]
        return Content.of(self.pages.story(found), HTML, modified=max(newest, default=None))

    def _search(self, request: Request, archive: Archive, *, feed: bool = False) -> Content:
        asked = queries.parse_search(dict(request.query_params))
        found = queries.search(archive, asked, self.pages.zone, self._language(archive))
        newest = archive.newest()
        if feed:
            return Content.of(self.pages.search_feed(found, updated=newest), ATOM, modified=newest)
        page = self.pages.search(found, archive.communities())
        return Content.of(page, HTML, modified=newest)

    def _subjects(self, _: Request, archive: Archive) -> Content:
        found = queries.subject_weeks(archive, self._language(archive))
        return Content.of(self.pages.subjects(found), HTML, modified=archive.newest())

    def _subject(self, request: Request, archive: Archive, *, feed: bool = False) -> Content:
        name = request.path_params["name"]
        weeks = queries.subject_weeks(archive, self._language(archive), name).get(name)
        if weeks is None:
            raise HTTPException(404)
        newest = archive.newest()
        if feed:
            text = self.pages.subject_feed(name, weeks, updated=newest)
            return Content.of(text, ATOM, modified=newest)
        return Content.of(self.pages.subject(name, weeks), HTML, modified=newest)

    def _trends(self, _: Request, archive: Archive) -> Content:
        weeks = queries.trend_weeks(archive, self._language(archive))
        return Content.of(self.pages.trends(weeks), HTML, modified=archive.newest())

    def _sources(self, _: Request, archive: Archive) -> Content:
        return Content.of(self.pages.sources(queries.sources(archive)), HTML,
                          modified=archive.newest())  # fmt: skip

    def _feeds(self, _: Request, archive: Archive) -> Content:
        subjects = queries.subject_weeks(archive, self._language(archive))
        return Content.of(self.pages.feeds(subjects), HTML, modified=archive.newest())


def _page(request: Request) -> int:
    """Return the page of a list that the query string names."""
    return queries.parse_search({"page": request.query_params.get("page", "")}).page


async def _health(readers: Readers, _: Request) -> Response:
    readers.token()
    return Response("ok\n", media_type="text/plain", headers={"Cache-Control": "no-store"})


async def _favicon(request: Request) -> Response:
    from importlib.resources import files

    icon = files("shiomi.site").joinpath("assets/favicon.svg").read_bytes()
    return respond(request, Content.of(icon, "image/svg+xml", age=86_400))


async def _style(request: Request) -> Response:
    name, text = stylesheet()
    if request.path_params["name"] != name:
        raise HTTPException(404)
    return respond(request, Content.of(text, "text/css; charset=utf-8", age=_YEAR))


_RoomOf = Callable[[Request], _Room]


def _problem(room: _Room, request: Request, status: int, title: str, text: str) -> Response:
    headers = {"Cache-Control": "no-store"}
    if _is_api(request):
        import msgspec

        body = msgspec.json.encode({"error": text})
        return Response(body, status, headers, JSON)
    return Response(room.pages.problem(title, text), status, headers, HTML)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def _refused(of: _RoomOf, request: Request, error: HTTPException) -> Response:
    room = of(request)
    if error.status_code == 404:
        say = room.pages.language.phrase
        return _problem(room, request, 404, "site.missing_title", say("site.missing"))
    response = _problem(room, request, error.status_code, "site.error_title", error.detail)
    response.headers.update(error.headers or {})
    return response


async def _wrong(of: _RoomOf, request: Request, error: BadRequestError) -> Response:
    room = of(request)
    said = room.pages.language.phrase(f"site.bad_{error.key}", **error.slots)
    text = str(error) if _is_api(request) else said
    return _problem(room, request, 400, "site.bad_title", text)


async def _busy(of: _RoomOf, request: Request, _: ArchiveError) -> Response:
    room = of(request)
    response = _problem(
        room, request, 503, "site.busy_title", room.pages.language.phrase("site.busy")
    )
    response.headers["Retry-After"] = unavailable("").headers["Retry-After"]
    return response
