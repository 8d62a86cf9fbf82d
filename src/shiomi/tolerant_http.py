"""Accept addresses with characters that are not percent-encoded, as `curl` and scripts send them.

uvicorn's parsers accept only ASCII in a request line (RFC 9112, section 3.2). Otherwise they answer
with status 400 and give no reason. nginx passes such an address on unchanged.
"""

from __future__ import annotations

import re

from uvicorn.protocols.http.auto import AutoHTTPProtocol

__all__ = ["TolerantProtocol", "percent_encoded"]

_RAW_LINE = re.compile(rb"[A-Z]{1,16} [!-~\x80-\xff]*[\x80-\xff]")
_RAW = re.compile(rb"[\x80-\xff]")
_INVALID = (
    "This is not a valid HTTP request. If its address has characters other than ASCII letters,"
    " digits and marks, percent-encode them: %E6%BD%AE.\n"
)


class TolerantProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol for HTTP/1.1, with httptools if it is installed, else with h11."""

    def data_received(self, data: bytes) -> None:
        """Receive bytes from the client. After the end of a request, the next bytes begin with a
        request line."""
        if self.cycle is None or self.cycle.response_complete:
            data = percent_encoded(data)
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text gives no reason
        """Answer a request that cannot be parsed."""
        super().send_400_response(_INVALID)


def percent_encoded(data: bytes) -> bytes:
    """Percent-encode the bytes of a request's first line that are not ASCII."""
    if not _RAW_LINE.match(data):
        return data
    line, end, rest = data.partition(b"\r\n")
    return _RAW.sub(lambda found: b"%%%02X" % found[0][0], line) + end + rest
