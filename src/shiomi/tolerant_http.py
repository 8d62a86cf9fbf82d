"""Accept addresses with characters that are not percent-encoded, as `curl` and scripts send them.

uvicorn's parsers accept only ASCII in a request line (RFC 9112, section 3.2). Otherwise they answer
with status 400 and give no reason. nginx passes such an address on unchanged.

Only the address of a request is changed, and only if the request begins at the start of the
received bytes. A body is never changed: it would get longer than its Content-Length, and its end
would be read as another request. So an address is answered with 400 if it came in two pieces, or
with the end of the request before it.
"""

from __future__ import annotations

import re

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["TolerantH11Protocol", "TolerantProtocol", "percent_encoded"]

_RAW_ADDRESS = re.compile(rb"[A-Z]{1,16} [!-~\x80-\xff]*[\x80-\xff]")
_RAW = re.compile(rb"[\x80-\xff]")
_INVALID = (
    "This is not a valid HTTP request. If its address has characters other than ASCII letters,"
    " digits and marks, percent-encode them: %E6%BD%AE.\n"
)


class TolerantH11Protocol(H11Protocol):
    """uvicorn's protocol for HTTP/1.1 with h11."""

    def data_received(self, data: bytes) -> None:
        """Receive bytes from the client."""
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            data = percent_encoded(data)
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text gives no reason
        """Answer a request that cannot be parsed."""
        super().send_400_response(_INVALID)


TolerantProtocol: type[H11Protocol] | type[HttpToolsProtocol]
try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ImportError:  # httptools is not installed
    TolerantProtocol = TolerantH11Protocol
else:

    class TolerantHttptoolsProtocol(HttpToolsProtocol):
        """uvicorn's protocol for HTTP/1.1 with httptools."""

        _in_request = False  # from the first byte of a request to its last

        def data_received(self, data: bytes) -> None:
            """Receive bytes from the client."""
            if not self._in_request:
                data = percent_encoded(data)
            super().data_received(data)

        def on_message_begin(self) -> None:
            """Note that a request has begun; the parser calls this at its first byte."""
            self._in_request = True
            super().on_message_begin()

        def on_message_complete(self) -> None:
            """Note that a request has ended; the parser calls this after its body."""
            self._in_request = False
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as above
            """Answer a request that cannot be parsed."""
            super().send_400_response(_INVALID)

    TolerantProtocol = TolerantHttptoolsProtocol


def percent_encoded(data: bytes) -> bytes:
    """Percent-encode the bytes of the address that are not ASCII, if `data` begins with a request.

    Everything after the address is returned unchanged.
    """
    found = _RAW_ADDRESS.match(data)
    if not found:
        return data
    return _RAW.sub(lambda raw: b"%%%02X" % raw[0][0], found[0]) + data[found.end() :]
