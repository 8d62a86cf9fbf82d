"""Make text from the network storable in SQLite."""

from __future__ import annotations

__all__ = ["storable"]


def storable(text: str) -> str:
    """The text without NUL, at which SQLite's tokenizers stop, and without lone surrogates.

    Each is replaced by U+FFFD; two surrogates that are a pair become the character they mean.
    """
    if text.isascii() and "\0" not in text:
        return text
    return (
        text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )
