"""Make text from the network storable in SQLite."""

from __future__ import annotations

__all__ = ["storable"]


def storable(text: str) -> str:
    """Replace NUL, at which SQLite's tokenizers stop, and lone surrogates by U+FFFD.

    Two surrogates that form a pair become the character that they encode.
    """
    if text.isascii() and "\0" not in text:
        return text
    return (
        text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )
