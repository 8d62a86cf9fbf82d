"""Convert texts for search to one width and one case, so that a search for AI also finds ＡＩ.

Texts and queries are folded in the same way. SQLite itself ignores the case of a to z. So the
folded text is stored only if it differs from the text in more than the case of these letters. This
is so for 112 of 100,000 real titles.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from shiomi.digest.terms import normalized

__all__ = ["folded", "kept_folding", "place_before_folding"]

# Long runs of combining marks take quadratic time. So text is folded in pieces of at most 2,000
# characters. It is cut between characters that do not combine.
_PIECE = re.compile(r".{1,2000}(?=[\s、。,.]|\Z)|.{1,2000}", re.DOTALL)


def folded(text: str) -> str:
    """Return the text in NFKC and case-folded: ＡＩ as ai, ｱｯﾌﾟﾙ as アップル, Ü as ü."""
    if text.isascii():
        return text.lower()
    return "".join(normalized(piece) for piece in _PIECE.findall(text))


def kept_folding(text: str) -> str | None:
    """Return the folded text to store for search; None if search can use the text itself."""
    if text.isascii():
        return None
    flat = folded(text)
    return None if flat == _ascii_lower(text) else flat


def place_before_folding(text: str, place: int) -> int:
    """Return the index of the character of `text` that is at index `place` in the folded text."""
    if kept_folding(text) is None:
        return place
    return bisect_right(range(len(text) + 1), place, key=lambda i: len(folded(text[:i]))) - 1


def _ascii_lower(text: str) -> str:
    return text.encode().lower().decode()
