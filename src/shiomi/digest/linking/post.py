"""The pages that a text post names, and whether the post is only a link to one of them."""

from __future__ import annotations

import re

from shiomi.digest.linking.canonical_url import canonical_url

__all__ = ["named_pages", "only_address"]

_ADDRESS = re.compile(r"https?://[^\s<>\"'\[\]()]+")
_AFTER = ".,;:!?*_`~"  # punctuation after an address that belongs to the sentence
_CUT = ("...", "\u2026")  # Hacker News truncates long addresses
_IMAGES = re.compile(r"https?://(?:(?:i|v|preview)\.redd\.it|(?:[\w-]+\.)?imgur\.com)/")
_FEW = 12  # a post that is only a link has at most this many words next to the address
_MOST = 3  # a post that names more pages than this is a list and is about none of them


def named_pages(text: str) -> tuple[str, ...]:
    """Return the canonical URLs of the pages that a text names; () if there are more than three.

    Home pages, truncated addresses, and images and videos on Reddit and Imgur do not count.
    """
    pages = {canonical_url(address) or "" for address in _addresses(text)}
    named = sorted(page for page in pages if page.count("/") > 2)
    return tuple(named) if len(named) <= _MOST else ()


def only_address(text: str) -> str | None:
    """Return the address if a text names one page and has at most 12 other words, else None."""
    found = _addresses(text)
    truncated = any(address.endswith(_CUT) for address in _ADDRESS.findall(text))
    if truncated or len({canonical_url(address) for address in found}) != 1:
        return None
    return found[0] if len(_ADDRESS.sub(" ", text).split()) <= _FEW else None


def _addresses(text: str) -> list[str]:
    return [
        address.rstrip(_AFTER)
        for address in _ADDRESS.findall(text)
        if not address.endswith(_CUT) and not _IMAGES.match(address)
    ]
