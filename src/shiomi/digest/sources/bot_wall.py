"""Bot walls: pages that a server sends instead of the requested article.

A page fetched for a story's text may be a challenge (Anubis, Cloudflare), a block page, a consent
or login wall, an empty page that needs JavaScript, or a parked domain. Its text must never be used
as the article. The decision uses the structure: the status, the headers, scripts and forms, and how
little text the page shows. A word alone never decides, because there are also articles about bot
walls. If a paywall shows the beginning of the article, the page counts as ordinary, because its
text is from the article.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from shiomi.digest.sources.page import Page, look_at, words_in

__all__ = ["Wall", "bot_wall", "load_walls"]

_WORDS = 400  # a wall shows at most this many words, unless its entry has another number
_EMPTY = 8  # a page that shows fewer words has no content
_FLAGS = re.IGNORECASE | re.DOTALL

_WRITTEN = frozenset({"article", "time", "pre", "blockquote", "nav", "textarea"})
_INPUT = re.compile(r"<input\b[^>]{0,300}\btype=[\"']?(email|password)\b", _FLAGS)
_NEEDS_SCRIPTS = re.compile(
    r"(?:enable|activate|turn on|allow|aktivieren|activer|activ(?:ar|e)|activez|включите)"
    r"[^.]{0,30}\b(?:java-?script|js)\b"
    r"|\bjava-?script\b[^.]{0,30}(?:disabled|not available|required|(?:to be )?enabled|turned off)"
    r"|(?:requires?|needs?|without)[^.]{0,20}\bjava-?script"
    r"|java-?scriptを有効|启用\s*javascript",
    _FLAGS,
)
_CAPTCHA = re.compile(
    r"class=[\"'][^\"']{0,200}\b(?:g-recaptcha|h-captcha|cf-turnstile|frc-captcha|mtcaptcha|geetest)\b"
    r"|(?:recaptcha/(?:api|enterprise)|hcaptcha\.com/1/api|turnstile/v0/api|arkoselabs\.com"
    r"|funcaptcha\.com|api\.geetest\.com)",
    _FLAGS,
)
_CHALLENGE = re.compile(
    r"(?:verify|confirm|prove|make sure|making sure|check)[^.]{0,40}"
    r"(?:human|not a (?:ro)?bot|your browser|you are a|you.re a)"
    r"|(?:are you|i.m not) a (?:ro)?bot|unusual (?:traffic|activity)|automated (?:requests|queries)"
    r"|(?:access|request)[^.]{0,20}(?:denied|blocked|rejected)|security (?:check|verification)"
    r"|complete the (?:captcha|security|challenge)",
    _FLAGS,
)


@dataclass(frozen=True, slots=True)
class Wall:
    """The rules that recognise one kind of wall. The fields have the names of the keys in
    bot_walls.toml."""

    name: str
    header: tuple[tuple[str, re.Pattern[str]], ...]
    code: re.Pattern[str] | None
    title: re.Pattern[str] | None
    text: re.Pattern[str] | None
    page: re.Pattern[str] | None
    words: int

    def stands(self, page: Page, headers: Mapping[str, str]) -> bool:
        """Return whether this page is the wall."""
        if any(pattern.search(headers.get(name, "")) for name, pattern in self.header):
            return True
        if page.words + words_in(page.noscript) > self.words:
            return False
        if self.code and self.code.search(page.code):
            return True
        if self.page and self.page.fullmatch(page.text):
            return True
        if not (self.title and self.text and self.title.fullmatch(page.title)) or _written(page):
            return False
        return self.text.search(f"{page.text} {page.noscript}") is not None


def bot_wall(status: int, headers: Mapping[str, str], html: str) -> str | None:
    """Return the name of the wall that a server sent instead of the page, or None for an ordinary
    page.

    The names in `headers` may have any case. `html` is decoded text of any size and quality; its
    first 600,000 characters are read. Never raises. An answer whose status is not 2xx is always a
    wall; if no known wall is recognised, its name is like "HTTP 403".
    """
    lower = {name.lower(): value for name, value in headers.items()}
    page = look_at(html)
    for wall in load_walls():
        if wall.stands(page, lower):
            return wall.name
    if not 200 <= status < 300:
        return f"HTTP {status}"
    return _unnamed(page)


def _unnamed(page: Page) -> str | None:
    """Recognise an unknown wall by the common features of such pages."""
    silent_words = words_in(page.noscript)
    if page.words < _EMPTY:
        needs = _NEEDS_SCRIPTS.search(f"{page.text} {page.noscript}") or "script" in page.tags
        return "JavaScript required" if needs else "empty page"
    if _written(page):
        return None
    if "script" in page.tags and page.words <= 35 and _NEEDS_SCRIPTS.search(page.text):
        return "JavaScript required"
    if silent_words >= page.words <= 35 and _NEEDS_SCRIPTS.search(page.noscript):
        return "JavaScript required"
    said = f"{page.title}. {page.text}"
    if page.words <= 120 and _CAPTCHA.search(page.code) and _CHALLENGE.search(said):
        return "captcha"
    if page.words <= 80 and 'http-equiv="refresh"' in page.code.lower() and _CHALLENGE.search(said):
        return "challenge"
    return None


def _written(page: Page) -> bool:
    """Return whether the page has features of articles and discussions that walls lack.

    A form with an e-mail field is for a newsletter. A form with a password field is part of a wall.
    """
    return bool(page.tags & _WRITTEN) or set(_INPUT.findall(page.code)) == {"email"}


@cache
def load_walls() -> tuple[Wall, ...]:
    """Return the walls that ship with Shiomi, from bot_walls.toml."""
    table = resources.files(__package__).joinpath("bot_walls.toml").read_text(encoding="utf-8")
    return tuple(_wall(entry) for entry in tomllib.loads(table)["wall"])


def _wall(entry: dict[str, Any]) -> Wall:
    def pattern(name: str) -> re.Pattern[str] | None:
        return re.compile(entry[name], _FLAGS) if name in entry else None

    header = entry.get("header", {})
    return Wall(
        name=entry["name"],
        header=tuple((name, re.compile(value, _FLAGS)) for name, value in header.items()),
        code=re.compile("|".join(entry["code"]), _FLAGS) if "code" in entry else None,
        title=pattern("title"),
        text=pattern("text"),
        page=pattern("page"),
        words=entry.get("words", _WORDS),
    )
