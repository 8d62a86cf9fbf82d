"""The trap's link, put into pages on their way out: at the end of complete HTML documents only.

The link goes before the last `</body>` of a page, if the page begins as a document (`<!doctype
html>` or `<html>`) and ends with that tag. It is never put into a fragment, an attachment, a
compressed answer, or a part of one.

Of a page that comes in chunks only a closing `</body></html>` is held back until the next chunk
shows whether the page ends there. A page with an announced length in several chunks stays as it is,
since its length was promised before its end is known.
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
_TAIL = 512  # bytes of a page in which its end is looked for
_WHOLE_PAGES = (b"document", b"iframe", b"frame")  # Sec-Fetch-Dest
_PARTIAL = (b"hx-request", b"x-requested-with", b"x-pjax", b"turbo-frame", b"x-up-target")


class TrapLink:
    """The link on its way into one answer.

    `make` returns the link; it is called only if the answer gets one.
    """

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._held: bytes | None = None  # the end of a page in chunks, perhaps; None: not looking

    @staticmethod
    def wanted(request: Request) -> bool:
        """Return whether the request is for a whole page, and not for a part that a script adds."""
        headers = request.headers
        if request.method != "GET":
            return False
        destination = headers.get(b"sec-fetch-dest")
        if destination is not None:
            return destination in _WHOLE_PAGES
        return not any(name in headers for name in _PARTIAL)

    @staticmethod
    def fits(status: int, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Return whether the answer is HTML, neither packed, nor an attachment, nor a part."""
        if status not in (200, 404):
            return False
        kind = b""
        for name, value in headers:
            lower = name.lower()
            if lower == b"content-type":
                kind = value
            elif lower in (b"content-encoding", b"content-range", b"content-digest", b"digest") or (
                lower == b"content-disposition" and not value.lower().startswith(b"inline")
            ):
                return False
        return kind[:9].lower() == b"text/html"

    @staticmethod
    def head(status: int, headers: Sequence[tuple[bytes, bytes]]) -> Sequence[tuple[bytes, bytes]]:
        """Return the headers of an answer to HEAD, which leaves out the page's length."""
        if not TrapLink.fits(status, headers):
            return headers
        kept = [one for one in headers if one[0].lower() != b"content-length"]
        return _altered(kept, None)

    def first(
        self, headers: Sequence[tuple[bytes, bytes]], chunk: bytes, *, last: bool
    ) -> tuple[Headers, bytes]:
        """Return the headers and the first chunk of an answer that `fits`, with the link if due."""
        headers = list(headers)
        if not _BEGIN.match(chunk):
            return headers, chunk
        length = None
        for name, value in headers:
            if name.lower() == b"content-length":
                length = value
        if last or (length is not None and length.strip() == b"%d" % len(chunk)):
            placed = self._placed(chunk)
            changed = len(placed) != len(chunk)
            return _altered(headers, len(placed)) if changed else headers, placed
        if length is not None:
            return headers, chunk
        self._held = b""
        return _altered(headers, None), self.next(chunk, last=False)

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
        at = page.rfind(b"</body>", max(0, len(page) - 32))  # as most pages end: ten times faster
        if at < 0 or page[at + 7 :].strip() not in (b"", b"</html>"):
            end = _END.search(page, max(0, len(page) - _TAIL))
            if end is None:
                return page
            at = end.start()
        return page[:at] + self._make() + page[at:]


def without_body(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Return the headers of an answer whose body is left out."""
    kept = [one for one in headers if one[0].lower() not in (b"content-length", b"content-type")]
    return [*kept, (b"content-length", b"0")]


def _altered(headers: Headers, length: int | None) -> Headers:
    """The headers of a page that differs from the site's own: its length, and a weak ETag."""
    altered = []
    for name, value in headers:
        lower = name.lower()
        if lower == b"content-length" and length is not None:
            value = b"%d" % length
        elif lower == b"etag" and value.startswith(b'"'):
            value = b"W/" + value
        altered.append((name, value))
    return altered
