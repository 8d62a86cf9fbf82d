"""Clean text and addresses from the network before they go into any format.

Cleaning removes line breaks, control characters, bidirectional controls (Trojan Source,
CVE-2021-42574), invisible characters, stacked accents and characters that XML 1.0 forbids. It also
limits the length. The result is NFC text on one line. Each output format must still escape it.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlsplit

__all__ = ["clean", "language_of", "safe_link", "shorten"]

_LONGEST = 100_000  # number of characters that are read; titles and quotations are far shorter
_STACK = 4  # number of combining marks kept on one letter; Vietnamese and Hebrew need three
_JOINERS = "\u200c\u200d"  # they shape letters of Persian and Indic scripts, and join emoji
_MARK = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_STACKED = re.compile(f"({_MARK}{{{_STACK}}}){_MARK}+")
_KANA = re.compile(r"[\u3041-\u30ff\uff66-\uff9f]")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LATIN = re.compile(r"[A-Za-z]")

_LONGEST_LINK = 4_096
# The reserved and unreserved characters of RFC 3986, and the % of characters that are already
# encoded. Quotes, brackets and the backslash are missing, because they could end an attribute or a
# Markdown destination.
_LINK_SAFE = "/?#@:!$&()*+,;=-._~%"


def clean(text: str) -> str:
    """Return `text` as one line of visible NFC characters. Idempotent; never raises."""
    text = text[:_LONGEST]
    if not text.isascii():
        text = unicodedata.normalize("NFC", "".join(map(_visible, text)))
        text = unicodedata.normalize("NFC", _drop_loose_joiners(text))
        text = _STACKED.sub(r"\1", text)
    return " ".join("".join(c if c >= " " and c != "\x7f" else _blank(c) for c in text).split())


def _blank(control: str) -> str:
    """Return a space for characters that separate words, and nothing for other controls (NUL, BEL,
    ESC)."""
    return " " if control in "\t\n\v\f\r\x1c\x1d\x1e\x1f" else ""


def _visible(character: str) -> str:
    """Return the character, a space for a line separator, or nothing for an invisible one."""
    if character.isascii() or character in _JOINERS:
        return character
    category = unicodedata.category(character)
    if category in ("Zl", "Zp", "Zs") or character == "\x85":
        return " "
    if category == "Cs":
        return "\ufffd"
    if category in ("Cc", "Cf") or ord(character) & 0xFFFE == 0xFFFE:
        return ""  # bidi controls, zero-width characters, tags, noncharacters
    if character in "\u115f\u1160\u3164\uffa0\u2800" or 0xFDD0 <= ord(character) <= 0xFDEF:
        return ""  # invisible fillers; noncharacters
    if 0xE0100 <= ord(character) <= 0xE01EF:
        return ""  # variation selectors that can carry hidden bytes
    return character


def _drop_loose_joiners(text: str) -> str:
    """Keep a joiner only if it has an effect: inside an emoji, or between letters without case."""
    if not any(joiner in text for joiner in _JOINERS):
        return text
    kept = [""]
    for character, after in zip(text, [*text[1:], ""], strict=True):
        if character not in _JOINERS or (_shapes(kept[-1], marks=True) and _shapes(after)):
            kept.append(character)
    return "".join(kept)


def _shapes(character: str, *, marks: bool = False) -> bool:
    """Return whether a joiner next to this character has an effect."""
    if not character or character in _JOINERS:
        return False
    if marks and (unicodedata.combining(character) == 9 or character == "\ufe0f"):
        return True  # a virama; the emoji variation selector
    return unicodedata.category(character) in ("Lo", "So", "Sk") and character > "\xff"


def shorten(text: str, limit: int) -> str:
    """Return `text` cut to at most `limit` characters. If something was cut, the result ends in
    "…".

    The text is cut after a word if there is a space between `limit` / 2 and `limit`. It is never
    cut between a letter and its accent, or inside a joined emoji.
    """
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 0 and (
        unicodedata.combining(text[end])
        or text[end] in "\u200c\u200d\ufe0e\ufe0f"
        or text[end - 1] == "\u200d"
        or 0x1F3FB <= ord(text[end]) <= 0x1F3FF
    ):
        end -= 1
    word = text.rfind(" ", limit // 2, end + 1)
    return text[: end if word < 0 else word].rstrip() + "…"


def safe_link(url: str | None) -> str | None:
    """Return `url` as an ASCII http(s) address without characters that could end a quotation.

    Return None for other schemes (javascript:, data:), for addresses without a host, and for
    addresses longer than 4,096 characters. Also return None if a user name is before the host,
    because it can hide the real host.
    """
    if url is None or len(url) > _LONGEST_LINK or re.search(r"[\x00-\x1f\x7f\\]", url.strip()):
        return None
    try:
        parts = urlsplit(clean(url))
        host, port = parts.hostname, parts.port
        if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
            return None
        if ":" not in host:
            host = host.encode("idna").decode("ascii")
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", host):
                return None
    except (ValueError, UnicodeError):
        return None
    name = f"[{host}]" if ":" in host else host
    rest = quote(parts._replace(scheme="", netloc="").geturl(), safe=_LINK_SAFE)
    rest = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", rest)
    # if "//evil.example" remained after an empty host, it would name another host
    link = f"{parts.scheme}://{name}{f':{port}' if port is not None else ''}/{rest.lstrip('/')}"
    return link if len(link) <= _LONGEST_LINK else None


def language_of(text: str) -> str | None:
    """Return the language of `text` for screen readers: "ja", "en", or None if unknown.

    Text with kana is Japanese. Text with Han characters but without kana may be Japanese or
    Chinese, so its language is unknown. Other text with Latin letters is English, because the
    communities write English.
    """
    if _KANA.search(text):
        return "ja"
    if _HAN.search(text) or not _LATIN.search(text):
        return None
    return "en"
