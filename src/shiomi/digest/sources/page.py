"""Read the text and structure of an HTML page. Hostile markup cannot make this slow.

A linear scanner reads the first LONGEST characters once and never raises. The result is enough to
classify the page. The text of an article is extracted by trafilatura.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from shiomi.digest.sources.plain_text import after_comment

__all__ = ["LONGEST", "Page", "look_at", "words_in"]

LONGEST = 600_000  # number of characters of a page that are read
_LONGEST_CODE = 200_000  # number of characters that are kept as code

# Matching takes linear time, because quantifiers are possessive (*+) and an unclosed tag drops the
# rest of the page.
_TAG = re.compile(r"""<(/?)([A-Za-z][^\s/>]*+)((?:=\s*+(?:"[^"]*+"|'[^']*+')|[^>])*+)>""")
_SILENT = ("script", "style", "template", "svg", "title",
           "noscript", "iframe", "textarea", "select")  # fmt: skip
_END = {name: re.compile(rf"</{name}(?=[\s/>])[^>]*+>?", re.IGNORECASE) for name in _SILENT}
_INLINE = frozenset({
    "a", "abbr", "b", "bdi", "cite", "code", "em", "font", "i", "kbd", "mark", "q", "s", "small",
    "span", "strong", "sub", "sup", "tt", "u", "wbr",
})  # fmt: skip
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Page:
    """The parts of a page that identify its kind, with white space collapsed."""

    title: str
    text: str  # the text that is shown if scripts run
    noscript: str  # the text that is shown if scripts do not run
    code: str  # tags with attributes, and script sources, without the visible text
    tags: frozenset[str]  # names, lower case
    words: int  # number of words in `text`


def words_in(text: str) -> int:
    """Count the words; in scripts without spaces, two characters count as one word."""
    unspaced = len(_CJK.findall(text))
    return unspaced // 2 + len(_WORD.findall(_CJK.sub(" ", text)))


def look_at(html: str) -> Page:
    """Read a page. Text inside <script>, <style>, <template>, <svg>, <title> is not shown."""
    seen = _scan(html[:LONGEST], _SILENT)
    noscript = _scan(" ".join(seen.silent["noscript"]), _SILENT[:5])
    shown = _read(seen.text)
    return Page(
        title=_read(" ".join(seen.silent["title"][:1])),
        text=shown,
        noscript=_read(noscript.text),
        code="\n".join((*seen.code, *seen.silent["script"]))[:_LONGEST_CODE],
        tags=frozenset(seen.tags),
        words=words_in(shown),
    )


@dataclass(slots=True)
class _Seen:
    text: list[str]
    code: list[str]
    tags: set[str]
    silent: dict[str, list[str]]  # name of the element → its content


def _scan(html: str, silent: tuple[str, ...]) -> _Seen:
    seen = _Seen([], [], set(), {name: [] for name in silent})
    position = 0
    while position < len(html):
        opening = html.find("<", position)
        if opening < 0:
            seen.text.append(html[position:])
            break
        seen.text.append(html[position:opening])
        following = html[opening + 1 : opening + 3].lstrip("/")[:1]
        if following in ("!", "?"):
            position = after_comment(html, opening)
        elif not (following.isascii() and following.isalpha()):
            seen.text.append("<")  # a bare "<", as in "a < b"
            position = opening + 1
        else:
            tag = _TAG.match(html, opening)
            if tag is None:
                break
            position = _take(seen, tag, html)
    return seen


def _take(seen: _Seen, tag: re.Match[str], html: str) -> int:
    """Record a tag, and return the position after it. If the element is hidden, return the position
    after the end of the element."""
    closing, name, attributes = tag[1], tag[2].lower(), tag[3]
    if name not in _INLINE:
        seen.text.append(" ")
    if closing:
        return tag.end()
    seen.tags.add(name)
    if attributes.strip():
        seen.code.append(f"<{name}{attributes}>")
    if name not in seen.silent or (name == "svg" and attributes.endswith("/")):
        return tag.end()
    end = _END[name].search(html, tag.end())
    seen.silent[name].append(html[tag.end() : end.start() if end else len(html)])
    return end.end() if end else len(html)


def _read(pieces: list[str] | str) -> str:
    return _SPACE.sub(" ", unescape("".join(pieces))).strip()
