"""Extract the text of an article as paragraphs that may be quoted, or the reason if there is none.

trafilatura (extra `articles`) extracts the main text. Bot walls, media types other than HTML, and
pages with almost no text are never treated as articles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shiomi.digest.errors import SourceError
from shiomi.digest.sources.bot_wall import bot_wall
from shiomi.digest.sources.page import words_in
from shiomi.digest.sources.plain_text import one_line
from shiomi.digest.thread import Passage, PassageKind

__all__ = ["LONGEST", "NoArticleError", "check_extractor", "decode_page", "read_article"]

LONGEST = 2_000_000  # bytes; larger pages are refused, because extraction is slow
_MOST_TAGS = 30_000  # trafilatura's time grows with the elements, not the bytes
_MOST_PARAGRAPHS = 60
_MOST_CHARACTERS = 30_000
_FEWEST_WORDS = 25

_HTML = ("text/html", "application/xhtml+xml", "")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w:.-]{2,40})""", re.IGNORECASE)
_TAG = re.compile(r"<[A-Za-z]")


class NoArticleError(SourceError):
    """The page has no article; the message gives the reason."""


def check_extractor() -> None:
    """Raise SourceError naming what to install if the extractor of articles is missing."""
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
    is a bot wall (which the error names), of another media type, too large, or has too little text.
    Raises SourceError if trafilatura is missing.
    """
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    media = lower.get("content-type", "").partition(";")[0].strip().lower()
    if media not in _HTML:
        raise NoArticleError(f"{url[:200]} is {media[:80]!r}, not a web page")
    if len(html) > LONGEST:
        raise NoArticleError(f"{url[:200]} has {len(html):,} bytes; at most {LONGEST:,} are read")
    text = html if isinstance(html, str) else decode_page(html, lower.get("content-type", ""))
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


def decode_page(body: bytes, content_type: str = "") -> str:
    """Decode a page by its byte order mark, as UTF-8, or by the stated charset. Never raises."""
    for mark, encoding in (
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
        (b"\xef\xbb\xbf", "utf-8-sig"),
    ):
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    stated = re.search(r"charset\s*=\s*[\"']?\s*([\w:.-]{2,40})", content_type, re.IGNORECASE)
    meta = _CHARSET.search(body[:4096])
    charset = stated[1] if stated else meta[1].decode("ascii", "replace") if meta else ""
    for encoding in ("utf-8", charset):  # valid UTF-8 is always read as UTF-8
        try:
            return body.decode(_WEB_NAMES.get(encoding.lower(), encoding) or "cp1252")
        except (UnicodeError, LookupError, ValueError):
            continue
    name = _WEB_NAMES.get(charset.lower(), charset) or "cp1252"
    try:
        return body.decode(name, "replace")
    except (UnicodeError, LookupError, ValueError):
        return body.decode("cp1252", "replace")


# The encodings that browsers use for these names: WHATWG Encoding Standard, section 4.2.
_WEB_NAMES = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252",
    "us-ascii": "cp1252", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932",
    "x-sjis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949", "big5": "big5hkscs", "iso-8859-9": "cp1254", "tis-620": "cp874",
}  # fmt: skip


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
