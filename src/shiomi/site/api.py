"""/api/v1 serves the content of the pages as read-only JSON, described by OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from shiomi import __version__
from shiomi.digest.archive import Archive
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.config import Config
from shiomi.digest.document import Digest
from shiomi.site import queries
from shiomi.site.readers import Readers
from shiomi.site.responses import JSON, Content, respond

__all__ = ["api_routes", "openapi"]


@dataclass(frozen=True, slots=True)
class DigestList:
    """The weeks that have a digest, each by its last day, newest first."""

    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Watches:
    """The watched subjects by name, each with its weeks, newest week first."""

    subjects: dict[str, list[queries.SubjectWeek]]


@dataclass(frozen=True, slots=True)
class Trends:
    """The trends of the newest digests."""

    weeks: tuple[queries.TrendWeek, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """The reason why a request was refused."""

    error: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint of the API, with its description for OpenAPI."""

    path: str
    summary: str
    result: type[Any]
    answer: Callable[[Archive, Config, Request], Any]  # returns None if there is no such item
    in_query: tuple[str, ...] = ()


def _digests(archive: Archive, config: Config, _: Request) -> DigestList:
    return DigestList(tuple(DigestStore(archive, config.language).weeks()))


def _digest(archive: Archive, config: Config, request: Request) -> Digest | None:
    return queries.read_digest(archive, request.path_params["last"], config.language)


def _story(archive: Archive, config: Config, request: Request) -> queries.StoryPage | None:
    return queries.story(archive, request.path_params["uid"], config.language)


def _search(archive: Archive, config: Config, request: Request) -> queries.SearchPage:
    asked = queries.parse_search(dict(request.query_params))
    return queries.search(archive, asked, config.timezone, config.language)


def _watches(archive: Archive, config: Config, _: Request) -> Watches:
    return Watches(queries.subject_weeks(archive, config.language))


def _trends(archive: Archive, config: Config, _: Request) -> Trends:
    return Trends(tuple(queries.trend_weeks(archive, config.language)))


def _sources(archive: Archive, _config: Config, _: Request) -> queries.SourcesPage:
    return queries.sources(archive)


OPERATIONS = (
    Operation("/api/v1/digests", "List the digests", DigestList, _digests),
    Operation("/api/v1/digests/{last}", "One digest", Digest, _digest),
    Operation("/api/v1/stories/{uid}", "The story of a thread", queries.StoryPage, _story),
    Operation(
        "/api/v1/search",
        "Find stories by their words",
        queries.SearchPage,
        _search,
        ("q", "community", "since", "until", "points", "page"),
    ),
    Operation("/api/v1/watch", "The watched subjects", Watches, _watches),
    Operation("/api/v1/trends", "The trends of the newest digests", Trends, _trends),
    Operation("/api/v1/sources", "How fresh the archive is", queries.SourcesPage, _sources),
)


def api_routes(readers: Readers, config: Config) -> list[BaseRoute]:
    """Return the routes of the API."""
    routes: list[BaseRoute] = [
        Route(one.path.replace("{uid}", "{uid:path}"), _handler(one, readers, config))
        for one in OPERATIONS
    ]
    content = Content.of(msgspec.json.encode(openapi(config.site)), JSON)

    async def description(request: Request) -> Response:
        return respond(request, content)

    return [*routes, Route("/api/v1/openapi.json", description)]


def _handler(
    operation: Operation, readers: Readers, config: Config
) -> Callable[[Request], Awaitable[Response]]:
    def answer(request: Request, archive: Archive) -> Content:
        found = operation.answer(archive, config, request)
        if found is None:
            raise HTTPException(404)
        return Content.of(msgspec.json.encode(found), JSON, modified=archive.newest())

    async def handle(request: Request) -> Response:
        return respond(request, await readers.run(partial(answer, request)))

    return handle


def openapi(site: str = "") -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of the API. The schemas are made from the types of the
    answers."""
    types = [*dict.fromkeys(one.result for one in OPERATIONS), Problem]
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    references = dict(zip(types, schemas, strict=True))
    refused = {
        "description": "Refused",
        "content": {"application/json": {"schema": references[Problem]}},
    }
    paths = {}
    for one in OPERATIONS:
        in_path = [name for name in ("last", "uid") if f"{{{name}}}" in one.path]
        paths[one.path] = {
            "get": {
                "summary": one.summary,
                "operationId": one.answer.__name__.strip("_"),
                "parameters": [
                    {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                    for name in in_path
                ]
                + [
                    {"name": name, "in": "query", "schema": {"type": "string"}}
                    for name in one.in_query
                ],
                "responses": {
                    "200": {
                        "description": "OK",
                        "content": {"application/json": {"schema": references[one.result]}},
                    },
                    "304": {"description": "Not modified (If-None-Match)"},
                    **({"404": refused} if in_path else {}),
                    "503": {"description": "The archive is busy; see Retry-After"},
                },
            }
        }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Shiomi", "version": __version__},
        "paths": paths,
        "components": {"schemas": components},
    }
    if site:
        document["servers"] = [{"url": site.rstrip("/")}]
    return document
