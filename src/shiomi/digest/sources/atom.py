"""Parse Atom feeds (RFC 4287) from untrusted servers, without XML's dangerous features.

Feeds with a DOCTYPE are refused, because entity bombs and external entities need a DOCTYPE. This
makes the standard library's parser safe. No feed of a source has a DOCTYPE. The package defusedxml
does the same with more code.
"""

from __future__ import annotations

from typing import NoReturn
from xml.etree import ElementTree

from shiomi.digest.sources.answer import Answer, UnusableAnswerError, web_page

__all__ = ["ATOM", "Element", "check_is_feed", "child_text", "read_feed"]

ATOM = "{http://www.w3.org/2005/Atom}"
Element = ElementTree.Element


class _NoDoctype(ElementTree.TreeBuilder):
    def doctype(self, name: str, _pubid: str | None, _system: str | None) -> NoReturn:
        raise UnusableAnswerError(f"a document with a DOCTYPE ({name[:40]}), which no feed has")


def check_is_feed(answer: Answer) -> None:
    """Raise WebPageError for a web page, and UnusableAnswerError for an empty answer."""
    start = answer.body[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        raise UnusableAnswerError("an empty answer")
    if start.startswith((b"<!doctype html", b"<html")):
        raise web_page(answer, "a feed")


def read_feed(answer: Answer) -> Element:
    """Return the <feed> of an answer.

    Raises WebPageError for a web page, UnusableAnswerError for anything else that is not a feed.
    """
    check_is_feed(answer)
    parser = ElementTree.XMLParser(target=_NoDoctype())  # noqa: S314
    try:
        parser.feed(answer.body)
        feed = parser.close()
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise UnusableAnswerError(f"an answer that is not XML ({error})") from None
    if not isinstance(feed, ElementTree.Element) or feed.tag != f"{ATOM}feed":
        raise UnusableAnswerError(f"XML that is no Atom feed but <{str(feed.tag)[:60]}>")
    return feed


def child_text(element: Element, tag: str) -> str:
    """Return all text in the first child `tag` (written with its namespace in braces), or ""."""
    child = element.find(tag)
    return "" if child is None else "".join(child.itertext()).strip()
