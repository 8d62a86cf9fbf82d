"""One small site in four frameworks, behind the gate: what the tests of the adapters serve.

    /           HTML          /feed.xml  a feed         /events  server-sent events (ASGI)
    /page/N     HTML          /echo      the length of what was sent, read as it comes
    /ws         WebSocket: says everything back (ASGI)

The policy and the state are named by GATE_POLICY and GATE_STATE.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import fastapi
from fastapi import responses

from shiomi.gate import asgi, wsgi
from shiomi.gate.gatekeeper import Gatekeeper
from shiomi.gate.state.opening import open_state

PAGE = "<!DOCTYPE html><html><body><h1>The site's own page</h1>{path}</body></html>"
FEED = '<?xml version="1.0"?><rss version="2.0"><channel><title>The feed</title></channel></rss>'
ROBOTS = "User-agent: *\nDisallow: /.gate/\n"


def _gatekeeper() -> Gatekeeper:
    state = open_state(os.environ.get("GATE_STATE", "memory"), clients=10_000)
    return Gatekeeper(os.environ.get("GATE_POLICY") or None, state=state)


def starlette_app() -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket

    async def page(request: Request) -> Response:
        return HTMLResponse(PAGE.format(path=request.url.path))

    async def feed(request: Request) -> Response:
        return Response(FEED, media_type="application/rss+xml")

    async def robots(request: Request) -> Response:
        return PlainTextResponse(ROBOTS)

    async def echo(request: Request) -> Response:
        length = 0
        async for chunk in request.stream():
            length += len(chunk)
        return PlainTextResponse(str(length))

    async def events(request: Request) -> Response:
        async def stream() -> AsyncIterator[str]:
            for number in range(3):
                yield f"data: {number}\n\n"
                await asyncio.sleep(0.5)

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    routes = [
        Route("/feed.xml", feed),
        Route("/robots.txt", robots),
        Route("/echo", echo, methods=["POST", "PUT"]),
        Route("/events", events),
        WebSocketRoute("/ws", talk),
        Route("/{rest:path}", page),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(asgi.GateMiddleware, gatekeeper=_gatekeeper())
    return app


def fastapi_app() -> Any:
    app = fastapi.FastAPI()
    app.add_middleware(asgi.GateMiddleware, gatekeeper=_gatekeeper())

    @app.get("/feed.xml")
    async def feed() -> responses.Response:
        return responses.Response(FEED, media_type="application/rss+xml")

    @app.get("/robots.txt")
    async def robots() -> responses.PlainTextResponse:
        return responses.PlainTextResponse(ROBOTS)

    @app.post("/echo")
    async def echo(request: fastapi.Request) -> responses.PlainTextResponse:
        return responses.PlainTextResponse(str(len(await request.body())))

    @app.api_route("/{rest:path}", methods=["GET", "HEAD"])
    async def page(rest: str) -> responses.HTMLResponse:
        return responses.HTMLResponse(PAGE.format(path=f"/{rest}"))

    return app


def flask_app() -> Callable[..., Iterable[bytes]]:
    from flask import Flask, Response, request

    app = Flask(__name__)

    @app.get("/feed.xml")
    def feed() -> Response:
        return Response(FEED, mimetype="application/rss+xml")

    @app.get("/robots.txt")
    def robots() -> Response:
        return Response(ROBOTS, mimetype="text/plain")

    @app.post("/echo")
    def echo() -> Response:
        length = 0
        while chunk := request.stream.read(65536):
            length += len(chunk)
        return Response(str(length), mimetype="text/plain")

    @app.get("/")
    @app.get("/<path:rest>")
    def page(rest: str = "") -> str:
        return PAGE.format(path=f"/{rest}")

    return wsgi.GateMiddleware(app.wsgi_app, gatekeeper=_gatekeeper(), dns=False)


def _django() -> None:
    import django
    from django.conf import settings
    from django.http import HttpRequest, HttpResponse
    from django.urls import re_path

    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(PAGE.format(path=request.path))

    def feed(request: HttpRequest) -> HttpResponse:
        return HttpResponse(FEED, content_type="application/rss+xml")

    def robots(request: HttpRequest) -> HttpResponse:
        return HttpResponse(ROBOTS, content_type="text/plain")

    def echo(request: HttpRequest) -> HttpResponse:
        length = 0
        while chunk := request.read(65536):
            length += len(chunk)
        return HttpResponse(str(length), content_type="text/plain")

    class Urls:
        urlpatterns = [  # noqa: RUF012 - Django's name and kind
            re_path(r"^feed\.xml$", feed),
            re_path(r"^robots\.txt$", robots),
            re_path(r"^echo$", echo),
            re_path(r"", page),
        ]

    settings.configure(
        ALLOWED_HOSTS=["*"], ROOT_URLCONF=Urls, SECRET_KEY="only for tests", MIDDLEWARE=[]
    )
    django.setup()


def django_asgi() -> Any:
    from django.core.asgi import get_asgi_application

    _django()
    return asgi.GateMiddleware(get_asgi_application(), gatekeeper=_gatekeeper())


def django_wsgi() -> Callable[..., Iterable[bytes]]:
    from django.core.wsgi import get_wsgi_application

    _django()
    return wsgi.GateMiddleware(get_wsgi_application(), gatekeeper=_gatekeeper(), dns=False)


def plain_app() -> Any:
    """The site without a gate, for servers that ask one."""
    app = starlette_app()
    app.user_middleware.clear()
    return app


async def reached(scope: Any, receive: Any, send: Any) -> None:
    """Answers everything, and says that it was reached."""
    if scope["type"] != "http":
        return
    headers = [(b"x-origin", b"reached"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def reached_app() -> Any:
    return reached


def reached_asgi() -> Any:
    return asgi.GateMiddleware(reached, gatekeeper=_gatekeeper())


def reached_wsgi() -> Callable[..., Iterable[bytes]]:
    def site(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("X-Origin", "reached"), ("Content-Length", "0")])
        return []

    return wsgi.GateMiddleware(site, gatekeeper=_gatekeeper(), dns=False)
