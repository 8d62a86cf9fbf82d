"""Put the trap's link into outgoing pages: at the end of complete HTML documents only.

The link goes before the last `</body>` of a page, if the page begins as a document (`<!doctype
html>` or `<html>`) and ends with that tag. It is never put into a fragment, an attachment, a
compressed answer or a partial answer.

If a page comes in chunks, a closing `</body></html>` is held back until the next chunk shows
whether the page ends there. A page that comes in several chunks with a Content-Length is left
unchanged, because its length is announced before its end is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from shiomi.gate.request import Request

__all__ = ["Headers", "TrapLink", "without_body"]

Headers = list[tuple[bytes, bytes]]

_BEGIN = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--[^>]*-->\s*)*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE
)
_END = re.compile(rb"</body\s*>\s*(?:</html\s*>\s*)?(?:<!--[^>]*-->\s*)*\Z", re.IGNORECASE)
_BEGINS = (b"<!doctype html", b"<!DOCTYPE html", b"<html>")  # as most pages begin
_ENDS = (b"</html>", b"")
_TAIL = 512  # bytes of a page in which its end is looked for
_WHOLE_PAGES = (b"document", b"iframe", b"frame")  # Sec-Fetch-Dest
_UNFIT = frozenset((b"content-encoding", b"content-range", b"content-digest", b"digest"))
_PARTIAL = frozenset(
    (b"hx-request", b"x-requested-with", b"x-pjax", b"turbo-frame", b"x-up-target")
)


class TrapLink:
    """Puts the link into one answer.

    `make(request)` returns the link; it is called only if the answer gets one.
    """

    __slots__ = ("_etag_at", "_headers", "_held", "_length_at", "_make", "_request")

    def __init__(self, make: Callable[[Request], bytes], request: Request) -> None:
        self._make = make
        self._request = request
        self._headers: Headers = []
        self._length_at = self._etag_at = -1
        self._held: bytes | None = None  # possible end of a chunked page; None: not looking for it

    @staticmethod
    def wanted(request: Request) -> bool:
        """Return whether the request is for a whole page, not for a part that a script inserts."""
        if request.method != "GET":
            return False
        headers = request.headers
        destination = headers.get(b"sec-fetch-dest")
        if destination is not None:
            return destination in _WHOLE_PAGES
        return _PARTIAL.isdisjoint(headers)

    @staticmethod
    def head(status: int, headers: Headers) -> Headers:
        """Return the headers of an answer to HEAD, without the page's length."""
        places = _places(status, headers)
        if places is None:
            return headers
        length_at, etag_at = places
        return [one for at, one in enumerate(_weak(headers, etag_at)) if at != length_at]

    def start(self, status: int, headers: Headers) -> bool:
        """Keep the headers of an answer. Return whether the trap's link may be added to the answer.

        The answer must be HTML, and not compressed, an attachment or partial.
        """
        places = _places(status, headers)
        if places is None:
            return False
        self._headers = headers
        self._length_at, self._etag_at = places
        return True

    def first(self, chunk: bytes, *, last: bool) -> tuple[Headers, bytes]:
        """Return the headers and the first chunk, with the link if it belongs there."""
        headers, at = self._headers, self._length_at
        if not (chunk.startswith(_BEGINS) or _BEGIN.match(chunk)):
            return headers, chunk
        if last or (at >= 0 and headers[at][1].strip() == b"%d" % len(chunk)):
            placed = self._placed(chunk)
            if len(placed) == len(chunk):
                return headers, chunk
            headers = _weak(headers, self._etag_at)
            if at >= 0:
                headers[at] = (headers[at][0], b"%d" % len(placed))
            return headers, placed
        if at >= 0:
            return headers, chunk
        self._held = b""
        return _weak(headers, self._etag_at), self.next(chunk, last=False)

    def next(self, chunk: bytes, *, last: bool) -> bytes:
        """Return a further chunk, with the link if it ends the page."""
        if self._held is None:
            return chunk
        data = self._held + chunk
        if last:
            self._held = None
            return self._placed(data)
        end = _END.search(data, max(0, len(data) - _TAIL))
        at = len(data) if end is None else end.start()
        self._held = data[at:]
        return data[:at]

    def _placed(self, page: bytes) -> bytes:
        at = page.rfind(b"</body>", -32)  # ten times faster; most pages end like this
        if at < 0 or page[at + 7 :].strip() not in _ENDS:
            end = _END.search(page, max(0, len(page) - _TAIL))
            if end is None:
                return page
            at = end.start()
        return page[:at] + self._make(self._request) + page[at:]


def without_body(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Return the headers of an answer that is sent without its body."""
    kept = [one for one in headers if one[0].lower() not in (b"content-length", b"content-type")]
    return [*kept, (b"content-length", b"0")]


def _places(status: int, headers: Headers) -> tuple[int, int] | None:
    """Return the indices of Content-Length and ETag in the headers; -1 if a header is missing.

    Return None if the link must not be put into this answer.
    """
    if status not in (200, 404):
        return None
    html, length_at, etag_at = False, -1, -1
    for at, (name, value) in enumerate(headers):
        lower = name.lower()
        if lower == b"content-type":
            html = value[:9].lower() == b"text/html"
        elif lower == b"content-length":
            length_at = at
        elif lower == b"etag":
            etag_at = at
        elif lower in _UNFIT or (
            lower == b"content-disposition" and not value.lower().startswith(b"inline")
        ):
            return None
    return (length_at, etag_at) if html else None


def _weak(headers: Headers, etag_at: int) -> Headers:
    """Return a copy of the headers with a weak ETag, because the link changes the page."""
    copy = list(headers)
    if etag_at >= 0 and copy[etag_at][1].startswith(b'"'):
        name, value = copy[etag_at]
        copy[etag_at] = (name, b"W/" + value)
    return copy
