"""Convert Reddit's Markdown to plain text, for data sets without rendered HTML."""

from __future__ import annotations

import html
import re

from shiomi.digest.archive.reddit_post import without_users

__all__ = ["plain_markdown"]

_LONGEST = 200_000  # number of characters that are read
_STEPS = (
    # fences; the code between them is kept
    (re.compile(r"^\s{0,3}(```|~~~).*$", re.MULTILINE), ""),
    (  # [text](address "title"); an address may contain nested parentheses, one pair in another
        re.compile(
            r"!?\[([^\[\]\n]{0,500})\]"
            r"\((?:[^()\s]|\([^()\s]{0,300}\)){0,2000}(?:\s\"[^\"\n]{0,300}\")?\)"
        ),
        r"\1",
    ),
    (re.compile(r"^\s{0,3}(?:>!?\s?)+", re.MULTILINE), ""),  # quotations
    (re.compile(r"^\s{0,3}#{1,6}\s+", re.MULTILINE), ""),  # headings
    (re.compile(r"^\s{0,3}(?:\*\s?){3,}$|^\s{0,3}(?:-\s?){3,}$", re.MULTILINE), ""),  # rules
    (re.compile(r"(\*{1,3})(?=\S)([^*\n]{1,2000}?)(?<=\S)\1"), r"\2"),  # *so*, **so**
    (re.compile(r"(?<!\w)(_{1,3})(?=\S)([^_\n]{1,2000}?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"~~([^~\n]{1,2000}?)~~"), r"\1"),
    (re.compile(r">!|!<"), ""),  # spoilers
    (re.compile(r"`([^`\n]{1,2000})`"), r"\1"),
    (re.compile(r"\\([\\`*_{}\[\]()#+.!>~|^-])"), r"\1"),  # escapes
    (re.compile(r"[​⁠﻿\x00-\x08\x0b\x0c\x0e-\x1f]"), ""),
    (re.compile(r"[ \t\xa0]+"), " "),
    (re.compile(r" ?\n ?"), "\n"),
    (re.compile(r"\n{3,}"), "\n\n"),
)


def plain_markdown(text: str) -> str:
    """Return the text that readers see, without markup, link addresses, entities and user names.

    Paragraphs stay separated by an empty line. At most the first 200,000 characters are read.
    """
    text = html.unescape(html.unescape(text[:_LONGEST])).replace("\r\n", "\n").replace("\r", "\n")
    for pattern, replacement in _STEPS:
        text = pattern.sub(replacement, text)
    return without_users(text.strip())
