"""A form of the site's own that comes before the cookie reaches the page, whole."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterable
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from shiomi.gate.asgi import GateMiddleware
from shiomi.gate.kept_form import LONGEST
from shiomi.gate.state.memory import MemoryState
from shiomi.gate.wsgi import GateMiddleware as WsgiGate
from tests.gate.http_client import BROWSER

FIELDS = [("name", 'a "<b>'), ("text", "潮\r\n&"), ("empty", ""), ("name", "again")]
BODY = urlencode(FIELDS).encode()
FORM = ("content-type", "application/x-www-form-urlencoded")
OWN = ("sec-fetch-site", "same-origin")


class Client:
    """Sends requests to a site that answers a POST with its body, under ASGI."""

    def __init__(self) -> None:
        self.state = MemoryState(clients=100)
        self.gate = GateMiddleware(self.site, state=self.state, dns=False)

    async def site(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode() + b" " + body})

    def ask(
        self, target: str, body: bytes, *headers: tuple[str, str], method: str = "POST"
    ) -> tuple[int, dict[str, str], str]:
        path, _, query = target.partition("?")
        sent: list[Any] = []
        given = [("host", "a.example"), ("user-agent", BROWSER), *headers]
        given.append(("content-length", str(len(body))))
        scope = {
            "type": "http", "method": method, "scheme": "http", "path": path,
            "query_string": query.encode(), "client": ("192.0.2.7", 1),
            "headers": [(name.encode(), value.encode()) for name, value in given],
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.gate(scope, receive, send))
        after: dict[str, str] = {}
        for name, value in sent[0]["headers"]:
            after.setdefault(name.decode(), value.decode())  # of several cookies the first
        return sent[0]["status"], after, b"".join(m.get("body", b"") for m in sent[1:]).decode()


def form_of(page: str) -> tuple[str, list[tuple[str, str]]]:
    """The address of a page's form, and its fields."""
    action = re.search(r'<form method="post" action="([^"]+)"', page)
    assert action is not None
    inputs = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return unescape(action[1]), [(unescape(name), unescape(value)) for name, value in inputs]


def test_the_form_reaches_its_page_after_the_challenge() -> None:
    client = Client()
    status, headers, page = client.ask("/post?a=1", BODY, FORM, OWN)
    assert status == 403
    action, fields = form_of(page)
    assert fields == FIELDS
    cookie = ("cookie", headers["set-cookie"].partition(";")[0])
    again = urlencode(fields).encode()
    status, headers, _ = client.ask(action, again, FORM, OWN, cookie)
    assert (status, headers["location"]) == (307, "/post?a=1")  # the browser sends it again
    passed = ("cookie", headers["set-cookie"].partition(";")[0])
    status, _, said = client.ask("/post?a=1", again, FORM, OWN, passed)
    assert status == 200
    assert parse_qsl(said.partition(" ")[2], keep_blank_values=True) == FIELDS


@pytest.mark.parametrize(
    "headers",
    [
        [FORM, ("sec-fetch-site", "cross-site"), ("origin", "http://a.example")],
        [FORM, ("sec-fetch-site", "same-site")],
        [FORM, ("origin", "http://b.example")],
        [FORM, ("origin", "null")],
        [FORM],
        [("content-type", "application/json"), OWN],
        [("content-type", "multipart/form-data; boundary=x"), OWN],
    ],
)
def test_no_form_of_another_site_and_nothing_else_is_kept(
    headers: Iterable[tuple[str, str]],
) -> None:
    status, _, page = Client().ask("/post", BODY, *headers)
    assert status == 403
    assert "<form" not in page


@pytest.mark.parametrize("body", [b"a=" + b"x" * LONGEST, b"a=%ff", b"&".join([b"a=1"] * 501)])
def test_a_form_that_is_too_large_or_not_in_utf_8_is_not_kept(body: bytes) -> None:
    assert "<form" not in Client().ask("/post", body, FORM, OWN)[2]


def test_the_token_of_a_form_is_no_use_to_another_page_or_by_get() -> None:
    client = Client()
    _, headers, page = client.ask("/post", BODY, FORM, OWN)
    action, _ = form_of(page)
    cookie = ("cookie", headers["set-cookie"].partition(";")[0])
    assert client.ask(action.replace("/post", "/other"), b"", FORM, OWN, cookie)[0] == 403
    assert client.ask(action, b"", cookie, method="GET")[0] == 403
    assert client.ask(action.replace("&form=1", ""), b"", FORM, OWN, cookie)[0] == 403


def test_wsgi_keeps_the_form_too() -> None:
    gate = WsgiGate(lambda _e, _s: [b""], state=MemoryState(clients=100), dns=False)
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/post", "REMOTE_ADDR": "192.0.2.7",
        "HTTP_HOST": "a.example", "HTTP_USER_AGENT": BROWSER, "HTTP_SEC_FETCH_SITE": "same-origin",
        "CONTENT_TYPE": FORM[1], "CONTENT_LENGTH": str(len(BODY)), "wsgi.input": io.BytesIO(BODY),
    }  # fmt: skip
    page = b"".join(gate(environ, lambda *_: lambda _: None)).decode()
    assert form_of(page)[1] == FIELDS
