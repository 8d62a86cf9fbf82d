"""Extract the text of an article as paragraphs that may be quoted.

If the page has no article, the error gives the reason.

trafilatura (extra `articles`) extracts the main text. Bot walls, media types other than HTML, and
pages with almost no text are never treated as articles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shiomi.digest.errors import SourceError
from shiomi.digest.sources.bot_wall import bot_wall
from shiomi.digest.sources.decoding import decoded
from shiomi.digest.sources.page import words_in
from shiomi.digest.sources.plain_text import one_line
from shiomi.digest.thread import Passage, PassageKind

__all__ = ["LONGEST", "NoArticleError", "check_extractor", "read_article"]

LONGEST = 2_000_000  # bytes; larger pages are refused, because extraction is slow
_MOST_TAGS = 30_000  # trafilatura's time grows with the number of elements, not of bytes
_MOST_PARAGRAPHS = 60
_MOST_CHARACTERS = 30_000
_FEWEST_WORDS = 25

_HTML = ("text/html", "application/xhtml+xml", "")
_TAG = re.compile(r"<[A-Za-z]")


class NoArticleError(SourceError):
    """The page has no article; the message gives the reason."""


def check_extractor() -> None:
    """Raise SourceError if the extractor of articles is missing. The error names what to
    install."""
    try:
        import trafilatura  # noqa: F401 - checks that it can be imported
    except ImportError as error:
        raise SourceError(
            f"articles: trafilatura cannot be imported ({error}); see docs/install.md, "
            "or set enabled = false in [sources.articles]"
        ) from None


def read_article(
    html: bytes | str, url: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> tuple[Passage, ...]:
    """Return the paragraphs of the article at `url` in order, as plain text.

    The names in `headers` may have any case. Raises NoArticleError if the page has no article: it
    is a bot wall, has another media type, is too large, or has too little text. The error names the
    bot wall. Raises SourceError if trafilatura is missing.
    """
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    media = lower.get("content-type", "").partition(";")[0].strip().lower()
    if media not in _HTML:
        raise NoArticleError(f"{url[:200]} is {media[:80]!r}, not a web page")
    if len(html) > LONGEST:
        raise NoArticleError(f"{url[:200]} has {len(html):,} bytes; at most {LONGEST:,} are read")
    text = html if isinstance(html, str) else decoded(html, lower.get("content-type", ""))
    if not media and not re.search(
        r"<(?:!doctype|html|head|body|article|p)\b", text[:5000], re.IGNORECASE
    ):
        raise NoArticleError(f"{url[:200]} does not look like a web page")
    wall = bot_wall(status, lower, text)
    if wall is not None:
        raise NoArticleError(f"{url[:200]} shows a wall instead of its article: {wall}")
    paragraphs = _paragraphs(text, url)
    if words_in(" ".join(paragraphs)) < _FEWEST_WORDS:
        raise NoArticleError(f"{url[:200]} shows fewer than {_FEWEST_WORDS} words of an article")
    return tuple(Passage(PassageKind.ARTICLE, text, url) for text in paragraphs)


def _paragraphs(html: str, url: str) -> list[str]:
    check_extractor()
    import trafilatura

    if sum(1 for _ in _TAG.finditer(html)) > _MOST_TAGS:
        raise NoArticleError(f"{url[:200]} has more than {_MOST_TAGS:,} tags and was not read")
    try:
        text = trafilatura.extract(
            html, fast=True, favor_precision=True, include_comments=False, include_tables=False
        )
    except Exception as error:  # a hostile page can make the parser raise anything
        raise NoArticleError(
            f"{url[:200]} could not be read: {type(error).__name__}: {str(error)[:200]}"
        ) from None
    kept: list[str] = []
    characters = 0
    for line in (text or "").splitlines():
        paragraph = one_line(line)
        if not paragraph or paragraph in kept[-1:]:
            continue
        characters += len(paragraph)
        if characters > _MOST_CHARACTERS or len(kept) >= _MOST_PARAGRAPHS:
            break
        kept.append(paragraph)
    return kept
