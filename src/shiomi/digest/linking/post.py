"""Text posts that are in fact links: an address and a few words."""

from __future__ import annotations

import re

from shiomi.digest.linking.canonical_url import canonical_url

__all__ = ["only_address"]

_ADDRESS = re.compile(r"https?://[^\s<>\"'\[\]()]+")
_AFTER = ".,;:!?*_`~"  # punctuation of the sentence, not part of the address
_CUT = ("...", "\u2026")  # Hacker News truncates long addresses
_IMAGES = re.compile(r"https?://(?:(?:i|v|preview)\.redd\.it|(?:[\w-]+\.)?imgur\.com)/")
_FEW = 12  # words next to the address


def only_address(text: str) -> str | None:
    """Return the address if a text names one page and has at most 12 other words, else None.

    Addresses of images and videos on Reddit and Imgur do not count as pages.
    """
    addresses = _ADDRESS.findall(text)
    if any(address.endswith(_CUT) for address in addresses):
        return None
    found = [address.rstrip(_AFTER) for address in addresses if not _IMAGES.match(address)]
    if len({canonical_url(address) for address in found}) != 1:
        return None
    return found[0] if len(_ADDRESS.sub(" ", text).split()) <= _FEW else None
