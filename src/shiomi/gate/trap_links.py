"""The trap's link, put into pages as they pass: at the end of the body, whatever its chunks.

Nothing is held back. The length a page was announced with grows by that of the link, which then
has to come: before `</body>` where a chunk holds that, else at the page's end.
"""

from __future__ import annotations

from collections.abc import Sequence

from shiomi.gate.pages import preferred_language
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.trap import trap_link

__all__ = ["TrapLink"]

_END = b"</body>"


class TrapLink:
    """The link on its way into one answer."""

    def __init__(self, policy: Policy, request: Request) -> None:
        self._policy = policy
        self._request = request
        self._link = b""
        self._placed = False

    def fits(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether the answer is a whole page of HTML as it is, not packed and not part of one."""
        if status not in (200, 404):
            return False
        kind = b""
        for name, value in headers:
            lower = name.lower()
            if lower == b"content-type":
                kind = value
            elif lower in (b"content-encoding", b"content-range", b"content-digest", b"digest"):
                return False
        return kind[:9].lower() == b"text/html"

    def lengthened(self, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers, with a length that has room for the link."""
        language = preferred_language(self._request.header("accept-language"))
        link = trap_link(self._policy, self._request.path, language)
        self._link = link.encode("ascii", "xmlcharrefreplace")
        return [
            (name, b"%d" % (int(value) + len(self._link)))
            if name.lower() == b"content-length" and value.strip().isdigit()
            else (name, value)
            for name, value in headers
        ]

    def placed(self, chunk: bytes, *, last: bool) -> bytes:
        """The next chunk of the page, with the link in it where it belongs there."""
        if self._placed:
            return chunk
        at = chunk.rfind(_END)
        if at < 0:
            if not last:
                return chunk
            at = len(chunk)
        self._placed = True
        return chunk[:at] + self._link + chunk[at:]
