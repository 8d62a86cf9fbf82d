"""Response: the answer that the gate sends instead of the site's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from shiomi.gate.pages import Page

__all__ = ["Response", "respond"]


class Response(NamedTuple):
    """An answer of the gate; for HEAD it is sent without the body."""

    status: int
    headers: tuple[tuple[str, str], ...]  # ASCII, with Content-Length; names may be repeated
    body: bytes
    seconds: float = 0.0  # a tarpit: the time over which the body may be spread


def respond(status: int, shown: Page, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Return a page as an answer with this status and further headers."""
    length = ("Content-Length", str(len(shown.body)))
    return Response(status, (*shown.headers, length, *headers), shown.body)
