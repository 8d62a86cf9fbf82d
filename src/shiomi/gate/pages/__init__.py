"""The gate's own pages: small, without JavaScript, in the reader's language.

The texts are data (`texts.toml`). All values from a request are escaped. A page identifies itself
in the header `Shiomi-Gate` and in `<meta name="generator">`, so that programs that collect pages
can distinguish it from the site's own pages.
"""

from __future__ import annotations

import tomllib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from hashlib import sha256
from html import escape
from importlib import resources
from string import Template
from typing import NamedTuple

__all__ = ["Page", "languages", "page", "preferred_language", "text"]

_FIRST = "en"
_LONGEST_PREFERENCE = 1000  # characters of Accept-Language that are read
_TRADITIONAL = {"hant", "tw", "hk", "mo"}  # scripts and regions of zh-Hant

# With JavaScript on, the challenge's script submits the button's form and reloads the page, so that
# the address keeps its #fragment and the page keeps its referrer. Without JavaScript, the Refresh
# header leads to the next step. On a page that keeps a form, the script sends that form.
_SCRIPTS = {
    "reload": (
        'fetch(document.forms[0].action,{method:"POST",redirect:"manual",'
        'headers:{"Content-Type":"application/x-www-form-urlencoded"},body:"on="})'
        '.then(function(r){if(r.type==="opaqueredirect")location.reload()},function(){})'
    ),
    "send": "HTMLFormElement.prototype.submit.call(document.forms[0])",
}

# A page loads no other files. It leads to other pages only by its own form and link.
_FIXED = (
    ("Content-Type", "text/html; charset=utf-8"),
    # lynx and elinks understand only no-cache. Without it they would show the gate's page from
    # their cache instead of the site's page.
    ("Cache-Control", "no-store, no-cache"),
    ("Vary", "Accept-Language, Cookie, User-Agent"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
    ),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Robots-Tag", "noindex, nofollow"),
)


def _allowing(script: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of a page with this script."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return tuple(
        (name, f"{value}; script-src 'sha256-{digest}'; connect-src 'self'")
        if name == "Content-Security-Policy"
        else (name, value)
        for name, value in _FIXED
    )


_HEADERS = {"": _FIXED, **{name: _allowing(script) for name, script in _SCRIPTS.items()}}


class Page(NamedTuple):
    """A page's headers, without Content-Length, and its body."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


def page(
    kind: str,
    language: str,
    *,
    paragraphs: tuple[str, ...],
    values: Mapping[str, object] | None = None,
    button: str = "",
    link: tuple[str, str] | None = None,
    foot: str = "",
    script: str = "",
    fields: Iterable[tuple[str, str]] = (),
) -> Page:
    """Return a page.

    Parameters
    ----------
    kind
        The kind of page; its title is the text `{kind}_title`.
    paragraphs
        Names of texts; `values` fill their placeholders.
    button
        The address to which a form with one button is sent by POST; "": no form.
    link
        The address of a link, and the name of its text.
    foot
        HTML after the main part.
    script
        What a browser with JavaScript does automatically: "reload" presses the button and reloads
        the page, "send" sends the form, "" does nothing.
    fields
        Names and values of further fields that the form sends.
    """
    filled = {name: escape(str(value)) for name, value in (values or {}).items()}
    content = [f"<p>{escape(text(language, name)).format(**filled)}</p>" for name in paragraphs]
    if button:
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in fields
        )
        # The button has a name, because lynx sends a form without fields by GET.
        named = "" if hidden else ' name="on"'
        labelled = f"{hidden}<button{named}>{escape(text(language, 'continue'))}</button>"
        form = f'<form method="post" action="{escape(button)}"><p>{labelled}</p></form>'
        content.insert(1, form)
    if link is not None:
        href, word = link
        content.append(
            f'<p><a href="{escape(href)}" rel="nofollow">{escape(text(language, word))}</a></p>'
        )
    html = _template().substitute(
        language=language,
        title=escape(text(language, f"{kind}_title")),
        content="\n".join(content),
        foot=f"{foot}\n<script>{_SCRIPTS[script]}</script>" if script else foot,
    )
    headers = (*_HEADERS[script], ("Content-Language", language), ("Shiomi-Gate", kind))
    return Page(headers, html.encode())


def text(language: str, name: str) -> str:
    """Return one text in a language of `languages()`."""
    return _texts()[language][name]


def languages() -> tuple[str, ...]:
    """Return the languages in which pages are available, English first."""
    return tuple(_texts())


def preferred_language(accept_language: str) -> str:
    """Return the available language that the reader prefers most (RFC 9110, 12.5.4), or English."""
    return _preferred(accept_language[:_LONGEST_PREFERENCE])


@lru_cache(maxsize=1024)  # browsers send few different values
def _preferred(accept_language: str) -> str:
    best, weight = _FIRST, 0.0
    for part in accept_language.split(","):
        tag, _, parameter = part.partition(";")
        language = _language(tag.strip().lower())
        if language is None:
            continue
        q = _quality(parameter)
        if q > weight:
            best, weight = language, q
    return best


def _language(tag: str) -> str | None:
    primary, *rest = tag.split("-")
    if primary == "zh":
        return "zh-Hant" if _TRADITIONAL & set(rest) else "zh-Hans"
    return primary if primary in _texts() else None


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        quality = float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(_read("texts.toml"))


@cache
def _template() -> Template:
    return Template(_read("page.html"))


def _read(name: str) -> str:
    return (resources.files(__name__) / name).read_text(encoding="utf-8")
