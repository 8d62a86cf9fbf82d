"""Make foreign text safe for a message: on one line, and harmless to a terminal."""

from __future__ import annotations

__all__ = ["one_line"]


def one_line(text: str) -> str:
    """Collapse white space, and replace every other invisible character with U+FFFD.

    The result has no escape sequence, no control that changes the direction of text, and no lone
    surrogate (as in file names that are not UTF-8). So it can be encoded and printed.
    """
    if text.isprintable() and "  " not in text:
        return text.strip()
    shown = (c if c.isprintable() or c.isspace() else "\ufffd" for c in text)
    return " ".join("".join(shown).split())
