"""Atom feeds from strangers."""

from __future__ import annotations

import pytest

from shiomi.digest.sources.answer import Answer, UnusableAnswerError, WebPageError
from shiomi.digest.sources.atom import ATOM, child_text, read_feed

FEED = '<feed xmlns="http://www.w3.org/2005/Atom"><title>a &amp; b</title></feed>'
LAUGHS = """<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<feed xmlns="http://www.w3.org/2005/Atom"><title>&b;</title></feed>"""
OUTSIDE = """<!DOCTYPE feed [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<feed xmlns="http://www.w3.org/2005/Atom"><title>&x;</title></feed>"""


def answer(body: bytes) -> Answer:
    return Answer("http://x/feed", 200, {"content-type": "application/atom+xml"}, body, 0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_feed_is_read_in_any_encoding_of_xml(encoding: str) -> None:
    assert child_text(read_feed(answer(FEED.encode(encoding))), f"{ATOM}title") == "a & b"


@pytest.mark.parametrize("bomb", [LAUGHS, OUTSIDE])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_that_declares_entities_is_refused(bomb: str, encoding: str) -> None:
    with pytest.raises(UnusableAnswerError, match="DOCTYPE"):
        read_feed(answer(bomb.encode(encoding)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{}",
        FEED.encode()[:-9],
        b"<feed/>",
        b"<rss version='2.0'><channel/></rss>",
        b"<?xml version='1.0' encoding='no-such'?><feed/>",
        b"\xff\x00\x00",
        b"<feed>&undefined;</feed>",
    ],
)
def test_what_is_no_feed_is_asked_for_again(body: bytes) -> None:
    with pytest.raises(UnusableAnswerError):
        read_feed(answer(body))


@pytest.mark.parametrize("start", [b"<!doctype html>", b"\n<!DOCTYPE HTML>", b"<HTML x>"])
def test_a_web_page_is_named_as_one(start: bytes) -> None:
    with pytest.raises(WebPageError, match="whoa there, pardner!"):
        read_feed(answer(start + b"<body><h1>whoa there, pardner!</h1>"))
