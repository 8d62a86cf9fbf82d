"""The text of an article is taken, and nothing else for it."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.digest.errors import SourceError
from shiomi.digest.sources.article import LONGEST, NoArticleError, read_article
from shiomi.digest.sources.decoding import decoded
from shiomi.digest.thread import PassageKind

URL = "https://example.org/a"
SENTENCE = "The tide came in slowly and covered the stones one after the other. "
ONE, TWO = SENTENCE * 4, "Later the wind turned and the boats lay still in the harbour. " * 4
PAGE = (
    "<!doctype html><html><head><meta charset='utf-8'><title>Tides</title></head><body>"
    "<nav><a href='/'>Home</a> <a href='/b'>Archive</a></nav>"
    f"<article><h1>Tides</h1><p>{ONE}</p><p>{TWO}<b>&amp; rest</b></p></article>"
    "<footer>Imprint, privacy, contact</footer><script>alert('no')</script></body></html>"
)


def test_the_paragraphs_of_an_article_become_passages_in_their_order() -> None:
    passages = read_article(PAGE, URL)
    texts = [passage.text for passage in passages]
    assert ONE.strip() in texts
    assert f"{TWO}& rest" in texts
    assert texts.index(ONE.strip()) < texts.index(f"{TWO}& rest")
    assert all(one.kind is PassageKind.ARTICLE and one.link == URL for one in passages)
    assert not any("Imprint" in text or "alert" in text or "<" in text for text in texts)


@pytest.mark.parametrize(
    ("page", "status", "headers", "reason"),
    [
        (PAGE, 200, {"Content-Type": "application/pdf"}, "not a web page"),
        (PAGE, 200, {"Content-Type": "application/json"}, "not a web page"),
        ("%PDF-1.7 ...", 200, {}, "does not look like"),
        (PAGE, 403, {}, "HTTP 403"),
        (PAGE, 200, {"cf-mitigated": "challenge"}, "Cloudflare challenge"),
        ("<p>" + "a" * LONGEST, 200, {}, "at most"),
        (
            "<html><body><p>A few words on a page, but no article.</p></body></html>",
            200,
            {},
            "fewer",
        ),
        ("", 200, {"content-type": "text/html"}, "empty page"),
        ("<html>" + f"<p>{SENTENCE}" * 40_000, 200, {}, "bytes|tags"),
        ("<html>" + f"<p>{ONE}</p>" + "<b>" * 40_000, 200, {}, "tags"),
    ],
)
def test_what_is_no_article_is_refused_with_the_reason(
    page: str, status: int, headers: dict[str, str], reason: str
) -> None:
    with pytest.raises(NoArticleError, match=reason):
        read_article(page, URL, status, headers)


@pytest.mark.parametrize(
    ("codec", "content_type", "meta"),
    [
        ("utf-8", "text/html", ""),
        ("utf-8", "text/html; charset=iso-8859-1", ""),  # stated wrongly, and valid UTF-8
        ("utf-16", "text/html", ""),
        ("cp932", "text/html; charset=Shift_JIS", ""),
        ("cp932", "text/html", '<meta charset="shift_jis">'),
        ("euc-jp", "text/html", '<meta http-equiv="x" content="text/html; charset=EUC-JP">'),
    ],
)
def test_a_page_is_decoded_as_its_author_meant(codec: str, content_type: str, meta: str) -> None:
    page = f"<html><head>{meta}</head><body><p>潮は石をひとつずつ覆った。</p>"
    assert decoded(page.encode(codec), content_type) == page


def test_a_page_in_an_unknown_encoding_is_still_text() -> None:
    assert "tide" in decoded(b"<p>tide \xff\xfe</p>", "text/html; charset=no-such")
    assert decoded(b"caf\xe9", "text/html; charset=latin1") == "café"
    assert decoded(b"a\xff", "text/html; charset=base64") == "aÿ"


def test_missing_software_is_no_fault_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    with pytest.raises(SourceError, match=r"docs/install.md") as caught:
        read_article(PAGE, URL)
    assert not isinstance(caught.value, NoArticleError)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.text(), st.binary(max_size=300))
def test_hostile_markup_gives_an_article_or_a_reason(text: str, raw: bytes) -> None:
    for page in (f"<html><body><p>{ONE}</p>{text}</body>", b"<html><p>" + ONE.encode() + raw):
        try:
            passages = read_article(page, URL)
        except NoArticleError:
            continue
        assert passages
        assert not any("\x00" in passage.text for passage in passages)
