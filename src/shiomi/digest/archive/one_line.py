"""Make foreign text safe for a message: on one line, and harmless to a terminal."""

from __future__ import annotations

__all__ = ["one_line"]


def one_line(text: str) -> str:
    """The text with white space collapsed, and U+FFFD for every other character that is not shown.

    So it holds no escape sequence, nothing that turns the direction of what follows, and no lone
    surrogate, as in the name of a file that is not UTF-8: it can be printed and encoded.
    """
    if text.isprintable() and "  " not in text:
        return text.strip()
    shown = (c if c.isprintable() or c.isspace() else "\ufffd" for c in text)
    return " ".join("".join(shown).split())
