"""One answer of a community's server: status, headers, body, and the moment it was received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from shiomi.digest.archive.one_line import one_line
from shiomi.digest.errors import SourceError
from shiomi.digest.sources.bot_wall import bot_wall
from shiomi.digest.sources.decoding import decoded
from shiomi.digest.sources.plain_text import plain_text

__all__ = [
    "Answer",
    "ChangedApiError",
    "UnusableAnswerError",
    "WebPageError",
    "excerpt",
    "web_page",
]


class UnusableAnswerError(SourceError):
    """An answer that cannot be used. If the request is repeated, the next answer may be usable."""


class ChangedApiError(SourceError):
    """An answer without the documented shape of the API.

    `lacks` is missing in the answer to `what`.
    """

    def __init__(self, what: str, lacks: str) -> None:
        super().__init__(f"{what} answered without {lacks}; look for a newer version of shiomi")


class WebPageError(SourceError):
    """A web page instead of data, such as a block page, a bot wall or a login form."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request. Header names are lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes  # decompressed
    time: int  # time of receipt; unix seconds, UTC

    @property
    def not_modified(self) -> bool:
        """Whether the server says that the content has not changed since an earlier answer.

        The request contained the validators of that earlier answer.
        """
        return self.status == 304

    def text(self) -> str:
        """Decode the body as decoding.py describes. Never raises."""
        return decoded(self.body, self.headers.get("content-type", ""))

    def json(self) -> Any:
        """Return the decoded body.

        Raises WebPageError for a web page, UnusableAnswerError for anything else that is not JSON.
        """
        start = self.body.lstrip()[:1]
        if not start:
            raise UnusableAnswerError("an empty answer")
        if start == b"<":
            raise web_page(self, "data")
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            pass  # the body may be in another encoding
        try:
            return msgspec.json.decode(self.text())
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise UnusableAnswerError(f"an answer that is not JSON ({error})") from None


def web_page(answer: Answer, wanted: str) -> WebPageError:
    """Return the error for a web page in place of `wanted` ("data", "a feed")."""
    return WebPageError(
        f"{answer.url[:200]} answered with a web page instead of {wanted}{excerpt(answer)}; "
        "this address is probably blocked; wait, or look at it in a browser"
    )


def excerpt(answer: Answer) -> str:
    """Return the reason that an error answer gives, in the form ": REASON", or ""."""
    try:
        data = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        text = answer.text()
        wall = bot_wall(200, answer.headers, text) if "<" in text else None
        said = plain_text(text[:4000])
        kind = f" (bot wall: {wall})" if wall and wall != "empty page" else ""
    else:
        fields, kind = data if isinstance(data, dict) else {}, ""
        said = " ".join(
            str(fields[key]) for key in ("message", "reason", "explanation") if fields.get(key)
        )
    said = one_line(said)  # JSON may hold escape sequences
    return f"{kind}: {said[:160]}" if said else kind
